package oracle

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A heldPacket is a publish that came in or that the peer published, whatever the life.
type heldPacket struct {
	came []*copyOf
	own  bool
	life int                // in which it was published
	with testee.PublishWith // of an own one
	sent *datagram          // the first of an own one that was seen
	owed time.Time          // until when it has to be passed on; zero: not
	due  int                // to how many peers
	to   map[netip.AddrPort]bool
}

type copyOf struct {
	*datagram
	life int
}

func (j *judge) packetOf(id wire.ID) *heldPacket {
	h := j.packets[id]
	if h == nil {
		h = &heldPacket{to: map[netip.AddrPort]bool{}}
		j.packets[id] = h
	}
	return h
}

// lifetime is how long a peer may keep a publish at the most (LAT-BUDG-002).
func lifetime(ttl uint32, joined bool) time.Duration {
	switch {
	case ttl > 0 && ttl < wire.DefaultTTL:
		return time.Duration(ttl) * time.Millisecond
	case joined:
		return 12 * time.Hour
	default:
		return 6 * time.Hour
	}
}

func (j *judge) publishCame(d *datagram) {
	p := d.packet
	id, ok := p.ID()
	if !ok {
		return
	}
	fresh := j.packets[id] == nil
	h := j.packetOf(id)
	h.came = append(h.came, &copyOf{d, j.life})
	crowded := j.crowded(d.from)
	j.keeps(d)
	if key, ok := splitKeyOf(p); ok && !h.own {
		j.partCame(d, key)
	}
	if fresh && d.to.Port() == j.main && wire.VerifyID(p) == wire.IDMatch {
		j.due(d, id)
	}
	if !fresh || h.own || !j.active() || d.to.Port() != j.main || p.Hops >= wire.MaxHops || wire.VerifyID(p) != wire.IDMatch || p.Index == 0 {
		return
	}
	if j.bulk(d.from) || crowded || j.restored || j.now.Sub(j.steady) < j.k {
		return
	}
	h.due = min(3, j.targets(d.from))
	if h.due > 0 {
		h.owed = j.now.Add(j.react + time.Second)
		j.awaited = append(j.awaited, h)
	}
}

// bulk reports whether a sync with an address may be under way (LAT-SYNC-012).
func (j *judge) bulk(a netip.AddrPort) bool {
	x := j.address(a)
	return j.now.Sub(x.synced) < 30*time.Second
}

// targets is how many peers a multicast can certainly go to, beside one address.
func (j *judge) targets(except netip.AddrPort) int {
	n := 0
	for _, l := range j.links() {
		a := j.address(l.addr)
		if l.proxied || l.addr == except || l.natType == 0 || j.now.Sub(a.last) > j.freshFor-j.react || j.now.Sub(l.since) < j.react {
			continue
		}
		if j.anybodyVerified(l.addr) {
			n++
		}
	}
	return n
}

// relaysOwed judges the publishes that should have been passed on by now.
func (j *judge) relaysOwed() {
	kept := j.awaited[:0]
	for _, h := range j.awaited {
		switch {
		case h.owed.IsZero():
		case j.now.After(h.owed):
			h.owed = time.Time{}
			j.looked("publish/relay")
			if len(h.to) < h.due {
				j.wrong("publish/relay", []int{h.came[0].Seq}, "it passed a new publish on to %d peers, where it was connected to %d others", len(h.to), h.due)
			}
		default:
			kept = append(kept, h)
		}
	}
	j.awaited = kept
}

