package simulate

import (
	"container/heap"
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
	now      time.Time
	network  *internet.Network
	hosts    *lab.VirtualHosts
	nodes    []*node // in the order of the hosts
	timers   timers  // only of those that have one
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
	sockets map[peer.Socket]*lab.Socket
	lives   int
	asleep  bool
	due     time.Time
	place   int // in timers; -1: none

	// Called when something happens; nil: nobody listens.
	event    func(peer.Event)
	sent     func(via peer.Socket, to netip.AddrPort, datagram []byte)
	received func(via peer.Socket, from netip.AddrPort, datagram []byte)
}

// newWorld is empty; add declares its hosts, up brings it up.
func newWorld(seed int64) *world { return &world{seed: seed, now: sim.Epoch} }

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
	n := &node{world: w, name: name, index: len(w.nodes), id: config.ID, profile: profile, config: config, place: -1}
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
func (w *world) up() (err error) {
	if w.network, err = internet.New(w.topology, w.now, internet.Options{Seed: w.seed}); err != nil {
		return err
	}
	w.hosts = lab.NewVirtualHosts(w.network, w.seed)
	var bootstrap []peer.Bootstrap
	for _, n := range w.nodes {
		if n.config.Indexed {
			n.config.Address = w.network.Addressing(n.name).Addrs[0]
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
	n.sockets = map[peer.Socket]*lab.Socket{}
	n.peer = peer.New(n.world.now, c)
	n.drain()
}

// begin runs a peer on the host, which joins unless it is indexed.
func (n *node) begin() {
	n.start()
	if !n.config.Indexed {
		n.tell(func(p *peer.Peer, now time.Time) { p.Join(now, members) })
	}
}

// has tells whether the peer of the host, if one runs, has a packet.
func (n *node) has(packet wire.ID) bool {
	if n.peer == nil {
		return false
	}
	_, ok := n.peer.Cache().Get(packet)
	return ok
}

// stop ends it without a goodbye, as a process that is killed.
func (n *node) stop() {
	// order-free: closing one frees its port and nothing else
	for _, s := range n.sockets {
		s.Close()
	}
	n.peer, n.sockets = nil, nil
	n.schedule()
}

// sleep suspends a host, or wakes it: meanwhile its link is down, and its timers
// stand still.
func (n *node) sleep(asleep bool) error {
	n.asleep = asleep
	n.schedule()
	return n.world.network.Change(n.world.now, internet.Change{Node: n.name, Suspend: asleep, Resume: !asleep})
}

// tell gives the peer an input from its owner.
func (n *node) tell(input func(p *peer.Peer, now time.Time)) {
	input(n.peer, n.world.now)
	n.drain()
}

func (n *node) datagram(via peer.Socket, d lab.Datagram) {
	if n.peer == nil || n.asleep {
		return
	}
	if n.received != nil {
		n.received(via, d.From, d.Payload)
	}
	n.peer.Receive(d.At, via, d.From, d.Payload)
	n.drain()
}

// drain does what the peer wants.
func (n *node) drain() {
	type opening struct {
		socket peer.Socket
		at     *lab.Socket
		err    error
	}
	var opened []opening
	var o peer.Output
	for again := true; again; {
		for n.peer.Poll(&o) {
			switch o.Op {
			case peer.Send:
				if s := n.sockets[o.Socket]; s != nil {
					if n.sent != nil {
						n.sent(o.Socket, o.To, o.Data)
					}
					_ = s.Send(n.world.now, o.To, o.Data) // as with UDP: what can't be sent is lost
				}
			case peer.Open:
				id := o.Socket
				s, err := n.world.hosts.Bind(n.name, o.Port, func(d lab.Datagram) { n.datagram(id, d) })
				if err == nil {
					n.sockets[id] = s
				}
				opened = append(opened, opening{id, s, err})
			case peer.Close:
				if s := n.sockets[o.Socket]; s != nil {
					s.Close()
					delete(n.sockets, o.Socket)
				}
			case peer.Emit:
				if n.event != nil {
					n.event(o.Event)
				}
			}
		}
		// Telling of a socket is an input too: outputs are taken before.
		if again = len(opened) > 0; again {
			local := netip.AddrPort{}
			if opened[0].err == nil {
				local = opened[0].at.Addr()
			}
			n.peer.Opened(n.world.now, opened[0].socket, local, opened[0].err)
			opened = opened[1:]
		}
	}
	n.schedule()
}

// run moves the world until a time, or until a condition holds, which is looked
// at after each event; nil: none.
func (w *world) run(ctx context.Context, until time.Time, holds func() bool) error {
	for events := 0; holds == nil || !holds(); events++ {
		if events%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at, packet := until, false
		if due, any := w.network.Next(); any && !due.After(at) {
			at, packet = due, true
		}
		var ticking *node
		if len(w.timers) > 0 && (w.timers[0].due.Before(at) || !packet && !w.timers[0].due.After(at)) {
			at, packet, ticking = w.timers[0].due, false, w.timers[0]
		}
		if at.After(w.now) {
			w.now = at
		}
		switch {
		case packet:
			w.network.Step(w.now)
			var d internet.Delivery
			for w.network.Poll(&d) {
				w.hosts.Deliver(d)
			}
		case ticking != nil:
			ticking.peer.Tick(w.now)
			ticking.drain()
		default:
			return nil
		}
	}
	return nil
}

// schedule puts the node where it belongs among the timers.
func (n *node) schedule() {
	w := n.world
	due, any := time.Time{}, false
	if n.peer != nil && !n.asleep {
		due, any = n.peer.Next()
	}
	switch {
	case !any && n.place < 0, any && n.place >= 0 && due.Equal(n.due):
	case !any:
		heap.Remove(&w.timers, n.place)
	case n.place < 0:
		n.due = due
		heap.Push(&w.timers, n)
	default:
		n.due = due
		heap.Fix(&w.timers, n.place)
	}
}

// timers is a heap of the nodes that have something due, the first first; of two
// at one instant the one whose host was declared first.
type timers []*node

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	return t[i].due.Before(t[j].due) || t[i].due.Equal(t[j].due) && t[i].index < t[j].index
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push and Pop are for package heap.
func (t *timers) Push(x any) {
	n := x.(*node)
	n.place = len(*t)
	*t = append(*t, n)
}

func (t *timers) Pop() any {
	last := len(*t) - 1
	n := (*t)[last]
	*t, n.place = (*t)[:last], -1
	return n
}
