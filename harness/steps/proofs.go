package steps

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/wire"
)

var _ = step("msg/pings-name-subject", `^each ping that the subject sent names the subject as its requester$`,
	(*World).thenPingsNameSubject)

func (w *World) thenPingsNameSubject() {
	pings := ofType(w.sentBy(w.subject.host), wire.Ping)
	if len(pings) == 0 {
		blocked("the subject has sent no ping")
	}
	wrong := slices.DeleteFunc(slices.Clone(pings), func(s seen) bool {
		id, _ := s.body().Get("requesterPeerId")
		return id == w.subject.id.String()
	})
	if len(wrong) > 0 {
		w.violated(frames(wrong), "%d of %d pings of the subject name another peer as their requester", len(wrong), len(pings))
	}
}

var _ = step("msg/injector-pings-times", `^"([^"]+)" pings the subject (\d+) times$`,
	(*World).whenPingsTimes)

func (w *World) whenPingsTimes(name string, times int) {
	in := w.acting(name)
	for range times {
		in.send(w.toSubject(), injector.Control(wire.Ping, in.Ping()))
	}
}

var _ = step("msg/pongs-in-all", `^(\d+) pongs? from the subject (?:reaches|reach) "([^"]+)" in all$`,
	(*World).thenPongsInAll)

func (w *World) thenPongsInAll(count int, name string) {
	in := w.injector(name)
	pongs := ofType(w.reached(in.host), wire.Pong)
	switch {
	case len(pongs) > count:
		w.violated(frames(pongs), "%d pongs of the subject reached %q, which had sent fewer pings", len(pongs), name)
	case len(pongs) < count:
		blocked("%d pongs of the subject reached %q: a pong or a ping was lost", len(pongs), name)
	}
}

var _ = step("sec/ping-ids-differ", `^no pingId that the subject sent "([^"]+)" was sent to "([^"]+)"$`,
	(*World).thenPingIDsDiffer)

func (w *World) thenPingIDsDiffer(name, other string) {
	sent := map[any]seen{}
	for _, s := range ofType(w.bySubject(w.injector(name)), wire.Ping) {
		if id, ok := s.body().Get("pingId"); ok {
			sent[id] = s
		}
	}
	for _, s := range ofType(w.bySubject(w.injector(other)), wire.Ping) {
		id, _ := s.body().Get("pingId")
		if first, ok := sent[id]; ok {
			w.violated([]int{first.Seq, s.Seq}, "the subject sent the pingId %v to %q and to %q", id, name, other)
		}
	}
	if len(sent) == 0 {
		blocked("the subject has sent no pingId to %q", name)
	}
}

var _ = step("sec/injector-repeats-proof", `^"([^"]+)" sends the subject the pong by which it was verified again$`,
	(*World).whenRepeatsProof)

// whenRepeatsProof sends each pong once more that an injector has answered a challenge with.
func (w *World) whenRepeatsProof(name string) {
	in := w.acting(name)
	repeated := 0
	for _, s := range ofType(w.arrivedFrom(w.receivedBy(w.subject.host), in.host), wire.Pong) {
		if _, ok := s.body().Get("pingId"); ok {
			in.sendBytes(w.toSubject(), s.payload)
			repeated++
		}
	}
	if repeated == 0 {
		blocked("%q has sent no pong with a pingId", name)
	}
}

var _ = step("sec/injector-pongs-in-name-of", `^"([^"]+)" sends the subject a connection pong in the name of "([^"]+)"$`,
	(*World).whenPongsInTheNameOf)

// whenPongsInTheNameOf sends a pong that echoes nothing.
func (w *World) whenPongsInTheNameOf(name, other string) {
	in := w.acting(name)
	in.send(w.toSubject(), injector.Control(wire.Pong, injector.Body{}.
		With("requesterPeerId", w.subject.id.String()).
		With("responderPeerId", w.injector(other).ID.String()).
		With("isConnection", true).
		With("natType", injector.NATType)))
}

var _ = step("sec/injector-names-address", `^"([^"]+)" sends the subject packets that name the address of "([^"]+)"$`,
	(*World).whenNamesAddress)

// whenNamesAddress names an address by whatever is no introduction and no rendezvous: an answer of
// NAT discovery that nobody asked for, a query, and a publish.
func (w *World) whenNamesAddress(name, victim string) {
	in, at := w.acting(name), w.injector(victim).address()
	in.send(w.toSubject(), injector.Control(wire.Pong, injector.Body{}.
		With("requesterPeerId", w.subject.id.String()).
		With("responderPeerId", in.ID.String()).
		With("isReflection", true).
		With("reflectionId", "0102030405ff").
		With("address", at.Addr().String()).
		With("port", at.Port())))
	question := injector.Control(wire.Query, injector.Body{}.With("address", at.Addr().String()).With("port", at.Port()))
	question.Usr1, question.Usr3, question.Usr4 = w.milliseconds(0), slices.Repeat([]byte{0x62}, 32), []byte("1")
	in.send(w.toSubject(), question)
}

var _ = step("trav/introduced-late", `^"([^"]+)" introduces the subject to "([^"]+)" by an introduction that is (\d+) keepalive intervals old$`,
	(*World).whenIntroducesLate)

func (w *World) whenIntroducesLate(name, target string, intervals int) {
	in := w.settled(name)
	t := w.injector(target)
	p := w.intro(in, t.ID, t.address().Addr().String(), t.address().Port(), injector.NATType)
	p.Usr1 = w.milliseconds(-time.Duration(intervals) * w.k())
	in.send(w.toSubject(), p)
}

var _ = step("trav/nothing-to-address", `^nothing from the subject goes to the address "([^"]+)"$`,
	(*World).thenNothingGoesTo)

func (w *World) thenNothingGoesTo(address string) {
	at, err := netip.ParseAddr(address)
	if err != nil {
		misused("%q is no address", address)
	}
	all := slices.DeleteFunc(slices.Clone(w.sentBy(w.subject.host)), func(s seen) bool { return s.to.Addr() != at })
	if len(all) > 0 {
		w.violated(frames(all), "the subject sent %d datagrams to %v", len(all), at)
	}
}

var _ = step("memb/clock-grows", `^the clock of the joins of the subject grows from one join to the next$`,
	(*World).thenClockGrows)

// thenClockGrows compares what went to one address: the copies of one join have one clock.
func (w *World) thenClockGrows() {
	last := map[netip.AddrPort]seen{}
	compared := 0
	for _, s := range w.ownJoins(time.Time{}) {
		before, ok := last[s.to]
		if ok && s.packet.Clock <= before.packet.Clock {
			w.violated([]int{before.Seq, s.Seq}, "the subject sent a join with the clock %d after one with %d", s.packet.Clock, before.packet.Clock)
		}
		if ok {
			compared++
		}
		last[s.to] = s
	}
	if compared == 0 {
		blocked("the subject has sent nobody two joins")
	}
}
