package internet

import (
	"fmt"
	"slices"
	"time"
)

// A Handover is a packet on the border between two networks that run the
// routers of one topology: at the outer end of a NAT's outside link, where the
// network that runs the outside's router has the link. Packet is valid until
// the next PollHandover.
type Handover struct {
	NAT      string // whose outside link it is
	Up       bool   // from the NAT to the outside's router, before the link; else to the NAT, after it
	Switched bool   // with Up false: it comes from within the realm, by no router
	Datagram int    // as Frame.Datagram
	Packet   []byte
}

type handover struct {
	nat      *node
	up       bool
	switched bool
	packet   *packet
}

// To is the router that a handover goes to.
func (n *Network) To(h Handover) string {
	if x := n.nodes[h.NAT]; h.Up {
		return x.realm.router.name
	}
	return h.NAT
}

// assign marks the routers that other networks run.
func (n *Network) assign(routers []string) error {
	if routers == nil {
		return nil
	}
	for _, name := range routers {
		if x := n.nodes[name]; x == nil || x.inside == nil {
			return fmt.Errorf("routers: %q is neither a NAT of the topology nor %q", name, Public)
		}
	}
	// order-free: each by itself
	for name, x := range n.nodes {
		x.remote = x.inside != nil && !slices.Contains(routers, name)
	}
	return nil
}

func (n *Network) runs(router *node) bool { return !router.remote }

func (n *Network) handOver(nat *node, up bool, p *packet) {
	n.handovers = append(n.handovers, handover{nat, up, !up && p.from == nat.realm.name, p})
}

// PollHandover takes the next packet that goes on in another network.
func (n *Network) PollHandover(h *Handover) bool {
	n.takeBack()
	if n.handedOver == len(n.handovers) {
		clear(n.handovers)
		n.handovers, n.handedOver = n.handovers[:0], 0
		return false
	}
	next := n.handovers[n.handedOver]
	n.handedOver++
	n.lent = next.packet
	*h = Handover{
		NAT: next.nat.name, Up: next.up, Switched: next.switched, Datagram: next.packet.datagram, Packet: next.packet.buf,
	}
	return true
}

// TakeOver takes a packet that another network handed over. It is copied.
// What names no NAT, a router that runs elsewhere, or is no IPv4 packet is an
// error, and ignored.
func (n *Network) TakeOver(now time.Time, h Handover) error {
	x := n.nodes[h.NAT]
	switch {
	case x == nil || x == n.core || x.inside == nil:
		return fmt.Errorf("handover: there is no NAT %q", h.NAT)
	case h.Up && !n.runs(x.realm.router), !h.Up && !n.runs(x):
		return fmt.Errorf("handover: the router %q runs in another network", n.To(h))
	}
	ip, err := parseHeader(h.Packet)
	if err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	n.moveTo(now, false)
	p := n.blank()
	p.buf = append(p.buf, h.Packet[:ip.total]...)
	p.datagram = h.Datagram
	if h.Up {
		n.out(x, p, ip.dst)
		return nil
	}
	p.from, p.to = x.realm.router.name, x.name
	if h.Switched {
		p.from = x.realm.name
	}
	n.fromOutside(x, p)
	return nil
}

// Routers are the routers of the topology: Public, then the NATs by name.
func (n *Network) Routers() []string {
	names := []string{Public}
	// order-free: sorted below
	for name, x := range n.nodes {
		if x.inside != nil && x != n.core {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	return names
}

// Inside is the realm whose router a NAT, or Public, is.
func (n *Network) Inside(router string) string { return n.nodes[router].inside.name }

// Outside is the realm that a NAT's outside link attaches it to; empty for
// Public.
func (n *Network) Outside(router string) string {
	if r := n.nodes[router].realm; r != nil {
		return r.name
	}
	return ""
}

// Realm is the realm that a host is in.
func (n *Network) Realm(host string) string { return n.host(host).realm.name }

// Router is the router of a realm.
func (n *Network) Router(realm string) string { return n.realms[realm].router.name }
