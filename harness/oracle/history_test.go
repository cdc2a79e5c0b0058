package oracle

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/trace"
	"punchlist/reference/cache"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

var (
	start = time.UnixMilli(1_700_000_000_000).UTC()

	self    = wire.ID(seal.PeerID("self"))
	bob     = wire.ID(seal.PeerID("bob"))
	carol   = wire.ID(seal.PeerID("carol"))
	boot    = wire.ID(seal.PeerID("boot"))
	cluster = seal.ClusterID("oracle")
	shared  = seal.SharedKey("oracle")
	members = seal.NewKeys(shared)

	mainAt  = netip.MustParseAddrPort("198.51.100.1:4001")
	probeAt = netip.MustParseAddrPort("198.51.100.1:4101")
	poolAt  = netip.MustParseAddrPort("198.51.100.1:50001")
	bobAt   = netip.MustParseAddrPort("198.51.100.2:4001")
	carolAt = netip.MustParseAddrPort("203.0.113.3:4001")
	bootAt  = netip.MustParseAddrPort("203.0.113.9:4001")
	farAt   = netip.MustParseAddrPort("192.0.2.77:7777")
)

const k = 30 * time.Second

// A history is what the observer of one peer sees, put together by hand.
type history struct {
	*testing.T
	j    *judge
	now  time.Time
	seq  int
	ids  int
	echo byte
}

// begin is a peer that runs and knows its type: two responders have named its address.
func begin(t *testing.T) *history {
	h := &history{T: t, j: newJudge("self", 0), now: start}
	h.command(testee.Hello, nil, testee.HelloOK{
		Name: "self", Constants: peer.Config{}.Constants(), Recommendations: peer.Config{}.Recommendations(),
	})
	h.command(testee.Start, testee.StartWith{
		PeerID: self.String(), Port: mainAt.Port(), ProbePort: probeAt.Port(), ClusterID: hex.EncodeToString(cluster[:]),
		Bootstrap: []testee.Bootstrap{{PeerID: boot.String(), Address: bootAt.Addr().String(), Port: bootAt.Port()}},
	}, nil)
	h.event(testee.Ready, testee.ReadyEvent{PeerID: self.String(), Port: mainAt.Port(), ProbePort: probeAt.Port()})
	long := h.ping(bob, `,"natType":31`) // enough for all that goes to bob before he is verified
	long.Usr1, long.Usr2, long.Usr3, long.Usr4 = bob[:], bob[:], bob[:], bob[:]
	h.in(bobAt, mainAt, long)
	h.out(mainAt, bobAt, h.pong(bob, bobAt, ""))
	h.in(bootAt, mainAt, h.ping(boot, ""))
	h.out(mainAt, bootAt, h.pong(boot, bootAt, ""))
	h.stage1()
	echo := h.newEcho()
	for _, responder := range []struct {
		id wire.ID
		at netip.AddrPort
	}{{boot, bootAt}, {bob, bobAt}} {
		id, from := responder.id, responder.at
		h.out(mainAt, from, h.asks(`,"probeExternalPort":4101,"reflectionId":"`+echo+`"`))
		h.in(from, mainAt, h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isReflection":true,"reflectionId":%q,"address":%q,"port":%d}`,
			self, id, echo, mainAt.Addr(), mainAt.Port())))
		h.in(netip.AddrPortFrom(from.Addr(), 4101), probeAt, h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isReflection":true,"reflectionId":%q}`, self, id, echo)))
	}
	h.event(testee.NAT, testee.NATEvent{NATType: 31, Address: mainAt.Addr().String(), Port: mainAt.Port()})
	h.out(mainAt, bootAt, h.ping(self, `,"isConnection":true,"natType":31`))
	h.pass(2 * time.Second)
	return h
}

// stage1 is that of discovery: a bootstrap peer tells the port of the probe socket.
func (h *history) stage1() {
	echo := h.newEcho()
	h.out(probeAt, bootAt, h.asks(`,"isProbe":true,"reflectionId":"`+echo+`"`))
	h.in(bootAt, probeAt, h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isReflection":true,"isProbe":true,"reflectionId":%q,"address":%q,"port":%d}`,
		self, boot, echo, probeAt.Addr(), probeAt.Port())))
}

// asks is a ping of discovery.
func (h *history) asks(keys string) wire.Packet {
	p := h.ping(self, `,"isReflection":true`+keys)
	p.ClusterID = cluster[:]
	return p
}

