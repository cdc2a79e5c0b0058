package oracle

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// The times of discovery, by what the standard permits (section 5.4).
const (
	leastStage1Wait   = 500 * time.Millisecond
	longestStage1Wait = 4096 * time.Millisecond
	leastRepeat       = 200 * time.Millisecond
	longestRepeat     = time.Second
	leastPongWait     = 256 * time.Millisecond
	longestPongWait   = 2048 * time.Millisecond
	longestFirstWait  = 8192 * time.Millisecond

	mostTries   = 8
	mostRepeats = 10
)

// A discovery is what the observer knows of how the peer finds out its NAT type (section 5.2).
type discovery struct {
	asks      []*ask              // of stage 1, the last ones
	contacted map[netip.Addr]bool // in this life, by the probe socket
	stage2    *comparison         // the last; nil where an ask of stage 1 came later
	rerun     time.Time           // when it last may have started anew: nothing counts as contacted then
	searched  bool                // it was judged whether it goes on once there are two responders
	came      time.Time           // when anything last came
	heartbeat map[netip.AddrPort]wire.EchoID
}

// An ask is a ping of stage 1.
type ask struct {
	*datagram
	id       wire.EchoID
	try      int // in its series, from 1, where it began anew whenever it may have
	most     int // ... where it did not
	fresh    int // of the series so far, first addresses of an IP aside the first
	port     uint16
	answered time.Time
}

// A comparison is stage 2: two responders are asked by one reflectionId.
type comparison struct {
	id     wire.EchoID
	at     time.Time
	port   uint16 // probeExternalPort; 0: none
	pair   []*compared
	ended  bool
	unsure bool // an answer came of which the observer can't say whether it counts
}

// A compared responder is one of the pair.
type compared struct {
	addr     netip.AddrPort
	known    bool // the probe socket has certainly sent to its IP
	stranger bool // ... certainly not
	asked    []time.Time
	answered time.Time
	seen     netip.AddrPort
	probed   time.Time
}

// complete reports whether nothing more can come.
func (c *comparison) complete() bool {
	return c.both() && !c.pair[0].probed.IsZero() && !c.pair[1].probed.IsZero()
}

func (c *comparison) both() bool {
	return len(c.pair) == 2 && !c.pair[0].answered.IsZero() && !c.pair[1].answered.IsZero()
}

// second is when the second of the two answered.
func (c *comparison) second() time.Time { return latest(c.pair[0].answered, c.pair[1].answered) }

// discoverySent judges a ping of discovery.
func (j *judge) discoverySent(d *datagram) {
	b := &d.packet.Body
	switch {
	case j.indexed || !b.Keys.Has(wire.KeyReflectionID) || !b.IsReflection:
	case j.probe != 0 && d.from.Port() == j.probe:
		j.stage1Sent(d)
	case d.from.Port() == j.main && !b.Keys.Has(wire.KeyPingID):
		j.stage2Sent(d)
	}
}

// responder reports whether an address may be one of a peer that can be asked.
func (j *judge) responder(at netip.AddrPort) bool {
	a := j.address(at)
	if a.first.IsZero() {
		return j.restored
	}
	if j.isBootstrap(at) {
		return true
	}
	for id := range a.names {
		if t := j.natTypes[id]; t[31] || t[15] {
			return true
		}
	}
	return false
}

// responders are those that certainly can be asked: bootstrap peers from which something came.
func (j *judge) responders() (all []netip.AddrPort) {
	for _, at := range j.bootstrapOrder {
		if a := j.addresses[at]; a != nil && !a.first.IsZero() && j.now.Sub(a.first) > j.react {
			all = append(all, at)
		}
	}
	return all
}

