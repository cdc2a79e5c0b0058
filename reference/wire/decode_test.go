package wire_test

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// stricter names what the deployed peer accepts and Decode does not, with the requirement that asks
// for it. Nothing else may differ.
var stricter = map[string]struct {
	requirement string
	reason      wire.Reason
	key         wire.Key
}{
	// The deployed peer stops checking a body at the first optional key that is absent.
	"type 4 body {}":    {"LAT-FRAME-013", wire.MissingKey, wire.KeyRequesterPeerID},
	"join empty object": {"LAT-FRAME-013", wire.MissingKey, wire.KeyRequesterPeerID},
	"intro without isRendezvous and everything after it":              {"LAT-FRAME-013", wire.MissingKey, wire.KeyNATType},
	"join rendezvousAddress only: rest unchecked":                     {"LAT-FRAME-013", wire.NotIPv4, wire.KeyRendezvousAddress},
	"ping bad natType unchecked because cacheSummaryHash is absent":   {"LAT-FRAME-013", wire.NotNATType, wire.KeyNATType},
	"ping hash ok, probeExternalPort absent: rest unchecked":          {"LAT-FRAME-013", wire.NotNATType, wire.KeyNATType},
	"pong port string, no hash: unchecked":                            {"LAT-FRAME-013", wire.NotPort, wire.KeyPort},
	"join key number":                                                 {"LAT-FRAME-013", wire.NotString, wire.KeyKey},
	"join every key but key, port 0: unchecked because key is absent": {"LAT-FRAME-013", wire.NotPort, wire.KeyPort},
	// A port is one to which something can be sent, and an address one that needs no name server.
	"pong hash+port 99999": {"LAT-FRAME-013", wire.NotPort, wire.KeyPort},
	"intro address empty":  {"LAT-TRAV-006", wire.NotIPv4, wire.KeyAddress},
}

// rawArray tells the entries whose message the deployed decoder turns from a JSON array into bytes.
// Here the message of queries and heads stays as it came (the id hashes that, LAT-ID-002), and
// whoever reads it sees an array.
func rawArray(name string) bool {
	return strings.HasSuffix(name, "body [1,2,300]") && (strings.Contains(name, "index 0") || strings.HasPrefix(name, "type 8"))
}

func TestDecodeObserved(t *testing.T) {
	o := load(t)
	require.Len(t, o.Decode, 112)
	for _, v := range o.Decode {
		t.Run(v.Name, func(t *testing.T) {
			var p wire.Packet
			fault := wire.Decode(&p, v.Input.Datagram)
			want := v.Expected
			if s, ok := stricter[v.Name]; ok {
				require.False(t, want.Rejected, "an entry of the table that isn't stricter")
				require.Equal(t, s.reason, fault.Reason)
				require.Equal(t, s.key, fault.Key)
				return
			}
			require.Equal(t, want.Rejected, !fault.OK(), fault.String())
			if want.Rejected {
				return
			}
			require.Equal(t, want.Version, p.Version)
			require.Equal(t, want.Type, p.Type)
			require.Len(t, p.Sig, want.SigLen)
			if !want.MessageIsBytes {
				require.JSONEq(t, string(want.Message), string(p.Message))
				return
			}
			if rawArray(v.Name) {
				require.Equal(t, `"01022c"`, string(want.Message))
				require.Equal(t, "[1,2,300]", string(p.Message))
				return
			}
			var message hexBytes
			require.NoError(t, json.Unmarshal(want.Message, &message))
			require.Equal(t, []byte(message), p.Message)
		})
	}
}

func TestBodiesObserved(t *testing.T) {
	o := load(t)
	require.Len(t, o.BodyValidation, 49)
	for _, v := range o.BodyValidation {
		t.Run(v.Name, func(t *testing.T) {
			p, fault := decodeBody(t, v.Input.Type, v.Input.BodyUtf8)
			if s, ok := stricter[v.Name]; ok {
				require.True(t, v.Expected.Accepted, "an entry of the table that isn't stricter")
				require.Equal(t, s.reason, fault.Reason)
				require.Equal(t, s.key, fault.Key)
				return
			}
			require.Equal(t, v.Expected.Accepted, fault.OK(), fault.String())
			if !fault.OK() {
				return
			}
			// What was read can be written, in a body that reads the same.
			again, fault := decodeBody(t, v.Input.Type, string(wire.AppendBody(nil, p.Type, &p.Body)))
			require.True(t, fault.OK(), fault.String())
			require.Equal(t, p.Body, again.Body)
		})
	}
}