// connect has a peer answer a challenge, be reported and synced with.
func (h *history) connect(id wire.ID, at netip.AddrPort) {
	h.in(at, mainAt, h.ping(id, ""))
	h.out(mainAt, at, h.pong(id, at, `,"natType":31`))
	h.verify(id, at)
	h.event(testee.Connection, testee.ConnectionEvent{PeerID: id.String(), Address: at.Addr().String(), Port: at.Port(), NATType: 31})
	h.out(mainAt, at, h.sync(cache.Summary{}))
	h.pass(25 * time.Second)
	h.verify(id, at)
	h.pass(2 * time.Second)
}

// verify has a peer answer a challenge.
func (h *history) verify(id wire.ID, at netip.AddrPort) {
	echo := h.newEcho()
	h.out(mainAt, at, h.ping(self, `,"isReflection":true,"pingId":"`+echo+`"`))
	h.in(at, mainAt, h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isReflection":true,"pingId":%q,"address":%q,"port":%d}`,
		self, id, echo, mainAt.Addr(), mainAt.Port())))
}

func (h *history) pass(d time.Duration) {
	h.now = h.now.Add(d)
	h.j.now = h.now
	h.j.overdue()
}

func (h *history) newEcho() string {
	h.echo++
	return fmt.Sprintf("%012x", h.echo)
}

func (h *history) frame(from, to netip.AddrPort, p wire.Packet) *trace.Frame {
	h.Helper()
	if p.PacketID == nil {
		id := wire.ControlID(p.PreviousID, p.Message, p.NextID)
		p.PacketID = id[:]
	}
	payload, err := wire.Append(nil, &p)
	require.NoError(h, err)
	return h.raw(from, to, payload)
}

func (h *history) raw(from, to netip.AddrPort, payload []byte) *trace.Frame {
	h.seq++
	return &trace.Frame{Frame: internet.Frame{Seq: h.seq, At: h.now, Packet: internet.BuildUDP(nil, from, to, 1, payload)}}
}

func (h *history) in(from, to netip.AddrPort, p wire.Packet) {
	h.Helper()
	h.j.observe(observation{at: h.now, seq: h.seq, frame: h.frame(from, to, p)})
}

func (h *history) out(from, to netip.AddrPort, p wire.Packet) {
	h.Helper()
	h.j.observe(observation{at: h.now, seq: h.seq, frame: h.frame(from, to, p), sent: true})
}

func (h *history) command(do string, with, ok any) {
	h.ids++
	c := testee.Command{ID: h.ids, Do: do}
	c.With, _ = json.Marshal(with)
	h.j.observe(observation{at: h.now, command: &command{c, h.now, h.seq}})
	m := testee.Message{ID: h.ids, At: h.now, OK: json.RawMessage("{}")}
	if ok != nil {
		m.OK, _ = json.Marshal(ok)
	}
	h.say(m)
}

func (h *history) event(name string, body any) {
	raw, _ := json.Marshal(body)
	h.say(testee.Message{Event: name, Raw: raw, At: h.now})
}

func (h *history) say(m testee.Message) {
	h.j.observe(observation{at: h.now, message: &m})
	h.j.observe(observation{at: h.now, message: &m, late: true})
}

func (h *history) join() {
	h.command(testee.Join, testee.JoinWith{SharedKey: hex.EncodeToString(shared[:])}, testee.JoinOK{SubclusterID: hex.EncodeToString(members.SubclusterID[:])})
}

func (h *history) control(t wire.Type, body string) wire.Packet {
	p := wire.NewPacket(t)
	p.Message = []byte(body)
	return p
}

func (h *history) ping(id wire.ID, keys string) wire.Packet {
	return h.control(wire.Ping, `{"requesterPeerId":"`+id.String()+`"`+keys+`}`)
}

