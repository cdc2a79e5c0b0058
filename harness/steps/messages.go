package steps

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
)

// A probe is one edited ping and the pingId by which an answer to it is known.
type probe struct {
	edit     string
	pingID   any
	datagram []byte
}

// An exchange is a ping of an injector, with what was asked in it.
type exchange struct {
	in   *scripted
	peer *peer
	body injector.Body
}

// An injected packet is one that an injector gave to the subject to relay.
type injected struct {
	in     *scripted
	packet wire.Packet
	sent   []byte
	at     time.Time
}

// An introduction is what an injector told the subject of somebody.
type introduction struct {
	peer wire.ID
	at   string
}

// acting brings the scenario up and finds an injector.
func (w *World) acting(name string) (*scripted, error) {
	if err := w.up(); err != nil {
		return nil, err
	}
	return w.scriptedNamed(name)
}

func (w *World) whenEditedPings(name string, edits *godog.Table) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	w.edited = nil
	for _, row := range edits.Rows {
		edit := row.Cells[0].Value
		body := in.Ping()
		id, _ := body.Get("pingId")
		spelled := edit
		if rest, ok := strings.CutSuffix(edit, " = subject"); ok {
			spelled = rest + " = " + w.subject.id.String()
		}
		datagram, err := injector.Edited(body, spelled)
		if err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if err := in.Main.Send(w.toSubject(), datagram); err != nil {
			return &verdict.LabFailed{Err: err}
		}
		w.edited = append(w.edited, probe{edit, id, datagram})
	}
	return nil
}

func (w *World) whenDatagram(name, text string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	datagram, err := hex.DecodeString(text)
	if err != nil {
		return &verdict.LabFailed{Text: "the datagram " + text, Err: err}
	}
	w.edited = []probe{{text, nil, datagram}}
	return in.Main.Send(w.toSubject(), datagram)
}

