package oracle

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// A membership is a subcluster that the application joined.
type membership struct {
	joined, left time.Time // left: zero while it is a member
	unsure       bool      // the peer may have had as many subclusters as it can join
	keys         seal.Keys
	judged       bool
	idle         time.Time // when it last had nobody to send to
}

// members is how many subclusters the peer is a member of.
func (j *judge) members() (n int) {
	for _, m := range j.joined { // order-free: a count
		if m.left.IsZero() {
			n++
		}
	}
	return n
}

// A heardJoin is the joins that came in under one packetId.
type heardJoin struct{ came []*joinCopy }

type joinCopy struct {
	*datagram
	intros []*sentIntro // that follow from it, as far as is known
}

// A sentIntro is an introduction that was sent, and the joins that it may follow from.
type sentIntro struct{ causes []*joinCopy }

// lay lays an introduction to a join that has room for it. Others that were laid to the same join
// move to another where they can: no order in which joins are chosen is right for all.
func (s *sentIntro) lay(most int, tried map[*joinCopy]bool) bool {
	for _, c := range s.causes {
		if tried[c] {
			continue
		}
		tried[c] = true
		if len(c.intros) < most {
			c.intros = append(c.intros, s)
			return true
		}
		for i, other := range c.intros {
			if other.lay(most, tried) {
				c.intros[i] = s
				return true
			}
		}
	}
	return false
}

// ownJoinsAtOnce is how many joins for one subcluster an address may get in the time between two
// discoveries, and in a K at least: one at the tick, and two after each of the discoveries that a
// bad network may set off.
const ownJoinsAtOnce = 8

// maxOwnJoins is how many an address may get in a K.
func (j *judge) maxOwnJoins() int {
	between := max(j.constants.LeastTime("discovery.heartbeat-interval"), time.Millisecond)
	return ownJoinsAtOnce * int(max((j.k+between-1)/between, 1))
}

// turn is how long what waits for its turn among a peer's own datagrams may take.
const turn = 10 * time.Second

func (j *judge) joinCame(d *datagram) {
	b := &d.packet.Body
	if d.packet.Hops <= 1 {
		j.names(d, b.RequesterPeerID)
		j.announces(b.RequesterPeerID, b.NATType)
	}
	j.named[b.RequesterPeerID] = true // it may come by a proxy
	if a := j.address(netip.AddrPortFrom(b.Address, b.Port)); a.claimed < 0 {
		a.claimed = d.Seq
	}
	if b.Keys.Has(wire.KeyRendezvousAddress | wire.KeyRendezvousPort) {
		j.address(netip.AddrPortFrom(b.RendezvousAddress, b.RendezvousPort)).rendezvous = d.At
		j.ip(b.RendezvousAddress).rendezvous = true
	}
	id, ok := d.packet.ID()
	if !ok {
		return
	}
	if j.joins[id] == nil {
		j.joins[id] = &heardJoin{}
		j.joinOrder = append(j.joinOrder, j.joins[id])
	}
	c := &joinCopy{datagram: d}
	j.joins[id].came = append(j.joins[id].came, c)
	j.introsOwed(c, j.joins[id])
	j.joinObliges(c, j.joins[id])
}

// ownJoins is what the judge remembers of the joins of the peer itself.
type ownJoins struct {
	clock uint32
	last  map[wire.ID]time.Time  // by subcluster
	to    map[joinTo][]time.Time // when each was sent
}

type joinTo struct {
	subcluster wire.ID
	to         netip.AddrPort
}

func (j *judge) joinSent(d *datagram) {
	b := &d.packet.Body
	switch {
	case b.RequesterPeerID != j.self:
		j.joinRelayed(d)
	case d.packet.Hops == 0 || b.Keys.Has(wire.KeyRendezvousRequesterPeerID):
		j.joinAnswered(d)
	default:
		j.joinOwn(d)
	}
}