// pong answers a ping of id that came from an address.
func (h *history) pong(id wire.ID, at netip.AddrPort, keys string) wire.Packet {
	return h.control(wire.Pong, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"address":%q,"port":%d%s}`, id, self, at.Addr(), at.Port(), keys))
}

func (h *history) sync(s cache.Summary) wire.Packet {
	empty := cache.New(1).Summary(h.now, cache.Prefix{})
	if s.Hash == [20]byte{} {
		s.Hash = empty.Hash
	}
	p := h.control(wire.Sync, string(s.Append(nil)))
	p.Usr4 = []byte("1700000000000")
	return p
}

func (h *history) publish(message string, hops uint32) wire.Packet {
	p := h.control(wire.Publish, message)
	p.ClusterID, p.SubclusterID, p.Hops = cluster[:], members.SubclusterID[:], hops
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	return p
}

func (h *history) joinOf(id wire.ID, at netip.AddrPort, hops uint32) wire.Packet {
	p := h.control(wire.Join, fmt.Sprintf(`{"requesterPeerId":%q,"natType":31,"address":%q,"port":%d}`, id, at.Addr(), at.Port()))
	p.ClusterID, p.SubclusterID, p.Hops = cluster[:], members.SubclusterID[:], hops
	return p
}

func (h *history) introOf(id wire.ID, at netip.AddrPort, introducer wire.ID) wire.Packet {
	p := h.control(wire.Intro, fmt.Sprintf(`{"requesterPeerId":%q,"responderPeerId":%q,"isRendezvous":false,"natType":31,"address":%q,"port":%d}`,
		id, introducer, at.Addr(), at.Port()))
	p.ClusterID, p.SubclusterID, p.Hops, p.Usr1 = cluster[:], members.SubclusterID[:], 2, fmt.Appendf(nil, "%d", h.now.UnixMilli())
	return p
}

// connectAll has four peers connected, and all of them answer.
func (h *history) connectAll() {
	at := map[wire.ID]netip.AddrPort{bob: bobAt, carol: carolAt}
	for i := range byte(2) {
		at[wire.ID{5, i}] = netip.AddrPortFrom(carolAt.Addr().Next(), 5000+uint16(i))
	}
	for id, addr := range at {
		h.in(addr, mainAt, h.ping(id, ""))
		h.out(mainAt, addr, h.pong(id, addr, `,"natType":31`))
		h.verify(id, addr)
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: id.String(), Address: addr.Addr().String(), Port: addr.Port(), NATType: 31})
	}
	h.pass(time.Second)
}

// offered is a join for which a bootstrap peer offers itself as the rendezvous.
func (h *history) offered(id wire.ID, at netip.AddrPort) wire.Packet {
	return h.offeredAt(id, at, bootAt)
}

func (h *history) offeredAt(id wire.ID, at, rendezvous netip.AddrPort) wire.Packet {
	p := h.joinOf(id, at, 2)
	p.Message = []byte(strings.TrimSuffix(string(p.Message), "}") + fmt.Sprintf(`,"rendezvousAddress":%q,"rendezvousPort":%d,"rendezvousType":31,"rendezvousPeerId":%q,"rendezvousDeadline":%d}`,
		rendezvous.Addr(), rendezvous.Port(), boot, h.now.Add(k).UnixMilli()))
	return p
}

// opener goes to a port of carol.
func (h *history) opener(port uint16) {
	to := netip.AddrPortFrom(carolAt.Addr(), port)
	h.j.observe(observation{at: h.now, seq: h.seq, frame: h.raw(mainAt, to, wire.Opener), sent: true})
}

// guess is a peer of one type that is introduced to carol of another, and does nothing.
func (h *history) guess(own, other int) {
	h.j.types = []announced{{at: start, natType: own, addr: mainAt}}
	h.verify(bob, bobAt)
	h.pass(time.Second)
	p := h.introOf(carol, carolAt, bob)
	p.Message = []byte(strings.Replace(string(p.Message), `"natType":31`, fmt.Sprintf(`"natType":%d`, other), 1))
	h.in(bobAt, mainAt, p)
	h.pass(20 * time.Second)
}

// tries is a connection ping of an introduction.
func (h *history) tries(pingID, subcluster string) wire.Packet {
	p := h.ping(self, `,"isConnection":true,"natType":31,"cacheSummaryHash":"`+strings.Repeat("0", 40)+`","pingId":"`+pingID+`"`)
	p.ClusterID, p.SubclusterID = cluster[:], members.SubclusterID[:]
	if subcluster != "" {
		p.SubclusterID = []byte(subcluster)
	}
	return p
}

func (h *history) question(n byte, hops uint32) wire.Packet {
	p := h.control(wire.Query, `{"about":1}`)
	id := wire.ID{n, 1}
	p.Hops, p.Usr3, p.Usr4, p.Usr1 = hops, id[:], []byte("1"), fmt.Appendf(nil, "%d", h.now.UnixMilli())
	return p
}

func (h *history) streamOf(from, to wire.ID, message string, hops uint32) wire.Packet {
	p := h.publish(message, hops)
	p.Type, p.Usr3, p.Usr4 = wire.Stream, to[:], from[:]
	return p
}

func (h *history) broken() (ids []string) {
	h.j.end()
	for id, s := range h.j.seen {
		if s.Wrong != "" {
			ids = append(ids, strings.TrimPrefix(id, prefix))
		}
	}
	slices.Sort(ids)
	return ids
}
