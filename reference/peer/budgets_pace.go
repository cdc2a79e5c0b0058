package peer

import (
	"time"

	"punchlist/reference/wire"
)

// A task is something of the peer's own that waits for its turn, so that no
// single input makes it send a burst that NATs and sockets on the way would drop.
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

// catchUp is how many turns are made up for after a late tick, or after nothing
// was to do.
const catchUp = 8

func (p *Peer) addTask(t task) {
	if p.tasks.len() < p.limits.Tasks {
		p.tasks.push(t)
	} else if t.kind == ownPublish && len(p.unpublished) < maxUnpublished {
		p.unpublished = append(p.unpublished, t.id)
	}
}

// pace does what has its turn: tasks first, then own streams and answers to
// syncs, in turn, so that neither holds up the other.
func (p *Peer) pace() {
	if p.asleep {
		return
	}
	p.paceAt = later(p.paceAt, p.now.Add(-catchUp*p.limits.Pace))
	for !p.paceAt.After(p.now) {
		p.streamTurn = !p.streamTurn
		switch {
		case p.tasks.len() > 0:
			p.do(p.tasks.pop())
		case p.streamTurn && p.sendOutgoing() || p.sendAnswer() || p.sendOutgoing():
		default:
			return
		}
		p.paceAt = p.paceAt.Add(max(p.limits.Pace, time.Microsecond))
	}
}

// nextPace is when pace has something to do; zero if it has nothing.
func (p *Peer) nextPace() (next time.Time) {
	if p.tasks.len() > 0 {
		return p.paceAt
	}
	if p.outgoing.len() > 0 {
		next = later(p.paceAt, p.streamAt)
	}
	for _, o := range p.outboxes {
		if at := p.nextAnswer(o); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (p *Peer) do(t task) {
	switch t.kind {
	case heartbeat:
		if r := p.remoteByID(t.id); r != nil {
			p.heartbeat(r)
		}
	case announcement:
		if r := p.remoteByID(t.id); r != nil {
			p.announce(r)
		}
	case ownJoin:
		p.sendJoin(t.id)
	case ownPublish:
		p.multicastOwn(t.id)
	case openCached:
		p.openCached(t.id)
	case lastCast:
		p.multicastExpired()
	case passOn:
		if r := p.remoteByID(t.id); r != nil && r.direct() && !r.sync.underWay() && !p.equal(&r.sync) {
			p.startSync(r)
		}
	case ownQuestion:
		p.askQuestion(t.id)
	case openOne:
		p.openCachedOne(t.id)
	}
}
