// Publishing and delivery: sections 8.2 and 8.3 (spec/08-replication.md).

package peer

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/nattype"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// replication is what a peer keeps of publishes beside its cache.
type replication struct {
	delivered   table[wire.ID, struct{}] // heads and whole packets
	composed    table[wire.ID, int]      // heads by how often what was composed did not open
	unpublished []wire.ID                // own packets that nobody was there for
	forgotten   table[wire.ID, struct{}] // what was in the cache and is not taken in again
	expired     queue[cache.Entry]       // to be multicast a last time
	splitAt     int64                    // that the last head names, ms
	restoredAt  time.Time                // from a state; zero: not

	live, chosen []*remote // spare allocations
}

func newReplication(l Limits) replication {
	return replication{
		delivered: newTable[wire.ID, struct{}](l.Delivered),
		composed:  newTable[wire.ID, int](l.Delivered),
		forgotten: newTable[wire.ID, struct{}](l.Forgotten),
	}
}

// Publication is a message to publish.
type Publication struct {
	Subcluster [32]byte
	Event      string // usr1 is its SHA-256; "": unset
	Message    []byte
	TTL        time.Duration      // 0, or more than six hours: six hours
	SigningKey ed25519.PrivateKey // usr2 and sig are made with it; nil: unset
}

// Publish seals a message for a joined subcluster, keeps it and multicasts it with hops 1
// (LAT-REPL-001). It returns the ids of its packets, the head or only one first. Before somebody is
// there to send to, it is kept until then.
func (p *Peer) Publish(now time.Time, m Publication) ([]wire.ID, error) {
	p.begin(now)
	if p.life.closing {
		return nil, ErrClosed
	}
	template := wire.NewPacket(wire.Publish)
	template.Hops = 1
	if m.TTL > 0 && m.TTL < cache.DefaultTTL {
		template.TTL = uint32(max(m.TTL.Milliseconds(), 1))
	}
	packets, err := p.packetsOf(template, m.Subcluster, m.Event, m.Message, m.SigningKey)
	if err != nil {
		return nil, err
	}
	ids := make([]wire.ID, len(packets))
	for i := range packets {
		pk := &packets[i]
		datagram, err := wire.Append(nil, pk)
		if err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		ids[i] = wire.ID(pk.PacketID)
		e := entry(pk, datagram)
		e.Own = true
		p.keep(e)
		p.gate(ids[i], p.ks(p.choices.PublishGate))
		p.addTask(task{kind: ownPublish, id: ids[i]})
	}
	p.replication.delivered.put(ids[0]) // its author needs no event
	p.pollQueues()
	return ids, nil
}

// entry is how a publish is cached.
func entry(pk *wire.Packet, datagram []byte) cache.Entry {
	e := cache.Entry{
		Datagram: datagram, TTL: time.Duration(pk.TTL) * time.Millisecond, Index: pk.Index, Clock: pk.Clock, Hops: pk.Hops,
	}
	e.ID, _ = wire.AsID(pk.PacketID)
	e.PreviousID, _ = wire.AsID(pk.PreviousID)
	e.ClusterID, _ = wire.AsID(pk.ClusterID)
	e.SubclusterID, _ = wire.AsID(pk.SubclusterID)
	return e
}

// sendOwnPublish sends a packet of an own publish.
func (p *Peer) sendOwnPublish(id wire.ID) {
	e, cached := p.cache.Get(id)
	if !cached {
		return
	}
	var targets []*remote
	if p.natType != nattype.Unknown {
		targets = p.choose(p.liveExcept(), e.ClusterID[:])
	}
	if (len(targets) == 0 || p.isAlone()) && len(p.replication.unpublished) < p.choices.Unpublished {
		p.replication.unpublished = append(p.replication.unpublished, id)
	}
	for _, r := range targets {
		p.transmitTo(r, e.Datagram)
	}
}

