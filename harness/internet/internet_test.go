package internet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/nat"
)

var start = time.UnixMilli(1_700_000_000_000).UTC()

func profile(t testing.TB, name string) nat.Profile {
	p, err := nat.Lookup(name)
	require.NoError(t, err)
	return p
}

// A bench is a network whose frames and deliveries are kept.
type bench struct {
	t      testing.TB
	n      *Network
	now    time.Time
	frames []Frame
}

func newBench(t testing.TB, top Topology, seed int64) *bench {
	b := &bench{t: t, now: start}
	n, err := New(top, start, Options{Seed: seed, Capture: func(f Frame) {
		f.Packet = append([]byte(nil), f.Packet...)
		b.frames = append(b.frames, f)
	}})
	require.NoError(t, err)
	b.n = n
	return b
}

func (b *bench) addr(host string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(b.n.Addressing(host).Addrs[0], port)
}

func (b *bench) send(host string, port uint16, to netip.AddrPort, payload string) {
	b.n.Send(b.now, host, BuildUDP(nil, b.addr(host, port), to, 1, []byte(payload)))
}

// A got is what reached a host.
type got struct {
	host     string
	after    time.Duration // since start
	src, dst netip.AddrPort
	payload  string
	packet   []byte
	frame    int
}

// run moves the network until nothing is under way.
func (b *bench) run() []got {
	var all []got
	for {
		at, ok := b.n.Next()
		if !ok {
			return all
		}
		b.now = at
		b.n.Advance(at)
		var d Delivery
		for b.n.Poll(&d) {
			requireChecksums(b.t, d.Packet)
			g := got{host: d.Host, after: d.At.Sub(start), packet: append([]byte(nil), d.Packet...), frame: d.Frame}
			if u, err := ParseUDP(g.packet); err == nil {
				g.src, g.dst, g.payload = u.Src, u.Dst, string(u.Payload)
			}
			all = append(all, g)
		}
	}
}

// requireChecksums checks them by their definition, not by the code under test.
func requireChecksums(t testing.TB, packet []byte) {
	add := func(b []byte) (s uint32) {
		for i := 0; i < len(b); i += 2 {
			w := uint32(b[i]) << 8
			if i+1 < len(b) {
				w |= uint32(b[i+1])
			}
			s += w
			s = s&0xffff + s>>16
		}
		return s
	}
	require.EqualValues(t, 0xffff, add(packet[:20]), "IPv4 checksum")
	body := packet[20:]
	switch packet[9] {
	case protoUDP:
		pseudo := append(append([]byte{}, packet[12:20]...), 0, protoUDP, body[4], body[5])
		s := add(pseudo) + add(body)
		require.EqualValues(t, 0xffff, s&0xffff+s>>16, "UDP checksum")
	case protoICMP:
		require.EqualValues(t, 0xffff, add(body), "ICMP checksum")
		require.EqualValues(t, 0xffff, add(body[8:28]), "quoted IPv4 checksum")
	}
}

func (b *bench) dropped() (all []string) {
	for _, f := range b.frames {
		if f.Dropped != "" {
			all = append(all, f.Node+": "+f.Dropped)
		}
	}
	return all
}

func twoHosts(link Link) Topology {
	return Topology{Hosts: []Host{{Name: "alice", Realm: Public, Link: link}, {Name: "bob", Realm: Public}}}
}

func TestPublicHostsReachEachOther(t *testing.T) {
	b := newBench(t, twoHosts(Link{Latency: 10 * time.Millisecond}), 1)
	b.send("alice", 1000, b.addr("bob", 2000), "hello")
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, "bob", all[0].host)
	require.Equal(t, 10*time.Millisecond, all[0].after)
	require.Equal(t, b.addr("alice", 1000), all[0].src)
	require.Equal(t, b.addr("bob", 2000), all[0].dst)
	require.Equal(t, "hello", all[0].payload)

	require.Len(t, b.frames, 2)
	out, in := b.frames[0], b.frames[1]
	require.Equal(t, []string{"alice", "alice", Public, "alice"}, []string{out.Link, out.From, out.To, out.Node})
	require.Equal(t, []string{"bob", Public, "bob", "bob"}, []string{in.Link, in.From, in.To, in.Node})
	require.Equal(t, start, out.At)
	require.Equal(t, start.Add(10*time.Millisecond), in.At)
	require.Equal(t, out.Datagram, in.Datagram)
	require.Equal(t, in.Seq, all[0].frame)
	require.EqualValues(t, 64, out.Packet[8])
	require.EqualValues(t, 63, in.Packet[8])
}

