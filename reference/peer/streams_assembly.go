// Split messages that are not whole yet: section 10.2 (spec/10-streams.md).

package peer

import (
	"slices"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// messageKey tells split messages apart while they come in: two sources may name the same head,
// which hashes nothing but a size and a time.
type messageKey struct{ source, head wire.ID }

// assembly is a split message of which not all is there. It completes whatever the order in which
// its packets come, and however many others do so at the same time (LAT-STRM-005). Deployed peers
// keep one heap of fragments for all, and throw it away whenever a head comes.
type assembly struct {
	parts    []part // by index
	distinct int    // indexes among them
	count    int    // fragments after the head; 0 until the head is there
	bytes    int
	tries    int
	touched  time.Time
	trusted  bool // a part of it came from a verified address
}

type part struct {
	id       wire.ID
	index    int32
	datagram []byte
}

const partOverhead = 64 // bytes that a part counts for beside its datagram

// assemble takes in a packet of a split publish or stream, whose packetId holds as far as it alone
// can tell. With the last part it returns the head and the message; until then nil. They are kept
// until forgetAssembly, since what is whole may be forged, and the true parts are still to come.
//
// The bytes kept are bounded. What comes from addresses that are not verified gives way to what
// comes from others, and what grew least lately to what does.
func (p *Peer) assemble(key messageKey, pk *wire.Packet, trusted bool) (head *wire.Packet, message []byte) {
	longest := p.limits.MaxMessage + seal.Overhead
	maxParts := (longest + wire.MaxMessage - 1) / wire.MaxMessage
	if pk.Index < 0 || int(pk.Index) > maxParts || pk.Index == 0 && (pk.Body.Size > int64(longest) || pk.Body.Indexes > int64(maxParts)) {
		return nil, nil
	}
	datagram, err := wire.Append(nil, pk)
	id, ok := pk.ID()
	if err != nil || !ok {
		return nil, nil
	}
	if !p.roomFor(key, len(datagram)+partOverhead, trusted) {
		return nil, nil
	}
	a, _ := p.streams.assembling.put(key)
	a.touched, a.trusted = p.now, a.trusted || trusted
	before := a.bytes
	a.add(part{id, pk.Index, datagram}, pk, p.choices.Rivals)
	p.streams.assembled += a.bytes - before
	if a.count == 0 || a.distinct < a.count+1 {
		return nil, nil
	}
	head, message = a.compose()
	if a.tries++; a.tries >= p.choices.Tries {
		p.forgetAssembly(key)
	}
	return head, message
}

// add puts a part in its place, unless it is there, or as many of its index are: anyone can make
// one.
func (a *assembly) add(new part, pk *wire.Packet, maxRivals int) {
	if a.count > 0 && int(new.index) > a.count {
		return
	}
	at, _ := slices.BinarySearchFunc(a.parts, new.index, func(p part, index int32) int { return int(p.index) - int(index) })
	rivals := 0
	for _, other := range a.parts[at:] {
		if other.index != new.index {
			break
		}
		if rivals++; other.id == new.id || rivals >= maxRivals {
			return
		}
	}
	a.parts = slices.Insert(a.parts, at, new)
	a.bytes += len(new.datagram) + partOverhead
	if rivals == 0 {
		a.distinct++
	}
	if new.index == 0 && a.count == 0 {
		a.count = int(pk.Body.Indexes)
		a.drop(func(p part) bool { return int(p.index) > a.count })
	}
}

// drop removes parts.
func (a *assembly) drop(which func(part) bool) {
	a.parts = slices.DeleteFunc(a.parts, which)
	a.bytes, a.distinct = 0, 0
	for i, p := range a.parts {
		a.bytes += len(p.datagram) + partOverhead
		if i == 0 || a.parts[i-1].index != p.index {
			a.distinct++
		}
	}
}

// compose puts the message together; nil if what there is does not fit together.
func (a *assembly) compose() (*wire.Packet, []byte) {
	packets := make([]wire.Packet, len(a.parts))
	for i := range a.parts {
		if !wire.Decode(&packets[i], a.parts[i].datagram).OK() {
			return nil, nil
		}
	}
	message, err := wire.Compose(&packets[0], packets[1:])
	if err != nil {
		return nil, nil
	}
	return &packets[0], message
}

// roomFor gives up other messages until one has room for so many bytes more.
func (p *Peer) roomFor(key messageKey, bytes int, trusted bool) bool {
	for p.streams.assembled+bytes > p.limits.AssemblyBytes || p.streams.assembling.get(key) == nil && p.streams.assembling.len() >= p.limits.Assembling {
		var victim *messageKey
		p.streams.assembling.each(func(other messageKey, a *assembly) bool {
			if other != key && (!a.trusted || trusted && victim == nil) {
				victim = &other
			}
			return victim == nil || p.streams.assembling.get(*victim).trusted
		})
		if victim == nil {
			return false
		}
		p.forgetAssembly(*victim)
	}
	return true
}

// forgetAssembly gives up what there is of a message, if there is any.
func (p *Peer) forgetAssembly(key messageKey) {
	if a := p.streams.assembling.get(key); a != nil {
		p.streams.assembled -= a.bytes
		p.streams.assembling.delete(key)
	}
}

// expireAssemblies gives up the messages of which nothing came for a K.
func (p *Peer) expireAssemblies() {
	p.streams.assembling.each(func(key messageKey, a *assembly) bool {
		if p.now.Sub(a.touched) < p.ks(p.choices.AssemblyPause) {
			return false // the others are younger
		}
		p.forgetAssembly(key)
		return true
	})
}
