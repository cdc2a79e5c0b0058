package peer_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// LAT-MSG-001 to LAT-MSG-005.
func TestPongs(t *testing.T) {
	const ids = wire.KeyRequesterPeerID | wire.KeyResponderPeerID
	const seen = wire.KeyAddress | wire.KeyPort
	const extras = wire.KeyCacheSize | wire.KeyUptime | wire.KeyCacheSummaryHash
	reflectionID, pingID := wire.NewEchoID([6]byte{1, 2}), wire.NewEchoID([6]byte{3, 4})
	for _, c := range []struct {
		name     string
		has      wire.Key
		known    bool
		want     wire.Key
		toProbe  bool
		mainPort uint16
	}{
		{name: "plain", want: ids | seen | extras | wire.KeyNATType},
		{name: "plain with ids", has: wire.KeyPingID | wire.KeyReflectionID, want: ids | seen | extras | wire.KeyNATType | wire.KeyPingID | wire.KeyReflectionID},
		{name: "reflection", has: wire.KeyIsReflection | wire.KeyReflectionID, want: ids | seen | wire.KeyIsReflection | wire.KeyReflectionID},
		{name: "reflection stage 1", has: wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyIsProbe, want: ids | seen | wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyIsProbe},
		{
			name: "reflection stage 2", has: wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyProbeExternalPort,
			want: ids | seen | wire.KeyIsReflection | wire.KeyReflectionID, toProbe: true,
		},
		{name: "connection by a stranger", has: wire.KeyIsConnection | wire.KeyNATType, want: ids | wire.KeyIsConnection | wire.KeyNATType},
		{name: "connection", known: true, has: wire.KeyIsConnection | wire.KeyNATType, want: ids | wire.KeyIsConnection | wire.KeyNATType | extras},
		{
			name: "connection with everything", known: true, has: wire.KeyIsConnection | wire.KeyNATType | wire.KeyPingID | wire.KeyIsProbe | wire.KeyReflectionID,
			want: ids | wire.KeyIsConnection | wire.KeyNATType | wire.KeyReflectionID | extras,
		},
		{name: "connection without a type", has: wire.KeyIsConnection, want: ids | seen | extras | wire.KeyNATType},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "eve")
			eve := ends[0]
			if c.known {
				eve.meet(s)
			}
			eve.got = nil
			eve.ping(s.at(peer.Main), c.has, func(b *wire.Body) {
				b.ReflectionID, b.PingID, b.NATType, b.ProbeExternalPort = reflectionID, pingID, 31, 5002
				b.IsConnection, b.IsReflection, b.IsProbe = true, true, true
			})
			n.run(50 * time.Millisecond)
			pongs := eve.gotType(wire.Pong)
			require.Len(t, pongs, map[bool]int{false: 1, true: 2}[c.toProbe])
			b := pongs[0].Body
			require.Equal(t, c.want.String(), b.Keys.String())
			require.Equal(t, id("eve"), b.RequesterPeerID)
			require.Equal(t, id(s.name), b.ResponderPeerID)
			if b.Keys.Has(seen) {
				require.Equal(t, eve.at(peer.Main), netip.AddrPortFrom(b.Address, b.Port))
			}
			if c.toProbe {
				second := eve.got[len(eve.got)-1]
				require.Equal(t, s.at(peer.Probe), second.from)
				require.Equal(t, eve.at(peer.Probe), second.to)
				require.Equal(t, uint16(5002), pongs[1].Body.Port)
			}
		})
	}
}

// LAT-MSG-006.
func TestAPeerDoesNotAnswerItself(t *testing.T) {
	n, s, ends := lab(t, "eve")
	ends[0].ping(s.at(peer.Main), 0, func(b *wire.Body) { b.RequesterPeerID = id(s.name) })
	n.run(time.Second)
	require.Empty(t, ends[0].got)
}

// LAT-MSG-007.
func TestBeforeDiscoveryPongsHaveNoType(t *testing.T) {
	n := newNetwork(t)
	a, eve := n.host("alice").start(peer.Config{}), n.host("eve")
	eve.ping(a.at(peer.Main), 0, nil)
	n.run(time.Second)
	pongs := eve.gotType(wire.Pong)
	require.Len(t, pongs, 1)
	require.False(t, pongs[0].Body.Keys.Has(wire.KeyNATType))
}

