// Which introductions are obeyed: section 6.2 (spec/06-traversal.md).

package peer

import (
	"net/netip"
	"slices"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// traversal is what a peer keeps of introductions that it obeys.
type traversal struct {
	bursts []burst
	pool   pool
}

// isReachable reports whether an address that a body names can be another peer's (LAT-TRAV-006,
// LAT-TRAV-021).
// Deployed peers take host names, broadcast, their own.
func (p *Peer) isReachable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.Is4() && addr.Port() != 0 && !ip.IsUnspecified() && !ip.IsMulticast() && ip != broadcast &&
		(!ip.IsLoopback() || p.own.Addr().IsLoopback()) && addr != p.own
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isIntroducer reports whether introductions from an address are obeyed: it is a bootstrap peer's
// that has spoken, or verified.
func (p *Peer) isIntroducer(addr netip.AddrPort) bool {
	if r := p.known.at(addr); r != nil && r.indexed {
		return true
	}
	return p.isVerified(addr)
}

// handleIntro obeys an introduction.
func (p *Peer) handleIntro(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	id, ok := pk.ID()
	if !ok || pk.Hops >= wire.MaxHops || p.gated(id) {
		return
	}
	if !p.isIntroducer(from) {
		// A stranger is not asked because of it (LAT-TRAV-005).
		if !held && p.follows(HeldIntros) {
			p.holdWith(p.verification.pending.get(from), datagram) // LAT-TRAV-019
		}
		return
	}
	// LAT-TRAV-020
	if sent, ok := decimal(pk.Usr1); ok && sent+p.ks(p.choices.IntroAge).Milliseconds() < p.now.UnixMilli() {
		return
	}
	addr := netip.AddrPortFrom(b.Address, b.Port)
	if b.RequesterPeerID == p.config.ID || b.ResponderPeerID == p.config.ID || !p.isReachable(addr) {
		return
	}
	natType := nattype.Of(b.NATType)
	r := p.known.byID(b.RequesterPeerID)
	if r != nil && !p.wantsIntroduction(r, addr, natType) {
		return
	}
	if len(p.traversal.bursts) >= p.limits.Introductions || slices.ContainsFunc(p.traversal.bursts, func(t burst) bool { return t.id == b.RequesterPeerID || t.addr == addr }) {
		return
	}
	p.gate(id, p.ks(p.choices.IntroGate))
	if r != nil && !r.indexed && r.direct() && p.isSilent(r) {
		// Whatever answers now may do so by another way than the one that is lost.
		r.verified = false
		p.verification.verifiedTo.delete(r.addr)
		if r.plausible { // its signs of life may never come by this way
			p.retryLater(r)
		}
	}
	t := burst{
		id: b.RequesterPeerID, addr: addr, natType: natType, subclusterID: slices.Clone(pk.SubclusterID),
		choices: &p.choices, pingID: p.newEchoID(), strategy: nattype.Choose(p.natType, natType), start: p.now,
	}
	if introducer := p.known.at(from); introducer != nil {
		t.introducer = introducer.id
	}
	p.startBurst(t)
}

// wantsIntroduction reports whether a known peer is to be reached at an address where it is said to
// be. A deployed peer wants it of nobody that it takes for connected, and so never finds again whom
// it has lost.
func (p *Peer) wantsIntroduction(r *remote, addr netip.AddrPort, natType nattype.Type) bool {
	switch {
	case r.proxy != nil:
		return !p.now.Before(r.retryAt)
	case r.plausible && p.isSilent(r):
		return !p.now.Before(r.retryAt)
	case !r.connected || p.isSilent(r):
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
