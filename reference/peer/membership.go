// Joins, introductions, rendezvous, and what is done every K: sections 7.1 to 7.5
// (spec/07-membership.md).

package peer

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// membership is what a peer keeps of its own membership; of that of others see remote.
type membership struct {
	heard   time.Time // when something last came from a known peer
	tickAt  time.Time // of the next keepalive; zero: not yet running
	extraAt time.Time // zero: none
	ticks   int64     // so far
	clock   uint32    // of own joins
}

// keepaliveTick is what is done every K, and once at the start.
func (p *Peer) keepaliveTick() {
	slept := p.now.Sub(p.membership.tickAt) > p.ks(p.choices.Slept)
	if p.membership.tickAt = p.membership.tickAt.Add(p.k); !p.membership.tickAt.After(p.now) {
		p.membership.tickAt = p.now.Add(p.k) // the host was asleep
	}
	if slept && !p.config.Indexed {
		// No mapping may be left of those that were there (LAT-NAT-011).
		p.rediscover()
	}
	if p.natType == nattype.Unknown || p.now.Sub(p.membership.heard) > p.k {
		p.startDiscovery()
	}
	p.membership.ticks++
	for _, r := range p.known.all() {
		p.addTask(task{kind: heartbeat, id: r.id})
		if (r.indexed || !r.connected) && p.membership.ticks%int64(p.choices.Announce) == 1 {
			p.addTask(task{kind: announcement, id: r.id})
		}
	}
	p.expire()
	p.expireAssemblies()
	if !slept { // else nobody had the chance to answer
		p.prune()
	}
	p.addJoins()
}

// runKeepalive ticks when K is over.
func (p *Peer) runKeepalive() {
	if due(p.membership.tickAt, p.now) {
		p.keepaliveTick()
	}
}

// runExtraTick ticks once more when that is due.
func (p *Peer) runExtraTick() {
	if due(p.membership.extraAt, p.now) {
		p.membership.extraAt = time.Time{}
		p.extraTick()
	}
}

// extraTick follows discovery: what was sent at its end may have come before the announcement that
// it needs.
func (p *Peer) extraTick() {
	for _, r := range p.known.all() {
		if !r.connected {
			p.addTask(task{kind: announcement, id: r.id})
		}
	}
	p.addJoins()
	p.publishAgain()
}

// addJoins announces the peer for each subcluster (LAT-MEMB-001).
func (p *Peer) addJoins() {
	for _, k := range p.keys.All() {
		p.addTask(task{kind: ownJoin, id: k.SubclusterID})
	}
}

// sendJoin multicasts a join for an own subcluster, if the peer can be introduced.
func (p *Peer) sendJoin(subclusterID wire.ID) {
	if p.natType == nattype.Unknown || !p.own.IsValid() {
		return
	}
	p.membership.clock++ // LAT-MEMB-035
	key := make([]byte, 0, 2*44+1)
	key = base64.StdEncoding.AppendEncode(key, p.config.ClusterID[:])
	key = base64.StdEncoding.AppendEncode(append(key, ':'), subclusterID[:])
	join := wire.NewPacket(wire.Join)
	join.Clock, join.Hops = p.membership.clock, 1
	join.ClusterID, join.SubclusterID = p.config.ClusterID[:], subclusterID[:]
	join.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort | wire.KeyKey,
		RequesterPeerID: p.config.ID, NATType: int(p.natType), Address: p.own.Addr(), Port: p.own.Port(), Key: key,
	}
	if datagram, ok := p.encode(&join); ok {
		for _, r := range p.choose(p.liveExcept(), join.ClusterID) {
			p.transmitTo(r, datagram)
		}
	}
}

