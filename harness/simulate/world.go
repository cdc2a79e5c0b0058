package simulate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/nat"
	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// Every host is this far from the middle of its realm, one way, as in the
// scenarios.
const (
	hostLatency = 10 * time.Millisecond
	natLatency  = 5 * time.Millisecond
)

// Ports of all peers, inside their NAT.
const (
	mainPort  = 5000
	probePort = 5001
)

// clusterID is of all peers here, members the keys of their subcluster.
var (
	clusterID = seal.ClusterID("simulate")
	members   = seal.NewKeys(seal.SharedKey("simulate"))
)

// A world is reference peers on an emulated internet. Nothing in it happens but
// in run.
type world struct {
	seed     int64
	internet *sim.Internet // nil before up
	nodes    []*node       // in the order of the hosts
	topology internet.Topology
}

// A node is a host with the peer that runs on it.
type node struct {
	world   *world
	name    string
	index   int
	id      wire.ID
	profile string
	config  peer.Config // without randomness
	peer    *peer.Peer  // nil: none runs
	driver  *eventloop.Driver
	sockets *sim.Sockets
	lives   int
	asleep  bool

	// Called when something happens; nil: nobody listens.
	event    func(peer.Event)
	sent     func(via peer.Socket, to netip.AddrPort, datagram []byte)
	received func(via peer.Socket, from netip.AddrPort, datagram []byte)
}

// newWorld is empty; add declares its hosts, up brings it up.
func newWorld(seed int64) *world { return &world{seed: seed} }

// now is the virtual time.
func (w *world) now() time.Time { return w.internet.Loop.Now }

// add declares a host behind a NAT of its own, or in public where the profile is
// open.
func (w *world) add(name, profile string, link internet.Link, config peer.Config) (*node, error) {
	p, err := nat.Lookup(profile)
	if err != nil {
		return nil, err
	}
	realm := internet.Public
	if !p.Open {
		realm = "home of " + name
		w.topology.NATs = append(w.topology.NATs, internet.NAT{
			Name: "nat-" + name, Profile: p, Inside: realm, Outside: internet.Public, Link: internet.Link{Latency: natLatency},
		})
	}
	w.topology.Hosts = append(w.topology.Hosts, internet.Host{Name: name, Realm: realm, Link: link})
	config.ID, config.MainPort, config.ProbePort = seal.PeerID(name), mainPort, probePort
	if !config.Indexed {
		config.ClusterID = clusterID
	}
	n := &node{world: w, name: name, index: len(w.nodes), id: config.ID, profile: profile, config: config}
	w.nodes = append(w.nodes, n)
	return n, nil
}

// indexed declares bootstrap peers.
func (w *world) indexed(count int, config peer.Config) ([]*node, error) {
	config.Indexed = true
	var nodes []*node
	for i := range count {
		n, err := w.add(fmt.Sprintf("boot%d", i+1), "open", internet.Link{Latency: hostLatency}, config)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// members declares peers on open hosts.
func (w *world) members(count int, link internet.Link) error {
	for i := range count {
		if _, err := w.add(fmt.Sprintf("member%d", i), "open", link, peer.Config{}); err != nil {
			return err
		}
	}
	return nil
}

// up makes the network, and tells every peer of the indexed ones. None runs yet.
func (w *world) up() error {
	network, err := internet.New(w.topology, sim.Epoch, internet.Options{Seed: w.seed})
	if err != nil {
		return err
	}
	w.internet = sim.NewInternet(network, w.seed)
	var bootstrap []peer.Bootstrap
	for _, n := range w.nodes {
		if n.config.Indexed {
			n.config.Address = network.Addressing(n.name).Addrs[0]
			bootstrap = append(bootstrap, peer.Bootstrap{ID: n.id, Addr: netip.AddrPortFrom(n.config.Address, mainPort)})
		}
	}
	for _, n := range w.nodes {
		n.config.Bootstrap = bootstrap
		c := n.config
		c.Random = n.random()
		if err := c.Validate(); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		n.sockets = w.internet.Sockets(n.name, n.datagram)
		n.driver = eventloop.NewDriver(n, eventloop.Hooks{Event: n.hear})
		w.internet.Loop.Add(n.driver)
	}
	return nil
}

// random is the randomness of the peer's next life.
func (n *node) random() *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %s %d", n.world.seed, n.name, n.lives)))
}

// start runs a peer on the host.
func (n *node) start() {
	c := n.config
	c.Random = n.random()
	n.lives++
	n.peer = peer.New(n.world.now(), c)
	n.driver.Start(n.world.now(), n.peer)
}

// begin runs a peer on the host, which joins unless it is indexed.
func (n *node) begin() {
	n.start()
	if !n.config.Indexed {
		n.tell(func(p *peer.Peer, now time.Time) { p.Join(now, members) })
	}
}

// has reports whether the peer of the host, if one runs, has a packet.
func (n *node) has(packet wire.ID) bool {
	if n.peer == nil {
		return false
	}
	_, ok := n.peer.Cache().Get(packet)
	return ok
}

// stop ends it without a goodbye, as a process that is killed.
func (n *node) stop() {
	n.peer = nil
	n.driver.Stop()
	n.sockets.CloseAll()
}

// sleep suspends a host, or wakes it: meanwhile its link is down, and its timers
// stand still.
func (n *node) sleep(asleep bool) error {
	n.asleep = asleep
	n.driver.Pause(asleep)
	return n.world.internet.Network.Change(n.world.now(), internet.Change{Node: n.name, Suspend: asleep, Resume: !asleep})
}

// tell gives the peer an input from its owner.
func (n *node) tell(input func(p *peer.Peer, now time.Time)) {
	input(n.peer, n.world.now())
	n.driver.Settle(n.world.now())
}

func (n *node) datagram(via peer.Socket, d lab.Datagram) {
	if n.peer == nil || n.asleep {
		return
	}
	if n.received != nil {
		n.received(via, d.From, d.Payload)
	}
	n.driver.Receive(d.At, via, d.From, d.Payload)
}

func (n *node) hear(e peer.Event) {
	if n.event != nil {
		n.event(e)
	}
}

// Open, Close and Send are the sockets of the peer.
func (n *node) Open(s peer.Socket, port uint16) (netip.AddrPort, error) {
	return n.sockets.Open(s, port)
}

func (n *node) Close(s peer.Socket) { n.sockets.Close(s) }

func (n *node) Send(now time.Time, s peer.Socket, to netip.AddrPort, datagram []byte) {
	if n.sent != nil && n.sockets.IsOpen(s) {
		n.sent(s, to, datagram)
	}
	n.sockets.Send(now, s, to, datagram)
}

// run moves the world until a time, or until a condition holds, which is looked
// at after each event; nil: none.
func (w *world) run(ctx context.Context, until time.Time, holds func() bool) error {
	for events := 0; holds == nil || !holds(); events++ {
		if events%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if more, err := w.internet.Loop.Step(until); err != nil || !more {
			return err
		}
	}
	return nil
}
