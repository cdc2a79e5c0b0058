// Discovery of the own NAT type: sections 5.2 and 5.3 (spec/05-nat.md).

package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

type stage uint8

const (
	idle      stage = iota
	searching       // fewer than two responders
	mapping         // stage 1: from the probe socket, to learn its external port
	comparing       // stage 2: from the main socket, to two responders
)

// discovery finds out the own NAT type by reflection: which mapping the NAT makes, and whom it lets
// in.
type discovery struct {
	stage        stage
	retry        int // of searching
	tries        int // of stage 1
	reflectionID wire.EchoID
	dueAt        time.Time // when the stage's time is up; zero: none runs
	againAt      time.Time
	agains       int

	port      uint16       // external, of the probe socket; 0: unknown
	contacted []netip.Addr // IPs that the probe socket has sent to
	asked     netip.AddrPort
	silent    netip.AddrPort // the responder that did not answer stage 2
	pair      [2]responder
	last      int // which of the pair answered last
	decidedAt time.Time

	candidates []*remote // spares allocations
}

type responder struct {
	id        wire.ID
	addr      netip.AddrPort
	contacted bool           // the probe socket has sent to its IP
	answered  bool           // its pong came to the main socket
	seen      netip.AddrPort // as which it sees the main socket
	probed    bool           // its second pong came to the probe socket
}

func (d *discovery) next() time.Time {
	if !d.againAt.IsZero() && d.againAt.Before(d.dueAt) {
		return d.againAt
	}
	return d.dueAt
}

// startDiscovery begins, unless it runs. An indexed peer never does (LAT-NAT-008).
func (p *Peer) startDiscovery() {
	if p.config.Indexed || p.discovery.stage != idle {
		return
	}
	p.discovery.retry, p.discovery.tries = 1, 0
	p.search()
}

// rediscover begins anew.
func (p *Peer) rediscover() {
	p.discovery = discovery{decidedAt: p.now, candidates: p.discovery.candidates}
	p.startDiscovery()
}

// beIndexed gives an indexed peer its type and address.
func (p *Peer) beIndexed() {
	p.natType = nattype.Unrestricted
	ip := p.config.Address
	if local := p.life.local[Main].Addr().Unmap(); !ip.IsValid() && local.Is4() && !local.IsUnspecified() {
		ip = local
	}
	if ip.IsValid() {
		p.own = netip.AddrPortFrom(ip, p.life.local[Main].Port())
	}
	p.emit(Event{Kind: NAT, NATType: p.natType, Addr: p.own})
}

// eligible are the peers that can be asked: something came from them, and whatever is sent to them
// from elsewhere arrives.
func (p *Peer) eligible() []*remote {
	list := p.discovery.candidates[:0]
	for _, r := range p.known.all() {
		if !r.lastUpdate.IsZero() && r.proxy == nil && (r.indexed || r.natType == nattype.Unrestricted || r.natType == nattype.AddrRestricted) {
			list = append(list, r)
		}
	}
	p.discovery.candidates = list
	return list
}

// search pings bootstrap peers until two have answered. A deployed peer sends a connection ping
// without natType here, which ends a bootstrap peer that has no type (LAT-MSG-008); a reflection
// ping is answered in every state, and verifies the address at the same time.
func (p *Peer) search() {
	d := &p.discovery
	if len(p.eligible()) >= 2 {
		d.retry = 1
		p.askMapping()
		return
	}
	d.stage = searching
	list := p.discovery.candidates[:0]
	for _, r := range p.known.all() {
		if r.indexed {
			list = append(list, r)
		}
	}
	p.discovery.candidates = list
	p.shuffle(list)
	for _, r := range list[:min(len(list), p.choices.Searched)] {
		p.challengeAgain(r.addr)
	}
	if d.retry++; d.retry > p.choices.SearchSteps {
		d.retry = 1
	}
	d.dueAt = p.now.Add(time.Duration(d.retry) * p.choices.SearchStep)
}

// responderFound goes on as soon as there are two, where a deployed peer waits for the next step of
// its back-off.
func (p *Peer) responderFound() {
	if p.discovery.stage == searching && len(p.eligible()) >= 2 {
		p.discovery.retry = 1
		p.askMapping()
	}
}

