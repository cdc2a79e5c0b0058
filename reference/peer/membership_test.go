package peer_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// lab is a subject that is a bootstrap peer, and scripted ends.
func lab(t *testing.T, names ...string) (n *network, subject *host, ends []*host) {
	n = newNetwork(t)
	indexed, _ := n.indexed(1)
	for _, name := range names {
		ends = append(ends, n.host(name))
	}
	return n, indexed[0], ends
}

// LAT-TRAV-003: every cell whose strategies are direct or defer, in both orders.
func TestLeavesConnect(t *testing.T) {
	types := []nattype.Type{31, 15, 7, 5}
	for _, x := range types {
		for _, y := range types {
			if s := nattype.Choose(x, y); s > nattype.Direct {
				continue
			}
			for _, gap := range []time.Duration{0, 3 * time.Second} {
				t.Run(fmt.Sprintf("%d meets %d after %v", x, y, gap), func(t *testing.T) {
					n := newNetwork(t)
					_, list := n.indexed(3)
					a := n.leaf("alice", x, list)
					n.run(gap)
					b := n.leaf("bob", y, list)
					both := func() bool { return a.connectedTo(b) && b.connectedTo(a) }
					n.within(5*time.Second, "connected", both)
					require.True(t, a.reaches(b) && b.reaches(a))
					a.publish("from alice")
					b.publish("from bob")
					n.within(time.Second, "delivered", func() bool { return b.received("from alice") == 1 && a.received("from bob") == 1 })
					n.run(4 * k)
					require.True(t, both(), "still connected")
					require.Zero(t, a.count(peer.Disconnection, nil)+b.count(peer.Disconnection, nil))
					require.Equal(t, 1, b.received("from alice"))
					require.Equal(t, 1, a.received("from bob"))
				})
			}
		}
	}
}

// LAT-MEMB-002, LAT-MEMB-003, LAT-MEMB-004, LAT-MEMB-005, LAT-MEMB-008.
func TestAJoinIsIntroducedAndRelayed(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	bob, carol := ends[0], ends[1]
	bob.meet(s)
	carol.meet(s)
	join := carol.joinPacket(func(p *wire.Packet) { p.Body.Address = netip.MustParseAddr("192.0.2.66") })
	carol.sendPacket(peer.Main, s.at(peer.Main), join)
	carol.sendPacket(peer.Main, s.at(peer.Main), join)
	n.run(100 * time.Millisecond)

	intros := bob.gotType(wire.Intro)
	require.Len(t, intros, 1)
	b := intros[0].Body
	require.Equal(t, id("carol"), b.RequesterPeerID)
	require.Equal(t, id(s.name), b.ResponderPeerID)
	require.Equal(t, carol.ip, b.Address, "the observed address, not the claimed one")
	require.Equal(t, uint16(5001), b.Port)
	require.Equal(t, wire.KeyRequesterPeerID|wire.KeyResponderPeerID|wire.KeyIsRendezvous|wire.KeyNATType|wire.KeyAddress|wire.KeyPort, b.Keys)
	require.False(t, b.IsRendezvous)
	require.Equal(t, fmt.Sprint(epoch.UnixMilli()), string(intros[0].Usr1)[:10]+"000")
	require.Equal(t, uint32(2), intros[0].Hops)
	intros = carol.gotType(wire.Intro)
	require.Len(t, intros, 1)
	require.Equal(t, id("bob"), intros[0].Body.RequesterPeerID)
	require.Equal(t, bob.ip, intros[0].Body.Address)

	joins := bob.gotType(wire.Join)
	require.Len(t, joins, 1)
	original, err := wire.Append(nil, join)
	require.NoError(t, err)
	var sent wire.Packet
	require.True(t, wire.Decode(&sent, original).OK())
	require.Equal(t, sent.PacketID, joins[0].PacketID)
	require.Equal(t, uint32(2), joins[0].Hops)
	r := joins[0].Body
	require.Equal(t, s.ip, r.RendezvousAddress)
	require.Equal(t, uint16(5001), r.RendezvousPort)
	require.Equal(t, 31, r.RendezvousType)
	require.Equal(t, id(s.name), r.RendezvousPeerID)
	require.Greater(t, r.RendezvousDeadline, n.Now.UnixMilli())
	require.Empty(t, carol.gotType(wire.Join))
	require.Empty(t, s.sent(func(d datagram, _ wire.Packet) bool { return d.to.Addr() == netip.MustParseAddr("192.0.2.66") }))

	// The same packetId is handled again with the next keepalive.
	n.run(k)
	carol.sendPacket(peer.Main, s.at(peer.Main), join)
	n.run(100 * time.Millisecond)
	require.Len(t, bob.gotType(wire.Join), 2)
}

