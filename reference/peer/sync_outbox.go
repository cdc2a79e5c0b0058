// What is sent, and when: section 9.4 (spec/09-sync.md).

package peer

import (
	"encoding/hex"
	"net/netip"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// outbox is what waits to be sent to one address by sync: summaries first, since packets may have
// to wait for their minute.
type outbox struct {
	to        netip.AddrPort
	summaries queue[item]
	packets   queue[item]
	waiting   map[item]struct{} // both: what is asked for twice is sent once
	used      time.Time
	lastSent  time.Time // of a packet
}

// An item of an outbox is a packet to send, or a prefix to send the summary at.
type item struct {
	id     wire.ID // the packet's; or the digits of the prefix, zeros behind
	digits uint8   // of the prefix; wholePacket
}

const wholePacket = 255

func summaryAt(prefix cache.Prefix) (a item) {
	text := [cache.KeyDigits]byte{}
	for i := range text {
		text[i] = '0'
	}
	copy(text[:], prefix.String())
	hex.Decode(a.id[:], text[:]) // a prefix is of hex digits
	a.digits = uint8(prefix.Len())
	return a
}

func (o *outbox) len() int { return o.summaries.len() + o.packets.len() }

// take takes the next item out of one of the queues.
func (o *outbox) take(q *queue[item]) item {
	a := q.pop()
	delete(o.waiting, a)
	if o.len() == 0 {
		o.clear()
	}
	return a
}

// clear gives back the room too: neither a map nor a queue ever shrinks, and each outbox would keep
// what its largest sync took (LAT-BUDG-004).
func (o *outbox) clear() {
	o.summaries, o.packets, o.waiting = queue[item]{}, queue[item]{}, map[item]struct{}{}
}

func (p *Peer) outboxOf(to netip.AddrPort) *outbox {
	for _, o := range p.sync.outboxes {
		if o.to == to {
			return o
		}
	}
	return nil
}

// isSending reports whether anything waits to be sent to an address.
func (p *Peer) isSending(to netip.AddrPort) bool {
	o := p.outboxOf(to)
	return o != nil && o.len() > 0
}

// addItem puts something into the outbox of an address; it reports whether there was room. What
// does not find room is found missing by the next sync.
func (p *Peer) addItem(to netip.AddrPort, a item) bool {
	box := p.outboxOf(to)
	if box == nil {
		if box = p.newOutbox(to); box == nil {
			return false
		}
	}
	if _, waits := box.waiting[a]; waits {
		return true
	}
	if box.len() >= p.limits.SyncQueue {
		return false
	}
	box.waiting[a] = struct{}{}
	if a.digits == wholePacket {
		box.packets.push(a)
	} else {
		box.summaries.push(a)
	}
	return true
}

// dropItems forgets what waits for an address, which has all of it.
func (p *Peer) dropItems(to netip.AddrPort) {
	if o := p.outboxOf(to); o != nil && o.len() > 0 {
		o.clear()
		o.used = p.now
	}
}

// newOutbox makes an outbox, if need be in the place of the empty one that was used longest ago.
func (p *Peer) newOutbox(to netip.AddrPort) *outbox {
	box := &outbox{to: to, waiting: map[item]struct{}{}, used: p.now}
	if len(p.sync.outboxes) < p.limits.Destinations {
		p.sync.outboxes = append(p.sync.outboxes, box)
		return box
	}
	oldest := -1
	for i, o := range p.sync.outboxes {
		if o.len() == 0 && (oldest < 0 || o.used.Before(p.sync.outboxes[oldest].used)) {
			oldest = i
		}
	}
	if oldest < 0 {
		return nil
	}
	p.sync.outboxes[oldest] = box
	return box
}

// packetAt is when a packet may be sent to an outbox's address (LAT-SYNC-010): its receiver acts on
// so many publishes and joins of this peer in a minute (LAT-BUDG-003), and those that are multicast
// go first. What fits into the minute goes at once; of more than that a half does, and the other
// half is spread over the time until the first ones count no more, so that a sync is not silent
// while it goes on.
func (p *Peer) packetAt(o *outbox) time.Time {
	limit := p.limits.SyncPerMinute
	load := p.budgets.loads.get(o.to)
	if load == nil {
		return p.now
	}
	have := load.count(p.now)
	switch {
	case have >= limit:
		return load.freeAt(p.now)
	case o.packets.len() <= limit-have, have < limit/2:
		return p.now
	}
	return o.lastSent.Add(load.freeAt(p.now).Sub(p.now) / time.Duration(limit-have))
}

// nextItem is when an outbox has something to send; zero if it is empty.
func (p *Peer) nextItem(o *outbox) time.Time {
	switch {
	case o.summaries.len() > 0:
		return p.budgets.paceAt
	case o.packets.len() > 0:
		return later(p.packetAt(o), p.budgets.paceAt)
	}
	return time.Time{}
}

// pollOutboxes sends one item, from the outboxes in turn; it reports whether there was one that may
// go.
func (p *Peer) pollOutboxes() bool {
	for range p.sync.outboxes {
		p.sync.nextOutbox = (p.sync.nextOutbox + 1) % len(p.sync.outboxes)
		o := p.sync.outboxes[p.sync.nextOutbox]
		for o.summaries.len() > 0 {
			if p.sendSummary(o, o.take(&o.summaries)) {
				return true
			}
		}
		for o.packets.len() > 0 && !p.packetAt(o).After(p.now) {
			// In no order: of several peers that are asked for the same each sends something else
			// first, and what is left then is dropped.
			o.packets.bringForward(p.random.IntN(o.packets.len()))
			if p.sendPacket(o, o.take(&o.packets).id) {
				return true
			}
		}
	}
	return false
}

// sendSummary sends a summary as it is now, unless the same went there just now: both sides start a
// sync when they meet, and would each get everything twice.
func (p *Peer) sendSummary(o *outbox, a item) bool {
	pk := p.syncPacket(cache.Key(a.id).Short(int(a.digits)), p.now)
	if p.noteSent(at(wire.ControlID(nil, pk.Message, nil), o.to), false) {
		return false
	}
	datagram, ok := p.encode(&pk)
	if !ok {
		return false
	}
	p.countSummary(datagram)
	p.transmitItem(o, datagram)
	return true
}

// sendPacket sends a cached packet. Its ttl is what is left of it (LAT-SYNC-014): no origin time is
// on the wire, and a receiver counts from when it gets the packet. If each that comes back began
// with six whole hours, a packet would leave the summaries of two peers hours apart, and they would
// sync in vain until then; in a network where peers come and go it would never end.
func (p *Peer) sendPacket(o *outbox, id wire.ID) bool {
	e, cached := p.cache.Get(id)
	if !cached {
		return false
	}
	left := cache.Lifetime(e.TTL, false) - p.now.Sub(e.Arrived)
	if left < time.Millisecond || p.noteSent(at(id, o.to), true) {
		return false
	}
	if !p.follows(AgedTTL) {
		left = e.TTL
	}
	datagram := p.aged(e.Datagram, left)
	p.sync.stats.Packets++
	p.sync.stats.PacketBytes += uint64(len(datagram))
	o.lastSent = p.now
	if r := p.transmitItem(o, datagram); r != nil {
		r.sync.moved = true
	}
	return true
}

// aged is a cached datagram in the arena, with another ttl.
func (p *Peer) aged(cached []byte, ttl time.Duration) []byte {
	datagram := append(p.room(), cached...)
	wire.PatchTTL(datagram, uint32(ttl.Milliseconds()))
	p.sent(datagram)
	return datagram
}

// transmitItem sends a datagram to an outbox's address, on the path of the peer that is known
// there, if there is one.
func (p *Peer) transmitItem(o *outbox, datagram []byte) *remote {
	o.used = p.now
	r := p.known.at(o.to)
	if r == nil {
		p.transmit(p.socketTo(o.to), o.to, datagram)
		return nil
	}
	if r.sync.underWay() {
		r.sync.active = p.now
	}
	p.transmitTo(r, datagram)
	return r
}

// sending is when something was last sent to an address, and how often.
type sending struct {
	at    time.Time
	times int
}

// noteSent notes that something is sent. It reports true, and notes nothing, where it was sent too
// short a time ago.
func (p *Peer) noteSent(what wire.ID, grows bool) bool {
	s, added := p.sync.recent.put(what)
	if !added && p.now.Sub(s.at) < p.choices.Recent<<(2*min(max(s.times-p.choices.RecentTimes, 0), p.choices.RecentGrows)) {
		return true
	}
	s.at = p.now
	if grows {
		s.times++
	}
	return false
}