func TestStricterNamesEntries(t *testing.T) {
	o, names := load(t), map[string]bool{}
	for _, v := range o.Decode {
		names[v.Name] = true
	}
	for _, v := range o.BodyValidation {
		names[v.Name] = true
	}
	for name := range stricter { // order-free: each is looked up on its own
		require.Contains(t, names, name)
	}
}

// decodeBody decodes a packet with this message, which begins at offset 51.
func decodeBody(t testing.TB, kind wire.Type, body string) (wire.Packet, wire.Fault) {
	t.Helper()
	p := wire.NewPacket(kind)
	p.Message, p.PacketID = []byte(body), []byte{}
	datagram := encode(t, p)
	var decoded wire.Packet
	fault := wire.Decode(&decoded, datagram)
	return decoded, fault
}

const (
	peerA = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"
	peerB = "81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9"
	hash  = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	who   = `"requesterPeerId":"` + peerA + `"`
	both  = who + `,"responderPeerId":"` + peerB + `"`
	intro = both + `,"natType":7,"address":"1.2.3.4","port":5`
	join  = who + `,"natType":7,"address":"1.2.3.4","port":5`
)

func TestFaultsOfBodies(t *testing.T) {
	for _, c := range []struct {
		name string
		kind wire.Type
		body string
		want string
	}{
		{"empty", wire.Ping, ``, "message: body: not valid JSON (offset 51)"},
		{"unset", wire.Ping, "\x00", "message: body: not valid JSON (offset 51)"},
		{"array", wire.Join, ` [1, {"a": [null, true, -1.5e+3]}] `, "message: body: not a JSON object (offset 52)"},
		{"cut off", wire.Ping, `{` + who, "message: body: not valid JSON (offset 136)"},
		{"trailing comma", wire.Ping, `{` + who + `,}`, "message: body: not valid JSON (offset 137)"},
		{"two objects", wire.Ping, `{` + who + `}{}`, "message: body: not valid JSON (offset 137)"},
		{"control character", wire.Ping, "{\"\n\":1}", "message: body: not valid JSON (offset 53)"},
		{"bad escape", wire.Ping, `{"\x":1}`, "message: body: not valid JSON (offset 54)"},
		{"bad unicode escape", wire.Ping, `{"\u12g4":1}`, "message: body: not valid JSON (offset 57)"},
		{"leading zero", wire.Ping, `{"uptime":01}`, "message: body: not valid JSON (offset 62)"},
		{"point without digits", wire.Ping, `{"uptime":1.}`, "message: body: not valid JSON (offset 63)"},
		{"exponent without digits", wire.Ping, `{"uptime":1e+}`, "message: body: not valid JSON (offset 64)"},
		{"misspelt word", wire.Ping, `{"isProbe":tru}`, "message: body: not valid JSON (offset 65)"},
		{"no colon", wire.Ping, `{"a" 1}`, "message: body: not valid JSON (offset 56)"},
		{"no comma", wire.Ping, `{"uptime":1 "natType":5}`, "message: body: not valid JSON (offset 63)"},

		{"empty object", wire.Ping, `{}`, "message: body: key requesterPeerId: missing, although required (offset 51)"},
		{"empty key", wire.Ping, `{` + who + `,"":1}`, "message: body: a key that this type does not list (offset 137)"},
		{"key of another type", wire.Pong, `{` + both + `,"timestamp":1}`, "message: body: a key that this type does not list (offset 222)"},
		{"key of a head", wire.Ping, `{"ts":1}`, "message: body: a key that this type does not list (offset 52)"},
		{"long escaped key", wire.Ping, `{"` + strings.Repeat(`\u00e9`, 40) + `":1}`, "message: body: a key that this type does not list (offset 52)"},

		{"id with another character", wire.Ping, `{"requesterPeerId":"g` + peerA[1:] + `"}`, "message: body: key requesterPeerId: not an id of 64 hex digits (offset 70)"},
		{"id as a number", wire.Ping, `{"requesterPeerId":5}`, "message: body: key requesterPeerId: not an id of 64 hex digits (offset 70)"},
		{"last of two counts", wire.Ping, `{` + who + `,"requesterPeerId":"x"}`, "message: body: key requesterPeerId: not an id of 64 hex digits (offset 155)"},
		{"hash null", wire.Ping, `{` + who + `,"cacheSummaryHash":null}`, "message: body: key cacheSummaryHash: not a hash of 40 hex digits (offset 156)"},
		{"reflectionId of 13", wire.Ping, `{` + who + `,"reflectionId":"0102030405fff"}`, "message: body: key reflectionId: not 12 hex digits (offset 152)"},
		{"reflectionId null", wire.Pong, `{` + both + `,"reflectionId":null}`, "message: body: key reflectionId: not 12 hex digits (offset 237)"},
		{"pingId of 11", wire.Ping, `{` + who + `,"pingId":"0102030405f"}`, "message: body: key pingId: not 12 or 13 hex digits (offset 146)"},
		{"pingId an object", wire.Ping, `{` + who + `,"pingId":{"a":[{}]}}`, "message: body: key pingId: not 12 or 13 hex digits (offset 146)"},
		{"natType without bit 2", wire.Ping, `{` + who + `,"natType":3}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"natType negative", wire.Ping, `{` + who + `,"natType":-1}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"natType not whole", wire.Ping, `{` + who + `,"natType":7.5}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"natType out of range", wire.Ping, `{` + who + `,"natType":1e99}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"natType null in a join", wire.Join, `{` + strings.Replace(join, ":7", ":null", 1) + `}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"natType a string", wire.Ping, `{` + who + `,"natType":"31"}`, "message: body: key natType: not a valid NAT type (offset 147)"},
		{"probe port 70000", wire.Ping, `{` + who + `,"probeExternalPort":70000}`, "message: body: key probeExternalPort: not a port from 1 to 65535 (offset 157)"},
		{"probe port 1.5", wire.Ping, `{` + who + `,"probeExternalPort":1.5}`, "message: body: key probeExternalPort: not a port from 1 to 65535 (offset 157)"},
		{"probe port -1", wire.Ping, `{` + who + `,"probeExternalPort":-1}`, "message: body: key probeExternalPort: not a port from 1 to 65535 (offset 157)"},
		{"uptime a string", wire.Ping, `{` + who + `,"uptime":"1"}`, "message: body: key uptime: not a number (offset 146)"},
		{"flag a number", wire.Ping, `{` + who + `,"isProbe":1}`, "message: body: key isProbe: not a boolean (offset 147)"},
		{"host name", wire.Intro, `{` + strings.Replace(intro, "1.2.3.4", "example.org", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"address of three parts", wire.Intro, `{` + strings.Replace(intro, "1.2.3.4", "1.2.3", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"address of five parts", wire.Intro, `{` + strings.Replace(intro, "1.2.3.4", "1.2.3.4.5", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"address over 255", wire.Intro, `{` + strings.Replace(intro, "1.2.3.4", "1.2.3.256", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"address with zeros before", wire.Intro, `{` + strings.Replace(intro, "1.2.3.4", "1.02.3.4", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"address a number", wire.Intro, `{` + strings.Replace(intro, `"1.2.3.4"`, "5", 1) + `}`, "message: body: key address: not an IPv4 address (offset 244)"},
		{"key a number", wire.Join, `{` + join + `,"key":5}`, "message: body: key key: not a string (offset 184)"},
		{"deadline a string", wire.Join, `{` + join + `,"rendezvousDeadline":"x"}`, "message: body: key rendezvousDeadline: not a number (offset 199)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, fault := decodeBody(t, c.kind, c.body)
			require.Equal(t, c.want, fault.String())
		})
	}
}

func TestBodiesTolerated(t *testing.T) {
	for _, c := range []struct {
		name string
		kind wire.Type
		body string
		has  wire.Key
		test func(*testing.T, wire.Body)
	}{
		{"natType null in a heartbeat", wire.Ping, `{` + who + `,"natType":null,"uptime":0}`, wire.KeyRequesterPeerID | wire.KeyUptime, nil},
		{"natType null in a pong", wire.Pong, `{` + both + `,"natType":null}`, wire.KeyRequesterPeerID | wire.KeyResponderPeerID, nil},
		{"last natType null", wire.Ping, `{` + who + `,"natType":7,"natType":null}`, wire.KeyRequesterPeerID, nil},
		{"bad value, then a good one", wire.Ping, `{` + who + `,"natType":{"a":[1,"]"]},"natType":7}`, wire.KeyRequesterPeerID | wire.KeyNATType,
			func(t *testing.T, b wire.Body) { require.Equal(t, 7, b.NATType) }},
		{"white space", wire.Ping, " \t\r\n{ " + strings.Replace(who, ":", " : ", 1) + "\n, \"uptime\" :\t1 } ", wire.KeyRequesterPeerID | wire.KeyUptime, nil},
		{"upper case", wire.Ping, `{"requesterPeerId":"` + strings.ToUpper(peerA) + `"}`, wire.KeyRequesterPeerID,
			func(t *testing.T, b wire.Body) { require.Equal(t, peerA, b.RequesterPeerID.String()) }},
		{"escapes", wire.Ping, `{"\u0072equesterPeerId":"\u0032` + peerA[1:] + `"}`, wire.KeyRequesterPeerID,
			func(t *testing.T, b wire.Body) { require.Equal(t, peerA, b.RequesterPeerID.String()) }},
		{"the case of a pingId is kept", wire.Ping, `{` + who + `,"pingId":"aaBBccDDeeFF0"}`, wire.KeyRequesterPeerID | wire.KeyPingID,
			func(t *testing.T, b wire.Body) { require.Equal(t, "aaBBccDDeeFF0", b.PingID.String()) }},
		{"numbers written otherwise", wire.Ping,
			`{` + who + `,"natType":70e-1,"probeExternalPort":5.0e3,"uptime":1.9,"cacheSize":-0,"timestamp":1e400}`,
			wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyProbeExternalPort | wire.KeyUptime | wire.KeyCacheSize | wire.KeyTimestamp,
			func(t *testing.T, b wire.Body) {
				require.Equal(t, 7, b.NATType)
				require.EqualValues(t, 5000, b.ProbeExternalPort)
				require.EqualValues(t, 1, b.Uptime)
				require.EqualValues(t, 0, b.CacheSize)
				require.EqualValues(t, 1<<63-1, b.Timestamp)
			}},
		{"join with a key of any text", wire.Join, `{` + join + `,"key":"a\"\\\u00e9` + "\xff" + `é"}`,
			wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort | wire.KeyKey,
			func(t *testing.T, b wire.Body) {
				require.Equal(t, `a\"\\\u00e9`+"\xff"+`é`, string(b.Key))
				require.Contains(t, string(wire.AppendBody(nil, wire.Join, &b)), `"key":"a\"\\\u00e9\ufffd\u00e9"`)
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, fault := decodeBody(t, c.kind, c.body)
			require.Equal(t, "no fault", fault.String())
			require.Equal(t, c.has.String(), p.Body.Keys.String())
			if c.test != nil {
				c.test(t, p.Body)
			}
		})
	}
}

// TestFaultsOfFraming cuts and bends a datagram field by field (LAT-FRAME-001 to LAT-FRAME-007).
func TestFaultsOfFraming(t *testing.T) {
	p := packetNamed(t, "publish: single packet")
	good := encode(t, p)
	explained := wire.Explain(good)

	t.Run("magic", func(t *testing.T) {
		for i := range 4 {
			bad := append([]byte(nil), good...)
			bad[i]++
			require.Equal(t, "magic: not the magic 03050b11 (offset 0)", wire.Decode(&p, bad).String())
		}
	})
	t.Run("type", func(t *testing.T) {
		for kind := range 256 {
			bad := append([]byte(nil), good...)
			bad[4] = byte(kind)
			fault := wire.Decode(&p, bad)
			switch {
			case kind == 0 || kind > 8:
				require.Equal(t, "type: not a type from 1 to 8 (offset 4)", fault.String())
			case kind < 5:
				require.Equal(t, wire.NotJSON, fault.Reason)
			default:
				require.True(t, fault.OK())
			}
		}
	})
	t.Run("every length", func(t *testing.T) {
		for n := range good {
			fault := wire.Decode(&p, good[:n:n])
			at := fieldAt(explained, n)
			switch {
			case n < 4:
				require.Equal(t, wire.Fault{Field: wire.FieldMagic, Reason: wire.WrongMagic}, fault)
			case at.Field == wire.FieldSig && n >= at.Offset+2:
				require.True(t, fault.OK(), "a sig cut short is accepted")
				require.Len(t, p.Sig, n-at.Offset-2)
			default:
				require.Equal(t, wire.Fault{Field: at.Field, Reason: wire.Truncated, Offset: at.Offset}, fault)
			}
		}
	})
	t.Run("every length prefix", func(t *testing.T) {
		for _, f := range explained.Fields {
			if f.Declared < 0 {
				continue
			}
			limit := 32
			if f.Field == wire.FieldMessage {
				limit = 1024
			}
			if f.Field == wire.FieldSig {
				limit = 64
			}
			for _, length := range []int{limit + 1, 65535} {
				bad := append(append([]byte(nil), good...), make([]byte, 2000)...)
				binary.BigEndian.PutUint16(bad[f.Offset:], uint16(length))
				require.Equal(t, wire.Fault{Field: f.Field, Reason: wire.TooLong, Offset: f.Offset}, wire.Decode(&p, bad))
			}
		}
	})
	t.Run("trailing bytes", func(t *testing.T) {
		require.True(t, wire.Decode(&p, append(append([]byte(nil), good...), 1, 2, 3)).OK())
		require.Equal(t, 3, wire.Explain(append(append([]byte(nil), good...), 1, 2, 3)).Trailing)
		require.Len(t, p.Sig, 64)
	})
	t.Run("smallest and largest", func(t *testing.T) {
		small := wire.NewPacket(wire.Sync)
		full := fullPacket()
		for _, f := range []*[]byte{&small.ClusterID, &small.SubclusterID, &small.PreviousID, &small.PacketID, &small.NextID,
			&small.Usr1, &small.Usr2, &small.Usr3, &small.Usr4, &small.Message, &small.Sig} {
			*f = []byte{}
		}
		require.Len(t, encode(t, small), wire.MinDatagram)
		require.True(t, wire.Decode(&p, encode(t, small)).OK())
		require.Equal(t, "sig: cut off by the end of the datagram (offset 43)", wire.Decode(&p, encode(t, small)[:44]).String())
		require.Len(t, encode(t, full), wire.MaxDatagram)
		require.Len(t, encode(t, wire.NewPacket(wire.Sync)), 87)
	})
}

// fieldAt is the field that the byte at n belongs to.
func fieldAt(e wire.Explanation, n int) wire.ExplainedField {
	for _, f := range e.Fields {
		if n < f.Offset+f.Length {
			return f
		}
	}
	return wire.ExplainedField{}
}

func TestFaultAsError(t *testing.T) {
	require.NoError(t, wire.Fault{}.Err())
	_, fault := decodeBody(t, wire.Ping, `{`+who+`,"natType":6}`)
	var err *wire.FaultError
	require.ErrorAs(t, fault.Err(), &err)
	require.Equal(t, fault, err.Fault)
	require.EqualError(t, err, "wire: message: body: key natType: not a valid NAT type (offset 147)")
}

func TestDecodeAllocatesNothing(t *testing.T) {
	var p wire.Packet
	for _, datagram := range allDatagrams(t) {
		if n := testing.AllocsPerRun(10, func() { wire.Decode(&p, datagram) }); n != 0 {
			require.Zero(t, n, "%v %x", wire.Decode(&p, datagram), datagram)
		}
	}
	for _, body := range []string{`{"uptime":1e999}`, `{` + strings.ReplaceAll(who, "2", `\u0032`) + `}`, `{"a":` + strings.Repeat("[", 900)} {
		datagram := make([]byte, 0, wire.MaxDatagram)
		q := wire.NewPacket(wire.Ping)
		q.Message = []byte(body)
		datagram, err := wire.Append(datagram, &q)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(10, func() { wire.Decode(&p, datagram) }), body)
	}
}
