package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

var _ = step("sec/answers-honest-ping", `^the subject still answers an honest ping$`,
	(*World).thenStillAnswers)

func (w *World) thenStillAnswers() {
	if len(w.injectors) == 0 {
		misused("an honest ping needs an injector")
	}
	w.pass(time.Second)
	w.stillPongs(w.injectors[0], w.subject)
}

// triggers are datagrams that make a careless peer send much for little.
var triggers = map[string]func(*World, *scripted) wire.Packet{
	"a small ping": func(w *World, in *scripted) wire.Packet {
		return injector.Control(wire.Ping, injector.Body{}.With("requesterPeerId", in.ID.String()))
	},
	"a ping with probeExternalPort": func(w *World, in *scripted) wire.Packet {
		return injector.Control(wire.Ping, injector.Body{}.With("requesterPeerId", in.ID.String()).
			With("isReflection", true).With("reflectionId", "0102030405ff").With("probeExternalPort", 9))
	},
	"a connection ping": func(w *World, in *scripted) wire.Packet {
		return injector.Control(wire.Ping, in.ConnectionPing())
	},
	"a sync with an invented hash": func(w *World, in *scripted) wire.Packet {
		return w.inventedSync(0)
	},
	"a sync with 16 invented buckets": func(w *World, in *scripted) wire.Packet {
		return w.inventedSync(16)
	},
	"a join that names another address": func(w *World, in *scripted) wire.Packet {
		p := w.theJoin(in, 1, "")
		p.Message = injector.ParseBody(p.Message).With("address", nobody).JSON()
		return p
	},
	"a query for a cached packet": func(w *World, in *scripted) wire.Packet {
		id := "00"
		if len(w.given) > 0 {
			id = fmt.Sprintf("%x", w.given[0].packet.PacketID)
		}
		p := injector.Control(wire.Query, injector.Body{}.With("packetId", id))
		p.Usr1 = w.milliseconds(0)
		p.Usr3 = slices.Repeat([]byte{0x61}, 32)
		p.Usr4 = []byte("1")
		return p
	},
}

// inventedSync is the sync packet of a peer that claims to hold nothing, or
// as many buckets as it says, and in no case what the subject holds.
func (w *World) inventedSync(buckets int) wire.Packet {
	var s cache.Summary
	noise := newStream("invented")
	noise.Read(s.Hash[:])
	for digit := range buckets {
		noise.Read(s.Buckets[digit][:])
		s.Present |= 1 << digit
	}
	p := wire.NewPacket(wire.Sync)
	p.Message = s.Append(nil)
	p.Usr4 = w.milliseconds(-6 * time.Hour)
	return p
}

var _ = step("sec/injector-sends-trigger", `^"([^"]+)" sends the subject (a small ping|a ping with probeExternalPort|a connection ping|a sync with an invented hash|a sync with 16 invented buckets|a join that names another address|a query for a cached packet)$`,
	(*World).whenTrigger)

func (w *World) whenTrigger(name, trigger string) {
	in := w.acting(name)
	make, ok := triggers[trigger]
	if !ok {
		misused("no trigger is called %q", trigger)
	}
	in.send(w.toSubject(), make(w, in))
}

var _ = step("sec/join-sets-off", `^because of it the subject has sent some, and at most (\d+) intros and (\d+) joins$`,
	(*World).thenSetsOff)

// thenSetsOff counts the intros and joins of the subject, which sends none but
// because of somebody's join.
func (w *World) thenSetsOff(intros, joins int) {
	sent := w.sentBy(w.subject.host)
	introduced, relayed := ofType(sent, wire.Intro), ofType(sent, wire.Join)
	if len(introduced) == 0 || len(introduced) > intros || len(relayed) > joins {
		w.violated(append(frames(introduced), frames(relayed)...),
			"because of one join the subject sent %d intros and %d joins", len(introduced), len(relayed))
	}
}

var _ = step("sec/amplification", `^the subject has sent "([^"]+)" at most (\d+) bytes for each byte that it got$`,
	(*World).thenAmplifies)

// thenAmplifies adds up all that the subject sent to the address of an
// injector, whatever the port, and all that it received from there.
func (w *World) thenAmplifies(name string, factor int) {
	in := w.injector(name)
	got, sent := 0, 0
	var evidence []int
	for _, s := range w.arrivedFrom(w.receivedBy(w.subject.host), in.host) {
		got += len(s.payload)
		evidence = append(evidence, s.Seq)
	}
	if got == 0 {
		blocked("nothing from %q reached the subject", name)
	}
	for _, s := range w.sentBy(w.subject.host) {
		if s.to.Addr() == in.address().Addr() {
			sent += len(s.payload)
			evidence = append(evidence, s.Seq)
		}
	}
	if sent > factor*got {
		fail(&verdict.Violation{Requirement: "LAT-SEC-001", Frames: evidence,
			Text: fmt.Sprintf("the subject sent %d bytes to an address from which it had %d (%.1f to 1)", sent, got, float64(sent)/float64(got))})
	}
}