func TestJoinsThatAreNotPassedOn(t *testing.T) {
	for _, c := range []struct {
		name           string
		edit           func(p *wire.Packet)
		relays, intros int
	}{
		{name: "15 hops", edit: func(p *wire.Packet) { p.Hops = 15 }, relays: 1},
		{name: "16 hops", edit: func(p *wire.Packet) { p.Hops = 16 }},
		{name: "most hops", edit: func(p *wire.Packet) { p.Hops = 1<<32 - 1 }},
		{name: "two hops: the requester was not seen", edit: func(p *wire.Packet) { p.Hops = 2 }, relays: 1},
		{name: "somebody else's, with one hop", edit: func(p *wire.Packet) { p.Body.RequesterPeerID = id("dave") }, relays: 1},
		{name: "an index", edit: func(p *wire.Packet) { p.Index = 1 }},
		{name: "no cluster", edit: func(p *wire.Packet) { p.ClusterID = nil }},
		{name: "a rendezvous that is over", edit: func(p *wire.Packet) {
			p.Body.Keys |= wire.KeyRendezvousDeadline
			p.Body.RendezvousDeadline = epoch.UnixMilli() - 1
		}},
		{name: "no hops", edit: func(p *wire.Packet) { p.Hops = 0 }, relays: 1, intros: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "bob", "carol")
			ends[0].meet(s)
			ends[1].meet(s)
			ends[1].sendPacket(peer.Main, s.at(peer.Main), ends[1].joinPacket(c.edit))
			n.run(100 * time.Millisecond)
			require.Len(t, ends[0].gotType(wire.Join), c.relays)
			require.Len(t, ends[0].gotType(wire.Intro), c.intros)
		})
	}
}

// A join reaches six peers at most and each once, its author none.
func TestMulticastTargets(t *testing.T) {
	n, s, ends := lab(t, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "carol")
	for _, e := range ends {
		e.meet(s)
	}
	carol := ends[len(ends)-1]
	carol.sendPacket(peer.Main, s.at(peer.Main), carol.joinPacket(nil))
	n.run(100 * time.Millisecond)
	total := 0
	for _, e := range ends {
		got := len(e.gotType(wire.Join))
		require.LessOrEqual(t, got, 1)
		total += got
		if e != carol {
			require.LessOrEqual(t, len(e.gotType(wire.Intro)), 1)
		}
	}
	require.Equal(t, 6, total, "they are all of the cluster")
	require.Len(t, carol.gotType(wire.Intro), 6)
	require.Empty(t, carol.gotType(wire.Join))
}

// LAT-MEMB-001, LAT-FRAME-015.
func TestOwnJoins(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.run(4 * k)
	joins := a.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Join })
	require.NotEmpty(t, joins)
	at := map[time.Time]bool{}
	for _, d := range joins {
		p := d.packet()
		require.Equal(t, uint32(1), p.Hops)
		require.Equal(t, int32(-1), p.Index)
		require.Equal(t, wire.IDMatch, wire.VerifyID(&p))
		require.Equal(t, wire.KeyRequesterPeerID|wire.KeyNATType|wire.KeyAddress|wire.KeyPort|wire.KeyKey, p.Body.Keys)
		require.Equal(t, a.peer.Info().Addr, netip.AddrPortFrom(p.Body.Address, p.Body.Port))
		at[d.at] = true
	}
	require.GreaterOrEqual(t, len(at), 5, "at the end of discovery, after it, and every K")
	p := joins[0].packet()
	require.Equal(t, "HSArWb5UJM0haa5WeZptVuJYQvbNxM5+ftEZrflrUsc=:HrpZmQGyD+9GeOj7Yfmz8ZPELrFE6ftcZr7FVJbRV5g=", string(p.Body.Key))
}

// LAT-MEMB-009, LAT-MSG-009.
func TestHeartbeats(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.run(3*k + time.Second)
	for _, i := range indexed {
		beats := a.sent(func(d datagram, p wire.Packet) bool {
			return d.to == i.at(peer.Main) && p.Type == wire.Ping && p.Body.Keys.Has(wire.KeyPingID|wire.KeyNATType)
		})
		require.Len(t, beats, 3)
		for _, d := range beats {
			p := d.packet()
			require.True(t, p.Body.IsReflection)
			require.Equal(t, 7, p.Body.NATType)
		}
	}
}

