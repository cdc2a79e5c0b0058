package dissector

import (
	"encoding/binary"
	"strings"
	"testing"

	"punchlist/reference/wire"
)

// lists names for each key of a body a type that lists it.
var lists = map[wire.Type]string{
	wire.Ping:  "requesterPeerId cacheSummaryHash probeExternalPort reflectionId pingId natType uptime cacheSize isConnection isReflection isProbe isDebug timestamp",
	wire.Pong:  "responderPeerId natType address port rejected",
	wire.Intro: "isRendezvous natType address port",
	wire.Join:  "rendezvousAddress rendezvousPort rendezvousType rendezvousPeerId rendezvousDeadline rendezvousRequesterPeerId natType key",
}

// edges are values at both sides of the edges of what some key wants, and of what JSON is.
var edges = []string{
	"null", "true", "false", "tru", "truth", "nul", "{}", "[]", `{"a":{"b":[1,"]",{}]}}`, `[1,]`, `{"a"}`, `{,}`,
	"0", "-0", "1", "-1", "5", "7", "11", "13", "15.0", "50e-1", "0.5e1", "5.5", "4", "6", "21", "37", "2147483645", "2147483647", "2147483648", "2147483653", "1e400",
	"65535", "65536", "6.5535E+4", "1700000000000", "01", "1.", ".1", "1e", "1e+", "-", "+1", "0x1", "1 ", "\t1\n",
	`""`, `"x"`, `"x`, `"5"`, `"\u0035"`, `"\u003"`, `"\u00g0"`, `"\u"`, `"\x"`, `"\`, "\"\n\"", "\"\x7f\"", "\"\xff\"", "\"\u00e9\"", `"\ud83d\ude00"`, `"\b\f\n\r\t\/\\\""`,
	`"` + id1 + `"`, `"` + strings.ToUpper(strings.Repeat("ab", 32)) + `"`, `"` + id1[1:] + `"`, `"` + id1 + `1"`, `"` + id1[1:] + `g"`, `"` + id1[1:] + `\u0061"`,
	`"` + id1[:39] + `"`, `"` + id1[:40] + `"`, `"` + id1[:41] + `"`, `"0123456789a"`, `"0123456789aB"`, `"0123456789abc"`, `"0123456789abcd"`, `"0123456789ag"`,
	`"1.2.3.4"`, `"255.255.255.255"`, `"256.2.3.4"`, `"01.2.3.4"`, `"1.2.3.04"`, `"1.2.3.00"`, `"0.0.0.0"`, `"1.2.3"`, `"1.2.3.4.5"`, `"1.2.3.4 "`, `"1.2.3."`, `"1..3.4"`,
	`"1.2.3.1000"`, `"::1"`, `"\u0031.2.3.4"`, "1,", "1}", "1]", `1 "a":2`, `1,"a"`, `1,"a":`,
}

// TestBodies has each key with each of these values, alone and behind a good one.
func TestBodies(t *testing.T) {
	var all [][]byte
	for of, keys := range lists {
		for key := range strings.FieldsSeq(keys) {
			for _, v := range edges {
				all = append(all, packet(t, of, func(p *wire.Packet) {
					sound(p)
					p.Message = []byte(strings.TrimSuffix(string(p.Message), "}") + `,"` + key + `":` + v + "}")
				}))
			}
		}
	}
	agree(t, sent(all))
}

// TestTexts has the whole message.
func TestTexts(t *testing.T) {
	texts := []string{
		"", " ", "{", "}", "{}", " {} ", "{}{}", "{} x", "[{}]", `"{}"`, "null", " 5", "5 5", "nul", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a" :1 , "b": 2}`, `{1:2}`,
		`{"":1}`, `{"a":1,"a":2}`, "{\"a\":1}\x00", "\xef\xbb\xbf{}", `{"requester\u0050eerId":"` + id1 + `"}`, `{"\u0072equesterPeerId":5}`, `{"natType\u0000":5}`, `{"\natType":5}`, `{` + who + `,"\natType":5}`,
		`{"size":1.5,"indexes":2,"meta":{},"ts":1e3}`, `{"size":-1,"indexes":-0,"meta":[],"ts":"x"}`, `{"size":1,"size":2,"indexes":1,"indexes":"x"}`,
		`{"packetId":"` + id1 + `","packetId":5}`, strings.Repeat("[", 1024), strings.Repeat(`{"a":`, 200), strings.Repeat("[", 400) + strings.Repeat("]", 400),
	}
	var all [][]byte
	for of := wire.Ping; of <= wire.Query; of++ {
		for index := int32(-1); index < 2; index++ {
			for _, text := range texts {
				all = append(all, packet(t, of, func(p *wire.Packet) {
					sound(p)
					p.Index, p.Message = index, []byte(text)
				}))
			}
		}
	}
	agree(t, sent(all))
}

// TestLengths has each byte field with each length up to what it holds and one more, and lengths
// that nothing is behind.
func TestLengths(t *testing.T) {
	whole := packet(t, wire.Sync, sound)
	var all [][]byte
	for _, f := range wire.Explain(whole).Fields {
		if f.Declared < 0 {
			continue
		}
		for _, n := range []int{0, 1, 2, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 65_000} {
			prefix := binary.BigEndian.AppendUint16(append([]byte{}, whole[:f.Offset]...), uint16(n))
			filled := append(prefix, make([]byte, min(n, 1100))...)
			all = append(all, prefix, filled, append(filled, whole[f.Offset+2+f.Declared:]...))
		}
	}
	agree(t, sent(all))
}
