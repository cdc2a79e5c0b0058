package steps

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// replication is what steps of chapter 8 share.
type replication struct {
	sent   map[string]*publication // messages by how the scenario names them
	latest *publication
}

var _ = step("repl/not-delivered-again", `^for (\d+) keepalive intervals the subject does not deliver "([^"]+)" again$`,
	(*World).thenNotAgain)

func (w *World) thenNotAgain(intervals int, text string) {
	w.pass(time.Duration(intervals) * w.k())
	if n := deliveries(w.subject, w.message(text)); n > 0 {
		w.violated(nil, "the subject delivered %q again, in its second life", text)
	}
}

// A publication is a message that a peer published.
type publication struct {
	by        *peer
	plaintext []byte
	ids       []string
}

// grace is how long a second delivery of the same message is waited for.
const grace = 2 * time.Second

func (w *World) publish(p *peer, label string, plaintext []byte) {
	w.publishSigned(p, label, plaintext, nil)
}

// publishSigned publishes with usr2 and sig, where a seed of the signer's key
// is given.
func (w *World) publishSigned(p *peer, label string, plaintext, seed []byte) {
	w.up()
	var ok testee.PublishOK
	with := testee.PublishWith{
		SubclusterID: fmt.Sprintf("%x", w.membership.group.SubclusterID), Event: theEvent,
		Message: hex.EncodeToString(plaintext), SigningSeed: hex.EncodeToString(seed),
	}
	w.call(p, testee.Publish, with, &ok)
	if len(ok.PacketIDs) == 0 {
		w.unfit(p, "publish named no packetId")
	}
	w.replication.latest = &publication{by: p, plaintext: plaintext, ids: ok.PacketIDs}
	w.replication.sent[label] = w.replication.latest
}

// plaintextOf makes a message of a length that no other message of the
// scenario equals.
func plaintextOf(by *peer, length int) []byte {
	text := fmt.Sprintf("%s %d ", by.host, length)
	return []byte(strings.Repeat(text, length/len(text)+1)[:length])
}

var _ = step("repl/subject-publishes", `^the subject publishes "([^"]+)"$`,
	func(w *World, text string) { w.publish(w.subject, text, []byte(text)) })

var _ = step("repl/peer-publishes", `^"([^"]+)" publishes "([^"]+)"$`,
	(*World).whenPeerPublishes)

func (w *World) whenPeerPublishes(host, text string) {
	w.publish(w.named(host), text, []byte(text))
}

var _ = step("repl/subject-publishes-bytes", `^the subject publishes (\d+) bytes$`,
	func(w *World, n int) { w.publish(w.subject, fmt.Sprint(n), plaintextOf(w.subject, n)) })

func (w *World) publishSizes(p *peer, sizes string) {
	w.replication.sent = map[string]*publication{}
	for _, size := range words(sizes) {
		n := number(size)
		w.publish(p, size, plaintextOf(p, n))
		// A peer paces what it sends; a member must not have to guess at more
		// than one message at a time here.
		w.pass(100 * time.Millisecond)
	}
}

var _ = step("repl/subject-publishes-sizes", `^the subject publishes messages of ([\d, and]+) bytes$`,
	func(w *World, sizes string) { w.publishSizes(w.subject, sizes) })

var _ = step("repl/peer-publishes-sizes", `^"([^"]+)" publishes messages of ([\d, and]+) bytes$`,
	(*World).whenPeerPublishesSizes)