func (j *judge) stage1Sent(d *datagram) {
	b, n := &d.packet.Body, &j.discovery
	j.looked("nat/mapping")
	x := &ask{datagram: d, id: b.ReflectionID, try: 1, most: 1}
	known := n.contacted[d.to.Addr()]
	if last := n.last(); last != nil {
		if n.stage2 == nil && j.now.Sub(last.At) <= longestStage1Wait+j.react+prompt {
			x.most = last.most + 1
			if last.answered.IsZero() && !n.rerun.After(last.At) {
				x.try, x.fresh = last.try+1, last.fresh
			}
		}
		for _, y := range n.asks {
			if y.id == x.id {
				j.wrong("nat/mapping", []int{y.Seq, d.Seq}, "it sent two pings of stage 1 with one reflectionId, which has to be drawn anew for each")
			}
		}
	}
	if x.try > 1 && !known {
		x.fresh++
	}
	switch {
	case b.Keys.Has(wire.KeyPingID) || b.Keys.Has(wire.KeyProbeExternalPort) || b.Keys.Has(wire.KeyNATType):
		j.wrong("nat/mapping", []int{d.Seq}, "it sent a ping of stage 1 with a pingId, a probeExternalPort or a natType, which it must not have")
	case len(j.cluster) > 0 && !bytes.Equal(d.packet.ClusterID, j.cluster):
		j.wrong("nat/mapping", []int{d.Seq}, "it sent a ping of stage 1 without its clusterId")
	case !j.responder(d.to):
		j.wrong("nat/mapping", []int{d.Seq}, "it asked %v in stage 1, where no responder is", d.to)
	case x.try > mostTries:
		j.wrong("nat/mapping", []int{d.Seq}, "it tried stage 1 %d times in a row; at most %d are permitted", x.try, mostTries)
	case x.fresh > 1:
		j.wrong("nat/mapping", []int{d.Seq}, "it asked from its probe socket %v, which it had not sent to before, at another try than the last: responders that it has not contacted have to be left for stage 2", d.to)
	case x.try > 1 && j.now.Sub(n.last().At) < leastStage1Wait-j.react && j.now.Sub(j.steady) > j.k && j.quietDiscovery():
		j.wrong("nat/mapping", []int{n.last().Seq, d.Seq}, "it tried stage 1 again after %v; it has to wait 500 ms for an answer", j.now.Sub(n.last().At))
	}
	n.contacted[d.to.Addr()] = true
	if n.asks = append(n.asks, x); len(n.asks) > 64 {
		n.asks = n.asks[1:]
	}
	n.stage2 = nil
	at := j.now
	j.owe("nat/goes-on", longestStage1Wait+prompt, []int{d.Seq}, "it asked "+d.to.String()+" in stage 1 of NAT discovery, and did not go on when the time for an answer was up", func() bool {
		return !x.answered.IsZero() || n.moved(at)
	})
}

// quietDiscovery reports whether nothing can have made discovery start anew since the last ask.
func (j *judge) quietDiscovery() bool { return j.discovery.rerun.Before(j.discovery.last().At) }

func (n *discovery) last() *ask {
	if len(n.asks) == 0 {
		return nil
	}
	return n.asks[len(n.asks)-1]
}

// moved reports whether discovery has gone on after a time.
func (n *discovery) moved(at time.Time) bool {
	return n.last() != nil && n.last().At.After(at) || n.stage2 != nil && !n.stage2.at.Before(at)
}

func (j *judge) stage2Sent(d *datagram) {
	b, n := &d.packet.Body, &j.discovery
	j.looked("nat/comparing")
	c := n.stage2
	if c == nil || c.id != b.ReflectionID {
		c = j.stage2Begins(d)
		if c == nil {
			return
		}
	}
	port := uint16(0)
	if b.Keys.Has(wire.KeyProbeExternalPort) {
		port = b.ProbeExternalPort
	}
	var r *compared
	for _, x := range c.pair {
		if x.addr == d.to {
			r = x
		}
	}
	switch {
	case port != c.port:
		j.wrong("nat/comparing", []int{d.Seq}, "it sent pings of one stage 2 with different values of probeExternalPort")
	case r == nil && len(c.pair) == 2:
		j.wrong("nat/comparing", []int{d.Seq}, "it asked a third responder, %v, by one reflectionId; stage 2 asks two", d.to)
		return
	case r == nil && !j.responder(d.to):
		j.wrong("nat/comparing", []int{d.Seq}, "it asked %v in stage 2, where no responder is", d.to)
	case len(j.cluster) > 0 && !bytes.Equal(d.packet.ClusterID, j.cluster):
		j.wrong("nat/comparing", []int{d.Seq}, "it sent a ping of stage 2 without its clusterId")
	}
	if r == nil {
		j.stage2Asks(c, d)
		return
	}
	j.looked("nat/repeat")
	since := j.now.Sub(r.asked[len(r.asked)-1])
	r.asked = append(r.asked, j.now)
	before := j.now.Add(-j.react)
	switch {
	case since < leastRepeat-j.react:
		j.wrong("nat/repeat", []int{d.Seq}, "it asked %v in stage 2 again after %v; at least 200 ms are required", d.to, since)
	case len(r.asked) > mostRepeats+1:
		j.wrong("nat/repeat", []int{d.Seq}, "it asked %v in stage 2 more than %d times again", d.to, mostRepeats)
	case !r.answered.IsZero() && r.answered.Before(before) && (c.port == 0 || !r.probed.IsZero() && r.probed.Before(before)):
		j.wrong("nat/repeat", []int{d.Seq}, "it asked %v in stage 2 again, from where everything had come", d.to)
	}
}

