package steps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A publication is a message that a peer published.
type publication struct {
	by        *peer
	plaintext []byte
	ids       []string
}

// grace is how long a second delivery of the same message is waited for.
const grace = 2 * time.Second

func (w *World) publish(p *peer, label string, plaintext []byte) error {
	return w.publishSigned(p, label, plaintext, nil)
}

// publishSigned publishes with usr2 and sig, where a seed of the signer's key
// is given.
func (w *World) publishSigned(p *peer, label string, plaintext, seed []byte) error {
	if err := w.up(); err != nil {
		return err
	}
	var ok testee.PublishOK
	with := testee.PublishWith{
		SubclusterID: fmt.Sprintf("%x", w.group.SubclusterID), Event: theEvent,
		Message: hex.EncodeToString(plaintext), SigningSeed: hex.EncodeToString(seed),
	}
	if err := w.call(p, testee.Publish, with, &ok); err != nil {
		return err
	}
	if len(ok.PacketIDs) == 0 {
		return w.unfit(p, "publish named no packetId")
	}
	w.latest = &publication{by: p, plaintext: plaintext, ids: ok.PacketIDs}
	w.sent[label] = w.latest
	return nil
}

// plaintextOf makes a message of a length that no other message of the
// scenario equals.
func plaintextOf(by *peer, length int) []byte {
	text := fmt.Sprintf("%s %d ", by.host, length)
	return []byte(strings.Repeat(text, length/len(text)+1)[:length])
}

func (w *World) whenSubjectPublishes(text string) error {
	return w.publish(w.subject, text, []byte(text))
}

func (w *World) whenPeerPublishes(host, text string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.publish(p, text, []byte(text))
}

func (w *World) whenSubjectPublishesBytes(n int) error {
	return w.publish(w.subject, fmt.Sprint(n), plaintextOf(w.subject, n))
}

