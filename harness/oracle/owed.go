package oracle

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A debt is what has to follow from an input.
type debt struct {
	rule   string
	by     time.Time
	frames []int
	paid   func() bool
	text   string
}

// owe notes a debt, unless the peer is told to do nothing before it is due.
func (j *judge) owe(rule string, within time.Duration, frames []int, text string, paid func() bool) {
	j.debts = append(j.debts, debt{rule, j.now.Add(within + j.react), frames, paid, text})
}

// debtsDue judges the debts that should have been paid by now.
func (j *judge) debtsDue() {
	kept := j.debts[:0]
	for _, x := range j.debts {
		if !j.now.After(x.by) {
			kept = append(kept, x)
			continue
		}
		j.looked(x.rule)
		if !x.paid() {
			j.wrong(x.rule, x.frames, "%s", x.text)
		}
	}
	j.debts = kept
}

// soon is how long what waits behind other datagrams of the peer may take: they leave one each
// 10 ms at the least pace that the standard permits.
const soon = 2 * time.Second

// verified reports whether an address is certainly verified, in a peer's name.
func (j *judge) verified(a netip.AddrPort, id wire.ID) bool {
	at, ok := j.address(a).proved[id]
	return ok && j.now.Sub(at) > j.react && j.now.Sub(at) < j.proofFor-j.react
}

// anybodyVerified reports whether an address is certainly verified, in whatever name.
func (j *judge) anybodyVerified(a netip.AddrPort) bool {
	for id := range j.address(a).proved {
		if j.verified(a, id) {
			return true
		}
	}
	return false
}

// settled reports whether a peer certainly handles what comes to its main socket now.
func (j *judge) settled(d *datagram) bool {
	return j.active() && !j.restored && j.knowsType() && d.to.Port() == j.main && j.now.Sub(j.steady) > j.react+time.Second
}

// introsOwed notes that a join has to be answered by introductions (LAT-MEMB-002).
func (j *judge) introsOwed(c *joinCopy, h *heardJoin) {
	p, b := c.packet, &c.packet.Body
	if !j.settled(c.datagram) || p.Hops > 1 || len(p.ClusterID) != 32 || p.Index != wire.NoIndex || b.RequesterPeerID == j.self ||
		b.Keys.Has(wire.KeyRendezvousDeadline) || b.Keys.Has(wire.KeyRendezvousRequesterPeerID) ||
		nattype.Of(b.NATType) == nattype.Unknown || b.NATType > 31 || !j.verified(c.from, b.RequesterPeerID) || j.crowded(c.from) {
		return
	}
	for _, x := range h.came[:len(h.came)-1] {
		if c.At.Sub(x.At) < j.k+j.react {
			return
		}
	}
	if len(j.address(c.from).names) > 1 {
		return
	}
	for _, l := range j.linkedAt(c.from) {
		if l.id != b.RequesterPeerID {
			return
		}
	}
	others := 0
	for _, l := range j.linkOrder {
		if !l.proxied && !j.isBootstrap(l.addr) && l.natType != 0 && l.addr != c.from && l.id != b.RequesterPeerID && j.now.Sub(l.since) > j.react+time.Second &&
			j.now.Sub(j.address(l.addr).last) < j.freshFor-j.react && j.anybodyVerified(l.addr) {
			others++
		}
	}
	if others == 0 {
		return
	}
	from, requester, came := c.from, b.RequesterPeerID, c.At
	j.owe("intro/owed", soon, []int{c.Seq}, "it introduced the requester of a join that came from "+from.String()+", which is verified, to nobody",
		func() bool { return !j.introAbout[requester].Before(came) && !j.introTo[from].Before(came) })
}

// questionOwed notes that a question has to be answered or passed on (LAT-QRY-004, LAT-QRY-006).
func (j *judge) questionOwed(q *heardQuery, id wire.ID, d *datagram) {
	p := d.packet
	if len(q.came) > 1 || !j.settled(d) || p.Index != wire.NoIndex || j.questions[id] || !j.anybodyVerified(d.from) || j.crowded(d.from) || j.skewed {
		return
	}
	if asked, ok := timeIn(p.Usr1); ok && d.At.Sub(asked) > 25*time.Second {
		return
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(p.Message, &body) != nil || body == nil {
		return
	}
	if raw, ok := body["packetId"]; ok {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return
		}
		want, err := wire.ParseID(text)
		if _, held := j.model.cache.Get(want); err != nil || !j.certain() || !held {
			return
		}
		j.owe("answer/owed", soon, []int{d.Seq}, "it did not answer a question of "+d.from.String()+" for a packet that it holds",
			func() bool { return !q.sent[want].IsZero() })
		return
	}
	due := min(3, j.targets(d.from))
	if due == 0 || p.Hops >= wire.MaxHops {
		return
	}
	j.owe("query/owed", soon, []int{d.Seq}, "it passed a question of "+d.from.String()+" on to fewer than "+strconv.Itoa(due)+" peers",
		func() bool { c := j.casts[castKey{wire.Query, id}]; return c != nil && len(c.to) >= due })
}

