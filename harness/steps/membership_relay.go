package steps

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/wire"
)

// relaysTo lists the copies of an injected packet that the subject sent to an
// injector.
func (w *World) relaysTo(to *scripted, r injected) []seen {
	return copiesOf(r, w.reached(to.host))
}

// copiesOf keeps what has the type and the packetId of an injected packet: a relay
// changes its hops alone.
func copiesOf(r injected, all []seen) []seen {
	return slices.DeleteFunc(ofType(all, r.packet.Type), func(s seen) bool {
		return !bytes.Equal(s.packet.PacketID, r.packet.PacketID)
	})
}

var _ = step("memb/relays-once", `^the subject relays that (join|publish|stream|query|answer) to "([^"]+)" once, with hops (\d+)$`,
	(*World).thenRelaysOnce)

// thenRelaysOnce speaks of the last packet that an injector gave.
func (w *World) thenRelaysOnce(kind, name string, hops int) {
	to, r := w.lastGiven(kind, name)
	if !w.await(replyWithin, func() bool { return len(w.relaysTo(to, r)) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), r.packet.Type)), "the subject did not relay the %s to %q", kind, name)
	}
	w.pass(500 * time.Millisecond)
	all := w.relaysTo(to, r)
	if len(all) != 1 {
		w.violated(frames(all), "the subject relayed the %s to %q %d times", kind, name, len(all))
	}
	if int(all[0].packet.Hops) != hops {
		w.violated(frames(all), "the subject relayed the %s with hops %d, and not %d", kind, all[0].packet.Hops, hops)
	}
}

var _ = step("memb/relays-each-join-once", `^the subject relays each of these joins, and none of them to anybody twice$`,
	(*World).thenRelaysEachOnce)

// thenRelaysEachOnce speaks of all joins that injectors gave, and of all that they
// were sent to.
func (w *World) thenRelaysEachOnce() {
	relayed := func(r injected) []seen { return copiesOf(r, w.sentBy(w.subject.host)) }
	for _, r := range w.given {
		if !w.await(replyWithin, func() bool { return len(relayed(r)) > 0 }) {
			w.violated(frames(ofType(w.receivedBy(w.subject.host), r.packet.Type)), "the subject did not relay a join of %q", r.in.host)
		}
	}
	w.pass(500 * time.Millisecond)
	for _, r := range w.given {
		to := map[netip.AddrPort][]int{}
		for _, s := range relayed(r) {
			if to[s.to] = append(to[s.to], s.Seq); len(to[s.to]) > 1 {
				w.violated(to[s.to], "the subject sent the same join to %s twice", w.who(s.to))
			}
		}
	}
}

func (w *World) lastGiven(kind, name string) (*scripted, injected) {
	to := w.injector(name)
	if len(w.given) == 0 || kindOf(&w.given[len(w.given)-1].packet) != kind {
		misused("no injector gave the subject a %s", kind)
	}
	return to, w.given[len(w.given)-1]
}

// kindOf names a packet as the features do.
func kindOf(p *wire.Packet) string {
	switch {
	case p.Type != wire.Query:
		return p.Type.String()
	case string(p.Usr4) == "1":
		return "query"
	}
	return "answer"
}

var _ = step("memb/not-relayed", `^the subject does not relay that (join|publish|stream|query|answer) to "([^"]+)"$`,
	(*World).thenNotRelayed)

func (w *World) thenNotRelayed(kind, name string) {
	to, r := w.lastGiven(kind, name)
	if all := w.relaysTo(to, r); len(all) > 0 {
		w.violated(frames(all), "the subject sent the %s back to %q", kind, name)
	}
}

var _ = step("memb/relays-second-only", `^the subject relays the second (publish|stream|query|answer|join) to "([^"]+)", but not the first$`,
	(*World).thenRelaysLastOnly)

// thenRelaysLastOnly speaks of the last two packets: the second shows that
// the first could have been relayed.
func (w *World) thenRelaysLastOnly(kind, name string) {
	to, second := w.lastGiven(kind, name)
	first := w.given[len(w.given)-2]
	if !w.await(replyWithin, func() bool { return len(w.relaysTo(to, second)) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), second.packet.Type)), "the subject did not relay the second %s to %q", kind, name)
	}
	if all := w.relaysTo(to, first); len(all) > 0 {
		w.violated(frames(all), "the subject relayed the first %s to %q", kind, name)
	}
}

var _ = step("memb/relays-hops-only", `^the subject relays the (join|publish|stream|query|answer) with hops (\d+) to "([^"]+)", but not the one with hops (\d+)$`,
	(*World).thenRelaysHopsOnly)

func (w *World) thenRelaysHopsOnly(kind string, relayed int, name string, dropped int) {
	n := len(w.given)
	if n < 2 || int(w.given[n-2].packet.Hops) != dropped || int(w.given[n-1].packet.Hops) != relayed {
		misused("the last two packets were not a %s with hops %d and one with hops %d", kind, dropped, relayed)
	}
	w.thenRelaysLastOnly(kind, name)
}

var _ = step("memb/relays-rendezvous-keys", `^the subject relays that join to "([^"]+)" with the same packetId and the rendezvous keys that name the subject$`,
	(*World).thenRelaysWithRendezvous)

func (w *World) thenRelaysWithRendezvous(name string) {
	to, r := w.lastGiven("join", name)
	if !w.await(replyWithin, func() bool { return len(w.relaysTo(to, r)) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "the subject did not relay the join to %q with its packetId", name)
	}
	s := w.relaysTo(to, r)[0]
	at := w.toSubject()
	for key, want := range map[string]any{ // order-free: every key must be right
		"rendezvousAddress": at.Addr().String(),
		"rendezvousPort":    float64(at.Port()),
		"rendezvousType":    float64(31),
		"rendezvousPeerId":  w.subject.id.String(),
	} {
		if got, _ := s.body().Get(key); got != want {
			w.violated([]int{s.Seq}, "in the relayed join %s is %v, and not %v", key, got, want)
		}
	}
	if deadline, _ := s.body().Get("rendezvousDeadline"); deadline == nil {
		w.violated([]int{s.Seq}, "the relayed join has no rendezvousDeadline")
	}
}
