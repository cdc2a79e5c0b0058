package lab

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/internet"
)

// Ephemeral ports, as Linux has them.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// VirtualHosts are hosts without a kernel: their UDP is here, above the
// network model. Both kinds of lab have them, sim for everything, netns for
// endpoints. A datagram to a port that nothing is bound to is answered with an
// ICMP port unreachable.
type VirtualHosts struct {
	network Carrier
	seed    int64
	hosts   map[string]*virtualHost
}

// A Carrier is the network that virtual hosts are on: an *internet.Network, or
// what reaches one elsewhere.
type Carrier interface {
	Hosts() []string
	Addressing(host string) internet.Addressing
	Send(now time.Time, host string, packet []byte) // the packet is copied
}

type virtualHost struct {
	name    string
	addrs   []netip.Addr
	ports   *rand.Rand
	ids     uint16 // IPv4 identification
	sockets map[uint16]*Socket
	buf     []byte

	occupied bool // by programs
	scripted bool // it has, or had, an endpoint
}

// A Socket is a UDP port of a virtual host, on all its addresses.
type Socket struct {
	of      *VirtualHosts
	host    *virtualHost
	port    uint16
	receive func(Datagram)
}

// NewVirtualHosts makes the virtual hosts of a network. Seed draws their
// ephemeral ports.
func NewVirtualHosts(n Carrier, seed int64) *VirtualHosts {
	return &VirtualHosts{network: n, seed: seed, hosts: map[string]*virtualHost{}}
}

func (v *VirtualHosts) host(name string) (*virtualHost, error) {
	if h := v.hosts[name]; h != nil {
		return h, nil
	}
	if !slices.Contains(v.network.Hosts(), name) {
		return nil, fmt.Errorf("no host %q in the topology", name)
	}
	sum := fnv.New64a()
	sum.Write([]byte(name))
	h := &virtualHost{
		name: name, addrs: v.network.Addressing(name).Addrs,
		ports:   rand.New(rand.NewPCG(uint64(v.seed), sum.Sum64())),
		sockets: map[uint16]*Socket{},
	}
	v.hosts[name] = h
	return h, nil
}

// Occupy gives a host to programs, for good: it can't have an endpoint then.
// Where a kernel is theirs, Bind and Deliver are not for that host.
func (v *VirtualHosts) Occupy(host string) error {
	h, err := v.host(host)
	if err != nil {
		return err
	}
	if h.scripted {
		return fmt.Errorf("host %s has an endpoint: it can't run a program too", host)
	}
	h.occupied = true
	return nil
}

// Bind opens a port of a host; 0 draws one. Receive is called for each
// datagram that comes, during Deliver, and must copy the payload if it keeps
// it.
func (v *VirtualHosts) Bind(host string, port uint16, receive func(Datagram)) (*Socket, error) {
	h, err := v.host(host)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = h.draw()
	}
	if port == 0 {
		return nil, fmt.Errorf("host %s: no ephemeral port is free", host)
	}
	if h.sockets[port] != nil {
		return nil, fmt.Errorf("host %s: port %d is in use", host, port)
	}
	s := &Socket{of: v, host: h, port: port, receive: receive}
	h.sockets[port] = s
	return s, nil
}

// draw finds a free ephemeral port, from a random one upwards; 0 when all are
// taken.
func (h *virtualHost) draw() uint16 {
	const count = lastEphemeral - firstEphemeral + 1
	start := h.ports.IntN(count)
	for i := range count {
		if port := uint16(firstEphemeral + (start+i)%count); h.sockets[port] == nil {
			return port
		}
	}
	return 0
}

// Addr is the socket's port at the host's first address.
func (s *Socket) Addr() netip.AddrPort { return netip.AddrPortFrom(s.host.addrs[0], s.port) }

// Send sends a datagram from Addr. It fails where a kernel would: a payload
// over 65,507 bytes, a destination that is none. One that is too big for the
// host's own link is lost there.
func (s *Socket) Send(now time.Time, to netip.AddrPort, payload []byte) error {
	const maxPayload = 65535 - 28
	switch {
	case s.host.sockets[s.port] != s:
		return fmt.Errorf("%v: the socket is closed", s.Addr())
	case !to.Addr().Is4() || to.Port() == 0:
		return fmt.Errorf("%v: %v is no IPv4 address and port to send to", s.Addr(), to)
	case len(payload) > maxPayload:
		return fmt.Errorf("%v: %d bytes are more than a datagram can carry (%d)", s.Addr(), len(payload), maxPayload)
	}
	h := s.host
	h.ids++
	h.buf = internet.BuildUDP(h.buf[:0], s.Addr(), to, h.ids, payload)
	s.of.network.Send(now, h.name, h.buf)
	return nil
}

// Close frees the port.
func (s *Socket) Close() {
	if s.host.sockets[s.port] == s {
		delete(s.host.sockets, s.port)
	}
}

// Deliver takes a packet that the network delivered to a virtual host.
func (v *VirtualHosts) Deliver(d internet.Delivery) {
	u, err := internet.ParseUDP(d.Packet)
	if err != nil {
		return // ICMP: unconnected sockets don't hear of it
	}
	h, err := v.host(d.Host)
	if err != nil || !slices.Contains(h.addrs, u.Dst.Addr()) {
		return
	}
	if s := h.sockets[u.Dst.Port()]; s != nil {
		s.receive(Datagram{At: d.At, From: u.Src, Payload: u.Payload, Frame: d.Frame})
		return
	}
	h.ids++
	h.buf = internet.BuildICMPError(h.buf[:0], u.Dst.Addr(), internet.Unreachable, internet.CodePort, 0, h.ids, d.Packet)
	v.network.Send(d.At, h.name, h.buf)
}

// Endpoint opens a scripted endpoint on a host that no programs have; port 0
// draws one. Now is the lab's clock.
func (v *VirtualHosts) Endpoint(host string, port uint16, now func() time.Time) (Endpoint, error) {
	h, err := v.host(host)
	if err != nil {
		return nil, err
	}
	if h.occupied {
		return nil, fmt.Errorf("host %s runs programs: it can't have an endpoint too", host)
	}
	e := &endpoint{now: now}
	if e.socket, err = v.Bind(host, port, e.keep); err != nil {
		return nil, err
	}
	h.scripted = true
	return e, nil
}

type endpoint struct {
	socket   *Socket
	now      func() time.Time
	received []Datagram
}

func (e *endpoint) keep(d Datagram) {
	d.Payload = slices.Clone(d.Payload)
	e.received = append(e.received, d)
}

func (e *endpoint) Addr() netip.AddrPort { return e.socket.Addr() }

func (e *endpoint) Send(to netip.AddrPort, payload []byte) error {
	return e.socket.Send(e.now(), to, payload)
}

func (e *endpoint) Received() []Datagram { return e.received }
