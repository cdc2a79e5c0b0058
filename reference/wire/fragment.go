// Messages of several packets: sections 2.2 to 2.4 (spec/02-identity.md).

package wire

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// MaxFragments is the most fragments a message is split into: with their head they fill the cache
// of a deployed peer, 6604 packets.
const MaxFragments = 6603

// ErrIncomplete is what Compose returns, wrapped, while fragments are missing.
var ErrIncomplete = errors.New("fragments are missing")

// NextClock is the clock of a publish or stream: one more than that of the previous packet of its
// chain (0 where there is none). Where the cache already holds packets that follow the same
// previous packet, it is two more than the highest of all.
func NextClock(previous uint32, siblings ...uint32) uint32 {
	if len(siblings) > 0 {
		previous = max(previous, slices.Max(siblings)) + 1
	}
	return previous + 1
}

// Split makes the packets that carry a sealed message (LAT-ID-004): one with index -1 where it has
// at most 1024 bytes, else a head (index 0) and slices of 1024 bytes (index from 1), the last one
// shorter. Their packetIds are those of LAT-ID-002 and LAT-ID-003.
//
// The template gives type (publish or stream), clock, hops, ttl, clusterId, subclusterId, usr1 to
// usr4 and sig, which all of them repeat; its previousId goes to the first packet, its nextId to
// the last. Every fragment names the head as previousId and the fragment after it as nextId.
//
// Meta is a JSON object that the head carries, {} where nil, and ts the time of sending in
// milliseconds. A deployed peer reads the head and prints it again before it relays it, so meta
// must be as JSON.stringify prints it, and in ASCII, or the head's id no longer matches on the way.
//
// The packets borrow from the template and from message.
func Split(template Packet, message, meta []byte, ts int64) ([]Packet, error) {
	if template.Type != Publish && template.Type != Stream {
		return nil, fmt.Errorf("wire: type: only publish and stream packets are split, not %s", template.Type)
	}
	count := (len(message) + MaxMessage - 1) / MaxMessage
	if count > MaxFragments {
		return nil, fmt.Errorf("wire: message: %d bytes, at most %d fit into %d fragments", len(message), MaxFragments*MaxMessage, MaxFragments)
	}
	if len(message) <= MaxMessage {
		whole := template
		whole.Index, whole.Message, whole.Body = NoIndex, onlyBytes(message), Body{}
		id := MessageID(message)
		whole.PacketID = id[:]
		return []Packet{whole}, nil
	}
	if !plainObject(meta) {
		return nil, fmt.Errorf("wire: meta: not a JSON object in ASCII: %q", meta)
	}

	packets, ids := make([]Packet, 1+count), make([]ID, 1+count)
	head := template
	head.Index = 0
	head.Body = Body{Keys: KeyMeta | KeyTS | KeySize | KeyIndexes, Meta: meta, TS: ts, Size: int64(len(message)), Indexes: int64(count)}
	head.Message = AppendBody(nil, head.Type, &head.Body)
	if len(head.Message) > MaxMessage {
		return nil, fmt.Errorf("wire: meta: the head with it has %d bytes, at most %d fit", len(head.Message), MaxMessage)
	}
	ids[0] = MessageID(head.Message)
	packets[0] = head
	for i := 1; i <= count; i++ {
		fragment := template
		fragment.Index, fragment.Body = int32(i), Body{}
		fragment.Message = message[(i-1)*MaxMessage : min(i*MaxMessage, len(message))]
		fragment.PreviousID = ids[0][:]
		ids[i] = FragmentID(ids[i-1], fragment.Message)
		packets[i] = fragment
	}
	for i := range packets {
		packets[i].PacketID = ids[i][:]
		if i < count {
			packets[i].NextID = ids[i+1][:]
		}
	}
	return packets, nil
}

// onlyBytes keeps an empty message from being taken for an unset one.
func onlyBytes(message []byte) []byte {
	if message == nil {
		return []byte{}
	}
	return message
}

// plainObject says whether meta is unset or a JSON object in ASCII.
func plainObject(meta []byte) bool {
	if meta == nil {
		return true
	}
	for _, c := range meta {
		if c > '~' {
			return false
		}
	}
	s := scanner{json: meta}
	v, ok := s.value()
	return ok && v.kind == isObject && s.end()
}

// maxRivals is how many fragments with one index are looked into that all continue a chain.
const maxRivals = 8

