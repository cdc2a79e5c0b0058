// Which datagrams are packets, and who handles which type: sections 1.3 and 1.7
// (spec/01-framing.md).

package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// Receive handles a datagram, of which nothing is kept that is not copied. No datagram is an error
// (LAT-FRAME-014). Where it verifies its source, what was held for that is handled right behind it,
// in the order in which it came.
func (p *Peer) Receive(now time.Time, via Socket, from netip.AddrPort, datagram []byte) {
	p.begin(now)
	if p.life.closing || p.life.asleep || !p.life.ready || !from.IsValid() || from.Port() == 0 {
		return
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if via >= Pool {
		if !p.belongsTo(via, from) {
			return
		}
		p.handleAtPool(via, from)
	}
	p.noteReceived(from, len(datagram))
	p.handle(via, from, datagram, false)
	p.handleReleased()
	p.pollQueues()
}

// handle is Receive, and again for a datagram that was held back.
func (p *Peer) handle(via Socket, from netip.AddrPort, datagram []byte, held bool) {
	p.via = via
	p.handleDatagram(via, from, datagram, held)
	p.via = 0
}

func (p *Peer) handleDatagram(via Socket, from netip.AddrPort, datagram []byte, held bool) {
	pk := &p.packet
	if wire.IsOpener(datagram) { // LAT-FRAME-016
		p.counts.Openers++
		return
	}
	if fault := wire.Decode(pk, datagram); !fault.OK() { // LAT-FRAME-001 to LAT-FRAME-004, LAT-FRAME-011 to LAT-FRAME-013
		p.counts.Malformed++
		return
	}
	if pk.Version != wire.Version { // LAT-FRAME-005
		p.counts.OtherVersion++
		return
	}
	if !held {
		p.counts.Packets[pk.Type]++
	}
	if via == Probe {
		// Only answers to the probe socket's own pings matter here; a ping to it is not answered,
		// since nobody was told of this port.
		if pk.Type == wire.Pong {
			p.handleProbePong(pk, from)
		}
		return
	}
	// At another socket than the one that reaches it, it is no sign that this one still does.
	if r := p.known.at(from); r != nil && via == p.socketTo(from) {
		r.lastUpdate = p.now
		p.noteHeard()
		r.contested = netip.AddrPort{}
	}
	typed := p.natType != nattype.Unknown // before discovery most can't be obeyed
	switch pk.Type {
	case wire.Ping:
		p.handlePing(pk, from, datagram, held)
	case wire.Pong:
		p.handlePong(pk, from, datagram, held)
	case wire.Publish:
		if p.countJoinOrPublish(from) {
			p.handlePublish(pk, from, datagram)
		}
	case wire.Intro:
		if typed {
			p.handleIntro(pk, from, datagram, held)
		}
	case wire.Join:
		if typed && (held || p.countJoinOrPublish(from)) {
			p.handleJoin(pk, from, datagram, held)
		}
	case wire.Sync:
		if typed {
			p.handleSync(pk, from, datagram)
		}
	case wire.Stream:
		p.handleStream(pk, from, datagram, held)
	case wire.Query:
		p.handleQuery(pk, from, datagram, held)
	}
}
