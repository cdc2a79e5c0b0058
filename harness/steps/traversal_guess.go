package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
)

// burstWithin is longer than one traversal: 1,024 pings, 10 ms apart.
const burstWithin = 14 * time.Second

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

// whenAnswersPool has an injector that was silent answer at one of the sockets
// from which the subject looks for it, and there alone, as a peer does whose NAT
// lets nothing else out.
func (w *World) whenAnswersPool(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	if ok, err := w.await(burstWithin, func() bool { return len(ofType(w.reached(name), wire.Ping)) > 0 }); err != nil || !ok {
		return firstOf(err, &verdict.Blocked{Text: fmt.Sprintf("no ping of the subject reached %q", name)})
	}
	at := ofType(w.receivedBy(name), wire.Ping)[0].from
	if _, err := in.Send(at, injector.Control(wire.Ping, in.ConnectionPing())); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	in.Mute = false
	return nil
}

// thenOneSocket wants everything that the subject sends a peer, once it is
// reached by guessing, to leave from the one socket that reaches it.
func (w *World) thenOneSocket(name string) error {
	var seenAt []netip.Addr
	if in, err := w.scriptedNamed(name); err == nil {
		seenAt = []netip.Addr{in.address().Addr()}
	} else {
		seenAt = w.net.Trace().External("nat-" + name)
	}
	ok, err := w.await(2*traversalKeepalive*w.k(), func() bool {
		return w.direct(w.subject.host, name, time.Time{}) && w.direct(name, w.subject.host, time.Time{})
	})
	if err != nil || !ok {
		return firstOf(err, &verdict.Blocked{Text: fmt.Sprintf("the subject and %q never came to reach each other", name)})
	}
	// The traversal comes to its end.
	if err := w.pass(2 * time.Second); err != nil {
		return err
	}
	after := w.net.Now()
	if err := w.pass(2 * w.k()); err != nil {
		return err
	}
	var frames []int
	sockets := map[uint16]bool{}
	for _, s := range w.sentBy(w.subject.host) {
		if s.At.After(after) && slices.Contains(seenAt, s.to.Addr()) {
			sockets[s.from.Port()] = true
			frames = append(frames, s.Seq)
		}
	}
	switch {
	case len(sockets) == 0:
		return w.violated(nil, "the subject sent %q nothing in two keepalive intervals", name)
	case len(sockets) > 1:
		return w.violated(frames, "the subject sends to %q from %d sockets", name, len(sockets))
	case sockets[w.subject.port]:
		return w.violated(frames, "the subject sends to %q from its main socket, whose mapping does not reach it", name)
	}
	return nil
}
