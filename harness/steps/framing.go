package steps

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cucumber/godog"

	"punchlist/harness/injector"
	"punchlist/harness/monitor"
	"punchlist/reference/wire"
)

// framing is what steps of chapter 1 share.
type framing struct {
	edited []editedPing // what the last step sent of the sort "sends the subject pings with these edits"
}

// An editedPing is one ping and the pingId by which an answer to it is known.
type editedPing struct {
	edit     string
	pingID   any
	datagram []byte
}

var _ = step("frame/injector-sends-edited-pings", `^"([^"]+)" sends the subject pings with these edits:$`,
	(*World).whenEditedPings)

func (w *World) whenEditedPings(name string, edits *godog.Table) {
	in := w.acting(name)
	w.framing.edited = nil
	for _, row := range edits.Rows {
		edit := row.Cells[0].Value
		body := in.Ping()
		id, _ := body.Get("pingId")
		spelled := edit
		if rest, ok := strings.CutSuffix(edit, " = subject"); ok {
			spelled = rest + " = " + w.subject.id.String()
		}
		datagram := mustGet(injector.Edited(body, spelled))
		in.sendBytes(w.toSubject(), datagram)
		w.framing.edited = append(w.framing.edited, editedPing{edit, id, datagram})
	}
}

var _ = step("frame/injector-sends-datagram", `^"([^"]+)" sends the subject the datagram ([0-9a-f]+)$`,
	(*World).whenDatagram)

func (w *World) whenDatagram(name, text string) {
	in := w.acting(name)
	datagram := mustGet(hex.DecodeString(text))
	w.framing.edited = []editedPing{{text, nil, datagram}}
	in.sendBytes(w.toSubject(), datagram)
}

var _ = step("frame/answers-none", `^the subject answers none of them, but the sound ping after them$`,
	(*World).thenSilence)

// thenSilence first lets the subject answer a sound ping, which was sent
// after the others, and then looks for answers to them.
func (w *World) thenSilence() {
	in := w.injectors[0]
	w.stillPongs(in, w.subject)
	pongs := ofType(w.reached(in.host), wire.Pong)
	var wrong []string
	var evidence []int
	for _, p := range w.framing.edited {
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
			w.violated([]int{s.Seq}, "the subject sent a datagram that is no packet")
		}
	}
	// Whatever id an answer bears, one pong is for the sound ping alone.
	if len(wrong) == 0 && len(pongs) > w.honest(in) {
		w.violated(frames(pongs), "the subject sent %d pongs, and only %d sound pings were sent", len(pongs), w.honest(in))
	}
	if len(wrong) > 0 {
		w.violated(evidence, "the subject answered: %s", strings.Join(wrong, "; "))
	}
}

// honest counts the sound pings that an injector sent: those that are no
// edited datagram of this scenario.
func (w *World) honest(in *scripted) int {
	n := 0
	for _, s := range ofType(w.sentBy(in.host), wire.Ping) {
		if !slices.ContainsFunc(w.framing.edited, func(p editedPing) bool { return bytes.Equal(p.datagram, s.payload) }) {
			n++
		}
	}
	return n
}

var _ = step("frame/answers-each", `^the subject answers each of them$`,
	(*World).thenEachAnswered)

func (w *World) thenEachAnswered() {
	in := w.injectors[0]
	for _, p := range w.framing.edited {
		if !w.await(replyWithin, func() bool { return in.ponged(p.pingID) }) {
			w.violated(frames(w.sentBy(in.host)), "the subject did not answer the ping with this edit: %s", p.edit)
		}
	}
}

// everySent judges all packets of the subject at once, and fails when there
// are none.
func (w *World) everySent(want func(seen) (ok bool, why string)) {
	any := false
	for _, s := range w.sentBy(w.subject.host) {
		if s.packet == nil {
			continue
		}
		any = true
		if ok, why := want(s); !ok {
			w.violated([]int{s.Seq}, "a %s of the subject %s", s.packet.Type, why)
		}
	}
	if !any {
		w.violated(nil, "the subject sent no packet at all")
	}
}

var _ = step("frame/unset-is-000100", `^in every packet that the subject sent an unset field is 000100$`,
	(*World).thenUnsetIsOneZero)

func (w *World) thenUnsetIsOneZero() {
	w.settle()
	w.everySent(func(s seen) (bool, string) {
		for _, f := range wire.Explain(s.payload).Fields {
			if f.Declared == 0 {
				return false, fmt.Sprintf("writes %s with length 0", f.Field)
			}
		}
		return true, ""
	})
}

var _ = step("frame/canonical", `^every packet that the subject sent is the canonical encoding of its fields$`,
	(*World).thenCanonical)

func (w *World) thenCanonical() {
	w.settle()
	w.everySent(func(s seen) (bool, string) {
		why := monitor.Uncanonical(s.packet, s.payload)
		return why == "", why
	})
}

var _ = step("frame/ascii-bodies", `^every JSON body that the subject sent is ASCII$`,
	(*World).thenASCII)

func (w *World) thenASCII() {
	w.settle()
	w.everySent(func(s seen) (bool, string) {
		if !s.packet.Type.HasBody() {
			return true, ""
		}
		why := monitor.BeyondASCII(s.packet)
		return why == "", why
	})
}

var _ = step("frame/datagrams-no-longer", `^no datagram that the subject sent is longer than (\d+) bytes$`,
	func(w *World, n int) { w.settle(); w.thenNoLongDatagram(n) })

func (w *World) thenNoLongDatagram(limit int) {
	w.everySent(func(s seen) (bool, string) {
		return len(s.payload) <= limit, fmt.Sprintf("is %d bytes long", len(s.payload))
	})
}

var _ = step("frame/index-is", `^every ([\w, ]+) that the subject sent has index (-?\d+)$`,
	(*World).thenIndexOf)

func (w *World) thenIndexOf(types string, index int) {
	kinds := words(types)
	w.everySent(func(s seen) (bool, string) {
		if !slices.Contains(kinds, s.packet.Type.String()) {
			return true, ""
		}
		return int(s.packet.Index) == index, fmt.Sprintf("has index %d", s.packet.Index)
	})
}
