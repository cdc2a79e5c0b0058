package peer_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// hard are two leaves of types 5 and 7, who are called by what they do.
func hard(t *testing.T, seed string) (n *network, connector, opener *host) {
	n = newNetwork(t)
	_, list := n.indexed(3)
	connector = n.leaf("connector"+seed, nattype.EndpointRestricted, list)
	opener = n.leaf("opener"+seed, nattype.PortRestricted, list)
	return n, connector, opener
}

// LAT-TRAV-007, LAT-TRAV-008: from the introduction to hours after.
func TestTraversalByGuessing(t *testing.T) {
	reached := 0
	for i := range 12 {
		n, c, o := hard(t, fmt.Sprint(i))
		both := func() bool { return c.reaches(o) && o.reaches(c) }
		n.until(n.Now.Add(13*time.Second), both)
		if !both() {
			continue // of 60 bursts one fails
		}
		reached++
		n.run(100 * time.Millisecond)
		pings := c.sent(func(d datagram, p wire.Packet) bool { return d.via >= peer.Pool && p.Body.IsConnection })
		require.LessOrEqual(t, len(pings), 1024)
		sockets := map[peer.Socket]time.Time{}
		for _, d := range pings {
			p := d.packet()
			require.Equal(t, o.ip, d.to.Addr())
			require.Equal(t, wire.KeyNATType|wire.KeyPingID, p.Body.Keys&(wire.KeyNATType|wire.KeyPingID))
			if before, again := sockets[d.via]; again && !c.pool[d.via] {
				require.GreaterOrEqual(t, d.at.Sub(before), 1024*time.Millisecond)
			}
			sockets[d.via] = d.at
		}
		openers := o.sent(func(d datagram, _ wire.Packet) bool { return wire.IsOpener(d.data) })
		ports := map[uint16]bool{}
		for _, d := range openers {
			require.Equal(t, c.ip, d.to.Addr())
			require.Equal(t, peer.Main, d.via)
			require.GreaterOrEqual(t, d.to.Port(), uint16(1024))
			ports[d.to.Port()] = true
		}
		require.Len(t, ports, len(openers))
		require.LessOrEqual(t, len(openers), 1024)
		require.LessOrEqual(t, c.maxPool, 256)
		require.Zero(t, o.maxPool)

		n.run(5 * time.Second)
		require.Len(t, c.pool, 1, "the others are closed")
		sentBefore := len(c.sent(func(d datagram, _ wire.Packet) bool { return true }))
		for range 20 {
			n.run(k)
			c.publish("from the connector at " + n.Now.String())
			o.publish("from the opener at " + n.Now.String())
		}
		n.run(time.Second)
		require.True(t, both(), "still connected")
		require.Zero(t, c.count(peer.Disconnection, nil)+o.count(peer.Disconnection, nil))
		require.Len(t, c.pool, 1)
		for _, d := range c.sent(func(d datagram, _ wire.Packet) bool { return true })[sentBefore:] {
			if d.to == c.info(o).Addr {
				require.GreaterOrEqual(t, d.via, peer.Pool, "everything to that peer leaves from the socket that reaches it")
			}
		}
		require.Equal(t, 20, c.count(peer.Packet, nil))
		require.Equal(t, 20, o.count(peer.Packet, nil))
	}
	require.GreaterOrEqual(t, reached, 10)
}

// LAT-TRAV-011, LAT-TRAV-012: where guessing fails the introducer is the proxy, until it is tried
// again and succeeds.
func TestTraversalFallsBackAndRecovers(t *testing.T) {
	n, c, o := hard(t, "")
	away := true
	n.lost = func(d datagram) bool {
		return away && (d.sender == c && d.to.Addr() == o.ip || d.sender == o && d.to.Addr() == c.ip)
	}
	n.within(20*time.Second, "proxied", func() bool { return c.info(o).Connected && o.info(c).Connected })
	require.False(t, c.reaches(o) || o.reaches(c))
	for _, h := range []*host{c, o} {
		require.Equal(t, 1, h.count(peer.Connection, func(e peer.Event) bool { return !e.Proxy.IsZero() }))
	}
	n.run(3 * time.Second)
	require.Empty(t, c.pool, "closed after use")
	before := len(c.sent(func(d datagram, _ wire.Packet) bool { return d.via >= peer.Pool }))
	require.LessOrEqual(t, before, 1024)
	n.run(20 * k)
	after := len(c.sent(func(d datagram, _ wire.Packet) bool { return d.via >= peer.Pool }))
	require.Greater(t, after, before, "it is tried again")
	require.LessOrEqual(t, after, before+5*1024, "and seldom")
	require.True(t, c.info(o).Connected && o.info(c).Connected, "still connected")
	require.Zero(t, c.count(peer.Disconnection, nil)+o.count(peer.Disconnection, nil))
	away = false
	n.within(20*k, "direct", func() bool { return c.reaches(o) && o.reaches(c) })
	require.Zero(t, c.count(peer.Disconnection, nil)+o.count(peer.Disconnection, nil))
	o.publish("directly")
	n.within(time.Second, "delivered", func() bool { return c.received("directly") == 1 })
}

