package peer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/peer"
)

// pair are two bootstrap peers that know each other, with caches of so many publishes each of which
// so many are in one of them only, half of those in each.
func pair(t testing.TB, size, differ int, loss float64) (n *network, a, b *host) {
	n = newNetwork(t)
	a = n.host("alice").start(peer.Config{Indexed: true})
	b = n.host("bob").start(peer.Config{Indexed: true, Bootstrap: []peer.Bootstrap{{ID: id("alice"), Addr: a.at(peer.Main)}}})
	shared := size - (differ+1)/2
	for i := range shared + differ {
		data := encoded(t, publishPacket(fmt.Sprintf("message %d %s", i, words(700)), nil))
		if i < shared || i%2 == 0 {
			peer.Fill(a.peer, n.Now, data)
		}
		if i < shared || i%2 == 1 {
			peer.Fill(b.peer, n.Now, data)
		}
	}
	dice := rand.New(rand.NewPCG(7, uint64(differ)))
	n.lost = func(datagram) bool { return dice.Float64() < loss }
	return n, a, b
}

func hashOf(h *host) [20]byte {
	s := h.peer.Cache().Summary(h.net.Now, root)
	return s.Hash
}

// total is what syncing has cost two peers.
func total(a, b *host) (sum peer.SyncStats) {
	for _, h := range []*host{a, b} {
		s := h.peer.SyncStats()
		sum.Rounds += s.Rounds
		sum.Summaries += s.Summaries
		sum.SummaryBytes += s.SummaryBytes
		sum.Packets += s.Packets
		sum.PacketBytes += s.PacketBytes
		sum.Gained += s.Gained
		sum.Repeated += s.Repeated
	}
	return sum
}

// syncCost runs until both caches are equal, and tells what it took.
func syncCost(t *testing.T, size, differ int, loss float64, within time.Duration) (took time.Duration, sum peer.SyncStats) {
	n, a, b := pair(t, size, differ, loss)
	start := n.Now
	n.within(within, "synced", func() bool { return hashOf(a) == hashOf(b) })
	took = n.Now.Sub(start)
	n.run(10 * k)
	sum = total(a, b)
	require.Equal(t, size+differ/2, a.peer.Cache().Len())
	require.EqualValues(t, differ, sum.Gained)
	rounds := sum.Rounds
	n.run(20 * k)
	require.Equal(t, rounds, a.peer.SyncStats().Rounds+b.peer.SyncStats().Rounds, "equal caches are left in peace")
	return took, sum
}

// LAT-SYNC-008, LAT-SYNC-009: whatever the size and the difference, and under loss, both become
// equal; no minute of either has more than its share.
func TestSyncConverges(t *testing.T) {
	for _, c := range []struct {
		differ int
		loss   float64
		within time.Duration
	}{
		{1, 0, 10 * time.Second}, {100, 0, 10 * time.Second}, {6000, 0, 4 * time.Minute},
		{1, 0.2, 2 * time.Minute}, {100, 0.2, 2 * time.Minute}, {6000, 0.2, 8 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%d differ, %g lost", c.differ, c.loss), func(t *testing.T) {
			took, s := syncCost(t, 6000-c.differ/2, c.differ, c.loss, c.within)
			t.Logf("%v, %d rounds, %d summaries of %d bytes, %d packets of %d bytes, %d repeated",
				took.Round(time.Millisecond), s.Rounds, s.Summaries, s.SummaryBytes, s.Packets, s.PacketBytes, s.Repeated)
		})
	}
}

var root cache.Prefix

// A newcomer that meets five peers which hold the same gets it from all of them: sooner than a
// single one may send it, and none sends everything.
func TestSyncWithSeveral(t *testing.T) {
	const size = 3000
	n := newNetwork(t)
	var list []peer.Bootstrap
	for i := range 5 {
		h := n.host(fmt.Sprint("old", i)).start(peer.Config{Indexed: true})
		list = append(list, peer.Bootstrap{ID: id(h.name), Addr: h.at(peer.Main)})
	}
	for i := range size {
		data := encoded(t, publishPacket(fmt.Sprint("message ", i), nil))
		for _, h := range n.hosts {
			peer.Fill(h.peer, n.Now, data)
		}
	}
	x := n.host("new").start(peer.Config{Indexed: true, Bootstrap: list})
	n.within(150*time.Second, "all of it is here", func() bool { return x.peer.Cache().Len() == size })
	n.run(10 * k)
	for _, h := range n.hosts[:5] {
		require.Less(t, int(h.peer.SyncStats().Packets), size*9/10)
	}
}
