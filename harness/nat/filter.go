package nat

import (
	"net/netip"
	"time"
)

// A permit admits one remote, until it expires.
type permit struct {
	remote       netip.AddrPort
	expires      time.Time
	older, newer *permit
}

// permits is whom the mappings of one filter scope admit, also in the order
// of expiry.
type permits struct {
	byRemote       map[netip.AddrPort]*permit
	oldest, newest *permit
	users          int // mappings
}

// remote is what a permit for an endpoint is found by.
func (n *NAT) remote(ep netip.AddrPort) netip.AddrPort {
	if n.profile.Filtering == AddressDependent {
		return netip.AddrPortFrom(ep.Addr(), 0)
	}
	return ep
}

// scope is what the permits of an inside endpoint are kept under, where
// mappings share them.
func (n *NAT) scope(inside netip.AddrPort) netip.AddrPort {
	if n.profile.FilterScope == PerHost {
		return netip.AddrPortFrom(inside.Addr(), 0)
	}
	return inside
}

// joinScope gives a new mapping its permits: its own, or those that it shares.
func (n *NAT) joinScope(inside netip.AddrPort) *permits {
	if n.profile.Filtering == EndpointIndependent {
		return nil
	}
	if n.profile.FilterScope == PerMapping {
		return &permits{byRemote: map[netip.AddrPort]*permit{}, users: 1}
	}
	at := n.scope(inside)
	if n.shared[at] == nil {
		n.shared[at] = &permits{byRemote: map[netip.AddrPort]*permit{}}
	}
	n.shared[at].users++
	return n.shared[at]
}

func (n *NAT) leaveScope(m *mapping) {
	if m.permits == nil {
		return
	}
	m.permits.users--
	if m.permits.users == 0 && n.profile.FilterScope != PerMapping {
		delete(n.shared, n.scope(m.inside))
	}
}

// admits reports whether the filter lets a remote endpoint send to a mapping.
func (n *NAT) admits(m *mapping, from netip.AddrPort) bool {
	if m.permits == nil {
		return true
	}
	m.permits.expire(n.now)
	return m.permits.byRemote[n.remote(from)] != nil
}

// hasRoom reports whether a new mapping of that scope could permit a remote.
func (n *NAT) hasRoom(scope, remote netip.AddrPort) bool {
	p := n.shared[scope]
	if p == nil {
		return true
	}
	p.expire(n.now)
	return p.byRemote[n.remote(remote)] != nil || len(p.byRemote) < n.permitLimit()
}

// permit admits a remote that a mapping sends to, or renews its permit where
// outbound datagrams do. It reports false, with nothing changed, when there is
// no room.
func (n *NAT) permit(m *mapping, remote netip.AddrPort) bool {
	s := m.permits
	if s == nil {
		return true
	}
	s.expire(n.now)
	expires := n.now.Add(n.profile.Lifetime)
	remote = n.remote(remote)
	if p := s.byRemote[remote]; p != nil {
		if n.profile.Refresh != RefreshInbound {
			s.renew(p, expires)
		}
		return true
	}
	if len(s.byRemote) >= n.permitLimit() {
		if n.profile.WhenFull != EvictOldest {
			return false
		}
		s.remove(s.oldest)
	}
	p := &permit{remote: remote}
	s.byRemote[remote] = p
	s.push(p, expires)
	return true
}

// renewPermit lengthens the life of the permit by which a datagram came in.
func (n *NAT) renewPermit(m *mapping, from netip.AddrPort) {
	if m.permits != nil {
		m.permits.renew(m.permits.byRemote[n.remote(from)], n.now.Add(n.profile.Lifetime))
	}
}

func (n *NAT) permitLimit() int {
	if n.profile.Permits == 0 {
		return MaxPermits
	}
	return n.profile.Permits
}

func (s *permits) expire(now time.Time) {
	for s.oldest != nil && !now.Before(s.oldest.expires) {
		s.remove(s.oldest)
	}
}

func (s *permits) remove(p *permit) {
	delete(s.byRemote, p.remote)
	s.unlink(p)
}

func (s *permits) renew(p *permit, expires time.Time) {
	s.unlink(p)
	s.push(p, expires)
}

func (s *permits) push(p *permit, expires time.Time) {
	p.expires = expires
	p.older, p.newer = s.newest, nil
	if s.newest == nil {
		s.oldest = p
	} else {
		s.newest.newer = p
	}
	s.newest = p
}

func (s *permits) unlink(p *permit) {
	if p.older == nil {
		s.oldest = p.newer
	} else {
		p.older.newer = p.newer
	}
	if p.newer == nil {
		s.newest = p.older
	} else {
		p.newer.older = p.older
	}
}
