package internet

import (
	"net/netip"
	"time"
)

// A Frame is a packet seen at one place. Each link is watched at the end of
// the host or NAT that it belongs to: what leaves it is seen when it leaves,
// before the link's impairments, and what comes to it when it has arrived. A
// packet that the link itself loses is seen when that happens. What a node
// drops after a link carried it is seen once more, on the interface that has
// the node's own name.
type Frame struct {
	Seq  int       // from 0, without gaps
	At   time.Time // UTC
	Link string    // "alice", "nat-a (outside)"; the node's name for what a node drops
	From string    // the node on the link that sent it
	To   string    // the node on the link that it goes to; empty when a node dropped it before it knew
	Node string    // the node where it was seen: the link's owner, or the one that dropped it

	// Datagram is the same for all frames of one packet on its way: through
	// NATs, and for each copy that a link makes. What a peer sends on is a new
	// one. From 1.
	Datagram int

	// Dropped is why it went no further: "loss", "mtu", "link down", "queue
	// full" on a link; "no route", "ttl", "fragment", "filtered: …" and others
	// at a node. Empty when it passed.
	Dropped string

	// Packet is the whole IPv4 packet as it was at this place. It is valid
	// during the call of Options.Capture, which copies what it keeps.
	Packet []byte
}

// A Delivery is a packet that reached a host's interface. Packet is valid
// until the next Poll.
type Delivery struct {
	Host   string
	At     time.Time
	Packet []byte
	Frame  int // Seq of its frame on the host's link
}

// Options of a Network.
type Options struct {
	Seed       int64       // of every random choice
	Allocation int         // 0: addresses from the whole of the documentation ranges; 1 to 16: from that one of 16 disjoint blocks
	Capture    func(Frame) // called for each frame, in the order of Seq; nil: none

	// Routers are those that this network runs: NATs by name, and Public. Nil
	// is all. The others are run by networks of the same topology, options and
	// changes, to which packets are handed over (PollHandover, TakeOver).
	Routers []string
	// Datagrams is the number before that of the first datagram, so that the
	// networks of one topology can number theirs apart.
	Datagrams int
}

// OutsideLink is the name of a NAT's outside link.
func OutsideLink(nat string) string { return nat + " (outside)" }

// Owner is the host, NAT or realm ("public" for its router) that has the
// address, or had it last; empty when none ever did.
func (n *Network) Owner(addr netip.Addr) string { return n.owners[addr] }
