package codec

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// byteFields are the fields behind the fixed part, in wire order.
var byteFields = []struct {
	name string
	most int
}{
	{"clusterId", 32}, {"subclusterId", 32}, {"previousId", 32}, {"packetId", 32}, {"nextId", 32},
	{"usr1", 32}, {"usr2", 32}, {"usr3", 32}, {"usr4", 32}, {"message", 1024}, {"sig", 64},
}

var fixedFields = []struct {
	name       string
	start, end int
}{
	{"type", 4, 5}, {"version", 5, 7}, {"clock", 7, 11}, {"hops", 11, 15}, {"index", 15, 19}, {"ttl", 19, 23},
}

const fixedPart = 23

// lengthAt is where the length prefix of a byte field stands.
func lengthAt(datagram []byte, field int) int {
	pos := fixedPart
	for range field {
		pos += 2 + int(binary.BigEndian.Uint16(datagram[pos:]))
	}
	return pos
}

// withField is the datagram with another value in a byte field.
func withField(datagram []byte, field int, value []byte) []byte {
	start := lengthAt(datagram, field)
	end := start + 2 + int(binary.BigEndian.Uint16(datagram[start:]))
	out := append([]byte{}, datagram[:start]...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(value)))
	out = append(out, value...)
	return append(out, datagram[end:]...)
}

// encoded is a packet as a datagram; the packets here are all sound.
func encoded(p wire.Packet) []byte {
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		panic(err)
	}
	return datagram
}

// control is a datagram of types 1 to 4, or 8, with a body as it is given.
func control(t wire.Type, body string) []byte {
	p := wire.NewPacket(t)
	p.Message = []byte(body)
	return encoded(p)
}

// full is a publish in which every field has as many bytes as it may.
func full() []byte {
	p := wire.NewPacket(wire.Publish)
	for i, field := range []*[]byte{&p.ClusterID, &p.SubclusterID, &p.PreviousID, &p.PacketID, &p.NextID, &p.Usr1, &p.Usr2, &p.Usr3, &p.Usr4, &p.Message, &p.Sig} {
		*field = bytesOf("full "+byteFields[i].name, byteFields[i].most)
	}
	return encoded(p)
}

var (
	requester = seed("requester").String()
	responder = seed("responder").String()
	third     = seed("third").String()
)

// soundBodies has for each type with a body one with every key that the type
// lists, in the order of the table of chapter 1.
var soundBodies = []struct {
	t    wire.Type
	name string
	keys []bodyKey
}{
	{wire.Ping, "ping", []bodyKey{
		{"requesterPeerId", quoted(requester), anID, true}, {"cacheSummaryHash", quoted("da39a3ee5e6b4b0d3255bfef95601890afd80709"), aHash, false},
		{"probeExternalPort", "40001", aPort, false}, {"reflectionId", quoted("0123456789ab"), anEcho, false}, {"pingId", quoted("ba9876543210"), aPingID, false},
		{"natType", "31", aNAT, false}, {"uptime", "60000", aNumber, false}, {"cacheSize", "12", aNumber, false}, {"isConnection", "true", aBoolean, false},
		{"isReflection", "true", aBoolean, false}, {"isProbe", "false", aBoolean, false}, {"isDebug", "false", aBoolean, false}, {"timestamp", "1700000000000", aNumber, false}}},
	{wire.Pong, "pong", []bodyKey{
		{"requesterPeerId", quoted(requester), anID, true}, {"responderPeerId", quoted(responder), anID, true},
		{"cacheSummaryHash", quoted("da39a3ee5e6b4b0d3255bfef95601890afd80709"), aHash, false}, {"port", "9777", aPort, false}, {"address", quoted("203.0.113.7"), anAddress, false},
		{"uptime", "60000", aNumber, false}, {"cacheSize", "12", aNumber, false}, {"natType", "7", aNAT, false}, {"isReflection", "true", aBoolean, false},
		{"isConnection", "false", aBoolean, false}, {"reflectionId", quoted("0123456789ab"), anEcho, false}, {"pingId", quoted("ba98765432101"), aPingID, false},
		{"isDebug", "false", aBoolean, false}, {"isProbe", "false", aBoolean, false}, {"rejected", "false", aBoolean, false}}},
	{wire.Intro, "intro", []bodyKey{
		{"requesterPeerId", quoted(requester), anID, true}, {"responderPeerId", quoted(responder), anID, true}, {"isRendezvous", "false", aBoolean, false},
		{"natType", "7", aNAT, true}, {"address", quoted("203.0.113.7"), anAddress, true}, {"port", "9777", aPort, true}, {"timestamp", "1700000000000", aNumber, false}}},
	{wire.Join, "join", []bodyKey{
		{"rendezvousAddress", quoted("203.0.113.8"), anAddress, false}, {"rendezvousPort", "9778", aPort, false}, {"rendezvousType", "31", aNAT, false},
		{"rendezvousPeerId", quoted(third), anID, false}, {"rendezvousDeadline", "1700000030000", aNumber, false},
		{"rendezvousRequesterPeerId", quoted(responder), anID, false}, {"requesterPeerId", quoted(requester), anID, true}, {"natType", "5", aNAT, true},
		{"address", quoted("203.0.113.7"), anAddress, true}, {"key", quoted("a:b"), aString, false}, {"port", "9777", aPort, true}, {"isConnection", "true", aBoolean, false}}},
}

