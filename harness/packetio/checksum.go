package packetio

import "encoding/binary"

const (
	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17
)

// CompleteChecksum writes the checksum of the UDP or TCP segment that an IPv4
// packet carries, over whatever stands there. A kernel leaves it partial (the
// sum of the pseudo-header alone) when it hands a packet to an interface that
// promises to finish it. Fragments, other protocols and packets that are cut
// short are left as they are.
func CompleteChecksum(packet []byte) {
	header, total, ok := shape(packet)
	if !ok || binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
		return
	}
	segment := packet[header:total]
	var at int
	switch packet[9] {
	case protocolUDP:
		at = 6
	case protocolTCP:
		at = 16
	default:
		return
	}
	if len(segment) < at+2 {
		return
	}
	segment[at], segment[at+1] = 0, 0
	sum := fold(add(pseudo(packet, len(segment)), segment))
	if sum == 0 && packet[9] == protocolUDP {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(segment[at:], sum)
}

// ChecksumsHold reports whether the checksum of an IPv4 packet's header and
// that of the UDP, TCP or ICMP that it carries are right. A UDP checksum of
// zero (RFC 768: none was computed), fragments and other protocols pass with a
// right header.
func ChecksumsHold(packet []byte) bool {
	header, total, ok := shape(packet)
	if !ok || fold(add(0, packet[:header])) != 0 {
		return false
	}
	if binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
		return true
	}
	segment := packet[header:total]
	switch packet[9] {
	case protocolICMP:
		return fold(add(0, segment)) == 0
	case protocolUDP:
		if len(segment) < 8 {
			return false
		}
		if segment[6] == 0 && segment[7] == 0 {
			return true
		}
		return fold(add(pseudo(packet, len(segment)), segment)) == 0
	case protocolTCP:
		return fold(add(pseudo(packet, len(segment)), segment)) == 0
	}
	return true
}

func shape(packet []byte) (header, total int, ok bool) {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return 0, 0, false
	}
	header, total = int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
	return header, total, header >= 20 && header <= total && total <= len(packet)
}

func pseudo(packet []byte, length int) uint64 {
	return add(uint64(packet[9])+uint64(length), packet[12:20])
}

func add(sum uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