// askMapping is stage 1: from the probe socket (LAT-NAT-005). It keeps to responders that this
// socket has sent to before, so that there are others left for stage 2, until one of them has been
// silent twice.
func (p *Peer) askMapping() {
	d := &p.discovery
	list := p.eligible()
	if len(list) == 0 {
		p.search()
		return
	}
	p.shuffle(list)
	chosen := list[0]
	another := d.tries == p.choices.MappingTries-1 && len(list) > 1
	for _, r := range list {
		if another && r.addr != d.asked || !another && d.hasContacted(r.addr) {
			chosen = r
			break
		}
	}
	d.stage, d.port, d.againAt = mapping, 0, time.Time{}
	d.tries++
	d.asked = chosen.addr
	p.noteContacted(chosen.addr)
	d.reflectionID = p.newEchoID()
	ping := p.reflectionPing(d.reflectionID)
	ping.Body.Keys |= wire.KeyIsProbe
	ping.Body.IsProbe = true
	if datagram, ok := p.encode(&ping); ok {
		p.transmit(Probe, chosen.addr, datagram)
	}
	d.dueAt = p.now.Add(p.choices.MappingWait)
}

func (d *discovery) hasContacted(addr netip.AddrPort) bool {
	return slices.Contains(d.contacted, addr.Addr())
}

func (p *Peer) noteContacted(addr netip.AddrPort) {
	if d := &p.discovery; !d.hasContacted(addr) && len(d.contacted) < p.choices.Contacted {
		d.contacted = append(d.contacted, addr.Addr())
	}
}

// compare is stage 2: from the main socket to one responder that the probe socket has sent to and
// one, if there is one, that it has not (LAT-NAT-005). Where a deployed peer finds none of these it
// stops for good; here a responder is then only believed to be what it is.
func (p *Peer) compare() {
	d := &p.discovery
	list := p.eligible()
	p.shuffle(list)
	first, second := -1, -1
	for i, r := range list {
		if r.addr == d.asked || first < 0 && d.hasContacted(r.addr) {
			first = i
		}
	}
	cost := func(r *remote) (cost int) {
		if d.hasContacted(r.addr) {
			cost += 2
		}
		if r.addr == d.silent {
			cost++
		}
		return cost
	}
	for i, r := range list {
		if i != first && (second < 0 || cost(r) < cost(list[second])) {
			second = i
		}
	}
	if first < 0 || second < 0 {
		d.tries = 0
		p.search()
		return
	}
	d.stage = comparing
	d.reflectionID = p.newEchoID()
	d.last, d.agains = 0, 0
	for i, r := range []*remote{list[first], list[second]} {
		d.pair[i] = responder{id: r.id, addr: r.addr, contacted: d.hasContacted(r.addr)}
		p.sendComparison(&d.pair[i])
	}
	d.dueAt = p.now.Add(p.choices.FirstWait)
	d.againAt = p.now.Add(p.choices.CompareAgain)
}

func (p *Peer) sendComparison(r *responder) {
	ping := p.reflectionPing(p.discovery.reflectionID)
	if p.discovery.port != 0 {
		ping.Body.Keys |= wire.KeyProbeExternalPort
		ping.Body.ProbeExternalPort = p.discovery.port
	}
	p.sendTo(r.addr, &ping)
}

// handleProbePong takes a pong that came to the probe socket.
func (p *Peer) handleProbePong(pk *wire.Packet, from netip.AddrPort) {
	d, b := &p.discovery, &pk.Body
	if !d.isLive(b) || b.RequesterPeerID != p.config.ID {
		return
	}
	switch d.stage {
	case mapping:
		if from == d.asked && b.Keys.Has(wire.KeyPort) {
			d.port = b.Port
			p.compare()
		}
	case comparing:
		for i := range d.pair {
			// It has to leave another port than the one that was contacted, or it shows nothing.
			r := &d.pair[i]
			if b.ResponderPeerID == r.id && from.Addr() == r.addr.Addr() && from.Port() != r.addr.Port() {
				r.probed = true
			}
		}
		p.decideEarly()
	}
}

