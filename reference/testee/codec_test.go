package testee_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec"
	contract "punchlist/spec/testee"
	"punchlist/vectors"
)

// observed are the cases of a section of the vectors, with what they are given
// and what is expected read into the types asked for.
func observed[I, E any](t *testing.T, section string, play func(name string, in I, expected E)) {
	t.Helper()
	cases, err := vectors.Section(section)
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, v := range cases {
		var in I
		var expected E
		require.NoError(t, json.Unmarshal(v.Input, &in), v.Name)
		require.NoError(t, json.Unmarshal(v.Expected, &expected), v.Name)
		play(v.Name, in, expected)
	}
}

// What was seen on the wire decodes field by field, and encodes to the same
// bytes, its packetId computed anew.
func TestCodecOfPackets(t *testing.T) {
	c := talk(t)
	bodies := 0
	observed(t, "packets", func(name string, _ any, expected struct {
		Datagram string
		Fields   struct {
			contract.Packet
			MessageJSON json.RawMessage
		}
	}) {
		decoded := ok[contract.CodecOK](c, contract.Decode, contract.CodecWith{Datagram: expected.Datagram})
		got, want := *decoded.Packet, expected.Fields.Packet
		if expected.Fields.MessageJSON != nil {
			bodies++
			require.JSONEq(t, string(expected.Fields.MessageJSON), string(got.Body), name)
		}
		want.Message, want.Body = got.Message, got.Body
		require.Equal(t, want, got, name)

		if got.Type <= int(wire.Join) {
			require.NotNil(t, got.Body, name)
			got.PacketID, got.Message = "00", ""
		}
		if !strings.Contains(name, "rendezvous") { // a relay adds to the body, and leaves the packetId
			encoded := ok[contract.CodecOK](c, contract.Encode, contract.CodecWith{Packet: &got})
			require.Equal(t, expected.Datagram, encoded.Datagram, name)
		}
	})
	require.NotZero(t, bodies)
}

func TestCodecOfDecode(t *testing.T) {
	c := talk(t)
	sound, rejected := 0, 0
	observed(t, "decode", func(name string, in struct{ Datagram string }, expected struct {
		Rejected bool
		Type     int
		Version  int
	}) {
		m := c.do(contract.Decode, contract.CodecWith{Datagram: in.Datagram})
		switch {
		case expected.Rejected:
			rejected++
			require.NotNil(t, m.Error, name)
			require.Equal(t, contract.Rejected, m.Error.Code, name)
			require.NotEmpty(t, m.Error.Text, name)
		case m.Error == nil:
			sound++
			var got contract.CodecOK
			require.NoError(t, json.Unmarshal(m.OK, &got))
			require.Equal(t, expected.Type, got.Packet.Type, name)
			require.Equal(t, wire.Version, got.Packet.Version, name)
		}
	})
	require.NotZero(t, sound)
	require.NotZero(t, rejected)
}

func TestCodecOfPacketIDs(t *testing.T) {
	c := talk(t)
	played := 0
	observed(t, "packetId", func(name string, in struct {
		PreviousID, NextID, PacketID, Message *string
		MessageUtf8                           string
	}, expected struct{ PacketID string }) {
		with := contract.CodecWith{Rule: contract.RuleControl, Message: hex.EncodeToString([]byte(in.MessageUtf8))}
		switch {
		case expected.PacketID == "" || in.PacketID != nil:
			return // of clocks, or of what encode leaves alone
		case in.PreviousID != nil && in.NextID != nil:
			with.PreviousID, with.NextID = *in.PreviousID, *in.NextID
		case in.Message != nil:
			with.Rule, with.Message = contract.RuleMessage, *in.Message
		default:
			return
		}
		played++
		require.Equal(t, expected.PacketID, ok[contract.CodecOK](c, contract.PacketID, with).PacketID, name)
	})
	require.Greater(t, played, 5)

	head := wire.MessageID([]byte("{}"))
	next := ok[contract.CodecOK](c, contract.PacketID, contract.CodecWith{Rule: contract.RuleFragment, PreviousID: head.String(), Message: "ff"})
	require.Equal(t, wire.FragmentID(head, []byte{0xff}).String(), next.PacketID)
	c.refused(contract.BadCommand, contract.PacketID, contract.CodecWith{Rule: "none"})
	c.refused(contract.BadCommand, contract.PacketID, contract.CodecWith{Rule: contract.RuleFragment, PreviousID: "00"})
	c.refused(contract.BadCommand, contract.PacketID, contract.CodecWith{Rule: contract.RuleControl, NextID: "0"})
}

func TestCodecOfSealing(t *testing.T) {
	c := talk(t)
	usual := seal.SharedKey("pf-sub")
	opened, refused := 0, 0
	observed(t, "sealing", func(name string, in struct {
		SharedKey, Plaintext string
		Sealed               *string
	}, expected struct{ Sealed, Error, OpenUnsigned string }) {
		if expected.OpenUnsigned != "" || expected.Sealed == "" && in.Sealed == nil {
			return // a variant that no packet uses, or no key to give
		}
		with := contract.CodecWith{SharedKey: in.SharedKey, Message: expected.Sealed}
		if with.SharedKey == "" {
			with.SharedKey = hex.EncodeToString(usual[:])
		}
		if in.Sealed != nil {
			with.Message = *in.Sealed
		}
		if expected.Error != "" {
			refused++
			c.refused(contract.Rejected, contract.Open, with)
			return
		}
		opened++
		require.Equal(t, in.Plaintext, *ok[contract.CodecOK](c, contract.Open, with).Message, name)
		with.Message = in.Plaintext
		with.Message = *ok[contract.CodecOK](c, contract.Seal, with).Message
		require.Len(t, with.Message, len(expected.Sealed), name)
		require.Equal(t, in.Plaintext, *ok[contract.CodecOK](c, contract.Open, with).Message, name)
	})
	require.NotZero(t, opened)
	require.NotZero(t, refused)
	c.refused(contract.BadCommand, contract.Open, contract.CodecWith{SharedKey: "09", Message: "00"})
}

