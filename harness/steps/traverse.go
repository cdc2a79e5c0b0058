package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/internet"
	"punchlist/harness/report"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// traversalKeepalive is how many keepalive intervals two peers have from their
// joins to a connection where ports are guessed, which may fail: then the proxy
// has to be seen to work.
const traversalKeepalive = 5

// burstWithin is longer than one traversal: 1,024 pings, 10 ms apart.
const burstWithin = 14 * time.Second

// givenOneNAT puts the subject and a companion behind one NAT.
func (w *World) givenOneNAT(name, profile string) error {
	if err := w.givenSubjectBehind(profile); err != nil {
		return err
	}
	if err := w.lanHost(name); err != nil {
		return err
	}
	w.declare(name, false, false, true)
	return nil
}

// lanHost adds a host to the network of the subject.
func (w *World) lanHost(name string) error {
	if err := w.host(name, openProfile); err != nil {
		return err
	}
	hosts := w.topology.Hosts
	at := slices.IndexFunc(hosts, func(h internet.Host) bool { return h.Name == w.subject.host })
	hosts[len(hosts)-1].Realm = hosts[at].Realm
	return nil
}

func (w *World) givenLANInjector(name string) error {
	if err := w.lanHost(name); err != nil {
		return err
	}
	w.injectors = append(w.injectors, &scripted{host: name, mute: true})
	return nil
}

// givenBootstrapInjector adds an injector that the subject is given as a
// bootstrap peer, so that its NAT lets it in.
func (w *World) givenBootstrapInjector(name string) error {
	if err := w.givenInjector(name, openProfile, false); err != nil {
		return err
	}
	w.injectors[len(w.injectors)-1].bootstraps = true
	return nil
}

func (w *World) givenKnowsOnly(name, a, b string) error {
	p := w.subject
	if name != "" {
		var err error
		if p, err = w.named(name); err != nil {
			return err
		}
	}
	p.knows = []string{a, b}
	return nil
}

