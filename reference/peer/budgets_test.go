package peer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// LAT-BUDG-005: with one hop more, once, and not with sixteen.
func TestWhatExpiresIsMulticastOnce(t *testing.T) {
	for hops, want := range map[uint32][]uint32{3: {4}, 15: {16}, 16: nil} {
		n, s, ends := lab(t, "eve", "bob")
		eve, bob := ends[0], ends[1]
		eve.meet(s)
		eve.sendPacket(peer.Main, s.at(peer.Main), publishPacket("short-lived", func(p *wire.Packet) { p.TTL, p.Hops = 8000, hops }))
		n.run(time.Second)
		bob.meet(s)
		require.Empty(t, bob.gotType(wire.Publish))
		require.Equal(t, 1, s.peer.Cache().Len())
		n.run(4 * k)
		var got []uint32
		for _, p := range bob.gotType(wire.Publish) {
			got = append(got, p.Hops)
		}
		require.Equal(t, want, got, "arrived with %d hops", hops)
		require.Zero(t, s.peer.Cache().Len())
		// LAT-BUDG-006
		eve.sendPacket(peer.Main, s.at(peer.Main), publishPacket("short-lived", func(p *wire.Packet) { p.TTL, p.Hops = 8000, 1 }))
		n.run(10 * k)
		eve.sendPacket(peer.Main, s.at(peer.Main), publishPacket("short-lived", func(p *wire.Packet) { p.TTL, p.Hops = 8000, 1 }))
		n.run(time.Second)
		require.Zero(t, s.peer.Cache().Len())
	}
}

// LAT-BUDG-007: thousands that expire at once are no burst.
func TestManyExpireAtOnce(t *testing.T) {
	n, s, ends := lab(t, "bob")
	ends[0].meet(s)
	for i := range 3000 {
		peer.Fill(s.peer, n.Now.Add(10*time.Second-6*time.Hour), encoded(t, publishPacket(fmt.Sprint(i), nil)))
	}
	n.run(4 * k)
	require.Zero(t, s.peer.Cache().Len())
	require.Len(t, ends[0].gotType(wire.Publish), 64)
}

// moved counts what two peers send each other by sync while time passes.
func moved(n *network, d time.Duration, hosts ...*host) (packets, summaries uint64) {
	sum := func() (packets, summaries uint64) {
		for _, h := range hosts {
			s := h.peer.SyncStats()
			packets += s.Packets
			summaries += s.Summaries
		}
		return
	}
	p, s := sum()
	n.run(d)
	n.log = nil
	packets, summaries = sum()
	return packets - p, summaries - s
}

// LAT-SYNC-013, LAT-BUDG-006: whatever keeps two caches apart, nothing goes to and fro between
// them.
func TestCachesThatStayApartAreLeftInPeace(t *testing.T) {
	const size = 200
	type fill func(n *network, a, b *host, i int, data []byte)
	for _, c := range []struct {
		name    string
		limits  peer.Limits
		member  bool
		fill    fill
		packets uint64 // sent in the hour in which they part
	}{
		{"expired with one side", peer.Limits{}, false, func(n *network, a, b *host, i int, data []byte) {
			peer.Fill(a.peer, n.Now.Add(2*time.Minute-6*time.Hour), data)
			peer.Fill(b.peer, n.Now.Add(-time.Hour), data)
		}, 20 * size},
		{"over six hours old with one side", peer.Limits{}, true, func(n *network, a, b *host, i int, data []byte) {
			peer.Fill(a.peer, n.Now.Add(2*time.Minute-6*time.Hour), data)
			peer.Fill(b.peer, n.Now.Add(-time.Hour), data)
		}, 20 * size},
		{"both full", peer.Limits{ReplicationLimits: peer.ReplicationLimits{CachePackets: size}}, false, func(n *network, a, b *host, i int, data []byte) {
			peer.Fill([]*host{a, b}[i%2].peer, n.Now.Add(-time.Hour), data)
		}, 20 * size},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			a := n.host("alice").start(peer.Config{Indexed: true, Limits: c.limits})
			b := n.host("bob").start(peer.Config{Indexed: true, Limits: c.limits, Bootstrap: []peer.Bootstrap{{ID: id("alice"), Addr: a.at(peer.Main)}}})
			if c.member {
				for _, h := range []*host{a, b} {
					h.peer.Join(n.Now, subKeys)
					h.drain()
				}
			}
			for i := range 2 * size {
				c.fill(n, a, b, i, encoded(t, publishPacket(fmt.Sprint("message ", i), nil)))
			}
			packets, _ := moved(n, time.Hour, a, b)
			require.LessOrEqual(t, packets, c.packets)
			packets, summaries := moved(n, time.Hour, a, b)
			t.Logf("in the second hour %d packets, %d summaries", packets, summaries)
			require.LessOrEqual(t, packets, uint64(4*size))
			require.LessOrEqual(t, summaries, uint64(3000))
		})
	}
}

// LAT-BUDG-008: what was published while nobody was there goes out as often as it takes.
func TestPublishingWhileOffline(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	b := n.leaf("bob", 7, list)
	a := n.leaf("alice", 7, list)
	n.run(2 * k)
	offline := true
	n.lost = func(d datagram) bool { return offline && (d.sender == a || d.to.Addr() == a.ip) }
	a.publish("at once")
	n.run(2 * k)
	a.publish("later")
	n.run(10 * k)
	a.publish("when all are given up")
	n.run(10 * k)
	require.Zero(t, b.count(peer.Packet, nil))
	offline = false
	n.within(2*k, "all arrive", func() bool {
		return b.received("at once") == 1 && b.received("later") == 1 && b.received("when all are given up") == 1
	})
	n.run(10 * k)
	require.Equal(t, 3, b.count(peer.Packet, nil))
}
