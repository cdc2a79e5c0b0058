package oracle

import (
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// A splitKey tells messages in several packets apart: a publish by its head, a stream by its head
// and its ends.
type splitKey struct {
	head     wire.ID
	to, from wire.ID // of a stream
}

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
func (j *judge) partCame(d *datagram, key splitKey) {
	p := d.packet
	whole := j.split[key]
	if whole == nil {
		if !j.composes() {
			j.splitBefore[key] = true
			return
		}
		whole = &splitMessage{parts: map[int32]*datagram{}, first: d.At, last: d.At, unclear: j.said[key.head] || j.splitBefore[key]}
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
func (j *judge) wholeDue(d *datagram, key splitKey, whole *splitMessage) {
	if whole.head == nil || whole.unclear || len(whole.parts) < int(whole.head.packet.Body.Indexes) || len(whole.parts) > splitParts {
		return
	}
	head := whole.head.packet
	sub, is := wire.AsID(head.SubclusterID)
	m := j.joined[sub]
	if !is || m == nil || m.unsure || !m.left.IsZero() || m.keys.SubclusterID != sub || !m.joined.Before(whole.first.Add(-j.react)) || j.indexed {
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
	var as any = key.head
	if head.Type == wire.Stream {
		as = streamKey{key.head, key.to, key.from}
	}
	if j.expectedKeys[as] || j.said[key.head] {
		return
	}
	j.expectedKeys[as] = true
	delete(j.split, key)
	at := *whole.head
	at.Seq = d.Seq // by which it was whole
	j.expected = append(j.expected, &expected{datagram: &at, key: as, plaintext: plaintext, owed: j.now.Add(j.react + time.Second)})
}

// splitsAged forgets messages of which nothing comes any more.
func (j *judge) splitsAged() {
	for key, whole := range j.split {
		if j.now.Sub(whole.last) > j.splitPause() {
			j.splitBefore[key] = true // what came before may not count a second time
			delete(j.split, key)
		}
	}
}

// splitKeyOf is the message that a packet is a part of, where it is one.
func splitKeyOf(p *wire.Packet) (key splitKey, ok bool) {
	switch {
	case p.Index == 0:
		key.head, ok = p.ID()
	case p.Index > 0:
		key.head, ok = wire.AsID(p.PreviousID)
	}
	if ok && p.Type == wire.Stream {
		var to, from bool
		key.to, to = wire.AsID(p.Usr3)
		key.from, from = wire.AsID(p.Usr4)
		ok = to && from
	}
	return key, ok
}