func (w *World) publishSizes(p *peer, sizes string) error {
	w.sent = map[string]*publication{}
	for _, size := range words(sizes) {
		n := number(size)
		if err := w.publish(p, size, plaintextOf(p, n)); err != nil {
			return err
		}
		// A peer paces what it sends; a member must not have to guess at more
		// than one message at a time here.
		if err := w.pass(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) whenSubjectPublishesSizes(sizes string) error {
	return w.publishSizes(w.subject, sizes)
}

func (w *World) whenPeerPublishesSizes(host, sizes string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.publishSizes(p, sizes)
}

// deliveries counts how often a peer opened a message.
func deliveries(p *peer, plaintext []byte) int {
	n := 0
	for _, e := range eventsOf[testee.PacketEventBody](p, testee.PacketEvent) {
		if e.Message != nil && *e.Message == hex.EncodeToString(plaintext) {
			n++
		}
	}
	return n
}

// receivesOnce awaits the delivery of a message, and a while for a second one.
func (w *World) receivesOnce(p *peer, label string, plaintext []byte) error {
	return w.receivesOnceWithin(p, label, plaintext, deliveryWithin)
}

func (w *World) receivesOnceWithin(p *peer, label string, plaintext []byte, within time.Duration) error {
	ok, err := w.await(within, func() bool { return deliveries(p, plaintext) > 0 })
	if err != nil {
		return err
	}
	if ok {
		if err := w.pass(grace); err != nil {
			return err
		}
	}
	return w.judgeDeliveries(p, label, plaintext)
}

func (w *World) judgeDeliveries(p *peer, label string, plaintext []byte) error {
	n := deliveries(p, plaintext)
	if n == 1 {
		return nil
	}
	text := fmt.Sprintf("%s delivered the message %q %d times", p, label, n)
	if n == 0 {
		text = fmt.Sprintf("%s did not deliver the message %q in time", p, label)
	}
	if !p.subject && !w.leftSubject(label) {
		// The subject's part is done when its packets have left it.
		return w.violated(nil, "%s; the subject never sent it", text)
	}
	return w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s", text)
}

// leftSubject says whether any packet of a message left the subject's host.
func (w *World) leftSubject(label string) bool {
	p := w.sent[label]
	return p == nil || !p.by.subject || len(w.packetsOf(p)) > 0
}

func (w *World) thenSubjectReceives(text string) error {
	return w.receivesOnce(w.subject, text, w.message(text))
}

func (w *World) thenPeerReceives(host, text string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.receivesOnce(p, text, w.message(text))
}

func (w *World) thenPeerReceivesWithin(intervals int, host, text string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.receivesOnceWithin(p, text, w.message(text), time.Duration(intervals)*w.k())
}

func (w *World) message(label string) []byte {
	if p := w.sent[label]; p != nil {
		return p.plaintext
	}
	return []byte(label)
}

func (w *World) receivesEach(p *peer) error {
	ok, err := w.await(deliveryWithin, func() bool {
		for _, m := range w.sent {
			if deliveries(p, m.plaintext) == 0 {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	if ok {
		if err := w.pass(grace); err != nil {
			return err
		}
	}
	labels := make([]string, 0, len(w.sent))
	for label := range w.sent {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		if err := w.judgeDeliveries(p, label, w.sent[label].plaintext); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) thenSubjectReceivesEach() error { return w.receivesEach(w.subject) }

func (w *World) thenPeerReceivesEach(host string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.receivesEach(p)
}

func (w *World) thenNotInTheClear(text string) error {
	t := w.net.Trace()
	for i := range t.Len() {
		f := t.At(i)
		if bytes.Contains(f.Packet, []byte(text)) {
			return w.violated([]int{f.Seq}, "the plaintext %q is readable on the wire", text)
		}
	}
	return nil
}

func (w *World) thenNoBootstrapOpened() error {
	for _, b := range w.bootstraps() {
		for _, e := range eventsOf[testee.PacketEventBody](b, testee.PacketEvent) {
			if e.Message != nil {
				return w.violated(nil, "%s, which is no member, opened a message", b)
			}
		}
	}
	return nil
}

// packetsOf lists the packets of a publication that its author sent, each
// once, by index.
func (w *World) packetsOf(p *publication) []seen {
	var all []seen
	for _, s := range ofType(w.sentBy(p.by.host), wire.Publish) {
		id := hex.EncodeToString(s.packet.PacketID)
		if !slices.Contains(p.ids, id) || slices.ContainsFunc(all, func(o seen) bool { return bytes.Equal(o.packet.PacketID, s.packet.PacketID) }) {
			continue
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b seen) int { return int(a.packet.Index) - int(b.packet.Index) })
	return all
}

// last is the publication that the scenario made last.
func (w *World) last() *publication { return w.latest }

func (w *World) thenFirstHops(hops int) error {
	p := w.last()
	ok, err := w.await(answerWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(nil, "the subject sent %d of its %d packets", len(w.packetsOf(p)), len(p.ids))
	}
	for _, s := range w.packetsOf(p) {
		if int(s.packet.Hops) != hops {
			return w.violated([]int{s.Seq}, "the subject sent its own publish first with hops %d", s.packet.Hops)
		}
	}
	return nil
}

func (w *World) cacheOf(p *peer) (testee.CacheOK, error) {
	var c testee.CacheOK
	err := w.call(p, testee.Cache, testee.CacheWith{}, &c)
	return c, err
}

func (w *World) thenPublishedAreCached() error {
	c, err := w.cacheOf(w.subject)
	if err != nil {
		return err
	}
	for _, id := range w.last().ids {
		if !slices.Contains(c.IDs, id) {
			return w.violated(nil, "the subject published the packet %s, and its cache does not hold it", id)
		}
	}
	return nil
}

func (w *World) thenPublishIDs() error {
	p := w.last()
	if _, err := w.await(answerWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) }); err != nil {
		return err
	}
	any := false
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Publish) {
		if s.packet.Index != wire.NoIndex {
			continue
		}
		any = true
		if got, ok := s.packet.ID(); !ok || got != wire.MessageID(s.packet.Message) {
			return w.violated([]int{s.Seq}, "the packetId is %x, and the SHA-256 of the message %s", s.packet.PacketID, wire.MessageID(s.packet.Message))
		}
	}
	if !any {
		return w.violated(nil, "the subject sent no unfragmented publish")
	}
	return nil
}

func (w *World) thenLeavesAs(count, limit int) error {
	p := w.last()
	if _, err := w.await(answerWithin, func() bool { return len(w.packetsOf(p)) >= count }); err != nil {
		return err
	}
	packets := w.packetsOf(p)
	if len(packets) != count || len(p.ids) != count {
		return w.violated(frames(packets), "the message left the subject as %d packets, and publish named %d", len(packets), len(p.ids))
	}
	for i, s := range packets {
		index := int32(i)
		if count == 1 {
			index = wire.NoIndex
		}
		if s.packet.Index != index {
			return w.violated([]int{s.Seq}, "packet %d of the message has index %d", i, s.packet.Index)
		}
		n := len(s.packet.Message)
		if n > limit || (count > 1 && i > 0 && i < count-1 && n != limit) {
			return w.violated([]int{s.Seq}, "packet %d of the message carries %d bytes of it", i, n)
		}
	}
	if count > 1 {
		var head struct{ Size, Indexes int }
		if err := json.Unmarshal(packets[0].packet.Message, &head); err != nil || head.Indexes != count-1 || head.Size != len(p.plaintext)+sealing {
			return w.violated([]int{packets[0].Seq}, "the head announces %d fragments and %d bytes", head.Indexes, head.Size)
		}
	}
	return nil
}

// sealing is what sealing adds to a plaintext.
const sealing = 160

func (w *World) thenChain() error {
	packets := w.packetsOf(w.last())
	var previous wire.ID
	for i, s := range packets {
		want := wire.MessageID(s.packet.Message)
		if i > 0 {
			want = wire.FragmentID(previous, s.packet.Message)
		}
		got, ok := s.packet.ID()
		if !ok || got != want {
			return w.violated([]int{s.Seq}, "packet %d of the message has the packetId %x, and not %s", i, s.packet.PacketID, want)
		}
		previous = got
	}
	return nil
}

func (w *World) thenSameCaches(name string) error { return w.sameCaches(name, deliveryWithin) }

func (w *World) thenSameCachesWithin(intervals int, name string) error {
	return w.sameCaches(name, time.Duration(intervals)*w.k())
}

// sameCaches asks both for what they hold until it is the same, and something.
func (w *World) sameCaches(name string, within time.Duration) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	until := w.net.Now().Add(within)
	for {
		a, err := w.cacheOf(w.subject)
		if err != nil {
			return err
		}
		b, err := w.cacheOf(other)
		if err != nil {
			return err
		}
		if slices.Equal(a.IDs, b.IDs) && len(a.IDs) > 0 {
			return nil
		}
		if w.net.Now().After(until) {
			return w.violated(nil, "the subject's cache holds %d packets and that of %s %d, and they differ", len(a.IDs), other, len(b.IDs))
		}
		if err := w.pass(200 * time.Millisecond); err != nil {
			return err
		}
	}
}
