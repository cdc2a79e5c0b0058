package steps

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/trace"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// number reads a count in a step.
func number(text string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	return n
}

// who names the owner of an address.
func (w *World) who(a netip.AddrPort) string {
	if name := w.net.Trace().Host(a.Addr()); name != "" {
		return name
	}
	return fmt.Sprint(a)
}

// A stream is randomness that is a function of its name.
type stream struct {
	name  [32]byte
	count uint64
	rest  []byte
}

func newStream(name string) *stream { return &stream{name: sha256.Sum256([]byte(name))} }

// Read never fails.
func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			s.count++
			block := sha256.Sum256(binary.BigEndian.AppendUint64(s.name[:], s.count))
			s.rest = block[:]
		}
		p[i], s.rest = s.rest[0], s.rest[1:]
	}
	return len(p), nil
}

// named is the address and port that a body names.
func named(b injector.Body) (netip.AddrPort, bool) {
	address, _ := b.Get("address")
	port, _ := b.Get("port")
	text, ok := address.(string)
	n, whole := port.(float64)
	if !ok || !whole {
		return netip.AddrPort{}, false
	}
	a, err := netip.ParseAddr(text)
	return netip.AddrPortFrom(a, uint16(n)), err == nil
}

// milliseconds is the lab's time and some more, as the wire writes it.
func (w *World) milliseconds(ahead time.Duration) []byte {
	return strconv.AppendInt(nil, w.net.Now().Add(ahead).UnixMilli(), 10)
}

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

// settle gives the subject time to send what it owes, before all that it sent is
// judged.
func (w *World) settle() { w.pass(time.Second) }

// words splits "ping, pong and intro".
func words(list string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(list, " and ", ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// hasTime reports whether a field is a time in ASCII milliseconds, within ten
// minutes of the lab's clock or of the machine's six-hour window of sync.
func (w *World) hasTime(field []byte, back time.Duration) bool {
	ms, err := strconv.ParseInt(string(field), 10, 64)
	at, now := time.UnixMilli(ms), w.net.Now()
	return err == nil && at.After(now.Add(-back-10*time.Minute)) && at.Before(now.Add(10*time.Minute))
}

// cluster is the one that all peers of a scenario belong to.
var cluster = seal.ClusterID("punchlist")
