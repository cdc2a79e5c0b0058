// Pings and pongs: sections 4.2 and 4.3 (spec/04-messages.md).

package peer

import (
	"net/netip"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// uptime is what pings and pongs say: K times the ticks so far.
func (p *Peer) uptime() int64 { return p.membership.ticks * p.k.Milliseconds() }

// newPing makes a ping with what every ping has.
func (p *Peer) newPing() wire.Packet {
	ping := wire.NewPacket(wire.Ping)
	ping.ClusterID = p.cluster()
	ping.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyUptime | wire.KeyTimestamp,
		RequesterPeerID: p.config.ID, Uptime: p.uptime(), Timestamp: p.now.UnixMilli(),
	}
	return ping
}

// reflectionPing makes a reflection ping with an id to be echoed.
func (p *Peer) reflectionPing(id wire.EchoID) wire.Packet {
	ping := p.newPing()
	ping.Body.Keys |= wire.KeyIsReflection | wire.KeyReflectionID
	ping.Body.IsReflection, ping.Body.ReflectionID = true, id
	return ping
}

// sendAnnouncement sends a known peer a connection ping with the own NAT type (LAT-NAT-009): it
// makes that peer count us as connected. It is the one ping besides reflection that a deployed peer
// survives before it knows its type.
func (p *Peer) sendAnnouncement(r *remote) {
	if p.natType == nattype.Unknown || r.proxy != nil {
		return
	}
	ping := p.newPing()
	ping.Body.Keys |= wire.KeyNATType | wire.KeyCacheSize | wire.KeyIsConnection
	ping.Body.NATType, ping.Body.CacheSize, ping.Body.IsConnection = int(p.natType), int64(p.cache.Len()), true
	p.sendToPeer(r, &ping)
}

// sendHeartbeat pings a known peer (LAT-MEMB-009), by a reflection ping, whatever the peer has
// announced (LAT-MSG-009): one that has just started again behind the same mapping has no NAT type,
// and a deployed one dies of a plain ping then. The pingId verifies the address anew.
func (p *Peer) sendHeartbeat(r *remote) {
	if r.proxy != nil {
		return
	}
	if r.natType == nattype.Unknown || p.natType == nattype.Unknown {
		if p.discovery.stage != searching { // which asks already
			p.challengeAgain(r.addr)
		}
		return
	}
	r.pingID = p.newEchoID()
	ping := p.newPing()
	if p.follows(ReflectingHeartbeats) {
		ping = p.reflectionPing(p.newEchoID())
	}
	ping.Body.Keys |= wire.KeyNATType | wire.KeyPingID
	ping.Body.NATType, ping.Body.PingID = int(p.natType), r.pingID
	p.sendToPeer(r, &ping)
}

// handlePing replies to a ping by pongs, and takes note of what it announces.
func (p *Peer) handlePing(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	if b.RequesterPeerID == p.config.ID { // LAT-MSG-006
		return
	}
	if !held {
		p.sendPongs(b, from)
	}
	if !b.Keys.Has(wire.KeyNATType) {
		return
	}
	r := p.known.byID(b.RequesterPeerID)
	switch {
	case b.IsConnection, r != nil && (r.addr != from || r.proxy != nil):
		// A known peer that pings from elsewhere has moved; or somebody says so.
		p.noteContact(pk, b.RequesterPeerID, from, datagram, held)
	case r != nil && r.verified:
		p.noteNATType(r, b.NATType)
	}
}

// noteNATType takes the NAT type that a known peer tells of itself.
func (p *Peer) noteNATType(r *remote, natType int) {
	if t := nattype.Of(natType); t != nattype.Unknown {
		r.natType = t
	}
}

// noteContact records the sender of a connection ping or pong, as soon as its address is verified.
// A NAT type with bits that mean nothing is not taken: it could not be passed on.
func (p *Peer) noteContact(pk *wire.Packet, id wire.ID, from netip.AddrPort, datagram []byte, held bool) {
	t := nattype.Of(pk.Body.NATType)
	if t == nattype.Unknown || id == p.config.ID {
		return
	}
	if !p.isVerified(from) {
		p.hold(from, datagram)
		if p.plausible(id, from) {
			p.recordPlausible(id, t, from, pk.ClusterID)
		}
		return
	}
	if p.admitAs(id, from, datagram, held) {
		p.record(id, t, from, pk.ClusterID)
	}
}

