package internet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"punchlist/harness/checksum"
)

// An ICMPError is an ICMP message that reports what became of a datagram.
type ICMPError struct {
	Src, Dst   netip.Addr // of its own IP header
	Type, Code uint8
	// Of the datagram that it is about, as quoted: its ends. They are zero
	// where it quotes no UDP.
	About struct{ Src, Dst netip.AddrPort }
}

// The kinds of ICMP error (RFC 792) that the model makes.
const (
	Unreachable  = 3 // destination unreachable
	TimeExceeded = 11

	CodePort       = 3  // with Unreachable: nobody listens there
	CodeTooBig     = 4  // with Unreachable: fragmentation needed, and forbidden
	CodeProhibited = 13 // with Unreachable: administratively prohibited (RFC 1812)
)

const icmpLen = 8

// BuildICMPError appends to buf an ICMP error from src about a packet, to
// the packet's source. It quotes the IPv4 header and the next eight bytes.
// MTU is the next hop's, with CodeTooBig.
func BuildICMPError(buf []byte, src netip.Addr, kind, code uint8, mtu int, id uint16, about []byte) []byte {
	quote := about[:min(len(about), int(about[0]&15)*4+8)]
	start := len(buf)
	buf = appendHeader(buf, protoICMP, src, netip.AddrFrom4([4]byte(about[12:16])), id, icmpLen+len(quote))
	buf = append(buf, kind, code, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(mtu))
	buf = append(buf, quote...)
	checksum.Repair(buf[start:])
	return buf
}

// ParseICMPError takes apart an IPv4 packet that carries an ICMP error.
func ParseICMPError(packet []byte) (ICMPError, error) {
	h, err := parseHeader(packet)
	switch {
	case err != nil:
		return ICMPError{}, err
	case h.proto != protoICMP || h.fragment:
		return ICMPError{}, fmt.Errorf("protocol %d is no whole ICMP (1)", h.proto)
	case len(h.body) < icmpLen+headerLen:
		return ICMPError{}, fmt.Errorf("ICMP of %d bytes is too short to quote a packet", len(h.body))
	}
	switch kind := h.body[0]; kind {
	case Unreachable, 4, 5, TimeExceeded, 12: // with source quench, redirect, parameter problem
	default:
		return ICMPError{}, fmt.Errorf("ICMP type %d is no error", kind)
	}
	e := ICMPError{Src: h.src, Dst: h.dst, Type: h.body[0], Code: h.body[1]}
	quote := h.body[icmpLen:]
	size := int(quote[0]&15) * 4
	if quote[0]>>4 == 4 && quote[9] == protoUDP && size >= headerLen && len(quote) >= size+4 {
		e.About.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(quote[12:16])), binary.BigEndian.Uint16(quote[size:]))
		e.About.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(quote[16:20])), binary.BigEndian.Uint16(quote[size+2:]))
	}
	return e, nil
}

// rewriteError puts the ends of e, its own and the quoted ones, into a packet
// that ParseICMPError took apart.
func rewriteError(packet []byte, e ICMPError) {
	src, dst := e.Src.As4(), e.Dst.As4()
	copy(packet[12:], src[:])
	copy(packet[16:], dst[:])
	quote := packet[int(packet[0]&15)*4+icmpLen:]
	size := int(quote[0]&15) * 4
	whole := len(quote) >= size+udpLen // so that rewrite finds the quoted UDP checksum
	if whole {
		rewriteSource(quote, e.About.Src)
		rewriteDestination(quote, e.About.Dst)
	} else {
		src, dst = e.About.Src.Addr().As4(), e.About.Dst.Addr().As4()
		copy(quote[12:], src[:])
		copy(quote[16:], dst[:])
		binary.BigEndian.PutUint16(quote[size:], e.About.Src.Port())
		binary.BigEndian.PutUint16(quote[size+2:], e.About.Dst.Port())
	}
	checksum.Repair(packet)
}