// streamOwed notes that a stream has to be relayed (LAT-STRM-006).
func (j *judge) streamOwed(h *heardStream, key streamKey, d *datagram) {
	if len(h.came) > 1 || !j.settled(d) || d.packet.Hops >= wire.MaxHops || wire.VerifyID(d.packet) != wire.IDMatch || !j.anybodyVerified(d.from) {
		return
	}
	l := j.linked[key.to]
	if l == nil || l.proxied || l.addr == d.from || j.now.Sub(l.since) < j.react+time.Second || j.now.Sub(j.address(l.addr).last) > j.freshFor-j.react {
		return
	}
	j.owe("stream/owed", soon, []int{d.Seq}, "it did not relay a stream from "+d.from.String()+" to "+key.to.String()+", to which it is connected",
		func() bool { return !h.passed.IsZero() })
}

// publishOwed notes that what was published has to be multicast (LAT-REPL-001).
func (j *judge) publishOwed(ids []wire.ID) {
	due := min(3, j.targets(netip.AddrPort{}))
	if due == 0 || !j.active() || j.restored || !j.knowsType() || j.now.Sub(j.steady) < j.k || len(ids) > min(64, j.surely()/2) {
		return
	}
	for _, id := range ids {
		h := j.packets[id]
		j.owe("publish/owed", soon+time.Duration(len(ids))*j.constants.MostTime("pace.interval"), nil, "it multicast the packet "+id.String()+" of an own publish to fewer than "+strconv.Itoa(due)+" peers",
			func() bool { return len(h.to) >= due })
	}
}

// A dream is a packet that was published while the peer slept, and when.
type dream struct {
	id wire.ID
	at time.Time
}

// dreamtOwed notes that what was published in the sleep has to be sent (LAT-MEMB-032), where the
// peer is connected to somebody who speaks, for long enough before it is due.
func (j *judge) dreamtOwed() {
	all, woken := j.dreamt, j.now
	j.dreamt = nil
	if !j.running || j.suspended || j.restored || len(all) > 64 {
		return
	}
	for _, x := range all {
		id, h := x.id, j.packets[x.id]
		j.owe("publish/woken", j.k+soon, nil, "it multicast the packet "+id.String()+", which was published while it slept, to nobody within a keepalive interval after it was woken",
			func() bool {
				ended := h.with.TTL > 0 && j.now.Sub(x.at) >= time.Duration(h.with.TTL)*time.Millisecond
				for _, l := range j.linkOrder {
					if !l.proxied && l.natType != 0 && l.since.Before(woken.Add(j.k/2)) && j.anybodyVerified(l.addr) && j.address(l.addr).last.After(woken.Add(j.k/2)) {
						return ended || len(h.to) > 0 || !j.knowsType() || j.types[len(j.types)-1].at.After(woken.Add(j.k/2))
					}
				}
				return true
			})
	}
}

// syncFirst notes that a new connection has to be synced with (LAT-SYNC-003).
func (j *judge) syncFirst(l *link) {
	a := j.address(l.addr)
	if l.proxied || !j.active() || j.restored || !j.knowsType() || !j.anybodyVerified(l.addr) || j.now.Sub(j.rootTo(l)) < max(j.k, j.constants.MostTime("sync.first-interval"))+j.react {
		return
	}
	since := l.since.Add(-time.Second - j.react)
	j.owe("sync/first", soon, nil, "it sent no summary of its whole cache to "+l.addr.String()+", to which it had become connected",
		func() bool { return j.linked[l.id] != l || a.root.After(since) })
}

// obeyed is how many introductions a peer certainly obeys, if they are all that ever came.
func (j *judge) obeyed() int {
	return min(50, j.constants.Least("intro.open")-1, j.constants.Least("intro.pings-total")/3-1)
}

// rootTo is when a root summary was last sent to any address of a peer.
func (j *judge) rootTo(l *link) (at time.Time) {
	for _, a := range j.addresses { // order-free: the latest of all
		if _, named := a.names[l.id]; named {
			at = latest(at, a.root)
		}
	}
	return latest(at, j.address(l.addr).root)
}

