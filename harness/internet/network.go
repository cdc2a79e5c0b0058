// Package internet is a model of an internet: hosts, links with their
// impairments, NATs and routers, moved by a clock that somebody else holds.
// It carries whole IPv4 packets and knows nothing of what is in their
// datagrams. The labs put peers on its hosts: in process and in virtual time
// (lab/sim), or as programs with real sockets (lab/netns).
//
// The same topology, options and calls give the same packets at the same
// nanosecond: there is one thread, events are ordered by (time, sequence
// number), and each direction of a link and each NAT draws from a random
// source of its own.
package internet

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/checksum"
	"punchlist/harness/nat"
)

// A Network is a topology at work. It belongs to one goroutine.
type Network struct {
	now     int64 // nanoseconds since 1970; never goes back
	options Options
	core    *node
	nodes   map[string]*node
	chains  map[string][]*node // NATs of a topology by their name, from the inside out
	realms  map[string]*realm
	owners  map[netip.Addr]string
	order   []string // hosts, in the topology's order

	events     heap
	deliveries []delivery
	delivered  int // of deliveries, how many were polled
	handovers  []handover
	handedOver int // of handovers, how many were polled
	lent       *packet
	free       []*packet
	frames     int
	datagrams  int
}

// A node is a host, a NAT, or the router of the public realm.
type node struct {
	name  string
	realm *realm // that its link attaches it to; nil for the core
	link  *attachment
	addrs []netip.Addr // on that link

	// Of a NAT, or of the core (inside alone):
	inside  *realm // whose router it is
	profile nat.Profile
	engine  *nat.NAT
	rnd     *rand.Rand
	offset  time.Duration // of its own clock
	ids     uint16        // IPv4 identification of the ICMP that it sends
	remote  bool          // another network runs it
}

// A realm is a space of addresses in which everything reaches everything.
type realm struct {
	name    string
	router  *node
	gateway netip.Addr
	subnet  netip.Prefix // zero for Public, and inside a NAT that is open
	local   map[uint32]*node
	pools   [2]*pool // for hosts, for NATs
	rest    *pool    // where those are used up; may be nil
}

type packet struct {
	buf      []byte
	datagram int
	from, to string // nodes at the ends of the link that it is on
}

type delivery struct {
	host   string
	at     int64
	packet *packet
	frame  int
}

// New makes a network that stands at start. An error names what in the
// topology or the options can't be.
func New(t Topology, start time.Time, o Options) (*Network, error) {
	n := &Network{
		now:     start.UnixNano(),
		options: o,
		nodes:   map[string]*node{},
		chains:  map[string][]*node{},
		realms:  map[string]*realm{},
		owners:  map[netip.Addr]string{},
	}
	n.datagrams = o.Datagrams
	if err := n.build(t); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	if err := n.assign(o.Routers); err != nil {
		return nil, err
	}
	return n, nil
}

// Hosts are the names of the hosts, in the topology's order.
func (n *Network) Hosts() []string { return slices.Clone(n.order) }

// A Place is one that frames are seen at: a link, or a node that drops.
type Place struct {
	Link        string // as in Frame.Link
	Description string
}