func (j *judge) publishSent(d *datagram) {
	p := d.packet
	id, _ := p.ID()
	j.looked("publish/cause")
	h := j.packets[id]
	if h == nil || len(h.came) == 0 && !h.own {
		j.wrong("publish/cause", []int{d.Seq}, "it sent the publish %s to %v, which neither was published here nor came in", id, d.to)
		return
	}
	h.to[d.to] = true
	cameBack := h.cameIn(j.life) || j.restored && len(h.came) > 0 // in a life whose state was given on
	if h.own && (h.life == j.life || j.restored) && !cameBack {
		j.publishOwn(h, d)
		return
	}
	if len(h.came) == 0 {
		if h.life != j.life && !j.restored {
			j.wrong("publish/cause", []int{d.Seq}, "it sent the publish %s to %v, which it published in an earlier life, of which it has no state", id, d.to)
		}
		return
	}
	j.looked("publish/same")
	j.looked("publish/hops")
	why, frame := "", -1
	for i := len(h.came) - 1; i >= 0; i-- {
		c := h.came[i]
		field := sameHeader(c.packet, p)
		if field == "" && !bytes.Equal(c.packet.Message, p.Message) {
			field = "message"
		}
		if field != "" {
			why, frame = field, c.Seq
			continue
		}
		why = ""
		break
	}
	if why != "" {
		j.wrong("publish/same", []int{frame, d.Seq}, "it sent a publish on to %v with another %s than it came with", d.to, why)
		return
	}
	var passed, stored *copyOf
	back := false
	for _, c := range h.came {
		if p.Hops == c.packet.Hops+1 && c.packet.Hops < wire.MaxHops {
			if c.from == d.to && p.TTL == c.packet.TTL {
				back = true
				frame = c.Seq
				continue
			}
			passed = c
		}
		if p.Hops == min(c.packet.Hops, wire.MaxHops) {
			stored = c
		}
	}
	own := h.own && (p.Hops == 1 || p.Hops == 2 && time.Duration(p.TTL)*time.Millisecond <= j.k)
	switch {
	case own:
	case j.lastTime(h, p):
		j.lastCast(id, d)
	case passed == nil && stored == nil && back:
		j.looked("publish/back")
		j.wrong("publish/back", []int{frame, d.Seq}, "it passed a publish on to %v, from where it had come", d.to)
	case passed == nil && stored == nil:
		j.wrong("publish/hops", []int{h.came[0].Seq, d.Seq}, "it sent a publish with hops %d to %v, which came with %d", p.Hops, d.to, h.came[0].packet.Hops)
	case stored == nil && !h.own:
		j.passedOn(h, passed, d, id)
	case passed == nil && !h.own:
		j.synced(h, d)
	default: // it may be either
		if !j.recommends("LAT-SYNC-014") {
			break
		}
		j.looked("publish/ttl")
		if left := j.left(h); time.Duration(p.TTL)*time.Millisecond > left+time.Second+j.react && !j.lastTime(h, p) && !h.own && !j.younger(h, d) {
			j.wrong("publish/ttl", []int{h.came[0].Seq, d.Seq}, "it sent a publish with the ttl %d ms, of which %d ms were left", p.TTL, left.Milliseconds())
		}
	}
}

// passedOn judges a publish that is multicast: as it comes, or when its time has passed.
func (j *judge) passedOn(h *heldPacket, c *copyOf, d *datagram, id wire.ID) {
	first := h.came[0]
	life := lifetime(first.packet.TTL, j.isMember(first.packet))
	last := j.now.Sub(first.At) >= min(life, lifetime(first.packet.TTL, false))-j.react
	if last { // the last multicast, or nearly so
		j.lastCast(id, d)
		return
	}
	j.castOnce("publish/once", wire.Publish, id, d, j.constants.LeastTime("publish.gate"))
	j.looked("publish/ttl")
	came := slices.ContainsFunc(h.came, func(c *copyOf) bool {
		return d.packet.Hops == c.packet.Hops+1 && d.packet.TTL == c.packet.TTL
	})
	if !came && !j.younger(h, d) {
		j.wrong("publish/ttl", []int{c.Seq, d.Seq}, "it passed a publish on with the ttl %d, which came with %d", d.packet.TTL, c.packet.TTL)
	}
}

