package steps

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/monitor"
	"punchlist/harness/trace"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
)

// A packet that a host sent or received, with where it was seen.
type seen struct {
	*trace.Frame
	from, to netip.AddrPort
	payload  []byte
	packet   *wire.Packet // nil: no packet
}

func (s seen) body() injector.Body {
	if s.packet == nil {
		return nil
	}
	return injector.ParseBody(s.packet.Message)
}

// A ledger is what each host sent and received, read off the trace once.
type ledger struct {
	read           int // frames of the trace that were looked at
	sent, received map[string][]seen
}

// look reads what the trace has gained. Conditions that are awaited ask after
// every event, so that reading it all again would cost the square of it.
func (w *World) look() *ledger {
	l := &w.ledger
	if l.sent == nil {
		l.sent, l.received = map[string][]seen{}, map[string][]seen{}
	}
	if w.net == nil {
		return l
	}
	for f := range w.net.Trace().Since(l.read) {
		l.read = f.Seq + 1
		u, ok := f.UDP()
		if !ok || f.Link != f.From && f.Link != f.To {
			continue // a host's link has the host's name
		}
		s := seen{Frame: f, from: u.Src, to: u.Dst, payload: u.Payload}
		if p, fault := f.Wire(); fault.OK() {
			s.packet = p
		}
		switch {
		case f.Link == f.From:
			l.sent[f.Link] = append(l.sent[f.Link], s)
		case f.Dropped == "":
			l.received[f.Link] = append(l.received[f.Link], s)
		}
	}
	return l
}

// sentBy lists the datagrams that left a host, as they were before any NAT,
// also those that its own link then lost. The caller must not change the list.
func (w *World) sentBy(host string) []seen { return w.look().sent[host] }

// receivedBy lists the datagrams that reached a host. The caller must not
// change the list.
func (w *World) receivedBy(host string) []seen { return w.look().received[host] }

// ofType keeps the packets of a type.
func ofType(all []seen, t wire.Type) []seen {
	return slices.DeleteFunc(slices.Clone(all), func(s seen) bool { return s.packet == nil || s.packet.Type != t })
}

// arrivedFrom keeps the datagrams that a host sent itself: not relayed.
func (w *World) arrivedFrom(all []seen, host string) []seen {
	left := map[int]bool{}
	for _, s := range w.sentBy(host) {
		left[s.Datagram] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(s seen) bool { return !left[s.Datagram] })
}

// reached lists what the subject sent and a host received.
func (w *World) reached(host string) []seen {
	return w.arrivedFrom(w.receivedBy(host), w.subject.host)
}

func frames(all []seen) []int {
	var seqs []int
	for _, s := range all {
		seqs = append(seqs, s.Seq)
	}
	return seqs
}

// toSubject is where the subject's main socket is reached from outside.
func (w *World) toSubject() netip.AddrPort { return w.toPeer(w.subject) }

func (w *World) toPeer(p *peer) netip.AddrPort {
	return netip.AddrPortFrom(w.net.Addr(p.host), p.port)
}

// way is where an injector reaches a peer: behind a NAT it must have heard of
// it before.
func (w *World) way(in *scripted, p *peer) netip.AddrPort {
	if p == w.subject {
		if at, ok := w.subjectSeenBy(in); ok {
			return at
		}
	}
	return w.toPeer(p)
}

// observed is the source that the subject saw of the last datagram of an
// injector that reached it.
func (w *World) observed(in *scripted, p *peer) (netip.AddrPort, bool) {
	all := w.arrivedFrom(w.receivedBy(p.host), in.host)
	if len(all) == 0 {
		return netip.AddrPort{}, false
	}
	return all[len(all)-1].from, true
}

// everySent judges all packets of the subject at once, and fails when there
// are none.
func (w *World) everySent(want func(seen) (ok bool, why string)) error {
	any := false
	for _, s := range w.sentBy(w.subject.host) {
		if s.packet == nil {
			continue
		}
		any = true
		if ok, why := want(s); !ok {
			return w.violated([]int{s.Seq}, "a %s of the subject %s", s.packet.Type, why)
		}
	}
	if !any {
		return w.violated(nil, "the subject sent no packet at all")
	}
	return nil
}

