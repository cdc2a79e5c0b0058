// The negotiation, until both caches are equal: sections 9.2 and 9.3 (spec/09-sync.md).

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

// maxBarren is how far syncs in vain are counted: beyond it the wait is the longest in any case.
const maxBarren = 16

var root cache.Prefix

// syncing is what a peer keeps of all syncs; of that with one peer see session.
type syncing struct {
	outboxes   []*outbox
	nextOutbox int
	recent     table[wire.ID, sending] // what was sent to whom
	stats      SyncStats
}

func newSyncing(l Limits) syncing { return syncing{recent: newTable[wire.ID, sending](l.Gates)} }

// session is what a peer knows of syncing with another one. The deployed protocol has no such
// thing: one summary is sent, at first contact, and what is lost of all that follows is lost.
type session struct {
	at     time.Time // when the root summary was last sent; zero: never
	active time.Time // when anything of a sync last came or went; zero: none is under way
	mine   bool      // this peer repeats it, having started it
	rounds int       // root summaries sent
	idle   int       // of the last of them, those that moved nothing
	heard  bool      // anything of it came in this round
	moved  bool      // a packet that was new came, or one was sent, in this round
	gained int       // packets that were new
	owed   int       // of them those that were not multicast

	told      bool // the other side's hash is known
	hash      [20]byte
	barren    int       // syncs since both were equal that gained nothing
	notBefore time.Time // for those that a pong starts
}

func (s *session) underWay() bool { return !s.active.IsZero() }

// SyncStats counts what syncing has cost.
type SyncStats struct {
	Rounds         uint64 // root summaries sent
	Summaries      uint64 // sent, the roots among them
	SummaryBytes   uint64
	Packets        uint64 // sent
	PacketBytes    uint64
	Gained         uint64 // packets got that were new
	Repeated       uint64 // packets got that were not
	SummariesHeard uint64
}

// SyncStats are the counts since the peer was made.
func (p *Peer) SyncStats() SyncStats { return p.sync.stats }

// firstSync starts a sync with a peer that was just connected (LAT-SYNC-003).
func (p *Peer) firstSync(r *remote) {
	if !r.sync.at.IsZero() && p.now.Sub(r.sync.at) < p.choices.FirstSyncs {
		return
	}
	p.startSync(r)
}

// handleHash looks at the hash that a peer's pong tells: what a lossy network took from a publish,
// or from a sync, is found by nobody else (LAT-SYNC-009). Deployed peers tell the hash, and never
// look at it.
func (p *Peer) handleHash(r *remote, hash [20]byte) {
	s := &r.sync
	s.hash, s.told = hash, true
	if p.isEqual(s) {
		s.barren, s.notBefore = 0, time.Time{}
		p.dropItems(r.addr)
		return
	}
	if p.follows(HashSyncs) && r.connected && !s.underWay() && !p.now.Before(s.notBefore) && p.now.Sub(s.at) >= p.k && p.budgets.repairs.take(p.now, p.k, p.choices.Repairs) {
		p.startSync(r)
	}
}

// isEqual reports whether the other side's cache is known to be as this one.
func (p *Peer) isEqual(s *session) bool {
	return s.told && s.hash == p.rootHash()
}

func (p *Peer) rootHash() [20]byte {
	s := p.cache.Summary(p.now, root)
	return s.Hash
}

