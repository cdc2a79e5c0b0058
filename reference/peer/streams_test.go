package peer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// meeting is two leaves that are connected.
func meeting(t *testing.T) (n *network, a, b *host) {
	n = newNetwork(t)
	_, list := n.indexed(3)
	a = n.leaf("alice", nattype.PortRestricted, list)
	b = n.leaf("bob", nattype.AddrRestricted, list)
	n.within(3*k, "both are connected", func() bool { return a.connectedTo(b) && b.connectedTo(a) })
	return n, a, b
}

func (h *host) stream(to *host, message string) {
	h.net.t.Helper()
	require.NoError(h.net.t, h.peer.Stream(h.net.Now, peer.Streaming{PeerID: id(to.name), Subcluster: subKeys.SubclusterID, Event: "hello", Message: []byte(message)}))
	h.drain()
}

func (h *host) streamed(message string) int {
	return h.count(peer.Stream, func(e peer.Event) bool { return string(e.Message) == message })
}

// streamPackets are the packets of a message from one host to another.
func streamPackets(t testing.TB, from, to *host, message string, ts time.Time) (datagrams [][]byte) {
	sealed, err := seal.Seal(seeded(message+from.name), subKeys, []byte(message))
	require.NoError(t, err)
	source, destination := id(from.name), id(to.name)
	template := wire.NewPacket(wire.Stream)
	template.ClusterID, template.SubclusterID = clusterID[:], subKeys.SubclusterID[:]
	template.Usr3, template.Usr4 = destination[:], source[:]
	packets, err := wire.Split(template, sealed, nil, ts.UnixMilli())
	require.NoError(t, err)
	for i := range packets {
		datagrams = append(datagrams, encoded(t, &packets[i]))
	}
	return datagrams
}

// LAT-STRM-001, LAT-STRM-003, LAT-STRM-004.
func TestStreaming(t *testing.T) {
	for _, size := range []int{0, 1, 864, 865, 100_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			n, a, b := meeting(t)
			start := n.Now
			a.stream(b, words(size))
			n.run(2 * time.Second)
			require.Equal(t, 1, b.streamed(words(size)))
			require.Equal(t, 1, b.count(peer.Stream, nil))
			for _, e := range b.events {
				if e.Kind == peer.Stream {
					event := seal.EventID("hello")
					require.Equal(t, event[:], e.EventID)
					require.Equal(t, id("alice"), e.PeerID)
					require.Equal(t, wire.ID(subKeys.SubclusterID), e.SubclusterID)
					require.Equal(t, wire.ID(clusterID), e.ClusterID)
					require.False(t, e.Verified, "it is not signed")
				}
			}
			streams := a.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Stream })
			for _, d := range streams {
				p := d.packet()
				require.Zero(t, p.Hops)
				require.Equal(t, seal.PeerID("bob"), [32]byte(p.Usr3))
				require.Equal(t, seal.PeerID("alice"), [32]byte(p.Usr4))
				within := 0
				for _, other := range streams {
					if !other.at.Before(d.at) && other.at.Before(d.at.Add(10*time.Millisecond)) {
						within++
					}
				}
				require.LessOrEqual(t, within, 12, "in 10 ms")
			}
			require.True(t, len(streams) < 90 || streams[len(streams)-1].at.Sub(start) > 250*time.Millisecond)
			require.Zero(t, b.peer.Cache().Len())
		})
	}
}

func TestStreamingIsRefused(t *testing.T) {
	n, a, b := meeting(t)
	to := func(name string) peer.Streaming {
		return peer.Streaming{PeerID: id(name), Subcluster: subKeys.SubclusterID}
	}
	require.ErrorIs(t, a.peer.Stream(n.Now, to("nobody")), peer.ErrUnknown)
	require.ErrorIs(t, a.peer.Stream(n.Now, to("alice")), peer.ErrUnknown)
	require.ErrorIs(t, a.peer.Stream(n.Now, peer.Streaming{PeerID: id("bob")}), peer.ErrNotJoined)
	long := to("bob")
	long.Message = make([]byte, 1<<20+1)
	require.ErrorIs(t, a.peer.Stream(n.Now, long), peer.ErrTooLong)
	long.Message = long.Message[1:]
	var err error
	accepted := 0
	for ; err == nil; accepted++ {
		err = a.peer.Stream(n.Now, long)
	}
	require.ErrorIs(t, err, peer.ErrBusy)
	require.Equal(t, 8, accepted, "7 of 1 MiB wait, and one is too much")
	n.run(25 * time.Second)
	require.Equal(t, 7, b.count(peer.Stream, nil))
	require.NoError(t, a.peer.Stream(n.Now, long), "there is room again")
	a.peer.Stop(n.Now)
	require.ErrorIs(t, a.peer.Stream(n.Now, to("bob")), peer.ErrClosed)
}

