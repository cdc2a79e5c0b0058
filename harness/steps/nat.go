package steps

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

var _ = step("nat/type-is", `^the subject's NAT type is (\d+)$`,
	func(w *World, want int) { w.natTypeWithin(want, discoveryWithin) })

var _ = step("nat/type-is-within", `^within (\d+) s the subject's NAT type is (\d+)$`,
	func(w *World, seconds, want int) { w.natTypeWithin(want, time.Duration(seconds)*time.Second) })

func (w *World) natTypeWithin(want int, within time.Duration) {
	if !w.await(within, func() bool { return w.subject.natType().NATType == want }) {
		if got := w.subject.natType().NATType; got != 0 {
			w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)),
				"the subject takes itself for type %d, and not for %d", got, want)
		}
		w.violated(frames(w.sentBy(w.subject.host)), "the subject found no NAT type within %v", within)
	}
}

var _ = step("nat/type-still", `^the subject's NAT type is still (\d+)$`,
	(*World).thenNATTypeStill)

func (w *World) thenNATTypeStill(want int) {
	w.pass(time.Second)
	var info testee.InfoOK
	w.call(w.subject, testee.Info, nil, &info)
	if info.NATType != want {
		w.violated(nil, "the subject now takes itself for type %d", info.NATType)
	}
}

var _ = step("nat/no-type", `^the subject has found no NAT type$`,
	(*World).thenNoNATType)

func (w *World) thenNoNATType() {
	if got := w.subject.natType().NATType; got != 0 {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)), "the subject takes itself for type %d", got)
	}
}

var _ = step("nat/own-address-still", `^the subject's own address is still that of "([^"]+)"$`,
	(*World).thenOwnAddressIs)

func (w *World) thenOwnAddressIs(host string) {
	w.pass(time.Second)
	var info testee.InfoOK
	w.call(w.subject, testee.Info, nil, &info)
	if want := w.net.Addr(host).String(); info.Address != want {
		w.violated(nil, "the subject takes its own address for %s, and not for %s", info.Address, want)
	}
}

var _ = step("nat/injector-sends-reflection-pongs", `^"([^"]+)" sends the subject reflection pongs that name ([\d.]+) with (a null|an invented|no) reflectionId$`,
	(*World).whenReflectionPongs)

// whenReflectionPongs sends the subject the two pongs that would make it
// believe another address, if it took pongs for pings that it has not sent.
func (w *World) whenReflectionPongs(name, address, id string) {
	in := w.acting(name)
	_ = mustGet(netip.ParseAddr(address))
	var reflectionID any
	if id == "an invented" {
		reflectionID = "6d616c6c6f72"
	}
	for i := range 2 {
		body := injector.Body{}.
			With("responderPeerId", in.ID.String()).
			With("requesterPeerId", w.subject.id.String()).
			With("port", 6000+i).
			With("address", address).
			With("isReflection", true)
		if id != "no" {
			body = body.With("reflectionId", reflectionID)
		}
		in.send(w.toSubject(), injector.Control(wire.Pong, body))
	}
	w.pass(200 * time.Millisecond)
}

var _ = step("nat/reflection-from-probe-socket", `^the subject sent a reflection ping with isProbe from its probe socket$`,
	(*World).thenStageOne)

func (w *World) thenStageOne() {
	s := w.stageOne()
	if s == nil {
		w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
			"the subject sent no reflection ping with isProbe from its probe socket")
	}
}

func (w *World) stageOne() *seen {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Ping) {
		b := s.body()
		if b.Says("isReflection") && b.Says("isProbe") && s.from.Port() == w.subject.probePort {
			return &s
		}
	}
	return nil
}

var _ = step("nat/reflections-from-main-socket", `^after its answer the subject sent reflection pings with probeExternalPort from its main socket to (\d+) bootstrap peers$`,
	(*World).thenStageTwo)

func (w *World) thenStageTwo(responders int) {
	one := w.stageOne()
	if one == nil {
		w.violated(nil, "the subject never began with its probe socket")
	}
	asked := map[netip.AddrPort]bool{}
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Ping) {
		b := s.body()
		_, probed := b.Get("probeExternalPort")
		if b.Says("isReflection") && probed && s.from.Port() == w.subject.port && s.At.After(one.At) {
			asked[s.to] = true
		}
	}
	if len(asked) < responders {
		w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
			"the subject asked %d bootstrap peers from its main socket with probeExternalPort, and not %d", len(asked), responders)
	}
}

var _ = step("nat/type-announced", `^the subject sent each bootstrap peer a connection ping with natType (\d+)$`,
	(*World).thenAnnounced)

func (w *World) thenAnnounced(natType int) {
	for _, b := range w.bootstraps() {
		ok := w.await(replyWithin, func() bool {
			return slices.ContainsFunc(ofType(w.reached(b.host), wire.Ping), func(s seen) bool {
				b := s.body()
				announced, _ := b.Get("natType")
				return b.Says("isConnection") && announced == float64(natType)
			})
		})
		if !ok {
			w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
				"%s got no connection ping with natType %d from the subject", b.host, natType)
		}
	}
}

var _ = step("nat/own-address-of-nat", `^within (\d+) keepalive intervals the subject takes the address of the NAT of "([^"]+)" for its own$`,
	(*World).thenOwnAddressIsNATs)

func (w *World) thenOwnAddressIsNATs(intervals int, host string) {
	external := w.net.Trace().External("nat-" + host)
	ok := w.await(time.Duration(intervals)*w.k(), func() bool {
		own, err := netip.ParseAddr(w.subject.natType().Address)
		return err == nil && slices.Contains(external, own)
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)),
			"after %d keepalive intervals the subject takes %s for its address, and not %v", intervals, w.subject.natType().Address, external)
	}
}

var _ = step("nat/discovers-anew", `^within (\d+) s the subject begins to discover its NAT type anew$`,
	(*World).thenDiscoversAnew)

// thenDiscoversAnew wants reflection pings after the last change.
func (w *World) thenDiscoversAnew(seconds int) {
	ok := w.await(time.Duration(seconds)*time.Second, func() bool {
		return slices.ContainsFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool {
			b := s.body()
			_, asked := b.Get("isProbe")
			return !s.At.Before(w.changed) && b.Says("isReflection") && asked
		})
	})
	if !ok {
		w.violated(nil, "within %d s the subject did not begin to discover its NAT type", seconds)
	}
}

// discovered awaits that a peer knows its NAT type. Scenarios that are not
// about discovery begin after it.
func (w *World) discovered(p *peer) {
	if p.indexed {
		return
	}
	if !w.await(discoveryWithin, func() bool { return p.natType().NATType != 0 }) {
		blocked("%s found no NAT type within %v", p, discoveryWithin)
	}
}

// settled finds an injector, in a scenario that has come up and whose subject
// has discovered its NAT type.
func (w *World) settled(name string) *scripted {
	in := w.acting(name)
	w.discovered(w.subject)
	return in
}