// behind is alice and carol behind nat-a, bob behind nat-b, sue public.
func behind(t testing.TB, a, b string) Topology {
	return Topology{
		Hosts: []Host{
			{Name: "alice", Realm: "lan-a", Link: Link{Latency: time.Millisecond}},
			{Name: "carol", Realm: "lan-a"},
			{Name: "bob", Realm: "lan-b"},
			{Name: "sue", Realm: Public},
		},
		NATs: []NAT{
			{Name: "nat-a", Profile: profile(t, a), Inside: "lan-a", Outside: Public, Link: Link{Latency: 4 * time.Millisecond}},
			{Name: "nat-b", Profile: profile(t, b), Inside: "lan-b", Outside: Public, Link: Link{Latency: 2 * time.Millisecond}},
		},
	}
}

func TestNATTranslatesBothWays(t *testing.T) {
	b := newBench(t, behind(t, "port-restricted", "full-cone"), 1)
	b.send("alice", 5000, b.addr("sue", 7000), "out")
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, 5*time.Millisecond, all[0].after)
	require.Equal(t, b.n.External("nat-a")[0], all[0].src.Addr())
	require.Equal(t, "nat-a", b.n.Owner(all[0].src.Addr()))

	b.send("sue", 7000, all[0].src, "back")
	back := b.run()
	require.Len(t, back, 1)
	require.Equal(t, "alice", back[0].host)
	require.Equal(t, b.addr("alice", 5000), back[0].dst)

	b.send("sue", 7001, all[0].src, "from another port")
	require.Empty(t, b.run())
	require.Equal(t, []string{"nat-a: " + nat.FilteredAddressPort}, b.dropped())
	last := b.frames[len(b.frames)-1]
	require.Equal(t, "nat-a", last.Link)
	require.Equal(t, "", last.To)
	require.Equal(t, OutsideLink("nat-a"), b.frames[len(b.frames)-2].Link)
}

func TestLANGoesNotThroughTheNAT(t *testing.T) {
	b := newBench(t, behind(t, "symmetric", "full-cone"), 1)
	b.send("alice", 5000, b.addr("carol", 7000), "near")
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, b.addr("alice", 5000), all[0].src)
	require.EqualValues(t, 64, all[0].packet[8], "a LAN has no router in between")
	require.Equal(t, "lan-a", b.frames[0].To)
	require.Equal(t, "lan-a", b.frames[1].From)
}

func TestChainOfNATs(t *testing.T) {
	top := behind(t, "cgnat", "full-cone")
	b := newBench(t, top, 1)
	require.Equal(t, Public, b.n.nodes["nat-a-2"].realm.name)
	b.send("alice", 5000, b.addr("sue", 7000), "out")
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, b.n.External("nat-a")[0], all[0].src.Addr())
	require.Equal(t, "nat-a-2", b.n.Owner(all[0].src.Addr()))
	var links []string
	for _, f := range b.frames {
		links = append(links, f.Link)
	}
	require.Equal(t, []string{"alice", OutsideLink("nat-a"), OutsideLink("nat-a-2"), "sue"}, links)
	middle, err := ParseUDP(b.frames[1].Packet)
	require.NoError(t, err)
	require.True(t, netip.MustParsePrefix("100.64.0.0/10").Contains(middle.Src.Addr()), middle.Src)

	b.send("sue", 7000, all[0].src, "back")
	require.Len(t, b.run(), 1)
	require.NoError(t, b.n.Change(b.now, Change{Node: "nat-a", Reboot: true}))
	b.send("sue", 7000, all[0].src, "back")
	require.Empty(t, b.run())
	require.Equal(t, []string{"nat-a-2: " + nat.NoMapping}, b.dropped())
}

func TestOpenNATRoutes(t *testing.T) {
	b := newBench(t, behind(t, "open", "full-cone"), 1)
	require.Empty(t, b.n.External("nat-a"))
	b.send("alice", 5000, b.addr("sue", 7000), "out")
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, b.addr("alice", 5000), all[0].src)
	b.send("sue", 1, b.addr("alice", 5001), "unsolicited")
	all = b.run()
	require.Len(t, all, 1)
	require.Equal(t, "alice", all[0].host)
}

func TestLoss(t *testing.T) {
	b := newBench(t, twoHosts(Link{Loss: 0.25}), 1)
	for range 4000 {
		b.send("alice", 1, b.addr("bob", 2), "x")
	}
	require.InDelta(t, 3000, len(b.run()), 120)
	require.Equal(t, "alice: loss", b.dropped()[0])
	require.Len(t, b.dropped(), b.frames[len(b.frames)-1].Datagram-(len(b.frames)-4000))
}

func TestDuplicate(t *testing.T) {
	b := newBench(t, twoHosts(Link{Duplicate: 0.25}), 1)
	for range 4000 {
		b.send("alice", 1, b.addr("bob", 2), "x")
	}
	require.InDelta(t, 5000, len(b.run()), 120)
}

