package peer

import (
	"bytes"
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// Source addresses of datagrams are easily forged, and the deployed protocol
// believes them all. Here an address is *verified* when a pong came from it that
// echoes an id which only a datagram to that address has told. The question is a
// reflection ping, which does no harm in any state of a deployed peer, where a
// plain ping ends one that does not know its NAT type yet.
//
// To an IP that is not verified go at most so many bytes as Limits.Amplification
// allows per byte that came from it (LAT-SEC-001). What an address asks for
// before it is verified is held back until it is, for at most holdTime: deployed
// peers send a sync once, and their joins are gated for two ticks.
type verification struct {
	sources    table[netip.Addr, source]
	pending    table[netip.AddrPort, pending]
	verifiedTo table[netip.AddrPort, verifiedAddr]
	held       int // datagrams in pending

	verificationDue time.Time
}

type source struct {
	in, out  uint64 // UDP payload bytes
	verified time.Time
}

type pending struct {
	pingID, reflectionID wire.EchoID
	tries                int
	next, deadline       time.Time
	held                 [][]byte
	via                  Socket // that asks
}

// verifiedAddr is an address that has answered.
type verifiedAddr struct {
	id    wire.ID // who answered, by its own word
	until time.Time
	via   Socket // that the answer came to
}

// holdTime is how long an address has to answer.
const holdTime = 2 * time.Second

// When it is asked again, after the first time.
var askAgainAfter = [...]time.Duration{500 * time.Millisecond, 1000 * time.Millisecond}

// verifiedTicks is for how many K an address stays verified without another
// answer.
const verifiedTicks = 4

func newVerification(l Limits) verification {
	return verification{
		sources:    newTable[netip.Addr, source](l.Sources),
		pending:    newTable[netip.AddrPort, pending](l.Pending),
		verifiedTo: newTable[netip.AddrPort, verifiedAddr](l.Verified),
	}
}

// received counts the bytes of a datagram for its source.
func (p *Peer) received(from netip.AddrPort, length int) {
	s, _ := p.sources.put(from.Addr())
	s.in += uint64(length)
}

// isVerified tells whether an address has answered.
func (p *Peer) isVerified(addr netip.AddrPort) bool {
	if r := p.remoteAt(addr); r != nil && r.verified {
		return true
	}
	v := p.verifiedTo.get(addr)
	return v != nil && p.now.Before(v.until)
}

// mayName tells whether a datagram may be in the name of a peer: not if another one
// has answered at its verified source. Then it is held until the source says again
// who it is, unless it was held already.
func (p *Peer) mayName(id wire.ID, from netip.AddrPort, datagram []byte, held bool) bool {
	if !p.impersonates(id, from) {
		return true
	}
	if !held {
		p.holdWith(p.questionTo(from), datagram)
	}
	return false
}

// impersonates tells whether a datagram in the name of a peer comes from an address
// at which another one answered. What is verified is an address; without this a
// datagram with a forged source would be that of any peer, from any address that
// is verified (LAT-SEC-007).
func (p *Peer) impersonates(id wire.ID, from netip.AddrPort) bool {
	if v := p.verifiedTo.get(from); v != nil && p.now.Before(v.until) {
		return v.id != id
	}
	r := p.remoteAt(from)
	return r != nil && r.verified && r.id != id
}

// trusts tells whether an address may ask for much: it is verified, or plausible
// (LAT-TRAV-009).
func (p *Peer) trusts(addr netip.AddrPort) bool {
	r := p.remoteAt(addr)
	return r != nil && r.plausible || p.isVerified(addr)
}

// mayAsk tells whether an address may ask for what a datagram wants of others. If
// not, the datagram is held until it may, unless it was held already.
func (p *Peer) mayAsk(from netip.AddrPort, datagram []byte, held bool) bool {
	if p.trusts(from) {
		return true
	}
	if !held {
		p.hold(from, datagram)
	}
	return false
}

// unlimited tells whether the bytes to an IP are not counted: one of its ports
// is verified, or configured.
func (p *Peer) unlimited(ip netip.Addr) bool {
	if s := p.sources.get(ip); s != nil && p.now.Before(s.verified) {
		return true
	}
	for _, r := range p.remotes {
		if (r.verified || r.indexed) && r.addr.Addr() == ip {
			return true
		}
	}
	return false
}

// afford takes the bytes of a datagram out of what may be sent to an IP.
func (p *Peer) afford(ip netip.Addr, length int) bool {
	if p.unlimited(ip) {
		return true
	}
	s := p.sources.get(ip)
	if s == nil || s.out+uint64(length) > uint64(p.limits.Amplification)*s.in {
		return false
	}
	s.out += uint64(length)
	return true
}

// reply sends what a datagram from that IP asked for, if its allowance lets it.
func (p *Peer) reply(s Socket, to netip.AddrPort, pk *wire.Packet) bool {
	datagram, err := wire.Append(p.room(), pk)
	if err != nil || !p.afford(to.Addr(), len(datagram)) {
		return false
	}
	p.sent(datagram)
	p.deliver(s, to, datagram[:len(datagram):len(datagram)])
	return true
}

// verify asks an address for an answer, unless it is verified or being asked.
// It returns nil where it is not asked.
func (p *Peer) verify(addr netip.AddrPort) *pending {
	if p.isVerified(addr) {
		return nil
	}
	return p.questionTo(addr)
}

// questionTo asks an address, verified or not, unless it is being asked. It returns
// nil where it is not asked.
func (p *Peer) questionTo(addr netip.AddrPort) *pending {
	if v := p.pending.get(addr); v != nil {
		if p.via >= Pool {
			v.via = p.via
		}
		return v
	}
	return p.ask(addr, p.via)
}

// ask asks an address from a socket, verified or not.
func (p *Peer) ask(addr netip.AddrPort, via Socket) *pending {
	onIP := 0
	var oldest netip.AddrPort
	p.pending.each(func(other netip.AddrPort, _ *pending) bool {
		if !oldest.IsValid() {
			oldest = other
		}
		if other.Addr() == addr.Addr() {
			onIP++
		}
		return true
	})
	if onIP >= p.limits.PendingPerIP {
		return nil
	}
	if p.pending.len() >= p.limits.Pending {
		p.endPending(oldest)
	}
	v, _ := p.pending.put(addr)
	*v = pending{pingID: p.newEchoID(), reflectionID: p.newEchoID(), deadline: p.now.Add(holdTime), via: via}
	p.question(addr, v)
	p.sooner(&p.verificationDue, v.next)
	return v
}

// askAgain asks an address, or once more if it is being asked.
func (p *Peer) askAgain(addr netip.AddrPort) {
	if v := p.pending.get(addr); v != nil {
		p.sendQuestion(addr, v)
		return
	}
	p.ask(addr, p.socketTo(addr))
}

func (p *Peer) question(addr netip.AddrPort, v *pending) {
	p.sendQuestion(addr, v)
	v.next = v.deadline
	if v.tries < len(askAgainAfter) {
		v.next = p.now.Add(askAgainAfter[v.tries])
	}
	v.tries++
}

func (p *Peer) sendQuestion(addr netip.AddrPort, v *pending) {
	ping := wire.NewPacket(wire.Ping)
	ping.Body = wire.Body{
		Has:             wire.KeyRequesterPeerID | wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyPingID,
		RequesterPeerID: p.config.ID, IsReflection: true, ReflectionID: v.reflectionID, PingID: v.pingID,
	}
	p.reply(v.via, addr, &ping)
}

func (p *Peer) newEchoID() wire.EchoID {
	var b [6]byte
	p.secret(b[:])
	return wire.NewEchoID(b)
}

// hold keeps a datagram until its source is verified, which it starts.
func (p *Peer) hold(from netip.AddrPort, datagram []byte) { p.holdWith(p.verify(from), datagram) }

// holdWith keeps a datagram with a question; nil: nothing is asked.
func (p *Peer) holdWith(v *pending, datagram []byte) {
	if v == nil || len(v.held) >= p.limits.HeldPerAddress || p.held >= p.limits.Held {
		return
	}
	v.held = append(v.held, bytes.Clone(datagram[:min(len(datagram), wire.MaxDatagram)]))
	p.held++
}

// proves tells whether a pong echoes an id that was told to its source alone:
// that of the question to it, or of the connection pings of an introduction
// (only deployed peers echo those, see answer).
func (p *Peer) proves(b *wire.Body, from netip.AddrPort) bool {
	if !b.Has.Has(wire.KeyPingID) {
		return false
	}
	if v := p.pending.get(from); v != nil && b.PingID == v.pingID {
		return true
	}
	for i := range p.bursts {
		if t := &p.bursts[i]; t.addr == from && t.pingID == b.PingID {
			return true
		}
	}
	return false
}

// believe remembers that an address has answered, and in whose name.
func (p *Peer) believe(id wire.ID, addr netip.AddrPort) {
	until := p.now.Add(verifiedTicks * p.k)
	s, _ := p.sources.put(addr.Addr())
	s.verified = until
	to, _ := p.verifiedTo.put(addr)
	*to = verifiedAddr{id, until, p.via}
	if r := p.remoteAt(addr); r != nil && (r.id == id || r.indexed) {
		if p.via == Main || p.silent(r) {
			p.reach(r, p.via)
		}
		r.verified, r.plausible, r.lastUpdate = true, false, p.now
	}
}

// release does what was held back for an address that is verified now. It
// reuses p.packet.
func (p *Peer) release(addr netip.AddrPort) {
	via := p.via
	for _, datagram := range p.endPending(addr) {
		p.handle(via, addr, datagram, true)
	}
	p.responderFound()
}

// endPending stops waiting for an address, and returns what was held for it.
func (p *Peer) endPending(addr netip.AddrPort) [][]byte {
	v := p.pending.get(addr)
	if v == nil {
		return nil
	}
	held := v.held
	p.held -= len(held)
	p.pending.delete(addr)
	return held
}

func (p *Peer) runVerification() {
	if !due(p.verificationDue, p.now) {
		return
	}
	p.verificationDue = time.Time{}
	p.pending.each(func(addr netip.AddrPort, v *pending) bool {
		switch {
		case due(v.deadline, p.now):
			p.endPending(addr)
			return true
		case due(v.next, p.now):
			p.question(addr, v)
		}
		p.sooner(&p.verificationDue, v.next)
		return true
	})
}

// sooner moves a deadline forward to at.
func (p *Peer) sooner(deadline *time.Time, at time.Time) {
	if deadline.IsZero() || at.Before(*deadline) {
		*deadline = at
	}
}