// stage2Begins takes the first ping of a stage 2; nil where it can't be one.
func (j *judge) stage2Begins(d *datagram) *comparison {
	b, n := &d.packet.Body, &j.discovery
	a := n.last()
	switch {
	case a == nil, j.now.Sub(a.At) > longestStage1Wait+j.react+prompt:
		j.wrong("nat/comparing", []int{d.Seq}, "it sent a ping of stage 2 to %v, and none of stage 1 before", d.to)
		return nil
	case n.stage2 != nil:
		j.wrong("nat/comparing", []int{d.Seq}, "it began stage 2 twice after one ping of stage 1, or with two values of reflectionId")
		return nil
	}
	for _, y := range n.asks {
		if y.id == b.ReflectionID {
			j.wrong("nat/comparing", []int{y.Seq, d.Seq}, "it sent a ping of stage 2 with the reflectionId of stage 1, which has to be drawn anew")
		}
	}
	c := &comparison{id: b.ReflectionID, at: j.now}
	if b.Keys.Has(wire.KeyProbeExternalPort) {
		c.port = b.ProbeExternalPort
	}
	switch certain := !a.answered.IsZero() && j.now.Sub(a.answered) > j.react; {
	case c.port == 0 && certain:
		j.wrong("nat/comparing", []int{a.Seq, d.Seq}, "it sent a ping of stage 2 without the probeExternalPort that stage 1 had told")
	case c.port != 0 && c.port != a.port:
		j.wrong("nat/comparing", []int{a.Seq, d.Seq}, "it sent a ping of stage 2 with the probeExternalPort %d; the answer to its last ping of stage 1 named %d", c.port, a.port)
	case c.port == 0 && a.answered.IsZero() && a.most < 2:
		j.wrong("nat/comparing", []int{a.Seq, d.Seq}, "it gave stage 1 up after one try; two are required")
	case c.port == 0 && a.answered.IsZero() && j.now.Sub(a.At) < leastStage1Wait-j.react:
		j.wrong("nat/comparing", []int{a.Seq, d.Seq}, "it gave stage 1 up after %v; it has to wait 500 ms for an answer", j.now.Sub(a.At))
	}
	n.stage2 = c
	j.owe("nat/goes-on", longestFirstWait+2*longestPongWait+prompt, []int{d.Seq}, "it asked two responders in stage 2 of NAT discovery, and neither concluded its type nor began again", func() bool {
		return c.ended || c.both() || n.stage2 != c
	})
	j.owe("nat/repeat", longestRepeat+prompt, []int{d.Seq}, "it asked nobody of stage 2 again, where no answer had come", func() bool {
		for _, r := range c.pair {
			if !r.answered.IsZero() || len(r.asked) > 1 {
				return true
			}
		}
		return n.stage2 != c
	})
	return c
}

// stage2Asks notes a responder of stage 2, and judges the pair (LAT-NAT-005).
func (j *judge) stage2Asks(c *comparison, d *datagram) {
	n, ip := &j.discovery, d.to.Addr()
	r := &compared{addr: d.to, stranger: !n.contacted[ip], asked: []time.Time{j.now}}
	for _, x := range n.asks {
		r.known = r.known || x.to.Addr() == ip && x.At.After(n.rerun)
	}
	c.pair = append(c.pair, r)
	if len(c.pair) < 2 {
		return
	}
	if c.pair[0].stranger && c.pair[1].stranger {
		j.wrong("nat/comparing", []int{d.Seq}, "it asked two responders in stage 2, to neither of which its probe socket had sent")
	}
	if c.pair[0].known && c.pair[1].known {
		for _, at := range j.responders() {
			if !n.contacted[at.Addr()] {
				j.wrong("nat/comparing", []int{d.Seq}, "it asked two responders in stage 2 to which its probe socket had sent, where %v was left", at.Addr())
				return
			}
		}
	}
}