// Two peers behind symmetric NATs are proxied as soon as each has heard of the other through the
// introducer, and nothing that is for one alone is multicast.
func TestTwoSymmetricPeersAreProxied(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(3)
	a := n.leaf("alice", nattype.EndpointRestricted, list)
	b := n.leaf("bob", nattype.EndpointRestricted, list)
	n.within(2*k, "connected", func() bool { return a.info(b).Connected && b.info(a).Connected })
	n.run(20 * k)
	for _, h := range []*host{a, b} {
		require.Equal(t, 1, h.count(peer.Connection, func(e peer.Event) bool { return !e.Proxy.IsZero() }))
		require.Zero(t, h.count(peer.Disconnection, nil))
		require.Empty(t, h.sent(func(d datagram, _ wire.Packet) bool { return d.via >= peer.Pool }))
	}
	a.publish("hello")
	n.within(time.Second, "delivered", func() bool { return b.received("hello") == 1 })
	require.ErrorIs(t, a.peer.Sync(n.Now, id("bob")), peer.ErrUnknown)
	a.stream(b, "for bob alone")
	b.stream(a, words(3000))
	n.within(time.Second, "streamed", func() bool { return b.streamed("for bob alone") == 1 && a.streamed(words(3000)) == 1 })
	relays := map[netip.Addr]bool{}
	for _, h := range []*host{a, b} {
		for _, d := range h.sent(func(_ datagram, p wire.Packet) bool { return p.Type == wire.Stream }) {
			relays[d.to.Addr()] = true
		}
	}
	require.NotContains(t, relays, a.ip)
	require.NotContains(t, relays, b.ip)
	// When the proxy goes another one is found.
	proxy := a.info(b).Proxy
	for _, i := range indexed {
		if id(i.name) == proxy {
			i.cut(true)
		}
	}
	n.run(10 * k)
	require.True(t, a.info(b).Connected)
	require.NotEqual(t, proxy, a.info(b).Proxy)
	// When bob goes, that is noticed.
	b.cut(true)
	n.within(5*k, "given up", func() bool { return !a.info(b).Connected })
}

// A deployed peer of type 5 answers from its main socket, which this side's NAT does not let in:
// what came from an opened port is believed (LAT-TRAV-009).
func TestAPeerWhoseEchoCanNotComeBack(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(3)
	o := n.leaf("opener", nattype.PortRestricted, list)
	n.within(2*time.Second, "a type", func() bool { return o.natType() != 0 })
	d := n.host("deployed")
	d.mute = true
	at := netip.AddrPortFrom(d.ip, 40000)
	indexed[0].introduceFrom(o, "deployed", at, 5)
	n.run(1200 * time.Millisecond)
	openers := o.sent(func(d datagram, _ wire.Packet) bool { return wire.IsOpener(d.data) })
	require.Len(t, openers, 1024)
	opened := openers[700].to
	ping := func(from netip.AddrPort, name string) {
		p := wire.NewPacket(wire.Ping)
		p.ClusterID = clusterID[:]
		p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id(name), IsConnection: true, NATType: 5}
		data, err := wire.Append(nil, &p)
		require.NoError(t, err)
		o.peer.Receive(n.Now, peer.Main, from, data)
		o.drain()
		n.run(100 * time.Millisecond)
	}
	closed := netip.AddrPortFrom(d.ip, 1025)
	for slices.ContainsFunc(openers, func(d datagram) bool { return d.to == closed }) {
		closed = netip.AddrPortFrom(d.ip, closed.Port()+1)
	}
	ping(closed, "deployed")
	require.False(t, o.connectedTo(d), "from a port that was not opened")
	ping(opened, "somebody")
	require.False(t, o.connectedTo(d), "another peer")
	elsewhere := n.host("elsewhere")
	elsewhere.mute = true
	ping(netip.AddrPortFrom(elsewhere.ip, opened.Port()), "deployed")
	require.False(t, o.connectedTo(d), "from another IP")
	ping(opened, "deployed")
	require.True(t, o.reaches(d))
	require.Equal(t, opened, o.info(d).Addr)
	n.run(2 * k)
	require.True(t, o.reaches(d))
	require.NotEmpty(t, o.sent(func(s datagram, p wire.Packet) bool { return s.to == opened && p.Type == wire.Sync }))
	require.NotEmpty(t, o.sent(func(s datagram, p wire.Packet) bool {
		return s.to == opened && p.Type == wire.Ping && p.Body.Keys.Has(wire.KeyPingID|wire.KeyNATType)
	}), "kept alive")
	// Its joins, which others relay, are its sign of life.
	for range 5 {
		indexed[1].relayJoin(o, d)
		n.run(k)
		require.True(t, o.reaches(d))
	}
	n.run(5 * k)
	require.False(t, o.connectedTo(d))
	// Nothing is plausible once the openings are over.
	ping(opened, "deployed")
	require.False(t, o.connectedTo(d))
}

