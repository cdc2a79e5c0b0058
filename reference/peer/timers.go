// Timers: what a peer does by itself, and when, for all chapters.

package peer

import "time"

// A timer is one thing that a peer does by itself when its time has come.
type timer struct {
	name string

	// at is when it has something to do; zero: nothing.
	at func(*Peer) time.Time

	// run does what is due by now. It is called at each tick, also before its time, and then does
	// nothing that can be seen, except that it gives up what has meanwhile become needless.
	run func(*Peer)
}

// timers are everything that Tick does, in this order; Next is when the first of them has something
// to do. To add a timer is to add a row.
//
//	discovery     the stage's time is up, or a responder of stage 2 is asked again
//	verification  a challenge is repeated, or given up with what is held for it
//	bursts        the next datagram of an introduction that is obeyed, or its end
//	pool          sockets of the pool are closed
//	contests      a peer is moved whose old address stayed silent
//	syncs         a sync that is silent is repeated, or ends
//	extra tick    announcements and joins again, shortly after discovery
//	keepalive     every K: heartbeats, joins, what expires, who is given up
//	queues        own datagrams that waited for their turn
//
// The queues come last, since all others put something into them.
var timers = [...]timer{
	{"discovery", func(p *Peer) time.Time { return p.discovery.next() }, (*Peer).runDiscovery},
	{"verification", func(p *Peer) time.Time { return p.verification.due }, (*Peer).runVerification},
	{"bursts", (*Peer).nextBurst, (*Peer).runBursts},
	{"pool", func(p *Peer) time.Time { return p.traversal.pool.reclaimAt }, (*Peer).runPool},
	{"contests", (*Peer).nextContest, (*Peer).runContests},
	{"syncs", (*Peer).nextQuiet, (*Peer).runSyncs},
	{"extra tick", func(p *Peer) time.Time { return p.membership.extraAt }, (*Peer).runExtraTick},
	{"keepalive", func(p *Peer) time.Time { return p.membership.tickAt }, (*Peer).runKeepalive},
	{"queues", (*Peer).nextPoll, (*Peer).pollQueues},
}

// Tick does what is due. Next says when to call it; to call it earlier, or more often, does no
// harm.
func (p *Peer) Tick(now time.Time) {
	p.begin(now)
	if p.life.closing || p.life.asleep {
		return
	}
	for i := range timers {
		timers[i].run(p)
	}
}

// Next is when Tick has something to do, which may be in the past; false when it has nothing.
func (p *Peer) Next() (time.Time, bool) {
	if p.life.closing || p.life.asleep {
		return time.Time{}, false
	}
	var next time.Time
	for i := range timers {
		next = sooner(next, timers[i].at(p))
	}
	return next, !next.IsZero()
}