// A ping to the probe socket is not answered, and the opener is no packet (LAT-FRAME-016), nor is
// what has another version (LAT-FRAME-005).
func TestWhatIsIgnored(t *testing.T) {
	n, s, ends := lab(t, "eve")
	ends[0].ping(s.at(peer.Probe), 0, nil)
	ends[0].send(peer.Main, s.at(peer.Main), []byte{1})
	p := wire.NewPacket(wire.Ping)
	p.Version = 5
	p.Body = wire.Body{Keys: wire.KeyRequesterPeerID}
	ends[0].sendPacket(peer.Main, s.at(peer.Main), &p)
	n.run(time.Second)
	require.Empty(t, ends[0].got)
}

type hostileCase struct {
	Name  string
	Input struct {
		Victim struct {
			NATType       int
			Indexed, Join bool
		}
		Datagrams            []string
		PreparedByFriendPeer bool
	}
}

func observed(t testing.TB, section string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../vectors/observed.json")
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &sections))
	require.NoError(t, json.Unmarshal(sections[section], into))
}

func hostileCases(t testing.TB) []hostileCase {
	var hostile struct{ Cases []hostileCase }
	observed(t, "hostile", &hostile)
	require.Len(t, hostile.Cases, 68)
	return hostile.Cases
}

// LAT-FRAME-014: whatever the datagram and whoever sent it, an honest ping is answered afterwards.
func TestNoDatagramEndsAPeer(t *testing.T) {
	for _, c := range hostileCases(t) {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", c.Name, known), func(t *testing.T) {
				n := newNetwork(t)
				_, list := n.indexed(3)
				victim := n.host("victim")
				v := c.Input.Victim
				switch {
				case v.Indexed:
					victim.start(peer.Config{Indexed: true, Address: victim.ip})
				case v.NATType == 0:
					victim.start(peer.Config{})
				default:
					victim.nat = natOf[nattype.Type(v.NATType)]()
					victim.start(peer.Config{Bootstrap: list})
					n.within(3*time.Second, "a type", func() bool { return victim.natType() == nattype.Type(v.NATType) })
				}
				if v.Join {
					victim.peer.Join(n.Now, subKeys)
					victim.drain()
				}
				at := victim.at(peer.Main)
				if victim.nat != nil {
					victim.nat.filter = 0
					at = netip.AddrPortFrom(victim.ip, victim.nat.out(peer.Main, list[0].Addr))
				}
				friend, eve, honest := n.host("friend"), n.host("eve"), n.host("honest")
				greet := func(h *host) {
					h.ping(at, wire.KeyIsConnection|wire.KeyNATType, func(b *wire.Body) { b.IsConnection, b.NATType = true, 31 })
					n.within(time.Second, h.name+" is known", func() bool { return victim.connectedTo(h) })
				}
				if c.Input.PreparedByFriendPeer {
					greet(friend)
				}
				if known {
					greet(eve)
				}
				for _, d := range c.Input.Datagrams {
					data, err := hex.DecodeString(d)
					require.NoError(t, err)
					eve.send(peer.Main, at, data)
				}
				n.run(3 * time.Second)
				honest.ping(at, 0, nil)
				n.run(100 * time.Millisecond)
				require.Len(t, honest.gotType(wire.Pong), 1)

				// Nor is anything passed on that ends others: the subject's own answers decode.
				for _, d := range victim.sent(func(datagram, wire.Packet) bool { return true }) {
					var p wire.Packet
					require.True(t, wire.Decode(&p, d.data).OK(), "%x", d.data)
					if p.Index == 0 {
						require.True(t, p.Body.Keys.Has(wire.KeyMeta|wire.KeySize|wire.KeyIndexes))
					}
				}
				if !known {
					require.True(t, answers(victim, eve) || victim.bytesTo(eve.ip) <= 3*eve.bytesTo(victim.ip))
				}
			})
		}
	}
}

// answers reports whether an end has answered a question of the subject.
func answers(subject, end *host) bool {
	return len(end.sent(func(d datagram, p wire.Packet) bool { return p.Type == wire.Pong && d.to.Addr() == subject.ip })) > 0
}

