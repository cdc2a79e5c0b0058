package steps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

var _ = step("id/delivers-event", `^(the subject|"[^"]+") delivers it as the event "([^"]+)"$`,
	(*World).thenDeliversEvent)

func (w *World) thenDeliversEvent(of, event string) {
	p, e := w.delivered(of)
	if id := seal.EventID(event); e.EventID != hex.EncodeToString(id[:]) {
		w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s delivered the message with the eventId %q, and not %x", p, e.EventID, id)
	}
}

var _ = step("id/usr1-names-event", `^usr1 of each packet of the message is the SHA-256 of "([^"]+)"$`,
	(*World).thenNamesEvent)

// thenNamesEvent judges usr1 of every packet of the message.
func (w *World) thenNamesEvent(event string) {
	p, id := w.replication.latest, seal.EventID(event)
	w.await(replyWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) })
	packets := w.packetsOf(p)
	for _, s := range packets {
		if !bytes.Equal(s.packet.Usr1, id[:]) {
			w.violated([]int{s.Seq}, "usr1 is %x, and not the SHA-256 of the event's name", s.packet.Usr1)
		}
	}
	if len(packets) != len(p.ids) {
		w.violated(frames(packets), "the subject sent %d of its %d packets", len(packets), len(p.ids))
	}
}

func (w *World) thenPublishIDs() {
	p := w.last()
	w.await(replyWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) })
	any := false
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Publish) {
		if s.packet.Index != wire.NoIndex {
			continue
		}
		any = true
		if got, ok := s.packet.ID(); !ok || got != wire.MessageID(s.packet.Message) {
			w.violated([]int{s.Seq}, "the packetId is %x, and the SHA-256 of the message %s", s.packet.PacketID, wire.MessageID(s.packet.Message))
		}
	}
	if !any {
		w.violated(nil, "the subject sent no unfragmented publish")
	}
}

var _ = step("id/leaves-in-packets", `^the message leaves the subject as (\d+) packets? of at most (\d+) message bytes$`,
	(*World).thenLeavesAs)

func (w *World) thenLeavesAs(count, limit int) {
	p := w.last()
	w.await(replyWithin, func() bool { return len(w.packetsOf(p)) >= count })
	packets := w.packetsOf(p)
	if len(packets) != count || len(p.ids) != count {
		w.violated(frames(packets), "the message left the subject as %d packets, and publish named %d", len(packets), len(p.ids))
	}
	for i, s := range packets {
		index := int32(i)
		if count == 1 {
			index = wire.NoIndex
		}
		if s.packet.Index != index {
			w.violated([]int{s.Seq}, "packet %d of the message has index %d", i, s.packet.Index)
		}
		n := len(s.packet.Message)
		if n > limit || (count > 1 && i > 0 && i < count-1 && n != limit) {
			w.violated([]int{s.Seq}, "packet %d of the message carries %d bytes of it", i, n)
		}
	}
	if count > 1 {
		var head struct{ Size, Indexes int }
		if err := json.Unmarshal(packets[0].packet.Message, &head); err != nil || head.Indexes != count-1 || head.Size != len(p.plaintext)+sealing {
			w.violated([]int{packets[0].Seq}, "the head announces %d fragments and %d bytes", head.Indexes, head.Size)
		}
	}
}

// sealing is what sealing adds to a plaintext.
const sealing = 160

var _ = step("id/fragments-chained", `^the packetIds of its fragments form the chain$`,
	(*World).thenChain)

func (w *World) thenChain() {
	packets := w.packetsOf(w.last())
	var previous wire.ID
	for i, s := range packets {
		want := wire.MessageID(s.packet.Message)
		if i > 0 {
			want = wire.FragmentID(previous, s.packet.Message)
		}
		got, ok := s.packet.ID()
		if !ok || got != want {
			w.violated([]int{s.Seq}, "packet %d of the message has the packetId %x, and not %s", i, s.packet.PacketID, want)
		}
		previous = got
	}
}

var _ = step("id/packet-ids-of-content", `^every ([\w, ]+) that the subject sent has the packetId of its content$`,
	(*World).thenIDs)

// thenIDs awaits nothing: the steps before it have seen the packets leave.
func (w *World) thenIDs(types string) {
	kinds := words(types)
	if slices.Equal(kinds, []string{wire.Publish.String()}) {
		w.thenPublishIDs()
		return
	}
	w.everySent(func(s seen) (bool, string) {
		if !slices.Contains(kinds, s.packet.Type.String()) {
			return true, ""
		}
		want := wire.ControlID(s.packet.PreviousID, s.packet.Message, s.packet.NextID)
		got, ok := s.packet.ID()
		return ok && got == want, fmt.Sprintf("has packetId %x, and its content has %s", s.packet.PacketID, want)
	})
}