var _ = step("sec/injector-sends-join-naming", `^"([^"]+)" sends the subject a join that names the address of "([^"]+)"$`,
	(*World).whenJoinNames)

// whenJoinNames has an injector send a join that names the address of another.
func (w *World) whenJoinNames(name, victim string) {
	in := w.acting(name)
	v := w.injector(victim)
	p := w.theJoin(in, 1, "")
	p.Message = injector.ParseBody(p.Message).With("address", v.address().Addr().String()).With("port", v.address().Port()).JSON()
	w.give(in, p)
}

var _ = step("sec/nobody-sends", `^nothing from any peer reaches "([^"]+)"$`,
	(*World).thenNobodySends)

// thenNobodySends judges every peer of the scenario. Who is introduced to the
// victim may ping it: to blame is who made the introduction, the subject or a
// companion.
func (w *World) thenNobodySends(victim string) {
	in := w.injector(victim)
	at := in.address().Addr()
	if all := w.unprompted(w.subject, at); len(all) > 0 {
		w.violated(frames(all), "the subject sent %d datagrams to %q, to which no other peer had introduced it", len(all), victim)
	}
	if all := introducing(w.sentBy(w.subject.host), at); len(all) > 0 {
		fail(&verdict.Violation{Requirement: "LAT-MEMB-010", Frames: frames(all),
			Text: fmt.Sprintf("the subject introduced %q at the address that a join named", victim)})
	}
	for _, p := range w.peers {
		if all := append(w.unprompted(p, at), introducing(w.sentBy(p.host), at)...); len(all) > 0 {
			w.blames(p, frames(all), "%d datagrams of it went to %q or introduce it, because a join named its address", len(all), victim)
		}
	}
}

// unprompted lists what a peer sent to an address before anybody introduced it
// there, and the introductions that it sent there itself.
func (w *World) unprompted(p *peer, at netip.Addr) []seen {
	told := introducing(w.receivedBy(p.host), at)
	return slices.DeleteFunc(slices.Clone(w.sentBy(p.host)), func(s seen) bool {
		introduces := s.packet != nil && s.packet.Type == wire.Intro
		return s.to.Addr() != at || !introduces && len(told) > 0 && !s.At.Before(told[0].At)
	})
}

// introducing keeps the introductions of somebody at an address.
func introducing(all []seen, at netip.Addr) []seen {
	return slices.DeleteFunc(ofType(all, wire.Intro), func(s seen) bool {
		target, ok := named(s.body())
		return !ok || target.Addr() != at
	})
}

var _ = step("sec/introduced-to-several", `^"([^"]+)" introduces the subject to (\d+) peers at the address of "([^"]+)"$`,
	func(w *World, name string, count int, target string) {
		w.bootstrapIntroduces(name, target, injector.NATType, count)
	})

var _ = step("sec/pings-at-most", `^some, and at most (\d+) pings from the subject go to the address of "([^"]+)"$`,
	(*World).thenConnectionPingsAtMost)

func (w *World) thenConnectionPingsAtMost(limit int, name string) {
	in := w.injector(name)
	pings := slices.DeleteFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool { return s.to.Addr() != in.address().Addr() })
	if len(pings) > limit {
		w.violated(frames(pings), "the subject sent %d pings to the address of %q", len(pings), name)
	}
	if len(pings) == 0 {
		blocked("the introductions were not obeyed at all, so that nothing had to be limited")
	}
}

var _ = step("sec/none-of-type-reaches", `^no (publish|join|intro|sync|stream) from the subject reaches "([^"]+)"$`,
	(*World).thenNoneOfTypeReaches)

func (w *World) thenNoneOfTypeReaches(kind, name string) {
	in := w.injector(name)
	all := slices.DeleteFunc(w.reached(in.host), func(s seen) bool { return s.packet == nil || s.packet.Type.String() != kind })
	if len(all) > 0 {
		w.violated(frames(all), "%d of the subject's packets of type %s reached %q", len(all), kind, name)
	}
}

var _ = step("sec/nothing-reaches", `^nothing from the subject reaches "([^"]+)"$`,
	(*World).thenNothingReaches)

func (w *World) thenNothingReaches(target string) {
	in := w.injector(target)
	if all := w.reached(in.host); len(all) > 0 {
		w.violated(frames(all), "%d datagrams of the subject reached %q", len(all), target)
	}
}
