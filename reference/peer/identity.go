// Messages of several packets: section 2.3 (spec/02-identity.md).

package peer

import (
	"slices"

	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// sound reports whether a publish can be passed on without ending deployed peers, who read a head's
// body without looking what it is.
func sound(pk *wire.Packet) bool {
	if pk.Index != 0 {
		return true
	}
	const needed = wire.KeyMeta | wire.KeyTS | wire.KeySize | wire.KeyIndexes
	b := &pk.Body
	return b.Keys.Has(needed) && b.Indexes >= 1 && b.Indexes <= wire.MaxFragments && b.Size <= b.Indexes*wire.MaxMessage
}

// compose opens a split message if all its fragments are cached, whatever order they came in
// (LAT-ID-005).
func (p *Peer) compose(keys seal.Keys, head *wire.Packet, hops uint32) {
	id, ok := head.ID()
	if !ok || head.Index != 0 || !head.Body.Keys.Has(wire.KeyIndexes) || p.replication.delivered.get(id) != nil {
		return
	}
	entries := p.cache.Children(id)
	// Without an index it is a reply to the head (LAT-ID-008), which deployed peers take for its
	// first fragment.
	entries = slices.DeleteFunc(entries, func(e cache.Entry) bool { return e.Index < 1 })
	if int64(len(entries)) < head.Body.Indexes {
		return
	}
	fragments := make([]wire.Packet, 0, len(entries))
	for i := range entries {
		var f wire.Packet
		if wire.Decode(&f, entries[i].Datagram).OK() {
			fragments = append(fragments, f)
		}
	}
	message, err := wire.Compose(head, fragments)
	if err != nil {
		return
	}
	p.deliverMessage(keys, head, message, hops)
}