// isLive reports whether a pong echoes the id of the running attempt. An absent or invented one
// changes nothing (LAT-NAT-007, LAT-SEC-003): a deployed peer takes null for the id of the attempt
// that it is not making.
func (d *discovery) isLive(b *wire.Body) bool {
	return d.stage >= mapping && b.Keys.Has(wire.KeyReflectionID) && b.ReflectionID == d.reflectionID
}

// handleReflection takes a reflection pong that came to the main socket. Only the two that were
// asked count, each once (LAT-NAT-007).
func (p *Peer) handleReflection(b *wire.Body, from netip.AddrPort) {
	d := &p.discovery
	if d.stage != comparing || !d.isLive(b) || !b.Keys.Has(wire.KeyAddress|wire.KeyPort) {
		return
	}
	for i := range d.pair {
		r := &d.pair[i]
		if r.answered || from != r.addr || b.ResponderPeerID != r.id {
			continue
		}
		r.answered, r.seen = true, netip.AddrPortFrom(b.Address, b.Port)
		d.last = i
		if d.pair[1-i].answered {
			d.dueAt = p.now.Add(p.choices.DecisionWait)
		} else {
			d.dueAt = p.now.Add(p.choices.SecondWait)
		}
	}
	p.decideEarly()
}

// decideEarly decides when nothing more can come.
func (p *Peer) decideEarly() {
	a, b := &p.discovery.pair[0], &p.discovery.pair[1]
	if a.answered && b.answered && a.probed && b.probed {
		p.decide()
	}
}

func (p *Peer) runDiscovery() {
	d := &p.discovery
	if d.stage == comparing && due(d.againAt, p.now) && !due(d.dueAt, p.now) {
		// A deployed peer asks once, and takes an open host whose pong was lost for a restricted
		// one.
		for i := range d.pair {
			if r := &d.pair[i]; !r.answered || !r.probed && d.port != 0 {
				p.sendComparison(r)
			}
		}
		if d.agains++; d.agains < p.choices.CompareAgains {
			d.againAt = p.now.Add(p.choices.CompareAgain)
		} else {
			d.againAt = time.Time{}
		}
	}
	if d.stage == idle || !due(d.dueAt, p.now) {
		return
	}
	switch d.stage {
	case searching:
		p.search()
	case mapping:
		// A deployed peer goes on at once, and so takes an open host for a port-restricted one.
		// After enough tries the probe socket may really be unable to receive.
		if d.tries < p.choices.MappingTries {
			p.askMapping()
		} else {
			p.compare()
		}
	case comparing:
		a, b := &d.pair[0], &d.pair[1]
		switch {
		case a.answered && b.answered:
			p.decide()
			return
		case a.answered:
			d.silent = b.addr
		case b.answered:
			d.silent = a.addr
		}
		d.tries, d.againAt = 0, time.Time{}
		p.search()
	}
}

// decide concludes the type (LAT-NAT-001 to LAT-NAT-004). The own address is the one that the
// responder saw who answered last, as with deployed peers.
func (p *Peer) decide() {
	d := &p.discovery
	evidence := nattype.Evidence{SameMapping: d.pair[0].seen == d.pair[1].seen}
	for i := range d.pair {
		if r := &d.pair[i]; r.probed {
			evidence.FromKnown = evidence.FromKnown || r.contacted
			evidence.FromStranger = evidence.FromStranger || !r.contacted
		}
	}
	t, own := nattype.Classify(evidence), d.pair[d.last].seen
	*d = discovery{contacted: d.contacted, decidedAt: p.now, candidates: d.candidates}
	if t != p.natType || own != p.own {
		p.natType, p.own = t, own
		p.emit(Event{Kind: NAT, NATType: t, Addr: own})
	}
	for _, r := range p.known.all() {
		p.addTask(task{kind: announcement, id: r.id})
	}
	p.addJoins()
	p.publishAgain()
	p.membership.extraAt = p.now.Add(p.choices.SecondJoin)
}
