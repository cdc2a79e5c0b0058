package steps

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// An introduction is what an injector told the subject of somebody.
type introduction struct {
	peer wire.ID
	at   string
}

var _ = step("trav/introduced-elsewhere", `^"([^"]+)" introduces the subject to "([^"]+)" at an address where nobody is$`,
	(*World).whenIntroducesElsewhere)

func (w *World) whenIntroducesElsewhere(name, target string) {
	in := w.settled(name)
	t := w.injector(target)
	w.traversal.told = &introduction{peer: t.ID, at: nobody}
	in.send(w.toSubject(), w.intro(in, t.ID, nobody, 4001, 7))
}

var _ = step("trav/introduced-by-bootstrap", `^"([^"]+)", its bootstrap peer, introduces the subject to "([^"]+)" as a peer of type (\d+)$`,
	func(w *World, name, target string, natType int) { w.bootstrapIntroduces(name, target, natType, 1) })

var _ = step("trav/introduced-by-bootstrap-to-several", `^"([^"]+)", its bootstrap peer, introduces the subject to (\d+) peers at the address of "([^"]+)" as of type (\d+)$`,
	func(w *World, name string, count int, target string, natType int) {
		w.bootstrapIntroduces(name, target, natType, count)
	})

// bootstrapIntroduces has an injector introduce the subject behind its NAT to
// peers at the address of another injector, of which the first is that one.
func (w *World) bootstrapIntroduces(name, target string, natType, count int) {
	in := w.settled(name)
	t := w.injector(target)
	at, ok := netip.AddrPort{}, false
	if !w.await(2*w.k(), func() bool { at, ok = w.subjectSeenBy(in); return ok }) {
		blocked("the subject has sent nothing to its bootstrap peer %q", name)
	}
	for i := range count {
		id := t.ID
		id[0] ^= byte(i)
		w.traversal.told = &introduction{peer: t.ID, at: t.address().Addr().String()}
		in.send(at, w.intro(in, id, t.address().Addr().String(), t.address().Port()+uint16(i), natType))
	}
}

var _ = step("trav/pinged-introduced-address", `^the subject sent a connection ping to the address at which it was introduced to "([^"]+)"$`,
	(*World).thenPingedWhereIntroduced)

func (w *World) thenPingedWhereIntroduced(name string) {
	other := w.named(name)
	var intros []seen
	for _, s := range ofType(w.receivedBy(w.subject.host), wire.Intro) {
		if id, _ := s.body().Get("requesterPeerId"); id == other.id.String() {
			intros = append(intros, s)
		}
	}
	if len(intros) == 0 {
		blocked("the subject was never introduced to %s", other)
	}
	pinged := func() bool {
		for _, i := range intros {
			target, ok := named(i.body())
			if ok && w.connectionPing(target, i.At) {
				return true
			}
		}
		return false
	}
	if !w.await(replyWithin, pinged) {
		w.violated(frames(intros), "the subject was introduced to %s, and sent no connection ping to the address named", other)
	}
}

// connectionPing reports whether the subject sent one to an address after a time.
func (w *World) connectionPing(to netip.AddrPort, after time.Time) bool {
	return slices.ContainsFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool {
		return s.to == to && s.body().Says("isConnection") && !s.At.Before(after)
	})
}

// intro is an introduction of a peer at an address, made by an injector.
func (w *World) intro(in *scripted, target wire.ID, address string, port uint16, natType int) wire.Packet {
	p := w.forGroup(wire.Intro, 2, injector.Body{}.
		With("requesterPeerId", target.String()).
		With("responderPeerId", in.ID.String()).
		With("isRendezvous", false).
		With("natType", natType).
		With("address", address).
		With("port", port))
	p.Usr1 = w.milliseconds(0)
	return p
}

var _ = step("trav/introduced-to-nobody", `^"([^"]+)" introduces the subject to a peer of type (\d+) at an address where nobody is$`,
	(*World).whenIntroducesNobody)

func (w *World) whenIntroducesNobody(name string, natType int) {
	in := w.settled(name)
	w.traversal.told = &introduction{peer: seal.PeerID("nobody"), at: nobody}
	in.send(w.toSubject(), w.intro(in, w.traversal.told.peer, nobody, 4001, natType))
}