// LAT-MEMB-006: with the rendezvous' own id, which deployed members leave out.
func TestAMemberAnswersAtTheRendezvous(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(2)
	a := n.leaf("alice", nattype.PortRestricted, list)
	ronda, carol := n.host("ronda"), n.host("carol")
	n.within(2*time.Second, "a type", func() bool { return a.natType() != 0 })
	ask := func(requester string, edit func(p *wire.Packet)) {
		p := carol.joinPacket(func(p *wire.Packet) {
			p.Hops = 2
			b := &p.Body
			b.Keys |= wire.KeyRendezvousAddress | wire.KeyRendezvousPort | wire.KeyRendezvousType | wire.KeyRendezvousPeerID | wire.KeyRendezvousDeadline
			b.RequesterPeerID = id(requester)
			b.RendezvousAddress, b.RendezvousPort, b.RendezvousType = ronda.ip, 5001, 31
			b.RendezvousPeerID, b.RendezvousDeadline = id("ronda"), n.Now.Add(k).UnixMilli()
		})
		if edit != nil {
			edit(p)
		}
		carol.sendPacket(peer.Main, netip.AddrPortFrom(a.ip, 20001), p)
		n.run(200 * time.Millisecond)
	}
	a.nat.filter = 0 // let carol in
	a.nat.mappings[0].sentTo = append(a.nat.mappings[0].sentTo, carol.at(peer.Main))
	ask("dora", nil)
	answers := ronda.gotType(wire.Join)
	require.Len(t, answers, 1)
	b := answers[0].Body
	require.Equal(t, id("alice"), b.RequesterPeerID)
	require.Equal(t, id("dora"), b.RendezvousRequesterPeerID)
	require.Equal(t, id("ronda"), b.RendezvousPeerID)
	require.Equal(t, 7, b.NATType)
	require.Equal(t, uint32(0), answers[0].Hops)
	require.False(t, b.Keys.Has(wire.KeyRendezvousAddress))

	other := [32]byte{1}
	ask("emma", func(p *wire.Packet) { p.ClusterID = other[:] })
	require.Len(t, ronda.gotType(wire.Join), 1, "not a member of that cluster")

	// A join can make a member send three datagrams a K to an address, no more.
	for _, name := range []string{"f", "g", "h", "i", "j"} {
		ask(name, nil)
	}
	require.Len(t, ronda.gotType(wire.Join), 3)
}

// LAT-MEMB-007: with the rendezvous' id, and as deployed members answer, without.
func TestTheRendezvousIntroduces(t *testing.T) {
	for _, named := range []bool{true, false} {
		n, s, ends := lab(t, "bob", "carol", "dave")
		bob, carol, dave := ends[0], ends[1], ends[2]
		bob.meet(s)
		dave.meet(s)
		carol.sendPacket(peer.Main, s.at(peer.Main), carol.joinPacket(func(p *wire.Packet) {
			p.Hops = 0
			p.Body.Keys |= wire.KeyRendezvousRequesterPeerID | wire.KeyRendezvousType
			p.Body.RendezvousRequesterPeerID, p.Body.RendezvousType = id("bob"), 7
			if named {
				p.Body.Keys |= wire.KeyRendezvousPeerID
				p.Body.RendezvousPeerID = id(s.name)
			}
		}))
		n.run(200 * time.Millisecond) // it was a stranger: the join is held while it is verified
		require.Len(t, bob.gotType(wire.Intro), 1)
		require.True(t, bob.gotType(wire.Intro)[0].Body.IsRendezvous)
		require.Equal(t, id("carol"), bob.gotType(wire.Intro)[0].Body.RequesterPeerID)
		require.Len(t, carol.gotType(wire.Intro), 1)
		require.Equal(t, id("bob"), carol.gotType(wire.Intro)[0].Body.RequesterPeerID)
		require.Empty(t, dave.gotType(wire.Intro))
		require.True(t, s.connectedTo(carol))
	}
}

// introduce sends the subject an introduction.
func (h *host) introduce(to *host, target string, addr netip.AddrPort, edit func(p *wire.Packet)) {
	p := wire.NewPacket(wire.Intro)
	p.Hops = 2
	p.ClusterID, p.SubclusterID = clusterID[:], subKeys.SubclusterID[:]
	p.Usr1 = fmt.Append(nil, h.net.Now.UnixMilli())
	p.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsRendezvous | wire.KeyNATType | wire.KeyAddress | wire.KeyPort,
		RequesterPeerID: id(target), ResponderPeerID: id(h.name), NATType: 7, Address: addr.Addr(), Port: addr.Port(),
	}
	if edit != nil {
		edit(&p)
	}
	h.sendPacket(peer.Main, to.at(peer.Main), &p)
}

