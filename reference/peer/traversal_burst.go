// What an introduction sets off: sections 6.2 to 6.4 (spec/06-traversal.md).

package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// Traversal between types 5 and 7 (LAT-TRAV-007, LAT-TRAV-008).
const (
	traversalSends = 1024 // openers of a burst
	firstOpened    = 1024 // of the ports that openers go to, up to 65535
)

// A burst is an introduction being obeyed: what is sent to its target.
type burst struct {
	choices      *Choices
	id           wire.ID
	addr         netip.AddrPort
	natType      nattype.Type
	subclusterID []byte
	pingID       wire.EchoID
	echoed       bool // so it proves nothing more
	strategy     nattype.Strategy
	introducer   wire.ID // that becomes the proxy
	start        time.Time
	sent         int
	ports        []uint16  // of the openers
	contactAt    time.Time // when something that came was last answered with a ping
}

// sends is how many datagrams a burst has.
func (t *burst) sends() int {
	switch t.strategy {
	case nattype.TraversalOpen:
		return traversalSends
	case nattype.TraversalConnect:
		return t.choices.PoolPings
	}
	return len(introPingAfter)
}

// sendAt is when its ith datagram is due.
func (t *burst) sendAt(i int) time.Time {
	switch t.strategy {
	case nattype.TraversalOpen:
		return t.start.Add(time.Duration(i) * t.choices.OpenStep)
	case nattype.TraversalConnect:
		return t.start.Add(time.Duration(i) * t.choices.ConnectStep)
	}
	return t.start.Add(introPingAfter[i])
}

// end is when it has failed. What one side of a traversal has opened stays open while the other one
// pings.
func (t *burst) end() time.Time {
	switch t.strategy {
	case nattype.TraversalOpen, nattype.TraversalConnect:
		return t.start.Add(traversalSends*t.choices.ConnectStep + t.choices.Grace)
	}
	return t.start.Add(introPingAfter[len(introPingAfter)-1] + t.choices.Grace)
}

func (t *burst) next() time.Time {
	if t.sent < t.sends() {
		return t.sendAt(t.sent)
	}
	return t.end()
}

// startBurst obeys an introduction. A traversal that may not be now leaves the proxy.
func (p *Peer) startBurst(t burst) {
	switch t.strategy {
	case nattype.TraversalOpen:
		if !p.takeBurst(t.addr.Addr()) {
			t.strategy = nattype.Proxy
			break
		}
		t.ports = p.randomPorts()
	case nattype.TraversalConnect:
		if p.traversal.pool.kept() >= p.choices.Paths || !p.takeBurst(t.addr.Addr()) {
			t.strategy = nattype.Proxy
		}
	}
	if t.strategy == nattype.Proxy {
		// Connection pings follow all the same: they do no harm, and reach a peer whose NAT lets
		// them in against expectation.
		p.fallBack(&t)
	}
	p.traversal.bursts = append(p.traversal.bursts, t)
	p.runBursts()
}

// randomPorts draws the ports to open, anew for each burst: a deployed peer draws them once, so
// that who saw them once knows them.
func (p *Peer) randomPorts() []uint16 {
	const all = 1<<16 - firstOpened
	var drawn [all]bool
	ports := make([]uint16, 0, traversalSends)
	for len(ports) < traversalSends {
		if i := p.random.IntN(all); !drawn[i] {
			drawn[i] = true
			ports = append(ports, uint16(firstOpened+i))
		}
	}
	return ports
}

