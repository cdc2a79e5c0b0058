// Members, who is given up, sleep and wake: sections 7.5 and 7.6 (spec/07-membership.md).

package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// lifecycle is whether a peer runs, and on which sockets.
type lifecycle struct {
	ready   bool            // both sockets are bound
	closing bool            // see Stop
	asleep  bool            // see Sleep
	open    [Probe + 1]bool // by Socket
	local   [Probe + 1]netip.AddrPort
}

// Leave ends the membership in a subcluster: it is announced no more, and its messages are no
// longer opened. They are still kept and relayed, as everybody's are. There is no packet that tells
// others; they notice that the joins end.
func (p *Peer) Leave(now time.Time, subclusterID [32]byte) {
	p.begin(now)
	p.keys.Remove(subclusterID)
}

// Sleep makes the peer send nothing and ignore what comes, until Wake: its owner is paused, or goes
// to the background. What is published meanwhile is kept.
func (p *Peer) Sleep(now time.Time) {
	p.begin(now)
	p.life.asleep = true
}

// Wake makes a peer that was asleep go on: it finds out anew where it is, and meets the others anew
// (LAT-MEMB-022). One whose host was suspended without Sleep may be told so by it too.
func (p *Peer) Wake(now time.Time) {
	p.begin(now)
	slept := p.life.asleep
	p.life.asleep = false
	if p.life.closing || !p.life.ready {
		return
	}
	if slept && p.now.Sub(p.membership.heard) > p.k {
		// They have given this peer up, or their NATs have.
		p.forgetAll()
	}
	p.rediscover()
	p.keepaliveTick()
	p.membership.tickAt = p.now.Add(p.k) // from this tick on, not from the one that was due (LAT-MEMB-009)
	p.pollQueues()
}

// forgetAll gives all peers up, since nothing is known of them any more.
func (p *Peer) forgetAll() {
	for i := p.known.len() - 1; i >= 0; i-- {
		if i < p.known.len() {
			p.forget(p.known.all()[i])
		}
	}
}

// announced is that a peer has announced itself for a subcluster.
type announced struct {
	subclusterID wire.ID
	until        time.Time
}

// noteMembership takes note of a join that a known peer has sent, itself or through relays
// (LAT-MEMB-024). Deployed peers count everybody as a member who passes on anything of a
// subcluster, and answer at a rendezvous in the name of whatever subcluster was asked for, so that
// an answer shows no membership.
func (p *Peer) noteMembership(join *wire.Packet) {
	r := p.known.byID(join.Body.RequesterPeerID)
	id, ok := wire.AsID(join.SubclusterID)
	if r == nil || !ok || join.Body.Keys.Has(wire.KeyRendezvousRequesterPeerID) {
		return
	}
	until := p.now.Add(p.ks(p.choices.MemberLife))
	free := -1
	for i := range r.memberships {
		m := &r.memberships[i]
		if m.subclusterID == id {
			m.until = until
			return
		}
		if !p.now.Before(m.until) {
			free = i
		}
	}
	switch {
	case free >= 0:
		r.memberships[free] = announced{id, until}
	case len(r.memberships) < p.choices.Memberships:
		r.memberships = append(r.memberships, announced{id, until})
	}
}

// subclusters are those that a peer is a member of.
func (p *Peer) subclusters(r *remote) (ids []wire.ID) {
	for _, m := range r.memberships {
		if p.now.Before(m.until) {
			ids = append(ids, m.subclusterID)
		}
	}
	return ids
}

// makeRoom forgets a peer if there is no room for another: one that is not connected, or else that
// was silent longest. For a proxied one, which is only claimed to exist, no connected one goes;
// then it tells that there is no room.
func (p *Peer) makeRoom(proxied bool) bool {
	others, alike := 0, 0
	var oldest *remote
	worse := func(a, b *remote) bool {
		if a.connected != b.connected {
			return b.connected
		}
		return a.lastUpdate.Before(b.lastUpdate)
	}
	for _, r := range p.known.all() {
		if r.indexed {
			continue
		}
		others++
		if r.proxy != nil {
			alike++
		} else if proxied {
			continue // gives way to no claim
		}
		if oldest == nil || worse(r, oldest) {
			oldest = r
		}
	}
	if others < p.limits.Peers && (!proxied || alike < p.choices.Proxied) {
		return true
	}
	if oldest == nil || proxied && oldest.connected {
		return false
	}
	p.forget(oldest)
	return true
}

// forget gives a peer up. Bootstrap peers stay known.
func (p *Peer) forget(r *remote) {
	if r.connected {
		p.emit(Event{Kind: Disconnection, PeerID: r.id})
	}
	r.connected, r.verified, r.plausible, r.contested = false, false, false, netip.AddrPort{}
	p.leave(r)
	if !r.indexed {
		p.known.remove(r)
	}
	p.forgetProxied(r)
}

// prune forgets those that have been silent, other than bootstrap peers (LAT-MEMB-020).
func (p *Peer) prune() {
	for i := 0; i < p.known.len(); {
		r := p.known.all()[i]
		if later(later(r.lastUpdate, r.vouchedAt), p.replication.restoredAt).Add(p.ks(p.choices.GiveUp)).Before(p.now) && (!r.indexed || r.connected || r.verified) {
			p.forget(r)
			if !r.indexed {
				continue
			}
		}
		i++
	}
}