func TestJitterKeepsTheOrder(t *testing.T) {
	b := newBench(t, twoHosts(Link{Latency: 10 * time.Millisecond, Jitter: 20 * time.Millisecond}), 1)
	for i := range 1000 {
		b.send("alice", 1, b.addr("bob", 2), fmt.Sprintf("%04d", i))
		b.now = b.now.Add(time.Millisecond)
		b.n.Advance(b.now)
	}
	all := b.run()
	var d Delivery
	require.False(t, b.n.Poll(&d))
	longest, shortest := time.Duration(0), time.Hour
	for i, g := range all {
		require.Equal(t, fmt.Sprintf("%04d", i), g.payload)
		took := g.after - time.Duration(i)*time.Millisecond
		longest, shortest = max(longest, took), min(shortest, took)
	}
	require.Len(t, all, 1000)
	require.Greater(t, longest, 25*time.Millisecond)
	require.LessOrEqual(t, longest, 30*time.Millisecond)
	require.GreaterOrEqual(t, shortest, 10*time.Millisecond)
}

func TestReorder(t *testing.T) {
	b := newBench(t, twoHosts(Link{Reorder: 1, Latency: time.Millisecond}), 1)
	b.send("alice", 1, b.addr("bob", 2), "first")
	b.send("alice", 1, b.addr("bob", 2), "second")
	b.send("alice", 1, b.addr("bob", 2), "third, which nothing overtakes")
	all := b.run()
	require.Equal(t, []string{"second", "first", "third, which nothing overtakes"}, []string{all[0].payload, all[1].payload, all[2].payload})
	require.Equal(t, time.Millisecond, all[1].after)
	require.Equal(t, time.Millisecond+overtakeWithin, all[2].after)
}

func TestRateAndQueue(t *testing.T) {
	b := newBench(t, twoHosts(Link{Rate: 8000}), 1) // 1000 bytes a second
	payload := strings.Repeat("x", 472)             // 500 bytes with the headers
	b.send("alice", 1, b.addr("bob", 2), payload)
	b.send("alice", 1, b.addr("bob", 2), payload)
	all := b.run()
	require.Equal(t, 500*time.Millisecond, all[0].after)
	require.Equal(t, time.Second, all[1].after)
	for range 2 * maxBacklog / 500 {
		b.send("alice", 1, b.addr("bob", 2), payload)
	}
	require.Len(t, b.run(), maxBacklog/500)
	require.Equal(t, "alice: queue full", b.dropped()[0])
}

func TestMTU(t *testing.T) {
	top := twoHosts(Link{})
	top.Hosts[1].Link.MTU = 600
	b := newBench(t, top, 1)
	b.send("alice", 1, b.addr("bob", 2), strings.Repeat("x", 572))
	require.Len(t, b.run(), 1)
	b.send("alice", 1, b.addr("bob", 2), strings.Repeat("x", 573))
	all := b.run()
	require.Len(t, all, 1)
	require.Equal(t, "alice", all[0].host)
	e, err := ParseICMPError(all[0].packet)
	require.NoError(t, err)
	require.EqualValues(t, []uint8{Unreachable, CodeTooBig}, []uint8{e.Type, e.Code})
	require.EqualValues(t, 600, binary.BigEndian.Uint16(all[0].packet[26:]))
	require.Equal(t, b.addr("alice", 1), e.About.Src)
	require.Equal(t, b.addr("bob", 2), e.About.Dst)
	require.Equal(t, []string{"public: mtu"}, b.dropped())

	b.send("bob", 2, b.addr("alice", 1), strings.Repeat("x", 573))
	require.Empty(t, b.run(), "a host's own link is its own business")
	require.Equal(t, 600, b.n.Addressing("bob").MTU)
}

func TestTTL(t *testing.T) {
	b := newBench(t, behind(t, "port-restricted", "full-cone"), 1)
	packet := BuildUDP(nil, b.addr("alice", 1), b.addr("sue", 2), 1, nil)
	packet[8] = 2 // dies at the core, beyond the NAT
	b.n.Send(b.now, "alice", packet)
	all := b.run()
	require.Len(t, all, 1)
	e, err := ParseICMPError(all[0].packet)
	require.NoError(t, err)
	require.EqualValues(t, TimeExceeded, e.Type)
	require.Equal(t, b.addr("alice", 1), e.About.Src, "the NAT translated it back")
	require.Equal(t, Public, b.n.Owner(e.Src))
	require.Equal(t, []string{"public: ttl"}, b.dropped())
}