type bodyKey struct {
	name, value string // the value as JSON
	kind        *kind
	required    bool
}

// kind is what a key's value may be.
type kind struct {
	reason string            // why another one is refused
	good   map[string]string // further values that are right, by what is special about them
	bad    map[string]string // and that are wrong
}

func quoted(text string) string { return `"` + text + `"` }

var (
	anID = &kind{"not an id of 64 hex digits",
		map[string]string{"uppercase": quoted(strings.ToUpper(hashedHex("an id in capitals")))},
		map[string]string{"63-digits": quoted(requester[:63]), "65-digits": quoted(requester + "0"), "not-hex": quoted(requester[:63] + "g"), "number": "5", "empty": `""`}}
	aHash = &kind{"not a hash of 40 hex digits",
		map[string]string{"uppercase": quoted("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709")},
		map[string]string{"39-digits": quoted(requester[:39]), "41-digits": quoted(requester[:41]), "not-hex": quoted(requester[:39] + "z"), "number": "5"}}
	anEcho = &kind{"not 12 hex digits", map[string]string{"uppercase": quoted("ABCDEF012345")},
		map[string]string{"11-digits": quoted("0123456789a"), "13-digits": quoted("0123456789abc"), "not-hex": quoted("0123456789ag"), "number": "123456789012"}}
	aPingID = &kind{"not 12 or 13 hex digits", map[string]string{"13-digits": quoted("0123456789abc")},
		map[string]string{"11-digits": quoted("0123456789a"), "14-digits": quoted("0123456789abcd"), "not-hex": quoted("0123456789ag"), "number": "123456789012"}}
	aPort = &kind{"not a port from 1 to 65535", map[string]string{"1": "1", "65535": "65535"},
		map[string]string{"0": "0", "65536": "65536", "negative": "-1", "fraction": "1.5", "string": quoted("9777")}}
	aNAT = &kind{"not a valid NAT type", map[string]string{"5": "5", "15": "15", "13": "13", "29": "29"},
		map[string]string{"0": "0", "6": "6", "3": "3", "negative": "-27", "fraction": "5.5", "string": quoted("31"), "true": "true"}}
	aNumber   = &kind{"not a number", map[string]string{"0": "0"}, map[string]string{"string": quoted("60000"), "boolean": "true", "object": "{}"}}
	aBoolean  = &kind{"not a boolean", nil, map[string]string{"0": "0", "1": "1", "string": quoted("true")}}
	aString   = &kind{"not a string", map[string]string{"empty": `""`}, map[string]string{"number": "5", "boolean": "true"}}
	anAddress = &kind{"not an IPv4 address", map[string]string{"least": quoted("0.0.0.0"), "most": quoted("255.255.255.255")},
		map[string]string{"name": quoted("example.org"), "empty": `""`, "ipv6": quoted("2001:db8::1"), "256": quoted("203.0.113.256"), "three-parts": quoted("203.0.113"), "number": "5"}}
)

