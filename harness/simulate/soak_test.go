package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/reference/peer"
)

func TestASoakIsRepeatable(t *testing.T) {
	x := Soak{Hours: 1, Peers: 7, Loss: 0.01}
	run := func(seed int64) Sample {
		var heap uint64
		at := 0.0
		s, err := x.Run(Env{
			Context:  t.Context(),
			Heap:     func() uint64 { heap = 1 << 20; return heap },
			Progress: func(done float64, _ string) { require.Greater(t, done, at); at = done },
		}, seed)
		require.NoError(t, err)
		require.InDelta(t, 1, at, 0.02)
		return s
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
	require.Greater(t, first.Measured[soakDelivered], 100.0)
	require.Greater(t, first.Measured[soakStops], 1.0)
	require.Zero(t, first.Measured[soakHeapGrows])
	require.Equal(t, 1.0*(1<<20), first.Measured[soakHeap])
	require.Contains(t, sizeNames([]Sample{first}), "gates")
	for _, row := range x.Judge([]Sample{first}) {
		require.False(t, row.What == "messages delivered" && row.Missed())
	}
}

func TestSoakParameters(t *testing.T) {
	for what, x := range map[string]Soak{"hours": {Peers: 10}, "peers": {Hours: 1, Peers: 4}, "loss": {Hours: 1, Peers: 10, Loss: 1}} {
		_, err := x.Run(Env{Context: t.Context()}, 1)
		require.ErrorContains(t, err, what)
	}
}

// pair is a world of two members that run, in which nothing has happened yet.
func pair(t *testing.T) (*world, *node, *node, func(string, ...any), func() []string) {
	w := newWorld(1)
	for _, name := range []string{"alice", "bob"} {
		_, err := w.add(name, "port-restricted", internet.Link{}, peer.Config{})
		require.NoError(t, err)
	}
	require.NoError(t, w.up())
	for _, n := range w.nodes {
		n.start()
	}
	var said []string
	return w, w.nodes[0], w.nodes[1], func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
		func() []string { all := said; said = nil; return all }
}

func TestPairsThatStayApartAreTold(t *testing.T) {
	w, a, b, broke, said := pair(t)
	l := newLinks(w)
	pass := func(d time.Duration) { w.internet.Loop.Now = w.now().Add(d); l.look(broke) }
	l.disturbed(a)
	l.disturbed(b)
	pass(connectedWithin)
	require.Empty(t, said())
	l.set(a, b.id, true)
	pass(time.Second)
	require.Len(t, said(), 1, "one of the two is not enough")
	pass(time.Second)
	require.Empty(t, said(), "it is told once")
	l.set(b, a.id, true)
	require.Equal(t, 1, l.apart.total)
	require.InDelta(t, (connectedWithin + 2*time.Second).Seconds(), l.apart.most, 1e-9)
	pass(10 * connectedWithin)
	require.Empty(t, said())

	l.set(a, b.id, false)
	pass(connectedWithin)
	require.Empty(t, said(), "time counts from the loss")
	l.disturbed(b)
	pass(connectedWithin)
	require.Empty(t, said(), "and from the disturbance")
	b.stop()
	l.disturbed(b)
	pass(10 * connectedWithin)
	require.Empty(t, said(), "one that does not run is not missed")
	require.False(t, l.says[b.index][a.index])
	b.start()
	l.disturbed(b)
	require.NoError(t, b.sleep(true))
	pass(10 * connectedWithin)
	require.Empty(t, said())
	require.NoError(t, b.sleep(false))
	pass(time.Second)
	require.Equal(t, []string{"alice (port-restricted) and bob (port-restricted) are not connected to each other for 200 K (alice says false, bob says false)"}, said())
}

func TestMessagesThatDontArriveAreTold(t *testing.T) {
	w, a, b, broke, said := pair(t)
	l, m := newLinks(w), newMessages(w)
	pass := func(d time.Duration) { w.internet.Loop.Now = w.now().Add(d); m.look(l, rememberFor, broke) }
	first, second := a.id, b.id // any two ids
	m.published(a, first)
	pass(time.Second)
	m.arrived(b, peer.Event{PacketID: first}, time.Time{})
	m.arrived(b, peer.Event{PacketID: first}, time.Time{})
	require.Equal(t, 1, m.took.total)
	m.published(a, second)
	pass(deliveredWithin)
	require.Empty(t, said())
	l.disturbed(b)
	pass(deliveredWithin)
	require.Empty(t, said(), "it counts from when it was back")
	m.arrived(b, peer.Event{PacketID: second}, l.steady[b.index])
	require.Equal(t, 1, m.late.total)
	m.published(b, peer.PeerInfo{}.ID)
	pass(deliveredWithin + time.Second)
	require.Len(t, said(), 1)
	pass(time.Second)
	require.Empty(t, said(), "it is told once")
	pass(rememberFor)
	require.Empty(t, m.byID)
	require.Empty(t, m.order)
}

func TestSizesAreSampled(t *testing.T) {
	_, a, b, broke, said := pair(t)
	var s sizes
	sample := func() {
		s.add(a, broke)
		s.add(b, broke)
		s.minute()
	}
	sample()
	i := slices.Index(s.names, "sources")
	require.Equal(t, 1024, s.bound[i])
	a.tell(func(p *peer.Peer, now time.Time) {
		p.Receive(now, peer.Main, netip.MustParseAddrPort("192.0.2.1:1"), []byte{1})
	})
	sample()
	require.Equal(t, []float64{0, 0.5}, s.minutes[i])
	require.Equal(t, 1, s.most[i])
	require.Empty(t, said())
}

func TestGrowthIsThatOfTheSecondHalf(t *testing.T) {
	require.Zero(t, growth([]float64{1, 2, 3, 10, 10, 10}))
	require.InDelta(t, 1, growth([]float64{0, 0, 0, 5, 10, 15}), 1e-9)
	var steady []float64
	for i := range 1000 {
		steady = append(steady, float64(i))
	}
	require.InDelta(t, 2.0/3, growth(steady), 0.01)
	require.Negative(t, growth([]float64{0, 0, 15, 10, 5}))
	require.Zero(t, growth([]float64{0, 0}))
}

func TestHistogram(t *testing.T) {
	h := histogram{width: 0.5}
	require.Zero(t, h.quantile(0.5))
	for i := range 100 {
		h.add(float64(i))
	}
	h.add(1e9)
	require.Equal(t, 50.5, h.quantile(0.5))
	require.Equal(t, 1e9, h.quantile(1))
	require.Equal(t, 101, h.total)
}

func BenchmarkSoak(b *testing.B) {
	for b.Loop() {
		_, err := Soak{Hours: 1, Peers: 50, Loss: 0.01}.Run(Env{Context: b.Context()}, 1)
		require.NoError(b, err)
	}
}
