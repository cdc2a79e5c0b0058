package peer

import (
	"fmt"
	"time"

	"punchlist/reference/wire"
)

// Fill puts a publish into a peer's cache, as if it had come at that time.
func Fill(p *Peer, at time.Time, datagram []byte) {
	var pk wire.Packet
	if wire.Decode(&pk, datagram).OK() {
		p.cache.Insert(at, entry(&pk, datagram))
	}
}

// CheckBounds says which of a peer's stores has outgrown its limit.
func CheckBounds(p *Peer) error {
	l := p.limits
	held, onIP := 0, map[any]int{}
	for i := p.verification.pending.oldest; i >= 0; i = p.verification.pending.slots[i].newer {
		s := &p.verification.pending.slots[i]
		held += len(s.value.held)
		onIP[s.key.Addr()]++
		if len(s.value.held) > l.HeldPerAddress || onIP[s.key.Addr()] > l.PendingPerIP {
			return fmt.Errorf("%v: %d held, %d pending on its IP", s.key, len(s.value.held), onIP[s.key.Addr()])
		}
	}
	if held != p.verification.held {
		return fmt.Errorf("%d datagrams are held, %d counted", held, p.verification.held)
	}
	for _, o := range p.sync.outboxes {
		if o.len() > l.SyncQueue || len(o.waiting) != o.len() || cap(o.packets.items) > 8*l.SyncQueue {
			return fmt.Errorf("outbox of %d answers, %d waiting", o.len(), len(o.waiting))
		}
		if o.len() == 0 && cap(o.summaries.items)+cap(o.packets.items) > 0 {
			return fmt.Errorf("empty outbox keeps room for %d summaries and %d packets", cap(o.summaries.items), cap(o.packets.items))
		}
	}
	for _, r := range p.known.all() {
		if len(r.clusters) > p.choices.Clusters {
			return fmt.Errorf("%d clusters of a peer", len(r.clusters))
		}
	}
	if len(p.verification.sources.slots) > l.Sources || len(p.out.outputs)-p.out.polled > 1000 {
		return fmt.Errorf("%d slots of sources, %d outputs", len(p.verification.sources.slots), len(p.out.outputs)-p.out.polled)
	}
	for _, s := range p.Sizes() {
		if s.Have > s.Max {
			return fmt.Errorf("%s: %d, at most %d", s.Name, s.Have, s.Max)
		}
	}
	return nil
}
