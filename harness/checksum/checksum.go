// Package checksum is the internet checksum (RFC 1071) of IPv4 packets: what
// computes it, completes it, adjusts it and looks at it.
package checksum

import "encoding/binary"

const (
	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17

	headerLen     = 20     // of IPv4, without options
	udpLen        = 8      // of UDP's header
	fragmentField = 0x3fff // more fragments, and the offset
)

// Repair sets the checksums of the header and of the UDP or ICMP of a
// well-formed IPv4 packet. A UDP checksum of zero means that there is none (RFC
// 768), yet a kernel that leaves checksums to its network card may write
// anything: so the datagram gets one. A fragment gets that of its header alone,
// and so does UDP whose length is impossible.
func Repair(packet []byte) {
	size := int(packet[0]&15) * 4
	body := packet[size:]
	packet[10], packet[11] = 0, 0
	binary.BigEndian.PutUint16(packet[10:], ^fold(sum(packet[:size], 0)))
	if binary.BigEndian.Uint16(packet[6:])&fragmentField != 0 {
		return // the sum is over the whole datagram, which is not here
	}
	switch {
	case packet[9] == protocolUDP && len(body) >= udpLen:
		length := int(binary.BigEndian.Uint16(body[4:]))
		if length >= udpLen && length <= len(body) {
			set(packet, body[:length], 6)
		}
	case packet[9] == protocolICMP && len(body) >= 8:
		body[2], body[3] = 0, 0
		binary.BigEndian.PutUint16(body[2:], ^fold(sum(body, 0)))
	}
}

// Complete writes the checksum of the UDP or TCP segment that an IPv4 packet
// carries, over whatever stands there. A kernel leaves it partial (the sum of
// the pseudo-header alone) when it hands a packet to an interface that promises
// to finish it. Fragments, other protocols and packets that are cut short are
// left as they are.
func Complete(packet []byte) {
	header, total, ok := shape(packet)
	if !ok || binary.BigEndian.Uint16(packet[6:])&fragmentField != 0 {
		return
	}
	var at int
	switch packet[9] {
	case protocolUDP:
		at = 6
	case protocolTCP:
		at = 16
	default:
		return
	}
	if segment := packet[header:total]; len(segment) >= at+2 {
		set(packet, segment, at)
	}
}

// set writes the checksum of a segment, which stands at an offset in it. UDP
// writes a checksum of zero as ones.
func set(packet, segment []byte, at int) {
	segment[at], segment[at+1] = 0, 0
	c := ^fold(sum(segment, pseudo(packet, len(segment))))
	if c == 0 && packet[9] == protocolUDP {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(segment[at:], c)
}

// Adjust repairs the checksum at the beginning of p for a change of bytes
// elsewhere, by RFC 1624 equation 3. Old and next have the same, even length.
func Adjust(p, old, next []byte) {
	acc := uint64(^binary.BigEndian.Uint16(p))
	for i := 0; i < len(old); i += 2 {
		acc += uint64(^binary.BigEndian.Uint16(old[i:]))
		acc += uint64(binary.BigEndian.Uint16(next[i:]))
	}
	binary.BigEndian.PutUint16(p, ^fold(acc))
}

// Holds reports whether the checksum of an IPv4 packet's header and that of the
// UDP, TCP or ICMP that it carries are right. A UDP checksum of zero (RFC 768:
// none was computed), fragments and other protocols pass with a right header.
func Holds(packet []byte) bool {
	header, total, ok := shape(packet)
	if !ok || fold(sum(packet[:header], 0)) != 0xffff {
		return false
	}
	if binary.BigEndian.Uint16(packet[6:])&fragmentField != 0 {
		return true
	}
	segment := packet[header:total]
	switch packet[9] {
	case protocolICMP:
		return fold(sum(segment, 0)) == 0xffff
	case protocolUDP:
		if len(segment) < udpLen {
			return false
		}
		if segment[6] == 0 && segment[7] == 0 {
			return true
		}
		return fold(sum(segment, pseudo(packet, len(segment)))) == 0xffff
	case protocolTCP:
		return fold(sum(segment, pseudo(packet, len(segment)))) == 0xffff
	}
	return true
}

func shape(packet []byte) (header, total int, ok bool) {
	if len(packet) < headerLen || packet[0]>>4 != 4 {
		return 0, 0, false
	}
	header, total = int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
	return header, total, header >= headerLen && header <= total && total <= len(packet)
}

// pseudo is the sum of the pseudo-header of a segment.
func pseudo(packet []byte, length int) uint64 {
	return sum(packet[12:20], uint64(packet[9])+uint64(length))
}

// sum adds the bytes as big-endian 16-bit words, the last padded with zero.
func sum(b []byte, acc uint64) uint64 {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		acc += v>>48 + v>>32&0xffff + v>>16&0xffff + v&0xffff
		b = b[8:]
	}
	for len(b) >= 2 {
		acc += uint64(b[0])<<8 | uint64(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold is the ones' complement sum in 16 bits.
func fold(acc uint64) uint16 {
	for acc>>16 != 0 {
		acc = acc&0xffff + acc>>16
	}
	return uint16(acc)
}