// Sync compares the cache with that of a connected peer, and exchanges what one has and the other
// lacks.
func (p *Peer) Sync(now time.Time, id wire.ID) error {
	p.begin(now)
	if p.life.closing {
		return ErrClosed
	}
	r := p.known.byID(id)
	if r == nil || !r.direct() {
		return fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	p.startSync(r)
	p.pollQueues()
	return nil
}

// startSync begins a sync with a known peer.
func (p *Peer) startSync(r *remote) {
	s := &r.sync
	s.mine, s.rounds, s.idle, s.gained, s.owed = true, 0, 0, 0, 0
	p.startRound(r)
}

// startRound sends the root summary. Its since is the time of the last one, and six hours ago at
// the first; no receiver narrows anything by it.
func (p *Peer) startRound(r *remote) {
	s := &r.sync
	since := s.at
	if since.IsZero() {
		since = p.now.Add(-cache.Window)
	}
	s.at, s.active = p.now, p.now
	s.heard, s.moved = false, false
	s.rounds++
	p.sync.stats.Rounds++
	pk := p.syncPacket(root, since)
	if datagram, ok := p.encode(&pk); ok {
		p.countSummary(datagram)
		p.transmitTo(r, datagram)
	}
}

// syncPacket is a sync with the summary at a prefix.
func (p *Peer) syncPacket(prefix cache.Prefix, since time.Time) wire.Packet {
	pk := wire.NewPacket(wire.Sync)
	pk.Usr4 = strconv.AppendInt(nil, since.UnixMilli(), 10)
	s := p.cache.Summary(p.now, prefix)
	pk.Message = s.Append(nil)
	return pk
}

func (p *Peer) countSummary(datagram []byte) {
	p.sync.stats.Summaries++
	p.sync.stats.SummaryBytes += uint64(len(datagram))
}

// handleSync answers a summary (LAT-SYNC-004, LAT-SYNC-005), if its source is verified
// (LAT-SYNC-007). What it sends waits in the outbox of that address, each item once: they are 16
// summaries at most, and packets no more than are cached (LAT-SYNC-011).
func (p *Peer) handleSync(pk *wire.Packet, from netip.AddrPort, datagram []byte) {
	if !p.trusts(from) {
		p.hold(from, datagram)
		return
	}
	// By source too: a deployed peer does not answer a second peer whose cache equals that of a
	// first one.
	id := at(wire.ControlID(nil, pk.Message, nil), from)
	if p.gated(id) {
		return
	}
	p.gate(id, p.choices.SyncGate)
	theirs, err := cache.DecodeSummary(pk.Message)
	if err != nil {
		return
	}
	p.sync.stats.SummariesHeard++
	ours := p.cache.Summary(p.now, theirs.Prefix)
	r := p.known.at(from)
	if r != nil {
		if theirs.Prefix.Len() == 0 {
			r.sync.hash, r.sync.told = theirs.Hash, true
		}
		r.sync.heard = true
	}
	if ours.Hash == theirs.Hash {
		if theirs.Prefix.Len() == 0 {
			p.dropItems(from)
		}
		return
	}
	if r != nil {
		r.sync.active = p.now
	}
	for child, do := range ours.Moves(&theirs) {
		if do == cache.Deeper {
			p.addItem(from, summaryAt(child))
			continue
		}
		for e := range p.cache.Under(p.now, child) {
			if !p.addItem(from, item{id: e.ID, digits: wholePacket}) {
				break
			}
		}
	}
}

// noteSynced takes note of a publish that came from a peer, and reports whether it is to be
// multicast (LAT-SYNC-012). What a sync brings in bulk is not: most of the peers around have it,
// and for those that don't the next sync is enough, which tells more in one datagram. A few are, so
// that a peer that came back with its own messages is heard by deployed peers at once.
func (p *Peer) noteSynced(from netip.AddrPort, isNew bool) (multicast bool) {
	r := p.known.at(from)
	if r == nil || !r.sync.underWay() {
		return true
	}
	s := &r.sync
	s.active, s.heard = p.now, true
	if !isNew {
		p.sync.stats.Repeated++
		return false
	}
	p.sync.stats.Gained++
	s.moved = true
	s.gained++
	if p.budgets.passedOn.take(p.now, p.k, p.limits.SyncRelays) {
		return true
	}
	s.owed++
	return false
}

// runSyncs repeats the syncs that are silent, and ends those that are done.
func (p *Peer) runSyncs() {
	for _, r := range p.known.all() {
		if !p.isQuiet(r) || p.now.Before(p.quietAt(r)) {
			continue
		}
		s := &r.sync
		if s.moved {
			s.idle = 0
		} else {
			s.idle++
		}
		// Silence is the answer of a cache that is equal, unless it has told otherwise.
		inVain := !s.heard && !s.told || s.idle >= p.choices.IdleRounds || s.idle > 0 && s.barren >= p.choices.Patience
		if s.mine && r.direct() && !p.isEqual(s) && !inVain && s.rounds < p.choices.Rounds {
			p.startRound(r)
			continue
		}
		p.endSync(r)
	}
}

// isQuiet reports whether a sync is under way, and nothing of it waits here.
func (p *Peer) isQuiet(r *remote) bool {
	return r.sync.underWay() && !p.isSending(r.addr)
}

func (p *Peer) quietAt(r *remote) time.Time {
	if r.sync.mine && string(p.config.ID[:]) > string(r.id[:]) {
		return r.sync.active.Add(p.choices.SyncQuiet + p.choices.SyncQuietOther)
	}
	return r.sync.active.Add(p.choices.SyncQuiet)
}

func (p *Peer) nextQuiet() time.Time {
	return p.known.nextDue(func(r *remote) (at time.Time) {
		if p.isQuiet(r) {
			at = p.quietAt(r)
		}
		return at
	})
}

// endSync makes the next sync with a peer wait if this one was in vain, and passes on what it
// brought.
func (p *Peer) endSync(r *remote) {
	s := &r.sync
	switch {
	case p.isEqual(s):
		s.barren, s.notBefore = 0, time.Time{}
	case s.mine:
		if s.gained == 0 {
			s.barren = min(s.barren+1, maxBarren)
		}
		s.notBefore = p.now.Add(min(p.k<<max(s.barren-p.choices.Patience, 0), p.ks(p.choices.LongestVain)))
	}
	owed := s.owed
	s.active, s.mine, s.gained, s.owed = time.Time{}, false, 0, 0
	if owed == 0 {
		return
	}
	for _, other := range p.known.all() {
		if other != r && other.direct() {
			p.addTask(task{kind: passOn, id: other.id})
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