// handleJoin introduces the requester to peers that are connected and those to it, answers as a
// member, and relays.
//
// Of the index and the hops nothing is taken that ends a deployed peer when it is passed on.
func (p *Peer) handleJoin(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	id, ok := pk.ID()
	if !ok || len(pk.ClusterID) != len(wire.ID{}) || pk.Index != wire.NoIndex || b.RequesterPeerID == p.config.ID {
		return
	}
	p.noteHeardThrough(b.RequesterPeerID, from, pk.Hops == 2)
	// Before the gate: the first join of a member mostly comes before the member is known, and the
	// next ones have the same id.
	if p.isVerified(from) {
		p.noteMembership(pk)
	}
	if p.gated(id) {
		return
	}
	if b.Keys.Has(wire.KeyRendezvousDeadline) && b.RendezvousDeadline < p.now.UnixMilli() {
		return
	}
	if !p.isVerified(from) {
		if !held {
			p.hold(from, datagram)
		}
		return
	}
	if p.cameDirectly(pk, from) && !p.admitAs(b.RequesterPeerID, from, datagram, held) {
		return
	}
	// Shorter than the K between joins, which carry the same id every time: by the two ticks of
	// deployed peers every second one is lost.
	p.gate(id, p.ks(p.choices.JoinGate))
	p.sendRendezvousJoin(pk)

	addressed := b.Keys.Has(wire.KeyRendezvousRequesterPeerID) && pk.Hops == 0 &&
		(!b.Keys.Has(wire.KeyRendezvousPeerID) || b.RendezvousPeerID == p.config.ID)
	if p.cameDirectly(pk, from) {
		p.record(b.RequesterPeerID, nattype.Of(b.NATType), from, pk.ClusterID)
		p.noteMembership(pk)
		if addressed {
			// LAT-MEMB-007, LAT-MEMB-011. Deployed members leave the rendezvous' own id out, and
			// deployed rendezvous then introduce everybody but the two.
			if r := p.known.byID(b.RendezvousRequesterPeerID); r != nil && r.direct() && r.id != b.RequesterPeerID {
				p.sendIntros(pk, from, r)
			}
		} else {
			p.introduceAll(pk, from)
		}
	}
	if pk.Hops >= wire.MaxHops || addressed {
		return
	}
	claimed := netip.AddrPortFrom(b.Address, b.Port)
	targets := p.choose(p.liveExcept(from, claimed), pk.ClusterID, b.RequesterPeerID)
	if len(targets) > 0 && pk.Hops == 1 && p.natType == nattype.Unrestricted && p.own.IsValid() && !b.Keys.Has(wire.KeyRendezvousDeadline) {
		if offered, ok := p.offerRendezvous(pk); ok {
			for _, r := range targets {
				p.transmitTo(r, offered)
			}
			return
		}
	}
	p.relay(pk, datagram, targets)
}

// cameDirectly reports whether a join is its requester's own datagram, as far as can be seen: few
// hops, and not from an address that is known to be another's. Its source, which is verified, is
// then where the requester can be reached.
func (p *Peer) cameDirectly(pk *wire.Packet, from netip.AddrPort) bool {
	if pk.Hops > 1 || nattype.Of(pk.Body.NATType) == nattype.Unknown {
		return false
	}
	r := p.known.at(from)
	return r == nil || r.id == pk.Body.RequesterPeerID
}

// introduceAll introduces a requester to up to six connected peers (LAT-MEMB-002, LAT-SEC-006):
// those of its cluster and others, since membership is not asked for. It is introduced at the
// address from which the join came (LAT-MEMB-010), and introductions go to no other (LAT-SEC-004):
// deployed peers take the address that the join claims for both, whoever sent it from wherever.
func (p *Peer) introduceAll(pk *wire.Packet, from netip.AddrPort) {
	live := p.liveExcept(from)
	n := 0
	for _, r := range live {
		if r.connected && !r.indexed && r.natType != nattype.Unknown {
			live[n] = r
			n++
		}
	}
	for _, r := range p.choose(live[:n], pk.ClusterID, pk.Body.RequesterPeerID) {
		p.sendIntros(pk, from, r)
	}
}