// introObeyed notes that an introduction has to be obeyed, where that is certain (LAT-TRAV-002).
func (j *judge) introObeyed(d *datagram) {
	p, b := d.packet, &d.packet.Body
	to := netip.AddrPortFrom(b.Address, b.Port)
	own := 0
	if len(j.types) > 0 {
		own = j.types[len(j.types)-1].natType
	}
	strategy := nattype.Choose(nattype.Of(own), nattype.Of(b.NATType))
	if !j.settled(d) || p.Hops >= wire.MaxHops || j.skewed || !j.anybodyVerified(d.from) {
		return
	}
	if made, ok := timeIn(p.Usr1); !ok || d.At.Sub(made) > j.k/3 {
		return
	}
	ip := j.ip(b.Address)
	if b.RequesterPeerID == j.self || b.ResponderPeerID == j.self || j.linked[b.RequesterPeerID] != nil || j.met[b.RequesterPeerID] || j.named[b.RequesterPeerID] || !ip.introduced.IsZero() || !ip.heard.IsZero() ||
		impossible(to) || j.hasAddress(to) || j.intros > j.obeyed() {
		return
	}
	j.guessOwed(strategy, b.RequesterPeerID, to, d)
	if strategy != nattype.Direct && strategy != nattype.Defer {
		return
	}
	j.owe("traversal/obeyed", soon, []int{d.Seq}, "it sent no connection ping to "+to.String()+", which a verified peer introduced and where the strategy is direct or defer",
		func() bool { return !j.address(to).connectionPing.IsZero() })
}

// announceOwed notes that a new type has to be announced to everybody (LAT-NAT-009).
func (j *judge) announceOwed(at time.Time) {
	if !j.active() || j.indexed || j.restored {
		return
	}
	for _, to := range j.bootstrapOrder {
		if len(j.bootstrapOrder) > 32 {
			break // they take their turn
		}
		j.owe("ping/announced", soon, nil, "it learned its NAT type, and sent no connection ping to the bootstrap peer at "+to.String(),
			func() bool { return j.address(to).connectionPing.After(at.Add(-j.react - time.Second)) })
	}
	for _, l := range j.linkOrder {
		if l.proxied || j.now.Sub(j.address(l.addr).last) > j.k {
			continue
		}
		j.owe("ping/announced", soon, nil, "it learned its NAT type, and sent no connection ping to "+l.addr.String()+", to which it is connected",
			func() bool {
				return j.linked[l.id] != l || j.address(l.addr).connectionPing.After(at.Add(-j.react-time.Second))
			})
	}
}

// connectionJudged judges to whom a connection is reported, and where.
func (j *judge) connectionJudged(l *link, m *testee.Message) {
	if l.proxied || j.restored {
		return
	}
	j.proven(l)
}

// disconnectionJudged judges that a peer which speaks is not given up.
func (j *judge) disconnectionJudged(l *link) {
	a := j.address(l.addr)
	if l.proxied || j.asleep || j.suspended || j.now.Sub(j.steady) < 4*j.k || len(a.names) != 1 || len(a.ports) != 1 || len(j.linkOrder) > 60 || len(j.named) >= j.constants.Least("peers.known")-2 {
		return
	}
	j.looked("tell/given-up")
	if silent := j.now.Sub(a.last); silent < j.constants.LeastTime("peers.silence")-j.react-time.Second {
		j.wrong("tell/given-up", nil, "it gave up the peer at %v, from where something had come %v before", l.addr, silent.Round(100*time.Millisecond))
	}
}

// introPings is for how long an introduction has connection pings sent (LAT-TRAV-002).
const introPings = 2 * time.Second

// path judges that what goes to a peer which was reached from another socket leaves from that one
// (LAT-TRAV-017).
func (j *judge) path(d *datagram) {
	a := j.address(d.to)
	if d.packet == nil || j.isPool(d.from.Port()) || len(a.ports) == 0 || len(j.linkedAt(d.to)) == 0 {
		return
	}
	for port := range a.ports {
		if !j.isPool(port) {
			return
		}
	}
	if d.packet.Type == wire.Ping && d.packet.Body.IsConnection && j.now.Sub(j.ip(d.to.Addr()).introduced) < introPings+j.constants.MostTime("intro.wait")+j.react {
		return // it is introduced again, and tried anew
	}
	j.looked("send/path")
	if j.now.Sub(j.linkedAt(d.to)[0].since) > j.react+time.Second {
		j.wrong("send/path", []int{d.Seq}, "it sent a %s to %v from its main socket, and has reached that address from another one alone", d.packet.Type, d.to)
	}
}

// obedience judges connection pings to what was only ever introduced by strangers (LAT-TRAV-005).
func (j *judge) obedience(d *datagram) {
	if d.packet == nil && !wire.IsOpener(d.payload) || d.packet != nil && d.packet.Type != wire.Ping {
		return
	}
	a, ip := j.address(d.to), j.ip(d.to.Addr())
	if j.isBootstrap(d.to) || j.restored || !a.first.IsZero() || ip.introduced.IsZero() || !a.rendezvous.IsZero() {
		return
	}
	j.looked("traversal/trusted")
	if ip.trusted.IsZero() {
		j.wrong("traversal/trusted", []int{d.Seq}, "it sent to %v, which was introduced by nobody that it had verified", d.to)
	}
	j.looked("traversal/stale")
	if ip.fresh.IsZero() {
		j.wrong("traversal/stale", []int{d.Seq}, "it sent to %v, and each introduction that names it was older than %v by its usr1", d.to, j.constants.MostTime("intro.age"))
	}
}