// Compose joins the message of a split publish or stream (LAT-ID-005). The fragments may come in
// any order and be more than the message has: only those that are of the head's type, clusters and
// previousId, and whose packetId continues the chain from the head, are taken. A packet that
// follows the head without being a part of it, or a forged one, thus neither completes nor spoils a
// message.
//
// Anyone can make a fragment that continues a chain. Where that leaves several messages, the one
// whose packets follow each other by their nextIds is taken. An id proves no author: the seal of
// the message does.
//
// What is allocated is bounded by what the fragments hold, whatever size the head claims. The error
// wraps ErrIncomplete while a fragment is missing; any other says why the head is none.
func Compose(head *Packet, fragments []Packet) ([]byte, error) {
	id, err := checkHead(head)
	if err != nil {
		return nil, err
	}
	count, size := int(head.Body.Indexes), int(head.Body.Size)
	if len(fragments) < count {
		return nil, fmt.Errorf("wire: compose: %w: %d of %d are here", ErrIncomplete, len(fragments), count)
	}
	candidates := make([]*Packet, 0, len(fragments))
	for i := range fragments {
		f := &fragments[i]
		if f.Type == head.Type && f.Index >= 1 && int(f.Index) <= count && bytes.Equal(f.PreviousID, id[:]) &&
			sameField(f.ClusterID, head.ClusterID) && sameField(f.SubclusterID, head.SubclusterID) &&
			len(f.Message) == min(MaxMessage, size-(int(f.Index)-1)*MaxMessage) {
			candidates = append(candidates, f)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *Packet) int { return cmp.Compare(a.Index, b.Index) })

	// links is a tree: behind the head, for each index in turn, the fragments that continue a
	// chain.
	links := make([]link, 1, 1+count)
	links[0] = link{packet: head, id: id}
	before := 0 // where the links of the index before begin
	for i := int32(1); int(i) <= count; i++ {
		begin := len(links)
		for len(candidates) > 0 && candidates[0].Index == i {
			for parent := before; parent < begin; parent++ {
				if next, ok := links[parent].continued(candidates[0]); ok {
					next.parent = parent
					links = append(links, next)
				}
			}
			candidates = candidates[1:]
		}
		if begin == len(links) {
			return nil, fmt.Errorf("wire: compose: %w: number %d of %d", ErrIncomplete, i, count)
		}
		slices.SortStableFunc(links[begin:], func(a, b link) int { return cmp.Compare(b.follows, a.follows) })
		links = links[:min(len(links), begin+maxRivals)]
		before = begin
	}

	message := make([]byte, size)
	for end, at := size, before; at > 0; at = links[at].parent {
		end -= copy(message[end-len(links[at].packet.Message):], links[at].packet.Message)
	}
	return message, nil
}

// link is a packet in a chain of fragments.
type link struct {
	packet  *Packet
	id      ID
	parent  int // the link before
	follows int // how many packets of the chain are those that the nextId before them names
}

// continued is the link of a fragment behind l, and false where its packetId says that it isn't
// there.
func (l *link) continued(f *Packet) (link, bool) {
	if !VerifyFragment(f, l.id) {
		return link{}, false
	}
	next := link{packet: f, id: ID(f.PacketID), follows: l.follows}
	if bytes.Equal(l.packet.NextID, f.PacketID) {
		next.follows++
	}
	return next, true
}

// checkHead returns the packetId of the head of a split message, or what it isn't one for.
func checkHead(head *Packet) (ID, error) {
	id, ok := head.ID()
	b := &head.Body
	switch {
	case head.Type != Publish && head.Type != Stream:
		return id, fmt.Errorf("wire: compose: type: a head is a publish or stream packet, not %s", head.Type)
	case head.Index != 0:
		return id, fmt.Errorf("wire: compose: index: a head has 0, not %d", head.Index)
	case !b.Keys.Has(KeySize | KeyIndexes):
		return id, errors.New("wire: compose: message: a head has size and indexes, whole numbers from 0")
	case b.Indexes < 1 || b.Indexes > MaxFragments:
		return id, fmt.Errorf("wire: compose: message: indexes is 1 to %d, not %d", MaxFragments, b.Indexes)
	case b.Size <= (b.Indexes-1)*MaxMessage || b.Size > b.Indexes*MaxMessage:
		return id, fmt.Errorf("wire: compose: message: %d fragments don't hold size %d, which is %d bytes each but for the last", b.Indexes, b.Size, MaxMessage)
	case !ok || !verifyHead(head.Message, id):
		return id, errors.New("wire: compose: packetId: not that of the head's message")
	}
	return id, nil
}

func sameField(a, b []byte) bool {
	return bytes.Equal(a, b) || Unset(a) && Unset(b)
}

// verifyHead compares the id of a head with its message, and with what the message was before a
// deployed peer added ts to meta (LAT-ID-006).
func verifyHead(message []byte, id ID) bool {
	if MessageID(message) == id {
		return true
	}
	start, end := addedTS(message)
	if start == end || len(message) > MaxMessage {
		return false
	}
	var stack [MaxMessage]byte
	before := append(stack[:0], message[:start]...)
	return sha256.Sum256(append(before, message[end:]...)) == id
}

// addedTS is where a head's meta holds a member ts with the value of the outer ts, the comma that
// joins it to its neighbour included; 0, 0 where it doesn't.
func addedTS(message []byte) (start, end int) {
	found, ok := scanHead(message)
	meta, ts := found[KeyMeta.index()], found[KeyTS.index()]
	if !ok || meta.kind != isObject || ts.kind != isNumber {
		return 0, 0
	}
	s := scanner{json: message[:meta.end], pos: int(meta.start) + 1}
	for first, more := true, true; more; first = false {
		before := s.pos // just behind the brace or comma
		name, v, goesOn, ok := s.member(first)
		if !ok || name.kind == absent {
			return 0, 0
		}
		more = goesOn
		if string(name.text(message)) != "ts" || !bytes.Equal(v.text(message), ts.text(message)) {
			continue
		}
		switch {
		case !first:
			return before - 1, int(v.end)
		case more:
			return before, s.pos
		default:
			return before, int(v.end)
		}
	}
	return 0, 0
}
