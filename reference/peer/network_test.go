package peer_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/eventloop"
	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// A network is a small one of peers and scripted ends, moved by a virtual clock.
type network struct {
	*eventloop.Loop
	t       testing.TB
	flying  flights
	hosts   []*host
	latency time.Duration
	lost    func(d datagram) bool // asked once per datagram sent
	log     []datagram            // all that was sent, as seen before any NAT
	random  *rand.Rand
}

type datagram struct {
	at       time.Time
	sender   *host
	via      peer.Socket
	from, to netip.AddrPort // after the sender's NAT
	data     []byte
}

func (d *datagram) packet() (p wire.Packet) {
	wire.Decode(&p, d.data)
	return p
}

type flight struct {
	at time.Time
	d  datagram
}

// flights are the datagrams under way, in the order of their arrival.
type flights struct {
	list   []flight
	arrive func(datagram)
}

func (f *flights) add(at time.Time, d datagram) {
	i, _ := slices.BinarySearchFunc(f.list, at, func(other flight, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1 // behind those that arrive at the same time
	})
	f.list = slices.Insert(f.list, i, flight{at, d})
}

func (f *flights) Next() (time.Time, bool) {
	if len(f.list) == 0 {
		return time.Time{}, false
	}
	return f.list[0].at, true
}

func (f *flights) Step(time.Time) {
	first := f.list[0]
	f.list = f.list[1:]
	f.arrive(first.d)
}

// host is a peer, or a scripted end where peer is nil, with one address.
type host struct {
	net    *network
	name   string
	ip     netip.Addr // outside
	nat    *nat       // nil: none
	peer   *peer.Peer
	driver *eventloop.Driver
	config peer.Config
	closed bool // neither ticks nor hears

	pool     map[peer.Socket]bool // open ones
	maxPool  int
	unbroken int   // datagrams sent since the last input
	fail     error // of opening them

	events []peer.Event
	got    []datagram
	mute   bool // scripted: answers no ping
}

// nat maps ports: 5000 + socket inside, 20000 and up outside.
type nat struct {
	dependent bool // mapping depends on the endpoint
	filter    int  // 0: none, 1: by address, 2: by address and port
	mappings  []mapping
	next      uint16
}

type mapping struct {
	socket   peer.Socket
	to       netip.AddrPort // dependent mapping: whom it is for
	external uint16
	sentTo   []netip.AddrPort
}

func (n *nat) out(s peer.Socket, to netip.AddrPort) uint16 {
	for i := range n.mappings {
		if m := &n.mappings[i]; m.socket == s && (!n.dependent || m.to == to) {
			m.sentTo = append(m.sentTo, to)
			return m.external
		}
	}
	n.next++
	n.mappings = append(n.mappings, mapping{socket: s, to: to, external: 20000 + n.next, sentTo: []netip.AddrPort{to}})
	return 20000 + n.next
}

func (n *nat) in(from netip.AddrPort, port uint16) (peer.Socket, bool) {
	for _, m := range n.mappings {
		if m.external != port {
			continue
		}
		for _, to := range m.sentTo {
			if n.filter == 0 || to.Addr() == from.Addr() && (n.filter == 1 || to.Port() == from.Port()) {
				return m.socket, true
			}
		}
	}
	return 0, false
}

// The NATs of the four types.
var natOf = map[nattype.Type]func() *nat{
	nattype.Unrestricted:       func() *nat { return &nat{} },
	nattype.AddrRestricted:     func() *nat { return &nat{filter: 1} },
	nattype.PortRestricted:     func() *nat { return &nat{filter: 2} },
	nattype.EndpointRestricted: func() *nat { return &nat{filter: 2, dependent: true} },
}

const k = 6 * time.Second

var (
	epoch     = time.UnixMilli(1_700_000_000_000)
	clusterID = seal.ClusterID("pf-cluster")
	subKeys   = seal.NewKeys(seal.SharedKey("pf-sub"))
)

func newNetwork(t testing.TB) *network {
	n := &network{t: t, latency: 10 * time.Millisecond, random: rand.New(rand.NewPCG(1, 2))}
	n.flying.arrive = n.arrive
	n.Loop = eventloop.New(epoch, &n.flying)
	return n
}

// seeded is randomness for one peer.
func seeded(name string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

func id(name string) wire.ID { return seal.PeerID(name) }

// host adds a scripted end with the next address.
func (n *network) host(name string) *host {
	h := &host{net: n, name: name, pool: map[peer.Socket]bool{}, ip: netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + len(n.hosts))})}
	n.hosts = append(n.hosts, h)
	return h
}

func (h *host) at(s peer.Socket) netip.AddrPort { return netip.AddrPortFrom(h.ip, 5000+uint16(s)) }