// synced judges a publish that a sync sends.
func (j *judge) synced(h *heldPacket, d *datagram) {
	a := j.address(d.to)
	if j.lastTime(h, d.packet) {
		return
	}
	j.packetSynced(d)
	j.looked("sync/minute")
	if a.cached.add(d.At, time.Minute-j.react); len(a.cached) > 1023 {
		j.wrong("sync/minute", []int{d.Seq}, "it sent %v its cached packet number %d in a minute", d.to, len(a.cached))
	}
	j.looked("publish/verified")
	if len(a.echoed) == 0 && !j.isBootstrap(d.to) && j.ip(d.to.Addr()).introduced.IsZero() && !j.restored {
		j.wrong("publish/verified", []int{d.Seq}, "it sent a cached packet to %v, from where no echo has come", d.to)
	}
	// Any copy may be the one that it holds.
	expired := true
	for _, c := range h.came {
		expired = expired && j.now.Sub(c.At) > lifetime(c.packet.TTL, j.isMember(c.packet))+j.k+turn+j.react
	}
	j.looked("publish/expired")
	if expired {
		last := h.came[len(h.came)-1]
		j.wrong("publish/expired", []int{last.Seq, d.Seq}, "it sent a publish to %v, %v after it came for the last time, with %v to live",
			d.to, j.now.Sub(last.At).Round(time.Second), lifetime(last.packet.TTL, j.isMember(last.packet)))
		return
	}
	if !j.recommends("LAT-SYNC-014") {
		return
	}
	j.looked("publish/ttl")
	if left := j.left(h); time.Duration(d.packet.TTL)*time.Millisecond > left+time.Second+j.react && !j.skewed && !j.lastTime(h, d.packet) && !j.younger(h, d) {
		j.wrong("publish/ttl", []int{h.came[0].Seq, d.Seq}, "it sent a cached packet with the ttl %d ms, of which %d ms were left", d.packet.TTL, left.Milliseconds())
	}
}

func (j *judge) isMember(p *wire.Packet) bool {
	return bytes.Equal(p.ClusterID, j.cluster) || len(j.joined) > 0
}

func (j *judge) publishOwn(h *heldPacket, d *datagram) {
	p := d.packet
	j.looked("publish/own")
	if h.sent == nil {
		h.sent = d
		ttl := uint32(wire.DefaultTTL)
		if h.with.TTL > 0 && h.with.TTL < wire.DefaultTTL {
			ttl = uint32(h.with.TTL)
		}
		usr1 := []byte{0}
		if h.with.Event != "" {
			sum := sha256.Sum256([]byte(h.with.Event))
			usr1 = sum[:]
		}
		switch {
		case h.with.SubclusterID == "": // restored
		case p.Hops == 2 && time.Duration(p.TTL)*time.Millisecond <= j.k: // its time had passed before anybody was there
		case p.Hops != 1:
			j.wrong("publish/own", []int{d.Seq}, "it multicast what it published with hops %d; 1 is right", p.Hops)
		case !bytes.Equal(p.SubclusterID, unhex(h.with.SubclusterID)):
			j.wrong("publish/own", []int{d.Seq}, "it published for the subcluster %x, where its application named %s", p.SubclusterID, h.with.SubclusterID)
		case p.TTL > ttl:
			j.wrong("publish/own", []int{d.Seq}, "it published with the ttl %d, where %d is right", p.TTL, ttl)
		case !bytes.Equal(p.Usr1, usr1):
			j.wrong("publish/own", []int{d.Seq}, "it published with a usr1 that is not the SHA-256 of the event's name")
		case wire.VerifyID(p) == wire.IDMismatch:
			j.wrong("publish/own", []int{d.Seq}, "it published under a packetId that is not the hash of its content")
		}
		return
	}
	j.looked("publish/same")
	field := sameHeader(h.sent.packet, p)
	if field == "" && !bytes.Equal(h.sent.packet.Message, p.Message) {
		field = "message"
	}
	if field != "" {
		j.wrong("publish/same", []int{h.sent.Seq, d.Seq}, "it sent an own publish again with another %s", field)
	}
	j.looked("publish/hops")
	if p.Hops != 1 && !(p.Hops == 2 && time.Duration(p.TTL)*time.Millisecond <= j.k) {
		j.wrong("publish/hops", []int{h.sent.Seq, d.Seq}, "it sent an own publish with hops %d", p.Hops)
	}
}

// asked notes what the application wants.
func (j *judge) askedFor(c *command) {
	switch c.Do {
	case testee.Query:
		j.asks++
	case testee.Stream:
		var with testee.StreamWith
		if json.Unmarshal(c.With, &with) == nil {
			if id, err := wire.ParseID(with.PeerID); err == nil {
				j.streamsTo[id]++
			}
		}
	case testee.Join: // what it sends may come before its reply
		var with testee.JoinWith
		if json.Unmarshal(c.With, &with) == nil {
			if keys, ok := sharedKeyOf(with); ok && j.joined[keys.SubclusterID] == nil {
				j.joining[keys.SubclusterID] = true
			}
		}
	case testee.Leave:
		var with testee.LeaveWith
		if json.Unmarshal(c.With, &with) == nil {
			if id, err := wire.ParseID(with.SubclusterID); err == nil && j.joined[id] != nil {
				j.joined[id].left = j.now
			}
		}
	}
	j.commands[c.ID] = c
}

