package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

const (
	syncWindow = 6 * time.Second // between two syncs that first contact starts with one peer
	syncGate   = 2 * time.Second // for which the same summary from the same address is not answered again
	recentTime = 4 * time.Second // for which the same packet is not sent to the same address again by sync
)

var root cache.Prefix

// firstSync starts a sync with a peer that was just connected (LAT-SYNC-003).
func (p *Peer) firstSync(r *remote) {
	if !r.syncedAt.IsZero() && p.now.Sub(r.syncedAt) < syncWindow {
		return
	}
	p.startSync(r)
}

// repair starts a sync with a peer whose pong tells of another cache than ours:
// what a lossy network took from a publish, or from the sync at first contact,
// is found by nobody else. One K has one of these, whatever the pongs say.
// Deployed peers tell the hash, and never look at it.
func (p *Peer) repair(r *remote, hash [20]byte) {
	if !r.connected || p.now.Sub(p.repairedAt) < p.k || p.now.Sub(r.syncedAt) < 2*p.k {
		return
	}
	if s := p.cache.Summary(p.now, root); s.Hash != hash {
		p.repairedAt = p.now
		p.startSync(r)
	}
}

// Sync compares the cache with that of a connected peer, and exchanges what one
// has and the other lacks.
func (p *Peer) Sync(now time.Time, id wire.ID) error {
	p.begin(now)
	if p.closing {
		return ErrClosed
	}
	r := p.remoteByID(id)
	if r == nil || !r.connected {
		return fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	p.startSync(r)
	p.pace()
	return nil
}

// startSync sends the root summary. Its since is the time of the last sync, and
// six hours ago at the first; no receiver narrows anything by it.
func (p *Peer) startSync(r *remote) {
	since := r.syncedAt
	if since.IsZero() {
		since = p.now.Add(-cache.Window)
	}
	r.syncedAt = p.now
	pk := p.syncPacket(root, since)
	p.tellPeer(r, &pk)
}

// syncPacket is a sync with the summary at a prefix.
func (p *Peer) syncPacket(prefix cache.Prefix, since time.Time) wire.Packet {
	pk := wire.NewPacket(wire.Sync)
	pk.Usr4 = strconv.AppendInt(nil, since.UnixMilli(), 10)
	s := p.cache.Summary(p.now, prefix)
	pk.Message = s.Append(nil)
	return pk
}

// sync answers a summary (LAT-SYNC-004, LAT-SYNC-005), if its source is verified
// (LAT-SYNC-007). The answers wait in the outbox of that address.
func (p *Peer) sync(pk *wire.Packet, from netip.AddrPort, datagram []byte) {
	if !p.isVerified(from) {
		p.hold(from, datagram)
		return
	}
	// By source too: a deployed peer does not answer a second peer whose cache
	// equals that of a first one.
	id := at(wire.ControlID(nil, pk.Message, nil), from)
	if p.gated(id) {
		return
	}
	p.gate(id, syncGate)
	theirs, err := cache.DecodeSummary(pk.Message)
	if err != nil {
		return
	}
	ours := p.cache.Summary(p.now, theirs.Prefix)
	if ours.Hash == theirs.Hash {
		return
	}
	for digit := range 16 {
		child, ok := theirs.Prefix.Child(digit)
		if !ok {
			return
		}
		switch {
		case theirs.Has(digit) && (!ours.Has(digit) || ours.Buckets[digit] != theirs.Buckets[digit]):
			// A deployed peer goes deeper into equal buckets too.
			p.addAnswer(from, answer{prefix: child})
		case !theirs.Has(digit) && ours.Has(digit):
			for e := range p.cache.Under(p.now, child) {
				if !p.addAnswer(from, answer{data: true, id: e.ID}) {
					break
				}
			}
		}
	}
}

// at makes of an id one that differs by address.
func at(id wire.ID, addr netip.AddrPort) wire.ID {
	ip := addr.Addr().As16()
	for i, c := range ip {
		id[i] ^= c
	}
	binary.BigEndian.PutUint16(id[16:], binary.BigEndian.Uint16(id[16:])^addr.Port())
	return id
}

// outbox is what waits to be sent to one address by sync.
type outbox struct {
	to      netip.AddrPort
	answers queue[answer]
	tokens  float64 // data packets that may go out now
	filled  time.Time
}

type answer struct {
	data   bool
	id     wire.ID      // of the packet to send
	prefix cache.Prefix // of the summary to send
}

// addAnswer puts something into the outbox of an address; false if that is full.
// What does not find room is found missing by the next sync.
func (p *Peer) addAnswer(to netip.AddrPort, a answer) bool {
	var box *outbox
	for _, o := range p.outboxes {
		if o.to == to {
			box = o
		}
	}
	if box == nil {
		if box = p.newOutbox(to); box == nil {
			return false
		}
	}
	if box.answers.len() >= p.limits.SyncQueue {
		return false
	}
	box.answers.push(a)
	return true
}

// newOutbox makes an outbox, if need be in the place of the empty one that was
// used longest ago; those are kept so that their tokens are not forgotten.
func (p *Peer) newOutbox(to netip.AddrPort) *outbox {
	box := &outbox{to: to, tokens: float64(p.limits.SyncBurst), filled: p.now}
	if len(p.outboxes) < p.limits.Destinations {
		p.outboxes = append(p.outboxes, box)
		return box
	}
	oldest := -1
	for i, o := range p.outboxes {
		if o.answers.len() == 0 && (oldest < 0 || o.filled.Before(p.outboxes[oldest].filled)) {
			oldest = i
		}
	}
	if oldest < 0 {
		return nil
	}
	p.outboxes[oldest] = box
	return box
}

// fill gives an outbox the tokens of the time that has passed.
func (p *Peer) fill(o *outbox) {
	perSecond := float64(p.limits.SyncPerSecond)
	o.tokens = min(o.tokens+p.now.Sub(o.filled).Seconds()*perSecond, float64(p.limits.SyncBurst))
	o.filled = p.now
}

// nextAnswer is when an outbox has something to send; zero if it is empty.
func (p *Peer) nextAnswer(o *outbox) time.Time {
	if o.answers.len() == 0 {
		return time.Time{}
	}
	if !o.answers.first().data || o.tokens >= 1 {
		return p.paceAt
	}
	wait := time.Duration((1-o.tokens)/float64(p.limits.SyncPerSecond)*float64(time.Second)) + time.Millisecond
	return later(o.filled.Add(wait), p.paceAt)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sendAnswer sends one answer, from the outboxes in turn; false if none may.
func (p *Peer) sendAnswer() bool {
	for range p.outboxes {
		p.nextOutbox = (p.nextOutbox + 1) % len(p.outboxes)
		o := p.outboxes[p.nextOutbox]
		for o.answers.len() > 0 {
			if o.answers.first().data {
				if p.fill(o); o.tokens < 1 {
					break
				}
			}
			if p.sendOne(o, o.answers.pop()) {
				return true
			}
		}
	}
	return false
}

// sendOne sends an answer, unless the same went there just now: both sides
// start a sync when they meet, and would each get everything twice.
func (p *Peer) sendOne(o *outbox, a answer) bool {
	if !a.data {
		pk := p.syncPacket(a.prefix, p.now)
		if p.isRecent(at(wire.ControlID(nil, pk.Message, nil), o.to)) {
			return false
		}
		p.tell(o.to, &pk)
		return true
	}
	e, cached := p.cache.Get(a.id)
	if !cached || p.isRecent(at(a.id, o.to)) {
		return false
	}
	o.tokens--
	p.deliver(Main, o.to, e.Datagram)
	return true
}

// isRecent notes that something is sent, and tells whether it was already.
func (p *Peer) isRecent(what wire.ID) bool {
	last, added := p.recent.put(what)
	if !added && p.now.Sub(*last) < recentTime {
		return true
	}
	*last = p.now
	return false
}
