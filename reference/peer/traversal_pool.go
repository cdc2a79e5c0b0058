// The sockets that guess ports: section 6.4 (spec/06-traversal.md).

package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/nattype"
)

// Pool is the first of the sockets for traversal between types 5 and 7. A NAT of type 5 maps each
// of them to another port, so that pings from many of them look for one port that the other side
// has opened (LAT-TRAV-008).
const Pool Socket = 16

// pool is the sockets from Pool on. Each is opened by its first ping, and closed when no burst runs
// that could use it, unless a peer is reached by it.
type pool struct {
	sockets   []pooled  // made by the first burst
	reclaimAt time.Time // zero: nothing is to be closed
	failedAt  time.Time // when one could last not be opened
}

type pooled struct {
	open        bool
	kept        bool // a peer is reached by it
	activeUntil time.Time
}

// slot finds a socket of the pool, nil if it is none.
func (p *pool) slot(s Socket) *pooled {
	if s < Pool || int(s-Pool) >= len(p.sockets) {
		return nil
	}
	return &p.sockets[s-Pool]
}

// kept is how many sockets of the pool peers are reached by.
func (p *pool) kept() (n int) {
	for i := range p.sockets {
		if p.sockets[i].kept {
			n++
		}
	}
	return n
}

// isOpen reports whether a socket can be sent from. One of the pool can as soon as it was asked
// for, since what is asked for is done in order.
func (p *Peer) isOpen(s Socket) bool {
	if slot := p.traversal.pool.slot(s); slot != nil {
		return slot.open
	}
	return int(s) < len(p.life.open) && p.life.open[s]
}

// drawSocket picks a random socket of the pool that is not active, opens it if need be, and makes
// it active; false if all are.
func (p *Peer) drawSocket() (Socket, bool) {
	if p.traversal.pool.sockets == nil {
		p.traversal.pool.sockets = make([]pooled, p.choices.PoolSockets+p.choices.Paths)
	}
	inactive := func(visit func(i int) bool) {
		usable := 0
		for i := range p.traversal.pool.sockets {
			s := &p.traversal.pool.sockets[i]
			if s.kept {
				continue
			}
			if usable++; usable > p.choices.PoolSockets {
				return
			}
			if !p.now.Before(s.activeUntil) && !visit(i) {
				return
			}
		}
	}
	n := 0
	inactive(func(int) bool { n++; return true })
	if n == 0 {
		return 0, false
	}
	chosen, skip := 0, p.random.IntN(n)
	inactive(func(i int) bool { chosen = i; skip--; return skip >= 0 })
	s := &p.traversal.pool.sockets[chosen]
	if !s.open {
		s.open = true
		p.push(Output{Op: Open, Socket: Pool + Socket(chosen)})
	}
	s.activeUntil = p.now.Add(p.choices.Rest)
	p.traversal.pool.reclaimAt = time.Time{}
	return Pool + Socket(chosen), true
}

// handlePoolOpened takes note of a socket that could not be opened. The owner is told once per K:
// many can fail at one time.
func (p *Peer) handlePoolOpened(s Socket, err error) {
	slot := p.traversal.pool.slot(s)
	if slot == nil || err == nil {
		return
	}
	p.dropSocket(s)
	if p.traversal.pool.failedAt.IsZero() || p.now.Sub(p.traversal.pool.failedAt) >= p.k {
		p.traversal.pool.failedAt = p.now
		p.emit(Event{Kind: Error, Text: "a socket for traversal can't be opened: " + err.Error()})
	}
}

// belongsTo reports whether a datagram at a socket of the pool comes from the IP of a peer that the
// socket was used for. A deployed peer takes whoever sends there first for the peer it looks for
// (LAT-TRAV-010).
func (p *Peer) belongsTo(via Socket, from netip.AddrPort) bool {
	if slot := p.traversal.pool.slot(via); slot == nil || !slot.open {
		return false
	}
	for _, r := range p.known.all() {
		if r.via == via && r.proxy == nil && r.addr.Addr() == from.Addr() {
			return true
		}
	}
	for i := range p.traversal.bursts {
		if t := &p.traversal.bursts[i]; t.strategy == nattype.TraversalConnect && t.addr.Addr() == from.Addr() {
			return true
		}
	}
	v := p.verification.pending.get(from)
	return v != nil && v.via == via
}

// socketTo is the socket that an address is reached by.
func (p *Peer) socketTo(addr netip.AddrPort) Socket {
	if r := p.known.at(addr); r != nil {
		s, _ := r.path()
		return s
	}
	if v := p.verification.verifiedTo.get(addr); v != nil && v.via != 0 {
		return v.via
	}
	return Main
}

// reach makes a socket the one that a peer is reached by.
func (p *Peer) reach(r *remote, via Socket) {
	if via == Main {
		via = 0
	}
	if r.via == via {
		return
	}
	p.leave(r)
	if slot := p.traversal.pool.slot(via); slot != nil {
		slot.kept = true
		r.via = via
	}
}

// leave gives up the socket of the pool that a peer was reached by.
func (p *Peer) leave(r *remote) {
	if slot := p.traversal.pool.slot(r.via); slot != nil {
		slot.kept = false
		p.dropSocket(r.via)
	}
	r.via = 0
}

// dropSocket closes a socket of the pool.
func (p *Peer) dropSocket(s Socket) {
	slot := p.traversal.pool.slot(s)
	if !slot.open {
		return
	}
	slot.open, slot.activeUntil = false, p.now.Add(p.choices.Rest)
	p.verification.verifiedTo.each(func(addr netip.AddrPort, v *verifiedAddr) bool {
		if v.via == s {
			p.verification.verifiedTo.delete(addr)
		}
		return true
	})
	p.push(Output{Op: Close, Socket: s})
}

// reclaimLater has the pool's sockets closed, once what their last pings set off has had its time.
func (p *Peer) reclaimLater() {
	for i := range p.traversal.bursts {
		if p.traversal.bursts[i].strategy == nattype.TraversalConnect {
			return
		}
	}
	p.traversal.pool.reclaimAt = p.now.Add(p.choices.Hold)
}

// runPool closes sockets that are no longer needed.
func (p *Peer) runPool() {
	if !due(p.traversal.pool.reclaimAt, p.now) {
		return
	}
	closed := 0
	p.traversal.pool.reclaimAt = time.Time{}
	for i := range p.traversal.pool.sockets {
		if s := &p.traversal.pool.sockets[i]; !s.open || s.kept {
			continue
		}
		if closed == p.choices.ClosedAtOnce {
			p.traversal.pool.reclaimAt = p.now.Add(p.choices.CloseStep)
			return
		}
		p.dropSocket(Pool + Socket(i))
		closed++
	}
}
