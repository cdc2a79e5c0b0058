package steps

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/wire"
)

// burstWithin is longer than one traversal: 1,024 pings, 10 ms apart.
const burstWithin = 14 * time.Second

var _ = step("trav/openers-sent", `^the subject sends openers to (\d+) distinct ports of "([^"]+)"$`,
	(*World).thenOpens)

func (w *World) thenOpens(count int, target string) {
	t := w.injector(target)
	var openers []seen
	ports, read := map[uint16]bool{}, 0
	w.await(burstWithin, func() bool {
		all := w.sentBy(w.subject.host)
		for ; read < len(all); read++ {
			if s := all[read]; s.to.Addr() == t.address().Addr() && wire.IsOpener(s.payload) {
				openers = append(openers, s)
				ports[s.to.Port()] = true
			}
		}
		return len(ports) >= count
	})
	if at := slices.IndexFunc(openers, func(s seen) bool { return s.from.Port() != w.subject.port }); at >= 0 {
		w.violated(frames(openers[at:at+1]), "an opener of the subject left port %d, which is not its main socket's", openers[at].from.Port())
	}
	if len(ports) == count && len(openers) == count {
		return
	}
	w.violated(frames(openers), "the subject has sent %d openers to %d ports of %q, and not %d to as many", len(openers), len(ports), target, count)
}

var _ = step("trav/pings-from-pool", `^the subject pings "([^"]+)" from (\d+) to (\d+) sockets, at most (\d+) times$`,
	(*World).thenPingsFromMany)

// thenPingsFromMany judges a whole traversal of the side that pings.
func (w *World) thenPingsFromMany(target string, least, most, pings int) {
	t := w.injector(target)
	w.pass(burstWithin)
	sockets := map[uint16]bool{}
	n := 0
	for _, s := range ofType(w.bySubject(t), wire.Ping) {
		if s.from.Port() != w.subject.port && s.from.Port() != w.subject.probePort {
			sockets[s.from.Port()] = true
			n++
		}
	}
	if len(sockets) < least || len(sockets) > most || n > pings {
		w.violated(frames(w.bySubject(t)), "the subject sent %d pings to %q from %d sockets beside its main and probe sockets", n, target, len(sockets))
	}
}

var _ = step("trav/injector-pings-from-opened-port", `^"([^"]+)" pings the subject from a port that was opened for it, and answers nothing$`,
	(*World).whenPingsFromOpened)

// whenPingsFromOpened has an injector ping the subject's main socket from a
// port that the subject has opened, and answer nothing that comes there.
func (w *World) whenPingsFromOpened(name string) {
	in := w.acting(name)
	var opener seen
	ok := w.await(burstWithin, func() bool {
		for _, s := range w.arrivedFrom(w.receivedBy(in.host), w.subject.host) {
			if wire.IsOpener(s.payload) {
				opener = s
				return true
			}
		}
		return false
	})
	if !ok {
		blocked("no opener of the subject reached %q", name)
	}
	socket := mustGet(w.net.Endpoint(in.host, opener.to.Port()))
	ping := injector.Control(wire.Ping, in.ConnectionPing().With("natType", 5))
	ping.ClusterID = cluster[:]
	must(socket.Send(opener.from, mustGet(wire.Append(nil, &ping))))
}

// strangerPings are how many of the subject's sockets a stranger tries.
const strangerPings = 50

var _ = step("trav/injector-pings-pool-sockets", `^"([^"]+)" pings the sockets from which the subject looks for "([^"]+)", in its name$`,
	(*World).whenLANPings)

// whenLANPings has an injector on the subject's network claim to be another,
// at sockets from which the subject looks for that one.
func (w *World) whenLANPings(name, as string) {
	in := w.acting(name)
	t := w.injector(as)
	if !w.await(burstWithin, func() bool { return len(w.bySubject(t)) > strangerPings }) {
		blocked("the subject has hardly pinged %q", as)
	}
	for _, s := range w.bySubject(t) {
		in.send(s.from, injector.Control(wire.Ping, t.ConnectionPing()))
	}
	w.pass(500 * time.Millisecond)
}

var _ = step("trav/answers-only-one", `^the subject answers "([^"]+)" there, and not "([^"]+)"$`,
	(*World).thenAnswersOnly)

func (w *World) thenAnswersOnly(target, stranger string) {
	t := w.injector(target)
	if all := w.reached(stranger); len(all) > 0 {
		w.violated(frames(all), "the subject answered %q at a socket with which it looks for %q", stranger, target)
	}
	received := w.receivedBy(t.host)
	t.send(received[len(received)-1].from, injector.Control(wire.Ping, t.ConnectionPing()))
	if !w.await(replyWithin, func() bool { return len(ofType(w.reached(t.host), wire.Pong)) > 0 }) {
		w.violated(frames(received), "the subject did not answer %q itself there", target)
	}
}

var _ = step("trav/injector-answers-pool-socket", `^"([^"]+)" answers at one of the sockets from which the subject looks for it$`,
	(*World).whenAnswersPool)

// whenAnswersPool has an injector that was silent answer at one of the sockets
// from which the subject looks for it, and there alone, as a peer does whose NAT
// lets nothing else out.
func (w *World) whenAnswersPool(name string) {
	in := w.acting(name)
	if !w.await(burstWithin, func() bool { return len(ofType(w.reached(name), wire.Ping)) > 0 }) {
		blocked("no ping of the subject reached %q", name)
	}
	at := ofType(w.receivedBy(name), wire.Ping)[0].from
	in.send(at, injector.Control(wire.Ping, in.ConnectionPing()))
	in.Mute = false
}

var _ = step("trav/one-socket-kept", `^the subject sends to "([^"]+)" from one socket, which is not its main socket$`,
	(*World).thenOneSocket)

// thenOneSocket wants everything that the subject sends a peer, once it is
// reached by guessing, to leave from the one socket that reaches it.
func (w *World) thenOneSocket(name string) {
	var seenAt []netip.Addr
	if w.find(name) != nil {
		seenAt = w.net.Trace().External("nat-" + name)
	} else {
		seenAt = []netip.Addr{w.injector(name).address().Addr()}
	}
	if !w.await(2*traversalKeepalive*w.k(), func() bool {
		return w.direct(w.subject.host, name, time.Time{}) && w.direct(name, w.subject.host, time.Time{})
	}) {
		blocked("the subject and %q never came to reach each other", name)
	}
	// The traversal comes to its end.
	w.pass(2 * time.Second)
	after := w.net.Now()
	w.pass(2 * w.k())
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
		w.violated(nil, "the subject sent %q nothing in two keepalive intervals", name)
	case len(sockets) > 1:
		w.violated(frames, "the subject sends to %q from %d sockets", name, len(sockets))
	case sockets[w.subject.port]:
		w.violated(frames, "the subject sends to %q from its main socket, whose mapping does not reach it", name)
	}
}