// sendIntros tells the requester of a join, which is at from, and a known peer of each other
// (LAT-MEMB-003).
func (p *Peer) sendIntros(pk *wire.Packet, from netip.AddrPort, r *remote) {
	b := &pk.Body
	intro := wire.NewPacket(wire.Intro)
	intro.Hops = min(pk.Hops, wire.MaxHops) + 1
	intro.ClusterID, intro.SubclusterID = pk.ClusterID, pk.SubclusterID
	var ms [20]byte
	intro.Usr1 = strconv.AppendInt(ms[:0], p.now.UnixMilli(), 10)
	intro.Body = wire.Body{
		Keys: wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyIsRendezvous | wire.KeyNATType | wire.KeyAddress | wire.KeyPort,

		RequesterPeerID: b.RequesterPeerID, ResponderPeerID: p.config.ID, IsRendezvous: b.Keys.Has(wire.KeyRendezvousRequesterPeerID),
		NATType: b.NATType, Address: from.Addr(), Port: from.Port(),
	}
	p.sendToPeer(r, &intro)
	intro.Body.RequesterPeerID, intro.Body.NATType = r.id, int(r.natType)
	intro.Body.Address, intro.Body.Port = r.addr.Addr(), r.addr.Port()
	p.sendTo(from, &intro)
}

// offerRendezvous encodes a join that came over one hop with this peer as its rendezvous. The
// packetId stays that of the join without it (LAT-MEMB-005).
func (p *Peer) offerRendezvous(pk *wire.Packet) ([]byte, bool) {
	offer := *pk
	offer.Message = nil
	offer.Hops++
	o := &offer.Body
	o.Keys |= wire.KeyRendezvousAddress | wire.KeyRendezvousPort | wire.KeyRendezvousType | wire.KeyRendezvousPeerID | wire.KeyRendezvousDeadline
	o.RendezvousAddress, o.RendezvousPort = p.own.Addr(), p.own.Port()
	o.RendezvousType, o.RendezvousPeerID = int(p.natType), p.config.ID
	o.RendezvousDeadline = p.now.Add(p.k).UnixMilli()
	return p.encode(&offer)
}

// sendRendezvousJoin tells a rendezvous that this member of the cluster wants to be introduced to
// the requester (LAT-MEMB-006). The address is whatever the join names, so that it counts as an
// introduction.
func (p *Peer) sendRendezvousJoin(pk *wire.Packet) {
	b := &pk.Body
	const needed = wire.KeyRendezvousDeadline | wire.KeyRendezvousAddress | wire.KeyRendezvousPort
	if !b.Keys.Has(needed) || b.Keys.Has(wire.KeyRendezvousRequesterPeerID) || b.RendezvousPeerID == p.config.ID ||
		p.config.Indexed || len(p.keys.All()) == 0 || !p.own.IsValid() || string(pk.ClusterID) != string(p.config.ClusterID[:]) {
		return
	}
	if r := p.known.byID(b.RequesterPeerID); r != nil && (r.direct() || r.proxy != nil && p.now.Before(r.retryAt)) {
		return
	}
	to := netip.AddrPortFrom(b.RendezvousAddress, b.RendezvousPort)
	if !p.isReachable(to) || !p.takeContact(to.Addr()) {
		return
	}
	answer := wire.NewPacket(wire.Join)
	answer.Clock, answer.ClusterID, answer.SubclusterID = pk.Clock, pk.ClusterID, pk.SubclusterID
	if _, joined := p.keys.Find(pk.SubclusterID); !joined {
		// LAT-MEMB-025. Deployed members answer as if they had joined what the requester joins, and
		// are then taken for members of it.
		answer.SubclusterID = p.keys.All()[0].SubclusterID[:]
	}
	a := &answer.Body
	a.Keys = wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort | wire.KeyRendezvousType | wire.KeyRendezvousRequesterPeerID
	a.RequesterPeerID, a.NATType, a.Address, a.Port = p.config.ID, int(p.natType), p.own.Addr(), p.own.Port()
	a.RendezvousType, a.RendezvousRequesterPeerID = b.NATType, b.RequesterPeerID
	if b.Keys.Has(wire.KeyRendezvousPeerID) {
		// Deployed members leave it out; with it, deployed rendezvous do introduce.
		a.Keys |= wire.KeyRendezvousPeerID
		a.RendezvousPeerID = b.RendezvousPeerID
	}
	p.sendTo(to, &answer)
}