// replied takes from a reply what the peer has made of a command.
func (j *judge) replied(m *testee.Message) {
	c := j.commands[m.ID]
	if c == nil {
		return
	}
	switch c.Do {
	case testee.Hello:
		var ok testee.HelloOK
		if json.Unmarshal(m.OK, &ok) == nil {
			j.introduces(ok)
		}
	case testee.Join:
		var ok testee.JoinOK
		if json.Unmarshal(m.OK, &ok) != nil {
			return
		}
		if id, err := wire.ParseID(ok.SubclusterID); err == nil {
			m := &membership{joined: c.at, unsure: j.members() >= j.constants.Least("subclusters.joined")}
			if old := j.joined[id]; old != nil && old.left.IsZero() {
				m.unsure = old.unsure
			}
			var with testee.JoinWith
			if json.Unmarshal(c.With, &with) == nil {
				m.keys, _ = sharedKeyOf(with)
			}
			j.joined[id] = m
			j.joinFirst(id)
		}
	case testee.Cache:
		j.listed(c, m)
	case testee.Publish:
		var ok testee.PublishOK
		var with testee.PublishWith
		if json.Unmarshal(m.OK, &ok) != nil || json.Unmarshal(c.With, &with) != nil {
			return
		}
		var ids []wire.ID
		for _, text := range ok.PacketIDs {
			if id, err := wire.ParseID(text); err == nil {
				h := j.packetOf(id)
				h.own, h.life, h.with = true, j.life, with
				j.owns(id, with)
				ids = append(ids, id)
			}
		}
		if j.asleep {
			for _, id := range ids {
				j.dreamt = append(j.dreamt, dream{id, c.at})
			}
		}
		j.publishOwed(ids)
	}
}

// owns puts what the peer published into the model of its cache.
func (j *judge) owns(id wire.ID, with testee.PublishWith) {
	ttl := uint32(wire.DefaultTTL)
	if with.TTL > 0 && with.TTL < wire.DefaultTTL {
		ttl = uint32(with.TTL)
	}
	if j.model.cache.Len() >= j.surely() {
		j.model.unsure = true
	}
	if j.model.unsure {
		return
	}
	j.put(&wire.Packet{TTL: ttl, Index: wire.NoIndex}, id, true)
}

// cameIn reports whether a copy came in in a life.
func (h *heldPacket) cameIn(life int) bool {
	for _, c := range h.came {
		if c.life == life {
			return true
		}
	}
	return false
}

// left is how much of its time to live a publish has at most, by any copy that the peer may hold.
func (j *judge) left(h *heldPacket) (left time.Duration) {
	for _, c := range h.came {
		left = max(left, lifetime(c.packet.TTL, false)-j.now.Sub(c.At))
	}
	return left
}

// lastTime reports whether a publish may be multicast because its time has passed (LAT-BUDG-005).
func (j *judge) lastTime(h *heldPacket, p *wire.Packet) bool {
	if time.Duration(p.TTL)*time.Millisecond > j.k {
		return false
	}
	passed, onward := false, false
	for _, c := range h.came {
		passed = passed || j.now.Sub(c.At) >= lifetime(c.packet.TTL, false)-j.react
		onward = onward || p.Hops == c.packet.Hops+1
	}
	return passed && onward
}

// lastCast judges how many packets are multicast because their time has passed (LAT-BUDG-007).
func (j *judge) lastCast(id wire.ID, d *datagram) {
	j.looked("publish/last")
	if _, counted := j.lastCasts[id]; counted {
		return
	}
	j.lastCasts[id] = d.At
	n := 0
	for other, at := range j.lastCasts {
		if d.At.Sub(at) >= j.k-j.react-time.Second {
			delete(j.lastCasts, other)
			continue
		}
		n++
	}
	if n > j.constants.Most("expiry.multicast") {
		j.wrong("publish/last", []int{d.Seq}, "it multicast the %dth packet whose time has passed within %v", n, j.k)
	}
}

// recent are times, oldest first.
type recent []time.Time

// add adds a time, and forgets those that are older by a window.
func (r *recent) add(at time.Time, window time.Duration) {
	old := 0
	for old < len(*r) && at.Sub((*r)[old]) >= window {
		old++
	}
	*r = append((*r)[old:], at)
}
