package eventloop

import (
	"container/heap"
	"fmt"
	"time"
)

// maxTicks bounds how often a machine may ask for a tick at one instant: with
// more, time would stand still for good.
const maxTicks = 10_000

// A Network carries datagrams between the hosts of a loop.
type Network interface {
	// Next is when something arrives or moves on; false when nothing is under way.
	Next() (at time.Time, ok bool)
	// Step moves the one thing that is due first. What arrives at a host it gives
	// to that host's driver.
	Step(now time.Time)
}

// A Loop moves a network and drivers through virtual time, one event after
// another. What is due first happens first; at one instant, first the network,
// then drivers in the order in which they were added. It is for one goroutine.
type Loop struct {
	// Now is the virtual time. Step moves it. Whoever else moves it makes what was
	// due before late, and nothing else.
	Now     time.Time
	network Network
	timers  timers
	added   int
}

// New makes a loop without drivers, whose time begins at start.
func New(start time.Time, network Network) *Loop { return &Loop{Now: start, network: network} }

// Add adds a driver, which belongs to one loop for good.
func (l *Loop) Add(d *Driver) {
	d.loop, d.order = l, l.added
	l.added++
	d.schedule()
}

// A Stuck is the error of a step of a driver whose machine asks for its timer
// again and again at one instant.
type Stuck struct{ Driver *Driver }

func (s *Stuck) Error() string {
	return fmt.Sprintf("it asked for its timer %d times at one instant", maxTicks)
}

// Step handles the one event that is due first. When none is due up to the given
// time, that time comes, and Step returns false. Errors: *Stuck, in which case
// the machine is not ticked.
func (l *Loop) Step(until time.Time) (bool, error) {
	at, moves := until, false
	if due, ok := l.network.Next(); ok && !due.After(at) {
		at, moves = due, true
	}
	var ticking *Driver
	if len(l.timers) > 0 {
		if first := l.timers[0]; first.due.Before(at) || !moves && !first.due.After(at) {
			at, ticking = first.due, first
		}
	}
	if at.After(l.Now) {
		l.Now = at
	}
	switch {
	case ticking != nil:
		return true, ticking.tickOnce(l.Now)
	case moves:
		l.network.Step(l.Now)
		return true, nil
	}
	return false, nil
}

// tickOnce ticks the machine, unless it was ticked too often at this instant.
func (d *Driver) tickOnce(now time.Time) error {
	if !now.Equal(d.ticked) {
		d.ticked, d.ticks = now, 0
	}
	if d.ticks++; d.ticks > maxTicks {
		return &Stuck{d}
	}
	d.Tick(now)
	return nil
}

// schedule puts the driver where it belongs among the timers of its loop.
func (d *Driver) schedule() {
	if d.loop == nil {
		return
	}
	timers := &d.loop.timers
	due, ok := d.Next()
	switch {
	case !ok && d.place < 0, ok && d.place >= 0 && due.Equal(d.due):
	case !ok:
		heap.Remove(timers, d.place)
	case d.place < 0:
		d.due = due
		heap.Push(timers, d)
	default:
		d.due = due
		heap.Fix(timers, d.place)
	}
}

// timers is a heap of the drivers that have something due: the earliest first,
// and at one instant the one that was added first.
type timers []*Driver

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	return t[i].due.Before(t[j].due) || t[i].due.Equal(t[j].due) && t[i].order < t[j].order
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push and Pop are for package heap.
func (t *timers) Push(x any) {
	d := x.(*Driver)
	d.place = len(*t)
	*t = append(*t, d)
}

func (t *timers) Pop() any {
	last := len(*t) - 1
	d := (*t)[last]
	(*t)[last] = nil
	*t, d.place = (*t)[:last], -1
	return d
}
