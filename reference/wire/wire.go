// The layout of a datagram: section 1.2 (spec/01-framing.md).

// Package wire is the codec of Latica wire version 6: datagrams to packets and back, JSON bodies,
// packet ids, and messages split over several packets.
//
// Decode and Append are the two ends of it. Both work without allocating: a decoded Packet borrows
// its byte fields from the datagram, and Append writes into the caller's buffer. Decode says what
// is wrong with a datagram by a Fault, a value that names field, reason and offset; Explain goes on
// past faults, for reports.
package wire

import (
	"bytes"
	"encoding/binary"
)

const (
	// Version is the wire version that a peer sends and accepts (LAT-FRAME-005).
	Version = 6

	// MinDatagram is the length of the smallest datagram that decodes: every byte field of length
	// 0.
	MinDatagram = 45
	// MaxDatagram is the length of the largest datagram that can be encoded (LAT-FRAME-017).
	MaxDatagram = 1421

	// MaxID is the most bytes that clusterId, subclusterId, previousId, packetId, nextId and usr1
	// to usr4 hold.
	MaxID = 32
	// MaxMessage is the most bytes that the message field holds; longer messages are split
	// (LAT-ID-004).
	MaxMessage = 1024
	// MaxSig is the most bytes that sig holds.
	MaxSig = 64

	// MaxHops is the number of hops after which a packet is not relayed.
	MaxHops = 16
	// DefaultTTL is the ttl of a packet whose sender sets none, in milliseconds: six hours.
	DefaultTTL = 21_600_000
	// DefaultClock is the clock of a packet whose sender keeps none.
	DefaultClock = 1
	// NoIndex is the index of a packet that is no part of a split message (LAT-FRAME-015).
	NoIndex = -1
)

// Where the parts of a datagram lie. All integers are big-endian (LAT-FRAME-009).
const (
	offsetType    = 4
	offsetVersion = 5
	offsetClock   = 7
	offsetHops    = 11
	offsetIndex   = 15
	offsetTTL     = 19
	headerLength  = 23
)

var magic = [4]byte{3, 5, 11, 17}

// clockWrap is the one clock that is written as 0.
const clockWrap = 2_000_000_000

// Type is the kind of a packet, 1 to 8.
type Type uint8

const (
	Ping Type = 1 + iota
	Pong
	Intro
	Join
	Publish
	Stream
	Sync
	Query
)

var typeNames = [...]string{"type 0", "ping", "pong", "intro", "join", "publish", "stream", "sync", "query"}

// String is the type's name in lower case, such as "ping"; "unknown type" where it has none.
func (t Type) String() string {
	if t.Valid() {
		return typeNames[t]
	}
	return "unknown type"
}

// Valid says whether t is one of the eight types.
func (t Type) Valid() bool { return t >= Ping && t <= Query }

// HasBody says whether every packet of type t carries a JSON object with the keys listed for it:
// ping, pong, intro and join.
func (t Type) HasBody() bool { return t >= Ping && t <= Join }

// Packet is one packet.
//
// The byte fields hold raw bytes. A nil field is unset and goes out as the single byte 00 with
// length 1 (LAT-FRAME-008); an empty one that is not nil goes out with length 0. After Decode they
// borrow from the datagram, and an unset field is that single byte; see Unset.
type Packet struct {
	Type    Type
	Version uint16
	Clock   uint32
	Hops    uint32
	Index   int32  // -1: whole; 0: head of a split message; from 1: its fragments
	TTL     uint32 // milliseconds

	ClusterID, SubclusterID      []byte
	PreviousID, PacketID, NextID []byte
	Usr1, Usr2, Usr3, Usr4       []byte
	Message, Sig                 []byte

	// Body is the message as parsed: the keys of types 1 to 4, and those of the head of a split
	// publish or stream where it parses. Body.Keys is 0 otherwise. When Message is nil, Append
	// writes the body in its place.
	Body Body
}

// NewPacket returns a packet with what a sender writes by default: version 6, clock 1, hops 0,
// index -1, six hours to live.
func NewPacket(t Type) Packet {
	return Packet{Type: t, Version: Version, Clock: DefaultClock, Index: NoIndex, TTL: DefaultTTL}
}

// Unset says whether a byte field holds nothing: nil, empty, or the single byte 00 that stands for
// it on the wire (LAT-FRAME-008).
func Unset(field []byte) bool {
	return len(field) == 0 || len(field) == 1 && field[0] == 0
}

// ID returns the packetId, and false when it is not 32 bytes long.
func (p *Packet) ID() (ID, bool) { return AsID(p.PacketID) }

// Clone returns a copy of p that shares no memory with it, to outlive the datagram.
func (p *Packet) Clone() Packet {
	c := *p
	for _, field := range []*[]byte{
		&c.ClusterID, &c.SubclusterID, &c.PreviousID, &c.PacketID, &c.NextID,
		&c.Usr1, &c.Usr2, &c.Usr3, &c.Usr4, &c.Message, &c.Sig, &c.Body.Key, &c.Body.Meta,
	} {
		*field = bytes.Clone(*field)
	}
	return c
}

// Opener is the datagram that opens a firewall and is no packet: the byte 01 (LAT-FRAME-016).
var Opener = []byte{1}

// IsOpener says whether a datagram is an Opener.
func IsOpener(datagram []byte) bool { return len(datagram) == 1 && datagram[0] == 1 }

// TypeOf is the type that a datagram names, which need not be a packet; 0 where it is too short to
// name one.
func TypeOf(datagram []byte) Type {
	if len(datagram) <= offsetType {
		return 0
	}
	return Type(datagram[offsetType])
}

// PatchHops writes hops into a datagram that Decode accepted, so that it can be relayed without
// being encoded again. It panics when the datagram is shorter than MinDatagram.
func PatchHops(datagram []byte, hops uint32) {
	_ = datagram[MinDatagram-1]
	binary.BigEndian.PutUint32(datagram[offsetHops:], hops)
}

// PatchTTL writes a ttl, in milliseconds, into a datagram that Decode accepted, as PatchHops does
// hops.
func PatchTTL(datagram []byte, ttl uint32) {
	_ = datagram[MinDatagram-1]
	binary.BigEndian.PutUint32(datagram[offsetTTL:], ttl)
}