// discoveryCame takes a pong that may be an answer of discovery.
func (j *judge) discoveryCame(d *datagram) {
	b, n := &d.packet.Body, &j.discovery
	j.contradicted(d)
	j.begins(d)
	if !j.active() || b.RequesterPeerID != j.self || !b.Keys.Has(wire.KeyReflectionID) {
		return
	}
	if c := n.stage2; c != nil {
		if b.ReflectionID == c.id {
			j.stage2Came(c, d)
		}
		return
	}
	a := n.last()
	if a == nil || b.ReflectionID != a.id || d.from != a.to || d.to.Port() != j.probe || !b.Keys.Has(wire.KeyPort) || !a.answered.IsZero() || j.now.Sub(a.At) > leastStage1Wait {
		return // later ones may come when another ask is under way
	}
	a.port, a.answered = b.Port, j.now
	if len(j.responders()) < 2 || n.rerun.After(a.At) {
		return
	}
	at := j.now
	j.owe("nat/goes-on", prompt, []int{d.Seq}, "stage 1 of its NAT discovery was answered, and it asked nobody in stage 2", func() bool { return n.moved(at) })
}

// begins notes that stage 1 has to begin, as soon as a second responder has answered.
func (j *judge) begins(d *datagram) {
	n := &j.discovery
	if n.searched || !j.active() || j.indexed || j.restored || d.to.Port() != j.main || len(j.address(d.from).echoed) == 0 {
		return
	}
	echoed := 0
	for _, at := range j.bootstrapOrder {
		if len(j.address(at).echoed) > 0 {
			echoed++
		}
	}
	if echoed < 2 {
		return
	}
	n.searched = true
	j.owe("nat/begins", prompt, []int{d.Seq}, "two responders had answered its search, and it sent no ping of stage 1", func() bool { return n.last() != nil })
}

// contradicted notes that an answer to a heartbeat names another address than the own one: that
// starts discovery anew (section 5.3).
func (j *judge) contradicted(d *datagram) {
	b, n := &d.packet.Body, &j.discovery
	if !j.isBootstrap(d.from) || len(j.types) == 0 || j.indexed || !b.Keys.Has(wire.KeyPingID|wire.KeyAddress|wire.KeyPort) {
		return
	}
	own := j.types[len(j.types)-1]
	if own.addr == netip.AddrPortFrom(b.Address, b.Port) {
		return
	}
	n.rerun = j.now
	if n.last() == nil || j.now.Sub(n.last().At) < 2*j.k || own.natType&2 == 0 || b.PingID != n.heartbeat[d.from] || !j.settled(d) ||
		b.RequesterPeerID != j.self || b.ResponderPeerID != j.bootstrap[d.from] {
		return
	}
	j.again(d, "a bootstrap peer saw it at another address than its own")
}

// again notes that stage 1 has to begin anew, where two responders are certain.
func (j *judge) again(d *datagram, why string) {
	if len(j.responders()) < 2 || j.indexed || !j.active() {
		return
	}
	frames, at := []int(nil), j.now
	if d != nil {
		frames = []int{d.Seq}
	}
	j.owe("nat/again", soon, frames, why+", and it did not begin NAT discovery anew", func() bool { return !j.discovery.last().before(at) })
}

// before reports whether an ask was sent before a time, or never.
func (x *ask) before(at time.Time) bool { return x == nil || x.At.Before(at) }

// silence judges that a peer to which nothing comes discovers its NAT anew (section 5.3).
func (j *judge) silence() {
	n := &j.discovery
	if !j.active() || j.indexed || n.last() == nil {
		return
	}
	if j.now.Sub(latest(n.came, n.last().At, j.steady)) > 2*j.k+soon+j.react && len(j.responders()) >= 2 {
		j.looked("nat/again")
		j.wrong("nat/again", []int{n.last().Seq}, "it did not begin NAT discovery anew, though nothing had come for more than two keepalive intervals")
		n.came = j.now
	}
}