func (j *judge) joinOwn(d *datagram) {
	p, b := d.packet, &d.packet.Body
	j.looked("join/self")
	switch {
	case p.Hops != 1:
		j.wrong("join/self", []int{d.Seq}, "it sent an own join with hops %d; 1 is right", p.Hops)
	case !bytes.Equal(p.ClusterID, j.cluster) && len(j.cluster) > 0:
		j.wrong("join/self", []int{d.Seq}, "it sent an own join for the cluster %x; its own is %x", p.ClusterID, j.cluster)
	case !j.hasType(b.NATType):
		j.wrong("join/self", []int{d.Seq}, "it sent an own join with natType %d, which is not its own type", b.NATType)
	case !j.hasAddress(netip.AddrPortFrom(b.Address, b.Port)):
		j.wrong("join/self", []int{d.Seq}, "it sent an own join with the address %v:%d, which is not what it said was its own", b.Address, b.Port)
	case b.Keys&(wire.KeyRendezvousAddress|wire.KeyRendezvousDeadline|wire.KeyRendezvousPeerID) != 0:
		j.wrong("join/self", []int{d.Seq}, "it sent an own join with rendezvous keys, which a relay adds")
	}
	sub, ok := j.memberOf(d)
	if !ok {
		return
	}
	j.looked("join/clock")
	if j.own.last == nil {
		j.own.last, j.own.to = map[wire.ID]time.Time{}, map[joinTo][]time.Time{}
	}
	again := j.now.Sub(j.own.last[sub]) > j.k/4 // another one than the last, and no copy of it
	if p.Clock < j.own.clock || again && p.Clock == j.own.clock {
		j.wrong("join/clock", []int{d.Seq}, "it sent an own join with the clock %d after one with %d", p.Clock, j.own.clock)
	}
	j.own.clock, j.own.last[sub] = max(p.Clock, j.own.clock), j.now
	j.looked("join/often")
	key := joinTo{sub, d.to}
	times := append(j.own.to[key], j.now)
	for len(times) > 0 && j.now.Sub(times[0]) >= j.k-j.react {
		times = times[1:]
	}
	j.own.to[key] = times
	if len(times) > j.maxOwnJoins() {
		j.wrong("join/often", []int{d.Seq}, "it sent %d own joins for one subcluster to %v within %v", len(times), d.to, j.k)
	}
}

// memberOf judges that an own join is for a subcluster that was joined.
func (j *judge) memberOf(d *datagram) (wire.ID, bool) {
	j.looked("join/member")
	sub, ok := wire.AsID(d.packet.SubclusterID)
	m := j.joined[sub]
	if ok && m == nil && j.joining[sub] {
		return sub, false
	}
	if !ok || m == nil {
		j.wrong("join/member", []int{d.Seq}, "it sent an own join for the subcluster %x, which its application has not joined", d.packet.SubclusterID)
		return sub, false
	}
	if !m.left.IsZero() {
		j.looked("join/left")
		if j.now.Sub(m.left) > j.react+turn {
			j.wrong("join/left", []int{d.Seq}, "it sent an own join for the subcluster %s, %v after its application left that", sub, j.now.Sub(m.left))
		}
	}
	return sub, true
}

// joinAnswered judges an answer at a rendezvous (section 7.4).
func (j *judge) joinAnswered(d *datagram) {
	p, b := d.packet, &d.packet.Body
	j.looked("join/answer")
	j.answeredWhom(d)
	why := "no join came in that names this address as its rendezvous"
	ok := false
	for _, h := range j.joinOrder {
		for _, c := range h.came {
			r := &c.packet.Body
			if !r.Keys.Has(wire.KeyRendezvousAddress|wire.KeyRendezvousPort) || netip.AddrPortFrom(r.RendezvousAddress, r.RendezvousPort) != d.to || j.now.Sub(c.handled) > j.hold()+turn+j.react {
				continue
			}
			switch {
			case b.RendezvousRequesterPeerID != r.RequesterPeerID:
				why = "it does not name the requester of the join that it answers"
			case p.Hops != 0:
				why = "its hops are not 0"
			case b.Keys.Has(wire.KeyRendezvousType) && b.RendezvousType != r.NATType:
				why = "its rendezvousType is not the natType of the join"
			case r.Keys.Has(wire.KeyRendezvousPeerID) && (!b.Keys.Has(wire.KeyRendezvousPeerID) || b.RendezvousPeerID != r.RendezvousPeerID):
				why = "it does not name the rendezvousPeerId of the join"
			case !bytes.Equal(p.ClusterID, c.packet.ClusterID):
				why = "its cluster is another one than that of the join"
			case p.Clock != c.packet.Clock:
				why = "its clock is not that of the join"
			default:
				ok = true
			}
		}
	}
	if !ok {
		j.wrong("join/answer", []int{d.Seq}, "it sent an answer at a rendezvous to %v: %s", d.to, why)
	}
	j.memberOf(d)
}