// Places are where frames can be seen, in a fixed order.
func (n *Network) Places() []Place {
	var places []Place
	var names []string
	for _, host := range n.order {
		places = append(places, Place{host, "link of host " + host})
	}
	// order-free: sorted below
	for name, node := range n.nodes {
		if node.inside != nil && node != n.core {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		places = append(places, Place{OutsideLink(name), "outside link of NAT " + name})
	}
	for _, name := range append(names, Public) {
		places = append(places, Place{name, "dropped at " + name})
	}
	return places
}

// Addressing is the interface of a host. The host must exist.
func (n *Network) Addressing(host string) Addressing {
	h := n.host(host)
	return Addressing{Addrs: slices.Clone(h.addrs), Gateway: h.realm.gateway, MTU: h.link.link.mtu()}
}

// External is the addresses by which the world sees a NAT of the topology:
// those of the outermost of its chain. It is empty for an open one.
func (n *Network) External(name string) []netip.Addr {
	chain := n.chains[name]
	if chain == nil {
		panic(fmt.Sprintf("internet: no NAT %q", name))
	}
	return slices.Clone(chain[len(chain)-1].addrs)
}

func (n *Network) host(name string) *node {
	h := n.nodes[name]
	if h == nil || h.inside != nil {
		panic(fmt.Sprintf("internet: no host %q", name))
	}
	return h
}

// Send takes a packet that left a host's interface. It is copied. What is no
// IPv4 packet is ignored; wrong checksums are repaired, since a kernel may
// have left them to a network card. The host must exist.
func (n *Network) Send(now time.Time, host string, raw []byte) {
	h := n.host(host)
	n.moveTo(now, false)
	ip, err := parseHeader(raw)
	if err != nil {
		return
	}
	p := n.packet(raw[:ip.total])
	checksum.Repair(p.buf)
	n.originate(h, p, ip.dst)
}

// originate sends a new packet of a host up its link.
func (n *Network) originate(h *node, p *packet, dst netip.Addr) {
	to := h.realm.router.name
	if h.realm.local[number(dst)] != nil && h.realm.router != n.core {
		to = h.realm.name
	}
	n.transmit(&h.link.up, p, h.name, to)
}

// Next is when Advance has something to do; false when nothing is under way.
func (n *Network) Next() (time.Time, bool) {
	if len(n.events.events) == 0 {
		return time.Time{}, false
	}
	return wall(n.events.events[0].at), true
}

// Advance moves everything that is due at now or before.
func (n *Network) Advance(now time.Time) { n.moveTo(now, true) }

// Step moves the one packet that is due first, if any is due at now or
// before.
func (n *Network) Step(now time.Time) bool {
	if len(n.events.events) == 0 || n.events.events[0].at > now.UnixNano() {
		return false
	}
	n.next()
	return true
}

// moveTo handles the events before now, and those at now if inclusive.
func (n *Network) moveTo(now time.Time, inclusive bool) {
	t := now.UnixNano()
	for len(n.events.events) > 0 {
		if at := n.events.events[0].at; at > t || at == t && !inclusive {
			break
		}
		n.next()
	}
	n.now = max(n.now, t)
}

func (n *Network) next() {
	e := n.events.pop()
	n.now = max(n.now, e.at)
	switch e.kind {
	case arrival:
		n.arrive(e.dir, e.packet)
	case release:
		if p := e.dir.held; p != nil && e.dir.holds == e.holds {
			e.dir.held = nil
			e.dir.lastArrival = max(e.dir.lastArrival, e.at)
			n.arrive(e.dir, p)
		}
	}
}

// Poll takes the next packet that reached a host's interface, in the order
// of arrival.
func (n *Network) Poll(d *Delivery) bool {
	n.takeBack()
	if n.delivered == len(n.deliveries) {
		clear(n.deliveries)
		n.deliveries, n.delivered = n.deliveries[:0], 0
		return false
	}
	next := n.deliveries[n.delivered]
	n.delivered++
	n.lent = next.packet
	*d = Delivery{Host: next.host, At: wall(next.at), Packet: next.packet.buf, Frame: next.frame}
	return true
}

// takeBack ends the loan of the packet that was polled last.
func (n *Network) takeBack() {
	if n.lent != nil {
		n.release(n.lent)
		n.lent = nil
	}
}

func (n *Network) deliver(h *node, p *packet, frame int) {
	n.deliveries = append(n.deliveries, delivery{h.name, n.now, p, frame})
}

// packet makes a new datagram's packet with a copy of raw.
func (n *Network) packet(raw []byte) *packet {
	p := n.blank()
	p.buf = append(p.buf, raw...)
	n.datagrams++
	p.datagram = n.datagrams
	return p
}

func (n *Network) clone(of *packet) *packet {
	p := n.blank()
	p.buf = append(p.buf, of.buf...)
	p.datagram, p.from, p.to = of.datagram, of.from, of.to
	return p
}

func (n *Network) blank() *packet {
	if last := len(n.free) - 1; last >= 0 {
		p := n.free[last]
		n.free = n.free[:last]
		return p
	}
	return &packet{buf: make([]byte, 0, defaultMTU)}
}

func (n *Network) release(p *packet) {
	p.buf = p.buf[:0]
	n.free = append(n.free, p)
}

// capture shows a packet as it is here and now, and returns its frame's Seq.
func (n *Network) capture(link, at string, p *packet, dropped string) int {
	seq := n.frames
	n.frames++
	if n.options.Capture != nil {
		n.options.Capture(Frame{
			Seq: seq, At: wall(n.now), Link: link, From: p.from, To: p.to, Node: at,
			Datagram: p.datagram, Dropped: dropped, Packet: p.buf,
		})
	}
	return seq
}

func wall(ns int64) time.Time { return time.Unix(0, ns).UTC() }