// introduceFrom has a peer's host introduce another one.
func (h *host) introduceFrom(to *host, target string, addr netip.AddrPort, natType int) {
	h.introduceAt(netip.AddrPortFrom(to.ip, to.nat.mappings[0].external), target, addr, natType)
}

func (h *host) introduceAt(to netip.AddrPort, target string, addr netip.AddrPort, natType int) {
	p := wire.NewPacket(wire.Intro)
	p.Hops = 2
	p.ClusterID, p.SubclusterID = clusterID[:], subKeys.SubclusterID[:]
	p.Usr1 = fmt.Append(nil, h.net.Now.UnixMilli())
	p.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsRendezvous | wire.KeyNATType | wire.KeyAddress | wire.KeyPort,
		RequesterPeerID: id(target), ResponderPeerID: id(h.name), NATType: natType, Address: addr.Addr(), Port: addr.Port(),
	}
	h.sendPacket(peer.Main, to, &p)
}

// relayJoin has a peer's host pass on a join that came to it from another host.
func (h *host) relayJoin(to, requester *host) {
	at := to.at(peer.Main)
	if to.nat != nil {
		at = netip.AddrPortFrom(to.ip, to.nat.mappings[0].external)
	}
	h.sendPacket(peer.Main, at, requester.joinPacket(func(p *wire.Packet) { p.Hops = 2 }))
}

// LAT-TRAV-010: only the introduced IP is heard at a socket of the pool.
func TestStrangersAtThePool(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(3)
	c := n.leaf("connector", nattype.EndpointRestricted, list)
	n.within(2*time.Second, "a type", func() bool { return c.natType() != 0 })
	target, eve := n.host("target"), n.host("eve")
	target.mute = true
	to := c.nat.mappings[slices.IndexFunc(c.nat.mappings, func(m mapping) bool { return m.to == indexed[0].at(peer.Main) && m.socket == peer.Main })].external
	indexed[0].introduceAt(netip.AddrPortFrom(c.ip, to), "target", target.at(peer.Main), 7)
	n.run(500 * time.Millisecond)
	require.NotEmpty(t, c.pool)
	var via peer.Socket
	for s := range c.pool { // order-free: the lowest
		if via == 0 || s < via {
			via = s
		}
	}
	ping := wire.NewPacket(wire.Ping)
	ping.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id("target"), IsConnection: true, NATType: 7}
	data, err := wire.Append(nil, &ping)
	require.NoError(t, err)
	for _, d := range [][]byte{data, wire.Opener, {0}} {
		c.peer.Receive(n.Now, via, eve.at(peer.Main), d)
		c.peer.Receive(n.Now, peer.Socket(math.MaxUint16), target.at(peer.Main), d)
		c.drain()
	}
	n.run(200 * time.Millisecond)
	require.Zero(t, c.bytesTo(eve.ip))
	at := n.Now
	c.peer.Receive(n.Now, via, target.at(peer.Main), wire.Opener)
	c.drain()
	answers := c.sent(func(d datagram, p wire.Packet) bool { return d.via == via && !d.at.Before(at) })
	require.Len(t, answers, 1, "the way is open: a ping goes out by it")
	require.False(t, c.connectedTo(target), "and nothing is believed yet")
}