// sendPongs sends the pong, or pongs, to a ping.
func (p *Peer) sendPongs(b *wire.Body, from netip.AddrPort) {
	connection := b.IsConnection && b.Keys.Has(wire.KeyNATType)
	pong := wire.NewPacket(wire.Pong)
	o := &pong.Body
	o.RequesterPeerID, o.ResponderPeerID = b.RequesterPeerID, p.config.ID // LAT-MSG-001
	o.ReflectionID, o.PingID, o.IsProbe = b.ReflectionID, b.PingID, b.IsProbe
	o.Address, o.Port = from.Addr(), from.Port()
	o.Keys = wire.KeyRequesterPeerID | wire.KeyResponderPeerID | b.Keys&wire.KeyReflectionID
	extras := wire.Key(0)
	if connection {
		// LAT-MSG-005. The pingId stays out: a pong with both ends every deployed peer that does
		// not know the responder (LAT-MSG-004).
		o.Keys |= wire.KeyIsConnection
		o.IsConnection = true
	} else {
		o.Keys |= wire.KeyAddress | wire.KeyPort | b.Keys&(wire.KeyPingID|wire.KeyIsProbe)
	}
	switch {
	case b.IsReflection: // LAT-MSG-002
		o.Keys |= wire.KeyIsReflection
		o.IsReflection = true
	case p.natType != nattype.Unknown: // LAT-MSG-007: left out, where a deployed peer would die of writing null
		o.Keys |= wire.KeyNATType
		o.NATType = int(p.natType)
	}
	if !b.IsReflection && !connection || p.isUnlimited(from.Addr()) {
		// What is of no use to a stranger would use up the bytes of the challenge that goes to it
		// next.
		extras = wire.KeyCacheSize | wire.KeyUptime | wire.KeyCacheSummaryHash
		s := p.cache.Summary(p.now, root)
		o.CacheSize, o.Uptime, o.CacheSummaryHash = int64(p.cache.Len()), p.uptime(), s.Hash
	}
	o.Keys |= extras
	if !p.sendAllowed(p.via, from, &pong) && extras != 0 {
		o.Keys &^= extras
		p.sendAllowed(p.via, from, &pong)
	}
	if b.Keys.Has(wire.KeyProbeExternalPort) { // LAT-MSG-003
		// From the other socket, so that a filter shows whether it lets a port pass that was never
		// contacted.
		o.Keys |= wire.KeyPort
		o.Port = b.ProbeExternalPort
		p.sendAllowed(Probe, netip.AddrPortFrom(from.Addr(), b.ProbeExternalPort), &pong)
	}
}

// handlePong takes a pong that came to the main socket, or to one of the pool.
func (p *Peer) handlePong(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	if b.RequesterPeerID != p.config.ID || b.ResponderPeerID == p.config.ID {
		return
	}
	if b.IsReflection {
		p.handleReflection(b, from)
	}
	if r := p.known.at(from); r != nil && r.id == b.ResponderPeerID {
		if b.Keys.Has(wire.KeyPingID) && !r.pingID.IsZero() && b.PingID == r.pingID {
			r.pingID = wire.EchoID{} // it proves once (LAT-SEC-009)
			p.handleHeartbeatPong(r, b)
		}
		if r.verified && b.Keys.Has(wire.KeyNATType) {
			p.noteNATType(r, b.NATType)
		}
		if b.Keys.Has(wire.KeyCacheSummaryHash) {
			p.handleHash(r, b.CacheSummaryHash)
		}
	}
	proved := p.proves(b, from)
	if proved {
		p.spendEcho(b, from)
		p.markVerified(b.ResponderPeerID, from)
	}
	if b.IsConnection && b.Keys.Has(wire.KeyNATType) {
		p.noteContact(pk, b.ResponderPeerID, from, datagram, held)
	}
	if proved {
		p.release(from)
	}
}

// handleHeartbeatPong takes the pong to a heartbeat: the address is verified, and a bootstrap peer
// tells where it sees us.
func (p *Peer) handleHeartbeatPong(r *remote, b *wire.Body) {
	r.verified, r.plausible = true, false
	s, _ := p.verification.sources.put(r.addr.Addr())
	s.verified = p.now.Add(p.ks(p.choices.VerifiedLife))
	if !r.indexed || p.config.Indexed || !b.Keys.Has(wire.KeyAddress|wire.KeyPort) || p.natType&nattype.MappingIndependent == 0 {
		return
	}
	// One voice changes nothing (LAT-NAT-007), but is a reason to ask again: the NAT has rebooted,
	// or dropped the mapping. A deployed peer would not notice.
	if seen := netip.AddrPortFrom(b.Address, b.Port); seen != p.own && p.now.Sub(p.discovery.decidedAt) >= p.ks(p.choices.Rediscover) {
		p.rediscover()
	}
}
