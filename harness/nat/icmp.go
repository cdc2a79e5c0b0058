package nat

import (
	"net/netip"
	"time"
)

// An ICMPError is an ICMP error about a UDP datagram: the ends of its own IP
// header, and the flow of the datagram quoted in it, in the direction in which
// that datagram went. Type, code and the rest pass a NAT unchanged.
type ICMPError struct {
	Src, Dst netip.Addr
	About    Flow
}

// An ICMPVerdict is what a NAT does with an ICMP error.
type ICMPVerdict struct {
	Action Action    // Drop, Forward or Hairpin
	ICMP   ICMPError // after translation, of its own header and of the quoted datagram
	Reason string    // with Drop
}

// InboundICMP decides about an ICMP error from outside, about a datagram that
// the NAT sent there: e.About.Src is an external endpoint. Where a mapping
// exists (bound to that destination, if mappings are), the error goes to the
// inside host, whoever it came from; otherwise it is dropped. It changes no
// mapping, renews none and ends none (RFC 4787 REQ-12, RFC 5508 REQ-4).
func (n *NAT) InboundICMP(now time.Time, e ICMPError) ICMPVerdict {
	n.advance(now)
	if v, done := n.passOrBlock(e); done {
		return v
	}
	m := n.sender(e.About)
	if m == nil {
		return n.dropICMP(NoMapping)
	}
	n.counters.ErrorsTranslated++
	return ICMPVerdict{Action: Forward, ICMP: ICMPError{
		Src: e.Src, Dst: m.inside.Addr(), About: Flow{Src: m.inside, Dst: e.About.Dst},
	}}
}

// OutboundICMP decides about an ICMP error from inside, about a datagram that
// the NAT let in: e.About.Dst is an inside endpoint. Its source becomes the
// external address of the mapping by which that datagram came, whether an
// inside router sent it or the host itself (RFC 5508 REQ-5). An error about a
// hairpinned datagram goes back to the inside host that sent it.
func (n *NAT) OutboundICMP(now time.Time, e ICMPError) ICMPVerdict {
	n.advance(now)
	if v, done := n.passOrBlock(e); done {
		return v
	}
	m := n.receiver(e.About)
	if m == nil {
		return n.dropICMP(NoMapping)
	}
	out := ICMPError{Src: m.external.Addr(), Dst: e.Dst, About: Flow{Src: e.About.Src, Dst: m.external}}
	if _, ours := n.isOurs[e.Dst]; !ours {
		n.counters.ErrorsTranslated++
		return ICMPVerdict{Action: Forward, ICMP: out}
	}
	if n.profile.Hairpin == HairpinNone {
		return n.dropICMP(NoHairpin)
	}
	to := n.sender(out.About)
	if to == nil {
		return n.dropICMP(NoMapping)
	}
	n.counters.ErrorsTranslated++
	return ICMPVerdict{Action: Hairpin, ICMP: ICMPError{
		Src: out.Src, Dst: to.inside.Addr(), About: Flow{Src: to.inside, Dst: m.external},
	}}
}

// passOrBlock decides what needs no mapping.
func (n *NAT) passOrBlock(e ICMPError) (v ICMPVerdict, done bool) {
	switch {
	case n.profile.Open:
		n.counters.ErrorsTranslated++
		return ICMPVerdict{Action: Forward, ICMP: e}, true
	case n.profile.Blocked:
		return n.dropICMP(UDPBlocked), true
	case !isUDP4(e.About) || !e.Src.Is4() || !e.Dst.Is4():
		return n.dropICMP(NotUDP4), true
	}
	return ICMPVerdict{}, false
}

func (n *NAT) dropICMP(reason string) ICMPVerdict {
	n.counters.ErrorsDropped++
	return ICMPVerdict{Action: Drop, Reason: reason}
}

// sender is the mapping that a flow, as seen outside, left by: of several on
// one external endpoint, the one that sent last.
func (n *NAT) sender(f Flow) *mapping {
	var found *mapping
	for m := n.mappings.byExternal[f.Src]; m != nil; m = m.sharing {
		if m.key == n.key(m.inside, f.Dst) && (found == nil || m.active > found.active) {
			found = m
		}
	}
	return found
}

// receiver is the mapping that a flow, as seen inside, came in by: the one
// bound to its source, or, where the filter admits others than the mapping is
// bound to, the one that admits it and sent last.
func (n *NAT) receiver(f Flow) *mapping {
	if m := n.mappings.byKey[n.key(f.Dst, f.Src)]; m != nil {
		return m
	}
	var found *mapping
	for m := n.mappings.oldest; m != nil; m = m.newer {
		if m.inside == f.Dst && n.admits(m, f.Src) && (found == nil || m.active > found.active) {
			found = m
		}
	}
	return found
}