// LAT-TRAV-005: what an introducer can make a peer send.
func TestTraversalsAreLimited(t *testing.T) {
	for _, self := range []nattype.Type{nattype.EndpointRestricted, nattype.PortRestricted} {
		t.Run(fmt.Sprint(self), func(t *testing.T) {
			n := newNetwork(t)
			indexed, list := n.indexed(3)
			s := n.leaf("alice", self, list)
			n.within(2*time.Second, "a type", func() bool { return s.natType() != 0 })
			to := s.nat.mappings[slices.IndexFunc(s.nat.mappings, func(m mapping) bool {
				return m.socket == peer.Main && slices.Contains(m.sentTo, indexed[0].at(peer.Main))
			})].external
			n.run(k)
			before := len(n.log)
			victim := netip.MustParseAddr("192.0.2.66")
			other := map[nattype.Type]int{5: 7, 7: 5}[self]
			for i := range uint16(20) {
				indexed[0].introduceAt(netip.AddrPortFrom(s.ip, to), fmt.Sprint("victim", i), netip.AddrPortFrom(victim, 6000+i), other)
			}
			for i := range 100 {
				ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
				indexed[0].introduceAt(netip.AddrPortFrom(s.ip, to), fmt.Sprint("other", i), netip.AddrPortFrom(ip, 6000), other)
			}
			n.run(2 * time.Second)
			bursts, toVictim, pings := map[netip.Addr]int{}, 0, 0
			for _, d := range n.log[before:] {
				if d.sender != s || d.to.Addr().As4()[2] == 113 {
					continue
				}
				if d.to.Addr() == victim {
					toVictim++
				}
				if wire.IsOpener(d.data) || d.via >= peer.Pool {
					bursts[d.to.Addr()]++
				} else {
					pings++
				}
			}
			require.Len(t, bursts, 8)
			require.LessOrEqual(t, toVictim, 1024)
			require.LessOrEqual(t, pings, 512)
			require.LessOrEqual(t, s.maxPool, 256)
			n.run(10 * time.Second)
			for _, sent := range bursts {
				require.LessOrEqual(t, sent, 1024)
			}
			n.run(10 * time.Second)
			require.Empty(t, s.pool)
		})
	}
}

// Sockets that can't be opened are no more than bursts that fail.
func TestNoSocketsForTraversal(t *testing.T) {
	n, c, o := hard(t, "")
	c.fail = errors.New("too many open files")
	n.within(25*time.Second, "proxied", func() bool { return c.info(o).Connected && !c.reaches(o) })
	require.LessOrEqual(t, c.count(peer.Error, nil), 5)
	require.Positive(t, c.count(peer.Error, nil))
}

// reachesDirectly says whether a publish of one host comes to another where all else is lost.
func (n *network) reachesDirectly(from, to *host, message string) bool {
	n.lost = func(d datagram) bool {
		between := d.sender == from && d.to.Addr() == to.ip || d.sender == to && d.to.Addr() == from.ip
		return !between
	}
	from.publish(message)
	n.run(500 * time.Millisecond)
	n.lost = nil
	return to.received(message) == 1
}

// LAT-TRAV-015: a NAT reboots in mid-connection, and gives other ports.
func TestConnectionsAreFoundAgain(t *testing.T) {
	for _, c := range []struct{ rebooted, other nattype.Type }{{7, 7}, {15, 7}, {31, 7}, {5, 31}, {5, 15}, {5, 7}, {7, 5}, {7, 31}} {
		t.Run(fmt.Sprintf("%d, connected to %d", c.rebooted, c.other), func(t *testing.T) {
			n := newNetwork(t)
			_, list := n.indexed(3)
			a := n.leaf("alice", c.rebooted, list)
			b := n.leaf("bob", c.other, list)
			both := func() bool { return a.reaches(b) && b.reaches(a) }
			n.within(5*k, "connected", both)
			n.run(2 * k)
			require.True(t, n.reachesDirectly(a, b, "before") && n.reachesDirectly(b, a, "back before"))
			a.nat.mappings = nil
			a.nat.next += 1000
			n.run(5 * k)
			require.True(t, both())
			require.True(t, n.reachesDirectly(a, b, "after"), "from the rebooted side")
			require.True(t, n.reachesDirectly(b, a, "back after"), "to the rebooted side")
		})
	}
}

// LAT-NAT-011: after a sleep in which every mapping went.
func TestASleeperComesBack(t *testing.T) {
	for _, natType := range []nattype.Type{31, 7, 5} {
		t.Run(fmt.Sprint(natType), func(t *testing.T) {
			n := newNetwork(t)
			_, list := n.indexed(3)
			a := n.leaf("alice", natType, list)
			b := n.leaf("bob", nattype.PortRestricted, list)
			both := func() bool { return a.reaches(b) && b.reaches(a) }
			n.within(5*k, "connected", both)
			a.cut(true)
			n.run(10 * k)
			require.False(t, b.connectedTo(a))
			a.cut(false)
			a.nat.mappings = nil
			a.nat.next += 1000
			before := a.count(peer.Disconnection, nil)
			n.run(100 * time.Millisecond)
			require.Equal(t, before, a.count(peer.Disconnection, nil), "nobody had the chance to answer")
			n.within(5*k, "connected again", both)
			require.True(t, n.reachesDirectly(a, b, "awake") && n.reachesDirectly(b, a, "good morning"))
		})
	}
}
