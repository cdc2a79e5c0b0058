package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// uptime is what pings and pongs say: K times the ticks so far.
func (p *Peer) uptime() int64 { return p.ticks * p.k.Milliseconds() }

// cluster is the own clusterId as a field, nil where there is none.
func (p *Peer) cluster() []byte {
	if p.config.ClusterID == ([32]byte{}) {
		return nil
	}
	return p.config.ClusterID[:]
}

// newPing makes a ping with what every ping has.
func (p *Peer) newPing() wire.Packet {
	ping := wire.NewPacket(wire.Ping)
	ping.ClusterID = p.cluster()
	ping.Body = wire.Body{
		Has:             wire.KeyRequesterPeerID | wire.KeyUptime | wire.KeyTimestamp,
		RequesterPeerID: p.config.ID, Uptime: p.uptime(), Timestamp: p.now.UnixMilli(),
	}
	return ping
}

// reflectionPing makes a reflection ping with an id to be echoed.
func (p *Peer) reflectionPing(id wire.EchoID) wire.Packet {
	ping := p.newPing()
	ping.Body.Has |= wire.KeyIsReflection | wire.KeyReflectionID
	ping.Body.IsReflection, ping.Body.ReflectionID = true, id
	return ping
}

// announce sends a known peer a connection ping with the own NAT type
// (LAT-NAT-009): it makes that peer count us as connected. It is the one ping
// besides reflection that a deployed peer survives before it knows its type.
func (p *Peer) announce(r *remote) {
	if p.natType == nattype.Unknown || r.proxy != nil {
		return
	}
	ping := p.newPing()
	ping.Body.Has |= wire.KeyNATType | wire.KeyCacheSize | wire.KeyIsConnection
	ping.Body.NATType, ping.Body.CacheSize, ping.Body.IsConnection = int(p.natType), int64(p.cache.Len()), true
	p.tellPeer(r, &ping)
}

// heartbeat pings a known peer (LAT-MEMB-009), by a reflection ping, whatever the
// peer has announced (LAT-MSG-009): one that has just started again behind the
// same mapping has no NAT type, and a deployed one dies of a plain ping then. The
// pingId verifies the address anew.
func (p *Peer) heartbeat(r *remote) {
	if r.proxy != nil {
		return
	}
	if r.natType == nattype.Unknown || p.natType == nattype.Unknown {
		if p.discovery.stage != searching { // which asks already
			p.askAgain(r.addr)
		}
		return
	}
	r.pingID = p.newEchoID()
	ping := p.reflectionPing(p.newEchoID())
	ping.Body.Has |= wire.KeyNATType | wire.KeyPingID
	ping.Body.NATType, ping.Body.PingID = int(p.natType), r.pingID
	p.tellPeer(r, &ping)
}

// ping answers a ping, and takes note of what it announces.
func (p *Peer) ping(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	if b.RequesterPeerID == p.config.ID { // LAT-MSG-006
		return
	}
	if !held {
		p.answer(b, from)
	}
	if !b.Has.Has(wire.KeyNATType) {
		return
	}
	r := p.remoteByID(b.RequesterPeerID)
	switch {
	case b.IsConnection, r != nil && (r.addr != from || r.proxy != nil):
		// A known peer that pings from elsewhere has moved; or somebody says so.
		p.contact(pk, b.RequesterPeerID, from, datagram, held)
	case r != nil && r.verified:
		p.announced(r, b.NATType)
	}
}

// announced takes the NAT type that a known peer tells of itself.
func (p *Peer) announced(r *remote, natType int) {
	if t := nattype.Of(natType); t != nattype.Unknown {
		r.natType = t
	}
}

// contact records the sender of a connection ping or pong, as soon as its
// address is verified. A NAT type with bits that mean nothing is not taken: it
// could not be passed on.
func (p *Peer) contact(pk *wire.Packet, id wire.ID, from netip.AddrPort, datagram []byte, held bool) {
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
	if p.mayName(id, from, datagram, held) {
		p.record(id, t, from, pk.ClusterID)
	}
}