func (w *World) whenPeerPublishesSizes(host, sizes string) {
	w.publishSizes(w.named(host), sizes)
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
func (w *World) receivesOnce(p *peer, label string, plaintext []byte) {
	w.receivesOnceWithin(p, label, plaintext, deliveryWithin)
}

func (w *World) receivesOnceWithin(p *peer, label string, plaintext []byte, within time.Duration) {
	if w.await(within, func() bool { return deliveries(p, plaintext) > 0 }) {
		w.pass(grace)
	}
	w.judgeDeliveries(p, label, plaintext)
}

func (w *World) judgeDeliveries(p *peer, label string, plaintext []byte) {
	n := deliveries(p, plaintext)
	if n == 1 {
		return
	}
	text := fmt.Sprintf("%s delivered the message %q %d times", p, label, n)
	if n == 0 {
		text = fmt.Sprintf("%s did not deliver the message %q in time", p, label)
	}
	if !p.subject && !w.leftSubject(label) {
		// The subject's part is done when its packets have left it.
		w.violated(nil, "%s; the subject never sent it", text)
	}
	w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s", text)
}

// leftSubject reports whether any packet of a message left the subject's host.
func (w *World) leftSubject(label string) bool {
	p := w.replication.sent[label]
	return p == nil || !p.by.subject || len(w.packetsOf(p)) > 0
}

var _ = step("repl/subject-receives-once", `^the subject receives "([^"]+)" once$`,
	func(w *World, text string) { w.receivesOnce(w.subject, text, w.message(text)) })

var _ = step("repl/peer-receives-once", `^"([^"]+)" receives "([^"]+)" once$`,
	(*World).thenPeerReceives)

func (w *World) thenPeerReceives(host, text string) {
	w.receivesOnce(w.named(host), text, w.message(text))
}

var _ = step("repl/peer-receives-once-within", `^within (\d+) keepalive intervals "([^"]+)" receives "([^"]+)" once$`,
	(*World).thenPeerReceivesWithin)

func (w *World) thenPeerReceivesWithin(intervals int, host, text string) {
	w.receivesOnceWithin(w.named(host), text, w.message(text), time.Duration(intervals)*w.k())
}

func (w *World) message(label string) []byte {
	if p := w.replication.sent[label]; p != nil {
		return p.plaintext
	}
	return []byte(label)
}

func (w *World) receivesEach(p *peer) {
	ok := w.await(deliveryWithin, func() bool {
		for _, m := range w.replication.sent {
			if deliveries(p, m.plaintext) == 0 {
				return false
			}
		}
		return true
	})
	if ok {
		w.pass(grace)
	}
	labels := make([]string, 0, len(w.replication.sent))
	for label := range w.replication.sent {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		w.judgeDeliveries(p, label, w.replication.sent[label].plaintext)
	}
}

var _ = step("repl/subject-receives-each-once", `^the subject receives each of them once$`,
	func(w *World) { w.receivesEach(w.subject) })

var _ = step("repl/peer-receives-each-once", `^"([^"]+)" receives each of them once$`,
	(*World).thenPeerReceivesEach)

func (w *World) thenPeerReceivesEach(host string) {
	w.receivesEach(w.named(host))
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
func (w *World) last() *publication { return w.replication.latest }

var _ = step("repl/first-hops", `^each publish that the subject multicast first had hops (\d+)$`,
	(*World).thenFirstHops)

func (w *World) thenFirstHops(hops int) {
	p := w.last()
	if !w.await(replyWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) }) {
		w.violated(nil, "the subject sent %d of its %d packets", len(w.packetsOf(p)), len(p.ids))
	}
	for _, s := range w.packetsOf(p) {
		if int(s.packet.Hops) != hops {
			w.violated([]int{s.Seq}, "the subject sent its own publish first with hops %d", s.packet.Hops)
		}
	}
}

func (w *World) cacheOf(p *peer) testee.CacheOK {
	var c testee.CacheOK
	w.call(p, testee.Cache, testee.CacheWith{}, &c)
	return c
}

var _ = step("repl/published-are-cached", `^the published packets are in the subject's cache$`,
	(*World).thenPublishedAreCached)

func (w *World) thenPublishedAreCached() {
	c := w.cacheOf(w.subject)
	for _, id := range w.last().ids {
		if !slices.Contains(c.IDs, id) {
			w.violated(nil, "the subject published the packet %s, and its cache does not hold it", id)
		}
	}
}
