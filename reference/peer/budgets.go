// The cache: section 12.1 (spec/12-budgets.md).

package peer

import (
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// keep puts a packet into the cache. A full one gives up what arrived first (LAT-BUDG-001), own
// packets too: a peer that nobody hears gets nothing from others that could displace them.
func (p *Peer) keep(e cache.Entry) {
	if _, evicted := p.cache.Insert(p.now, e); evicted != nil {
		p.replication.forgotten.put(evicted.ID)
	}
}

// lifetime is for how long a packet is kept.
func (p *Peer) lifetime(e *cache.Entry) time.Duration {
	joined := len(p.keys.All()) > 0 && e.ClusterID == p.config.ClusterID
	return cache.Lifetime(e.TTL, joined)
}

// expire removes the packets whose time is over (LAT-BUDG-002), and has them multicast a last time
// (LAT-BUDG-005). Deployed peers mean to do so, but look for such packets twice in their life.
//
// Others may have got a packet later and keep it longer. It is not taken in again (LAT-BUDG-006),
// or two peers would give it to each other for ever.
func (p *Peer) expire() {
	if !p.replication.restoredAt.IsZero() && p.now.Sub(p.replication.restoredAt) < p.k {
		return // how long they live depends on joins that are still to come
	}
	p.cache.Expire(p.now, p.lifetime, func(e cache.Entry) {
		p.replication.forgotten.put(e.ID)
		if p.follows(LastCasts) && e.Hops < wire.MaxHops && p.replication.expired.len() < p.limits.Rebroadcasts && p.budgets.lastCasts.take(p.now, p.k, p.limits.Rebroadcasts) {
			p.replication.expired.push(e)
			p.addTask(task{kind: lastCast})
		}
	})
}

// sendExpired sends a packet that is no longer in the cache, to live for another K (LAT-BUDG-010):
// with its whole ttl it would begin a second life with those that came after it.
func (p *Peer) sendExpired() {
	if p.replication.expired.len() == 0 {
		return
	}
	e := p.replication.expired.pop()
	if p.natType == nattype.Unknown {
		return
	}
	datagram := p.aged(e.Datagram, p.ks(p.choices.ExpiredTTL))
	wire.PatchHops(datagram, e.Hops+1)
	for _, r := range p.choose(p.liveExcept(), e.ClusterID[:]) {
		p.transmitTo(r, datagram)
	}
}

// isAlone reports whether nothing has come from a known peer for longer than the pause between
// heartbeats. What is published then may reach nobody, although there are still peers to send it
// to.
func (p *Peer) isAlone() bool { return p.now.Sub(p.membership.heard) > p.ks(p.choices.Alone) }

// noteHeard takes note that something came from a known peer. After a time alone what was published
// meanwhile goes out again.
func (p *Peer) noteHeard() {
	back := p.isAlone()
	p.membership.heard = p.now
	if back {
		p.publishAgain()
	}
}
