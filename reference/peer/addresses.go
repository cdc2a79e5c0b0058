// The state of an address, and how it is verified: section 4.4 (spec/04-messages.md).

package peer

import (
	"bytes"
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// verification is what is believed of addresses. Source addresses of datagrams are easily forged,
// and the deployed protocol believes them all. Here an address is *verified* when a pong came from
// it that echoes an id which only a datagram to that address has told. The challenge is a
// reflection ping, which does no harm in any state of a deployed peer, where a plain ping ends one
// that does not know its NAT type yet.
//
// A datagram to an IP that is not verified has to be within its allowance, see security.go. What an
// address asks for before it is verified is held until it is, for at most Choices.Hold: deployed
// peers send a sync once, and their joins are gated for two ticks.
type verification struct {
	sources    table[netip.Addr, source]
	pending    table[netip.AddrPort, challenge]
	verifiedTo table[netip.AddrPort, verifiedAddr]
	held       int // datagrams in pending

	due      time.Time // of the next challenge; zero: none
	released queue[released]
	answered bool // the datagram being handled has verified its source
}

type source struct {
	in, out  uint64 // UDP payload bytes
	verified time.Time
}

// A challenge is a reflection ping to an address, repeated until it is echoed.
type challenge struct {
	pingID, reflectionID wire.EchoID
	tries                int
	next, deadline       time.Time
	held                 [][]byte
	via                  Socket // that it is sent from
}

// verifiedAddr is an address that has answered a challenge.
type verifiedAddr struct {
	id    wire.ID // in whose name it answered
	until time.Time
	via   Socket // that the pong came to
}

func newVerification(l Limits) verification {
	return verification{
		sources:    newTable[netip.Addr, source](l.Sources),
		pending:    newTable[netip.AddrPort, challenge](l.Pending),
		verifiedTo: newTable[netip.AddrPort, verifiedAddr](l.Verified),
	}
}

// isVerified reports whether an address has answered a challenge, lately.
func (p *Peer) isVerified(addr netip.AddrPort) bool {
	if r := p.known.at(addr); r != nil && r.verified {
		return true
	}
	v := p.verification.verifiedTo.get(addr)
	return v != nil && p.now.Before(v.until)
}

// admitAs reports whether a datagram may be in the name of a peer: not if another one has answered
// at its verified source (LAT-SEC-010). It holds one that may not until the source has said again
// who it is, unless it was held already.
func (p *Peer) admitAs(id wire.ID, from netip.AddrPort, datagram []byte, held bool) bool {
	if !p.impersonates(id, from) {
		return true
	}
	if !held {
		p.holdWith(p.challenge(from), datagram)
	}
	return false
}

// trusts reports whether an address may ask for much: it is verified, or plausible (LAT-TRAV-009).
func (p *Peer) trusts(addr netip.AddrPort) bool {
	r := p.known.at(addr)
	return r != nil && r.plausible || p.isVerified(addr)
}

// admit reports whether an address may ask for what a datagram wants of others. It holds one that
// may not until its source is verified, unless it was held already.
func (p *Peer) admit(from netip.AddrPort, datagram []byte, held bool) bool {
	if p.trusts(from) {
		return true
	}
	if !held {
		p.hold(from, datagram)
	}
	return false
}

// challengeUnverified challenges an address, unless it is verified or being challenged. It returns
// nil where it does not.
func (p *Peer) challengeUnverified(addr netip.AddrPort) *challenge {
	if p.isVerified(addr) {
		return nil
	}
	return p.challenge(addr)
}

// challenge challenges an address, verified or not, unless it is being challenged. It returns nil
// where there is no room for one more.
func (p *Peer) challenge(addr netip.AddrPort) *challenge {
	if v := p.verification.pending.get(addr); v != nil {
		if p.via >= Pool {
			v.via = p.via
		}
		return v
	}
	return p.startChallenge(addr, p.via)
}

// startChallenge challenges an address from a socket, verified or not.
func (p *Peer) startChallenge(addr netip.AddrPort, via Socket) *challenge {
	onIP := 0
	var oldest netip.AddrPort
	p.verification.pending.each(func(other netip.AddrPort, _ *challenge) bool {
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
	if p.verification.pending.len() >= p.limits.Pending {
		p.endPending(oldest)
	}
	v, _ := p.verification.pending.put(addr)
	*v = challenge{pingID: p.newEchoID(), reflectionID: p.newEchoID(), deadline: p.now.Add(p.choices.Hold), via: via}
	p.repeatChallenge(addr, v)
	p.verification.due = sooner(p.verification.due, v.next)
	return v
}

// challengeAgain challenges an address, or once more if it is being challenged.
func (p *Peer) challengeAgain(addr netip.AddrPort) {
	if v := p.verification.pending.get(addr); v != nil {
		p.sendChallenge(addr, v)
		return
	}
	p.startChallenge(addr, p.socketTo(addr))
}

func (p *Peer) repeatChallenge(addr netip.AddrPort, v *challenge) {
	p.sendChallenge(addr, v)
	v.next = v.deadline
	// Twice, a fourth of the wait after the first time and a half of it later (section 4.4).
	if v.tries < challengeRepeats {
		v.next = p.now.Add(p.choices.Hold / 4 << v.tries)
	}
	v.tries++
}

func (p *Peer) sendChallenge(addr netip.AddrPort, v *challenge) {
	ping := wire.NewPacket(wire.Ping)
	ping.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyIsReflection | wire.KeyReflectionID | wire.KeyPingID,
		RequesterPeerID: p.config.ID, IsReflection: true, ReflectionID: v.reflectionID, PingID: v.pingID,
	}
	p.sendAllowed(v.via, addr, &ping)
}

// newEchoID draws an id for one address (LAT-SEC-008).
func (p *Peer) newEchoID() wire.EchoID {
	var b [6]byte
	p.secret(b[:])
	return wire.NewEchoID(b)
}

// hold keeps a datagram until its source is verified, which it starts.
func (p *Peer) hold(from netip.AddrPort, datagram []byte) {
	p.holdWith(p.challengeUnverified(from), datagram)
}

// holdWith keeps a datagram with a challenge; nil: it is dropped.
func (p *Peer) holdWith(v *challenge, datagram []byte) {
	if v == nil || len(v.held) >= p.limits.HeldPerAddress || p.verification.held >= p.limits.Held {
		return
	}
	v.held = append(v.held, bytes.Clone(datagram[:min(len(datagram), wire.MaxDatagram)]))
	p.verification.held++
}

// proves reports whether a pong echoes an id that was told to its source alone: that of its
// challenge, or of the connection pings of an introduction (only deployed peers echo those, see
// sendPongs).
func (p *Peer) proves(b *wire.Body, from netip.AddrPort) bool {
	if !b.Keys.Has(wire.KeyPingID) {
		return false
	}
	if v := p.verification.pending.get(from); v != nil && b.PingID == v.pingID {
		return true
	}
	for i := range p.traversal.bursts {
		if t := &p.traversal.bursts[i]; t.addr == from && t.pingID == b.PingID && !t.echoed {
			return true
		}
	}
	return false
}

// spendEcho has the echo of an introduction's pings prove nothing any more (LAT-SEC-009). That of a
// challenge goes with the challenge.
func (p *Peer) spendEcho(b *wire.Body, from netip.AddrPort) {
	for i := range p.traversal.bursts {
		if t := &p.traversal.bursts[i]; t.addr == from && t.pingID == b.PingID {
			t.echoed = true
		}
	}
}

// markVerified remembers that an address has answered a challenge, and in whose name.
func (p *Peer) markVerified(id wire.ID, addr netip.AddrPort) {
	until := p.now.Add(p.ks(p.choices.VerifiedLife))
	s, _ := p.verification.sources.put(addr.Addr())
	s.verified = until
	to, _ := p.verification.verifiedTo.put(addr)
	*to = verifiedAddr{id, until, p.via}
	if r := p.known.at(addr); r != nil && (r.id == id || r.indexed) {
		if p.via == Main || p.isSilent(r) {
			p.reach(r, p.via)
		}
		r.verified, r.plausible, r.lastUpdate = true, false, p.now
	}
}

// released is a datagram that was held until its source was verified.
type released struct {
	from     netip.AddrPort
	via      Socket // that the pong came to
	datagram []byte
}

// release has what was held back for an address handled, which is verified now, once the datagram
// that verifies it is done with.
func (p *Peer) release(addr netip.AddrPort) {
	p.verification.answered = true
	for _, datagram := range p.endPending(addr) {
		p.verification.released.push(released{addr, p.via, datagram})
	}
}

// handleReleased handles what was released by the datagram that was just handled.
func (p *Peer) handleReleased() {
	for p.verification.released.len() > 0 {
		r := p.verification.released.pop()
		p.handle(r.via, r.from, r.datagram, true)
	}
	if p.verification.answered {
		p.verification.answered = false
		p.responderFound()
	}
}

// endPending stops waiting for an address, and returns what was held for it.
func (p *Peer) endPending(addr netip.AddrPort) [][]byte {
	v := p.verification.pending.get(addr)
	if v == nil {
		return nil
	}
	held := v.held
	p.verification.held -= len(held)
	p.verification.pending.delete(addr)
	return held
}

func (p *Peer) runVerification() {
	if !due(p.verification.due, p.now) {
		return
	}
	p.verification.due = time.Time{}
	p.verification.pending.each(func(addr netip.AddrPort, v *challenge) bool {
		switch {
		case due(v.deadline, p.now):
			p.endPending(addr)
			return true
		case due(v.next, p.now):
			p.repeatChallenge(addr, v)
		}
		p.verification.due = sooner(p.verification.due, v.next)
		return true
	})
}
