package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

func faultTexts(e wire.Explanation) (texts []string) {
	for _, f := range e.Faults {
		texts = append(texts, f.String())
	}
	return texts
}

// TestExplainGoesOn bends one datagram in many places at once.
func TestExplainGoesOn(t *testing.T) {
	p := wire.NewPacket(wire.Ping)
	p.Usr1, p.Sig = []byte("1700000000000"), []byte{1, 2, 3}
	p.Message = []byte(`{"requesterPeerId":"x","zz":1,"natType":6,"a":[],"uptime":null}`)
	datagram := append(encode(t, p), 9, 9)
	datagram[0] = 0
	datagram[6] = 5
	datagram[24] = 33 // the length of clusterId, which then takes the next 33 bytes

	e := wire.Explain(datagram)
	require.Equal(t, "magic: not the magic 03050b11 (offset 0)", e.Faults[0].String())
	require.Equal(t, "clusterId: length over the maximum of the field (offset 23)", e.Faults[1].String())

	datagram[24] = 1
	e = wire.Explain(datagram)
	require.Equal(t, []string{
		"magic: not the magic 03050b11 (offset 0)",
		"message: body: a key that this type does not list (offset 118)",
		"message: body: a key that this type does not list (offset 137)",
		"message: body: key requesterPeerId: not an id of 64 hex digits (offset 114)",
		"message: body: key natType: not a valid NAT type (offset 135)",
		"message: body: key uptime: not a number (offset 153)",
	}, faultTexts(e))
	require.Equal(t, 2, e.Trailing)
	require.Equal(t, len(datagram), e.Length)

	texts := map[string]string{}
	for _, f := range e.Fields {
		texts[f.Field.String()] = f.Text
	}
	require.Equal(t, "00050b11", texts["magic"])
	require.Equal(t, "1 (ping)", texts["type"])
	require.Equal(t, "5", texts["version"])
	require.Equal(t, "-1", texts["index"])
	require.Equal(t, "21600000", texts["ttl"])
	require.Equal(t, "unset", texts["clusterId"])
	require.Equal(t, `"1700000000000"`, texts["usr1"])
	require.Equal(t, "010203", texts["sig"])
	require.Equal(t, []wire.ExplainedKey{
		{Name: "requesterPeerId", Offset: 114, Length: 3, Text: `"x"`}, {Name: "zz", Offset: 123, Length: 1, Text: "1"},
		{Name: "natType", Offset: 135, Length: 1, Text: "6"}, {Name: "a", Offset: 141, Length: 2, Text: "[]"},
		{Name: "uptime", Offset: 153, Length: 4, Text: "null"},
	}, e.Keys)
}

func TestExplainCutOff(t *testing.T) {
	whole := encode(t, packetNamed(t, "ping: heartbeat"))
	e := wire.Explain(whole[:200])
	require.Equal(t, []string{"message: cut off by the end of the datagram (offset 112)"}, faultTexts(e))
	require.Equal(t, 137, e.Fields[len(e.Fields)-1].Declared+2)
	require.Equal(t, 88, e.Fields[len(e.Fields)-1].Length)
	require.Len(t, e.Keys, 1, "what of the body is there")

	unfinished := wire.Explain(whole[:130])
	require.Empty(t, unfinished.Keys, "a name without its value")

	require.Equal(t, []string{"magic: not the magic 03050b11 (offset 0)"}, faultTexts(wire.Explain(nil)))
	require.Equal(t, []string{"hops: cut off by the end of the datagram (offset 11)"}, faultTexts(wire.Explain(whole[:12])))
	require.Len(t, wire.Explain(whole[:12]).Fields, 4)
}

func TestExplainTellsOfIDsAndBodies(t *testing.T) {
	require.Equal(t, "matches", wire.Explain(encode(t, packetNamed(t, "join: as first sent"))).IDCheck.String())
	require.Equal(t, "does not match", wire.Explain(encode(t, packetNamed(t, "join: relayed"))).IDCheck.String())
	require.Equal(t, "needs the packetId of the fragment before", wire.Explain(encode(t, packetNamed(t, "publish: fragmented, fragment 2"))).IDCheck.String())

	require.Equal(t, "indexes", wire.Explain(encode(t, packetNamed(t, "publish: fragmented, head"))).Keys[3].Name)
	require.Equal(t, `"x"`, wire.Explain(encode(t, packetNamed(t, "query: question, free"))).Keys[0].Text)
	require.Empty(t, wire.Explain(encode(t, packetNamed(t, "sync: root"))).Keys)
	unknown := encode(t, packetNamed(t, "publish: fragmented, head"))
	unknown[4] = 9
	require.Empty(t, wire.Explain(unknown).Keys, "no head, for want of a type")

	p := wire.NewPacket(wire.Query)
	p.Message = []byte("{\"a\xff\":1}")
	require.Equal(t, "a\ufffd", wire.Explain(encode(t, p)).Keys[0].Name)
	p.Message = []byte(`{"a":1}}`)
	require.Empty(t, wire.Explain(encode(t, p)).Keys, "bytes that only begin like an object")
	p.Message = []byte(`{"a":1`)
	require.Empty(t, wire.Explain(encode(t, p)).Keys, "an object that ends too early")
	p.Message = []byte{}
	require.Equal(t, "empty", wire.Explain(encode(t, p)).Fields[16].Text)
}
