package steps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// streams is what steps of chapter 10 share.
type streams struct {
	sent   []streaming
	sealed int // by injectors
}

// A streaming is a message that a peer, or an injector, streamed to a peer.
type streaming struct {
	label     string
	from      wire.ID
	fromHost  string
	to        *peer
	plaintext []byte
}

// stream has a peer stream a message to another, as soon as it knows it: two
// peers that are introduced to each other need not be connected at one time.
func (w *World) stream(from, to *peer, label string, plaintext []byte) {
	with := testee.StreamWith{
		PeerID: to.id.String(), SubclusterID: fmt.Sprintf("%x", w.membership.group.SubclusterID), Event: "message", Message: hex.EncodeToString(plaintext),
	}
	until := w.net.Now().Add(connectKeepalive * w.k())
	for {
		reply := w.reply(from, testee.Stream, with)
		switch {
		case reply.Error == nil:
			w.streams.sent = append(w.streams.sent, streaming{label, from.id, from.host, to, plaintext})
			return
		case reply.Error.Code == testee.Unsupported:
			fail(&verdict.NotApplicable{Reason: fmt.Sprintf("%s has no streams: %s", from, reply.Error.Text)})
		case reply.Error.Code != testee.Failed:
			w.unfit(from, "stream: %s", reply.Error)
		case w.net.Now().After(until):
			blocked("%s can't stream to %s, even %v after both were to be connected: %s", from, to, connectKeepalive*w.k(), reply.Error)
		}
		w.pass(500 * time.Millisecond)
	}
}

var _ = step("strm/streams", `^(the subject|"[^"]+") streams "([^"]+)" to (the subject|"[^"]+")$`,
	func(w *World, from, text, to string) {
		w.streamNamed(from, to, []string{text}, func(*peer, string) []byte { return []byte(text) })
	})

var _ = step("strm/streams-sizes", `^(the subject|"[^"]+") streams messages of ([\d, and]+) bytes to (the subject|"[^"]+")$`,
	(*World).whenStreamsSizes)

func (w *World) whenStreamsSizes(from, sizes, to string) {
	w.streamNamed(from, to, words(sizes), func(p *peer, size string) []byte { return plaintextOf(p, number(size)) })
}

var _ = step("strm/streams-at-once", `^(the subject|"[^"]+") streams (\d+) messages of (\d+) bytes at once to (the subject|"[^"]+")$`,
	(*World).whenStreamsAtOnce)

// whenStreamsAtOnce streams messages of one length, which have but their time to
// be told apart by.
func (w *World) whenStreamsAtOnce(from string, count, size int, to string) {
	var labels []string
	for i := range count {
		labels = append(labels, fmt.Sprintf("%d of %d", i+1, count))
	}
	w.streamNamed(from, to, labels, func(_ *peer, label string) []byte {
		return bytes.Repeat([]byte(label+" "), size)[:size]
	})
}

func (w *World) streamNamed(from, to string, labels []string, message func(p *peer, label string) []byte) {
	w.up()
	source := w.either(from)
	destination := w.either(to)
	for _, label := range labels {
		w.stream(source, destination, label, message(source, label))
	}
}

// arrivals counts how often a peer reported a stream.
func arrivals(s streaming) int {
	n := 0
	for _, e := range eventsOf[testee.StreamEventBody](s.to, testee.StreamEvent) {
		if e.Message != nil && *e.Message == hex.EncodeToString(s.plaintext) && e.PeerID == s.from.String() {
			n++
		}
	}
	return n
}

var _ = step("strm/receives-each-once", `^(the subject|"[^"]+") receives each of its streams once$`,
	(*World).thenReceivesStreams)

