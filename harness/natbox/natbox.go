// Package natbox is the body of a router in a container: it runs one router of
// a topology, or several, between the networks that its container is attached
// to. NAT engine and impairments are those of harness/internet. Whoever
// started it talks to it over its standard streams, in JSON, one object a
// line, and is told every frame.
//
// Each realm is one Ethernet, and every node in it has the hardware address
// that MAC gives. The router of a realm has all its links: hosts send
// everything to it, and what it sends to a host has crossed the host's link. A
// packet that goes on to another router travels between the two as a frame of
// an EtherType of its own, which says what the receiver can't know.
package natbox

import (
	"crypto/sha256"
	"net/netip"

	"punchlist/harness/internet"
	"punchlist/harness/packetio"
)

// Protocol is the version of what goes over the standard streams and between
// routers. It changes with each change that an older image would not stand.
const Protocol = 2

// A Command is one line to a router. One of the fields after ID is set. Each
// is answered by a Message with its ID.
type Command struct {
	ID int `json:"id"`

	Start  *Start           `json:"start,omitempty"`  // the first one
	Change *internet.Change `json:"change,omitempty"` // goes to all routers of a topology alike
	Attach string           `json:"attach,omitempty"` // this host has a machine on the network from now on
	Send   *Send            `json:"send,omitempty"`   // from a host that has none
	// Mark asks for nothing but the answer, before which all frames up to its
	// time are told.
	Mark     bool `json:"mark,omitempty"`
	Counters bool `json:"counters,omitempty"`
}

// Start says what a router is.
type Start struct {
	Protocol int               `json:"protocol"`
	Topology internet.Topology `json:"topology"`
	Seed     int64             `json:"seed"`
	Routers  []string          `json:"routers"`         // those that it runs
	Index    int               `json:"index"`           // from 0, another for each router of a topology: datagrams are numbered by it
	Ports    []Port            `json:"ports"`           // one for each realm that the routers are attached to
	Quiet    bool              `json:"quiet,omitempty"` // frames are counted, not told
	// Flood is how many packets one host may send in a second; one more ends
	// the router. 0 is any number.
	Flood int `json:"flood,omitempty"`
	// Capture is a pcapng file for the frames, besides what is told; empty:
	// none. It is whole when the router has ended.
	Capture string `json:"capture,omitempty"`
}

// A Port is how a router finds its interface in a realm: it has an address of
// the network that the engine gave it, which is of no further use.
type Port struct {
	Realm  string       `json:"realm"`
	Subnet netip.Prefix `json:"subnet"`
}

// Send is an IPv4 packet that a host without a machine sends.
type Send struct {
	Host   string `json:"host"`
	Packet []byte `json:"packet"`
}

// A Message is one line of a router.
type Message struct {
	ID    int    `json:"id,omitempty"`    // of the command that it answers; 0 when it answers none
	Error string `json:"error,omitempty"` // of a command; with ID 0 the router's own, which ends it
	// Overrun is set when that is that more packets came than the router, or
	// who reads it, can take.
	Overrun bool `json:"overrun,omitempty"`
	// Now is the router's clock, nanoseconds since 1970. All frames up to it
	// are in this message or were in earlier ones.
	Now      int64            `json:"now"`
	Frames   []internet.Frame `json:"frames,omitempty"` // Seq is the router's own
	Counters *Counters        `json:"counters,omitempty"`
}

// Counters are what a router has done so far.
type Counters struct {
	Frames  int            `json:"frames"`  // told
	Dropped map[string]int `json:"dropped"` // packets, by the reason
	Read    map[string]int `json:"read"`    // packets of hosts and routers, by realm
	Written map[string]int `json:"written"`
	Lost    int            `json:"lost"` // came faster than they were read
}

// MAC is the hardware address of a node (a host, a NAT, Public) in a realm.
// It is locally administered, and the same everywhere.
func MAC(realm, node string) packetio.MAC {
	sum := sha256.Sum256([]byte(realm + "\x00" + node))
	mac := packetio.MAC{2}
	copy(mac[1:], sum[:])
	return mac
}
