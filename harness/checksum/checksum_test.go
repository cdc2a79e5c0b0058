package checksum

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func packet(t *testing.T, protocol byte, segment []byte) []byte {
	t.Helper()
	p := make([]byte, 20, 20+len(segment))
	p[0], p[8], p[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(segment)))
	copy(p[12:], []byte{192, 168, 0, 1, 192, 168, 0, 199})
	p = append(p, segment...)
	binary.BigEndian.PutUint16(p[10:], ^fold(sum(p[:20], 0)))
	return p
}

func TestHeaderSumOfRFC1071Example(t *testing.T) {
	// The example header that textbooks carry: its sum is b861.
	header, err := hex.DecodeString("45000073000040004011b861c0a80001c0a800c7")
	require.NoError(t, err)
	require.Equal(t, uint16(0xffff), fold(sum(header, 0)))
	header[10], header[11] = 0, 0
	require.Equal(t, uint16(0xb861), ^fold(sum(header, 0)))
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		name     string
		protocol byte
		segment  []byte
		at       int
	}{
		{"UDP", protocolUDP, []byte{0, 1, 0, 2, 0, 12, 0xde, 0xad, 1, 2, 3, 4}, 6},
		{"UDP of odd length", protocolUDP, []byte{0, 1, 0, 2, 0, 11, 0xde, 0xad, 1, 2, 3}, 6},
		{"TCP", protocolTCP, append(make([]byte, 16), 0xde, 0xad, 0, 0, 9), 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packet(t, c.protocol, c.segment)
			require.False(t, Holds(p))
			Complete(p)
			require.True(t, Holds(p))
			p[len(p)-1] ^= 1
			require.False(t, Holds(p), "a changed payload must show")
		})
	}
}

func TestChecksumOfZeroIsWrittenAsOnes(t *testing.T) {
	segment := []byte{0, 0, 0, 0, 0, 10, 0, 0, 0, 0}
	p := packet(t, protocolUDP, segment)
	// A payload that makes the sum come out as zero.
	binary.BigEndian.PutUint16(p[28:], ^fold(sum(p[20:], pseudo(p, 10))))
	Complete(p)
	require.Equal(t, []byte{0xff, 0xff}, p[26:28])
	require.True(t, Holds(p))
}

func TestOthersAreLeftAlone(t *testing.T) {
	fragment := packet(t, protocolUDP, []byte{0, 1, 0, 2, 0, 12, 0xde, 0xad, 1, 2, 3, 4})
	fragment[6] = 0x20
	for name, p := range map[string][]byte{ // order-free: independent cases
		"fragment":      fragment,
		"ICMP":          packet(t, protocolICMP, []byte{3, 3, 0xde, 0xad, 0, 0, 0, 0}),
		"short UDP":     packet(t, protocolUDP, []byte{0, 1, 0}),
		"short packet":  {0x45, 0},
		"IPv6":          append([]byte{0x60}, make([]byte, 50)...),
		"length beyond": {0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2, 0, 8, 0, 0},
		"header beyond": {0x4f, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2, 0, 8, 0, 0},
	} {
		before := append([]byte{}, p...)
		Complete(p)
		require.Equal(t, before, p, name)
	}
}

func TestRepair(t *testing.T) {
	udp := []byte{0, 1, 0, 2, 0, 11, 0, 0, 1, 2, 3}
	for name, p := range map[string][]byte{ // order-free: independent cases
		"UDP":               packet(t, protocolUDP, udp),
		"ICMP":              packet(t, protocolICMP, []byte{3, 3, 0xde, 0xad, 0, 0, 0, 0}),
		"UDP and a trailer": packet(t, protocolUDP, append(append([]byte{}, udp...), 7, 7)),
		"UDP without data":  packet(t, protocolUDP, []byte{0, 1, 0, 2, 0, 8, 9, 9}),
	} {
		p[8]-- // another TTL, without its checksum
		require.False(t, Holds(p), name)
		Repair(p)
		if name == "UDP and a trailer" { // which the checksum does not cover
			p = p[:31]
			binary.BigEndian.PutUint16(p[2:], 31)
			Adjust(p[10:], []byte{0, 33}, []byte{0, 31})
		}
		require.True(t, Holds(p), name)
	}
	short := packet(t, protocolUDP, []byte{0, 1, 0, 2, 0, 99, 8, 8})
	Repair(short)
	require.Equal(t, []byte{8, 8}, short[26:28], "its length is impossible")
}

func TestAdjustIsRepairOfAChange(t *testing.T) {
	p := packet(t, protocolUDP, []byte{0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4})
	Repair(p)
	old := append([]byte{}, p[12:16]...)
	copy(p[12:], []byte{203, 0, 113, 9})
	Adjust(p[10:], old, p[12:16])
	Adjust(p[26:], old, p[12:16])
	require.True(t, Holds(p))
}