// thenReceivesStreams awaits all streams for a peer, and a while for a second
// copy of one.
func (w *World) thenReceivesStreams(name string) {
	p := w.either(name)
	mine := slices.DeleteFunc(slices.Clone(w.streams.sent), func(s streaming) bool { return s.to != p })
	if len(mine) == 0 {
		misused("nobody has streamed to %s", p)
	}
	looked := 0
	ok := w.await(deliveryWithin, func() bool {
		reported := len(p.events(testee.StreamEvent))
		if reported == looked {
			return false // long messages take a while to read
		}
		looked = reported
		return !slices.ContainsFunc(mine, func(s streaming) bool { return arrivals(s) == 0 })
	})
	if ok {
		w.pass(grace)
	}
	for _, s := range mine {
		evidence := frames(ofType(w.receivedBy(p.host), wire.Stream))
		switch n := arrivals(s); {
		case n == 0 && !p.subject && s.fromHost != w.subject.host && w.cameWhole(s):
			w.companionFailed(p, verdict.Finding{Requirement: "LAT-STRM-002", Frames: evidence,
				Text: fmt.Sprintf("the stream %q of %q came, and was not delivered within %v", s.label, s.fromHost, deliveryWithin)})
		case n == 0:
			w.violated(evidence, "%s did not deliver the stream %q of %q within %v", p, s.label, s.fromHost, deliveryWithin)
		case n > 1:
			w.violated(evidence, "%s delivered the stream %q of %q %d times", p, s.label, s.fromHost, n)
		}
	}
}

// cameWhole reports whether all that a host has streamed to a peer reached that one
// as it was sent: then whoever passes streams on has done its part.
func (w *World) cameWhole(s streaming) bool {
	came := map[string]string{}
	for _, r := range ofType(w.receivedBy(s.to.host), wire.Stream) {
		came[string(r.packet.PacketID)] = string(r.packet.Message)
	}
	sent := 0
	for _, r := range ofType(w.sentBy(s.fromHost), wire.Stream) {
		if string(r.packet.Usr3) != string(s.to.id[:]) {
			continue
		}
		if message, ok := came[string(r.packet.PacketID)]; !ok || message != string(r.packet.Message) {
			return false
		}
		sent++
	}
	return sent > 0
}

var _ = step("strm/delivered-count", `^(the subject|"[^"]+") has delivered (\d+) streams?$`,
	(*World).thenDeliversStreams)

// thenDeliversStreams says that a peer delivered so many streams, whatever is in
// them.
func (w *World) thenDeliversStreams(name string, count int) {
	p := w.either(name)
	if all := p.events(testee.StreamEvent); len(all) != count {
		w.violated(frames(ofType(w.receivedBy(p.host), wire.Stream)), "%s delivered %d streams, and not %d", p, len(all), count)
	}
}

// streamsOf lists the packets of streams that left the subject as its own.
func (w *World) streamsOf(p *peer) []seen {
	return slices.DeleteFunc(ofType(w.sentBy(p.host), wire.Stream), func(s seen) bool { return !bytes.Equal(s.packet.Usr4, p.id[:]) })
}

var _ = step("strm/names-both-ends", `^every stream of the subject has hops 0 and names (the subject|"[^"]+") in usr3 and the subject in usr4$`,
	(*World).thenStreamsNameBoth)

func (w *World) thenStreamsNameBoth(to string) {
	other := w.either(to)
	all := w.streamsOf(w.subject)
	if len(all) == 0 {
		w.violated(nil, "the subject sent no stream that names it in usr4")
	}
	for _, s := range all {
		if !bytes.Equal(s.packet.Usr3, other.id[:]) || s.packet.Hops != 0 {
			w.violated([]int{s.Seq}, "a stream of the subject names %x in usr3 and has hops %d", s.packet.Usr3, s.packet.Hops)
		}
	}
}

var _ = step("strm/paced", `^the (\d+) packets of the message or more left the subject over (\d+) ms or more$`,
	(*World).thenStreamTakes)