func hashedHex(text string) string { return seed(text).String() }

// written is a body with some keys replaced; "" takes one out.
func written(keys []bodyKey, change map[string]string) string {
	var parts []string
	for _, k := range keys {
		value, changed := change[k.name]
		if !changed {
			value = k.value
		}
		if value != "" {
			parts = append(parts, quoted(k.name)+":"+value)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// decodes adds a vector whose datagram must be taken.
func (b *book) decodes(id, requirement, title string, datagram []byte) testee.CodecOK {
	return b.takes(id, requirement, title, testee.Decode, testee.CodecWith{Datagram: toHex(datagram)})
}

// rejects adds a vector whose datagram must be rejected, for this reason.
func (b *book) rejects(id, requirement, title string, datagram []byte, why vectors.Rejection) {
	b.refuses(id, requirement, title, testee.Decode, testee.CodecWith{Datagram: toHex(datagram)}, why)
}

func framing(b *book) {
	sound := control(wire.Ping, written(soundBodies[0].keys, nil))

	wrongMagic := vectors.Rejection{Field: "magic", Reason: "not the magic 03050b11", Offset: at(0)}
	for i := range 4 {
		wrong := append([]byte{}, sound...)
		wrong[i] ^= 0xff
		b.rejects(fmt.Sprintf("framing/magic-byte-%d-wrong", i), "LAT-FRAME-001", fmt.Sprintf("byte %d of the magic is another one", i), wrong, wrongMagic)
	}
	b.rejects("framing/empty", "LAT-FRAME-001", "no bytes at all", nil, wrongMagic)
	b.rejects("framing/magic-cut", "LAT-FRAME-001", "three bytes of the magic", sound[:3], wrongMagic)
	b.rejects("framing/opener", "LAT-FRAME-016", "the opener is no packet", []byte{1}, wrongMagic)

	everything := full()
	for _, f := range fixedFields {
		b.rejects("framing/cut-before-"+f.name, "LAT-FRAME-002", "it ends before "+f.name, everything[:f.start],
			vectors.Rejection{Field: f.name, Reason: "cut off by the end of the datagram", Offset: at(f.start)})
		if f.end-f.start > 1 {
			b.rejects("framing/cut-inside-"+f.name, "LAT-FRAME-002", "it ends inside "+f.name, everything[:f.end-1],
				vectors.Rejection{Field: f.name, Reason: "cut off by the end of the datagram", Offset: at(f.start)})
		}
	}
	for i, f := range byteFields {
		start, name := lengthAt(everything, i), strings.ToLower(f.name)
		cut := vectors.Rejection{Field: f.name, Reason: "cut off by the end of the datagram", Offset: at(start)}
		b.rejects("framing/cut-before-"+name, "LAT-FRAME-002", "it ends before the length of "+f.name, everything[:start], cut)
		b.rejects("framing/cut-inside-length-of-"+name, "LAT-FRAME-002", "it ends inside the length of "+f.name, everything[:start+1], cut)
		if f.name != "sig" {
			b.rejects("framing/cut-inside-"+name, "LAT-FRAME-002", "it ends inside "+f.name, everything[:start+2+f.most/2], cut)
		}
		over := withField(everything, i, bytesOf("too long", f.most+1))
		long := vectors.Rejection{Field: f.name, Reason: "length over the maximum of the field", Offset: at(start)}
		b.rejects("framing/too-long-"+name, "LAT-FRAME-003", fmt.Sprintf("%s has %d bytes", f.name, f.most+1), over, long)
		claims := append([]byte{}, everything...)
		binary.BigEndian.PutUint16(claims[start:], 65535)
		b.rejects("framing/claims-65535-"+name, "LAT-FRAME-003", f.name+" claims 65,535 bytes", claims, long)
	}
	b.decodes("framing/every-field-full", "LAT-FRAME-003", "every byte field has as many bytes as it may", everything)
	b.want("framing/every-field-full", len(everything) == 1421, "it has %d bytes", len(everything))

	for _, t := range []byte{0, 9, 127, 255} {
		wrong := append([]byte{}, everything...)
		wrong[4] = t
		b.rejects(fmt.Sprintf("framing/type-%d", t), "LAT-FRAME-004", fmt.Sprintf("type %d", t), wrong,
			vectors.Rejection{Field: "type", Reason: "not a type from 1 to 8", Offset: at(4)})
	}
	for _, version := range []uint16{0, 5, 7, 65535} {
		other := append([]byte{}, everything...)
		binary.BigEndian.PutUint16(other[5:], version)
		b.rejects(fmt.Sprintf("framing/version-%d", version), "LAT-FRAME-005", fmt.Sprintf("version %d", version), other,
			vectors.Rejection{Field: "version", Reason: "not 6"})
	}

	b.decodes("framing/bytes-behind-sig", "LAT-FRAME-006", "three bytes follow sig", append(append([]byte{}, everything...), 1, 2, 3))
	for _, present := range []int{0, 1, 40, 63} {
		id := fmt.Sprintf("framing/sig-cut-to-%d", present)
		ok := b.decodes(id, "LAT-FRAME-006", fmt.Sprintf("sig claims 64 bytes, and %d are there", present), everything[:len(everything)-64+present])
		b.want(id, ok.Packet != nil && len(ok.Packet.Sig) == 2*present, "sig is what is there")
	}

	empty := everything
	for i := range byteFields {
		empty = withField(empty, i, nil)
	}
	b.decodes("framing/every-field-empty", "LAT-FRAME-007", "every byte field has length zero", empty)
	b.want("framing/every-field-empty", len(empty) == 45, "it has %d bytes", len(empty))
	for i, f := range byteFields {
		b.decodes("framing/empty-"+strings.ToLower(f.name), "LAT-FRAME-007", f.name+" has length zero", withField(everything, i, nil))
	}

	encodings(b)
	bodies(b)
	grammar(b)
	boundaries(b)
	observed(b)
}

// unsetPacket is a packet that is to be written, in which all is unset.
func unsetPacket(t wire.Type) testee.Packet {
	return testee.Packet{
		Type: int(t), Version: 6, Clock: 1, Index: -1, TTL: 21_600_000, ClusterID: "00", SubclusterID: "00", PreviousID: "00",
		PacketID: "00", NextID: "00", Usr1: "00", Usr2: "00", Usr3: "00", Usr4: "00", Message: "00", Sig: "00",
	}
}

// encodings are packets to be written.
func encodings(b *book) {
	unset := unsetPacket(wire.Sync)
	unset.PacketID = toHex(bytesOf("packetId", 32))
	encodes := func(id, requirement, title string, p testee.Packet) string {
		return b.takes(id, requirement, title, testee.Encode, testee.CodecWith{Packet: &p}).Datagram
	}
	datagram := encodes("framing/encode-unset", "LAT-FRAME-008", "all but packetId is unset", unset)
	b.want("framing/encode-unset", strings.HasSuffix(datagram, strings.Repeat("000100", 7)), "unset is one zero byte with length 1")

	zero := unset
	zero.ClusterID, zero.Message, zero.Sig = "", "", ""
	datagram = encodes("framing/encode-empty", "LAT-FRAME-009", "clusterId, message and sig are empty, which is not unset", zero)
	b.want("framing/encode-empty", strings.HasSuffix(datagram, "00000000"), "empty has length 0")

	most := unset
	most.Clock, most.Hops, most.Index, most.TTL = 4294967295, 4294967295, 2147483647, 4294967295
	datagram = encodes("framing/encode-most", "LAT-FRAME-009", "every integer is as large as it can be", most)
	b.want("framing/encode-most", datagram[8:46] == "070006"+"ffffffff"+"ffffffff"+"7fffffff"+"ffffffff", "the fixed part is %s", datagram[8:46])
	least := unset
	least.Clock, least.Hops, least.Index, least.TTL = 0, 0, -2147483648, 0
	encodes("framing/encode-least", "LAT-FRAME-009", "every integer is as small as it can be", least)

	wraps := unset
	wraps.Clock = 2_000_000_000
	datagram = encodes("framing/encode-clock-wraps", "LAT-FRAME-009", "the clock 2,000,000,000 is written as 0", wraps)
	b.want("framing/encode-clock-wraps", datagram[14:22] == "00000000", "it is written as %s", datagram[14:22])
	nameless := unset
	nameless.PacketID = ""
	datagram = encodes("framing/encode-empty-packetid", "LAT-FRAME-009", "a packetId of no bytes is written as given", nameless)
	b.want("framing/encode-empty-packetid", len(datagram) < 200 && strings.Contains(datagram, "0000"), "it is computed")

	for t := wire.Publish; t <= wire.Query; t++ {
		p := unset
		p.Type, p.Message, p.Usr1 = int(t), toHex(bytesOf("message of "+t.String(), 40)), toHex(bytesOf("usr1", 32))
		encodes("framing/encode-"+strings.ToLower(t.String()), "LAT-FRAME-009", "a "+strings.ToLower(t.String())+" of bytes", p)
	}
	for _, s := range soundBodies {
		p := unset
		p.Type, p.PacketID, p.Message, p.Body = int(s.t), "00", "", []byte(written(s.keys, nil))
		encodes("framing/encode-"+s.name, "LAT-FRAME-009", "a "+s.name+" with every key, and the packetId made by the encoder", p)
	}

	for _, c := range []struct{ name, title, body string }{
		{"delete", "a body with the byte 7f and a slash, which need no escape", "{\"about\":\"\x7f/\"}"},
		{"delimiters", "a body with all that delimits JSON inside a string, as text in JSON itself has", `{"about":"{\"a\\\\\":[1,\"b\"]}"}`},
		{"quoted-name", "a body in which a name has quotes, a colon and a backslash", `{"\"a\":\\":"b","about":""}`},
		{"short-escapes", "a body with the five characters below 20 that have an escape of two characters", `{"about":"\b\f\n\r\t"}`},
		{"long-escapes", "a body with characters below 20 that have none", `{"about":"\u0000\u0007\u000b\u000e\u001b\u001f"}`},
	} {
		p := unset
		p.Type, p.PacketID, p.Message, p.Body = int(wire.Query), "00", "", []byte(c.body)
		id := "framing/encode-" + c.name
		datagram := encodes(id, "LAT-FRAME-010", c.title, p)
		b.want(id, strings.Contains(datagram, toHex([]byte(c.body))), "it is written otherwise")
	}
	for _, c := range [][2]string{{"two-bytes", "é"}, {"three-bytes", "日本"}, {"surrogate-pair", "🛰"}} {
		name, text := c[0], c[1]
		p := unset
		p.Type, p.PacketID, p.Message = int(wire.Query), "00", ""
		p.Body = []byte(`{"about":"` + text + `"}`)
		id := "framing/encode-" + name
		datagram := encodes(id, "LAT-FRAME-010", fmt.Sprintf("a body with %s, which ASCII lacks", text), p)
		raw, err := hex.DecodeString(datagram)
		b.want(id, err == nil && strings.Contains(string(raw), `{"about":"\u`), "the body is in ASCII")
	}

	for i, f := range byteFields {
		p := unset
		long := toHex(bytesOf("too long", f.most+1))
		*[]*string{&p.ClusterID, &p.SubclusterID, &p.PreviousID, &p.PacketID, &p.NextID, &p.Usr1, &p.Usr2, &p.Usr3, &p.Usr4, &p.Message, &p.Sig}[i] = long
		b.refuses("framing/encode-too-long-"+strings.ToLower(f.name), "LAT-FRAME-017", fmt.Sprintf("%s of %d bytes fits into no packet", f.name, f.most+1),
			testee.Encode, testee.CodecWith{Packet: &p}, vectors.Rejection{Field: f.name, Reason: fmt.Sprintf("%d bytes, at most %d fit", f.most+1, f.most)})
	}
}