var _ = step("trav/introduced-at-host-name", `^"([^"]+)" introduces the subject to a peer at the address "([^"]+)"$`,
	(*World).whenIntroducesHostName)

func (w *World) whenIntroducesHostName(name, address string) {
	in := w.settled(name)
	w.traversal.told = &introduction{peer: seal.PeerID("nobody"), at: address}
	in.send(w.toSubject(), w.intro(in, w.traversal.told.peer, address, 4001, 31))
}

var _ = step("trav/introduced-at-spelled-address", `^"([^"]+)" introduces the subject to "([^"]+)" by its address (in IPv6|with leading zeros|as one number)$`,
	(*World).whenIntroducesSpelled)

// whenIntroducesSpelled names the address of another injector, but not as an
// IPv4 literal: in ways that libraries take for it.
func (w *World) whenIntroducesSpelled(name, target, spelled string) {
	in := w.settled(name)
	t := w.injector(target)
	octets := t.address().Addr().As4()
	address := strconv.FormatUint(uint64(binary.BigEndian.Uint32(octets[:])), 10)
	switch spelled {
	case "in IPv6":
		address = "::ffff:" + t.address().Addr().String()
	case "with leading zeros":
		address = fmt.Sprintf("%03d.%03d.%03d.%03d", octets[0], octets[1], octets[2], octets[3])
	}
	w.traversal.told = &introduction{peer: t.ID, at: address}
	in.send(w.toSubject(), w.intro(in, t.ID, address, t.address().Port(), 31))
}

var _ = step("trav/introduced-before-pong", `^"([^"]+)" introduces the subject to "([^"]+)" before it answers the subject's challenge$`,
	(*World).whenIntroducesUnanswered)

// whenIntroducesUnanswered has an injector introduce the subject while that
// waits for a proof of its address.
func (w *World) whenIntroducesUnanswered(name, target string) {
	in := w.settled(name)
	in.Mute = true
	in.send(w.toSubject(), injector.Control(wire.Ping, in.ConnectionPing()))
	// Who obeys strangers may never ask: then nothing has to wait.
	w.await(replyWithin, func() bool { return len(ofType(w.reached(name), wire.Ping)) > 0 })
	w.introduce(name, target, 31)
	in.Mute = false
}

var _ = step("trav/introduced-by-stranger", `^"([^"]+)", unknown to the subject, introduces it to "([^"]+)"$`,
	func(w *World, name, target string) { w.introduce(name, target, 31) })

var _ = step("trav/introduced-by-known", `^"([^"]+)", now known, introduces the subject to "([^"]+)"$`,
	(*World).whenIntroducesAgain)

// whenIntroducesAgain differs from the first introduction in its natType, so
// that no gate takes it for a repetition.
func (w *World) whenIntroducesAgain(name, target string) { w.introduce(name, target, 15) }

var _ = step("trav/introduced-as-type", `^"([^"]+)" introduces the subject to "([^"]+)" as a peer of type (\d+)$`,
	(*World).introduce)

func (w *World) introduce(name, target string, natType int) {
	in := w.settled(name)
	t := w.injector(target)
	w.traversal.told = &introduction{peer: t.ID, at: t.address().Addr().String()}
	in.send(w.toSubject(), w.intro(in, t.ID, t.address().Addr().String(), t.address().Port(), natType))
}

var _ = step("trav/not-connected-to-introduced", `^the subject reports no connection to that peer$`,
	(*World).thenNoConnectionToThat)

func (w *World) thenNoConnectionToThat() {
	for _, e := range eventsOf[testee.ConnectionEvent](w.subject, testee.Connection) {
		if e.PeerID == w.traversal.told.peer.String() {
			w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
				"the subject reports a connection to a peer at %s, from which nothing ever came", w.traversal.told.at)
		}
	}
}

var _ = step("trav/connection-ping-reaches", `^a connection ping from the subject reaches "([^"]+)"$`,
	(*World).thenConnectionPingReaches)

func (w *World) thenConnectionPingReaches(target string) {
	in := w.injector(target)
	ok := w.await(replyWithin, func() bool {
		return slices.ContainsFunc(ofType(w.reached(in.host), wire.Ping), func(s seen) bool { return s.body().Says("isConnection") })
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)), "no connection ping of the subject reached %q", target)
	}
}
