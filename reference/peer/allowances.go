// What a source may set off, and what a peer sends in a time: sections 6.2 (spec/06-traversal.md),
// 12.2 and 12.3 (spec/12-budgets.md).

package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// What a peer may do, and what it lets others have it do, in a time: chapter 12, sections 12.2 and
// 12.3, and chapter 6, section 6.2. Only bytes to addresses that are not verified are counted
// elsewhere, see security.go. A function that takes something out of an allowance, or counts it, is
// named by that verb; it reports whether there was something left.

// budgets is what a peer has used up, and what of its own waits for its turn.
type budgets struct {
	gates table[wire.ID, time.Time]   // until when an id is not handled again
	rates table[netip.AddrPort, rate] // what came from a source
	loads table[netip.AddrPort, load] // publishes and joins sent to whom

	targets    table[netip.Addr, allowance] // pings to an IP that others have named
	introduced allowance                    // such pings to all targets
	traversals allowance                    // bursts between types 5 and 7
	repairs    allowance                    // syncs that pongs start
	passedOn   allowance                    // what syncs brought and is multicast
	lastCasts  allowance                    // packets that expired and are multicast a last time

	tasks  queue[task]
	paceAt time.Time // when the next of what waits may go
}

func newBudgets(l Limits) budgets {
	return budgets{
		gates:   newTable[wire.ID, time.Time](l.Gates),
		rates:   newTable[netip.AddrPort, rate](l.Rates),
		loads:   newTable[netip.AddrPort, load](l.Verified),
		targets: newTable[netip.Addr, allowance](l.Targets),
	}
}

// gate keeps an id from being handled again for a while. Deployed peers count in ticks, which makes
// n of them last n-1 to n times K.
func (p *Peer) gate(id wire.ID, d time.Duration) {
	until, _ := p.budgets.gates.put(id)
	*until = p.now.Add(d)
}

func (p *Peer) gated(id wire.ID) bool {
	until := p.budgets.gates.get(id)
	return until != nil && p.now.Before(*until)
}

// allowance counts within one K.
type allowance struct {
	since time.Time
	count int
}

func (a *allowance) take(now time.Time, window time.Duration, limit int) bool {
	if now.Sub(a.since) >= window {
		*a = allowance{since: now}
	}
	if a.count >= limit {
		return false
	}
	a.count++
	return true
}

func (a *allowance) used(now time.Time, window time.Duration) bool {
	return a.count > 0 && now.Sub(a.since) < window
}

// takeContact takes one datagram to an address that somebody else has named out of what may be sent
// to its IP, and to all such, in a K (LAT-TRAV-005, LAT-SEC-005), where deployed peers obey every
// introduction. An IP that is configured or verified needs no shelter beyond the total.
func (p *Peer) takeContact(ip netip.Addr) bool {
	if !p.isUnlimited(ip) {
		a, _ := p.budgets.targets.put(ip)
		if !a.take(p.now, p.k, p.limits.IntroPings) {
			return false
		}
	}
	return p.budgets.introduced.take(p.now, p.k, p.limits.IntroPingsTotal)
}

// takeBurst takes one traversal to an IP out of one for each IP, and few to all, in a K
// (LAT-TRAV-018): an IP that is sent connection pings in it gets none.
func (p *Peer) takeBurst(ip netip.Addr) bool {
	a, _ := p.budgets.targets.put(ip)
	if a.used(p.now, p.k) || !p.budgets.traversals.take(p.now, p.k, p.limits.Traversals) {
		return false
	}
	*a = allowance{since: p.now, count: p.limits.IntroPings}
	return true
}

// rate counts what came from a source in a minute of the clock.
type rate struct {
	minute    int64
	count     int // joins and publishes, and streams for this peer while the source is not verified
	streams   int // and answers, for others
	questions int
}

// countJoinOrPublish counts a join or publish, and reports whether its source has not yet used up
// its minute (LAT-BUDG-003). Deployed peers give up counting a source as soon as it names a
// subcluster that they have joined.
func (p *Peer) countJoinOrPublish(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.count++
	return r.count <= p.limits.PerMinute
}

// countRelayed counts a stream or answer to relay, and reports whether its source has not yet used
// up its minute.
func (p *Peer) countRelayed(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.streams++
	return r.streams <= p.limits.StreamsPerMinute
}

// countQuestion counts a question, and reports whether its source has not yet used up its minute.
func (p *Peer) countQuestion(from netip.AddrPort) bool {
	r := p.rateOf(from)
	r.questions++
	return r.questions <= p.limits.QuestionsPerMinute
}

// rateOf is what came from a source in this minute.
func (p *Peer) rateOf(from netip.AddrPort) *rate {
	r, _ := p.budgets.rates.put(from)
	if minute := p.now.Unix() / int64(time.Minute/time.Second); r.minute != minute {
		*r = rate{minute: minute}
	}
	return r
}

// load counts the publishes and joins sent to one address, by second.
type load struct {
	counts [loadTime]uint16
	second int64 // of the newest count
	total  int
}

// roll forgets what is too old.
func (l *load) roll(now time.Time) {
	second := now.Unix()
	for n := min(second-l.second, loadTime); n > 0; n-- {
		slot := &l.counts[((second-n+1)%loadTime+loadTime)%loadTime]
		l.total -= int(*slot)
		*slot = 0
	}
	l.second = max(l.second, second)
}

func (l *load) count(now time.Time) int {
	l.roll(now)
	return l.total
}

func (l *load) add(now time.Time) {
	l.roll(now)
	if slot := &l.counts[l.second%loadTime]; *slot < 1<<16-1 {
		*slot++
		l.total++
	}
}

// freeAt is when the oldest count is forgotten.
func (l *load) freeAt(now time.Time) time.Time {
	l.roll(now)
	for n := int64(loadTime - 1); n >= 0; n-- {
		if second := l.second - n; l.counts[(second%loadTime+loadTime)%loadTime] > 0 {
			return time.Unix(second+loadTime, 0)
		}
	}
	return now
}
