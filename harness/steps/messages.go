package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/injector"
	"punchlist/reference/wire"
)

// messages is what steps of chapter 4 share.
type messages struct {
	pings []exchange // of injectors, which a Then step judges
}

// An exchange is a ping of an injector, with what was asked in it.
type exchange struct {
	in   *scripted
	peer *peer
	body injector.Body
}

var _ = step("msg/injector-pings", `^"([^"]+)" pings the subject$`,
	func(w *World, name string) { w.whenPings(name, nil) })
var _ = step("msg/injector-pings-with", `^"([^"]+)" pings the subject with:$`,
	(*World).whenPings)

// whenPings sends one ping and waits until whatever it causes has come back:
// a second ping, sent after it, is answered.
func (w *World) whenPings(name string, keys *godog.Table) {
	w.up()
	w.ping(name, w.subject, keys)
}

var _ = step("msg/injector-pings-peer", `^"([^"]+)" pings the peer on "([^"]+)"$`,
	(*World).whenPingsPeer)

func (w *World) whenPingsPeer(name, host string) {
	w.up()
	w.ping(name, w.named(host), nil)
}

func (w *World) ping(name string, p *peer, keys *godog.Table) {
	in := w.injector(name)
	body := injector.Body{}.With("requesterPeerId", in.ID.String())
	if keys != nil {
		for _, row := range keys.Rows {
			key, value := row.Cells[0].Value, row.Cells[1].Value
			if value == "of the second socket" {
				body = body.With(key, in.Aux.Addr().Port())
			} else {
				body = body.With(key, injector.Value(value))
			}
		}
	}
	in.send(w.toPeer(p), injector.Control(wire.Ping, body))
	w.messages.pings = append(w.messages.pings, exchange{in, p, body})
}

var _ = step("msg/pong-reaches", `^a pong from the subject's (main|probe) socket reaches "([^"]+)" with:$`,
	func(w *World, socket, name string, keys *godog.Table) { w.thenPong(socket, name, false, keys) })
var _ = step("msg/pong-reaches-second-socket", `^a pong from the subject's (main|probe) socket reaches the second socket of "([^"]+)" with:$`,
	func(w *World, socket, name string, keys *godog.Table) { w.thenPong(socket, name, true, keys) })
var _ = step("msg/pong-of-peer-reaches", `^a pong from the peer on "[^"]+" reaches "([^"]+)" with:$`,
	func(w *World, name string, keys *godog.Table) { w.thenPong("main", name, false, keys) })

// thenPong awaits a pong with the given keys. It judges the whole body of the
// first pong that answers the ping.
func (w *World) thenPong(socket, host string, second bool, keys *godog.Table) {
	if len(w.messages.pings) == 0 {
		misused("no injector has pinged")
	}
	ask := w.messages.pings[len(w.messages.pings)-1]
	in := ask.in
	if in.host != host {
		misused("%q pinged last, not %q", in.host, host)
	}
	from := w.net.Addr(ask.peer.host)
	port := ask.peer.port
	if socket == "probe" {
		port = ask.peer.probePort
	}
	endpoint := in.Main
	if second {
		endpoint = in.Aux
	}
	var pongs []injector.Received
	ok := w.await(replyWithin, func() bool {
		pongs = slices.DeleteFunc(injector.Packets(endpoint), func(r injector.Received) bool {
			return r.Packet.Type != wire.Pong || r.From.Addr() != from
		})
		return slices.ContainsFunc(pongs, func(r injector.Received) bool { return r.From.Port() == port })
	})
	if !ok {
		where := in.host
		if second {
			where = "the second socket of " + in.host
		}
		w.violated(frames(w.reached(in.host)), "no pong from the %s socket reached %s within %v", socket, where, replyWithin)
	}
	at := slices.IndexFunc(pongs, func(r injector.Received) bool { return r.From.Port() == port })
	body := pongs[at].Body()
	for _, row := range keys.Rows {
		key, want := row.Cells[0].Value, row.Cells[1].Value
		if why := w.differs(body, key, want, ask, second); why != "" {
			w.violated([]int{pongs[at].Frame}, "in the pong %s", why)
		}
	}
}

