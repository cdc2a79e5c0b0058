package oracle

import (
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// A splitMessage is what has come in of one.
type splitMessage struct {
	head    *datagram
	parts   map[int32]*datagram
	first   time.Time
	last    time.Time
	unclear bool // rivals, pauses, or a state of the peer in which a part may be lost
}

// splitParts is how many parts a message has at the most that is judged.
const splitParts = 200

// splitPause is how long a peer surely waits for the next packet of a message.
func (j *judge) splitPause() time.Duration {
	return min(2*time.Second, j.constants.LeastTime("message.pause")-j.react)
}

// composes reports whether a peer surely has room for another message that is being put together.
func (j *judge) composes() bool {
	return len(j.split) < min(8, j.constants.Least("message.composing")) && j.constants.Least("cache.packets") > 2*splitParts &&
		j.constants.Least("message.most-bytes") >= splitParts*wire.MaxMessage
}

// partCame notes a packet of a split message, and that the message has to be delivered once all
// have come (LAT-ID-005, LAT-STRM-005).
func (j *judge) partCame(d *datagram, key streamKey) {
	p := d.packet
	whole := j.split[key]
	if whole == nil {
		if !j.composes() {
			j.splitBefore[key] = true
			return
		}
		whole = &splitMessage{parts: map[int32]*datagram{}, first: d.At, last: d.At, unclear: j.said[key.id] || j.splitBefore[key]}
		j.split[key] = whole
	}
	if d.to.Port() != j.main || !j.active() || j.restored || j.crowded(d.from) || j.now.Sub(j.steady) < j.react || d.At.Sub(whole.last) > j.splitPause() {
		whole.unclear = true
	}
	whole.last = d.At
	if p.Index == 0 {
		if whole.head == nil && wire.VerifyID(p) == wire.IDMatch {
			whole.head = d
		}
	} else {
		if other := whole.parts[p.Index]; other != nil && string(other.packet.PacketID) != string(p.PacketID) {
			whole.unclear = true
		}
		whole.parts[p.Index] = d
	}
	j.wholeDue(d, key, whole)
}

// wholeDue notes that a split message has to be delivered, if all of it is here.
func (j *judge) wholeDue(d *datagram, key streamKey, whole *splitMessage) {
	if whole.head == nil || whole.unclear || len(whole.parts) < int(whole.head.packet.Body.Indexes) || len(whole.parts) > splitParts {
		return
	}
	head := whole.head.packet
	m := j.memberFor(head)
	if m == nil || !m.joined.Before(whole.first.Add(-j.react)) {
		return
	}
	if ttl := lifetime(head.TTL, false); j.now.Sub(whole.first) > ttl/2-j.react {
		return
	}
	parts := make([]wire.Packet, 0, len(whole.parts))
	for i := int32(1); i <= int32(len(whole.parts)); i++ {
		if whole.parts[i] == nil {
			return
		}
		parts = append(parts, *whole.parts[i].packet)
	}
	sealed, err := wire.Compose(head, parts)
	if err != nil {
		return
	}
	plaintext, err := seal.Open(m.keys, sealed)
	if err != nil {
		return
	}
	var as any = key.id
	if head.Type == wire.Stream {
		as = key
	}
	if j.expectedKeys[as] || j.said[key.id] {
		return
	}
	delete(j.split, key)
	at := *whole.head
	at.Seq = d.Seq // by which it was whole
	j.expect(&at, as, plaintext)
}

// splitsAged forgets messages of which nothing comes any more.
func (j *judge) splitsAged() {
	for key, whole := range j.split {
		if j.now.Sub(whole.last) > j.splitPause() {
			j.endSplit(key)
		}
	}
}

// endSplit forgets a message that is not whole. What came of it may not count a second time.
func (j *judge) endSplit(key streamKey) {
	j.splitBefore[key] = true
	delete(j.split, key)
}

// splitKeyOf is the message that a packet is a part of, by its head, where it is one. Of a publish
// the ends are zero.
func splitKeyOf(p *wire.Packet) (key streamKey, ok bool) {
	if ok = true; p.Type == wire.Stream {
		key, ok = keyOf(p)
	}
	head := false
	switch {
	case p.Index == 0:
		key.id, head = p.ID()
	case p.Index > 0:
		key.id, head = wire.AsID(p.PreviousID)
	}
	return key, ok && head
}