// LAT-STRM-006: neither of two symmetric peers can reach the other.
func TestStreamingThroughAProxy(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(3)
	a := n.leaf("alice", nattype.EndpointRestricted, list)
	b := n.leaf("bob", nattype.EndpointRestricted, list)
	n.within(2*k, "connected", func() bool { return a.connectedTo(b) && b.connectedTo(a) })
	a.stream(b, words(5000))
	b.stream(a, words(6000))
	n.run(time.Second)
	require.Equal(t, 1, b.streamed(words(5000)))
	require.Equal(t, 1, a.streamed(words(6000)))
	relayed := 0
	for _, i := range indexed {
		relayed += len(i.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Stream && p.Hops == 1 }))
	}
	require.Equal(t, 1+6+1+7, relayed)
}

// LAT-STRM-010, LAT-STRM-012: in one moment, of one length, to several peers.
func TestStreamingTheSame(t *testing.T) {
	n, a, b := meeting(t)
	c := n.leaf("carol", nattype.Unrestricted, a.config.Bootstrap)
	n.within(3*k, "connected", func() bool { return a.connectedTo(c) })
	for range 3 {
		a.stream(b, words(3000))
		a.stream(c, words(3000))
	}
	a.stream(b, words(2984)+"another message!")
	n.run(time.Second)
	require.Equal(t, 3, b.streamed(words(3000)))
	require.Equal(t, 3, c.streamed(words(3000)))
	require.Equal(t, 1, b.streamed(words(2984)+"another message!"))
}

// LAT-STRM-005: shuffled, doubled, from several sources, of one size and time, between the packets
// of messages that never become whole.
func TestStreamsInAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		n := newNetwork(t)
		a := n.leaf("alice", 0, nil)
		random := rand.New(rand.NewPCG(seed, 1))
		var all [][]byte
		var ends []*host
		for i := range 5 {
			h := n.host(fmt.Sprint("end", i))
			ends = append(ends, h)
			whole := streamPackets(t, h, a, fmt.Sprint(i, words(5000)), n.Now)
			all = append(append(all, whole...), whole...)
			all = append(all, streamPackets(t, h, a, fmt.Sprint(i, words(7000)), n.Now)[1:]...)
			all = append(all, streamPackets(t, h, a, fmt.Sprint(i, words(8000)), n.Now)[:4]...)
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i, d := range all {
			ends[i%5].send(peer.Main, a.at(peer.Main), d) // whoever brings it
		}
		n.run(time.Second)
		for i := range 5 {
			require.Equal(t, 1, a.streamed(fmt.Sprint(i, words(5000))), "seed %d", seed)
		}
		require.Equal(t, 5, a.count(peer.Stream, nil))
		require.Equal(t, 10, sizeOf(t, a.peer, "assembling"))
		n.run(3 * k)
		require.Zero(t, sizeOf(t, a.peer, "assembling"), "what stays incomplete is given up")
		require.Zero(t, sizeOf(t, a.peer, "assembling.parts.datagram"))
	}
}

func sizeOf(t testing.TB, p *peer.Peer, name string) int {
	for _, s := range p.Sizes() {
		if s.Name == name {
			return s.Have
		}
	}
	require.Fail(t, "no size is named "+name)
	return 0
}

// Forged fragments are there first, of each index and with the ids of a chain.
func TestForgedFragments(t *testing.T) {
	n := newNetwork(t)
	a, eve := n.leaf("alice", 0, nil), n.host("eve")
	packets := streamPackets(t, eve, a, words(3000), n.Now)
	previous := wire.ID{}
	for i, d := range packets {
		var p wire.Packet
		require.True(t, wire.Decode(&p, d).OK())
		if i == 0 {
			previous = wire.ID(p.PacketID)
			continue
		}
		p.Message = bytes.Repeat([]byte{byte(i)}, len(p.Message))
		forged := wire.FragmentID(previous, p.Message)
		p.PacketID, p.NextID = forged[:], nil
		eve.sendPacket(peer.Main, a.at(peer.Main), &p)
		previous = forged
	}
	for _, d := range packets {
		eve.send(peer.Main, a.at(peer.Main), d)
	}
	n.run(time.Second)
	require.Equal(t, 1, a.streamed(words(3000)))
}

