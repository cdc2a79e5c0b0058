package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// traversalKeepalive is how many keepalive intervals two peers have from their
// joins to a connection where ports are guessed, which may fail: then the proxy
// has to be seen to work.
const traversalKeepalive = 5

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
		w.path = result.Path{Kind: result.Relayed, By: proxy}
	} else {
		w.path = result.Path{Kind: result.Punched}
	}
	return nil
}

// met takes down what it took the subject and another peer to be connected.
func (w *World) met(other *peer) {
	if w.joined.IsZero() {
		return
	}
	w.meeting = &result.Meeting{Seconds: w.net.Now().Sub(w.joined).Seconds()}
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
		w.path = result.Path{Kind: result.Relayed, By: w.throughProxy(other)}
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

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
