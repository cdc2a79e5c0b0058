package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// The last value that is taken, and the first that isn't. Which of them no other test looks at,
// gremlins showed (make mutants).

func TestBodiesTakeTheirExtremes(t *testing.T) {
	for _, c := range []struct {
		kind wire.Type
		body string
		ok   bool
	}{
		{wire.Ping, `{` + who + `,"natType":2147483647}`, true},
		{wire.Ping, `{` + who + `,"natType":2147483653}`, false},
		{wire.Ping, `{` + who + `,"probeExternalPort":65535}`, true},
		{wire.Ping, `{` + who + `,"probeExternalPort":65536}`, false},
		{wire.Ping, `{` + who + `,"probeExternalPort":1}`, true},
		{wire.Pong, `{` + both + `,"address":"0.9.90.255"}`, true},
		{wire.Pong, `{` + both + `,"address":"0.9.90.256"}`, false},
		{wire.Pong, `{` + both + `,"address":"0.9.90.1000"}`, false},
		{wire.Pong, `{` + both + `,"address":"0.9.:.1"}`, false},
		{wire.Pong, `{` + both + `,"address":"0.9./.1"}`, false},
		{wire.Join, `{` + join + `,"key":"\uffFF\ud83d"}`, true},
		{wire.Join, `{` + join + `,"key":"\ud83d"}`, true},
		{wire.Join, `{` + join + `,"key":"\uffFG"}`, false},
	} {
		_, fault := decodeBody(t, c.kind, c.body)
		require.Equal(t, c.ok, fault.OK(), "%s: %v", c.body, fault)
	}
}

func TestNumbersAreKeptUpToTheLargestInteger(t *testing.T) {
	for text, want := range map[string]int64{
		"9223372036854775805":  math.MaxInt64 - 2,
		"9223372036854775807":  math.MaxInt64,
		"9223372036854775808":  math.MaxInt64,
		"-9223372036854775805": -(math.MaxInt64 - 2),
		"99e17":                math.MaxInt64,
	} {
		p, fault := decodeBody(t, wire.Ping, `{`+who+`,"uptime":`+text+`}`)
		require.True(t, fault.OK(), text)
		require.Equal(t, want, p.Body.Uptime, text)
	}
}

