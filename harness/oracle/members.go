package oracle

import (
	"bytes"
	"net/netip"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// An answerKey is an answer at a rendezvous: where it goes, and whose join it answers.
type answerKey struct {
	to        netip.AddrPort
	requester wire.ID
}

// joinObliges notes what a join that came owes beside introductions: that it is passed on, and
// answered at its rendezvous.
func (j *judge) joinObliges(c *joinCopy, h *heardJoin) {
	p, b := c.packet, &c.packet.Body
	if !j.settled(c.datagram) || len(h.came) > 1 || len(p.ClusterID) != 32 || p.Index != wire.NoIndex || b.RequesterPeerID == j.self || j.skewed ||
		b.Keys.Has(wire.KeyRendezvousDeadline) && b.RendezvousDeadline < j.now.Add(time.Second).UnixMilli() ||
		!j.anybodyVerified(c.from) || len(j.address(c.from).names) > 1 || j.crowded(c.from) {
		return
	}
	if p.Hops <= 1 && !j.verified(c.from, b.RequesterPeerID) {
		return // it may be asked who it is
	}
	id, _ := p.ID()
	if due := min(3, j.targets(c.from)-2); due > 0 && p.Hops < wire.MaxHops && !b.Keys.Has(wire.KeyRendezvousRequesterPeerID) {
		// The requester, and the address that it claims, are left out.
		j.owe("join/relay", soon, []int{c.Seq}, "it did not pass on a join that came from "+c.from.String()+", which is verified", func() bool {
			x := j.casts[castKey{wire.Join, id}]
			return x != nil && len(x.to) >= due
		})
	}
	j.rendezvousOwed(c)
}

// rendezvousOwed notes that a member has to answer at the rendezvous of a join (LAT-MEMB-006).
func (j *judge) rendezvousOwed(c *joinCopy) {
	p, b := c.packet, &c.packet.Body
	const needed = wire.KeyRendezvousDeadline | wire.KeyRendezvousAddress | wire.KeyRendezvousPort
	at := netip.AddrPortFrom(b.RendezvousAddress, b.RendezvousPort)
	if p.Hops < 2 || !b.Keys.Has(needed) || b.Keys.Has(wire.KeyRendezvousRequesterPeerID) || b.RendezvousPeerID == j.self || j.indexed ||
		!bytes.Equal(p.ClusterID, j.cluster) || !j.configured(at.Addr()) || j.hasAddress(at) || at.Port() == 0 || j.intros > 4 ||
		j.met[b.RequesterPeerID] || nattype.Of(b.NATType) == nattype.Unknown {
		return
	}
	member := false
	for _, m := range j.joined {
		member = member || m.left.IsZero() && j.now.Sub(m.joined) > j.react+time.Second
	}
	if !member {
		return
	}
	key, came := answerKey{at, b.RequesterPeerID}, j.now
	j.owe("join/answered", soon, []int{c.Seq}, "it did not answer a join at its rendezvous, "+at.String(), func() bool { return !j.answers[key].Before(came) })
}

// answeredWhom judges that no answer at a rendezvous is about a peer that is connected (7.4).
func (j *judge) answeredWhom(d *datagram) {
	b := &d.packet.Body
	j.answersRationed(d)
	j.answers[answerKey{d.to, b.RendezvousRequesterPeerID}] = j.now
	if l := j.linked[b.RendezvousRequesterPeerID]; l != nil && !l.proxied && j.now.Sub(l.since) > j.react {
		j.wrong("join/answer", []int{d.Seq}, "it sent an answer at a rendezvous for %s, to which it is connected", l.id)
	}
}

// answersRationed judges how many answers at a rendezvous an IP address gets that only joins name
// (LAT-SEC-005). A peer may count by intervals, the first of which begins with the first of them,
// unless an introduction named the address before.
func (j *judge) answersRationed(d *datagram) {
	ip := j.ip(d.to.Addr())
	if j.configured(d.to.Addr()) || j.restored || !ip.heard.IsZero() || !ip.introduced.IsZero() {
		return
	}
	j.looked("join/ration")
	if j.now.Sub(ip.answersSince) >= j.k-j.react {
		ip.answersSince, ip.answers = j.now, 0
	}
	if ip.answers++; ip.answers > 3 {
		j.wrong("join/ration", []int{d.Seq}, "it sent %d answers at a rendezvous to %v within %v, from where nothing has come", ip.answers, d.to.Addr(), j.k)
	}
}

// lost judges that a peer from which nothing comes is given up.
func (j *judge) lost() {
	if !j.active() {
		return
	}
	for _, l := range j.linkOrder {
		a := j.address(l.addr)
		if l.proxied || l.over || len(a.echoedBy) == 0 {
			continue // one that is plausible lives by what others pass on
		}
		j.looked("tell/lost")
		if silent := j.now.Sub(latest(a.last, l.since, j.steady)); silent > 5*j.k+soon+j.react {
			l.over = true
			j.wrong("tell/lost", nil, "it has not reported the end of the connection to %v, from where nothing has come for %v", l.addr, silent.Round(100*time.Millisecond))
		}
	}
}

// movedFrom judges that a peer which speaks stays where it is (section 4.5).
func (j *judge) movedFrom(before, l *link) {
	if before == nil || before.proxied || l.proxied || before.addr == l.addr {
		return
	}
	a := j.address(before.addr)
	if len(a.names) != 1 || len(a.ports) != 1 || !a.ports[j.main] || len(a.echoedBy) == 0 {
		return // also one that was only plausible, which moves to what is verified at once
	}
	j.looked("tell/moved")
	if ago := l.since.Sub(a.last); ago >= 0 && ago < time.Second-j.react {
		j.wrong("tell/moved", nil, "it moved the peer at %v to %v, and something had come from the old address %v before", before.addr, l.addr, ago)
	}
}

// woken notes what a peer owes that is woken: the connections of before a long sleep are over.
func (j *judge) woken() {
	j.again(nil, "it was woken")
	if j.now.Sub(j.slept) < j.k+j.react || !j.active() {
		return
	}
	for _, l := range j.linkOrder {
		if !l.proxied {
			woken := j.now
			j.owe("tell/woken", soon, nil, "it was woken after more than a keepalive interval, and did not report the end of the connection to "+l.addr.String(), func() bool {
				x := j.linked[l.id]
				return x != l || x.since.After(woken)
			})
		}
	}
}

// joinFirst notes that a join has to go out when the application joins (LAT-MEMB-001). A peer may
// have room for no more than one subcluster.
func (j *judge) joinFirst(sub wire.ID) {
	if !j.active() || !j.knowsType() || j.targets(netip.AddrPort{}) == 0 || j.now.Sub(j.steady) < soon || len(j.joined) > 1 {
		return
	}
	joined := j.now
	j.owe("join/first", soon, nil, "its application joined the subcluster "+sub.String()+", and it sent no join", func() bool {
		m := j.joined[sub]
		return m == nil || !m.left.IsZero() || !j.own.last[sub].Before(joined)
	})
}

// bootstraps judges that each bootstrap peer is asked in each keepalive interval (section 7.5).
func (j *judge) bootstraps() {
	if !j.active() || !j.knowsType() || len(j.bootstrapOrder) > 32 {
		return
	}
	for _, at := range j.bootstrapOrder {
		a := j.address(at)
		since := latest(a.pinged, j.steady, j.types[0].at)
		j.looked("ping/bootstrap")
		if gap := j.now.Sub(since); gap > j.k+j.react+3*time.Second && j.alone(at) {
			a.pinged = j.now
			j.wrong("ping/bootstrap", nil, "it sent no ping to the bootstrap peer at %v for %v; K is %v", at, gap.Round(100*time.Millisecond), j.k)
		}
	}
}

// alone reports whether no other bootstrap peer has the IP address of one.
func (j *judge) alone(at netip.AddrPort) bool {
	for _, other := range j.bootstrapOrder {
		if other != at && other.Addr() == at.Addr() {
			return false
		}
	}
	return true
}