// start makes the host a peer.
func (h *host) start(c peer.Config) *host {
	c.ID, c.ClusterID, c.Keepalive, c.Random = id(h.name), clusterID, k, seeded(h.name)
	h.run(c)
	return h
}

// run runs a new peer on the host.
func (h *host) run(c peer.Config) {
	h.config, h.closed = c, false
	h.peer = peer.New(h.net.Now, c)
	if h.driver == nil {
		h.driver = eventloop.NewDriver(h, eventloop.Hooks{
			Event:   func(e peer.Event) { h.events = append(h.events, e) },
			Drained: func() { h.unbroken = 0 },
		})
		h.net.Add(h.driver)
	}
	h.driver.Start(h.net.Now, h.peer)
}

// cut takes the host off the network, or brings it back: meanwhile it neither ticks nor hears.
func (h *host) cut(off bool) {
	h.closed = off
	h.driver.Pause(off)
}

// indexed adds bootstrap peers.
func (n *network) indexed(count int) (hosts []*host, list []peer.Bootstrap) {
	for i := range count {
		h := n.host(fmt.Sprintf("i%d", i+1))
		h.start(peer.Config{Indexed: true, Address: h.ip})
		hosts = append(hosts, h)
		list = append(list, peer.Bootstrap{ID: id(h.name), Addr: h.at(peer.Main)})
	}
	return hosts, list
}

// leaf adds a peer behind a NAT that is a member of the subcluster.
func (n *network) leaf(name string, t nattype.Type, bootstrap []peer.Bootstrap) *host {
	h := n.host(name)
	if behind := natOf[t]; behind != nil {
		h.nat = behind()
	}
	h.start(peer.Config{Bootstrap: bootstrap})
	h.peer.Join(n.Now, subKeys)
	h.drain()
	return h
}

// drain does what the peer wants after an input that it was given directly.
func (h *host) drain() { h.driver.Settle(h.net.Now) }

// Open, Close and Send are the sockets of the peer.
func (h *host) Open(s peer.Socket, _ uint16) (netip.AddrPort, error) {
	if s >= peer.Pool {
		if h.fail != nil {
			return netip.AddrPort{}, h.fail
		}
		h.pool[s] = true
		h.maxPool = max(h.maxPool, len(h.pool))
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 5000+uint16(s)), nil
}

func (h *host) Close(s peer.Socket) {
	h.closed = h.closed || s == peer.Main
	delete(h.pool, s)
}

func (h *host) Send(_ time.Time, s peer.Socket, to netip.AddrPort, data []byte) {
	h.unbroken++
	require.Less(h.net.t, h.unbroken, 1000, "datagrams for one input")
	h.send(s, to, data)
}

// send puts a datagram on its way.
func (h *host) send(s peer.Socket, to netip.AddrPort, data []byte) {
	n := h.net
	d := datagram{at: n.Now, sender: h, via: s, from: h.at(s), to: to, data: append([]byte(nil), data...)}
	if h.nat != nil {
		d.from = netip.AddrPortFrom(h.ip, h.nat.out(s, to))
	}
	n.log = append(n.log, d)
	if n.lost != nil && n.lost(d) {
		return
	}
	n.flying.add(n.Now.Add(n.latency), d)
}

// sendPacket encodes and sends.
func (h *host) sendPacket(s peer.Socket, to netip.AddrPort, p *wire.Packet) {
	data, err := wire.Append(nil, p)
	require.NoError(h.net.t, err)
	h.send(s, to, data)
}

// arrive hands a datagram to whom it is for.
func (n *network) arrive(d datagram) {
	for _, h := range n.hosts {
		if h.ip != d.to.Addr() || h.closed {
			continue
		}
		socket, ok := peer.Socket(d.to.Port()-5000), true
		if h.nat != nil {
			socket, ok = h.nat.in(d.from, d.to.Port())
		}
		if !ok {
			return
		}
		if h.peer == nil {
			h.got = append(h.got, d)
			h.react(socket, d)
			return
		}
		borrowed := append([]byte(nil), d.data...)
		h.driver.Receive(n.Now, socket, d.from, borrowed)
		for i := range borrowed {
			borrowed[i] = 0xee // whoever kept it will notice
		}
	}
}

// react is what a scripted end does by itself: it answers pings, but those of its own kind.
func (h *host) react(s peer.Socket, d datagram) {
	p := d.packet()
	if h.mute || p.Type != wire.Ping || d.sender.peer == nil {
		return
	}
	pong := wire.NewPacket(wire.Pong)
	pong.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | p.Body.Keys&(wire.KeyIsReflection|wire.KeyReflectionID|wire.KeyPingID),
		RequesterPeerID: p.Body.RequesterPeerID, ResponderPeerID: id(h.name), IsReflection: p.Body.IsReflection,
		ReflectionID: p.Body.ReflectionID, PingID: p.Body.PingID,
	}
	h.sendPacket(s, d.from, &pong)
}