func (w *World) thenUnsetIsOneZero() error {
	return w.everySent(func(s seen) (bool, string) {
		for _, f := range wire.Explain(s.payload).Fields {
			if f.Declared == 0 {
				return false, fmt.Sprintf("writes %s with length 0", f.Field)
			}
		}
		return true, ""
	})
}

func (w *World) thenCanonical() error {
	return w.everySent(func(s seen) (bool, string) {
		why := monitor.Uncanonical(s.packet, s.payload)
		return why == "", why
	})
}

func (w *World) thenASCII() error {
	return w.everySent(func(s seen) (bool, string) {
		if !s.packet.Type.HasBody() {
			return true, ""
		}
		why := monitor.BeyondASCII(s.packet)
		return why == "", why
	})
}

func (w *World) thenNoLongDatagram(limit int) error {
	return w.everySent(func(s seen) (bool, string) {
		return len(s.payload) <= limit, fmt.Sprintf("is %d bytes long", len(s.payload))
	})
}

func (w *World) thenIndexOf(types string, index int) error {
	kinds := words(types)
	return w.everySent(func(s seen) (bool, string) {
		if !slices.Contains(kinds, s.packet.Type.String()) {
			return true, ""
		}
		return int(s.packet.Index) == index, fmt.Sprintf("has index %d", s.packet.Index)
	})
}

// thenIDs awaits nothing: the steps before it have seen the packets leave.
func (w *World) thenIDs(types string) error {
	kinds := words(types)
	if slices.Equal(kinds, []string{wire.Publish.String()}) {
		return w.thenPublishIDs()
	}
	return w.everySent(func(s seen) (bool, string) {
		if !slices.Contains(kinds, s.packet.Type.String()) {
			return true, ""
		}
		want := wire.ControlID(s.packet.PreviousID, s.packet.Message, s.packet.NextID)
		got, ok := s.packet.ID()
		return ok && got == want, fmt.Sprintf("has packetId %x, and its content has %s", s.packet.PacketID, want)
	})
}

// words splits "ping, pong and intro".
func words(list string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(list, " and ", ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// hasTime says whether a field is a time in ASCII milliseconds, within ten
// minutes of the lab's clock or of the machine's six-hour window of sync.
func (w *World) hasTime(field []byte, back time.Duration) bool {
	ms, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil {
		return false
	}
	at := time.UnixMilli(ms)
	now := w.net.Now()
	return at.After(now.Add(-back-10*time.Minute)) && at.Before(now.Add(10*time.Minute))
}

// stillAnswers sends an honest ping from an injector and awaits the pong.
func (w *World) stillAnswers(in *scripted, p *peer) error {
	ok, err := w.honestPing(in, p)
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(w.arrivedFrom(w.receivedBy(p.host), in.host)), "the subject did not answer an honest ping within %v", answerWithin)
	}
	return nil
}

func (w *World) honestPing(in *scripted, p *peer) (bool, error) {
	body := in.Ping()
	id, _ := body.Get("pingId")
	if !p.indexed && p.natType().NATType == 0 {
		// A deployed peer dies of a plain ping then, which is LAT-MSG-007.
		body = body.With("isReflection", true).With("reflectionId", id)
	}
	if _, err := in.Send(w.way(in, p), injector.Control(wire.Ping, body)); err != nil {
		return false, &verdict.LabFailed{Err: err}
	}
	return w.await(answerWithin, func() bool { return in.answered(id) })
}

// answered says whether a pong with a pingId has come to the main socket.
func (s *scripted) answered(pingID any) bool {
	for _, r := range injector.Packets(s.Main) {
		if got, ok := r.Body().Get("pingId"); r.Packet.Type == wire.Pong && ok && got == pingID {
			return true
		}
	}
	return false
}
