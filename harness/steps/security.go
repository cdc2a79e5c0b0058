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
		if len(w.relayed) > 0 {
			id = fmt.Sprintf("%x", w.relayed[0].packet.PacketID)
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

func (w *World) whenTrigger(name, trigger string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	make, ok := triggers[trigger]
	if !ok {
		return &verdict.LabFailed{Text: fmt.Sprintf("no trigger is called %q", trigger)}
	}
	if _, err := in.Send(w.toSubject(), make(w, in)); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

// thenSetsOff counts the intros and joins of the subject, which sends none but
// because of somebody's join.
func (w *World) thenSetsOff(intros, joins int) error {
	sent := w.sentBy(w.subject.host)
	introduced, relayed := ofType(sent, wire.Intro), ofType(sent, wire.Join)
	if len(introduced) == 0 || len(introduced) > intros || len(relayed) > joins {
		return w.violated(append(frames(introduced), frames(relayed)...),
			"because of one join the subject sent %d intros and %d joins", len(introduced), len(relayed))
	}
	return nil
}

// thenAmplifies adds up all that the subject sent to the address of an
// injector, whatever the port, and all that it received from there.
func (w *World) thenAmplifies(name string, factor int) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	got, sent := 0, 0
	var evidence []int
	for _, s := range w.arrivedFrom(w.receivedBy(w.subject.host), in.host) {
		got += len(s.payload)
		evidence = append(evidence, s.Seq)
	}
	if got == 0 {
		return &verdict.Blocked{Text: fmt.Sprintf("nothing from %q reached the subject", name)}
	}
	for _, s := range w.sentBy(w.subject.host) {
		if s.to.Addr() == in.address().Addr() {
			sent += len(s.payload)
			evidence = append(evidence, s.Seq)
		}
	}
	if sent > factor*got {
		return &verdict.Violation{Requirement: "LAT-SEC-001", Frames: evidence,
			Text: fmt.Sprintf("the subject sent %d bytes to an address from which it had %d (%.1f to 1)", sent, got, float64(sent)/float64(got))}
	}
	return nil
}

// whenJoinNames has an injector send a join that names the address of another.
func (w *World) whenJoinNames(name, victim string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	v, err := w.scriptedNamed(victim)
	if err != nil {
		return err
	}
	p := w.theJoin(in, 1, "")
	p.Message = injector.ParseBody(p.Message).With("address", v.address().Addr().String()).With("port", v.address().Port()).JSON()
	return w.give(in, p)
}

// thenNobodySends judges every peer of the scenario. Who is introduced to the
// victim may ping it: to blame is who made the introduction, the subject or a
// companion.
func (w *World) thenNobodySends(victim string) error {
	in, err := w.scriptedNamed(victim)
	if err != nil {
		return err
	}
	at := in.address().Addr()
	if all := w.unprompted(w.subject, at); len(all) > 0 {
		return w.violated(frames(all), "the subject sent %d datagrams to %q, to which no other peer had introduced it", len(all), victim)
	}
	if all := introducing(w.sentBy(w.subject.host), at); len(all) > 0 {
		return &verdict.Violation{Requirement: "LAT-MEMB-010", Frames: frames(all),
			Text: fmt.Sprintf("the subject introduced %q at the address that a join named", victim)}
	}
	for _, p := range w.peers {
		if all := append(w.unprompted(p, at), introducing(w.sentBy(p.host), at)...); len(all) > 0 {
			return w.blames(p, frames(all), "%d datagrams of it went to %q or introduce it, because a join named its address", len(all), victim)
		}
	}
	return nil
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

func (w *World) whenIntroducesSeveral(name string, count int, target string) error {
	return w.bootstrapIntroduces(name, target, injector.NATType, count)
}

func (w *World) thenConnectionPingsAtMost(limit int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	pings := slices.DeleteFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool { return s.to.Addr() != in.address().Addr() })
	if len(pings) > limit {
		return w.violated(frames(pings), "the subject sent %d pings to the address of %q", len(pings), name)
	}
	if len(pings) == 0 {
		return &verdict.Blocked{Text: "the introductions were not obeyed at all, so that nothing had to be limited"}
	}
	return nil
}

func (w *World) whenInTheNameOf(name, other string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	o, err := w.scriptedNamed(other)
	if err != nil {
		return err
	}
	body := in.ConnectionPing().With("requesterPeerId", o.ID.String())
	if _, err := in.Send(w.toSubject(), injector.Control(wire.Ping, body)); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}

func (w *World) thenNoneOfTypeReaches(kind, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(w.reached(in.host), func(s seen) bool { return s.packet == nil || s.packet.Type.String() != kind })
	if len(all) > 0 {
		return w.violated(frames(all), "%d of the subject's packets of type %s reached %q", len(all), kind, name)
	}
	return nil
}
