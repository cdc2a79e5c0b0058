package sim

import (
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
)

// Epoch is when every simulated internet comes up.
var Epoch = time.UnixMilli(1_700_000_000_000).UTC()

// An Internet is an emulated network with virtual hosts, moved through virtual
// time by a loop. A Net has one, and so has each experiment of package simulate.
type Internet struct {
	Loop    *eventloop.Loop
	Network *internet.Network
	Hosts   *lab.VirtualHosts
}

// NewInternet brings up a network, which stands at Epoch. Seed draws the
// ephemeral ports of its hosts.
func NewInternet(n *internet.Network, seed int64) *Internet {
	i := &Internet{Network: n, Hosts: lab.NewVirtualHosts(n, seed)}
	i.Loop = eventloop.New(Epoch, i)
	return i
}

// Next is when the next packet arrives somewhere; false when none is under way.
func (i *Internet) Next() (time.Time, bool) { return i.Network.Next() }

// Step moves the packet that is due first, and delivers it where it reaches a
// host.
func (i *Internet) Step(now time.Time) {
	i.Network.Step(now)
	var d internet.Delivery
	for i.Network.Poll(&d) {
		i.Hosts.Deliver(d)
	}
}

// Sockets are the sockets of a machine on a virtual host.
type Sockets struct {
	internet *Internet
	host     string
	receive  func(peer.Socket, lab.Datagram)
	bound    map[peer.Socket]*lab.Socket
}

// Sockets makes the sockets of a machine on a host. Each datagram that they
// receive goes to receive, which must copy the payload if it keeps it.
func (i *Internet) Sockets(host string, receive func(peer.Socket, lab.Datagram)) *Sockets {
	return &Sockets{internet: i, host: host, receive: receive, bound: map[peer.Socket]*lab.Socket{}}
}

// Open binds a socket to a port of the host, 0 for a drawn one.
func (s *Sockets) Open(id peer.Socket, port uint16) (netip.AddrPort, error) {
	socket, err := s.internet.Hosts.Bind(s.host, port, func(d lab.Datagram) { s.receive(id, d) })
	if err != nil {
		return netip.AddrPort{}, err
	}
	s.Close(id)
	s.bound[id] = socket
	return socket.Addr(), nil
}

// Close frees the port of a socket.
func (s *Sockets) Close(id peer.Socket) {
	if socket := s.bound[id]; socket != nil {
		socket.Close()
		delete(s.bound, id)
	}
}

// CloseAll frees the ports of all sockets.
func (s *Sockets) CloseAll() {
	// order-free: closing one frees its port and nothing else
	for _, socket := range s.bound {
		socket.Close()
	}
	clear(s.bound)
}

// IsOpen reports whether a socket is open.
func (s *Sockets) IsOpen(id peer.Socket) bool { return s.bound[id] != nil }

// Send sends a datagram.
func (s *Sockets) Send(now time.Time, id peer.Socket, to netip.AddrPort, datagram []byte) {
	if socket := s.bound[id]; socket != nil {
		_ = socket.Send(now, to, datagram) // as with UDP: what can't be sent is lost
	}
}