// LAT-SEC-001, with the triggers that deployed peers amplify, from one who never answers. Smaller
// datagrams than these don't decode.
func TestAmplification(t *testing.T) {
	syncOf := func(message []byte) *wire.Packet {
		p := wire.NewPacket(wire.Sync)
		p.Message = message
		p.PacketID = []byte{7}
		return &p
	}
	invented := append([]byte{0}, make([]byte, 20)...)
	buckets := append([]byte{0}, make([]byte, 20)...)
	for i := range 16 {
		buckets = append(append(buckets, byte(i)), make([]byte, 20)...)
	}
	smallPing := func(has wire.Key) func(mute *host) *wire.Packet {
		return func(mute *host) *wire.Packet {
			p := wire.NewPacket(wire.Ping)
			p.PacketID = []byte{7}
			p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | has, RequesterPeerID: id("mute"), ProbeExternalPort: 5002, IsConnection: true, NATType: 31, IsReflection: true, ReflectionID: wire.NewEchoID([6]byte{})}
			return &p
		}
	}
	for _, c := range []struct {
		name   string
		packet func(mute *host) *wire.Packet
		silent bool // the datagram is too small even for a question
	}{
		{"the smallest ping", smallPing(0), false},
		{"a reflection ping", smallPing(wire.KeyIsReflection | wire.KeyReflectionID), false},
		{"a ping with probeExternalPort", smallPing(wire.KeyProbeExternalPort), false},
		{"a reflection ping with probeExternalPort", smallPing(wire.KeyProbeExternalPort | wire.KeyIsReflection | wire.KeyReflectionID), false},
		{"a connection ping", smallPing(wire.KeyIsConnection | wire.KeyNATType), false},
		{"a connection ping in the name of bob", func(mute *host) *wire.Packet {
			p := smallPing(wire.KeyIsConnection | wire.KeyNATType)(mute)
			p.Body.RequesterPeerID = id("bob")
			return p
		}, false},
		{"a sync with an invented hash", func(*host) *wire.Packet { return syncOf(invented) }, true},
		{"a sync with 16 invented buckets", func(*host) *wire.Packet { return syncOf(buckets) }, false},
		{"a join", func(mute *host) *wire.Packet { return mute.joinPacket(nil) }, false},
		{"a join that names a victim", func(mute *host) *wire.Packet {
			return mute.joinPacket(func(p *wire.Packet) { p.Body.Address = netip.MustParseAddr("192.0.2.66") })
		}, false},
		{"a query", func(*host) *wire.Packet {
			p := wire.NewPacket(wire.Query)
			p.Message = []byte(`{"packetId":"00"}`)
			return &p
		}, true},
		{"a pong", func(mute *host) *wire.Packet {
			p := wire.NewPacket(wire.Pong)
			p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id("i1"), ResponderPeerID: id("mute"), IsConnection: true, NATType: 31}
			return &p
		}, false},
	} {
		for _, times := range []int{1, 20} {
			t.Run(fmt.Sprintf("%s, %d times", c.name, times), func(t *testing.T) {
				n, s, ends := lab(t, "bob", "eve", "mute")
				bob, eve, mute := ends[0], ends[1], ends[2]
				mute.mute = true
				bob.meet(s)
				eve.meet(s)
				for i := range 100 {
					eve.sendPacket(peer.Main, s.at(peer.Main), publishPacket(words(900)+fmt.Sprint(i), nil))
				}
				n.run(time.Second)
				require.Equal(t, 100, s.peer.Cache().Len())
				for range times {
					mute.sendPacket(peer.Main, s.at(peer.Main), c.packet(mute))
					n.run(100 * time.Millisecond)
				}
				n.run(4 * k)
				in, out := mute.bytesTo(s.ip), s.bytesTo(mute.ip)
				require.LessOrEqual(t, out, 3*in)
				if !c.silent {
					require.NotZero(t, out, "a peer that never answers is no proof")
				}
				require.Zero(t, s.bytesTo(netip.MustParseAddr("192.0.2.66")))
				require.Zero(t, len(mute.gotType(wire.Publish))+len(mute.gotType(wire.Sync))+len(mute.gotType(wire.Intro))+len(mute.gotType(wire.Join)))
				require.False(t, s.connectedTo(mute))

				// LAT-SEC-002
				require.Equal(t, bob.at(peer.Main), addrOf(s, bob))
			})
		}
	}
}

