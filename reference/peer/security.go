// In whose name a datagram may be, and amplification: sections 13.1 and 13.2 (spec/13-security.md).

package peer

import (
	"net/netip"

	"punchlist/reference/wire"
)

// impersonates reports whether a datagram in the name of a peer comes from an address at which
// another one answered. What is verified is an address; without this a datagram with a forged
// source would be that of any peer, from any address that is verified (LAT-SEC-007).
func (p *Peer) impersonates(id wire.ID, from netip.AddrPort) bool {
	if v := p.verification.verifiedTo.get(from); v != nil && p.now.Before(v.until) {
		return v.id != id
	}
	r := p.known.at(from)
	return r != nil && r.verified && r.id != id
}

// noteReceived counts the bytes of a datagram for its source.
func (p *Peer) noteReceived(from netip.AddrPort, length int) {
	s, _ := p.verification.sources.put(from.Addr())
	s.in += uint64(length)
}

// isUnlimited reports whether the bytes to an IP are not counted: one of its ports is verified, or
// configured.
func (p *Peer) isUnlimited(ip netip.Addr) bool {
	if s := p.verification.sources.get(ip); s != nil && p.now.Before(s.verified) {
		return true
	}
	for _, r := range p.known.all() {
		if (r.verified || r.indexed) && r.addr.Addr() == ip {
			return true
		}
	}
	return false
}

// spend takes the bytes of a datagram out of what may be sent to an IP: Limits.Amplification times
// the bytes that came from it (LAT-SEC-001), unless isUnlimited. It reports whether they were left,
// and takes nothing if not.
func (p *Peer) spend(ip netip.Addr, length int) bool {
	if p.isUnlimited(ip) {
		return true
	}
	s := p.verification.sources.get(ip)
	if s == nil || s.out+uint64(length) > uint64(p.limits.Amplification)*s.in {
		return false
	}
	s.out += uint64(length)
	return true
}

// sendAllowed sends what a datagram from that IP asked for, if its allowance lets it.
func (p *Peer) sendAllowed(s Socket, to netip.AddrPort, pk *wire.Packet) bool {
	datagram, err := wire.Append(p.room(), pk)
	if err != nil || !p.spend(to.Addr(), len(datagram)) {
		return false
	}
	p.sent(datagram)
	p.transmit(s, to, datagram[:len(datagram):len(datagram)])
	return true
}
