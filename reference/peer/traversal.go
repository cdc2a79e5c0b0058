package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// When connection pings follow an introduction (LAT-TRAV-002).
var introPingAfter = [...]time.Duration{0, 500 * time.Millisecond, 2000 * time.Millisecond}

// A burst is an introduction being obeyed: the connection pings to its target.
type burst struct {
	id           wire.ID
	addr         netip.AddrPort
	natType      nattype.Type
	subclusterID []byte
	pingID       wire.EchoID
	start        time.Time
	sent         int
}

func (t *burst) next() time.Time { return t.start.Add(introPingAfter[t.sent]) }

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

// mayContact takes one datagram to an address that somebody else has named out
// of what may be sent to its IP, and to all such, in a K (LAT-TRAV-005). An IP
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

// reachable tells whether an address that a body names can be another peer's
// (LAT-TRAV-006). Deployed peers take host names, broadcast, their own.
func (p *Peer) reachable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.Is4() && addr.Port() != 0 && !ip.IsUnspecified() && !ip.IsMulticast() && ip != broadcast &&
		(!ip.IsLoopback() || p.own.Addr().IsLoopback()) && addr != p.own
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isIntroducer tells whether introductions from an address are obeyed: it is a
// bootstrap peer's that has spoken, or verified. Those of strangers are not even
// held back.
func (p *Peer) isIntroducer(addr netip.AddrPort) bool {
	if r := p.remoteAt(addr); r != nil && r.indexed {
		return true
	}
	return p.isVerified(addr)
}

// intro obeys an introduction.
func (p *Peer) intro(pk *wire.Packet, from netip.AddrPort) {
	b := &pk.Body
	id, ok := pk.ID()
	if !ok || pk.Hops >= wire.MaxHops || !p.isIntroducer(from) || p.gated(id) {
		return
	}
	if sent, ok := decimal(pk.Usr1); ok && sent+p.k.Milliseconds() < p.now.UnixMilli() {
		return
	}
	addr := netip.AddrPortFrom(b.Address, b.Port)
	if b.RequesterPeerID == p.config.ID || b.ResponderPeerID == p.config.ID || !p.reachable(addr) {
		return
	}
	if r := p.remoteByID(b.RequesterPeerID); r != nil && r.connected {
		return
	}
	if len(p.bursts) >= p.limits.Introductions || slices.ContainsFunc(p.bursts, func(t burst) bool { return t.id == b.RequesterPeerID || t.addr == addr }) {
		return
	}
	p.gate(id, p.k*3/4)
	t := burst{
		id: b.RequesterPeerID, addr: addr, natType: nattype.Of(b.NATType), subclusterID: slices.Clone(pk.SubclusterID),
		pingID: p.newEchoID(), start: p.now,
	}
	switch nattype.Choose(p.natType, t.natType) {
	case nattype.Direct, nattype.Defer:
		// Defer differs by its name alone: the other's pings arrive first.
	case nattype.TraversalOpen, nattype.TraversalConnect, nattype.Proxy:
		// These come with the issue "The whole protocol". Until then the pings are
		// those of direct, which do no harm and reach a peer whose NAT turns out to
		// let them in.
	}
	p.bursts = append(p.bursts, t)
	p.runBursts()
}

// runBursts sends the connection pings that are due.
func (p *Peer) runBursts() {
	for i := 0; i < len(p.bursts); {
		t := &p.bursts[i]
		for t.sent < len(introPingAfter) && due(t.next(), p.now) {
			if t.sent < p.limits.IntroPings && p.mayContact(t.addr.Addr()) {
				p.introducedPing(t)
			}
			t.sent++
		}
		if t.sent == len(introPingAfter) {
			p.bursts = slices.Delete(p.bursts, i, i+1)
			continue
		}
		i++
	}
}

func (p *Peer) nextBurst() (next time.Time) {
	for i := range p.bursts {
		if at := p.bursts[i].next(); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// introducedPing is the connection ping to an introduced peer. Its pingId comes
// back from deployed peers, who then need no question to be verified.
func (p *Peer) introducedPing(t *burst) {
	ping := p.newPing()
	ping.SubclusterID = t.subclusterID
	ping.Body.Has |= wire.KeyNATType | wire.KeyIsConnection | wire.KeyCacheSummaryHash | wire.KeyPingID
	s := p.cache.Summary(p.now, root)
	ping.Body.NATType, ping.Body.IsConnection, ping.Body.CacheSummaryHash, ping.Body.PingID = int(p.natType), true, s.Hash, t.pingID
	p.tell(t.addr, &ping)
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
