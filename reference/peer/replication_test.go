package peer_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// LAT-REPL-001, LAT-REPL-003, LAT-ID-004: through bootstrap peers that hold no key.
func TestPublishing(t *testing.T) {
	for _, size := range []int{0, 1, 864, 865, 3000, 60000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			n := newNetwork(t)
			indexed, list := n.indexed(3)
			a := n.leaf("alice", nattype.EndpointRestricted, list)
			b := n.leaf("bob", nattype.EndpointRestricted, list) // not to be reached directly from alice
			n.run(4 * time.Second)
			require.False(t, a.reaches(b))
			signing := ed25519.NewKeyFromSeed(make([]byte, 32))
			ids, err := a.peer.Publish(n.Now, peer.Publication{
				Subcluster: subKeys.SubclusterID, Event: "hello", Message: []byte(words(size)), SigningKey: signing,
			})
			require.NoError(t, err)
			a.drain()
			if size <= 864 {
				require.Len(t, ids, 1)
			} else {
				require.Len(t, ids, 1+(size+seal.Overhead+1023)/1024)
			}
			n.run(2 * time.Second)
			require.Equal(t, 1, b.received(words(size)))
			for _, e := range b.events {
				if e.Kind == peer.Packet {
					require.Equal(t, ids[0], e.PacketID)
					require.Equal(t, wire.ID(clusterID), e.ClusterID)
					require.Equal(t, wire.ID(subKeys.SubclusterID), e.SubclusterID)
					event := seal.EventID("hello")
					require.Equal(t, event[:], e.EventID)
					require.True(t, e.Verified)
				}
			}
			require.Zero(t, a.count(peer.Packet, nil), "the author needs no event")
			for _, i := range indexed {
				require.Zero(t, i.count(peer.Packet, nil))
			}
			for _, h := range []*host{a, b, indexed[0]} {
				require.Equal(t, len(ids), h.peer.Cache().Len(), h.name)
			}
			for _, d := range a.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Publish }) {
				p := d.packet()
				require.Equal(t, uint32(1), p.Hops)
				require.LessOrEqual(t, len(d.data), wire.MaxDatagram)
				if size > 16 {
					require.NotContains(t, string(d.data), words(size)[:16])
				}
			}
		})
	}
}

// What is published before anybody is there goes out when somebody is.
func TestPublishingTooEarly(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(2)
	b := n.leaf("bob", 0, list)
	n.run(4 * time.Second)
	a := n.leaf("alice", 0, list)
	a.publish("early")
	n.within(4*time.Second, "delivered", func() bool { return b.received("early") == 1 })
}

// LAT-REPL-002, LAT-REPL-004, LAT-ID-006, LAT-REPL-006.
func TestRelaying(t *testing.T) {
	head := func(body string) func(p *wire.Packet) {
		return func(p *wire.Packet) { p.Index, p.Message, p.PacketID = 0, []byte(body), nil }
	}
	false1 := wire.ID{1}
	for _, c := range []struct {
		name   string
		edit   func(p *wire.Packet)
		cached bool
		hops   uint32 // relayed with; 0: not
	}{
		{"a stranger's", nil, true, 2},
		{"15 hops", func(p *wire.Packet) { p.Hops = 15 }, true, 16},
		{"16 hops", func(p *wire.Packet) { p.Hops = 16 }, true, 0},
		{"most hops", func(p *wire.Packet) { p.Hops = 1<<32 - 1 }, true, 0},
		{"a false id", func(p *wire.Packet) { p.PacketID = false1[:] }, false, 0},
		{"a short id", func(p *wire.Packet) { p.PacketID = []byte{1, 2} }, false, 0},
		{"a head that is null", head(`null`), false, 0},
		{"a head without a size", head(`{"meta":{},"ts":1,"indexes":1}`), false, 0},
		{"a head with a huge size", head(`{"meta":{},"ts":1,"size":5000000000,"indexes":1}`), false, 0},
		{"a head with text for meta", head(`{"meta":"x","ts":1,"size":5,"indexes":1}`), false, 0},
		{"a head", head(`{"meta":{},"ts":1,"size":5,"indexes":1}`), true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "bob", "carol")
			bob, carol := ends[0], ends[1]
			bob.meet(s)
			carol.meet(s)
			p := publishPacket("some bytes", c.edit)
			data, err := wire.Append(nil, p)
			require.NoError(t, err)
			data = append(data, 1, 2, 3) // bytes behind sig are not passed on
			carol.send(peer.Main, s.at(peer.Main), data)
			carol.send(peer.Main, s.at(peer.Main), data)
			n.run(100 * time.Millisecond)
			require.Equal(t, map[bool]int{true: 1}[c.cached], s.peer.Cache().Len())
			got := bob.gotType(wire.Publish)
			require.Empty(t, carol.gotType(wire.Publish))
			if c.hops == 0 {
				require.Empty(t, got)
			} else {
				require.Len(t, got, 1)
				require.Equal(t, c.hops, got[0].Hops)
				require.Equal(t, p.Message, got[0].Message)
				wire.PatchHops(data, c.hops)
				require.Equal(t, data[:len(data)-3], bob.got[len(bob.got)-1].data)
			}
		})
	}
}