func (j *judge) stage2Came(c *comparison, d *datagram) {
	b := &d.packet.Body
	for _, r := range c.pair {
		id, configured := j.bootstrap[r.addr]
		fits := !configured || id == b.ResponderPeerID
		if names := j.address(r.addr).names; !configured && d.from.Addr() == r.addr.Addr() {
			_, heard := names[b.ResponderPeerID]
			c.unsure = c.unsure || !heard || len(names) != 1
		}
		switch {
		case !fits || c.ended || d.from.Addr() != r.addr.Addr():
		case d.to.Port() == j.main && d.from == r.addr && b.IsReflection && b.Keys.Has(wire.KeyAddress|wire.KeyPort) && r.answered.IsZero():
			r.answered, r.seen = j.now, netip.AddrPortFrom(b.Address, b.Port)
			if c.both() {
				j.concluding(c, longestPongWait+prompt)
			}
		case d.to.Port() == j.probe && d.from.Port() != r.addr.Port() && r.probed.IsZero():
			r.probed = j.now
		default:
			continue
		}
		if c.complete() && j.now.Sub(c.second()) < leastPongWait-j.react {
			j.concluding(c, prompt)
		}
	}
}

// results are the types and addresses that discovery may lead to, by what came up to a time.
func (c *comparison) results(upTo time.Time) (all []announced) {
	a, b := c.pair[0], c.pair[1]
	var known, stranger, maybe bool
	for _, r := range c.pair {
		if !r.probed.IsZero() && !r.probed.After(upTo) {
			known, stranger, maybe = known || r.known, stranger || r.stranger, maybe || r.known == r.stranger
		}
	}
	types := []nattype.Type{nattype.Classify(nattype.Evidence{SameMapping: a.seen == b.seen, FromKnown: known || maybe, FromStranger: stranger})}
	if maybe {
		types = append(types, nattype.Classify(nattype.Evidence{SameMapping: a.seen == b.seen, FromStranger: true}))
	}
	for _, t := range types {
		if !a.answered.Before(b.answered) {
			all = append(all, announced{natType: int(t), addr: a.seen})
		}
		if !b.answered.Before(a.answered) {
			all = append(all, announced{natType: int(t), addr: b.seen})
		}
	}
	return all
}

// concluding notes that a type has to be concluded, and told if it is another one.
func (j *judge) concluding(c *comparison, within time.Duration) {
	n, came := &j.discovery, j.now
	if c.unsure {
		return
	}
	j.owe("nat/concluded", within, nil, "two responders had answered, and it did not tell the type and address that follow", func() bool {
		if len(j.types) == 0 {
			return n.stage2 != c
		}
		last := j.types[len(j.types)-1]
		return !last.at.Before(came) || n.stage2 != c || c.unsure || len(c.pair) < 2 ||
			slices.ContainsFunc(append(c.results(came), c.results(j.now)...), func(r announced) bool { return r.natType == last.natType && r.addr == last.addr })
	})
}

// natConcluded judges a type and address that it tells (section 5.2, conclude).
func (j *judge) natConcluded(e testee.NATEvent, own netip.AddrPort, at time.Time) {
	c := j.discovery.stage2
	j.looked("nat/concluded")
	if c == nil || !c.both() {
		j.wrong("nat/concluded", nil, "it told the natType %d, where two responders have not answered one stage 2", e.NATType)
		return
	}
	c.ended = true
	if c.unsure {
		return
	}
	allowed := append(c.results(at), c.results(at.Add(-j.react-1))...)
	if !slices.ContainsFunc(allowed, func(r announced) bool { return r.natType == e.NATType && r.addr == own }) {
		j.wrong("nat/concluded", nil, "it told the natType %d and the address %v; from what came, %d and %v follow", e.NATType, own, allowed[0].natType, allowed[0].addr)
	}
	if wait := at.Sub(c.second()); !c.complete() && wait < leastPongWait-j.react {
		j.wrong("nat/concluded", nil, "it concluded its type %v after the second answer; it has to wait 256 ms for second pongs", wait)
	}
}
