package internet

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

const (
	defaultMTU = 1500
	minMTU     = 68 // RFC 791

	maxBacklog  = 256 << 10 // bytes that wait for a link of limited rate
	maxInFlight = 1 << 14   // packets on their way in one direction

	// A packet that is to be overtaken waits that long for the next one.
	overtakeWithin = 50 * time.Millisecond
)

func (l Link) validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{{"loss", l.Loss}, {"duplicate", l.Duplicate}, {"reorder", l.Reorder}} {
		if !(p.value >= 0 && p.value <= 1) {
			return fmt.Errorf("%s %v is not a probability from 0 to 1", p.name, p.value)
		}
	}
	const most = time.Hour
	switch {
	case l.Latency < 0 || l.Latency > most:
		return fmt.Errorf("latency %v is not in 0 to %v", l.Latency, most)
	case l.Jitter < 0 || l.Jitter > most:
		return fmt.Errorf("jitter %v is not in 0 to %v", l.Jitter, most)
	case l.MTU != 0 && (l.MTU < minMTU || l.MTU > 65535):
		return fmt.Errorf("MTU %d is not in %d to 65535", l.MTU, minMTU)
	case l.Rate < 0:
		return fmt.Errorf("rate %d is below 0", l.Rate)
	}
	return nil
}

func (l Link) mtu() int {
	if l.MTU == 0 {
		return defaultMTU
	}
	return l.MTU
}

// An attachment is a link at work: owner at one end, the router of the
// owner's realm at the other.
type attachment struct {
	name     string
	owner    *node
	link     Link
	up, down direction // from the owner, to the owner
}

// A direction of a link. Its random numbers are its own, so that what happens
// on one link doesn't reshuffle another.
type direction struct {
	on          *attachment
	up          bool
	rnd         *rand.Rand
	busyUntil   int64 // when the last packet sent has left a link of limited rate
	lastArrival int64
	inFlight    int
	held        *packet // waits to be overtaken
	holds       uint32  // counts them, so that a release knows whether it is still meant
}

func attach(seed int64, name string, owner *node, link Link) *attachment {
	a := &attachment{name: name, owner: owner, link: link}
	a.up = direction{on: a, up: true, rnd: stream(seed, name+" up")}
	a.down = direction{on: a, rnd: stream(seed, name+" down")}
	return a
}

// stream is the random numbers of one named part of the network.
func stream(seed int64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// transmit puts a packet on a link. From and to are the nodes at its ends as
// the sender sees them. The packet is the link's from then on.
func (n *Network) transmit(d *direction, p *packet, from, to string) {
	a := d.on
	p.from, p.to = from, to
	dropped := ""
	size := len(p.buf)
	l := &a.link
	start, takes := n.now, int64(0)
	if l.Rate > 0 {
		start = max(start, d.busyUntil)
		takes = sending(size, l.Rate)
	}
	switch {
	case l.Down:
		dropped = "link down"
	case size > l.mtu():
		dropped = "mtu"
	case l.Loss > 0 && d.rnd.Float64() < l.Loss:
		dropped = "loss"
	case d.inFlight >= maxInFlight || l.Rate > 0 && start+takes-n.now > sending(maxBacklog, l.Rate):
		dropped = "queue full"
	}
	if dropped != "" {
		n.capture(a.name, a.owner.name, p, dropped)
		n.release(p)
		return
	}
	if d.up {
		n.capture(a.name, a.owner.name, p, "")
	}
	d.busyUntil = start + takes
	arrive := d.busyUntil + int64(l.Latency)
	if l.Jitter > 0 {
		arrive += d.rnd.Int64N(int64(l.Jitter) + 1)
	}
	arrive = max(arrive, d.lastArrival)
	duplicate := l.Duplicate > 0 && d.rnd.Float64() < l.Duplicate
	if d.held == nil && l.Reorder > 0 && d.rnd.Float64() < l.Reorder {
		d.inFlight++
		d.held = p
		d.holds++
		n.events.push(event{at: arrive + int64(overtakeWithin), kind: release, dir: d, holds: d.holds})
		return
	}
	d.lastArrival = arrive
	var double *packet
	if duplicate {
		double = n.clone(p)
	}
	d.inFlight++
	n.events.push(event{at: arrive, kind: arrival, dir: d, packet: p})
	if held := d.held; held != nil {
		d.held = nil
		n.events.push(event{at: arrive, kind: arrival, dir: d, packet: held})
	}
	if double != nil {
		d.inFlight++
		n.events.push(event{at: arrive, kind: arrival, dir: d, packet: double})
	}
}

// sending is the nanoseconds that bytes take to leave at a rate of bits per
// second; in whole numbers, since floating point is not the same everywhere.
func sending(bytes int, rate int64) int64 { return int64(bytes) * 8 * int64(time.Second) / rate }

// arrive takes a packet off a link.
func (n *Network) arrive(d *direction, p *packet) {
	d.inFlight--
	a := d.on
	if d.up {
		n.fromBelow(a.owner.realm, a.owner, p)
		return
	}
	seq := n.capture(a.name, a.owner.name, p, "")
	if a.owner.inside == nil {
		n.deliver(a.owner, p, seq)
		return
	}
	if !n.runs(a.owner) {
		n.handOver(a.owner, false, p)
		return
	}
	n.fromOutside(a.owner, p)
}
