package oracle

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec"
	"punchlist/spec/testee"
)

// breaks are histories, each of which breaks the rule of its name. A blank line of one is where a
// sound peer would have gone on otherwise.
var breaks = map[string]func(h *history){
	"send/known": func(h *history) { h.out(mainAt, farAt, h.ping(self, "")) },
	"send/peer": func(h *history) {
		h.out(mainAt, netip.MustParseAddrPort("224.0.0.1:9"), h.ping(self, `,"isReflection":true`))
	},
	"send/asleep": func(h *history) {
		h.command(testee.Sleep, nil, nil)
		h.pass(time.Second)
		h.out(mainAt, bootAt, h.ping(self, `,"isReflection":true`))
	},
	"send/amplified": func(h *history) {
		h.in(farAt, mainAt, h.publish("x", 16))
		for range 8 {
			h.out(mainAt, farAt, h.ping(self, `,"isReflection":true`))
		}
	},
	"send/path": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.out(poolAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
		h.in(carolAt, poolAt, h.ping(carol, `,"isConnection":true,"natType":31`))
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: carolAt.Addr().String(), Port: carolAt.Port(), NATType: 31})
		h.pass(20 * time.Second)
		h.out(mainAt, carolAt, h.ping(self, `,"isReflection":true`))
	},
	"constants/range": func(h *history) {
		h.command(testee.Hello, nil, testee.HelloOK{Constants: map[string]float64{"verified.life": 9}})
		h.command(testee.Start, testee.StartWith{PeerID: self.String(), Bootstrap: []testee.Bootstrap{}}, nil)
	},
	"ping/self":   func(h *history) { h.out(mainAt, bootAt, h.ping(bob, `,"isReflection":true`)) },
	"ping/type":   func(h *history) { h.out(mainAt, bootAt, h.ping(self, `,"isReflection":true,"natType":7`)) },
	"ping/socket": func(h *history) { h.out(mainAt, bootAt, h.ping(self, `,"isReflection":true,"isProbe":true`)) },
	"ping/indexed": func(h *history) {
		h.j.indexed = true
		h.out(mainAt, bootAt, h.ping(self, `,"isReflection":true,"probeExternalPort":9`))
	},
	"ping/echo": func(h *history) {
		h.out(mainAt, bootAt, h.ping(self, `,"isReflection":true,"pingId":"00000000ffff"`))
		h.out(mainAt, bobAt, h.ping(self, `,"isReflection":true,"pingId":"00000000ffff"`))
	},
	"ping/silent": func(h *history) {
		h.pass(6 * k)
		h.out(mainAt, bobAt, h.ping(self, `,"isReflection":true`))
	},
	"ping/heartbeat": func(h *history) { h.connect(bob, bobAt); h.pass(k + 5*time.Second) },
	"ping/announced": func(h *history) {
		h.connect(bob, bobAt)
		h.j.reflections = append(h.j.reflections, reflection{h.now, bootAt, farAt}, reflection{h.now, bobAt, farAt})
		h.event(testee.NAT, testee.NATEvent{NATType: 7, Address: farAt.Addr().String(), Port: farAt.Port()})
		h.pass(5 * time.Second)
	},
	"pong/cause": func(h *history) { h.out(mainAt, bobAt, h.pong(carol, bobAt, `,"natType":31`)) },
	"pong/once": func(h *history) {
		h.in(bobAt, mainAt, h.ping(bob, `,"pingId":"000000000077"`))
		h.out(mainAt, bobAt, h.pong(bob, bobAt, `,"natType":31,"pingId":"000000000077"`))
		h.out(mainAt, bobAt, h.pong(bob, bobAt, `,"natType":31,"pingId":"000000000077"`))
	},
	"pong/fields": func(h *history) {
		h.in(bobAt, mainAt, h.ping(bob, `,"pingId":"000000000077"`))
		h.out(mainAt, bobAt, h.pong(bob, bobAt, `,"natType":31,"pingId":"000000000078"`))
	},
	"pong/type": func(h *history) {
		h.in(bobAt, mainAt, h.ping(bob, ""))
		h.out(mainAt, bobAt, h.pong(bob, bobAt, `,"natType":5`))
	},
	"pong/owed": func(h *history) { h.in(bobAt, mainAt, h.ping(bob, "")); h.pass(time.Second) },
	"pong/second": func(h *history) {
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, h.ping(bob, `,"isReflection":true,"probeExternalPort":9`))
		h.out(mainAt, bobAt, h.pong(bob, bobAt, `,"isReflection":true`))
		h.pass(time.Second)
	},
	"pong/own": func(h *history) {
		h.in(bobAt, mainAt, h.ping(self, ""))
		h.out(mainAt, bobAt, h.pong(self, bobAt, `,"natType":31`))
	},
	"join/self":   func(h *history) { h.join(); h.out(mainAt, bobAt, h.joinOf(self, mainAt, 2)) },
	"join/member": func(h *history) { h.out(mainAt, bobAt, h.joinOf(self, mainAt, 1)) },
	"join/left": func(h *history) {
		h.join()
		h.command(testee.Leave, testee.LeaveWith{SubclusterID: hex.EncodeToString(members.SubclusterID[:])}, nil)
		h.pass(k)
		h.out(mainAt, bobAt, h.joinOf(self, mainAt, 1))
	},
	"join/clock": func(h *history) {
		h.join()
		p := h.joinOf(self, mainAt, 1)
		p.Clock = 5
		h.out(mainAt, bobAt, p)
		h.pass(k)
		p.Clock = 4
		h.out(mainAt, bobAt, p)
	},
	"join/often": func(h *history) {
		h.join()
		for range h.j.maxOwnJoins() + 1 {
			h.out(mainAt, bobAt, h.joinOf(self, mainAt, 1))
		}
	},
	"join/owed": func(h *history) {
		h.connect(bob, bobAt)
		h.join()
		for range 8 {
			h.verify(bob, bobAt)
			h.pass(5 * time.Second)
		}
	},
	"join/answer": func(h *history) {
		h.join()
		p := h.joinOf(self, mainAt, 0)
		p.Message = []byte(strings.TrimSuffix(string(p.Message), "}") + `,"rendezvousRequesterPeerId":"` + bob.String() + `"}`)
		h.out(mainAt, bobAt, p)
	},
	"join/same": func(h *history) {
		h.in(bobAt, mainAt, h.joinOf(carol, carolAt, 3))
		h.out(mainAt, bootAt, h.joinOf(carol, carolAt, 6))
	},
	"join/once": func(h *history) {
		h.in(bobAt, mainAt, h.joinOf(carol, carolAt, 3))
		h.out(mainAt, bootAt, h.joinOf(carol, carolAt, 4))
		h.out(mainAt, bootAt, h.joinOf(carol, carolAt, 4))
	},
	"join/rendezvous": func(h *history) {
		h.in(bobAt, mainAt, h.joinOf(bob, bobAt, 1))
		h.out(mainAt, bootAt, h.joinOf(bob, bobAt, 2))
	},
	"intro/cause": func(h *history) { h.out(mainAt, carolAt, h.introOf(bob, bobAt, self)) },
	"intro/fields": func(h *history) {
		h.in(bobAt, mainAt, h.joinOf(bob, bobAt, 1))
		h.out(mainAt, carolAt, h.introOf(bob, bobAt, carol))
	},
	"intro/count": func(h *history) {
		h.in(bobAt, mainAt, h.joinOf(bob, bobAt, 1))
		for range 13 {
			h.out(mainAt, carolAt, h.introOf(bob, bobAt, self))
		}
	},
	"intro/owed": func(h *history) {
		h.connect(carol, carolAt)
		h.connect(bob, bobAt)
		h.verify(carol, carolAt)
		h.pass(2 * time.Second)
		h.in(bobAt, mainAt, h.joinOf(bob, bobAt, 1))
		h.pass(3 * time.Second)
	},
	"publish/cause": func(h *history) { h.out(mainAt, bobAt, h.publish("from nowhere", 2)) },
	"publish/same": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		p := h.publish("m", 2)
		p.Usr1 = []byte("other")
		h.out(mainAt, bootAt, p)
	},
	"publish/hops": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.out(mainAt, bootAt, h.publish("m", 3))
	},
	"publish/back": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.out(mainAt, bobAt, h.publish("m", 2))
	},
	"publish/once": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.out(mainAt, bootAt, h.publish("m", 2))
		h.out(mainAt, bootAt, h.publish("m", 2))
	},
	"publish/younger": func(h *history) {
		p := h.publish("m", 1)
		p.TTL = 60_000
		h.in(bobAt, mainAt, p)
		p.Hops, p.TTL = 2, 90_000
		h.out(mainAt, bootAt, p)
	},
	"publish/ttl": func(h *history) {
		p := h.publish("m", 1)
		p.TTL = 60_000
		h.in(bobAt, mainAt, p)
		p.Hops, p.TTL = 2, 50_000
		h.out(mainAt, bootAt, p)
	},
	"publish/expired": func(h *history) {
		p := h.publish("m", 1)
		p.TTL = 1000
		h.in(bobAt, mainAt, p)
		h.pass(3 * k)
		h.out(mainAt, bootAt, p)
	},
	"publish/verified": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.in(farAt, mainAt, h.publish("n", 16))
		h.out(mainAt, farAt, h.publish("m", 1))
	},
	"publish/own": func(h *history) {
		h.join()
		p := h.publish("mine", 2)
		h.command(testee.Publish, testee.PublishWith{SubclusterID: hex.EncodeToString(members.SubclusterID[:])}, testee.PublishOK{PacketIDs: []string{hex.EncodeToString(p.PacketID)}})
		h.out(mainAt, bobAt, p)
	},
	"publish/owed": func(h *history) {
		h.connect(bob, bobAt)
		h.pass(5 * time.Second)
		h.join()
		h.command(testee.Publish, testee.PublishWith{SubclusterID: hex.EncodeToString(members.SubclusterID[:])}, testee.PublishOK{PacketIDs: []string{wire.ID{9}.String()}})
		h.pass(4 * time.Second)
	},
	"publish/woken": func(h *history) {
		h.connect(bob, bobAt)
		h.join()
		h.command(testee.Sleep, nil, nil)
		h.pass(5 * time.Second)
		h.command(testee.Publish, testee.PublishWith{SubclusterID: hex.EncodeToString(members.SubclusterID[:])}, testee.PublishOK{PacketIDs: []string{wire.ID{9}.String()}})
		h.command(testee.Wake, nil, nil)
		h.pass(20 * time.Second)
		h.out(mainAt, bobAt, h.ping(self, `,"isReflection":true,"pingId":"0000000000aa"`))
		h.in(bobAt, mainAt, h.pong(bob, mainAt, `,"pingId":"0000000000aa"`))
		h.pass(k)
	},
	"publish/relay": func(h *history) {
		h.connect(bob, bobAt)
		h.pass(5 * time.Second)
		h.in(farAt, mainAt, h.publish("m", 1))
		h.pass(2 * time.Second)
	},
	"sync/summary": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.out(mainAt, bobAt, h.sync(cache.Summary{}))
	},
	"sync/hash": func(h *history) {
		h.out(mainAt, bobAt, h.ping(self, `,"isConnection":true,"natType":31,"cacheSummaryHash":"`+strings.Repeat("ab", 20)+`"`))
	},
	"sync/cause": func(h *history) {
		prefix, err := cache.ParsePrefix("a")
		require.NoError(h, err)
		h.out(mainAt, bobAt, h.sync(cache.Summary{Prefix: prefix}))
	},
	"sync/asked": func(h *history) {
		h.verify(bob, bobAt)
		h.in(bootAt, mainAt, h.publish("m", 1))
		h.out(mainAt, bobAt, h.publish("m", 1))
	},
	"sync/owed": func(h *history) {
		h.connect(bob, bobAt)
		h.pass(12 * time.Second)
		h.verify(bob, bobAt)
		h.pass(time.Second)
		h.in(bobAt, mainAt, h.sync(cache.Summary{Hash: [20]byte{1}, Present: 1, Buckets: [16][20]byte{{7}}}))
		h.pass(3 * time.Second)
	},
	"sync/first": func(h *history) {
		h.in(carolAt, mainAt, h.ping(carol, ""))
		h.out(mainAt, carolAt, h.pong(carol, carolAt, `,"natType":31`))
		h.verify(carol, carolAt)
		h.pass(100 * time.Millisecond)
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: carolAt.Addr().String(), Port: carolAt.Port(), NATType: 31})
		h.pass(4 * time.Second)
	},
	"cache/holds": func(h *history) {
		h.in(bobAt, mainAt, h.publish("m", 1))
		h.command(testee.Cache, testee.CacheWith{}, testee.CacheOK{IDs: []string{}})
	},
	"stream/own": func(h *history) { h.out(mainAt, bobAt, h.streamOf(self, bob, "m", 0)) },
	"stream/same": func(h *history) {
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, h.streamOf(bob, carol, "m", 0))
		h.out(mainAt, bootAt, h.streamOf(bob, carol, "m", 2))
	},
	"stream/once": func(h *history) {
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, h.streamOf(bob, carol, "m", 0))
		h.out(mainAt, bootAt, h.streamOf(bob, carol, "m", 1))
		h.out(mainAt, bootAt, h.streamOf(bob, carol, "m", 1))
	},
	"stream/verified": func(h *history) {
		h.in(farAt, mainAt, h.streamOf(bob, carol, "m", 0))
		h.out(mainAt, bootAt, h.streamOf(bob, carol, "m", 1))
	},
	"stream/owed": func(h *history) {
		h.connect(carol, carolAt)
		h.connect(bob, bobAt)
		h.verify(carol, carolAt)
		h.pass(2 * time.Second)
		h.in(bobAt, mainAt, h.streamOf(bob, carol, "m", 0))
		h.pass(3 * time.Second)
	},
	"query/own": func(h *history) { h.out(mainAt, bobAt, h.question(1, 1)) },
	"query/same": func(h *history) {
		h.in(bobAt, mainAt, h.question(1, 1))
		h.out(mainAt, bootAt, h.question(1, 3))
	},
	"query/once": func(h *history) {
		h.in(bobAt, mainAt, h.question(1, 1))
		h.out(mainAt, bootAt, h.question(1, 2))
		h.out(mainAt, bootAt, h.question(1, 2))
	},
	"query/age": func(h *history) {
		p := h.question(1, 1)
		p.Usr1 = fmt.Appendf(nil, "%d", h.now.Add(-time.Minute).UnixMilli())
		h.in(bobAt, mainAt, p)
		p.Hops = 2
		h.out(mainAt, bootAt, p)
	},
	"query/owed": func(h *history) {
		h.connect(carol, carolAt)
		h.connect(bob, bobAt)
		h.verify(carol, carolAt)
		h.pass(2 * time.Second)
		h.in(bobAt, mainAt, h.question(1, 1))
		h.pass(3 * time.Second)
	},
	"answer/cause": func(h *history) {
		p := h.question(1, 0)
		p.Usr4 = []byte("2")
		h.out(mainAt, bobAt, p)
	},
	"answer/same": func(h *history) {
		h.in(bobAt, mainAt, h.question(1, 1))
		p := h.question(1, 1)
		p.Usr4 = []byte("2")
		h.in(bootAt, mainAt, p)
		p.Hops = 5
		h.out(mainAt, bobAt, p)
	},
	"answer/once": func(h *history) {
		h.in(bobAt, mainAt, h.question(1, 1))
		p := h.question(1, 0)
		p.Usr4 = []byte("2")
		h.out(mainAt, bobAt, p)
		h.out(mainAt, bobAt, p)
	},
	"answer/late": func(h *history) {
		h.in(bobAt, mainAt, h.question(1, 1))
		h.pass(3 * k)
		p := h.question(1, 0)
		p.Usr4 = []byte("2")
		h.out(mainAt, bobAt, p)
	},
	"answer/packet": func(h *history) {
		h.in(bootAt, mainAt, h.publish("m", 1))
		h.in(bobAt, mainAt, h.question(1, 1))
		p := h.publish("m", 0)
		id := wire.ID{1, 1}
		p.Type, p.Usr3, p.Usr4, p.Usr2 = wire.Query, id[:], []byte("2"), []byte("forged")
		h.out(mainAt, bobAt, p)
	},
	"answer/owed": func(h *history) {
		h.connect(bob, bobAt)
		m := h.publish("m", 16)
		h.in(bootAt, mainAt, m)
		p := h.question(1, 1)
		p.Message = []byte(`{"packetId":"` + hex.EncodeToString(m.PacketID) + `"}`)
		h.in(bobAt, mainAt, p)
		h.pass(3 * time.Second)
	},
	"traversal/count": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for port := range 1100 {
			h.j.observe(observation{at: h.now, frame: h.raw(mainAt, netip.AddrPortFrom(carolAt.Addr(), uint16(2000+port)), wire.Opener), sent: true})
		}
	},
	"traversal/opener": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.j.observe(observation{at: h.now, frame: h.raw(mainAt, netip.AddrPortFrom(carolAt.Addr(), 80), wire.Opener), sent: true})
	},
	"traversal/pool": func(h *history) { h.out(poolAt, bobAt, h.ping(self, `,"isReflection":true`)) },
	"traversal/ration": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for range 4 {
			h.out(mainAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
		}
	},
	"traversal/obeyed": func(h *history) {
		h.connect(bob, bobAt)
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.pass(4 * time.Second)
	},
	"traversal/stale": func(h *history) {
		h.connect(bob, bobAt)
		intro := h.introOf(carol, carolAt, bob)
		h.pass(3 * k)
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, intro)
		h.out(mainAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
	},
	"traversal/trusted": func(h *history) {
		h.in(farAt, mainAt, h.introOf(carol, carolAt, bob))
		h.out(mainAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
	},
	"tell/packet": func(h *history) {
		h.join()
		h.event(testee.PacketEvent, testee.PacketEventBody{PacketID: wire.ID{3}.String(), SubclusterID: hex.EncodeToString(members.SubclusterID[:])})
	},
	"tell/owed": func(h *history) {
		h.join()
		h.in(bobAt, mainAt, h.publish(h.sealed("hello"), 16))
		h.pass(2 * time.Second)
	},
	"tell/content": func(h *history) {
		h.join()
		p := h.publish(h.sealed("hello"), 16)
		h.in(bobAt, mainAt, p)
		other := hex.EncodeToString([]byte("goodbye"))
		h.event(testee.PacketEvent, testee.PacketEventBody{PacketID: hex.EncodeToString(p.PacketID), SubclusterID: hex.EncodeToString(members.SubclusterID[:]), Message: &other})
	},
	"tell/streamed": func(h *history) {
		h.join()
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, h.streamOf(bob, self, h.sealed("hello"), 0))
		h.pass(2 * time.Second)
	},
	"tell/stream": func(h *history) {
		h.event(testee.StreamEvent, testee.StreamEventBody{PeerID: bob.String(), SubclusterID: hex.EncodeToString(members.SubclusterID[:])})
	},
	"tell/answer": func(h *history) { h.event(testee.Answer, testee.AnswerEventBody{PacketID: wire.ID{4}.String()}) },
	"tell/connection": func(h *history) {
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Proxy: bob.String()})
	},
	"tell/verified": func(h *history) {
		h.in(farAt, mainAt, h.ping(carol, ""))
		h.out(mainAt, farAt, h.pong(carol, farAt, `,"natType":31`))
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: farAt.Addr().String(), Port: farAt.Port(), NATType: 31})
	},
	"tell/renamed": func(h *history) {
		h.in(farAt, mainAt, h.ping(bob, ""))
		h.out(mainAt, farAt, h.pong(bob, farAt, `,"natType":31`))
		h.verify(bob, farAt)
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: farAt.Addr().String(), Port: farAt.Port(), NATType: 31})
	},
	"tell/replayed": func(h *history) {
		h.in(farAt, mainAt, h.ping(carol, ""))
		h.out(mainAt, farAt, h.pong(carol, farAt, `,"natType":31`))
		h.verify(carol, farAt)
		h.pass(9 * k)
		h.in(farAt, mainAt, h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isReflection":true,"pingId":"%012x"}`, self, carol, h.echo)))
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: farAt.Addr().String(), Port: farAt.Port(), NATType: 31})
	},
	"tell/given-up": func(h *history) {
		for range 5 {
			h.pass(k)
		}
		h.connect(carol, carolAt)
		h.event(testee.Disconnection, testee.ConnectionEvent{PeerID: carol.String()})
	},
	"tell/nat": func(h *history) {
		h.event(testee.NAT, testee.NATEvent{NATType: 31, Address: "192.0.2.5", Port: 5})
	},
}