func TestCodecOfSummaries(t *testing.T) {
	c := talk(t)
	observed(t, "cacheSummary", func(name string, in struct {
		Keys   json.RawMessage
		Prefix string
	}, expected struct {
		Hash, Encoded string
		Buckets       []*string
	}) {
		with := contract.CodecWith{Prefix: in.Prefix}
		if json.Unmarshal(in.Keys, &with.Keys) != nil {
			with.Keys = vectors.Keys40()
		}
		got := ok[contract.CodecOK](c, contract.Summarize, with).Summary
		require.Equal(t, in.Prefix, got.Prefix, name)
		require.Equal(t, expected.Hash, got.Hash, name)
		require.Equal(t, expected.Encoded, got.Encoded, name)
		for digit, want := range expected.Buckets {
			bucket, there := got.Buckets[fmt.Sprintf("%x", digit)]
			require.Equal(t, want != nil, there, name)
			if there {
				require.Equal(t, *want, bucket, name)
			}
		}
	})
	c.refused(contract.BadCommand, contract.Summarize, contract.CodecWith{Keys: []string{"12"}})
	c.refused(contract.BadCommand, contract.Summarize, contract.CodecWith{Prefix: "g"})
}

// A summary leaves no key out: of more than a cache holds there is none.
func TestSummaryOfManyKeys(t *testing.T) {
	many := make([]string, 12_000)
	for i := range many {
		many[i] = wire.MessageID(fmt.Append(nil, i)).String()
	}
	c := talk(t)
	c.refused(contract.Failed, contract.Summarize, contract.CodecWith{Keys: many})
	of := func(keys []string) string {
		return ok[contract.CodecOK](c, contract.Summarize, contract.CodecWith{Keys: keys}).Summary.Hash
	}
	require.NotEqual(t, of(many[:10_000]), of(many[1:10_000]))
}

func TestTheStandardAndThePeerSpeakTheSameWireVersion(t *testing.T) {
	require.Equal(t, wire.Version, spec.Wire)
}

func TestCodecRefuses(t *testing.T) {
	c := talk(t)
	c.refused(contract.Rejected, contract.Decode, contract.CodecWith{Datagram: "01"})
	c.refused(contract.BadCommand, contract.Decode, contract.CodecWith{Datagram: "0"})
	c.refused(contract.BadCommand, contract.Encode, nil)
	sound := contract.Packet{Type: int(wire.Ping), Version: wire.Version}
	for name, spoil := range map[string]func(*contract.Packet){
		"type":    func(p *contract.Packet) { p.Type = 256 },
		"version": func(p *contract.Packet) { p.Version = -1 },
		"hex":     func(p *contract.Packet) { p.Usr1 = "zz" },
		"message": func(p *contract.Packet) { p.Message = "0" },
	} {
		p := sound
		spoil(&p)
		require.Equal(t, contract.BadCommand, c.do(contract.Encode, contract.CodecWith{Packet: &p}).Error.Code, name)
	}
	for name, spoil := range map[string]func(*contract.Packet){
		"type":    func(p *contract.Packet) { p.Type = 9 },
		"id":      func(p *contract.Packet) { p.ClusterID = strings.Repeat("00", 33) },
		"message": func(p *contract.Packet) { p.Message = strings.Repeat("00", 1025) },
	} {
		p := sound
		spoil(&p)
		require.Equal(t, contract.Rejected, c.do(contract.Encode, contract.CodecWith{Packet: &p}).Error.Code, name)
	}
}

// A body goes out in ASCII (LAT-FRAME-010), with nothing else changed.
func TestBodiesAreEncodedInASCII(t *testing.T) {
	c := talk(t)
	p := contract.Packet{Type: int(wire.Query), Version: wire.Version, Body: json.RawMessage(`{"q":"<é😀\n\u00e9>"}`)}
	datagram := ok[contract.CodecOK](c, contract.Encode, contract.CodecWith{Packet: &p}).Datagram
	decoded := ok[contract.CodecOK](c, contract.Decode, contract.CodecWith{Datagram: datagram})
	require.Contains(t, datagram, hex.EncodeToString([]byte(`\u00e9\ud83d\ude00\n\u00e9`)))
	require.JSONEq(t, string(p.Body), string(decoded.Packet.Body))
}

// A line is UTF-8 whatever the datagram is.
func TestBodiesOfNoUTF8(t *testing.T) {
	c := talk(t)
	p := wire.NewPacket(wire.Query)
	p.Message = []byte("{\"q\":\"<\xff>\"}")
	datagram, err := wire.Append(nil, &p)
	require.NoError(t, err)
	decoded := ok[contract.CodecOK](c, contract.Decode, contract.CodecWith{Datagram: hex.EncodeToString(datagram)})
	require.Equal(t, "{\"q\":\"<\ufffd>\"}", string(decoded.Packet.Body))
	require.True(t, utf8.ValidString(c.lines[0]))
}