// LAT-SEC-002: not even by somebody who answers, while the old address does.
func TestMovingAKnownPeer(t *testing.T) {
	for _, alive := range []bool{true, false} {
		n, s, ends := lab(t, "bob", "eve")
		bob, eve := ends[0], ends[1]
		bob.meet(s)
		bob.mute = !alive
		if !alive {
			eve.name = "bob" // it has moved, and answers so
		}
		eve.ping(s.at(peer.Main), wire.KeyIsConnection|wire.KeyNATType, func(b *wire.Body) {
			b.RequesterPeerID, b.IsConnection, b.NATType = id("bob"), true, 31
		})
		n.run(3 * time.Second)
		if alive {
			require.Equal(t, bob.at(peer.Main), addrOf(s, bob))
		} else {
			require.Equal(t, eve.at(peer.Main), addrOf(s, bob))
			require.Equal(t, 2, s.count(peer.Connection, nil))
		}
	}
}

// A bootstrap peer stays where it is configured.
func TestBootstrapPeersDoNotMove(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(2)
	a := n.leaf("alice", 0, list)
	eve := n.host("eve")
	n.run(3 * time.Second)
	eve.ping(a.at(peer.Main), wire.KeyIsConnection|wire.KeyNATType, func(b *wire.Body) {
		b.RequesterPeerID, b.IsConnection, b.NATType = id("i1"), true, 5
	})
	n.run(5 * time.Second)
	require.Equal(t, list[0].Addr, a.peer.Peers()[0].Addr)
	require.Equal(t, nattype.Unrestricted, a.peer.Peers()[0].NATType)
}

// LAT-BUDG-003.
func TestASourceIsLimitedToItsMinute(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	ends[0].meet(s)
	ends[1].meet(s)
	ends[1].joinMany(n, s, 1100, "a")
	require.Equal(t, 1024, s.peer.Cache().Len())
	ends[0].joinMany(n, s, 10, "b")
	require.Equal(t, 1034, s.peer.Cache().Len(), "another source has its own")
	n.run(time.Minute)
	ends[1].joinMany(n, s, 10, "c")
	require.Equal(t, 1044, s.peer.Cache().Len())
}

func (h *host) joinMany(n *network, s *host, count int, text string) {
	for i := range count {
		h.sendPacket(peer.Main, s.at(peer.Main), publishPacket(fmt.Sprint(text, i), nil))
		n.run(11 * time.Millisecond)
	}
}

// A flood from forged sources fills no table beyond its bound, and honest peers still get through.
func TestFloodsOfForgedSources(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol", "mute")
	ends[0].meet(s)
	mute := ends[2]
	n.log = nil
	for i := range 20000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1+i%60000))
		p := wire.NewPacket(wire.Ping)
		p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id(fmt.Sprint(i)), IsConnection: true, NATType: 31}
		switch i % 3 {
		case 1:
			p = *mute.joinPacket(func(p *wire.Packet) { p.Body.RequesterPeerID = id(fmt.Sprint(i)) })
		case 2:
			p = *publishPacket(fmt.Sprint(i), nil)
		}
		data, err := wire.Append(nil, &p)
		require.NoError(t, err)
		s.peer.Receive(n.Now, peer.Main, from, data)
		s.drain()
		if i%100 == 0 {
			n.run(time.Millisecond)
		}
	}
	require.NoError(t, peer.CheckBounds(s.peer))
	require.Equal(t, 6604, s.peer.Cache().Len())
	require.Len(t, s.peer.Peers(), 1)
	ends[1].meet(s)
	require.True(t, s.connectedTo(ends[0]))
}

// Known peers are bounded too: each of these answers.
func TestManyPeers(t *testing.T) {
	n, s, _ := lab(t)
	for i := range 150 {
		h := n.host(fmt.Sprint(i))
		h.ip = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
	}
	c := s.config
	c.Limits.Peers = 100
	s.start(c)
	for _, h := range n.hosts[1:] {
		h.meet(s)
	}
	require.Len(t, s.peer.Peers(), 100)
	require.Equal(t, 50, s.count(peer.Disconnection, nil))
	require.NoError(t, peer.CheckBounds(s.peer))
}

