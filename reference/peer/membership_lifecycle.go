package peer

import (
	"time"

	"punchlist/reference/wire"
)

// Leave ends the membership in a subcluster: it is announced no more, and its
// messages are no longer opened. They are still kept and relayed, as everybody's
// are. There is no packet that tells others; they notice that the joins end.
func (p *Peer) Leave(now time.Time, subclusterID [32]byte) {
	p.begin(now)
	p.keys.Remove(subclusterID)
}

// Sleep makes the peer send nothing and ignore what comes, until Wake: its owner
// is paused, or goes to the background. What is published meanwhile is kept.
func (p *Peer) Sleep(now time.Time) {
	p.begin(now)
	p.asleep = true
}

// Wake makes a peer that was asleep go on: it finds out anew where it is, and
// meets the others anew (LAT-MEMB-022). One whose host was suspended without
// Sleep may be told so by it too.
func (p *Peer) Wake(now time.Time) {
	p.begin(now)
	slept := p.asleep
	p.asleep = false
	if p.closing || !p.ready {
		return
	}
	if slept && p.now.Sub(p.heard) > p.k {
		// They have given this peer up, or their NATs have.
		p.forgetAll()
	}
	p.rediscover()
	p.keepaliveTick()
	p.pace()
}

// forgetAll gives all peers up, since nothing is known of them any more.
func (p *Peer) forgetAll() {
	for i := len(p.remotes) - 1; i >= 0; i-- {
		if i < len(p.remotes) {
			p.forget(p.remotes[i])
		}
	}
}

// memberTicks is for how many K a peer counts as a member after its last join.
const memberTicks = 8

// maxMemberships is how many subclusters of one peer are remembered.
const maxMemberships = 16

// membership is that a peer has announced itself for a subcluster.
type membership struct {
	subclusterID wire.ID
	until        time.Time
}

// isMember takes note of a join that a known peer has sent, itself or through
// relays (LAT-MEMB-024). Deployed peers count everybody as a member who passes on
// anything of a subcluster, and answer at a rendezvous in the name of whatever
// subcluster was asked for, so that an answer shows no membership.
func (p *Peer) isMember(join *wire.Packet) {
	r := p.remoteByID(join.Body.RequesterPeerID)
	id, ok := wire.AsID(join.SubclusterID)
	if r == nil || !ok || join.Body.Has.Has(wire.KeyRendezvousRequesterPeerID) {
		return
	}
	until := p.now.Add(memberTicks * p.k)
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
		r.memberships[free] = membership{id, until}
	case len(r.memberships) < maxMemberships:
		r.memberships = append(r.memberships, membership{id, until})
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
