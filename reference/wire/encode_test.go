package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// fullPacket is a publish with every field at its maximum.
func fullPacket() wire.Packet {
	p := wire.NewPacket(wire.Publish)
	field := func(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }
	p.ClusterID, p.SubclusterID, p.PreviousID, p.NextID = field(32, 1), field(32, 2), field(32, 3), field(32, 5)
	p.Usr1, p.Usr2, p.Usr3, p.Usr4 = field(32, 6), field(32, 7), field(32, 8), field(32, 9)
	p.Message, p.Sig = field(1024, 10), field(64, 11)
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	return p
}

func TestAppendRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func(*wire.Packet)
		want string
	}{
		{"type 0", func(p *wire.Packet) { p.Type = 0 }, "wire: type: 0 is not a type from 1 to 8"},
		{"type 9", func(p *wire.Packet) { p.Type = 9 }, "wire: type: 9 is not a type from 1 to 8"},
		{"clusterId", func(p *wire.Packet) { p.ClusterID = make([]byte, 33) }, "wire: clusterId: 33 bytes, at most 32 fit"},
		{"packetId", func(p *wire.Packet) { p.PacketID = make([]byte, 33) }, "wire: packetId: 33 bytes, at most 32 fit"},
		{"usr4", func(p *wire.Packet) { p.Usr4 = make([]byte, 70000) }, "wire: usr4: 70000 bytes, at most 32 fit"},
		{"message", func(p *wire.Packet) { p.Message = make([]byte, 1025) }, "wire: message: 1025 bytes, at most 1024 fit"},
		{"sig", func(p *wire.Packet) { p.Sig = make([]byte, 65) }, "wire: sig: 65 bytes, at most 64 fit"},
		{"body without a required key", func(p *wire.Packet) {
			p.Type, p.Message = wire.Pong, nil
			p.Body = wire.Body{Keys: wire.KeyRequesterPeerID}
		}, "wire: message: body: key responderPeerId: missing, although required (offset 0)"},
		{"body with no address where one should be", func(p *wire.Packet) {
			p.Type, p.Message = wire.Join, nil
			p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort, NATType: 7, Port: 1}
		}, "wire: message: body: key address: not an IPv4 address (offset 108)"},
		{"body over 1024 bytes", func(p *wire.Packet) {
			p.Type, p.Message = wire.Join, nil
			p.Body = wire.Body{
				Keys:    wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort | wire.KeyKey,
				NATType: 7, Port: 1, Address: netip.MustParseAddr("1.2.3.4"), Key: bytes.Repeat([]byte{'k'}, 1000),
			}
		}, "wire: message: 1136 bytes, at most 1024 fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := fullPacket()
			c.bend(&p)
			before := []byte("before")
			out, err := wire.Append(before, &p)
			require.EqualError(t, err, c.want)
			require.Equal(t, "before", string(out))
		})
	}
}

func TestAppendGoesBehind(t *testing.T) {
	p := packetNamed(t, "join: as first sent")
	p.Message, p.PacketID = nil, nil
	out, err := wire.Append([]byte("before"), &p)
	require.NoError(t, err)
	want := packetNamed(t, "join: as first sent")
	require.Equal(t, append([]byte("before"), encode(t, want)...), out)
}

func TestAppendAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, wire.MaxDatagram)
	for _, v := range load(t).Packets {
		p := decode(t, v.Expected.Datagram)
		require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = wire.Append(buf, &p) }), v.Name)
		if p.Type.HasBody() {
			p.Message, p.PacketID = nil, nil
			require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = wire.Append(buf, &p) }), "%s, from its body", v.Name)
		}
	}
}

// TestPingOrders holds the pings that no vector shows to the key order in which the deployed peer
// makes them (LAT-ID-001 hashes it).
func TestPingOrders(t *testing.T) {
	id, err := wire.ParseID(peerA)
	require.NoError(t, err)
	body := wire.Body{
		RequesterPeerID: id, NATType: 5, IsConnection: true, Uptime: 30000, Timestamp: 1700000000000,
		CacheSummaryHash: [20]byte{1}, PingID: wire.NewEchoID([6]byte{1, 2, 3, 4, 5, 0xff}),
	}
	const (
		asked   = wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyUptime | wire.KeyTimestamp
		summary = `"cacheSummaryHash":"0100000000000000000000000000000000000000"`
	)
	for _, c := range []struct {
		name string
		has  wire.Key
		want string
	}{
		{"looking for responders", asked, `{"isConnection":true,` + who + `,"uptime":30000,"timestamp":1700000000000}`},
		{"to a peer just introduced", asked | wire.KeyNATType | wire.KeyCacheSummaryHash,
			`{"natType":5,"isConnection":true,` + summary + `,` + who + `,"uptime":30000,"timestamp":1700000000000}`},
		{"from the pool", asked | wire.KeyNATType | wire.KeyCacheSummaryHash | wire.KeyPingID,
			`{` + who + `,` + summary + `,"natType":5,"uptime":30000,"isConnection":true,"timestamp":1700000000000,"pingId":"0102030405ff"}`},
		{"from the pool, once it got through", wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyIsConnection,
			`{` + who + `,"natType":5,"isConnection":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body.Keys = c.has
			require.Equal(t, c.want, string(wire.AppendBody(nil, wire.Ping, &body)))
		})
	}
}

// TestAppendBodyWritesAllKeys makes bodies with every key that a type lists.
func TestAppendBodyWritesAllKeys(t *testing.T) {
	for _, v := range load(t).BodyValidation {
		if v.Name != "ping every key" && v.Name != "join every key" && v.Name != "intro full" {
			continue
		}
		p, fault := decodeBody(t, v.Input.Type, v.Input.BodyUtf8)
		require.True(t, fault.OK())
		require.JSONEq(t, v.Input.BodyUtf8, string(wire.AppendBody(nil, p.Type, &p.Body)), v.Name)
	}
	pong := `{` + both + `,"cacheSummaryHash":"` + hash + `","port":1,"address":"1.2.3.4","uptime":1,"cacheSize":2,"natType":31,"isReflection":false,` +
		`"isConnection":true,"reflectionId":"0102030405ff","pingId":"0102030405fff","isDebug":true,"isProbe":true,"rejected":false}`
	p, fault := decodeBody(t, wire.Pong, pong)
	require.True(t, fault.OK())
	require.JSONEq(t, pong, string(wire.AppendBody(nil, p.Type, &p.Body)))
	require.Equal(t, "{}", string(wire.AppendBody(nil, wire.Query, &p.Body)))
}

func TestEchoIDs(t *testing.T) {
	require.True(t, wire.EchoID{}.IsZero())
	id := wire.NewEchoID([6]byte{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})
	require.Equal(t, "aabbccddeeff", id.String())
	same, err := wire.ParseEchoID("aabbccddeeff")
	require.NoError(t, err)
	require.Equal(t, id, same)
	for _, text := range []string{"", "aabbccddeef", "aabbccddeeff00", "aabbccddeefg"} {
		_, err := wire.ParseEchoID(text)
		require.Error(t, err, text)
	}
}
