package oracle

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A model is what the peer's cache certainly holds. Where that is not certain, in a life that was
// restored, under a flood, where a fragment can't be checked, it says so and judges nothing.
type model struct {
	cache   *cache.Cache
	unsure  bool
	changed time.Time // when something was put in last
	due     time.Time // when the time of the first entry passes; zero: none does
}

// surely is how many packets a peer certainly takes: below every rate and the size of a cache.
func (j *judge) surely() int {
	return min(500, j.constants.Least("cache.packets"), j.constants.Least("cache.bytes")/wire.MaxDatagram)
}

func newModel() model { return model{cache: cache.New(cache.DefaultCapacity)} }

// keeps puts a publish into the model.
func (j *judge) keeps(d *datagram) {
	p := d.packet
	id, ok := p.ID()
	switch {
	case !ok, j.model.unsure:
		return
	case !j.running || j.asleep:
		return
	case j.suspended, j.restored:
		j.model.unsure = true
		return
	case d.to.Port() == j.probe:
		return
	case d.to.Port() != j.main:
		j.model.unsure = true // at a socket of the pool who sent it decides
		return
	}
	_, had := j.model.cache.Get(id)
	switch check := wire.VerifyID(p); {
	case p.Index == 0 && !soundHead(p), check == wire.IDMismatch:
		return
	case check == wire.IDNeedsPredecessor || j.crowded(d.from) || j.model.cache.Len() >= j.surely():
		j.model.unsure = !had
		if !had {
			return
		}
	}
	j.put(p, id, false)
}

func (j *judge) put(p *wire.Packet, id wire.ID, own bool) {
	ttl := time.Duration(p.TTL) * time.Millisecond
	e := cache.Entry{ID: id, TTL: ttl, Own: own, Index: p.Index, Datagram: []byte{0}}
	if inserted, _ := j.model.cache.Insert(j.now, e); inserted {
		j.model.changed = j.now
		end := j.now.Add(cache.Lifetime(ttl, false))
		if j.model.due.IsZero() || end.Before(j.model.due) {
			j.model.due = end
		}
	}
}

func soundHead(p *wire.Packet) bool {
	const needed = wire.KeyMeta | wire.KeyTS | wire.KeySize | wire.KeyIndexes
	b := &p.Body
	return b.Keys.Has(needed) && b.Indexes >= 1 && b.Indexes <= wire.MaxFragments && b.Size <= b.Indexes*wire.MaxMessage
}

// certain reports whether the model is what the peer holds at this moment.
func (j *judge) certain() bool {
	if !j.model.due.IsZero() && !j.now.Before(j.model.due.Add(-j.react)) {
		j.model.unsure = true // it goes at the next tick, which is not known
	}
	return !j.model.unsure && j.running && !j.now.Equal(j.resumed) && (j.react == 0 || j.now.Sub(j.model.changed) > j.react)
}

// summarized judges a summary that the peer sent.
func (j *judge) summarized(d *datagram) {
	s, err := cache.DecodeSummary(d.packet.Message)
	if err != nil || !j.certain() {
		return
	}
	j.looked("sync/summary")
	own := j.model.cache.Summary(j.now, s.Prefix)
	if own.Hash != s.Hash || own.Present != s.Present || own.Buckets != s.Buckets {
		j.wrong("sync/summary", []int{d.Seq}, "it sent a summary at %q that is not that of the %d packets that it holds", s.Prefix, j.model.cache.Len())
	}
}

// told what it holds in a pong or ping.
func (j *judge) hashSent(d *datagram) {
	b := &d.packet.Body
	id, ok := d.packet.ID()
	if !ok || !b.Keys.Has(wire.KeyCacheSummaryHash) || j.hashed[id] {
		return // one that is sent again says what was so when it was made
	}
	j.hashed[id] = true
	if !j.certain() {
		return
	}
	j.looked("sync/hash")
	if own := j.model.cache.Summary(j.now, cache.Prefix{}); own.Hash != b.CacheSummaryHash {
		j.wrong("sync/hash", []int{d.Seq}, "it sent a %s with a cacheSummaryHash that is not that of the %d packets that it holds", d.packet.Type, j.model.cache.Len())
	}
}

// listed judges what a peer says that it holds.
func (j *judge) listed(c *command, m *testee.Message) {
	var with testee.CacheWith
	var ok testee.CacheOK
	if c.With != nil && json.Unmarshal(c.With, &with) != nil || json.Unmarshal(m.OK, &ok) != nil || !j.certain() {
		return
	}
	j.looked("cache/holds")
	var want []string
	for e := range j.model.cache.All() {
		if text := e.ID.String(); strings.HasPrefix(text, with.Prefix) {
			want = append(want, text)
		}
	}
	slices.Sort(want)
	got := slices.Clone(ok.IDs)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		j.wrong("cache/holds", nil, "it says that its cache holds %d packets below %q, where it was given %d", len(got), with.Prefix, len(want))
	}
}