// runBursts sends what is due. A traversal ends when the peer is reached; of connection pings all
// are sent, since the other side may need them.
func (p *Peer) runBursts() {
	for i := 0; i < len(p.traversal.bursts); {
		t := &p.traversal.bursts[i]
		traversal := t.strategy == nattype.TraversalOpen || t.strategy == nattype.TraversalConnect
		reached := p.reachedBy(t)
		if late := p.now.Sub(t.next()); traversal && t.sent < t.sends() && late > time.Duration(p.choices.CatchUp)*p.choices.ConnectStep {
			t.start = t.start.Add(late) // the host was asleep
		}
		for t.sent < t.sends() && due(t.sendAt(t.sent), p.now) && !(traversal && reached) {
			p.sendBurst(t)
			t.sent++
		}
		if !due(t.end(), p.now) && !(reached && (traversal || t.sent == t.sends())) {
			i++
			continue
		}
		if !reached && t.strategy != nattype.Proxy {
			p.fallBack(t)
		}
		connect := t.strategy == nattype.TraversalConnect
		p.traversal.bursts = slices.Delete(p.traversal.bursts, i, i+1)
		if connect {
			p.reclaimLater()
		}
	}
}

// reachedBy reports whether the target has been heard directly since the burst began.
func (p *Peer) reachedBy(t *burst) bool {
	r := p.known.byID(t.id)
	return r != nil && r.direct() && !r.lastUpdate.Before(t.start)
}

func (p *Peer) sendBurst(t *burst) {
	switch t.strategy {
	case nattype.TraversalOpen:
		p.push(Output{Op: Send, Socket: Main, To: netip.AddrPortFrom(t.addr.Addr(), t.ports[t.sent]), Data: wire.Opener})
	case nattype.TraversalConnect:
		if s, ok := p.drawSocket(); ok {
			p.sendIntroducedPing(t, s, t.addr)
		}
	default:
		if t.sent < p.limits.IntroPings && p.takeContact(t.addr.Addr()) {
			p.sendIntroducedPing(t, Main, t.addr)
		}
	}
}

func (p *Peer) nextBurst() (next time.Time) {
	for i := range p.traversal.bursts {
		if at := p.traversal.bursts[i].next(); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// sendIntroducedPing sends the connection ping to an introduced peer. Its pingId comes back from
// deployed peers, who then need no challenge to be verified.
func (p *Peer) sendIntroducedPing(t *burst, s Socket, to netip.AddrPort) {
	ping := p.newPing()
	ping.SubclusterID = t.subclusterID
	ping.Body.Keys |= wire.KeyNATType | wire.KeyIsConnection | wire.KeyCacheSummaryHash | wire.KeyPingID
	summary := p.cache.Summary(p.now, root)
	ping.Body.NATType, ping.Body.IsConnection, ping.Body.CacheSummaryHash, ping.Body.PingID = int(p.natType), true, summary.Hash, t.pingID
	if datagram, ok := p.encode(&ping); ok {
		p.transmit(s, to, datagram)
	}
}

// handleAtPool pings from the socket of the pool that something of the target came to, be it an
// opener: the way is open there, both ways.
func (p *Peer) handleAtPool(via Socket, from netip.AddrPort) {
	for i := range p.traversal.bursts {
		t := &p.traversal.bursts[i]
		if t.strategy != nattype.TraversalConnect || t.addr.Addr() != from.Addr() || p.reachedBy(t) {
			continue
		}
		if t.contactAt.IsZero() || p.now.Sub(t.contactAt) >= p.choices.ContactAgain {
			t.contactAt = p.now
			p.sendIntroducedPing(t, via, from)
		}
	}
}

// plausible reports whether an address that can't be verified is that of an introduced peer all the
// same: a datagram that names the peer has come from the introduced IP, and from a port that was
// opened for it a moment ago (LAT-TRAV-009). A deployed peer that reaches us by a socket of its
// pool answers from its main socket, so that no echo can come back.
func (p *Peer) plausible(id wire.ID, from netip.AddrPort) bool {
	return p.via == Main && slices.ContainsFunc(p.traversal.bursts, func(t burst) bool {
		return t.strategy == nattype.TraversalOpen && t.id == id && t.addr.Addr() == from.Addr() && slices.Contains(t.ports[:t.sent], from.Port())
	})
}