// whenBothTry has the subject and a companion join before they know their NAT
// types, which they may never find.
func (w *World) whenBothTry(name string) error {
	if err := w.up(); err != nil {
		return err
	}
	other, err := w.named(name)
	if err != nil {
		return err
	}
	for _, p := range []*peer{other, w.subject} {
		if err := w.joinNow(p, theSubcluster); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) changeNAT(host string, c internet.Change) error {
	c.Node = "nat-" + host
	w.changed = w.net.Now()
	if err := w.net.Change(c); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

func (w *World) whenNATReboots(host string) error {
	return w.changeNAT(host, internet.Change{Reboot: true})
}

func (w *World) whenNATReaddressed(host string) error {
	return w.changeNAT(host, internet.Change{Readdress: true})
}

func (w *World) whenSuspended(host string, intervals int) error {
	if err := w.net.Change(internet.Change{Node: host, Suspend: true}); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	until := w.net.Now().Add(time.Duration(intervals) * w.k())
	for w.net.Now().Before(until) {
		if err := w.net.Step(w.ctx, until); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	w.changed = w.net.Now()
	if err := w.net.Change(internet.Change{Node: host, Resume: true}); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

// direct tells whether a packet that one host sent after a time reached the
// other with no peer in between. Openers are no packets.
func (w *World) direct(from, to string, after time.Time) bool {
	return slices.ContainsFunc(w.arrivedFrom(w.receivedBy(to), from), func(s seen) bool { return s.packet != nil && s.At.After(after) })
}

// connections are what the subject reported of a peer, oldest first.
func (w *World) connections(id wire.ID) []testee.ConnectionEvent {
	return slices.DeleteFunc(eventsOf[testee.ConnectionEvent](w.subject, testee.Connection), func(e testee.ConnectionEvent) bool {
		return e.PeerID != id.String()
	})
}

// thenConnectedAnyhow wants a connection, over whatever way. Which it was is
// read off the routers.
func (w *World) thenConnectedAnyhow(name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	within := traversalKeepalive * w.k()
	ok, err := w.await(within, func() bool {
		if len(w.connections(other.id)) == 0 {
			return false
		}
		return w.direct(w.subject.host, other.host, time.Time{}) && w.direct(other.host, w.subject.host, time.Time{}) || w.throughProxy(other) != ""
	})
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
			"within %v the subject and %s are connected neither directly nor through a proxy", within, other)
	}
	w.met(other)
	if proxy := w.throughProxy(other); !w.direct(other.host, w.subject.host, time.Time{}) {
		w.path = fmt.Sprintf("through the proxy on %q", proxy)
	} else {
		w.path = "punched"
	}
	return nil
}

// met takes down what it took the subject and another peer to be connected.
func (w *World) met(other *peer) {
	if w.joined.IsZero() {
		return
	}
	w.meeting = &report.Meeting{Seconds: w.net.Now().Sub(w.joined).Seconds()}
	for _, host := range []string{w.subject.host, other.host} {
		for f := range w.net.Trace().SentBy(host) {
			if f.At.After(w.joined) {
				w.meeting.Packets++
			}
		}
	}
}

// throughProxy is the host of the peer that the subject names as its proxy to
// another, if a join of that one has come to the subject from there.
func (w *World) throughProxy(other *peer) string {
	for _, e := range w.connections(other.id) {
		for _, p := range w.peers {
			if e.Proxy != p.id.String() {
				continue
			}
			for _, s := range ofType(w.arrivedFrom(w.receivedBy(w.subject.host), p.host), wire.Join) {
				if id, _ := s.body().Get("requesterPeerId"); id == other.id.String() {
					return p.host
				}
			}
		}
	}
	return ""
}

// thenProxied wants a connection through a proxy, and sees on the wire that
// there is no other way.
func (w *World) thenProxied(name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	within := traversalKeepalive * w.k()
	ok, err := w.await(within, func() bool { return w.throughProxy(other) != "" })
	if err != nil {
		return err
	}
	for _, way := range [][2]string{{w.subject.host, other.host}, {other.host, w.subject.host}} {
		if w.direct(way[0], way[1], time.Time{}) {
			return &verdict.LabFailed{Text: fmt.Sprintf("a datagram of %q reached %q directly, which its NAT should not let in", way[0], way[1])}
		}
	}
	if ok {
		w.met(other)
		w.path = fmt.Sprintf("through the proxy on %q", w.throughProxy(other))
		return nil
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
		"within %v the subject reports no connection to %s through a proxy from which something of it has come", within, other)
}

// thenReachAgain wants packets that pass both ways again after a change.
func (w *World) thenReachAgain(intervals int, name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	within := time.Duration(intervals) * w.k()
	// What was on its way when the change came proves nothing.
	after := w.changed.Add(time.Second)
	ok, err := w.await(within, func() bool {
		return w.direct(w.subject.host, other.host, after) && w.direct(other.host, w.subject.host, after)
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
		"within %d keepalive intervals packets pass between the subject and %s directly at most one way", intervals, other)
}

func (w *World) thenNotConnected(name string) error {
	other, err := w.idOf(name)
	if err != nil {
		return err
	}
	if all := w.connections(other); len(all) > 0 {
		return w.violated(nil, "the subject reports a connection to %q, of which nothing can have come", name)
	}
	return nil
}

func (w *World) thenOwnAddressIsNATs(intervals int, host string) error {
	external := w.net.Trace().External("nat-" + host)
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool {
		own, err := netip.ParseAddr(w.subject.natType().Address)
		return err == nil && slices.Contains(external, own)
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)),
		"after %d keepalive intervals the subject takes %s for its address, and not %v", intervals, w.subject.natType().Address, external)
}

// thenDiscoversAnew wants reflection pings after the last change.
func (w *World) thenDiscoversAnew(seconds int) error {
	ok, err := w.await(time.Duration(seconds)*time.Second, func() bool {
		return slices.ContainsFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool {
			b := s.body()
			_, asked := b.Get("isProbe")
			return !s.At.Before(w.changed) && b.Says("isReflection") && asked
		})
	})
	if err != nil || ok {
		return err
	}
	return w.violated(nil, "within %d s the subject did not begin to discover its NAT type", seconds)
}

// bySubject lists the datagrams of the subject to an injector's address, as
// they left.
func (w *World) bySubject(in *scripted) []seen {
	return slices.DeleteFunc(slices.Clone(w.sentBy(w.subject.host)), func(s seen) bool { return s.to.Addr() != in.address().Addr() })
}

// subjectSeenBy is where an injector last saw the subject's main socket.
func (w *World) subjectSeenBy(in *scripted) (netip.AddrPort, bool) {
	left := map[int]bool{}
	for _, s := range w.bySubject(in) {
		left[s.Datagram] = s.from.Port() == w.subject.port
	}
	for _, s := range slices.Backward(w.receivedBy(in.host)) {
		if left[s.Datagram] {
			return s.from, true
		}
	}
	return netip.AddrPort{}, false
}

func (w *World) whenBootstrapIntroduces(name, target string, natType int) error {
	return w.bootstrapIntroduces(name, target, natType, 1)
}

