// What a peer tells its owner, for all chapters.

package peer

import (
	"net/netip"
	"slices"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// EventKind is what an Event tells.
type EventKind uint8

const (
	Ready         EventKind = 1 + iota // both sockets are bound: Addr, ProbeAddr
	NAT                                // the own NAT type or address was found or changed: NATType, Addr
	Connection                         // something was received from a peer, or it moved: PeerID, Addr, NATType, Proxy
	Disconnection                      // a connected peer was given up: PeerID
	Packet                             // a message arrived whole for a joined subcluster: the fields from PacketID on
	Error                              // something went wrong that no call asked for: Text
	Stream                             // a stream for this peer arrived whole: PeerID of its source, and the fields from PacketID on
	Answer                             // an answer to an own question: QueryID, PacketID, Message as it came (of a cached publish it is sealed), and what follows
	Question                           // a question that this peer can't answer by itself, see Peer.Answer: QueryID, PacketID, Message (a JSON object)
)

var eventNames = [...]string{"", "ready", "nat", "connection", "disconnection", "packet", "error", "stream", "answer", "question"}

// String is the kind in lower case, as the testee protocol names it.
func (k EventKind) String() string { return eventNames[k] }

// Event is something that the peer's owner may want to know. It borrows nothing: it may be kept.
type Event struct {
	Kind EventKind

	PeerID    wire.ID
	Addr      netip.AddrPort
	ProbeAddr netip.AddrPort
	NATType   nattype.Type
	Proxy     wire.ID // by which the peer is reached; zero: directly

	QueryID      wire.ID
	PacketID     wire.ID // of the head, where the message was split
	ClusterID    wire.ID // zero where the packet names none of 32 bytes
	SubclusterID wire.ID
	EventID      []byte // usr1 (LAT-KEY-008); nil where unset
	Message      []byte // plaintext; nil where it could not be opened
	Opened       bool   // the message could be opened, and may be empty
	Verified     bool   // sig verifies with usr2, which vouches for little: see seal.Verify
	Hops         uint32 // as received, of the packet that came last

	Text string
}

// eventOf is the event of a message that arrived whole under the id, for what is inside to be
// added.
func eventOf(kind EventKind, id wire.ID, pk *wire.Packet, hops uint32) Event {
	e := Event{Kind: kind, PacketID: id, Hops: hops}
	e.ClusterID, _ = wire.AsID(pk.ClusterID)
	e.SubclusterID, _ = wire.AsID(pk.SubclusterID)
	if !wire.Unset(pk.Usr1) {
		e.EventID = slices.Clone(pk.Usr1)
	}
	return e
}

func (p *Peer) emit(e Event) { p.push(Output{Op: Emit, Event: e}) }
