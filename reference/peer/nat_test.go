package peer_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// LAT-NAT-001 to LAT-NAT-005, LAT-NAT-009.
func TestDiscoveryFindsEachType(t *testing.T) {
	for _, count := range []int{2, 3, 5} {
		for _, want := range []nattype.Type{nattype.Unrestricted, nattype.AddrRestricted, nattype.PortRestricted, nattype.EndpointRestricted} {
			t.Run(fmt.Sprintf("%d of %d", want, count), func(t *testing.T) {
				n := newNetwork(t)
				indexed, list := n.indexed(count)
				a := n.leaf("alice", want, list)
				n.within(1500*time.Millisecond, "a type", func() bool { return a.natType() != 0 })
				require.Equal(t, want, a.natType())
				require.Equal(t, a.ip, a.peer.Info().Addr.Addr())
				n.run(time.Second)

				stage1 := a.sent(func(d datagram, p wire.Packet) bool { return p.Body.IsProbe })
				require.Len(t, stage1, 1)
				require.Equal(t, peer.Probe, stage1[0].via)
				responders := map[netip.AddrPort]bool{}
				for _, d := range a.sent(func(_ datagram, p wire.Packet) bool { return p.Body.Keys.Has(wire.KeyProbeExternalPort) }) {
					require.Equal(t, peer.Main, d.via)
					responders[d.to] = true
				}
				require.Len(t, responders, 2)
				for _, i := range indexed {
					require.True(t, a.connectedTo(i))
					require.True(t, i.connectedTo(a))
					require.NotEmpty(t, a.sent(func(d datagram, p wire.Packet) bool {
						return d.to == i.at(peer.Main) && p.Body.IsConnection && p.Body.NATType == int(want)
					}))
				}
				// LAT-MSG-008
				for _, d := range a.sent(func(d datagram, p wire.Packet) bool {
					return p.Type == wire.Ping && !p.Body.IsReflection && !p.Body.IsConnection
				}) {
					p := d.packet()
					t.Errorf("plain ping %s", wire.AppendBody(nil, wire.Ping, &p.Body))
				}
			})
		}
	}
}

// The recorded outcomes of deployed peers that lose answers are 7 and 15 of an open host; asking
// again finds what it is (LAT-NAT-006).
func TestDiscoveryRecoversFromLostAnswers(t *testing.T) {
	isStage1 := func(d datagram, p wire.Packet) bool { return p.Type == wire.Pong && p.Body.IsProbe }
	probe2 := func(d datagram, p wire.Packet) bool {
		return p.Type == wire.Pong && d.via == peer.Probe && p.Body.IsReflection
	}
	main2 := func(d datagram, p wire.Packet) bool {
		return p.Type == wire.Pong && d.via == peer.Main && p.Body.IsReflection && !p.Body.IsProbe && !p.Body.Keys.Has(wire.KeyPingID)
	}
	found := func(d datagram, p wire.Packet) bool { return p.Type == wire.Pong && p.Body.Keys.Has(wire.KeyPingID) }
	for _, c := range []struct {
		name  string
		lose  func(d datagram, p wire.Packet) bool
		count int
		want  nattype.Type
		nat   nattype.Type
		in    time.Duration
	}{
		{"stage 1 once", isStage1, 1, 31, 31, 2500 * time.Millisecond},
		{"stage 1 twice", isStage1, 2, 31, 31, 3500 * time.Millisecond},
		{"stage 1 for good: the probe socket receives nothing", isStage1, 1000, 7, 31, 7500 * time.Millisecond},
		{"one probe pong", probe2, 1, 31, 31, 1500 * time.Millisecond},
		{"both probe pongs", probe2, 2, 31, 31, 1500 * time.Millisecond},
		{"one main pong", main2, 1, 31, 31, 2000 * time.Millisecond},
		{"both main pongs, six times", main2, 12, 31, 31, 8 * time.Second},
		{"one main pong, symmetric", main2, 1, 5, 5, 2000 * time.Millisecond},
		{"the first answers of the bootstrap peers", found, 6, 31, 31, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			_, list := n.indexed(3)
			left := c.count
			n.lost = func(d datagram) bool {
				if left > 0 && c.lose(d, d.packet()) {
					left--
					return true
				}
				return false
			}
			a := n.leaf("alice", c.nat, list)
			n.within(c.in, "a type", func() bool { return a.natType() != 0 })
			require.Equal(t, c.want, a.natType())
			if c.count < 1000 {
				require.Zero(t, left, "nothing was lost that could have been")
			}
		})
	}
}