func (w *World) whenBootstrapIntroducesSeveral(name string, count int, target string, natType int) error {
	return w.bootstrapIntroduces(name, target, natType, count)
}

// bootstrapIntroduces has an injector introduce the subject behind its NAT to
// peers at the address of another injector, of which the first is that one.
func (w *World) bootstrapIntroduces(name, target string, natType, count int) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	at, ok := netip.AddrPort{}, false
	known, err := w.await(2*w.k(), func() bool { at, ok = w.subjectSeenBy(in); return ok })
	if err != nil {
		return err
	}
	if !known {
		return &verdict.Blocked{Text: fmt.Sprintf("the subject has sent nothing to its bootstrap peer %q", name)}
	}
	for i := range count {
		id := t.ID
		id[0] ^= byte(i)
		w.told = &introduction{peer: t.ID, at: t.address().Addr().String()}
		if _, err := in.Send(at, w.intro(in, id, t.address().Addr().String(), t.address().Port()+uint16(i), natType)); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	return nil
}

func (w *World) thenOpens(count int, target string) error {
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	var openers []seen
	ports, read := map[uint16]bool{}, 0
	if _, err := w.await(burstWithin, func() bool {
		all := w.sentBy(w.subject.host)
		for ; read < len(all); read++ {
			if s := all[read]; s.to.Addr() == t.address().Addr() && wire.IsOpener(s.payload) {
				openers = append(openers, s)
				ports[s.to.Port()] = true
			}
		}
		return len(ports) >= count
	}); err != nil {
		return err
	}
	if at := slices.IndexFunc(openers, func(s seen) bool { return s.from.Port() != w.subject.port }); at >= 0 {
		return w.violated(frames(openers[at:at+1]), "an opener of the subject left port %d, which is not its main socket's", openers[at].from.Port())
	}
	if len(ports) == count && len(openers) == count {
		return nil
	}
	return w.violated(frames(openers), "the subject has sent %d openers to %d ports of %q, and not %d to as many", len(openers), len(ports), target, count)
}

// thenPingsFromMany judges a whole traversal of the side that pings.
func (w *World) thenPingsFromMany(target string, least, most, pings int) error {
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	if err := w.pass(burstWithin); err != nil {
		return err
	}
	sockets := map[uint16]bool{}
	n := 0
	for _, s := range ofType(w.bySubject(t), wire.Ping) {
		if s.from.Port() != w.subject.port && s.from.Port() != w.subject.probePort {
			sockets[s.from.Port()] = true
			n++
		}
	}
	if len(sockets) < least || len(sockets) > most || n > pings {
		return w.violated(frames(w.bySubject(t)), "the subject sent %d pings to %q from %d sockets beside its main and probe sockets", n, target, len(sockets))
	}
	return nil
}