// A heardSync is a sync packet that came in.
type heardSync struct {
	*datagram
	summary cache.Summary
	owed    time.Time
	answers int  // summaries that answer it
	equal   bool // its summary was the own one
}

// told is for how long a sync may be answered: what is not sent at once waits for a minute's turn.
const answering = 20 * time.Minute

func (j *judge) syncCame(d *datagram) {
	j.address(d.from).synced = d.At
	s, err := cache.DecodeSummary(d.packet.Message)
	if err != nil {
		return
	}
	h := &heardSync{datagram: d, summary: s}
	var own cache.Summary
	certain := j.certain()
	if certain {
		own = j.model.cache.Summary(j.now, s.Prefix)
		h.equal = own.Hash == s.Hash
	}
	again := false
	for _, x := range j.syncs[d.from] {
		if string(x.packet.Message) == string(d.packet.Message) && j.now.Sub(x.At) < j.constants.MostTime("sync.gate")+j.react {
			again = true
		}
	}
	j.syncs[d.from] = append(j.syncs[d.from], h)
	a := j.address(d.from)
	if again || !j.anybodyVerified(d.from) || !j.active() || !j.knowsType() || !certain || d.to.Port() != j.main {
		return
	}
	for child, move := range own.Moves(&s) {
		if move == cache.Deeper && j.now.Sub(a.summaries[child.String()]) > j.constants.MostTime("sync.again")+time.Second {
			h.owed = j.now.Add(j.react + 2*time.Second)
			break
		}
	}
}

// syncsOwed judges the syncs that should have been answered by now.
func (j *judge) syncsOwed() {
	for _, from := range j.syncsFrom {
		kept := j.syncs[from][:0]
		for _, h := range j.syncs[from] {
			if !h.owed.IsZero() && j.now.After(h.owed) {
				h.owed = time.Time{}
				j.looked("sync/owed")
				if h.answers == 0 && len(j.linkedAt(from)) > 0 {
					j.wrong("sync/owed", []int{h.Seq}, "it left a sync of %v unanswered, whose summary at %q differs from its own", from, h.summary.Prefix)
				}
			}
			if j.now.Sub(h.At) < answering {
				kept = append(kept, h)
			}
		}
		j.syncs[from] = kept
	}
}

func (j *judge) linkedAt(a netip.AddrPort) (all []*link) {
	for _, l := range j.linkOrder {
		if l.addr == a && !l.proxied {
			all = append(all, l)
		}
	}
	return all
}

func (j *judge) syncSent(d *datagram) {
	a := j.address(d.to)
	a.synced = d.At
	j.summarized(d)
	s, err := cache.DecodeSummary(d.packet.Message)
	if err != nil {
		return
	}
	if a.summaries == nil {
		a.summaries = map[string]time.Time{}
	}
	a.summaries[s.Prefix.String()] = d.At
	if s.Prefix.Len() == 0 {
		a.root = d.At
		return
	}
	j.looked("sync/cause")
	parent := s.Prefix.Short(s.Prefix.Len() - 1)
	text := s.Prefix.String()
	digit := strings.IndexByte("0123456789abcdef", text[len(text)-1])
	var cause *heardSync
	equal := true
	for _, h := range j.syncs[d.to] {
		if h.summary.Prefix == parent && h.summary.Has(digit) {
			cause = h
			h.answers++
			equal = equal && h.equal && h.At.Sub(j.model.changed) > j.react
		}
	}
	if cause != nil {
		j.looked("sync/equal")
	}
	switch {
	case cause != nil && equal:
		j.wrong("sync/equal", []int{cause.Seq, d.Seq}, "it answered a sync of %v, whose summary at %q is equal to its own", d.to, parent)
	case cause == nil:
		j.wrong("sync/cause", []int{d.Seq}, "it sent a summary at %q to %v, from where no summary at %q has come with a bucket %x", text, d.to, parent, digit)
	case cause.answers > 16*len(j.syncs[d.to]):
		j.wrong("sync/sixteen", []int{cause.Seq, d.Seq}, "it answered one sync with more than sixteen summaries")
	}
}

// packetSynced judges that a publish which a sync sends was asked for.
func (j *judge) packetSynced(d *datagram) {
	id, _ := d.packet.ID()
	text := hex.EncodeToString(id[:])
	j.looked("sync/asked")
	for _, h := range j.syncs[d.to] {
		prefix := h.summary.Prefix.String()
		if !strings.HasPrefix(text, prefix) || len(prefix) >= len(text) {
			continue
		}
		digit := strings.IndexByte("0123456789abcdef", text[len(prefix)])
		if !h.summary.Has(digit) {
			return
		}
	}
	j.wrong("sync/asked", []int{d.Seq}, "it sent the cached packet %s to %v, from where no summary has come that lacks it", text, d.to)
}