func TestPortUnreachableCrossesNATs(t *testing.T) {
	b := newBench(t, behind(t, "symmetric", "full-cone"), 1)
	b.send("bob", 5000, b.addr("sue", 1), "")
	mapped := b.run()[0].src
	b.send("alice", 5000, mapped, "nobody listens")
	all := b.run()
	require.Equal(t, "bob", all[0].host)
	b.n.Send(b.now, "bob", BuildICMPError(nil, b.addr("bob", 0).Addr(), Unreachable, CodePort, 0, 9, all[0].packet))
	all = b.run()
	require.Len(t, all, 1)
	require.Equal(t, "alice", all[0].host)
	e, err := ParseICMPError(all[0].packet)
	require.NoError(t, err)
	require.Equal(t, b.addr("alice", 5000), e.About.Src)
	require.Equal(t, mapped, e.About.Dst)
	require.Equal(t, mapped.Addr(), e.Src)
}

func TestRejectingNATSaysSo(t *testing.T) {
	top := behind(t, "udp-blocked", "full-cone")
	top.NATs[0].Profile.Reject = true
	b := newBench(t, top, 1)
	b.send("alice", 5000, b.addr("sue", 1), "")
	all := b.run()
	require.Len(t, all, 1)
	e, err := ParseICMPError(all[0].packet)
	require.NoError(t, err)
	require.EqualValues(t, CodeProhibited, e.Code)
	require.Equal(t, []string{"nat-a: " + nat.UDPBlocked}, b.dropped())
}

func TestWhatGoesNowhere(t *testing.T) {
	b := newBench(t, behind(t, "full-cone", "full-cone"), 1)
	for _, test := range []struct {
		name, want string
		host       string
		packet     []byte
	}{
		{"unknown public address", "public: no route", "sue", BuildUDP(nil, b.addr("sue", 1), netip.MustParseAddrPort("8.8.8.8:53"), 1, nil)},
		{"somebody else's LAN", "public: no route", "alice", BuildUDP(nil, b.addr("alice", 1), b.addr("bob", 1), 1, nil)},
		{"nobody in the LAN", "nat-a: no route", "alice", BuildUDP(nil, b.addr("alice", 1), netip.AddrPortFrom(b.n.Addressing("alice").Gateway.Next().Next().Next(), 1), 1, nil)},
		{"multicast", "nat-a: no route", "alice", BuildUDP(nil, b.addr("alice", 1), netip.MustParseAddrPort("224.0.0.251:5353"), 1, nil)},
		{"the gateway", "nat-a: no service", "alice", BuildUDP(nil, b.addr("alice", 1), netip.AddrPortFrom(b.n.Addressing("alice").Gateway, 53), 1, nil)},
		{"no mapping", "nat-a: no mapping", "sue", BuildUDP(nil, b.addr("sue", 1), netip.AddrPortFrom(b.n.External("nat-a")[0], 999), 1, nil)},
		{"fragment", "public: fragment", "sue", func() []byte {
			p := BuildUDP(nil, b.addr("sue", 1), b.addr("sue", 1), 1, nil)
			p[6], p[7], p[19] = 0x20, 0, p[19]+1
			copy(p[16:20], b.n.External("nat-a")[0].AsSlice())
			return p
		}()},
		{"TCP", "nat-a: protocol 6", "alice", func() []byte {
			p := BuildUDP(nil, b.addr("alice", 1), b.addr("sue", 1), 1, make([]byte, 20))
			p[9] = 6
			return p
		}()},
		{"UDP cut short", "nat-a: malformed: UDP length 300 in an IPv4 payload of 8 bytes", "alice", func() []byte {
			p := BuildUDP(nil, b.addr("alice", 1), b.addr("sue", 1), 1, nil)
			binary.BigEndian.PutUint16(p[24:], 300)
			return p
		}()},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.frames = nil
			b.n.Send(b.now, test.host, test.packet)
			require.Empty(t, b.run())
			require.Equal(t, []string{test.want}, b.dropped())
		})
	}
	b.frames = nil
	for _, junk := range [][]byte{nil, {0x45}, make([]byte, 40), append([]byte{0x60}, make([]byte, 39)...)} {
		b.n.Send(b.now, "alice", junk)
	}
	require.Empty(t, b.frames)
}

func TestSendRepairsChecksums(t *testing.T) {
	b := newBench(t, twoHosts(Link{}), 1)
	packet := BuildUDP(nil, b.addr("alice", 1), b.addr("bob", 2), 7, []byte("odd"))
	want := append([]byte(nil), packet...)
	packet[26], packet[27], packet[10] = 0x12, 0x34, 0xff
	b.n.Send(b.now, "alice", append(packet, 0, 0)) // with padding of the link layer
	require.Len(t, b.run(), 1)
	require.Equal(t, want, b.frames[0].Packet)
}
