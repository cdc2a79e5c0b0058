package codec

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// boundaries has each field of a packet at the ends of what it may be, read and written.
func boundaries(b *book) {
	everything := full()
	for i, f := range byteFields {
		for _, n := range []int{1, 2, f.most - 1} {
			b.decodes(fmt.Sprintf("framing/length-%d-%s", n, strings.ToLower(f.name)), "LAT-FRAME-003", fmt.Sprintf("%s has length %d", f.name, n),
				withField(everything, i, bytesOf("boundary "+f.name, n)))
		}
		b.decodes("framing/unset-"+strings.ToLower(f.name), "LAT-FRAME-008", f.name+" is unset", withField(everything, i, []byte{0}))
	}
	for _, f := range fixedFields[2:] {
		for _, n := range []uint32{0, 1, 15, 16, 17, 255, 256, 65535, 65536, 1_999_999_999, 2_000_000_000, 1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1} {
			datagram := append([]byte{}, everything...)
			binary.BigEndian.PutUint32(datagram[f.start:], n)
			id := fmt.Sprintf("framing/%s-is-%d", f.name, n)
			ok := b.decodes(id, "LAT-FRAME-009", fmt.Sprintf("the four bytes of %s are those of %d", f.name, n), datagram)
			if ok.Packet == nil {
				continue
			}
			got := map[string]int64{"clock": int64(ok.Packet.Clock), "hops": int64(ok.Packet.Hops), "index": int64(ok.Packet.Index), "ttl": int64(ok.Packet.TTL)}[f.name]
			want := int64(n)
			if f.name == "index" {
				want = int64(int32(n))
			}
			b.want(id, got == want, "it reads as %d", got)
			written := b.takes(id+"-written", "LAT-FRAME-009", fmt.Sprintf("the same, written with %s %d", f.name, want), testee.Encode, testee.CodecWith{Packet: ok.Packet}).Datagram
			b.want(id, written == toHex(datagram) || f.name == "clock" && n >= 2_000_000_000, "it is written otherwise")
		}
	}
	characters(b)
}

// characters writes each kind of character in a body: as section 1.5 says, in ASCII.
func characters(b *book) {
	for _, r := range []rune{
		0, 1, 7, 8, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0x1f, ' ', '"', '/', '\\', '~', 0x7f, 0x80, 0xff, 0x7ff, 0x800, 0x2028, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff,
	} {
		p := unsetPacket(wire.Query)
		p.Message = ""
		text, err := json.Marshal(string(r))
		if err != nil {
			b.fail("characters", "%v", err)
			continue
		}
		p.Body = json.RawMessage(`{"about":` + string(text) + `}`)
		id := fmt.Sprintf("framing/encode-character-%04x", r)
		datagram := b.takes(id, "LAT-FRAME-010", fmt.Sprintf("a body with the character U+%04X", r), testee.Encode, testee.CodecWith{Packet: &p}).Datagram
		b.want(id, strings.Contains(datagram, toHex([]byte(`{"about":"`+spelled(r)+`"}`))), "it is written otherwise")

		p.Type, p.Body = int(wire.Join), json.RawMessage(written(soundBodies[3].keys, map[string]string{"key": string(text)}))
		id = fmt.Sprintf("framing/encode-join-character-%04x", r)
		datagram = b.takes(id, "LAT-FRAME-010", fmt.Sprintf("a join whose key is the character U+%04X", r), testee.Encode, testee.CodecWith{Packet: &p}).Datagram
		b.want(id, strings.Contains(datagram, toHex([]byte(`"key":"`+spelled(r)+`"`))), "it is written otherwise")
	}
}

// spelled is a character as a body has it.
func spelled(r rune) string {
	switch r {
	case '"', '\\':
		return `\` + string(r)
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	if r >= ' ' && r < 0x80 {
		return string(r)
	}
	var text strings.Builder
	for _, u := range utf16.Encode([]rune{r}) {
		fmt.Fprintf(&text, `\u%04x`, u)
	}
	return text.String()
}
