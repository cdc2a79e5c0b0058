package simulate

import (
	"encoding/binary"
	"math"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// What a soak holds its peers to.
const (
	// connectedWithin is for how long two members may be without a connection, from
	// when both were left in peace (LAT-MEMB-030); maxConnectedWithin for 99 of 100.
	// Introducers draw lots, so that in a large cluster two members have to wait until
	// they are drawn.
	connectedWithin    = 20 * soakK
	maxConnectedWithin = 8 * soakK
	// deliveredWithin is how long a message may take to any member, from when it
	// was published and that member was left in peace (LAT-REPL-030).
	deliveredWithin = 8 * soakK
	// rememberFor is how long after its publication a message is still expected by
	// members that were away.
	rememberFor = time.Hour
	// settledAfter is for how long two members have been left in peace before one
	// streams to the other: what either believes of the other is true by then.
	settledAfter = 8 * soakK
	// streamedWithin is how long a stream may take. One that is lost is lost.
	streamedWithin = soakK
)

// A histogram counts values in steps of a width; what is beyond them all is in
// the last. Its size is fixed, so that a long run doesn't grow by what it
// measures.
type histogram struct {
	width  float64
	counts [4096]int
	total  int
	most   float64
}

func (h *histogram) add(v float64) {
	h.counts[min(max(int(v/h.width), 0), len(h.counts)-1)]++
	h.total++
	h.most = max(h.most, v)
}

// quantile is an upper bound of so large a part of the values; 0 of none.
func (h *histogram) quantile(part float64) float64 {
	want, seen := int(math.Ceil(part*float64(h.total))), 0
	for i, n := range h.counts {
		if seen += n; seen >= want && i < len(h.counts)-1 {
			return min(float64(i+1)*h.width, h.most)
		}
	}
	return h.most
}

// links are the connections between members, as they say themselves.
type links struct {
	w      *world
	index  map[wire.ID]int
	steady []time.Time   // of each node: when something last happened to it
	says   [][]bool      // [a][b]: a says that it is connected to b
	met    [][]time.Time // [a][b], a < b: when they last began both to say so
	lost   [][]time.Time // [a][b], a < b: when they last ceased both to say so
	told   [][]bool      // [a][b], a < b: that they are apart for too long has been told
	apart  histogram     // seconds, of what is over
}

func newLinks(w *world) *links {
	n := len(w.nodes)
	l := &links{w: w, index: map[wire.ID]int{}, steady: make([]time.Time, n), apart: histogram{width: 0.5}}
	for i, node := range w.nodes {
		l.index[node.id] = i
		l.says = append(l.says, make([]bool, n))
		l.met = append(l.met, make([]time.Time, n))
		l.lost = append(l.lost, make([]time.Time, n))
		l.told = append(l.told, make([]bool, n))
	}
	return l
}

// inPeace reports whether a node is a member that runs and can be reached.
func inPeace(n *node) bool {
	return n.peer != nil && !n.asleep && isLeaf(n) && reaches(n.profile)
}

// since is from when two nodes have had to be connected.
func (l *links) since(a, b int) time.Time {
	return latest(l.lost[min(a, b)][max(a, b)], latest(l.steady[a], l.steady[b]))
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// set notes what a node says of another.
func (l *links) set(n *node, id wire.ID, connected bool) {
	a := n.index
	b, known := l.index[id]
	if !known || l.says[a][b] == connected {
		return
	}
	before := l.both(a, b)
	l.says[a][b] = connected
	low, high := min(a, b), max(a, b)
	switch {
	case l.both(a, b):
		l.met[low][high] = l.w.now()
		if !inPeace(l.w.nodes[a]) || !inPeace(l.w.nodes[b]) {
			return
		}
		l.apart.add(l.w.now().Sub(l.since(a, b)).Seconds())
		l.told[low][high] = false
	case before:
		l.lost[low][high] = l.w.now()
	}
}

// both reports whether two nodes say that they are connected to each other.
func (l *links) both(a, b int) bool { return l.says[a][b] && l.says[b][a] }

// disturbed notes that something has happened to a node: it stops, starts, sleeps,
// wakes, or its NAT forgets. One that stopped says nothing any more.
func (l *links) disturbed(n *node) {
	l.steady[n.index] = l.w.now()
	if n.peer != nil {
		return
	}
	for b := range l.w.nodes {
		l.set(n, l.w.nodes[b].id, false)
	}
}

// look reports the pairs that are apart for too long, each once.
func (l *links) look(broke func(string, ...any)) {
	for a, from := range l.w.nodes {
		for b := a + 1; b < len(l.w.nodes); b++ {
			to := l.w.nodes[b]
			if l.told[a][b] || l.both(a, b) || !inPeace(from) || !inPeace(to) {
				continue
			}
			if apart := l.w.now().Sub(l.since(a, b)); apart > connectedWithin {
				l.told[a][b] = true
				broke("%s (%s) and %s (%s) are not connected to each other for %.0f K (%s says %v, %s says %v)",
					from.name, from.profile, to.name, to.profile, apart.Seconds()/soakK.Seconds(), from.name, l.says[a][b], to.name, l.says[b][a])
			}
		}
	}
}

// messages are those that were published lately, and who has got them.
type messages struct {
	w     *world
	byID  map[wire.ID]*message
	order []wire.ID
	took  histogram // seconds, until a member had it that was there and in peace when it was published
	late  histogram // ... that was away or disturbed when or after it was published
}

type message struct {
	at   time.Time
	from *node
	has  []bool
}

func newMessages(w *world) *messages {
	return &messages{w: w, byID: map[wire.ID]*message{}, took: histogram{width: 0.05}, late: histogram{width: 0.5}}
}

func (m *messages) published(n *node, id wire.ID) {
	x := &message{at: m.w.now(), from: n, has: make([]bool, len(m.w.nodes))}
	x.has[n.index] = true
	m.byID[id] = x
	m.order = append(m.order, id)
}

func (m *messages) arrived(n *node, e peer.Event, steady time.Time) {
	x := m.byID[e.PacketID]
	if x == nil || x.has[n.index] {
		return
	}
	x.has[n.index] = true
	if steady.After(x.at) {
		m.late.add(m.w.now().Sub(steady).Seconds())
	} else {
		m.took.add(m.w.now().Sub(x.at).Seconds())
	}
}

// look reports what has not arrived in time, each once, and forgets what is old.
func (m *messages) look(l *links, remember time.Duration, broke func(string, ...any)) {
	for _, id := range m.order {
		x := m.byID[id]
		for i, n := range m.w.nodes {
			if x.has[i] || !inPeace(n) || m.w.now().Sub(latest(x.at, l.steady[i])) <= deliveredWithin {
				continue
			}
			x.has[i] = true
			broke("%s (%s) has not got message %s that %s (%s) published %v ago, and was left in peace for %v", n.name, n.profile, id.String()[:8],
				x.from.name, x.from.profile, m.w.now().Sub(x.at).Round(time.Second), m.w.now().Sub(l.steady[i]).Round(time.Second))
		}
	}
	for len(m.order) > 0 && m.w.now().Sub(m.byID[m.order[0]].at) > remember {
		delete(m.byID, m.order[0])
		m.order = m.order[1:]
	}
}

// streams are those that are on their way, and how many arrived.
type streams struct {
	number        uint64
	waiting       []streaming
	sent, arrival int // between two that stayed in peace
}

type streaming struct {
	number  uint64
	at      time.Time
	a, b    int
	arrived bool
}

// begin gives a message that tells it from others.
func (s *streams) begin(now time.Time, from, to *node) []byte {
	s.number++
	s.waiting = append(s.waiting, streaming{number: s.number, at: now, a: from.index, b: to.index})
	return binary.BigEndian.AppendUint64(nil, s.number)
}

func (s *streams) arrived(e peer.Event) {
	for i := range s.waiting {
		if len(e.Message) == 8 && s.waiting[i].number == binary.BigEndian.Uint64(e.Message) {
			s.waiting[i].arrived = true
		}
	}
}

// look counts those whose time is over.
func (s *streams) look(l *links) {
	for len(s.waiting) > 0 && l.w.now().Sub(s.waiting[0].at) > streamedWithin {
		x := s.waiting[0]
		s.waiting = s.waiting[1:]
		if l.steady[x.a].After(x.at) || l.steady[x.b].After(x.at) {
			continue
		}
		s.sent++
		if x.arrived {
			s.arrival++
		}
	}
}

// sizes are how much peers keep, by the names of peer.Size.
type sizes struct {
	names   []string
	most    []int       // of any peer at any minute
	bound   []int       // of one peer
	sums    []float64   // of all peers, in this minute
	minutes [][]float64 // means of a peer, by the minute
	peers   int         // in sums
}

func (s *sizes) add(n *node, broke func(string, ...any)) {
	s.peers++
	for i, size := range n.peer.Sizes() {
		if i == len(s.names) {
			s.names = append(s.names, size.Name)
			s.most, s.bound = append(s.most, 0), append(s.bound, size.Max)
			s.sums, s.minutes = append(s.sums, 0), append(s.minutes, nil)
		}
		if size.Have > size.Max {
			broke("%s keeps %d of %s, and at most %d are allowed", n.name, size.Have, size.Name, size.Max)
		}
		s.most[i] = max(s.most[i], size.Have)
		s.bound[i] = max(s.bound[i], size.Max)
		s.sums[i] += float64(size.Have)
	}
}

// minute ends a minute.
func (s *sizes) minute() {
	for i := range s.sums {
		s.minutes[i] = append(s.minutes[i], s.sums[i]/float64(max(s.peers, 1)))
		s.sums[i] = 0
	}
	s.peers = 0
}