func (h *history) sealed(text string) string {
	out, err := seal.Seal(strings.NewReader(strings.Repeat("entropy ", 64)), members, []byte(text))
	require.NoError(h, err)
	return string(out)
}

func TestEachRuleBites(t *testing.T) {
	for name, play := range breaks {
		t.Run(name, func(t *testing.T) {
			h := begin(t)
			play(h)
			rule, _, _ := strings.Cut(name, ",")
			require.Contains(t, h.broken(), rule)
		})
	}
}

// unbroken are rules that no history of a page can break; what does is beside each.
var unbroken = map[string]string{
	"sync/sixteen": "it takes seventeen summaries below one: the explored worlds have them",
}

func TestEachRuleIsBroken(t *testing.T) {
	for _, r := range Rules() {
		id := strings.TrimPrefix(r.ID, prefix)
		if _, excused := unbroken[id]; !excused {
			require.Contains(t, breaks, id, "no history breaks the rule")
		}
	}
	for name := range breaks {
		rule, _, _ := strings.Cut(name, ",")
		require.True(t, slices.ContainsFunc(Rules(), func(r Rule) bool { return r.ID == prefix+rule }), name)
	}
}

func TestASoundPeerBreaksNoRule(t *testing.T) {
	h := begin(t)
	require.Empty(t, h.broken())
	h.connect(bob, bobAt)
	h.in(bobAt, mainAt, h.publish("m", 1))
	h.out(mainAt, bootAt, h.publish("m", 2))
	h.in(bobAt, mainAt, h.joinOf(carol, carolAt, 3))
	h.out(mainAt, bootAt, h.joinOf(carol, carolAt, 4))
	h.in(bobAt, mainAt, h.question(1, 1))
	h.out(mainAt, bootAt, h.question(1, 2))
	require.Empty(t, h.broken())
}