// LAT-STRM-013, LAT-STRM-011, and what is for a subcluster that is not joined.
func TestStreamsThatAreNotDelivered(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(p *wire.Packet)
	}{
		{"a false id", func(p *wire.Packet) { p.PacketID = bytes.Repeat([]byte{1}, 32) }},
		{"a short id", func(p *wire.Packet) { p.PacketID = []byte{1} }},
		{"not sealed", func(p *wire.Packet) { p.Message = []byte(words(300)) }},
		{"another subcluster", func(p *wire.Packet) { p.SubclusterID = bytes.Repeat([]byte{1}, 32) }},
		{"no source", func(p *wire.Packet) { p.Usr4 = nil }},
		{"the subject's own name", func(p *wire.Packet) { p.Usr4 = bytes.Clone(p.Usr3) }},
		{"a head that is null", func(p *wire.Packet) { p.Index, p.Message = 0, []byte("null") }},
		{"a head of an endless message", func(p *wire.Packet) {
			p.Index, p.Message = 0, []byte(`{"meta":{},"ts":1,"size":3000000,"indexes":2930}`)
		}},
		{"a fragment of nothing", func(p *wire.Packet) { p.Index = 1 }},
		{"the last fragment of all", func(p *wire.Packet) { p.Index = 1<<31 - 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			a, eve := n.leaf("alice", 0, nil), n.host("eve")
			var p wire.Packet
			require.True(t, wire.Decode(&p, streamPackets(t, eve, a, "hello", n.Now)[0]).OK())
			c.edit(&p)
			if sum := wire.MessageID(p.Message); len(p.PacketID) == 32 && p.PacketID[0] != 1 {
				p.PacketID = sum[:]
			}
			eve.sendPacket(peer.Main, a.at(peer.Main), &p)
			n.run(time.Second)
			require.Zero(t, a.count(peer.Stream, nil))
			require.Zero(t, sizeOf(t, a.peer, "assembling"))
			require.Empty(t, eve.gotType(wire.Stream))
			eve.send(peer.Main, a.at(peer.Main), streamPackets(t, eve, a, "hello", n.Now)[0])
			n.run(time.Second)
			require.Equal(t, 1, a.streamed("hello"))
		})
	}
}

// Strangers can't use up the room for what others send.
func TestStrangersGiveWay(t *testing.T) {
	n := newNetwork(t)
	a := n.host("alice").start(peer.Config{Limits: peer.Limits{StreamLimits: peer.StreamLimits{AssemblyBytes: 60_000, Assembling: 8}, ReplicationLimits: peer.ReplicationLimits{PerMinute: 1000}}})
	a.peer.Join(n.Now, subKeys)
	bob, eve := n.host("bob"), n.host("eve")
	bob.meet(a)
	packets := streamPackets(t, bob, a, words(8000), n.Now)
	for _, d := range packets[1:] {
		bob.send(peer.Main, a.at(peer.Main), d)
	}
	n.run(50 * time.Millisecond)
	for i := range 100 {
		eve.mute = true
		for _, d := range streamPackets(t, eve, a, fmt.Sprint(i, words(2000)), n.Now)[1:] {
			eve.send(peer.Main, a.at(peer.Main), d)
		}
		n.run(20 * time.Millisecond)
		require.NoError(t, peer.CheckBounds(a.peer))
	}
	require.Equal(t, 8, sizeOf(t, a.peer, "assembling"))
	bob.send(peer.Main, a.at(peer.Main), packets[0])
	n.run(50 * time.Millisecond)
	require.Equal(t, 1, a.streamed(words(8000)))
}

