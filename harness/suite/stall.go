package suite

import (
	"fmt"
	"sync"
	"time"

	"punchlist/harness/result"
	"punchlist/harness/verdict"
)

// A machine that stands still (a guest that its host does not run, a laptop that
// is closed) moves every real clock past every bound at once: peers that keep to
// the standard seem silent. The stallWatch finds that out by waking up so often that
// only a machine at a standstill keeps it from it.
const (
	beat = 100 * time.Millisecond
	// standstill is the pause that excuses a result: a third of the time that
	// steps give for an answer. Load alone makes none: beside two whole runs
	// on two cores a beat was late by 6 ms at most.
	standstill = time.Second
)

// A stallWatch records when the machine stalled.
type stallWatch struct {
	mu     sync.Mutex
	last   time.Time
	pauses []pause // between beats, those that are noticeable
}

// noticeable is how late a beat has to be to be remembered: a peer beside it may have been late
// too.
const noticeable = 10 * time.Millisecond

type pause struct{ from, to time.Time }

func (x pause) length() time.Duration { return x.to.Sub(x.from) }

// touches reports whether a pause and a span of time have a part in common.
func (x pause) touches(from, to time.Time) bool { return x.to.After(from) && x.from.Before(to) }

// start beats until it is stopped.
func (p *stallWatch) start() (stop func()) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	p.at(time.Now())
	ended.Go(func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.at(time.Now())
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
	}
}

// at is one beat.
func (p *stallWatch) at(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() && now.Sub(p.last) > beat+noticeable {
		p.pauses = append(p.pauses, pause{p.last, now})
	}
	p.last = now
}

// between is how long the machine stood still in pauses that touch a span of
// time. One may be going on: its end is then that of the span.
func (p *stallWatch) between(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	pauses := p.pauses
	if !p.last.IsZero() && to.Sub(p.last) > standstill {
		pauses = append(pauses[:len(pauses):len(pauses)], pause{p.last, to})
	}
	var sum time.Duration
	for _, x := range pauses {
		if x.length() > standstill && x.touches(from, to) {
			sum += x.length()
		}
	}
	return sum
}

// latest is by how much the latest beat was late that touches a span of time.
func (p *stallWatch) latest(from, to time.Time) (by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.pauses {
		if x.touches(from, to) {
			by = max(by, x.length()-beat)
		}
	}
	return by
}

// leastReact is within what time a peer on a machine with nothing else to do surely handles what
// comes.
const leastReact = 250 * time.Millisecond

// react is how long after an input what follows from it may take in a real lab.
func (p *stallWatch) react(from, to time.Time) time.Duration {
	return max(leastReact, 100*time.Millisecond+4*p.latest(from, to))
}

// excuse takes back what was concluded from times on a machine that stood still
// meanwhile. What passed, passed all the same.
func (p *stallWatch) excuse(x *result.Result, from, to time.Time) {
	switch x.Outcome {
	case result.Failed, result.Inconclusive, result.AdapterBroken, result.LabFailed:
	default:
		return
	}
	if x.ID == verdict.DiedID { // whatever the time
		return
	}
	if still := p.between(from, to); still > 0 {
		x.Text = stalledFor(still) + ": " + x.Text
		x.Outcome, x.Broke, x.ID, x.Detail = result.LabFailed, "", "", ""
	}
}

func stalledFor(still time.Duration) string {
	return fmt.Sprintf("host stalled for %.1f s: result discarded", still.Seconds())
}