// sameHeader says which field of a relayed packet is not that of the packet that came in; hops, ttl
// and message are judged elsewhere.
func sameHeader(in, out *wire.Packet) string {
	for _, f := range []struct {
		name    string
		in, out []byte
	}{
		{"clusterId", in.ClusterID, out.ClusterID}, {"subclusterId", in.SubclusterID, out.SubclusterID},
		{"previousId", in.PreviousID, out.PreviousID}, {"packetId", in.PacketID, out.PacketID}, {"nextId", in.NextID, out.NextID},
		{"usr1", in.Usr1, out.Usr1}, {"usr2", in.Usr2, out.Usr2}, {"usr3", in.Usr3, out.Usr3}, {"usr4", in.Usr4, out.Usr4},
		{"sig", in.Sig, out.Sig},
	} {
		if !bytes.Equal(f.in, f.out) {
			return f.name
		}
	}
	switch {
	case in.Clock != out.Clock:
		return "clock"
	case in.Index != out.Index:
		return "index"
	case in.Type != out.Type:
		return "type"
	}
	return ""
}

const rendezvousKeys = wire.KeyRendezvousAddress | wire.KeyRendezvousPort | wire.KeyRendezvousType | wire.KeyRendezvousPeerID | wire.KeyRendezvousDeadline

func (j *judge) joinRelayed(d *datagram) {
	p := d.packet
	j.looked("join/same")
	id, _ := p.ID()
	h := j.joins[id]
	if h == nil {
		j.wrong("join/same", []int{d.Seq}, "it sent a join of %s to %v, and no join with that packetId came in", p.Body.RequesterPeerID, d.to)
		return
	}
	why, frame := "", -1
	keys, keysFrame := "", -1
	var from *joinCopy
	for i := len(h.came) - 1; i >= 0 && from == nil; i-- {
		c := h.came[i]
		reason := j.relayOf(c, d)
		wrongKeys := j.rendezvousWrong(c, d)
		switch {
		case reason == "" && wrongKeys == "":
			from = c
		case reason == "":
			keys, keysFrame = wrongKeys, c.Seq
		case why == "":
			why, frame = reason, c.Seq
		}
	}
	j.looked("join/rendezvous")
	switch {
	case from == nil && keys != "":
		j.wrong("join/rendezvous", []int{keysFrame, d.Seq}, "it relayed a join of %s %s", p.Body.RequesterPeerID, keys)
		return
	case from == nil:
		j.wrong("join/same", []int{frame, d.Seq}, "it relayed a join of %s to %v %s", p.Body.RequesterPeerID, d.to, why)
		return
	}
	j.castOnce("join/once", wire.Join, id, d, j.constants.LeastTime("join.gate"))
}

// relayOf says what keeps a join from being the relayed copy of one that came in.
func (j *judge) relayOf(c *joinCopy, d *datagram) string {
	in, out := c.packet, d.packet
	added := !in.Body.Keys.Has(wire.KeyRendezvousDeadline) && out.Body.Keys.Has(wire.KeyRendezvousDeadline)
	switch field := sameHeader(in, out); {
	case j.now.Sub(c.handled) > j.hold()+turn+j.react:
		return "long after it came in"
	case field != "":
		return "with another " + field
	case out.Hops != in.Hops+1:
		return "with hops " + strconv.Itoa(int(out.Hops)) + ", where it came with " + strconv.Itoa(int(in.Hops))
	case in.Hops >= wire.MaxHops:
		return "that came with hops 16 or more"
	case in.TTL != out.TTL:
		return "with another ttl"
	case c.from == d.to:
		return "from where it came"
	case !added && !bytes.Equal(in.Message, out.Message):
		return "with another body"
	}
	return ""
}

// rendezvousWrong says what is wrong with the rendezvous keys that a relay added to a join, or left
// out (LAT-MEMB-005); empty where nothing is.
func (j *judge) rendezvousWrong(c *joinCopy, d *datagram) (why string) {
	in, out := &c.packet.Body, &d.packet.Body
	added := !in.Keys.Has(wire.KeyRendezvousDeadline) && out.Keys.Has(wire.KeyRendezvousDeadline)
	must := c.packet.Hops == 1 && !in.Keys.Has(wire.KeyRendezvousDeadline) && j.hasType(31) && j.knowsType()
	switch {
	case !added && must:
		return "without rendezvous keys, which a relay of type 31 adds"
	case !added:
		return ""
	case c.packet.Hops != 1:
		why = "to a join that came with hops " + strconv.Itoa(int(c.packet.Hops))
	case !j.hasType(31):
		why = "though it is not of type 31"
	case !out.Keys.Has(rendezvousKeys):
		why = "but not all five of them"
	case out.RendezvousPeerID != j.self:
		why = "in the name of another peer"
	case out.RendezvousType != 31:
		why = "with another rendezvousType than 31"
	case !j.hasAddress(netip.AddrPortFrom(out.RendezvousAddress, out.RendezvousPort)):
		why = "with an address that is not its own"
	case !j.skewed && (out.RendezvousDeadline < c.handled.UnixMilli()+j.k.Milliseconds()-50 || out.RendezvousDeadline > j.now.Add(j.react).UnixMilli()+j.k.Milliseconds()+50):
		why = "with a deadline that is not one keepalive interval after the join came"
	case out.RequesterPeerID != in.RequesterPeerID || out.NATType != in.NATType || out.Address != in.Address || out.Port != in.Port || !bytes.Equal(out.Key, in.Key):
		why = "and changed another key"
	}
	if why != "" {
		why = "and added rendezvous keys " + why
	}
	return why
}