// LAT-STRM-006 to LAT-STRM-009.
func TestRelayingStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(p *wire.Packet)
		hops uint32 // relayed with; 0: not
	}{
		{"a stranger's", nil, 1},
		{"as a deployed relay sends it on", func(p *wire.Packet) { p.Hops = 0 }, 1},
		{"15 hops", func(p *wire.Packet) { p.Hops = 15 }, 16},
		{"16 hops", func(p *wire.Packet) { p.Hops = 16 }, 0},
		{"most hops", func(p *wire.Packet) { p.Hops = 1<<32 - 1 }, 0},
		{"for nobody", func(p *wire.Packet) { p.Usr3 = bytes.Repeat([]byte{1}, 32) }, 0},
		{"for its source", func(p *wire.Packet) { p.Usr3 = bytes.Clone(p.Usr4) }, 0},
		{"a false id", func(p *wire.Packet) { p.PacketID = bytes.Repeat([]byte{1}, 32) }, 0},
		{"a head that is null", func(p *wire.Packet) { p.Index, p.Message, p.PacketID = 0, []byte("null"), nil }, 0},
		{"a head", func(p *wire.Packet) {
			p.Index, p.Message, p.PacketID = 0, []byte(`{"meta":{},"ts":1,"size":5,"indexes":1}`), nil
		}, 1},
		{"a fragment", func(p *wire.Packet) { p.Index = 2 }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "bob", "carol", "dave")
			for _, h := range ends {
				h.meet(s)
			}
			bob, carol, dave := ends[0], ends[1], ends[2]
			var p wire.Packet
			require.True(t, wire.Decode(&p, streamPackets(t, carol, bob, "hello", n.Now)[0]).OK())
			if c.edit != nil {
				c.edit(&p)
			}
			if p.PacketID == nil {
				sum := wire.MessageID(p.Message)
				p.PacketID = sum[:]
			}
			data := append(encoded(t, &p), 1, 2, 3)
			for range 3 {
				carol.send(peer.Main, s.at(peer.Main), data)
				n.run(50 * time.Millisecond)
			}
			got := bob.gotType(wire.Stream)
			require.Empty(t, carol.gotType(wire.Stream))
			require.Empty(t, dave.gotType(wire.Stream))
			require.Zero(t, s.peer.Cache().Len())
			if c.hops == 0 {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1, "LAT-STRM-007")
			wire.PatchHops(data, c.hops)
			require.Equal(t, data[:len(data)-3], bob.got[len(bob.got)-1].data)
			// The same content from another source, or for another peer, is another packet.
			other := id("dave")
			p.Usr4 = other[:]
			carol.sendPacket(peer.Main, s.at(peer.Main), &p)
			p.Usr3 = other[:]
			carol.sendPacket(peer.Main, s.at(peer.Main), &p)
			n.run(50 * time.Millisecond)
			require.Len(t, bob.gotType(wire.Stream), 2)
			require.Len(t, dave.gotType(wire.Stream), 1)
		})
	}
}

// LAT-STRM-009: what a stranger sends waits until it has answered.
func TestAStrangersStreamIsHeld(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	ends[0].meet(s)
	ends[1].mute = true
	ends[1].send(peer.Main, s.at(peer.Main), streamPackets(t, ends[1], ends[0], "hello", n.Now)[0])
	n.run(4 * time.Second)
	require.Empty(t, ends[0].gotType(wire.Stream))
	require.LessOrEqual(t, s.bytesTo(ends[1].ip), 3*504)
	ends[1].mute = false
	ends[1].send(peer.Main, s.at(peer.Main), streamPackets(t, ends[1], ends[0], "hello", n.Now)[0])
	n.run(time.Second)
	require.Len(t, ends[0].gotType(wire.Stream), 1)
}

// LAT-STRM-007: two relays, of which each takes the other for the way to a third peer. Whoever
// stands at its address sends everything on to the other relay.
func TestTwoRelaysDoNotLoop(t *testing.T) {
	n := newNetwork(t)
	relays, _ := n.indexed(2)
	first, second, carol := n.host("bob"), n.host("bob"), n.host("carol")
	first.meet(relays[0])
	second.meet(relays[1])
	carol.meet(relays[0])
	n.run(100 * time.Millisecond)
	onward := map[*host]*host{first: relays[1], second: relays[0]}
	passed := map[*host]int{}
	carol.send(peer.Main, relays[0].at(peer.Main), streamPackets(t, carol, first, "round and round", n.Now)[0])
	for range 100 {
		n.run(20 * time.Millisecond)
		for _, h := range []*host{first, second} {
			for _, p := range h.gotType(wire.Stream)[passed[h]:] {
				passed[h]++
				h.sendPacket(peer.Main, onward[h].at(peer.Main), &p)
			}
		}
	}
	require.Equal(t, 1, passed[first])
	require.Equal(t, 1, passed[second])
}

