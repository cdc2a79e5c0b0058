// What a peer sends of itself, and at which pace: section 12.3 (spec/12-budgets.md).

package peer

import (
	"time"

	"punchlist/reference/wire"
)

// A task is something of the peer's own that waits for its turn, so that no single input makes it
// send a burst that NATs and sockets on the way would drop.
type task struct {
	kind taskKind
	id   wire.ID
}

type taskKind uint8

const (
	heartbeat    taskKind = iota // id: of the peer
	announcement                 // id: of the peer
	ownJoin                      // id: of the subcluster
	ownPublish                   // id: of the packet
	openCached                   // id: of the subcluster
	openOne                      // id: of the packet
	ownQuestion                  // id: queryId
	passOn                       // id: of the peer
	lastCast                     // of the first of the expired
)

func (p *Peer) addTask(t task) {
	if p.budgets.tasks.len() < p.limits.Tasks {
		p.budgets.tasks.push(t)
	} else if t.kind == ownPublish && len(p.replication.unpublished) < p.choices.Unpublished {
		p.replication.unpublished = append(p.replication.unpublished, t.id)
	}
}

// pollQueues does what has its turn: tasks first, then own streams and what syncs send, in turn, so
// that neither holds up the other.
func (p *Peer) pollQueues() {
	if p.life.asleep {
		return
	}
	p.budgets.paceAt = later(p.budgets.paceAt, p.now.Add(-time.Duration(p.choices.CatchUp)*p.limits.Pace))
	for !p.budgets.paceAt.After(p.now) {
		p.streams.turn = !p.streams.turn
		switch {
		case p.budgets.tasks.len() > 0:
			p.doTask(p.budgets.tasks.pop())
		case p.streams.turn && p.pollStreams() || p.pollOutboxes() || p.pollStreams():
		default:
			return
		}
		p.budgets.paceAt = p.budgets.paceAt.Add(max(p.limits.Pace, time.Microsecond))
	}
}

// nextPoll is when pollQueues has something to do; zero if it has nothing.
func (p *Peer) nextPoll() (next time.Time) {
	if p.budgets.tasks.len() > 0 {
		return p.budgets.paceAt
	}
	if p.streams.outgoing.len() > 0 {
		next = later(p.budgets.paceAt, p.streams.nextAt)
	}
	for _, o := range p.sync.outboxes {
		if at := p.nextItem(o); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (p *Peer) doTask(t task) {
	switch t.kind {
	case heartbeat:
		if r := p.known.byID(t.id); r != nil {
			p.sendHeartbeat(r)
		}
	case announcement:
		if r := p.known.byID(t.id); r != nil {
			p.sendAnnouncement(r)
		}
	case ownJoin:
		p.sendJoin(t.id)
	case ownPublish:
		p.sendOwnPublish(t.id)
	case openCached:
		p.openCached(t.id)
	case lastCast:
		p.sendExpired()
	case passOn:
		if r := p.known.byID(t.id); r != nil && r.direct() && !r.sync.underWay() && !p.isEqual(&r.sync) {
			p.startSync(r)
		}
	case ownQuestion:
		p.sendQuestion(t.id)
	case openOne:
		p.openCachedMessage(t.id)
	}
}