// whenPingsFromOpened has an injector ping the subject's main socket from a
// port that the subject has opened, and answer nothing that comes there.
func (w *World) whenPingsFromOpened(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	var opener seen
	ok, err := w.await(burstWithin, func() bool {
		for _, s := range w.arrivedFrom(w.receivedBy(in.host), w.subject.host) {
			if wire.IsOpener(s.payload) {
				opener = s
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	if !ok {
		return &verdict.Blocked{Text: fmt.Sprintf("no opener of the subject reached %q", name)}
	}
	socket, err := w.net.Endpoint(in.host, opener.to.Port())
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	ping := injector.Control(wire.Ping, in.ConnectionPing().With("natType", 5))
	ping.ClusterID = cluster[:]
	datagram, err := wire.Append(nil, &ping)
	if err == nil {
		err = socket.Send(opener.from, datagram)
	}
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

func (w *World) thenReportsConnection(name string, proxied string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	proxy := ""
	if proxied != "" {
		by, err := w.scriptedNamed(proxied)
		if err != nil {
			return err
		}
		proxy = by.ID.String()
	}
	var last testee.ConnectionEvent
	ok, err := w.await(answerWithin, func() bool {
		all := w.connections(in.ID)
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		return len(all) > 0 && last.Proxy == proxy
	})
	if err != nil || ok {
		return err
	}
	if last.PeerID == "" {
		return w.violated(nil, "the subject reports no connection to %q", name)
	}
	return w.violated(nil, "the subject reports the connection to %q with the proxy %q", name, last.Proxy)
}

// strangerPings are how many of the subject's sockets a stranger tries.
const strangerPings = 50

// whenLANPings has an injector on the subject's network claim to be another,
// at sockets from which the subject looks for that one.
func (w *World) whenLANPings(name, as string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	t, err := w.scriptedNamed(as)
	if err != nil {
		return err
	}
	if ok, err := w.await(burstWithin, func() bool { return len(w.bySubject(t)) > strangerPings }); err != nil || !ok {
		return firstOf(err, &verdict.Blocked{Text: fmt.Sprintf("the subject has hardly pinged %q", as)})
	}
	for _, s := range w.bySubject(t) {
		if _, err := in.Send(s.from, injector.Control(wire.Ping, t.ConnectionPing())); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	return w.pass(500 * time.Millisecond)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *World) thenAnswersOnly(target, stranger string) error {
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	if all := w.reached(stranger); len(all) > 0 {
		return w.violated(frames(all), "the subject answered %q at a socket with which it looks for %q", stranger, target)
	}
	received := w.receivedBy(t.host)
	if _, err := t.Send(received[len(received)-1].from, injector.Control(wire.Ping, t.ConnectionPing())); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	ok, err := w.await(answerWithin, func() bool { return len(ofType(w.reached(t.host), wire.Pong)) > 0 })
	if err != nil || ok {
		return err
	}
	return w.violated(frames(received), "the subject did not answer %q itself there", target)
}

// whenPassesOnJoin has an injector relay a join of another, which it has from
// that one itself.
func (w *World) whenPassesOnJoin(name, requester string) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	r, err := w.scriptedNamed(requester)
	if err != nil {
		return err
	}
	if _, err := in.Send(w.toSubject(), w.theJoin(r, 2, "")); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

func (w *World) whenIntroducesElsewhere(name, target string) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	w.told = &introduction{peer: t.ID, at: nobody}
	_, err = in.Send(w.toSubject(), w.intro(in, t.ID, nobody, 4001, 7))
	return err
}

// thenOneSocket wants everything that the subject sends a peer, once it is
// reached by guessing, to leave from the one socket that reaches it.
func (w *World) thenOneSocket(name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	ok, err := w.await(2*traversalKeepalive*w.k(), func() bool {
		return w.direct(w.subject.host, other.host, time.Time{}) && w.direct(other.host, w.subject.host, time.Time{})
	})
	if err != nil || !ok {
		return firstOf(err, &verdict.Blocked{Text: fmt.Sprintf("the subject and %s never came to reach each other", other)})
	}
	// The traversal comes to its end.
	if err := w.pass(2 * time.Second); err != nil {
		return err
	}
	after := w.net.Now()
	if err := w.pass(2 * w.k()); err != nil {
		return err
	}
	external := w.net.Trace().External("nat-" + other.host)
	var frames []int
	sockets := map[uint16]bool{}
	for _, s := range w.sentBy(w.subject.host) {
		if s.At.After(after) && slices.Contains(external, s.to.Addr()) {
			sockets[s.from.Port()] = true
			frames = append(frames, s.Seq)
		}
	}
	switch {
	case len(sockets) == 0:
		return w.violated(nil, "the subject sent %s nothing in two keepalive intervals", other)
	case len(sockets) > 1:
		return w.violated(frames, "the subject sends to %s from %d sockets", other, len(sockets))
	case sockets[w.subject.port]:
		return w.violated(frames, "the subject sends to %s from its main socket, whose mapping does not reach it", other)
	}
	return nil
}

// thenIntroNamesSource wants the source of an injector's join in the intro.
func (w *World) thenIntroNamesSource(to, requester string) error {
	r, err := w.scriptedNamed(requester)
	if err != nil {
		return err
	}
	var intros []seen
	ok, err := w.await(answerWithin, func() bool {
		intros = slices.DeleteFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id != r.ID.String()
		})
		return len(intros) > 0
	})
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(nil, "no intro from the subject that names %q reached %q", requester, to)
	}
	source, _ := w.observed(r, w.subject)
	if at, ok := named(intros[0].body()); !ok || at != source {
		return w.violated(frames(intros[:1]), "the intro names %v, and the join of %q came from %v", at, requester, source)
	}
	return nil
}

// thenIntroReachesPeer wants an intro of the subject to reach a companion
// behind its NAT.
func (w *World) thenIntroReachesPeer(to, about string) error {
	other, err := w.scriptedNamed(about)
	if err != nil {
		return err
	}
	ok, err := w.await(traversalKeepalive*w.k(), func() bool {
		return slices.ContainsFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id == other.ID.String()
		})
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Intro)), "no intro from the subject that names %q reached %q", about, to)
}