// One source can't have streams relayed without end.
func TestRelayedStreamsAreCounted(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true, Limits: peer.Limits{StreamLimits: peer.StreamLimits{StreamsPerMinute: 50}}})
	bob, carol := n.host("bob"), n.host("carol")
	bob.meet(s)
	carol.meet(s)
	for i := range 100 {
		carol.send(peer.Main, s.at(peer.Main), streamPackets(t, carol, bob, fmt.Sprint(i), n.Now)[0])
	}
	n.run(time.Second)
	require.Len(t, bob.gotType(wire.Stream), 50)
	n.run(time.Minute)
	carol.send(peer.Main, s.at(peer.Main), streamPackets(t, carol, bob, "again", n.Now)[0])
	n.run(time.Second)
	require.Len(t, bob.gotType(wire.Stream), 51)
}

// relaying is an indexed peer that knows an author and a destination, and streams of the one for
// the other.
func relaying(t testing.TB, different int) (p *peer.Peer, now time.Time, from netip.AddrPort, datagrams [][]byte) {
	n := newNetwork(nil)
	s, author, destination := n.host("s"), n.host("author"), n.host("destination")
	p = peer.New(n.Now, peer.Config{ID: id("s"), Indexed: true, Keepalive: k, Random: seeded("s"), Limits: peer.Limits{StreamLimits: peer.StreamLimits{StreamsPerMinute: 1 << 40, Relayed: 1024}}})
	var o peer.Output
	drain := func() (question wire.EchoID) {
		for p.Poll(&o) {
			var sent wire.Packet
			if o.Op == peer.Send && wire.Decode(&sent, o.Data).OK() && sent.Type == wire.Ping {
				question = sent.Body.PingID
			}
		}
		return question
	}
	p.Opened(n.Now, peer.Main, s.at(peer.Main), nil)
	p.Opened(n.Now, peer.Probe, s.at(peer.Probe), nil)
	for i := range 200 { // known to it besides
		h := &host{net: n, name: fmt.Sprint(i), ip: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})}
		connect(t, p, n.Now, h, drain)
	}
	for _, h := range []*host{author, destination} {
		connect(t, p, n.Now, h, drain)
	}
	require.Len(t, p.Peers(), 202)
	for i := range different {
		datagrams = append(datagrams, streamPackets(t, author, destination, words(800)+fmt.Sprint(i), n.Now)...)
	}
	require.Len(t, datagrams, different)
	return p, n.Now, author.at(peer.Main), datagrams
}

// connect makes a scripted end known to a peer that no network moves.
func connect(t testing.TB, p *peer.Peer, now time.Time, h *host, drain func() wire.EchoID) {
	ping := wire.NewPacket(wire.Ping)
	ping.Body = wire.Body{
		Keys: wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id(h.name), IsConnection: true, NATType: 31,
	}
	p.Receive(now, peer.Main, h.at(peer.Main), encoded(t, &ping))
	pong := wire.NewPacket(wire.Pong)
	pong.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyPingID,
		RequesterPeerID: id("s"), ResponderPeerID: id(h.name), PingID: drain(),
	}
	p.Receive(now, peer.Main, h.at(peer.Main), encoded(t, &pong))
	drain()
}

// To relay a stream allocates nothing.
func TestRelayingAStreamAllocatesNothing(t *testing.T) {
	p, now, from, datagrams := relaying(t, 2000)
	var o peer.Output
	i, relayed := 0, 0
	for range 1500 { // the tables fill, and stay as they are
		p.Receive(now, peer.Main, from, datagrams[i])
		i++
		for p.Poll(&o) {
		}
	}
	allocations := testing.AllocsPerRun(400, func() {
		p.Receive(now, peer.Main, from, datagrams[i])
		i++
		for p.Poll(&o) {
			relayed++
		}
	})
	require.Zero(t, allocations)
	require.Equal(t, 401, relayed)
}

// A stream of 800 bytes of one peer for another, among 200 that are known.
func BenchmarkRelayStream(b *testing.B) {
	const different = 5000 // more than Relayed remembers
	p, now, from, datagrams := relaying(b, different)
	var o peer.Output
	relayed := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(datagrams[0])))
	for i := 0; b.Loop(); i++ {
		p.Receive(now, peer.Main, from, datagrams[i%different])
		for p.Poll(&o) {
			relayed++
		}
	}
	b.ReportMetric(float64(relayed)/float64(b.N), "relayed/op")
}