// thenStreamTakes judges that a long message is no burst: its packets, of which
// there are so many, take a while to leave.
func (w *World) thenStreamTakes(least int, over int) {
	all := w.streamsOf(w.subject)
	if len(all) < least {
		w.violated(frames(all), "the message left the subject as %d packets, and not %d or more", len(all), least)
	}
	if took := all[len(all)-1].At.Sub(all[0].At); took < time.Duration(over)*time.Millisecond {
		w.violated([]int{all[0].Seq, all[len(all)-1].Seq}, "%d packets left the subject in %v", len(all), took)
	}
}

var _ = step("strm/heads-differ", `^no two heads of the subject's streams have one packetId$`,
	(*World).thenHeadsDiffer)

func (w *World) thenHeadsDiffer() {
	seenIDs := map[string]int{}
	heads := 0
	for _, s := range w.streamsOf(w.subject) {
		if s.packet.Index != 0 {
			continue
		}
		heads++
		if first, there := seenIDs[string(s.packet.PacketID)]; there {
			w.violated([]int{first, s.Seq}, "the heads of two messages have the packetId %x", s.packet.PacketID)
		}
		seenIDs[string(s.packet.PacketID)] = s.Seq
	}
	if heads < 2 {
		w.violated(nil, "the subject sent %d heads of split streams, and several messages to split were given to it", heads)
	}
}

// aStream makes the packets of a message that an injector streams to a peer.
func (w *World) aStream(in *scripted, to wire.ID, keys seal.Keys, plaintext []byte) []wire.Packet {
	w.streams.sealed++
	sealed := mustGet(seal.Seal(newStream(fmt.Sprintf("%d stream %d", w.o.Seed, w.streams.sealed)), keys, plaintext))
	template := wire.NewPacket(wire.Stream)
	template.ClusterID, template.SubclusterID = cluster[:], keys.SubclusterID[:]
	template.Usr3, template.Usr4 = to[:], in.ID[:]
	packets := mustGet(wire.Split(template, sealed, nil, w.net.Now().UnixMilli()))
	return packets
}

// whenRelayedStream gives the subject a stream for somebody else.
func (w *World) whenRelayedStream(name, to string, hops, times int) {
	in := w.acting(name)
	id := seal.PeerID("nobody")
	if to != "" {
		other := w.injector(to)
		id = other.ID
	}
	packets := w.aStream(in, id, strangers, fmt.Appendf(nil, "stream %d", len(w.given)))
	packets[0].Hops = uint32(hops)
	for range times {
		w.give(in, packets[0])
		w.pass(50 * time.Millisecond)
	}
}

var _ = step("strm/injector-sends-stream-for", `^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)"$`,
	func(w *World, name, to string) { w.whenRelayedStream(name, to, 0, 1) })

var _ = step("strm/injector-sends-stream-for-twice", `^"([^"]+)" sends the subject a stream for "([^"]+)" twice$`,
	func(w *World, name, to string) { w.whenRelayedStream(name, to, 0, 2) })

var _ = step("strm/injector-sends-stream-for-hops", `^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)" with hops (\d+)$`,
	func(w *World, name, to string, hops int) { w.whenRelayedStream(name, to, hops, 1) })

var _ = step("strm/injector-sends-stream-for-nobody", `^"([^"]+)" sends the subject a stream for a peer that nobody knows$`,
	func(w *World, name string) { w.whenRelayedStream(name, "", 0, 1) })

var _ = step("strm/injector-sends-stream-back", `^"([^"]+)" sends the subject that stream back$`,
	(*World).whenStreamBack)

// whenStreamBack returns to the subject what it relayed, as a relay does that
// takes the subject for the way to the same peer.
func (w *World) whenStreamBack(name string) {
	in, r := w.lastGiven("stream", name)
	if !w.await(replyWithin, func() bool { return len(w.relaysTo(in, r)) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Stream)), "the subject did not relay the stream to %q", name)
	}
	for range 3 {
		in.sendBytes(w.toSubject(), w.relaysTo(in, r)[0].payload)
		w.pass(100 * time.Millisecond)
	}
}

var _ = step("strm/injector-streams-fragments", `^"([^"]+)" streams a fragmented message to the subject in the order ([\d ]+)$`,
	(*World).whenStreamsParts)