// answer sends the pong, or pongs, to a ping.
func (p *Peer) answer(b *wire.Body, from netip.AddrPort) {
	connection := b.IsConnection && b.Has.Has(wire.KeyNATType)
	pong := wire.NewPacket(wire.Pong)
	o := &pong.Body
	o.RequesterPeerID, o.ResponderPeerID = b.RequesterPeerID, p.config.ID // LAT-MSG-001
	o.ReflectionID, o.PingID, o.IsProbe = b.ReflectionID, b.PingID, b.IsProbe
	o.Address, o.Port = from.Addr(), from.Port()
	o.Has = wire.KeyRequesterPeerID | wire.KeyResponderPeerID | b.Has&wire.KeyReflectionID
	extras := wire.Key(0)
	if connection {
		// LAT-MSG-005. The pingId stays out: a pong with both ends every deployed
		// peer that does not know the responder (LAT-MSG-004).
		o.Has |= wire.KeyIsConnection
		o.IsConnection = true
	} else {
		o.Has |= wire.KeyAddress | wire.KeyPort | b.Has&(wire.KeyPingID|wire.KeyIsProbe)
	}
	switch {
	case b.IsReflection: // LAT-MSG-002
		o.Has |= wire.KeyIsReflection
		o.IsReflection = true
	case p.natType != nattype.Unknown: // LAT-MSG-007: left out, where a deployed peer would die of writing null
		o.Has |= wire.KeyNATType
		o.NATType = int(p.natType)
	}
	if !b.IsReflection && !connection || p.unlimited(from.Addr()) {
		// What is of no use to a stranger would use up the bytes of the question that
		// goes to it next.
		extras = wire.KeyCacheSize | wire.KeyUptime | wire.KeyCacheSummaryHash
		s := p.cache.Summary(p.now, root)
		o.CacheSize, o.Uptime, o.CacheSummaryHash = int64(p.cache.Len()), p.uptime(), s.Hash
	}
	o.Has |= extras
	if !p.reply(p.via, from, &pong) && extras != 0 {
		o.Has &^= extras
		p.reply(p.via, from, &pong)
	}
	if b.Has.Has(wire.KeyProbeExternalPort) { // LAT-MSG-003
		// From the other socket, so that a filter shows whether it lets a port pass
		// that was never contacted.
		o.Has |= wire.KeyPort
		o.Port = b.ProbeExternalPort
		p.reply(Probe, netip.AddrPortFrom(from.Addr(), b.ProbeExternalPort), &pong)
	}
}

// pong takes an answer that came to the main socket. It may reuse p.packet,
// which pk is, at its end.
func (p *Peer) pong(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	b := &pk.Body
	if b.RequesterPeerID != p.config.ID || b.ResponderPeerID == p.config.ID {
		return
	}
	if b.IsReflection {
		p.reflection(b, from)
	}
	if r := p.remoteAt(from); r != nil && r.id == b.ResponderPeerID {
		if b.Has.Has(wire.KeyPingID) && !r.pingID.IsZero() && b.PingID == r.pingID {
			p.answeredHeartbeat(r, b)
		}
		if r.verified && b.Has.Has(wire.KeyNATType) {
			p.announced(r, b.NATType)
		}
		if b.Has.Has(wire.KeyCacheSummaryHash) {
			p.heardHash(r, b.CacheSummaryHash)
		}
	}
	proved := p.proves(b, from)
	if proved {
		p.believe(b.ResponderPeerID, from)
	}
	if b.IsConnection && b.Has.Has(wire.KeyNATType) {
		p.contact(pk, b.ResponderPeerID, from, datagram, held)
	}
	if proved {
		p.release(from)
	}
}

// answeredHeartbeat takes the answer to a heartbeat: the address is verified,
// and a bootstrap peer tells where it sees us.
func (p *Peer) answeredHeartbeat(r *remote, b *wire.Body) {
	r.verified, r.plausible = true, false
	s, _ := p.sources.put(r.addr.Addr())
	s.verified = p.now.Add(verifiedTicks * p.k)
	if !r.indexed || p.config.Indexed || !b.Has.Has(wire.KeyAddress|wire.KeyPort) || p.natType&nattype.MappingIndependent == 0 {
		return
	}
	// One voice changes nothing (LAT-NAT-007), but is a reason to ask again: the
	// NAT has rebooted, or dropped the mapping. A deployed peer would not notice.
	if seen := netip.AddrPortFrom(b.Address, b.Port); seen != p.own && p.now.Sub(p.discovery.decidedAt) >= p.k {
		p.rediscover()
	}
}

// rate counts what came from a source in a minute of the clock.
type rate struct {
	minute    int64
	count     int // joins and publishes, and streams for this peer while the source is not verified
	streams   int // and answers, for others
	questions int
}

// withinRate counts a join or publish, and tells whether its source has not yet
// used up its minute (LAT-BUDG-003). Deployed peers give up counting a source as
// soon as it names a subcluster that they have joined.
func (p *Peer) withinRate(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.count++
	return r.count <= p.limits.PerMinute
}

// withinStreamRate counts a stream or answer to relay, and tells whether its source has
// not yet used up its minute.
func (p *Peer) withinStreamRate(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.streams++
	return r.streams <= p.limits.StreamsPerMinute
}

// withinQuestionRate counts a question, and tells whether its source has not yet
// used up its minute.
func (p *Peer) withinQuestionRate(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.questions++
	return r.questions <= p.limits.QuestionsPerMinute
}

// rateOf is what came from a source in this minute.
func (p *Peer) rateOf(from netip.AddrPort) *rate {
	r, _ := p.rates.put(from)
	if minute := p.now.Unix() / int64(time.Minute/time.Second); r.minute != minute {
		*r = rate{minute: minute}
	}
	return r
}