func TestKeysAreWrittenByCharacter(t *testing.T) {
	for text, want := range map[string]string{
		" ":          ` `,
		"\x1f":       `\u001f`,
		"a\"b":       `a\u0022b`,
		`a\"b`:       `a\"b`,
		"\x80":       `\ufffd`,
		"\\\x80":     `\\ufffd`,
		"\\\u00e9":   `\\u00e9`,
		"x\\\u00e9":  `x\\u00e9`,
		"\uffff":     `\uffff`,
		"\U00010000": `\ud800\udc00`,
		"\U0010ffff": `\udbff\udfff`,
		`\`:          `\`,
	} {
		body := wire.Body{Keys: wire.KeyKey, Key: []byte(text)}
		require.Equal(t, `{"key":"`+want+`"}`, string(wire.AppendBody(nil, wire.Join, &body)), "%q", text)
	}
}

func TestAKeyThatThereIsNotHasNoName(t *testing.T) {
	require.Empty(t, wire.Key(1<<31).String())
	for bit := range 32 {
		require.NotPanics(t, func() { _ = wire.Key(1 << bit).String() })
	}
}

func TestTheLongestBodyIsEncoded(t *testing.T) {
	p := wire.NewPacket(wire.Join)
	_, fault := decodeBody(t, wire.Join, `{`+join+`}`)
	require.True(t, fault.OK())
	decoded, _ := decodeBody(t, wire.Join, `{`+join+`,"key":"k"}`)
	for _, c := range []struct {
		room int
		ok   bool
	}{{0, true}, {1, false}} {
		p.Body = decoded.Body
		length := len(wire.AppendBody(nil, wire.Join, &p.Body))
		p.Body.Key = bytes.Repeat([]byte("k"), wire.MaxMessage-length+1+c.room)
		datagram, err := wire.Append(nil, &p)
		require.Equal(t, c.ok, err == nil, "%v", err)
		if err == nil {
			var back wire.Packet
			require.True(t, wire.Decode(&back, datagram).OK())
			require.Len(t, back.Message, wire.MaxMessage)
			id, ok := back.ID()
			require.True(t, ok)
			require.Equal(t, wire.ControlID(back.PreviousID, back.Message, back.NextID), id)
		}
	}
}

func TestExplainAtEveryEnd(t *testing.T) {
	p := wire.NewPacket(wire.Publish)
	p.Message = []byte(" ~")
	whole := encode(t, p)
	// How many fields are told of a datagram that ends where one does, and one byte before.
	for _, c := range []struct{ length, fields int }{
		{3, 0}, {4, 1}, {5, 2}, {6, 2}, {7, 3}, {11, 4}, {15, 5}, {19, 6}, {22, 6}, {23, 7}, {26, 8}, {len(whole), 18},
	} {
		require.Len(t, wire.Explain(whole[:c.length]).Fields, c.fields, "%d bytes", c.length)
	}
	require.Empty(t, wire.Explain(whole).Faults)
	require.Contains(t, fmt.Sprintf("%+v", wire.Explain(whole)), " ~")
	cut := wire.Explain(whole[:len(whole)-1])
	require.Empty(t, cut.Faults, "a sig may be cut short")
	for _, lacks := range []int{1, 2} {
		short := wire.Explain(whole[:len(whole)-3-lacks])
		require.Equal(t, []wire.Fault{{Field: wire.FieldMessage, Reason: wire.Truncated, Offset: short.Faults[0].Offset}}, short.Faults, "the message lacks %d", lacks)
	}
}

func TestSplitTakesItsExtremes(t *testing.T) {
	head := wire.NewPacket(wire.Publish)
	most := make([]byte, wire.MaxFragments*wire.MaxMessage)
	all, err := wire.Split(head, most, nil, 1)
	require.NoError(t, err)
	require.Len(t, all, wire.MaxFragments+1)
	_, err = wire.Split(head, append(most, 0), nil, 1)
	require.ErrorContains(t, err, "at most 6761472 fit into 6603 fragments")

	message := make([]byte, 1025)
	empty, err := wire.Split(head, message, []byte(`{"a":""}`), 1)
	require.NoError(t, err)
	room := wire.MaxMessage - len(empty[0].Message)
	full := []byte(`{"a":"` + strings.Repeat("~", room) + `"}`)
	longest, err := wire.Split(head, message, full, 1)
	require.NoError(t, err)
	require.Len(t, longest[0].Message, wire.MaxMessage)
	require.Equal(t, wire.IDMatch, wire.VerifyID(&longest[0]))
	_, err = wire.Split(head, message, []byte(`{"a":"`+strings.Repeat("~", room+1)+`"}`), 1)
	require.ErrorContains(t, err, "the head with it has 1025 bytes, at most 1024 fit")
}

func TestErrorsOfIDsTellTheirLength(t *testing.T) {
	var id wire.ID
	require.ErrorContains(t, id.UnmarshalText([]byte("ab")), "an id is 64 hex digits, this has 2 characters")
	require.ErrorContains(t, id.UnmarshalText([]byte(strings.Repeat("x", 64))), "an id is 64 hex digits, this has another character among them")
}

func TestPatchesReachTheShortestDatagramAndNoShorter(t *testing.T) {
	shortest := make([]byte, wire.MinDatagram)
	require.NotPanics(t, func() { wire.PatchHops(shortest, 7); wire.PatchTTL(shortest, 9) })
	require.Panics(t, func() { wire.PatchHops(shortest[:wire.MinDatagram-1], 7) })
	require.Panics(t, func() { wire.PatchTTL(shortest[:wire.MinDatagram-1], 7) })
}

// What a deployed peer that composed a message sends on is known by the id of what it was, also
// where it fills the packet.
func TestAHeadWithTSAddedMayFillThePacket(t *testing.T) {
	const rest = `,"ts":1700000000000,"size":1025,"indexes":2}`
	for _, c := range []struct {
		length int
		want   wire.IDCheck
	}{{wire.MaxMessage, wire.IDMatch}, {wire.MaxMessage + 1, wire.IDMismatch}} {
		fill := strings.Repeat("~", c.length-len(`{"meta":{"a":"","ts":1700000000000}`)-len(rest))
		p := wire.NewPacket(wire.Publish)
		p.Index = 0
		id := wire.MessageID([]byte(`{"meta":{"a":"` + fill + `"}` + rest))
		p.PacketID = id[:]
		p.Message = []byte(`{"meta":{"a":"` + fill + `","ts":1700000000000}` + rest)
		require.Len(t, p.Message, c.length)
		require.Equal(t, c.want, wire.VerifyID(&p))
	}
}
