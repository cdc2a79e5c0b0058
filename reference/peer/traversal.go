package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// allowance counts within one K.
type allowance struct {
	since time.Time
	count int
}

func (a *allowance) take(now time.Time, window time.Duration, limit int) bool {
	if now.Sub(a.since) >= window {
		*a = allowance{since: now}
	}
	if a.count >= limit {
		return false
	}
	a.count++
	return true
}

func (a *allowance) used(now time.Time, window time.Duration) bool {
	return a.count > 0 && now.Sub(a.since) < window
}

// mayContact takes one datagram to an address that somebody else has named out
// of what may be sent to its IP, and to all such, in a K (LAT-TRAV-005,
// LAT-SEC-005), where deployed peers obey every introduction. An IP
// that is configured or verified needs no shelter beyond the total.
func (p *Peer) mayContact(ip netip.Addr) bool {
	if !p.unlimited(ip) {
		a, _ := p.targets.put(ip)
		if !a.take(p.now, p.k, p.limits.IntroPings) {
			return false
		}
	}
	return p.introduced.take(p.now, p.k, p.limits.IntroPingsTotal)
}

// mayBurst takes one traversal to an IP out of one for each IP, and few to all,
// in a K (LAT-TRAV-018): an IP that is sent connection pings in it gets none.
func (p *Peer) mayBurst(ip netip.Addr) bool {
	a, _ := p.targets.put(ip)
	if a.used(p.now, p.k) || !p.traversals.take(p.now, p.k, p.limits.Traversals) {
		return false
	}
	*a = allowance{since: p.now, count: p.limits.IntroPings}
	return true
}

// reachable tells whether an address that a body names can be another peer's
// (LAT-TRAV-006). Deployed peers take host names, broadcast, their own.
func (p *Peer) reachable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.Is4() && addr.Port() != 0 && !ip.IsUnspecified() && !ip.IsMulticast() && ip != broadcast &&
		(!ip.IsLoopback() || p.own.Addr().IsLoopback()) && addr != p.own
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isIntroducer tells whether introductions from an address are obeyed: it is a
// bootstrap peer's that has spoken, or verified.
func (p *Peer) isIntroducer(addr netip.AddrPort) bool {
	if r := p.remoteAt(addr); r != nil && r.indexed {
		return true
	}
	return p.isVerified(addr)
}

// intro obeys an introduction.
func (p *Peer) intro(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	id, ok := pk.ID()
	if !ok || pk.Hops >= wire.MaxHops || p.gated(id) {
		return
	}
	if !p.isIntroducer(from) {
		// A stranger is not asked because of it (LAT-TRAV-005).
		if !held {
			p.holdWith(p.pending.get(from), datagram) // LAT-TRAV-019
		}
		return
	}
	if sent, ok := decimal(pk.Usr1); ok && sent+p.k.Milliseconds() < p.now.UnixMilli() {
		return
	}
	addr := netip.AddrPortFrom(b.Address, b.Port)
	if b.RequesterPeerID == p.config.ID || b.ResponderPeerID == p.config.ID || !p.reachable(addr) {
		return
	}
	natType := nattype.Of(b.NATType)
	r := p.remoteByID(b.RequesterPeerID)
	if r != nil && !p.wantsIntroduction(r, addr, natType) {
		return
	}
	if len(p.bursts) >= p.limits.Introductions || slices.ContainsFunc(p.bursts, func(t burst) bool { return t.id == b.RequesterPeerID || t.addr == addr }) {
		return
	}
	p.gate(id, p.k*3/4)
	if r != nil && !r.indexed && r.direct() && p.silent(r) {
		// Whatever answers now may do so by another way than the one that is lost.
		r.verified = false
		p.verifiedTo.delete(r.addr)
		if r.plausible { // its signs of life may never come by this way
			p.retryLater(r)
		}
	}
	t := burst{
		id: b.RequesterPeerID, addr: addr, natType: natType, subclusterID: slices.Clone(pk.SubclusterID),
		pingID: p.newEchoID(), strategy: nattype.Choose(p.natType, natType), start: p.now,
	}
	if introducer := p.remoteAt(from); introducer != nil {
		t.introducer = introducer.id
	}
	p.startBurst(t)
}

// wantsIntroduction tells whether a known peer is to be reached at an address
// where it is said to be. A deployed peer wants it of nobody that it takes for
// connected, and so never finds again whom it has lost.
func (p *Peer) wantsIntroduction(r *remote, addr netip.AddrPort, natType nattype.Type) bool {
	switch {
	case r.proxy != nil:
		return !p.now.Before(r.retryAt)
	case r.plausible && p.silent(r):
		return !p.now.Before(r.retryAt)
	case !r.connected || p.silent(r):
		return true
	case r.addr == addr || r.indexed:
		return false
	}
	// Behind another mapping. One that differs by destination always looks so.
	return natType != nattype.EndpointRestricted && r.natType != nattype.EndpointRestricted
}

// decimal reads a field of ASCII digits.
func decimal(field []byte) (n int64, ok bool) {
	if len(field) == 0 || len(field) > 18 {
		return 0, false
	}
	for _, c := range field {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}
