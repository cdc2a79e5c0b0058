// Ids of packets: section 2.1 (spec/02-identity.md).

package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ID is a 32-byte id of a peer, a packet, a cluster or a subcluster.
type ID [32]byte

// ParseID reads 64 hex digits in either case.
func ParseID(text string) (ID, error) {
	var id ID
	err := id.UnmarshalText([]byte(text))
	return id, err
}

// AsID returns a 32-byte field as an ID, and false when it has another length.
func AsID(field []byte) (ID, bool) {
	if len(field) != len(ID{}) {
		return ID{}, false
	}
	return ID(field), true
}

// String is the id as 64 hex digits in lower case.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero says whether all bytes are 0.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns 64 hex digits in lower case.
func (id ID) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, id[:]), nil
}

// UnmarshalText reads 64 hex digits in either case.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) != 2*len(id) {
		return fmt.Errorf("wire: an id is %d hex digits, this has %d characters: %q", 2*len(id), len(text), text)
	}
	if !decodeHex(id[:], text) {
		return fmt.Errorf("wire: an id is %d hex digits, this has another character among them: %q", 2*len(id), text)
	}
	return nil
}

// ControlID is the packetId of a packet whose sender set none: SHA-256(previousId ‖ message ‖
// nextId), each as it stands on the wire, so that a nil id counts as one byte 00 and an empty one
// as nothing (LAT-ID-001). It is the id of ping, pong, intro, join, sync and query question
// packets.
func ControlID(previous, message, next []byte) ID {
	var stack [MaxID + MaxMessage + MaxID]byte
	text := append(stack[:0], onWire(previous)...)
	text = append(text, message...)
	return sha256.Sum256(append(text, onWire(next)...))
}

// MessageID is the packetId of a publish or stream in one packet, and of the head of a split one:
// SHA-256 of its message (LAT-ID-002, LAT-ID-003).
func MessageID(message []byte) ID { return sha256.Sum256(message) }

// FragmentID is the packetId of a fragment (index from 1): SHA-256(SHA-256(previous) ‖
// SHA-256(message)), where previous is the packetId of the fragment before it, or of the head for
// the first (LAT-ID-003).
func FragmentID(previous ID, message []byte) ID {
	var both [2 * sha256.Size]byte
	first, second := sha256.Sum256(previous[:]), sha256.Sum256(message)
	copy(both[:], first[:])
	copy(both[sha256.Size:], second[:])
	return sha256.Sum256(both[:])
}

// IDCheck is what a packet tells about its own packetId.
type IDCheck uint8

const (
	// IDMismatch: the packetId is not the hash of this content.
	IDMismatch IDCheck = iota
	// IDMatch: the packetId is the hash of this content.
	IDMatch
	// IDNeedsPredecessor: a fragment with index 2 or more hashes the packetId of the one before it,
	// which it does not name; see VerifyFragment.
	IDNeedsPredecessor
)

var idCheckNames = [...]string{"does not match", "matches", "needs the packetId of the fragment before"}

func (c IDCheck) String() string { return idCheckNames[c] }

// VerifyID compares the packetId with the content of the packet, as far as the packet alone can
// tell (LAT-ID-006):
//
//   - publish and stream, whole (index below 0): SHA-256 of the message.
//   - head (index 0): the same. A deployed peer that composed the message sends the head on with
//     "ts" added inside "meta"; it matches too when it does without it and its value was that of
//     the outer "ts".
//   - first fragment (index 1): its predecessor is the head, which previousId names.
//   - fragments from index 2: IDNeedsPredecessor.
//   - query: as a control packet, or as what an answer is, a publish with another type.
//   - all others: as a control packet. A relayed join with rendezvous keys keeps the id that it
//     had without them, so that a mismatch is no reason to discard a join.
func VerifyID(p *Packet) IDCheck {
	id, ok := p.ID()
	if !ok {
		return IDMismatch
	}
	switch p.Type {
	case Publish, Stream:
		return verifyContent(p, id)
	case Query:
		if c := verifyContent(p, id); c != IDMismatch {
			return c
		}
	}
	return check(ControlID(p.PreviousID, p.Message, p.NextID) == id)
}

// VerifyFragment says whether the packetId of a fragment is that of its message after the packet
// predecessor.
func VerifyFragment(p *Packet, predecessor ID) bool {
	id, ok := p.ID()
	return ok && FragmentID(predecessor, p.Message) == id
}

func verifyContent(p *Packet, id ID) IDCheck {
	switch {
	case p.Index < 0:
		return check(MessageID(p.Message) == id)
	case p.Index == 0:
		return check(verifyHead(p.Message, id))
	case p.Index == 1:
		head, ok := AsID(p.PreviousID)
		return check(ok && FragmentID(head, p.Message) == id)
	}
	return IDNeedsPredecessor
}

func check(match bool) IDCheck {
	if match {
		return IDMatch
	}
	return IDMismatch
}

// onWire is a byte field as it goes out: one zero byte where it is unset (LAT-FRAME-008).
func onWire(field []byte) []byte {
	if field == nil {
		return unset[:]
	}
	return field
}

var unset [1]byte

// decodeHex fills dst from twice as many hex digits in either case; false when a character is none.
func decodeHex(dst, digits []byte) bool {
	if len(digits) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := hexValue[digits[2*i]], hexValue[digits[2*i+1]]
		if high|low > 0xf {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// hexValue is the value of a hex digit, and 0xff for every other byte.
var hexValue = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range byte(10) {
		table['0'+i] = i
	}
	for i := range byte(6) {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()