// A short sig is passed on as what it is (LAT-FRAME-006).
func TestRelayingAShortSig(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	ends[0].meet(s)
	ends[1].meet(s)
	p := publishPacket("some bytes", func(p *wire.Packet) { p.Sig = make([]byte, 64) })
	data, err := wire.Append(nil, p)
	require.NoError(t, err)
	ends[1].send(peer.Main, s.at(peer.Main), data[:len(data)-60])
	n.run(100 * time.Millisecond)
	p.Sig, p.Hops = p.Sig[:4], 2
	want, err := wire.Append(nil, p)
	require.NoError(t, err)
	require.Equal(t, want, ends[0].got[len(ends[0].got)-1].data)
}

// A false packet does not keep the true one out, and the third copy finds a gate.
func TestAFalseBodyDoesNotBlock(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	ends[0].meet(s)
	ends[1].meet(s)
	truth := publishPacket("the truth", nil)
	lie := publishPacket("a lie", func(p *wire.Packet) { p.PacketID = truth.PacketID })
	for _, p := range []*wire.Packet{lie, truth, lie, truth} {
		ends[1].sendPacket(peer.Main, s.at(peer.Main), p)
	}
	n.run(100 * time.Millisecond)
	got := ends[0].gotType(wire.Publish)
	require.Len(t, got, 1)
	require.Equal(t, "the truth", string(got[0].Message))
}

// LAT-ID-005, with the recorded message, in all orders, each fragment twice.
func TestFragmentsInAllOrders(t *testing.T) {
	var composition struct{ Fragments []string }
	observed(t, "composition", &composition)
	require.Len(t, composition.Fragments, 4)
	var orders [][]int
	var permute func(order, rest []int)
	permute = func(order, rest []int) {
		if len(rest) == 0 {
			orders = append(orders, slices.Clone(order))
		}
		for i, x := range rest {
			permute(append(order, x), append(slices.Clone(rest[:i]), rest[i+1:]...))
		}
	}
	permute(nil, []int{0, 1, 2, 3})
	require.Len(t, orders, 24)
	for _, order := range orders {
		n := newNetwork(t)
		a, eve := n.leaf("alice", 0, nil), n.host("eve")
		for _, i := range order {
			data, err := hex.DecodeString(composition.Fragments[i])
			require.NoError(t, err)
			eve.send(peer.Main, a.at(peer.Main), data)
			eve.send(peer.Main, a.at(peer.Main), data)
		}
		n.run(time.Second)
		require.Equal(t, 1, a.count(peer.Packet, nil), order)
		require.Equal(t, 1, a.count(peer.Packet, func(e peer.Event) bool { return e.Opened && e.Verified }), order)
		require.Equal(t, 4, a.peer.Cache().Len())
	}
}

// LAT-REPL-005: for a joined subcluster an event without the message, for others none.
func TestWhatDoesNotOpen(t *testing.T) {
	n := newNetwork(t)
	a, eve := n.leaf("alice", 0, nil), n.host("eve")
	other := seal.NewKeys(seal.SharedKey("other"))
	for _, k := range []seal.Keys{subKeys, other} {
		for _, m := range []string{words(200), "x", ""} {
			eve.sendPacket(peer.Main, a.at(peer.Main), publishPacket(m+string(k.SubclusterID[:1]), func(p *wire.Packet) { p.SubclusterID = k.SubclusterID[:] }))
		}
	}
	n.run(time.Second)
	require.Equal(t, 3, a.count(peer.Packet, func(e peer.Event) bool { return !e.Opened && e.Message == nil }))
	require.Equal(t, 3, a.count(peer.Packet, nil))
	require.Equal(t, 6, a.peer.Cache().Len())
}