// whenStreamsParts streams a message of 1,500 bytes to the subject, as a head
// and two fragments in an order of their indexes.
func (w *World) whenStreamsParts(name, order string) {
	in := w.acting(name)
	w.sendParts([]*scripted{in}, words(order))
}

var _ = step("strm/injectors-stream-in-turn", `^"([^"]+)" and "([^"]+)" each stream a fragmented message to the subject, packet by packet in turn$`,
	(*World).whenStreamTogether)

// whenStreamTogether has two injectors stream at once: the packets of one
// between those of the other.
func (w *World) whenStreamTogether(one, two string) {
	a := w.acting(one)
	b := w.injector(two)
	w.sendParts([]*scripted{a, b}, []string{"0", "1", "2"})
}

func (w *World) sendParts(all []*scripted, order []string) {
	messages := make([][]wire.Packet, len(all))
	for i, in := range all {
		// Lengths differ: heads that say the same, of one millisecond, are one packet.
		plaintext := []byte(fmt.Sprintf("%s %04d %01500d", in.host, len(w.streams.sent), 0))[:1500+i]
		messages[i] = w.aStream(in, w.subject.id, w.membership.group, plaintext)
		if slices.Contains(order, "0") && slices.Contains(order, "1") && slices.Contains(order, "2") {
			w.streams.sent = append(w.streams.sent, streaming{fmt.Sprintf("in the order %v", order), in.ID, in.host, w.subject, plaintext})
		}
	}
	for _, index := range order {
		for i, in := range all {
			w.give(in, messages[i][number(index)])
			w.pass(20 * time.Millisecond)
		}
	}
}

var _ = step("strm/injector-streams", `^"([^"]+)", an injector, streams "([^"]+)" to the subject$`,
	(*World).whenStreamsTo)

// whenStreamsTo streams a short message of an injector to the subject.
func (w *World) whenStreamsTo(name, text string) {
	in := w.acting(name)
	packets := w.aStream(in, w.subject.id, w.membership.group, []byte(text))
	w.streams.sent = append(w.streams.sent, streaming{text, in.ID, in.host, w.subject, []byte(text)})
	w.give(in, packets[0])
}

var _ = step("strm/injector-streams-false-id", `^"([^"]+)", an injector, streams "([^"]+)" to the subject under a false packetId$`,
	(*World).whenStreamsFalse)

// whenStreamsFalse streams what is under another packetId than its own.
func (w *World) whenStreamsFalse(name, text string) {
	in := w.acting(name)
	packets := w.aStream(in, w.subject.id, w.membership.group, []byte(text))
	id := wire.MessageID([]byte("something else"))
	packets[0].PacketID = id[:]
	w.give(in, packets[0])
}

var _ = step("strm/injector-streams-unopenable", `^"([^"]+)" streams to the subject what can't be opened$`,
	(*World).whenStreamsNoise)

// whenStreamsNoise streams bytes to the subject that nobody has sealed, and
// heads that are none.
func (w *World) whenStreamsNoise(name string) {
	in := w.acting(name)
	noise := newStream("noise")
	send := func(index int32, message []byte) {
		p := wire.NewPacket(wire.Stream)
		p.ClusterID, p.SubclusterID, p.Index, p.Message = cluster[:], w.groupID(), index, message
		p.Usr3, p.Usr4 = w.subject.id[:], in.ID[:]
		id := wire.MessageID(message)
		p.PacketID = id[:]
		w.give(in, p)
		w.pass(hostilePace)
	}
	for _, n := range []int{200, 1, 160, 1024} {
		message := make([]byte, n)
		noise.Read(message)
		send(wire.NoIndex, message)
	}
	for _, body := range []any{map[string]any{"meta": nil, "indexes": 1}, map[string]any{"size": 1 << 40, "indexes": 1}, []int{1}, 7} {
		send(0, mustGet(json.Marshal(body)))
	}
}