// A castKey is one packet that a peer passes on.
type castKey struct {
	of wire.Type
	id wire.ID
}

// A cast is where it went, and when.
type cast struct{ to map[netip.AddrPort]time.Time }

// castOnce judges that what is passed on goes once to each of at most six addresses, within the
// least time for which a packet is not handled again.
func (j *judge) castOnce(rule string, of wire.Type, id wire.ID, d *datagram, gate time.Duration) {
	j.looked(rule)
	key := castKey{of, id}
	c := j.casts[key]
	if c == nil {
		c = &cast{map[netip.AddrPort]time.Time{}}
		j.casts[key] = c
	}
	recent := 0
	for _, at := range c.to {
		if j.now.Sub(at) < gate-j.react {
			recent++
		}
	}
	if at, before := c.to[d.to]; before && j.now.Sub(at) < gate-j.react {
		j.wrong(rule, []int{d.Seq}, "it passed the same %s on to %v a second time, %v after the first", of, d.to, j.now.Sub(at))
	} else if recent >= j.constants.Most("multicast.targets") {
		j.wrong(rule, []int{d.Seq}, "it passed one %s on to more than %d addresses", of, j.constants.Most("multicast.targets"))
	}
	c.to[d.to] = j.now
}

// introCame notes whom an introduction names.
func (j *judge) introCame(d *datagram) {
	b := &d.packet.Body
	j.names(d, b.ResponderPeerID)
	j.introObeyed(d)
	if b.NATType == 5 || b.NATType == 7 {
		j.guessed = j.now
	}
	j.intros++
	j.met[b.RequesterPeerID] = true
	if j.trusted(d) || j.pendingAt(d.from) {
		j.ip(b.Address).trusted = d.At
	} else {
		from := j.address(d.from)
		from.heldIntros = append(from.heldIntros, heldIntro{b.Address, d.At})
	}
	if j.isFresh(d) {
		j.ip(b.Address).fresh = d.At
	}
	a := j.address(netip.AddrPortFrom(b.Address, b.Port))
	a.introduced = d.At
	if a.introducedFor == nil {
		a.introducedFor = map[string]bool{}
	}
	a.introducedFor[string(d.packet.SubclusterID)] = true
	j.ip(b.Address).introduced = d.At
}

// A heldIntro is an introduction by a source that had proved nothing yet. It waits for the proof.
type heldIntro struct {
	of netip.Addr
	at time.Time
}

// provenIntros trusts the introductions of an address that has just echoed.
func (j *judge) provenIntros(a *address) {
	for _, x := range a.heldIntros {
		if j.now.Sub(x.at) <= j.hold()+turn+j.react {
			j.ip(x.of).trusted = j.now
		}
	}
	a.heldIntros = nil
}