// A subcluster that is joined late gets what was cached before.
func TestJoiningLate(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(2)
	a := n.leaf("alice", 0, list)
	b := n.host("bob").start(peer.Config{Bootstrap: list})
	n.run(4 * time.Second)
	a.publish("short")
	a.publish(words(2000))
	n.run(time.Second)
	require.Equal(t, a.peer.Cache().Len(), b.peer.Cache().Len())
	require.Zero(t, b.count(peer.Packet, nil))
	b.peer.Join(n.Now, subKeys)
	b.drain()
	n.run(time.Second)
	require.Equal(t, 1, b.received("short"))
	require.Equal(t, 1, b.received(words(2000)))
	require.Equal(t, 2, b.count(peer.Packet, nil))
}

// LAT-BUDG-001, LAT-BUDG-002.
func TestExpiry(t *testing.T) {
	n, s, ends := lab(t, "carol")
	ends[0].sendPacket(peer.Main, s.at(peer.Main), publishPacket("a minute", func(p *wire.Packet) { p.TTL = 60_000 }))
	ends[0].sendPacket(peer.Main, s.at(peer.Main), publishPacket("a day", func(p *wire.Packet) { p.TTL = 86_400_000 }))
	n.run(30 * time.Second)
	require.Equal(t, 2, s.peer.Cache().Len())
	n.run(40 * time.Second)
	require.Equal(t, 1, s.peer.Cache().Len())
	n.run(6 * time.Hour)
	require.Equal(t, 0, s.peer.Cache().Len())
}

func ids(h *host) (list []string) {
	for e := range h.peer.Cache().All() {
		list = append(list, wire.ID(e.ID).String())
	}
	slices.Sort(list)
	return list
}

// fill puts publishes key from to below to into a peer's cache, as from a peer that has gone.
func (h *host) fill(n *network, from, to int) {
	author := n.host("author")
	for i := from; i < to; i++ {
		author.sendPacket(peer.Main, h.at(peer.Main), publishPacket(fmt.Sprint("key-", i), func(p *wire.Packet) { p.Hops = 16 }))
	}
	n.run(100 * time.Millisecond)
	author.ip = author.ip.Next()
	n.hosts = n.hosts[:len(n.hosts)-1]
}

// LAT-SYNC-003 to LAT-SYNC-006: as in the recorded negotiation, 25 and 25 keys of which 10 are
// shared end as 40.
func TestSyncOfDisjointCaches(t *testing.T) {
	for _, size := range []int{25, 300} {
		n := newNetwork(t)
		a := n.host("alice").start(peer.Config{Indexed: true})
		b := n.host("bob").start(peer.Config{Indexed: true, Bootstrap: []peer.Bootstrap{{ID: id("alice"), Addr: a.at(peer.Main)}}})
		b.cut(true)
		a.fill(n, 0, size)
		b.cut(false)
		a.cut(true)
		b.fill(n, size*3/5, size*8/5)
		a.cut(false)
		require.Len(t, ids(a), size)
		require.Len(t, ids(b), size)
		start := len(n.log)
		n.within(5*k, "synced", func() bool { return len(ids(a)) == size*8/5 && len(ids(b)) == size*8/5 })
		n.run(time.Second)
		require.Equal(t, ids(a), ids(b))
		data, syncs := 0, 0
		for _, d := range n.log[start:] {
			switch d.packet().Type {
			case wire.Publish:
				data++
			case wire.Sync:
				syncs++
			}
		}
		require.Equal(t, size*6/5, data, "each that is missing once, nothing twice")
		if size == 25 {
			require.LessOrEqual(t, syncs, 36, "as many as deployed peers need, although both start")
		}
	}
}