func TestRulesAreOfTheRegistry(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range Rules() {
		require.False(t, seen[r.ID], r.ID)
		seen[r.ID] = true
		require.Regexp(t, `^oracle/[a-z]+/[a-z-]+$`, r.ID)
		_, ok := registry.Lookup(r.Requirement)
		require.True(t, ok, "%s: the registry does not have %s", r.ID, r.Requirement)
		require.True(t, strings.HasSuffix(r.Says, "."), r.ID)
	}
}

// A rule that asks for a cause names those that there are, and a finding says what they are.
func TestRulesHaveCauses(t *testing.T) {
	standard, err := spec.LoadStandard()
	require.NoError(t, err)
	for rule, causes := range causesOf {
		require.True(t, slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == prefix+rule }), "there is no rule %s", rule)
		for _, id := range causes {
			_, ok := standard.Cause(id)
			require.True(t, ok, "%s: spec/causes.yaml has no %s", rule, id)
		}
	}
	h := begin(t)
	breaks["pong/cause"](h)
	h.j.end()
	require.Contains(t, h.j.seen["oracle/pong/cause"].Wrong, "allowed: pong/first (to its source, on a ping")
}

func TestRulesThatHoldAnywhereExist(t *testing.T) {
	n := 0
	for _, r := range Rules() {
		if r.Anywhere() {
			n++
		}
	}
	require.Len(t, anywhere, n)
}
