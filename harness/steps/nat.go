package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

func (w *World) thenNATType(want int) error { return w.natTypeWithin(want, discoveryWithin) }

func (w *World) thenNATTypeWithin(seconds, want int) error {
	return w.natTypeWithin(want, time.Duration(seconds)*time.Second)
}

func (w *World) natTypeWithin(want int, within time.Duration) error {
	ok, err := w.await(within, func() bool { return w.subject.natType().NATType == want })
	if err != nil {
		return err
	}
	if ok {
		return nil
	}
	if got := w.subject.natType().NATType; got != 0 {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)),
			"the subject takes itself for type %d, and not for %d", got, want)
	}
	return w.violated(frames(w.sentBy(w.subject.host)), "the subject found no NAT type within %v", within)
}

func (w *World) thenNATTypeStill(want int) error {
	if err := w.pass(time.Second); err != nil {
		return err
	}
	var info testee.InfoOK
	if err := w.call(w.subject, testee.Info, nil, &info); err != nil {
		return err
	}
	if info.NATType != want {
		return w.violated(nil, "the subject now takes itself for type %d", info.NATType)
	}
	return nil
}

func (w *World) thenNoNATType() error {
	if got := w.subject.natType().NATType; got != 0 {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Pong)), "the subject takes itself for type %d", got)
	}
	return nil
}

func (w *World) thenOwnAddressIs(host string) error {
	if err := w.pass(time.Second); err != nil {
		return err
	}
	var info testee.InfoOK
	if err := w.call(w.subject, testee.Info, nil, &info); err != nil {
		return err
	}
	if want := w.net.Addr(host).String(); info.Address != want {
		return w.violated(nil, "the subject takes its own address for %s, and not for %s", info.Address, want)
	}
	return nil
}

// whenReflectionPongs sends the subject the two pongs that would make it
// believe another address, if it took answers to a question that it does not
// ask.
func (w *World) whenReflectionPongs(name, address, id string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(address); err != nil {
		return &verdict.LabFailed{Err: err}
	}
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
		if _, err := in.Send(w.toSubject(), injector.Control(wire.Pong, body)); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	return w.pass(200 * time.Millisecond)
}

func (w *World) thenStageOne() error {
	s := w.stageOne()
	if s == nil {
		return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
			"the subject sent no reflection ping with isProbe from its probe socket")
	}
	return nil
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

func (w *World) thenStageTwo(responders int) error {
	one := w.stageOne()
	if one == nil {
		return w.violated(nil, "the subject never began with its probe socket")
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
		return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
			"the subject asked %d bootstrap peers from its main socket with probeExternalPort, and not %d", len(asked), responders)
	}
	return nil
}

func (w *World) thenAnnounced(natType int) error {
	for _, b := range w.bootstraps() {
		ok, err := w.await(answerWithin, func() bool {
			return slices.ContainsFunc(ofType(w.reached(b.host), wire.Ping), func(s seen) bool {
				b := s.body()
				announced, _ := b.Get("natType")
				return b.Says("isConnection") && announced == float64(natType)
			})
		})
		if err != nil {
			return err
		}
		if !ok {
			return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
				"%s got no connection ping with natType %d from the subject", b.host, natType)
		}
	}
	return nil
}

// thenNoPlainPing looks for pings without isReflection and isConnection that
// the subject sent to an address from which it had received no natType.
func (w *World) thenNoPlainPing() error {
	type event struct {
		seen
		out bool
	}
	var all []event
	for _, s := range w.sentBy(w.subject.host) {
		all = append(all, event{s, true})
	}
	for _, s := range w.receivedBy(w.subject.host) {
		all = append(all, event{s, false})
	}
	slices.SortFunc(all, func(a, b event) int { return a.Seq - b.Seq })
	announced := map[netip.AddrPort]bool{}
	for _, e := range all {
		if e.packet == nil {
			continue
		}
		b := e.body()
		if !e.out {
			if v, ok := b.Get("natType"); ok && v != nil {
				announced[e.from] = true
			}
			continue
		}
		if e.packet.Type != wire.Ping {
			continue
		}
		if isPlain(b) && !announced[e.to] {
			return w.violated([]int{e.Seq}, "the subject sent a plain ping to %s, which had not announced a natType", w.who(e.to))
		}
	}
	return nil
}

// isPlain tells whether a ping with the body is neither a reflection ping nor a
// connection ping.
func isPlain(b injector.Body) bool { return !b.Says("isReflection") && !b.Says("isConnection") }

// who names the owner of an address.
func (w *World) who(a netip.AddrPort) string {
	if name := w.net.Trace().Host(a.Addr()); name != "" {
		return name
	}
	return fmt.Sprint(a)
}