// LAT-SYNC-004.
func TestSyncOfEqualCaches(t *testing.T) {
	n, s, ends := lab(t, "eve")
	s.fill(n, 0, 40)
	ends[0].meet(s)
	n.run(50 * time.Millisecond)
	own := ends[0].gotType(wire.Sync)
	require.Len(t, own, 1, "LAT-SYNC-003: at first contact")
	require.Equal(t, fmt.Sprint(n.Now.Add(-6 * time.Hour).UnixMilli())[:9], string(own[0].Usr4)[:9])
	summary, err := cache.DecodeSummary(own[0].Message)
	require.NoError(t, err)
	require.Equal(t, s.peer.Cache().Summary(n.Now, cache.Prefix{}), summary)
	before := len(s.sent(func(datagram, wire.Packet) bool { return true }))
	p := wire.NewPacket(wire.Sync)
	p.Message = own[0].Message
	ends[0].sendPacket(peer.Main, s.at(peer.Main), &p)
	n.run(time.Second)
	require.Len(t, s.sent(func(datagram, wire.Packet) bool { return true }), before)
}

// LAT-SYNC-007: a stranger's sync is held, and answered when it is verified; deployed peers send
// one at first contact and never again.
func TestSyncIsHeldUntilVerified(t *testing.T) {
	n, s, ends := lab(t, "eve")
	s.fill(n, 0, 40)
	p := wire.NewPacket(wire.Sync)
	empty := cache.New(1).Summary(n.Now, cache.Prefix{})
	p.Message = empty.Append(nil)
	ends[0].sendPacket(peer.Main, s.at(peer.Main), &p)
	n.run(time.Second)
	require.Len(t, ends[0].gotType(wire.Publish), 40)
}

// What one sync makes a peer send is paced, and bounded per minute.
func TestSyncIsPaced(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true})
	eve := n.host("eve")
	for i := range 2000 {
		if i%1000 == 0 {
			n.run(time.Minute)
		}
		s.peer.Receive(n.Now, peer.Main, eve.at(peer.Main), encoded(t, publishPacket(fmt.Sprint(i), nil)))
		s.drain()
	}
	require.Equal(t, 2000, s.peer.Cache().Len())
	p := wire.NewPacket(wire.Sync)
	empty := cache.New(1).Summary(n.Now, cache.Prefix{})
	p.Message = empty.Append(nil)
	eve.sendPacket(peer.Main, s.at(peer.Main), &p)
	n.run(100 * time.Millisecond)
	first := len(eve.gotType(wire.Publish))
	require.Greater(t, first, 40)
	require.LessOrEqual(t, first, 110)
	n.run(59 * time.Second)
	require.LessOrEqual(t, len(eve.gotType(wire.Publish)), 1024)
	n.run(5 * time.Minute)
	require.Len(t, eve.gotType(wire.Publish), 2000)
}

func encoded(t testing.TB, p *wire.Packet) []byte {
	data, err := wire.Append(nil, p)
	require.NoError(t, err)
	return data
}

// LAT-SYNC-006: what was published while a member was away, or before it came, by an author that
// has gone.
func TestAMemberThatWasAwayGetsWhatItMissed(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	b := n.leaf("bob", nattype.PortRestricted, list)
	n.run(4 * time.Second)
	b.publish("written before")
	b.publish(strings.Repeat("and once more ", 200))
	n.run(time.Second)
	b.peer.Stop(n.Now)
	b.drain()
	n.run(k)
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.within(5*time.Second, "got it", func() bool {
		return a.received("written before") == 1 && a.received(strings.Repeat("and once more ", 200)) == 1
	})
	n.run(2 * k)
	require.Equal(t, 2, a.count(peer.Packet, nil))
}

// What is lost on the way is found by the heartbeats that follow.
func TestLossIsRepaired(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	b := n.leaf("bob", nattype.PortRestricted, list)
	n.run(2 * k)
	lost := 0
	n.lost = func(d datagram) bool {
		if d.packet().Type == wire.Publish && lost < 30 {
			lost++
			return true
		}
		return false
	}
	a.publish(words(3000))
	n.run(time.Second)
	require.Zero(t, b.received(words(3000)))
	n.within(8*k, "repaired", func() bool { return b.received(words(3000)) == 1 })
	n.run(2 * k)
	syncs := len(a.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Sync }))
	n.run(10 * k)
	require.Equal(t, ids(a), ids(b))
	require.Len(t, a.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Sync }), syncs, "equal caches are left in peace")
}