// thenSilence first lets the subject answer a sound ping, which was sent
// after the others, and then looks for answers to them.
func (w *World) thenSilence() error {
	in := w.injectors[0]
	if err := w.stillAnswers(in, w.subject); err != nil {
		return err
	}
	pongs := ofType(w.reached(in.host), wire.Pong)
	var wrong []string
	var evidence []int
	for _, p := range w.edited {
		for _, s := range w.sentBy(in.host) {
			if bytes.Equal(s.payload, p.datagram) && p.pingID != nil {
				if at := slices.IndexFunc(pongs, func(r seen) bool { v, _ := r.body().Get("pingId"); return v == p.pingID }); at >= 0 {
					wrong = append(wrong, p.edit)
					evidence = append(evidence, s.Seq, pongs[at].Seq)
				}
			}
		}
	}
	// An answer need not be a pong, nor a packet.
	for _, s := range w.reached(in.host) {
		if s.packet == nil && s.from.Addr() == w.toSubject().Addr() {
			return w.violated([]int{s.Seq}, "the subject sent a datagram that is no packet")
		}
	}
	// Whatever id an answer bears, one pong is for the sound ping alone.
	if len(wrong) == 0 && len(pongs) > w.honest(in) {
		return w.violated(frames(pongs), "the subject sent %d pongs, and only %d sound pings were sent", len(pongs), w.honest(in))
	}
	if len(wrong) > 0 {
		return w.violated(evidence, "the subject answered: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// honest counts the sound pings that an injector sent: those that are no
// edited datagram of this scenario.
func (w *World) honest(in *scripted) int {
	n := 0
	for _, s := range ofType(w.sentBy(in.host), wire.Ping) {
		if !slices.ContainsFunc(w.edited, func(p probe) bool { return bytes.Equal(p.datagram, s.payload) }) {
			n++
		}
	}
	return n
}

func (w *World) thenEachAnswered() error {
	in := w.injectors[0]
	for _, p := range w.edited {
		ok, err := w.await(answerWithin, func() bool { return in.answered(p.pingID) })
		if err != nil {
			return err
		}
		if !ok {
			return w.violated(frames(w.sentBy(in.host)), "the subject did not answer the ping with this edit: %s", p.edit)
		}
	}
	return nil
}

func (w *World) thenStillAnswers() error {
	if len(w.injectors) == 0 {
		return &verdict.LabFailed{Text: "an honest ping needs an injector"}
	}
	if err := w.pass(time.Second); err != nil {
		return err
	}
	return w.stillAnswers(w.injectors[0], w.subject)
}

// whenPings sends one ping and waits until whatever it causes has come back:
// a second ping, sent after it, is answered.
func (w *World) whenPings(name string, keys *godog.Table) error {
	if err := w.up(); err != nil {
		return err
	}
	return w.ping(name, w.subject, keys)
}

func (w *World) whenPingsPeer(name, host string) error {
	if err := w.up(); err != nil {
		return err
	}
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.ping(name, p, nil)
}

func (w *World) ping(name string, p *peer, keys *godog.Table) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
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
	if _, err := in.Send(w.toPeer(p), injector.Control(wire.Ping, body)); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	w.replies = append(w.replies, exchange{in, p, body})
	return nil
}

// whenPingsFromSecond pings in the name by which the injector is known, from a
// port where it is not.
func (w *World) whenPingsFromSecond(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	body := injector.Body{}.With("requesterPeerId", in.ID.String())
	ping := injector.Control(wire.Ping, body)
	datagram, err := wire.Append(nil, &ping)
	if err == nil {
		err = in.Aux.Send(w.toSubject(), datagram)
	}
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	w.replies = append(w.replies, exchange{in, w.subject, body})
	return nil
}

// thenPong awaits a pong with the given keys. It judges the whole body of the
// first pong that answers the ping.
func (w *World) thenPong(socket, host string, second bool, keys *godog.Table) error {
	if len(w.replies) == 0 {
		return &verdict.LabFailed{Text: "no injector has pinged"}
	}
	ask := w.replies[len(w.replies)-1]
	in := ask.in
	if in.host != host {
		return &verdict.LabFailed{Text: fmt.Sprintf("%q pinged last, not %q", in.host, host)}
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
	ok, err := w.await(answerWithin, func() bool {
		pongs = slices.DeleteFunc(injector.Packets(endpoint), func(r injector.Received) bool {
			return r.Packet.Type != wire.Pong || r.From.Addr() != from
		})
		return slices.ContainsFunc(pongs, func(r injector.Received) bool { return r.From.Port() == port })
	})
	if err != nil {
		return err
	}
	if !ok {
		where := in.host
		if second {
			where = "the second socket of " + in.host
		}
		return w.violated(frames(w.reached(in.host)), "no pong from the %s socket reached %s within %v", socket, where, answerWithin)
	}
	at := slices.IndexFunc(pongs, func(r injector.Received) bool { return r.From.Port() == port })
	body := pongs[at].Body()
	for _, row := range keys.Rows {
		key, want := row.Cells[0].Value, row.Cells[1].Value
		if why := w.differs(body, key, want, ask, second); why != "" {
			return w.violated([]int{pongs[at].Frame}, "in the pong %s", why)
		}
	}
	return nil
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
		in, err := w.scriptedNamed(name)
		if err != nil {
			return err.Error()
		}
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

func (w *World) thenNoPongWithBoth(a, b string) error {
	ask := w.replies[len(w.replies)-1]
	if err := w.stillAnswers(ask.in, ask.peer); err != nil {
		return err
	}
	pongs := ofType(w.sentBy(ask.peer.host), wire.Pong)
	for _, s := range pongs {
		_, hasA := s.body().Get(a)
		_, hasB := s.body().Get(b)
		if hasA && hasB {
			return w.violated([]int{s.Seq}, "a pong carries both %s and %s", a, b)
		}
	}
	return nil
}

func (w *World) thenNoPingWith(key string) error {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Ping) {
		if s.body().Says(key) {
			return w.violated([]int{s.Seq}, "the subject sent a ping with %s", key)
		}
	}
	return nil
}

// whenKnown makes an injector a peer that the subject is connected to and has
// verified, if it verifies: a connection ping, whatever the subject asks in
// turn (the injector reacts), and an honest ping behind it all.
func (w *World) whenKnown(name string) error {
	return w.known(name, func(*wire.Packet, *injector.Injector) {})
}

// whenKnownMember is whenKnown for a member of the subject's cluster.
func (w *World) whenKnownMember(name string) error {
	return w.known(name, func(p *wire.Packet, _ *injector.Injector) { p.ClusterID = cluster[:] })
}

// whenKnownInUpperCase is whenKnown for one that writes its peerId otherwise
// than it does in its pongs.
func (w *World) whenKnownInUpperCase(name string) error {
	return w.known(name, func(p *wire.Packet, in *injector.Injector) {
		p.Message = in.ConnectionPing().With("requesterPeerId", strings.ToUpper(in.ID.String())).JSON()
	})
}

func (w *World) known(name string, change func(*wire.Packet, *injector.Injector)) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	p := injector.Control(wire.Ping, in.ConnectionPing())
	change(&p, in.Injector)
	if _, err := in.Send(w.toSubject(), p); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	for range 2 {
		ok, err := w.honestPing(in, w.subject)
		if err != nil {
			return err
		}
		if !ok {
			return &verdict.Blocked{Text: fmt.Sprintf("the subject did not answer %q, so it can't come to know it", name)}
		}
	}
	return nil
}

// number reads a count in a step.
func number(text string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	return n
}

// address of an injector as others see it: its own, since injectors that are
// named to others stand on the public internet.
func (s *scripted) address() netip.AddrPort { return s.Main.Addr() }