func (j *judge) introSent(d *datagram) {
	p, b := d.packet, &d.packet.Body
	j.looked("intro/cause")
	j.introAbout[b.RequesterPeerID], j.introTo[d.to] = d.At, d.At
	j.looked("intro/fields")
	sent := &sentIntro{}
	why, frame := "no join of its subcluster came in that it could follow from", -1
	for _, h := range j.joinOrder {
		for i := len(h.came) - 1; i >= 0; i-- {
			c := h.came[i]
			if j.now.Sub(c.handled) > j.hold()+turn+j.react {
				break
			}
			if !bytes.Equal(c.packet.ClusterID, p.ClusterID) || !bytes.Equal(c.packet.SubclusterID, p.SubclusterID) {
				continue
			}
			reason := j.introOf(c, d)
			if reason == "" {
				sent.causes = append(sent.causes, c)
			} else {
				why, frame = reason, c.Seq
			}
		}
	}
	if len(sent.causes) == 0 {
		j.wrong("intro/cause", []int{frame, d.Seq}, "it introduced %s at %v:%d to %v: %s", b.RequesterPeerID, b.Address, b.Port, d.to, why)
		return
	}
	j.looked("intro/count")
	if most := j.constants.Most("join.intros"); !sent.lay(most, map[*joinCopy]bool{}) {
		j.wrong("intro/count", []int{sent.causes[0].Seq, d.Seq}, "it sent more than %d intros because of one join", most)
	}
	made, ok := timeIn(p.Usr1)
	switch {
	case b.ResponderPeerID != j.self:
		j.wrong("intro/fields", []int{d.Seq}, "it sent an intro in the name of %s", b.ResponderPeerID)
	case !ok:
		j.wrong("intro/fields", []int{d.Seq}, "it sent an intro whose usr1 is no time")
	case !j.skewed && (made.UnixMilli() < d.At.Add(-turn-j.react).UnixMilli() || made.UnixMilli() > d.At.UnixMilli()+1000):
		j.wrong("intro/fields", []int{d.Seq}, "it sent an intro whose usr1 is not the time of sending")
	}
}

// introOf says why an intro does not follow from a join.
func (j *judge) introOf(c *joinCopy, d *datagram) string {
	b, r := &d.packet.Body, &c.packet.Body
	at := netip.AddrPortFrom(b.Address, b.Port)
	answer := r.Keys.Has(wire.KeyRendezvousRequesterPeerID)
	switch {
	case c.packet.Hops > 1:
		return "its join came with hops " + strconv.Itoa(int(c.packet.Hops)) + ", so that the requester was not there"
	case d.packet.Hops != c.packet.Hops+1:
		return "its hops are not one higher than those of the join"
	case b.Keys.Has(wire.KeyIsRendezvous) && b.IsRendezvous != answer:
		return "isRendezvous does not say whether the join was an answer at a rendezvous"
	case b.RequesterPeerID == r.RequesterPeerID:
		switch {
		case j.isBootstrap(d.to):
			return "the address is that of a bootstrap peer, to which nobody is introduced"
		case d.to == c.from:
			return "the address is that of the requester itself"
		case at == c.from:
		case answer && j.knownAt(b.RequesterPeerID, at):
		default:
			return "the join of that peer came from " + c.from.String()
		}
		if b.NATType != r.NATType {
			return "the natType is not that of its join"
		}
		return ""
	case j.isBootstrap(at):
		return "it is a bootstrap peer, and indexed peers are introduced to nobody"
	case d.to != c.from:
		return "neither is the peer the requester of the join, nor the address the source of the join"
	case !j.knownAt(b.RequesterPeerID, at):
		return "nothing of that peer has come from there"
	case !j.natTypes[b.RequesterPeerID][b.NATType]:
		return "the natType is none that this peer has announced"
	}
	return ""
}

func (j *judge) isBootstrap(at netip.AddrPort) bool {
	_, configured := j.bootstrap[at]
	return configured
}

// knownAt reports whether something in a peer's name came from an address.
func (j *judge) knownAt(id wire.ID, at netip.AddrPort) bool {
	a := j.addresses[at]
	if a == nil {
		return false
	}
	_, ok := a.names[id]
	return ok
}

// joinsOwed judges that a member goes on sending joins (LAT-MEMB-001).
func (j *judge) joinsOwed() {
	if !j.active() || !j.knowsType() || j.targets(netip.AddrPort{}) == 0 {
		for _, m := range j.joined {
			m.idle = j.now
		}
		return
	}
	for id, m := range j.joined {
		if !m.left.IsZero() || m.judged || m.unsure {
			continue
		}
		j.looked("join/owed")
		since := latest(m.joined, m.idle, j.own.last[id], j.types[0].at, j.steady)
		if gap := j.now.Sub(since); gap > j.k+j.react+2*time.Second {
			m.judged = true
			j.wrong("join/owed", nil, "it sent no join for the subcluster %s for %v; K is %v", id, gap.Round(100*time.Millisecond), j.k)
		}
	}
}

// pendingAt reports whether an address may be asked for an echo, so that what came from it may be
// held until one comes (LAT-TRAV-019).
func (j *judge) pendingAt(a netip.AddrPort) bool {
	return !j.address(a).pinged.IsZero() && j.now.Sub(j.address(a).pinged) < j.hold()+j.react
}
