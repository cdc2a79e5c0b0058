package oracle

import (
	"fmt"
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// A heardPing is a ping that came in.
type heardPing struct {
	*datagram
	own      bool // it names the peer itself
	answered bool
	second   bool // so it was by the probe socket
	owed     time.Time
	owed2    time.Time // the pong of the probe socket; zero: none
	allowed  int       // bytes that may go to its IP address since ever; 0: any number
}

// prompt is how long what has to be done at once may take, beside the time in which an input takes
// effect. It is below the 500 ms after which a challenge is repeated, which would hide a loss.
const prompt = 100 * time.Millisecond

// pongLength is more than any pong that a peer must be able to afford is long.
const pongLength = 450

func (j *judge) pingCame(d *datagram) {
	b := &d.packet.Body
	j.names(d, b.RequesterPeerID)
	if b.Keys.Has(wire.KeyNATType) {
		j.announces(b.RequesterPeerID, b.NATType)
	}
	if d.to.Port() == j.probe {
		return
	}
	p := &heardPing{datagram: d, own: b.RequesterPeerID == j.self}
	if len(j.pings) > 4096 {
		j.pings = j.pings[1024:]
	}
	j.pings = append(j.pings, p)
	if p.own || !j.active() || d.to.Port() != j.main || j.now.Sub(j.steady) < j.react {
		return
	}
	pongs := 1
	if b.Keys.Has(wire.KeyProbeExternalPort) {
		pongs = 2
	}
	if !j.provenIP(d.from.Addr()) {
		p.allowed = j.constants.Least("amplification.factor") * j.ip(d.from.Addr()).in
	}
	if !j.affords(p, pongs*pongLength) {
		return
	}
	p.owed = j.now.Add(j.react + prompt)
	if pongs == 2 {
		p.owed2 = p.owed
	}
}

// provenIP reports whether a peer may certainly send any number of bytes to an IP address.
func (j *judge) provenIP(a netip.Addr) bool {
	ip := j.ip(a)
	return j.configured(a) || !ip.proved.IsZero() && j.now.Sub(ip.proved) < j.constants.LeastTime("verified.life")-2*j.react
}

// affords reports whether a peer may certainly send so many bytes because of a ping (LAT-SEC-001).
// What has left since the ping came may have been sent before the ping was handled.
func (j *judge) affords(p *heardPing, bytes int) bool {
	return p.allowed == 0 || p.allowed-j.ip(p.from.Addr()).out >= bytes
}

// overdue judges what should have been done by now.
func (j *judge) overdue() {
	kept := j.pings[:0]
	for _, p := range j.pings {
		j.pongOwed(p)
		if j.now.Sub(p.handled) < 20*time.Second || j.suspended {
			kept = append(kept, p)
		}
	}
	j.pings = kept
	j.heartbeats()
	j.silence()
	j.lost()
	j.bootstraps()
	j.relaysOwed()
	j.syncsOwed()
	j.deliveriesOwed()
	j.splitsAged()
	j.joinsOwed()
	j.debtsDue()
}

func (j *judge) pongOwed(p *heardPing) {
	if !p.owed.IsZero() && j.now.After(p.owed) {
		p.owed = time.Time{}
		j.looked("pong/owed")
		if !p.answered && j.affords(p, pongLength) {
			j.wrong("pong/owed", []int{p.Seq}, "it left a ping of %v unanswered: a pong to it was owed within %v", p.from, j.react+prompt)
		}
	}
	if !p.owed2.IsZero() && j.now.After(p.owed2) {
		p.owed2 = time.Time{}
		j.looked("pong/second")
		if !p.second && j.affords(p, pongLength) {
			j.wrong("pong/second", []int{p.Seq}, "it sent no second pong to port %d of %v, which a ping asked for: one was owed within %v",
				p.packet.Body.ProbeExternalPort, p.from.Addr(), j.react+prompt)
		}
	}
}

// excuse forgives what is owed: the peer was told to do nothing.
func (j *judge) excuse() {
	for _, p := range j.pings {
		p.owed, p.owed2 = time.Time{}, time.Time{}
	}
	j.awaited, j.expected, j.debts = nil, nil, nil
	for key := range j.split {
		j.endSplit(key)
	}
	for _, from := range j.syncsFrom {
		for _, h := range j.syncs[from] {
			h.owed = time.Time{}
		}
	}
}

func (j *judge) pongSent(d *datagram) {
	b := &d.packet.Body
	j.hashSent(d)
	j.looked("pong/cause")
	if b.Keys.Has(wire.KeyNATType) {
		j.looked("pong/type")
		if !j.hasType(b.NATType) {
			j.wrong("pong/type", []int{d.Seq}, "it sent a pong with natType %d, which is not its own type", b.NATType)
		}
	}
	var last *heardPing // that it was meant for, or may have been
	sure := false       // it gives an echo of that ping back
	var why string
	again := false
	for i := len(j.pings) - 1; i >= 0; i-- {
		p := j.pings[i]
		second := d.from.Port() == j.probe && p.packet.Body.Keys.Has(wire.KeyProbeExternalPort) &&
			d.to == netip.AddrPortFrom(p.from.Addr(), p.packet.Body.ProbeExternalPort)
		first := d.from.Port() == p.to.Port() && d.to == p.from
		if !first && !second {
			continue
		}
		misfit := j.misfit(&p.packet.Body, b, d)
		done := first && p.answered || second && p.second
		switch {
		case misfit == "" && done:
			again = true
		case misfit == "":
			j.looked("pong/fields")
			j.looked("pong/own")
			if p.own {
				j.wrong("pong/own", []int{p.Seq, d.Seq}, "it answered a ping that names the peer itself as the requester")
			}
			if first {
				p.answered = true
			} else {
				p.second = true
			}
			return
		case !done && (last == nil || !sure && echoesOf(&p.packet.Body, b)):
			last, why, sure = p, misfit, echoesOf(&p.packet.Body, b)
		}
	}
	switch {
	case again:
		j.looked("pong/once")
		j.wrong("pong/once", []int{d.Seq}, "it answered a ping of %v a second time", d.to)
	case last != nil:
		last.answered = true // though not well
		j.wrong("pong/fields", []int{last.Seq, d.Seq}, "it answered a ping of %v by a pong %s", last.from, why)
	default:
		j.wrong("pong/cause", []int{d.Seq}, "it sent a pong to %v from port %d, and no ping that it could answer came from there", d.to, d.from.Port())
	}
}

// echoesOf reports whether a pong has an echo of a ping.
func echoesOf(ping, pong *wire.Body) bool {
	return ping.Keys.Has(wire.KeyPingID) && pong.Keys.Has(wire.KeyPingID) && ping.PingID == pong.PingID ||
		ping.Keys.Has(wire.KeyReflectionID) && pong.Keys.Has(wire.KeyReflectionID) && ping.ReflectionID == pong.ReflectionID
}

// misfit says what of a pong does not answer a ping; empty where it does (section 4.3).
func (j *judge) misfit(ping, pong *wire.Body, d *datagram) string {
	reflection := ping.IsReflection
	connection := ping.IsConnection && ping.Keys.Has(wire.KeyNATType)
	named := pong.Keys.Has(wire.KeyAddress | wire.KeyPort)
	switch {
	case pong.RequesterPeerID != ping.RequesterPeerID:
		return fmt.Sprintf("that names %s as the requester, not %s", pong.RequesterPeerID, ping.RequesterPeerID)
	case pong.ResponderPeerID != j.self:
		return fmt.Sprintf("that names %s as the responder, which is another peer", pong.ResponderPeerID)
	case pong.Keys.Has(wire.KeyReflectionID) != ping.Keys.Has(wire.KeyReflectionID),
		ping.Keys.Has(wire.KeyReflectionID) && pong.ReflectionID != ping.ReflectionID:
		return "whose reflectionId is not that of the ping"
	case reflection && connection:
		return "" // the standard does not say which row of its table holds
	case pong.IsReflection != reflection:
		return fmt.Sprintf("with isReflection %v, where the ping has %v", pong.IsReflection, reflection)
	case pong.IsConnection != connection:
		return fmt.Sprintf("with isConnection %v, to a ping for which %v is right", pong.IsConnection, connection)
	case connection && (pong.Keys.Has(wire.KeyPingID) || pong.Keys&(wire.KeyAddress|wire.KeyPort) != 0):
		return "with isConnection, which must have no pingId, address and port"
	case connection:
	case pong.Keys.Has(wire.KeyPingID) != ping.Keys.Has(wire.KeyPingID), ping.Keys.Has(wire.KeyPingID) && pong.PingID != ping.PingID:
		return "whose pingId is not that of the ping"
	case !named || netip.AddrPortFrom(pong.Address, pong.Port) != d.to:
		return fmt.Sprintf("that does not name %v, the address that it observed", d.to)
	case pong.IsProbe != ping.IsProbe:
		return fmt.Sprintf("with isProbe %v, where the ping has %v", pong.IsProbe, ping.IsProbe)
	}
	switch {
	case reflection && pong.Keys.Has(wire.KeyNATType):
		return "with isReflection and a natType"
	case !reflection && j.knowsType() && !pong.Keys.Has(wire.KeyNATType):
		return "without the natType, which the peer knows"
	}
	return ""
}

func (j *judge) pingSent(d *datagram) {
	b := &d.packet.Body
	a := j.address(d.to)
	j.hashSent(d)
	j.looked("ping/self")
	if b.RequesterPeerID != j.self {
		j.wrong("ping/self", []int{d.Seq}, "it sent a ping in the name of %s, which is another peer", b.RequesterPeerID)
	}
	if b.Keys.Has(wire.KeyNATType) {
		j.looked("ping/type")
		if !j.hasType(b.NATType) {
			j.wrong("ping/type", []int{d.Seq}, "it sent a ping with natType %d, which is not its own type", b.NATType)
		}
	}
	if b.Keys.Has(wire.KeyPingID) {
		j.looked("ping/echo")
		if other, ok := j.echoes[b.PingID]; ok && other != d.to.Addr() {
			j.wrong("ping/echo", []int{d.Seq}, "it sent the pingId %s to %v, which it had sent to %v: an echo proves nothing then", b.PingID, d.to.Addr(), other)
		}
		j.echoes[b.PingID] = d.to.Addr()
		a.ask(b.PingID, question{j.now, b.IsReflection})
	}
	if b.Keys.Has(wire.KeyReflectionID) {
		a.ask(b.ReflectionID, question{at: j.now})
		j.reflected[b.ReflectionID] = true
	}
	j.looked("ping/socket")
	if j.probe != 0 && b.IsProbe != (d.from.Port() == j.probe) {
		j.wrong("ping/socket", []int{d.Seq}, "it sent a ping with isProbe %v from port %d; its probe socket has port %d", b.IsProbe, d.from.Port(), j.probe)
	}
	if j.indexed {
		j.looked("ping/indexed")
		if b.IsProbe || b.Keys.Has(wire.KeyProbeExternalPort) {
			j.wrong("ping/indexed", []int{d.Seq}, "it is indexed, and sent a ping of NAT discovery to %v", d.to)
		}
	}
	if !j.isBootstrap(d.to) && !j.restored && !a.last.IsZero() {
		j.looked("ping/silent")
		silent := j.now.Sub(latest(a.last, a.introduced, j.ip(d.to.Addr()).introduced, a.rendezvous, j.steady))
		if silent > j.constants.MostTime("peers.silence")+j.k+j.react+time.Second {
			j.wrong("ping/silent", []int{d.Seq}, "it pinged %v, from where nothing has come for %v", d.to, silent.Round(time.Second))
		}
	}
	a.pinged = d.At
	j.discoverySent(d)
	j.trySent(d)
	if b.Keys.Has(wire.KeyPingID|wire.KeyNATType) && b.IsReflection {
		j.discovery.heartbeat[d.to] = b.PingID
	}
	if b.IsConnection {
		a.connectionPing = d.At
	}
}

// ask notes a question. One that is repeated is as old as when it was first sent.
func (a *address) ask(id wire.EchoID, q question) {
	if _, repeated := a.asked[id]; !repeated {
		a.asked[id] = q
	}
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// A link is a connection that the peer reported.
type link struct {
	id      wire.ID
	addr    netip.AddrPort
	natType int
	since   time.Time
	proxied bool
	judged  bool // it was not pinged
	over    bool // it should have been reported as ended
}

// heartbeats judges when each connected peer was pinged last.
func (j *judge) heartbeats() {
	if !j.active() {
		return
	}
	for _, l := range j.linkOrder {
		if l.proxied || l.judged {
			continue
		}
		since := latest(j.address(l.addr).pinged, l.since, j.steady)
		j.looked("ping/heartbeat")
		if gap := j.now.Sub(since); gap > j.k+j.react+3*time.Second {
			l.judged = true
			j.wrong("ping/heartbeat", nil, "it sent no ping to %v, to which it is connected, for %v; K is %v", l.addr, gap.Round(100*time.Millisecond), j.k)
		}
	}
}