// LAT-TRAV-002, LAT-TRAV-004.
func TestAnIntroductionToNobody(t *testing.T) {
	n, s, ends := lab(t, "eve", "nobody")
	ends[0].meet(s)
	ends[1].mute = true
	start := n.Now
	ends[0].introduce(s, "nobody", ends[1].at(peer.Main), nil)
	n.run(4 * time.Second)
	var after []time.Duration
	for _, d := range s.sent(func(d datagram, p wire.Packet) bool { return d.to == ends[1].at(peer.Main) }) {
		p := d.packet()
		require.True(t, p.Body.IsConnection)
		require.Equal(t, 31, p.Body.NATType)
		after = append(after, d.at.Sub(start)-n.latency)
	}
	require.Equal(t, []time.Duration{0, 500 * time.Millisecond, 2000 * time.Millisecond}, after)
	require.False(t, s.connectedTo(ends[1]))
	require.Equal(t, 1, s.count(peer.Connection, nil), "eve alone")
}

// LAT-TRAV-005, LAT-TRAV-006.
func TestIntroductionsThatAreNotObeyed(t *testing.T) {
	victim := netip.MustParseAddrPort("192.0.2.66:6000")
	for _, c := range []struct {
		name string
		addr netip.AddrPort
		edit func(p *wire.Packet)
	}{
		{"old", victim, func(p *wire.Packet) { p.Usr1 = fmt.Append(nil, epoch.Add(-time.Minute).UnixMilli()) }},
		{"16 hops", victim, func(p *wire.Packet) { p.Hops = 16 }},
		{"of itself", victim, func(p *wire.Packet) { p.Body.RequesterPeerID = id("i1") }},
		{"by itself", victim, func(p *wire.Packet) { p.Body.ResponderPeerID = id("i1") }},
		{"broadcast", netip.MustParseAddrPort("255.255.255.255:6000"), nil},
		{"multicast", netip.MustParseAddrPort("224.0.0.1:6000"), nil},
		{"unspecified", netip.MustParseAddrPort("0.0.0.0:6000"), nil},
		{"loopback", netip.MustParseAddrPort("127.0.0.1:6000"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "eve")
			ends[0].meet(s)
			ends[0].introduce(s, "victim", c.addr, c.edit)
			n.run(4 * time.Second)
			require.Zero(t, s.bytesTo(c.addr.Addr()))
		})
	}
	t.Run("a stranger's", func(t *testing.T) {
		n, s, ends := lab(t, "eve")
		ends[0].introduce(s, "victim", victim, nil)
		ends[0].introduce(s, "victim", victim, nil)
		n.run(4 * time.Second)
		require.Zero(t, s.bytesTo(victim.Addr()))
	})
}

// LAT-TRAV-005: at most three pings to a target IP and K, 512 to all, 64 at a time.
func TestIntroductionsAreLimited(t *testing.T) {
	n, s, ends := lab(t, "eve")
	ends[0].meet(s)
	victim := netip.MustParseAddr("192.0.2.66")
	for i := range uint16(50) {
		ends[0].introduce(s, fmt.Sprint("victim", i), netip.AddrPortFrom(victim, 6000+i), nil)
	}
	n.run(4 * time.Second)
	require.Len(t, s.sent(func(d datagram, _ wire.Packet) bool { return d.to.Addr() == victim }), 3)

	n.run(k)
	before := len(n.log)
	for i := range 5000 {
		ip := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		ends[0].introduce(s, fmt.Sprint("other", i), netip.AddrPortFrom(ip, 6000), nil)
		n.run(time.Millisecond)
	}
	toOthers := 0
	for _, d := range n.log[before:] {
		if d.to.Addr().As4()[0] == 198 {
			toOthers++
		}
	}
	require.LessOrEqual(t, toOthers, 512)
	require.Greater(t, toOthers, 100)
}

// A peer that is known and silent is given up; a bootstrap peer stays known.
func TestSilentPeersAreGivenUp(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(2)
	a := n.leaf("alice", nattype.Unrestricted, list)
	b := n.leaf("bob", nattype.Unrestricted, list)
	n.within(5*time.Second, "connected", func() bool { return a.connectedTo(b) && a.connectedTo(indexed[0]) })
	b.peer.Stop(n.Now)
	b.drain()
	require.True(t, b.closed)
	_, any := b.peer.Next()
	require.False(t, any)
	indexed[0].peer.Stop(n.Now)
	indexed[0].drain()
	n.within(5*k, "given up", func() bool { return !a.connectedTo(b) && !a.connectedTo(indexed[0]) })
	require.Equal(t, 2, a.count(peer.Disconnection, nil))
	require.Len(t, a.peer.Peers(), 2)
	indexed[0].start(indexed[0].config)
	n.within(8*k, "the bootstrap peer is back", func() bool { return a.connectedTo(indexed[0]) && indexed[0].connectedTo(a) })
}