// Same inputs, same seed: same outputs.
func TestDeterminism(t *testing.T) {
	story := func() (log []string) {
		n := newNetwork(t)
		_, list := n.indexed(3)
		a, b := n.leaf("alice", 7, list), n.leaf("bob", 15, list)
		n.run(3 * time.Second)
		a.publish(words(3000))
		n.run(3 * k)
		require.Equal(t, 1, b.received(words(3000)))
		for _, d := range n.log {
			log = append(log, fmt.Sprintf("%v %s %v %x", d.at, d.sender.name, d.to, d.data))
		}
		return log
	}
	first := story()
	require.Greater(t, len(first), 100)
	require.Equal(t, first, story())
}

func TestValidate(t *testing.T) {
	good := peer.Config{ID: id("a"), ClusterID: clusterID, Random: seeded("a")}
	require.NoError(t, good.Validate())
	for _, c := range []struct {
		text string
		edit func(c *peer.Config)
	}{
		{"ID", func(c *peer.Config) { c.ID = wire.ID{} }},
		{"ClusterID", func(c *peer.Config) { c.ClusterID = [32]byte{} }},
		{"Random", func(c *peer.Config) { c.Random = nil }},
		{"Keepalive", func(c *peer.Config) { c.Keepalive = time.Second }},
		{"Address", func(c *peer.Config) { c.Address = netip.MustParseAddr("::1") }},
		{"ProbePort", func(c *peer.Config) { c.MainPort, c.ProbePort = 7, 7 }},
		{"Bootstrap 0 has no ID", func(c *peer.Config) { c.Bootstrap = make([]peer.Bootstrap, 1) }},
		{"Bootstrap 0: ", func(c *peer.Config) { c.Bootstrap = []peer.Bootstrap{{ID: id("b")}} }},
		{"Amplification", func(c *peer.Config) { c.Limits.Amplification = 4 }},
		{"PerMinute", func(c *peer.Config) { c.Limits.PerMinute = 1025 }},
		{"CachePackets", func(c *peer.Config) { c.Limits.CachePackets = 6605 }},
		{"IntroPings", func(c *peer.Config) { c.Limits.IntroPings = 4 }},
		{"Limits.Pace", func(c *peer.Config) { c.Limits.Pace = -1 }},
		{"Limits.StreamPace", func(c *peer.Config) { c.Limits.StreamPace = -1 }},
		{"negative", func(c *peer.Config) { c.Limits.Peers = -1 }},
	} {
		bad := good
		c.edit(&bad)
		require.ErrorContains(t, bad.Validate(), c.text)
	}
	indexed := good
	indexed.Indexed, indexed.ClusterID = true, [32]byte{}
	require.NoError(t, indexed.Validate())
}

func TestErrors(t *testing.T) {
	n := newNetwork(t)
	a := n.host("alice").start(peer.Config{})
	_, err := a.peer.Publish(n.Now, peer.Publication{Subcluster: subKeys.SubclusterID})
	require.ErrorIs(t, err, peer.ErrNotJoined)
	require.ErrorIs(t, a.peer.Sync(n.Now, id("bob")), peer.ErrUnknown)
	a.peer.Join(n.Now, subKeys)
	_, err = a.peer.Publish(n.Now, peer.Publication{Subcluster: subKeys.SubclusterID, Message: make([]byte, 1<<20+1)})
	require.ErrorIs(t, err, peer.ErrTooLong)
	for i := range 70 {
		a.peer.Join(n.Now, seal.NewKeys([32]byte{byte(i)}))
	}
	a.drain()
	require.Equal(t, 7, a.count(peer.Error, nil))
	a.peer.Stop(n.Now)
	a.drain()
	_, err = a.peer.Publish(n.Now, peer.Publication{Subcluster: subKeys.SubclusterID})
	require.ErrorIs(t, err, peer.ErrClosed)
	require.ErrorIs(t, a.peer.Sync(n.Now, id("bob")), peer.ErrClosed)

	b := peer.New(n.Now, peer.Config{ID: id("b"), Random: seeded("b")})
	b.Opened(n.Now, peer.Main, netip.AddrPort{}, os.ErrPermission)
	var o peer.Output
	last := o
	for b.Poll(&o) {
		last = o
	}
	require.Equal(t, peer.Error, last.Event.Kind)
	require.Contains(t, last.Event.Text, "permission denied")
}