// waiting are the packets of own messages that have been sent to nobody yet.
func (p *Peer) waiting() []wire.ID {
	ids := slices.Clone(p.replication.unpublished)
	for _, t := range p.budgets.tasks.items[p.budgets.tasks.head:] {
		if t.kind == ownPublish {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// Unpublished is how many packets of own messages have been sent to nobody yet.
func (p *Peer) Unpublished() int { return len(p.waiting()) }

// publishAgain tries the own packets that nobody was there for.
func (p *Peer) publishAgain() {
	for _, id := range p.replication.unpublished {
		p.addTask(task{kind: ownPublish, id: id})
	}
	p.replication.unpublished = p.replication.unpublished[:0]
}

// handlePublish caches a publish, whatever cluster it is of, opens it if it can, and relays it,
// once per packetId (LAT-REPL-002).
func (p *Peer) handlePublish(pk *wire.Packet, from netip.AddrPort, datagram []byte) {
	id, ok := pk.ID()
	if !ok || p.gated(id) || !sound(pk) {
		return
	}
	// What is false is not gated either, or it would keep the true packet out (LAT-ID-006).
	if wire.VerifyID(pk) == wire.IDMismatch {
		return
	}
	p.gate(id, p.ks(p.choices.PublishGate))
	if _, cached := p.cache.Get(id); cached || p.replication.forgotten.get(id) != nil {
		p.noteSynced(from, false)
		return
	}
	// Hops beyond the maximum, with which it is kept but not relayed (LAT-REPL-006), would end a
	// deployed peer that evicts the packet after a sync.
	stored := p.copied(pk, datagram, min(pk.Hops, wire.MaxHops))
	p.keep(entry(pk, stored))
	p.openPacket(pk)
	if p.noteSynced(from, true) && pk.Hops < wire.MaxHops {
		p.relay(pk, datagram, p.choose(p.liveExcept(from), pk.ClusterID))
	}
}

// openPacket opens what a packet carries or completes, if its subcluster is joined.
func (p *Peer) openPacket(pk *wire.Packet) {
	if p.config.Indexed {
		return
	}
	keys, joined := p.keys.Find(pk.SubclusterID)
	if !joined {
		return
	}
	if pk.Index < 0 {
		p.deliverMessage(keys, pk, pk.Message, pk.Hops)
		return
	}
	var head wire.Packet
	if pk.Index == 0 {
		head = *pk
	} else {
		first, ok := wire.AsID(pk.PreviousID)
		if !ok {
			return
		}
		e, cached := p.cache.Get(first)
		if !cached || !wire.Decode(&head, e.Datagram).OK() {
			return
		}
	}
	p.compose(keys, &head, pk.Hops)
}

// deliverMessage opens a whole message and reports it, once (LAT-REPL-003). What does not open is
// reported without its content (LAT-REPL-005). If it was split it may be forged, and the true
// fragments still to come (LAT-ID-007): then that has time until each further one has had all of
// them hashed often enough.
func (p *Peer) deliverMessage(keys seal.Keys, pk *wire.Packet, sealed []byte, hops uint32) {
	id, ok := pk.ID()
	if !ok {
		return
	}
	if p.replication.delivered.get(id) != nil {
		p.replication.delivered.put(id) // which makes it the newest again
		return
	}
	event := eventOf(Packet, id, pk, hops)
	event.SubclusterID = keys.SubclusterID
	if !event.open(keys, pk, sealed) && pk.Index == 0 {
		tries, _ := p.replication.composed.put(id)
		if *tries++; *tries < p.choices.Tries {
			return
		}
	}
	p.replication.delivered.put(id)
	p.emit(event)
}

// openCached finds what was cached of a subcluster before it was joined.
func (p *Peer) openCached(subclusterID wire.ID) {
	for e := range p.cache.All() {
		if e.SubclusterID == subclusterID && e.Index <= 0 && !e.Own {
			p.addTask(task{kind: openOne, id: e.ID})
		}
	}
}

// openCachedMessage opens a whole message, or that of a head, from the cache.
func (p *Peer) openCachedMessage(id wire.ID) {
	e, cached := p.cache.Get(id)
	if !cached {
		return
	}
	var pk wire.Packet
	if wire.Decode(&pk, e.Datagram).OK() {
		p.openPacket(&pk)
	}
}