// Nobody answers: questions go on, at most one a second, and the network's return ends it.
func TestDiscoveryWaitsForTheNetwork(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	down := true
	n.lost = func(datagram) bool { return down }
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.run(60 * time.Second)
	require.Zero(t, a.natType())
	asked := len(a.sent(func(datagram, wire.Packet) bool { return true }))
	require.Greater(t, asked, 30)
	require.Less(t, asked, 300)
	down = false
	n.within(6*time.Second, "a type", func() bool { return a.natType() == nattype.PortRestricted })
}

// LAT-NAT-006 with a quarter of all packets lost or half of them twice, over many seeds.
func TestDiscoveryOverBadLinks(t *testing.T) {
	for _, want := range []nattype.Type{31, 15, 7, 5} {
		wrong := 0
		for seed := range uint64(30) {
			n := newNetwork(t)
			random := rand.New(rand.NewPCG(seed, 7))
			_, list := n.indexed(3)
			n.lost = func(d datagram) bool {
				if seed%2 == 1 && random.IntN(2) == 0 {
					n.arriveLater(d)
				}
				return seed%2 == 0 && random.IntN(8) == 0 // in both directions: a quarter of the round trips
			}
			a := n.leaf("alice", want, list)
			n.within(60*time.Second, "a type", func() bool { return a.natType() != 0 })
			if a.natType() != want {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, 1, "type %d", want)
	}
}

// One responder, and one after it is known.
func TestDiscoveryNeedsTwoResponders(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(1)
	second := n.host("i2")
	list = append(list, peer.Bootstrap{ID: id("i2"), Addr: second.at(peer.Main)})
	second.mute = true
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.run(20 * time.Second)
	require.Zero(t, a.natType())
	second.start(peer.Config{Indexed: true, Address: second.ip})
	n.within(6*time.Second, "a type", func() bool { return a.natType() == nattype.PortRestricted })
}

// LAT-NAT-007, LAT-SEC-003: null, absent, invented, from elsewhere, twice.
func TestOnlyAnswersToTheLiveQuestionCount(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	eve := n.host("eve")
	var live wire.EchoID
	n.lost = func(d datagram) bool {
		p := d.packet()
		if p.Type == wire.Ping && p.Body.IsReflection && d.sender.name == "alice" {
			live = p.Body.ReflectionID
		}
		return false
	}
	a := n.leaf("alice", 0, list)
	lie := func(from *host, reflection wire.EchoID, has wire.Key) {
		pong := wire.NewPacket(wire.Pong)
		pong.Body = wire.Body{
			Keys: wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsReflection | wire.KeyAddress | wire.KeyPort | has,

			RequesterPeerID: id("alice"), ResponderPeerID: id("i1"), IsReflection: true, ReflectionID: reflection,
			Address: netip.MustParseAddr("203.0.113.66"), Port: 66,
		}
		from.sendPacket(peer.Main, a.at(peer.Main), &pong)
		from.sendPacket(peer.Main, a.at(peer.Probe), &pong)
	}
	for a.natType() == 0 {
		for _, has := range []wire.Key{0, wire.KeyReflectionID} {
			lie(eve, wire.NewEchoID([6]byte{1}), has)
			if !live.IsZero() {
				lie(eve, live, has)
			}
		}
		n.run(5 * time.Millisecond)
	}
	require.Equal(t, nattype.Unrestricted, a.natType())
	lie(eve, wire.NewEchoID([6]byte{}), 0)
	lie(eve, live, wire.KeyReflectionID)
	n.run(20 * time.Second)
	require.Equal(t, nattype.Unrestricted, a.natType())
	require.Equal(t, a.at(peer.Main), a.peer.Info().Addr)
	require.Equal(t, 1, a.count(peer.NAT, nil))
}

// A NAT that gives each destination another address is a mapping that depends on the endpoint;
// deployed discovery stops for ever (DEV-026).
func TestTwoMappedAddressesAreAnAnswer(t *testing.T) {
	n := newNetwork(t)
	a := n.host("alice")
	var list []peer.Bootstrap
	for i := range 2 {
		// A scripted responder that sees alice at an address of its own.
		r := n.host(fmt.Sprintf("r%d", i))
		r.mute = true
		list = append(list, peer.Bootstrap{ID: id(r.name), Addr: r.at(peer.Main)})
	}
	n.lost = func(d datagram) bool {
		p := d.packet()
		if p.Type == wire.Ping && d.sender == a && p.Body.IsReflection {
			r := n.hosts[d.to.Addr().As4()[3]-10]
			pong := wire.NewPacket(wire.Pong)
			pong.Body = wire.Body{
				Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsReflection | wire.KeyAddress | wire.KeyPort | p.Body.Keys&(wire.KeyReflectionID|wire.KeyPingID),
				RequesterPeerID: id("alice"), ResponderPeerID: id(r.name), IsReflection: true,
				ReflectionID: p.Body.ReflectionID, PingID: p.Body.PingID, Address: r.ip, Port: 5001,
			}
			r.sendPacket(peer.Main, d.from, &pong)
		}
		return false
	}
	a.start(peer.Config{Bootstrap: list})
	n.within(3*time.Second, "a type", func() bool { return a.natType() == nattype.EndpointRestricted })
}

// LAT-NAT-008.
func TestIndexedPeersDiscoverNothing(t *testing.T) {
	n := newNetwork(t)
	indexed, list := n.indexed(2)
	third := n.host("i3").start(peer.Config{Indexed: true, Bootstrap: list})
	n.run(3 * k)
	require.Equal(t, nattype.Unrestricted, third.natType())
	require.Empty(t, third.sent(func(_ datagram, p wire.Packet) bool { return p.Body.IsProbe }))
	require.True(t, third.connectedTo(indexed[0]), "indexed peers get to know each other")
	require.True(t, indexed[0].connectedTo(third))
}

// A NAT that forgets its mappings is noticed by what bootstrap peers see.
func TestANewMappingIsNoticed(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	b := n.leaf("bob", nattype.PortRestricted, list)
	n.within(4*time.Second, "connected", func() bool { return a.connectedTo(b) && b.connectedTo(a) })
	n.run(2 * k)
	before := a.peer.Info().Addr
	a.nat.mappings = nil
	n.within(4*k, "another address", func() bool { return a.peer.Info().Addr != before })
	require.Equal(t, nattype.PortRestricted, a.natType())
	n.within(4*k, "connected anew", func() bool { return a.connectedTo(b) && b.connectedTo(a) && addrOf(b, a) == a.peer.Info().Addr })
}

func addrOf(h, other *host) netip.AddrPort {
	for _, r := range h.peer.Peers() {
		if r.ID == id(other.name) {
			return r.Addr
		}
	}
	return netip.AddrPort{}
}

func TestNetworkChangedDiscoversAnew(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	n.within(2*time.Second, "a type", func() bool { return a.natType() == nattype.PortRestricted })
	a.nat = natOf[nattype.EndpointRestricted]()
	a.peer.NetworkChanged(n.Now, nil)
	a.drain()
	n.within(3*time.Second, "another type", func() bool { return a.natType() == nattype.EndpointRestricted })
}
