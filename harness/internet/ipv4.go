package internet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"punchlist/harness/checksum"
)

const (
	protoICMP = 1
	protoUDP  = 17

	headerLen  = 20 // of an IPv4 header without options
	udpLen     = 8
	initialTTL = 64

	flagDF        = 0x4000
	fragmentField = 0x3fff // more-fragments flag and offset
)

// UDP is an IPv4 UDP datagram, taken apart. Payload aliases the packet.
type UDP struct {
	Src, Dst netip.AddrPort
	ID       uint16 // IPv4 identification
	TTL      uint8
	Payload  []byte
}

// BuildUDP appends to buf an IPv4 packet (TTL 64, don't fragment, both
// checksums set) that carries the payload, at most 65,507 bytes, from src to
// dst, both IPv4.
func BuildUDP(buf []byte, src, dst netip.AddrPort, id uint16, payload []byte) []byte {
	start := len(buf)
	buf = appendHeader(buf, protoUDP, src.Addr(), dst.Addr(), id, udpLen+len(payload))
	buf = binary.BigEndian.AppendUint16(buf, src.Port())
	buf = binary.BigEndian.AppendUint16(buf, dst.Port())
	buf = binary.BigEndian.AppendUint16(buf, uint16(udpLen+len(payload)))
	buf = append(buf, 0, 0)
	buf = append(buf, payload...)
	checksum.Repair(buf[start:])
	return buf
}

// ParseUDP takes apart an IPv4 packet that carries a whole UDP datagram. It
// checks lengths, not checksums, and wants no fragment.
func ParseUDP(packet []byte) (UDP, error) {
	h, err := parseHeader(packet)
	switch {
	case err != nil:
		return UDP{}, err
	case h.proto != protoUDP:
		return UDP{}, fmt.Errorf("protocol %d is not UDP (17)", h.proto)
	case h.fragment:
		return UDP{}, fmt.Errorf("a fragment does not carry a whole datagram")
	}
	return parseUDP(h)
}

func parseUDP(h header) (UDP, error) {
	body := h.body
	if len(body) < udpLen {
		return UDP{}, fmt.Errorf("UDP header cut short: %d bytes of 8", len(body))
	}
	length := int(binary.BigEndian.Uint16(body[4:]))
	if length < udpLen || length > len(body) {
		return UDP{}, fmt.Errorf("UDP length %d in an IPv4 payload of %d bytes", length, len(body))
	}
	return UDP{
		Src:     netip.AddrPortFrom(h.src, binary.BigEndian.Uint16(body[0:])),
		Dst:     netip.AddrPortFrom(h.dst, binary.BigEndian.Uint16(body[2:])),
		ID:      h.id,
		TTL:     h.ttl,
		Payload: body[udpLen:length],
	}, nil
}

// header is an IPv4 header, taken apart; body is what follows it.
type header struct {
	src, dst netip.Addr
	proto    uint8
	ttl      uint8
	id       uint16
	df       bool
	fragment bool
	size     int // of the header
	total    int
	body     []byte
}

func parseHeader(packet []byte) (header, error) {
	if len(packet) < headerLen {
		return header{}, fmt.Errorf("IPv4 header cut short: %d bytes of 20", len(packet))
	}
	if packet[0]>>4 != 4 {
		return header{}, fmt.Errorf("IP version %d is not 4", packet[0]>>4)
	}
	size := int(packet[0]&15) * 4
	total := int(binary.BigEndian.Uint16(packet[2:]))
	if size < headerLen || total < size || total > len(packet) {
		return header{}, fmt.Errorf("IPv4 header of %d bytes says total length %d, packet has %d", size, total, len(packet))
	}
	flags := binary.BigEndian.Uint16(packet[6:])
	return header{
		src:      netip.AddrFrom4([4]byte(packet[12:16])),
		dst:      netip.AddrFrom4([4]byte(packet[16:20])),
		proto:    packet[9],
		ttl:      packet[8],
		id:       binary.BigEndian.Uint16(packet[4:]),
		df:       flags&flagDF != 0,
		fragment: flags&fragmentField != 0,
		size:     size,
		total:    total,
		body:     packet[size:total],
	}, nil
}

func appendHeader(buf []byte, proto uint8, src, dst netip.Addr, id uint16, payload int) []byte {
	buf = append(buf, 0x45, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(headerLen+payload))
	buf = binary.BigEndian.AppendUint16(buf, id)
	buf = binary.BigEndian.AppendUint16(buf, flagDF)
	buf = append(buf, initialTTL, proto, 0, 0)
	s, d := src.As4(), dst.As4()
	buf = append(buf, s[:]...)
	return append(buf, d[:]...)
}

// decrementTTL takes one hop off; false means that the packet dies here.
func decrementTTL(packet []byte) bool {
	if packet[8] <= 1 {
		return false
	}
	old := [2]byte{packet[8], packet[9]}
	packet[8]--
	checksum.Adjust(packet[10:], old[:], packet[8:10])
	return true
}

// rewriteSource puts another source address and port into a whole UDP
// datagram; rewriteDestination its destination.
func rewriteSource(packet []byte, to netip.AddrPort)      { rewrite(packet, 12, 0, to) }
func rewriteDestination(packet []byte, to netip.AddrPort) { rewrite(packet, 16, 2, to) }

func rewrite(packet []byte, addrAt, portAt int, to netip.AddrPort) {
	body := packet[int(packet[0]&15)*4:]
	var old, next [6]byte
	copy(old[:4], packet[addrAt:])
	copy(old[4:], body[portAt:portAt+2])
	a := to.Addr().As4()
	copy(next[:4], a[:])
	binary.BigEndian.PutUint16(next[4:], to.Port())
	copy(packet[addrAt:], next[:4])
	copy(body[portAt:], next[4:])
	checksum.Adjust(packet[10:], old[:4], next[:4])
	if c := body[6:8]; c[0] != 0 || c[1] != 0 { // RFC 768: zero is no checksum
		checksum.Adjust(c, old[:], next[:])
		if c[0] == 0 && c[1] == 0 {
			c[0], c[1] = 0xff, 0xff
		}
	}
}
