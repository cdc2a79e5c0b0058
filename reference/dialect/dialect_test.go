package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
	"punchlist/spec"
	contract "punchlist/spec/testee"
)

func constants(t *testing.T) []spec.Constant {
	all, err := spec.LoadConstants()
	require.NoError(t, err)
	return all
}

// Every dialect chooses what the standard permits, and says so.
func TestDialectsKeepToTheRanges(t *testing.T) {
	all := constants(t)
	for seed := range uint32(300) {
		d := New(seed, all)
		config := peer.Config{Limits: d.Limits, Choices: d.Choices}
		says := config.Constants()
		for _, c := range all {
			if v, ok := says[c.ID]; ok && seed > 0 {
				require.True(t, c.Permits(v, peer.MinKeepalive), "dialect %d has %v for %s, which is %s", seed, v, c.ID, c.Permitted)
			}
		}
		require.GreaterOrEqual(t, d.Delay, time.Duration(0))
		require.LessOrEqual(t, d.Delay, MaxDelay)
	}
}

// Of each constant with a choice some dialects have the least, some the greatest, and some neither.
func TestDialectsDiffer(t *testing.T) {
	all := constants(t)
	values := map[string]map[float64]bool{}
	var omitted peer.Recommended
	delayed, ordered := 0, 0
	for seed := range uint32(100) {
		d := New(seed, all)
		config := peer.Config{Limits: d.Limits, Choices: d.Choices}
		for id, v := range config.Constants() {
			if !config.SetConstant(id, v) {
				continue
			}
			if values[id] == nil {
				values[id] = map[float64]bool{}
			}
			values[id][v] = true
		}
		omitted |= d.Omits
		if d.Delay > 0 {
			delayed++
		}
		if d.Keys {
			ordered++
		}
	}
	least, greatest := New(1, all), New(2, all)
	a, b := peer.Config{Limits: least.Limits, Choices: least.Choices}.Constants(), peer.Config{Limits: greatest.Limits, Choices: greatest.Choices}.Constants()
	for id := range values {
		require.Greater(t, len(values[id]), 2, id)
		require.Less(t, a[id], b[id], id)
	}
	require.Equal(t, peer.AllRecommended, omitted)
	require.InDelta(t, 50, delayed, 25)
	require.InDelta(t, 50, ordered, 25)
}

func TestNames(t *testing.T) {
	seed, ok := Seed(Name(4294967295))
	require.True(t, ok)
	require.Equal(t, uint32(4294967295), seed)
	for _, name := range []string{"", "reference", "dialect-", "dialect-07", "dialect--1", "dialect-4294967296", "dialect-7.yaml"} {
		_, ok := Seed(name)
		require.False(t, ok, name)
	}
}

// A body keeps its members in another order, and the packet the id that follows.
func TestReorderChangesTheOrderAlone(t *testing.T) {
	id := wire.ID(sha256.Sum256([]byte("a")))
	ping := wire.NewPacket(wire.Ping)
	ping.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyUptime | wire.KeyTimestamp | wire.KeyIsReflection, RequesterPeerID: id, IsReflection: true, Timestamp: 7}
	datagram, err := wire.Append(nil, &ping)
	require.NoError(t, err)
	different := 0
	for seed := range uint32(20) {
		out := reorder(datagram, id, seed)
		require.Equal(t, out, reorder(datagram, id, seed))
		var before, after wire.Packet
		require.True(t, wire.Decode(&before, datagram).OK())
		require.True(t, wire.Decode(&after, out).OK())
		require.JSONEq(t, string(before.Message), string(after.Message))
		require.Equal(t, wire.IDMatch, wire.VerifyID(&after))
		if !bytes.Equal(out, datagram) {
			different++
		}
		after.Message, after.PacketID = before.Message, before.PacketID
		again, err := wire.Append(nil, &after)
		require.NoError(t, err)
		require.Equal(t, datagram, again)
	}
	require.Greater(t, different, 10)

	relayed := wire.NewPacket(wire.Join)
	relayed.Hops, relayed.ClusterID, relayed.SubclusterID = 1, id[:], id[:]
	relayed.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort, RequesterPeerID: id, NATType: 5, Address: netip.MustParseAddr("192.0.2.1"), Port: 1}
	datagram, err = wire.Append(nil, &relayed)
	require.NoError(t, err)
	require.Equal(t, datagram, reorder(datagram, wire.ID{}, 3))
	require.Equal(t, []byte{1}, reorder([]byte{1}, id, 3))
}

// What waits keeps the order of its socket on the way in, and on the way out, waits no
// longer than the dialect's delay, and goes before its socket is closed.
func TestMachineDelays(t *testing.T) {
	d := Dialect{Seed: 3, Delay: MaxDelay}
	m := d.Machine("slow", rand.NewChaCha8([32]byte{}))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	id, cluster := sha256.Sum256([]byte("slow")), sha256.Sum256([]byte("cluster"))
	with, err := json.Marshal(contract.StartWith{
		PeerID: wire.ID(id).String(), ClusterID: wire.ID(cluster).String(), Indexed: true, Address: "192.0.2.1", Bootstrap: []contract.Bootstrap{},
	})
	require.NoError(t, err)
	m.Command(now, []byte(`{"id":1,"do":"start","with":`+string(with)+`}`))
	var o peer.Output
	sockets := []peer.Socket{}
	for m.Poll(&o) {
		require.Equal(t, peer.Open, o.Op)
		sockets = append(sockets, o.Socket)
	}
	for i, s := range sockets {
		m.Opened(now, s, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(100+i)), nil)
	}
	from := netip.MustParseAddrPort("192.0.2.2:5")
	ask := func(n int64) {
		ping := wire.NewPacket(wire.Ping)
		ping.Body = wire.Body{
			Keys:            wire.KeyRequesterPeerID | wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyTimestamp,
			RequesterPeerID: wire.ID(cluster), IsReflection: true, ReflectionID: wire.NewEchoID([6]byte{byte(n)}), Timestamp: n,
		}
		datagram, err := wire.Append(nil, &ping)
		require.NoError(t, err)
		m.Receive(now, peer.Main, from, datagram)
	}
	const pings = 20
	for i := range int64(pings) {
		ask(i)
	}
	late, came := 0, 0
	begin := now
	for at, ok := m.Next(); ok && at.Before(begin.Add(2*MaxDelay+1)) && came < pings; at, ok = m.Next() {
		now = at
		m.Tick(now)
		for m.Poll(&o) {
			var pong wire.Packet
			if o.Op != peer.Send || !wire.Decode(&pong, o.Data).OK() || pong.Type != wire.Pong {
				continue
			}
			require.Equal(t, wire.NewEchoID([6]byte{byte(came)}), pong.Body.ReflectionID, "in the order in which they were asked")
			came++
			if now.After(begin) {
				late++
			}
		}
	}
	require.Equal(t, pings, came)
	require.Positive(t, late)

	ask(99)
	m.Command(now, []byte(`{"id":2,"do":"stop"}`))
	for m.Poll(&o) {
		require.Equal(t, peer.Close, o.Op)
	}
	require.True(t, m.Done())
}