// run moves the clock.
func (n *network) run(d time.Duration) {
	end := n.Now.Add(d)
	n.until(end, func() bool { return false })
	n.Now = end
}

// within runs until a condition holds, and fails if it doesn't in time.
func (n *network) within(d time.Duration, what string, holds func() bool) {
	n.t.Helper()
	n.until(n.Now.Add(d), holds)
	require.True(n.t, holds(), "within %v: %s", d, what)
}

// until runs until a condition holds, or nothing more is due before the end.
func (n *network) until(end time.Time, holds func() bool) {
	for !holds() {
		more, err := n.Step(end.Add(-1))
		require.NoError(n.t, err)
		if !more {
			return
		}
	}
}

// What the tests ask of hosts.

func (h *host) natType() nattype.Type { return h.peer.Info().NATType }

func (h *host) connectedTo(other *host) bool {
	for _, r := range h.peer.Peers() {
		if r.ID == id(other.name) {
			return r.Connected
		}
	}
	return false
}

// info is what a host believes of another one.
func (h *host) info(other *host) (info peer.PeerInfo) {
	for _, r := range h.peer.Peers() {
		if r.ID == id(other.name) {
			info = r
		}
	}
	return info
}

// reaches reports whether a host is connected to another one without a proxy.
func (h *host) reaches(other *host) bool {
	info := h.info(other)
	return info.Connected && info.Proxy.IsZero()
}

func (h *host) count(kind peer.EventKind, fits func(e peer.Event) bool) (n int) {
	for _, e := range h.events {
		if e.Kind == kind && (fits == nil || fits(e)) {
			n++
		}
	}
	return n
}

func (h *host) received(message string) int {
	return h.count(peer.Packet, func(e peer.Event) bool { return e.Opened && string(e.Message) == message })
}

// sent are the datagrams of a host that fit.
func (h *host) sent(fits func(d datagram, p wire.Packet) bool) (list []datagram) {
	for _, d := range h.net.log {
		if d.sender == h && fits(d, d.packet()) {
			list = append(list, d)
		}
	}
	return list
}

// sentTo is the bytes that a host sent to an IP.
func (h *host) bytesTo(ip netip.Addr) (n int) {
	for _, d := range h.sent(func(d datagram, _ wire.Packet) bool { return d.to.Addr() == ip }) {
		n += len(d.data)
	}
	return n
}

func (h *host) gotType(t wire.Type) (list []wire.Packet) {
	for _, d := range h.got {
		if p := d.packet(); p.Type == t {
			list = append(list, p)
		}
	}
	return list
}

func (h *host) publish(message string) []wire.ID {
	h.net.t.Helper()
	ids, err := h.peer.Publish(h.net.Now, peer.Publication{Subcluster: subKeys.SubclusterID, Event: "hello", Message: []byte(message)})
	require.NoError(h.net.t, err)
	h.drain()
	return ids
}

// What scripted ends send.

func (h *host) ping(to netip.AddrPort, has wire.Key, edit func(b *wire.Body)) {
	p := wire.NewPacket(wire.Ping)
	p.ClusterID = clusterID[:]
	p.Body = wire.Body{Keys: wire.KeyRequesterPeerID | has, RequesterPeerID: id(h.name)}
	if edit != nil {
		edit(&p.Body)
	}
	h.sendPacket(peer.Main, to, &p)
}

// meet makes a scripted end a known peer.
func (h *host) meet(other *host) {
	h.net.t.Helper()
	h.ping(other.at(peer.Main), wire.KeyIsConnection|wire.KeyNATType, func(b *wire.Body) { b.IsConnection, b.NATType = true, 31 })
	h.net.within(time.Second, h.name+" is known", func() bool { return other.connectedTo(h) })
}

func (h *host) joinPacket(edit func(p *wire.Packet)) *wire.Packet {
	p := wire.NewPacket(wire.Join)
	p.Hops = 1
	p.ClusterID, p.SubclusterID = clusterID[:], subKeys.SubclusterID[:]
	p.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort | wire.KeyKey,
		RequesterPeerID: id(h.name), NATType: 7, Address: h.ip, Port: 5001, Key: []byte("a:b"),
	}
	if edit != nil {
		edit(&p)
	}
	return &p
}

func publishPacket(message string, edit func(p *wire.Packet)) *wire.Packet {
	p := wire.NewPacket(wire.Publish)
	p.Hops = 1
	p.ClusterID = clusterID[:]
	p.Message = []byte(message)
	if edit != nil {
		edit(&p)
	}
	if p.PacketID == nil {
		sum := wire.MessageID(p.Message)
		p.PacketID = sum[:]
	}
	return &p
}

func words(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

// arriveLater makes a datagram come a second time.
func (n *network) arriveLater(d datagram) {
	n.flying.add(n.Now.Add(n.latency+3*time.Millisecond), d)
}
