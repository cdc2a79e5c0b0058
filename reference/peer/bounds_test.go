package peer

import "fmt"

// CheckBounds says which of a peer's stores has outgrown its limit.
func CheckBounds(p *Peer) error {
	l := p.limits
	held, onIP := 0, map[any]int{}
	for i := p.pending.oldest; i >= 0; i = p.pending.slots[i].newer {
		s := &p.pending.slots[i]
		held += len(s.value.held)
		onIP[s.key.Addr()]++
		if len(s.value.held) > l.HeldPerAddress || onIP[s.key.Addr()] > l.PendingPerIP {
			return fmt.Errorf("%v: %d held, %d pending on its IP", s.key, len(s.value.held), onIP[s.key.Addr()])
		}
	}
	if held != p.held {
		return fmt.Errorf("%d datagrams are held, %d counted", held, p.held)
	}
	for _, o := range p.outboxes {
		if o.answers.len() > l.SyncQueue || cap(o.answers.items) > 8*l.SyncQueue {
			return fmt.Errorf("outbox of %d answers", o.answers.len())
		}
	}
	others := 0
	for _, r := range p.remotes {
		if !r.indexed {
			others++
		}
		if len(r.clusters) > maxClusters {
			return fmt.Errorf("%d clusters of a peer", len(r.clusters))
		}
	}
	for _, b := range []struct {
		name       string
		have, most int
	}{
		{"sources", p.sources.len(), l.Sources},
		{"source slots", len(p.sources.slots), l.Sources},
		{"pending", p.pending.len(), l.Pending},
		{"verified", p.verifiedTo.len(), l.Verified},
		{"held", p.held, l.Held},
		{"gates", p.gates.len(), l.Gates},
		{"delivered", p.delivered.len(), l.Delivered},
		{"rates", p.rates.len(), l.Rates},
		{"targets", p.targets.len(), l.Targets},
		{"recent", p.recent.len(), l.Gates},
		{"bursts", len(p.bursts), l.Introductions},
		{"tasks", p.tasks.len(), l.Tasks},
		{"unpublished", len(p.unpublished), maxUnpublished},
		{"outboxes", len(p.outboxes), l.Destinations},
		{"peers", others, l.Peers},
		{"cache", p.cache.Len(), l.CachePackets},
		{"outputs", len(p.outputs) - p.polled, 1000},
		{"contacted", len(p.discovery.contacted), maxContacted},
	} {
		if b.have > b.most {
			return fmt.Errorf("%s: %d, at most %d", b.name, b.have, b.most)
		}
	}
	return nil
}