// differs says how a key of a body is not what a table asks for; empty when
// it is.
func (w *World) differs(body injector.Body, key, want string, ask exchange, second bool) string {
	got, present := body.Get(key)
	if want == "absent" {
		if present {
			return fmt.Sprintf("%s is there (%v), and must be absent", key, got)
		}
		return ""
	}
	if !present {
		return fmt.Sprintf("%s is absent", key)
	}
	var expected any
	switch {
	case want == "of the subject":
		expected = w.subject.id.String()
	case want == "of the second socket" && second:
		expected = float64(ask.in.Aux.Addr().Port())
	case strings.HasPrefix(want, "of "):
		name := strings.Trim(strings.TrimPrefix(want, "of "), `"`)
		in := w.injector(name)
		source, _ := w.observed(in, ask.peer)
		switch key {
		case "address":
			expected = source.Addr().String()
		case "port":
			expected = float64(source.Port())
		default:
			expected = in.ID.String()
		}
	default:
		expected = injector.Value(want)
	}
	if got != expected {
		return fmt.Sprintf("%s is %v, and not %v", key, got, expected)
	}
	return ""
}

var _ = step("msg/no-pong-carries-both", `^no pong from the subject carries both (\w+) and (\w+)$`,
	(*World).thenNoPongWithBoth)

func (w *World) thenNoPongWithBoth(a, b string) {
	ask := w.messages.pings[len(w.messages.pings)-1]
	w.stillPongs(ask.in, ask.peer)
	pongs := ofType(w.sentBy(ask.peer.host), wire.Pong)
	for _, s := range pongs {
		_, hasA := s.body().Get(a)
		_, hasB := s.body().Get(b)
		if hasA && hasB {
			w.violated([]int{s.Seq}, "a pong carries both %s and %s", a, b)
		}
	}
}

var _ = step("msg/no-ping-with", `^the subject has sent no ping with (\w+)$`,
	(*World).thenNoPingWith)

func (w *World) thenNoPingWith(key string) {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Ping) {
		if s.body().Says(key) {
			w.violated([]int{s.Seq}, "the subject sent a ping with %s", key)
		}
	}
}

var _ = step("msg/no-plain-ping-before-type", `^the subject sent no plain ping to a peer that had not announced a natType$`,
	(*World).thenNoPlainPing)

// thenNoPlainPing looks for pings without isReflection and isConnection that
// the subject sent to an address from which it had received no natType.
func (w *World) thenNoPlainPing() {
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
			w.violated([]int{e.Seq}, "the subject sent a plain ping to %s, which had not announced a natType", w.who(e.to))
		}
	}
}

// isPlain reports whether a ping with the body is neither a reflection ping nor a
// connection ping.
func isPlain(b injector.Body) bool { return !b.Says("isReflection") && !b.Says("isConnection") }

var _ = step("msg/only-reflection-pings-reach", `^within (\d+) keepalive intervals (\d+) reflection pings of the subject reach "([^"]+)", and no plain one$`,
	(*World).thenReflectionPings)

// thenReflectionPings wants so many reflection pings at an injector, and none
// without isReflection and isConnection.
func (w *World) thenReflectionPings(intervals, count int, name string) {
	in := w.injector(name)
	var reflections, plain []int
	ok := w.await(time.Duration(intervals)*w.k(), func() bool {
		reflections, plain = nil, nil
		for _, s := range ofType(w.reached(in.host), wire.Ping) {
			switch b := s.body(); {
			case b.Says("isReflection"):
				reflections = append(reflections, s.Seq)
			case isPlain(b):
				plain = append(plain, s.Seq)
			}
		}
		return len(plain) > 0 || len(reflections) >= count
	})
	switch {
	case len(plain) > 0:
		w.violated(plain, "a plain ping of the subject reached %q", name)
	case !ok:
		w.violated(reflections, "%d reflection pings of the subject reached %q within %d keepalive intervals, and not %d", len(reflections), name, intervals, count)
	}
}
