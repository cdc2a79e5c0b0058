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

// A streaming is a message that a peer, or an injector, streamed to a peer.
type streaming struct {
	label     string
	from      wire.ID
	fromHost  string
	to        *peer
	plaintext []byte
}

// either finds a peer by how a step names it: the subject, or a host in quotes.
func (w *World) either(name string) (*peer, error) {
	if name == "the subject" {
		return w.subject, nil
	}
	return w.named(name[1 : len(name)-1])
}

// stream has a peer stream a message to another, as soon as it knows it: two
// peers that are introduced to each other need not be connected at one time.
func (w *World) stream(from, to *peer, label string, plaintext []byte) error {
	with := testee.StreamWith{
		PeerID: to.id.String(), SubclusterID: fmt.Sprintf("%x", w.group.SubclusterID), Event: "message", Message: hex.EncodeToString(plaintext),
	}
	until := w.net.Now().Add(connectKeepalive * w.k())
	for {
		reply, err := w.reply(from, testee.Stream, with)
		switch {
		case err != nil:
			return err
		case reply.Error == nil:
			w.streams = append(w.streams, streaming{label, from.id, from.host, to, plaintext})
			return nil
		case reply.Error.Code == testee.Unsupported:
			return &verdict.NotApplicable{Reason: fmt.Sprintf("%s has no streams: %s", from, reply.Error.Text)}
		case reply.Error.Code != testee.Failed:
			return w.unfit(from, "stream: %s", reply.Error)
		case w.net.Now().After(until):
			return &verdict.Blocked{Text: fmt.Sprintf("%s can't stream to %s, even %v after both were to be connected: %s", from, to, connectKeepalive*w.k(), reply.Error)}
		}
		if err := w.pass(500 * time.Millisecond); err != nil {
			return err
		}
	}
}

func (w *World) whenStreams(from, text, to string) error {
	return w.streamNamed(from, to, []string{text}, func(*peer, string) []byte { return []byte(text) })
}

func (w *World) whenStreamsSizes(from, sizes, to string) error {
	return w.streamNamed(from, to, words(sizes), func(p *peer, size string) []byte { return plaintextOf(p, number(size)) })
}

// whenStreamsAtOnce streams messages of one length, which have but their time to
// be told apart by.
func (w *World) whenStreamsAtOnce(from string, count, size int, to string) error {
	var labels []string
	for i := range count {
		labels = append(labels, fmt.Sprintf("%d of %d", i+1, count))
	}
	return w.streamNamed(from, to, labels, func(_ *peer, label string) []byte {
		return bytes.Repeat([]byte(label+" "), size)[:size]
	})
}

func (w *World) streamNamed(from, to string, labels []string, message func(p *peer, label string) []byte) error {
	if err := w.up(); err != nil {
		return err
	}
	source, err := w.either(from)
	if err != nil {
		return err
	}
	destination, err := w.either(to)
	if err != nil {
		return err
	}
	for _, label := range labels {
		if err := w.stream(source, destination, label, message(source, label)); err != nil {
			return err
		}
	}
	return nil
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

// thenReceivesStreams awaits all streams for a peer, and a while for a second
// copy of one.
func (w *World) thenReceivesStreams(name string) error {
	p, err := w.either(name)
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(slices.Clone(w.streams), func(s streaming) bool { return s.to != p })
	if len(mine) == 0 {
		return &verdict.LabFailed{Text: fmt.Sprintf("nobody has streamed to %s", p)}
	}
	looked := 0
	ok, err := w.await(deliveryWithin, func() bool {
		reported := len(p.events(testee.StreamEvent))
		if reported == looked {
			return false // long messages take a while to read
		}
		looked = reported
		return !slices.ContainsFunc(mine, func(s streaming) bool { return arrivals(s) == 0 })
	})
	if err != nil {
		return err
	}
	if ok {
		if err := w.pass(grace); err != nil {
			return err
		}
	}
	for _, s := range mine {
		evidence := frames(ofType(w.receivedBy(p.host), wire.Stream))
		switch n := arrivals(s); {
		case n == 0 && !p.subject && s.fromHost != w.subject.host && w.cameWhole(s):
			return w.companionFailed(p, verdict.Finding{Requirement: "LAT-STRM-002", Frames: evidence,
				Text: fmt.Sprintf("the stream %q of %q came, and was not delivered within %v", s.label, s.fromHost, deliveryWithin)})
		case n == 0:
			return w.violated(evidence, "%s did not deliver the stream %q of %q within %v", p, s.label, s.fromHost, deliveryWithin)
		case n > 1:
			return w.violated(evidence, "%s delivered the stream %q of %q %d times", p, s.label, s.fromHost, n)
		}
	}
	return nil
}

// cameWhole says whether all that a host has streamed to a peer reached that one
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

// thenDeliversStreams says that a peer delivered so many streams, whatever is in
// them.
func (w *World) thenDeliversStreams(name string, count int) error {
	p, err := w.either(name)
	if err != nil {
		return err
	}
	if all := p.events(testee.StreamEvent); len(all) != count {
		return w.violated(frames(ofType(w.receivedBy(p.host), wire.Stream)), "%s delivered %d streams, and not %d", p, len(all), count)
	}
	return nil
}

// streamsOf lists the packets of streams that left the subject as its own.
func (w *World) streamsOf(p *peer) []seen {
	return slices.DeleteFunc(ofType(w.sentBy(p.host), wire.Stream), func(s seen) bool { return !bytes.Equal(s.packet.Usr4, p.id[:]) })
}

func (w *World) thenStreamsNameBoth(to string) error {
	other, err := w.either(to)
	if err != nil {
		return err
	}
	all := w.streamsOf(w.subject)
	if len(all) == 0 {
		return w.violated(nil, "the subject sent no stream that names it in usr4")
	}
	for _, s := range all {
		if !bytes.Equal(s.packet.Usr3, other.id[:]) || s.packet.Hops != 0 {
			return w.violated([]int{s.Seq}, "a stream of the subject names %x in usr3 and has hops %d", s.packet.Usr3, s.packet.Hops)
		}
	}
	return nil
}

// thenStreamTakes judges that a long message is no burst: its packets, of which
// there are so many, take a while to leave.
func (w *World) thenStreamTakes(least int, over int) error {
	all := w.streamsOf(w.subject)
	if len(all) < least {
		return w.violated(frames(all), "the message left the subject as %d packets, and not %d or more", len(all), least)
	}
	if took := all[len(all)-1].At.Sub(all[0].At); took < time.Duration(over)*time.Millisecond {
		return w.violated([]int{all[0].Seq, all[len(all)-1].Seq}, "%d packets left the subject in %v", len(all), took)
	}
	return nil
}

func (w *World) thenHeadsDiffer() error {
	seenIDs := map[string]int{}
	heads := 0
	for _, s := range w.streamsOf(w.subject) {
		if s.packet.Index != 0 {
			continue
		}
		heads++
		if first, there := seenIDs[string(s.packet.PacketID)]; there {
			return w.violated([]int{first, s.Seq}, "the heads of two messages have the packetId %x", s.packet.PacketID)
		}
		seenIDs[string(s.packet.PacketID)] = s.Seq
	}
	if heads < 2 {
		return w.violated(nil, "the subject sent %d heads of split streams, and several messages to split were given to it", heads)
	}
	return nil
}

// aStream makes the packets of a message that an injector streams to a peer.
func (w *World) aStream(in *scripted, to wire.ID, keys seal.Keys, plaintext []byte) ([]wire.Packet, error) {
	w.sealed++
	sealed, err := seal.Seal(newStream(fmt.Sprintf("%d stream %d", w.o.Seed, w.sealed)), keys, plaintext)
	if err != nil {
		return nil, &verdict.LabFailed{Err: err}
	}
	template := wire.NewPacket(wire.Stream)
	template.ClusterID, template.SubclusterID = cluster[:], keys.SubclusterID[:]
	template.Usr3, template.Usr4 = to[:], in.ID[:]
	packets, err := wire.Split(template, sealed, nil, w.net.Now().UnixMilli())
	if err != nil {
		return nil, &verdict.LabFailed{Err: err}
	}
	return packets, nil
}

// whenRelayedStream gives the subject a stream for somebody else.
func (w *World) whenRelayedStream(name, to string, hops, times int) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	id := seal.PeerID("nobody")
	if to != "" {
		other, err := w.scriptedNamed(to)
		if err != nil {
			return err
		}
		id = other.ID
	}
	packets, err := w.aStream(in, id, strangers, fmt.Appendf(nil, "stream %d", len(w.relayed)))
	if err != nil {
		return err
	}
	packets[0].Hops = uint32(hops)
	for range times {
		if err := w.give(in, packets[0]); err != nil {
			return err
		}
		if err := w.pass(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) whenStreamFor(name, to string) error { return w.whenRelayedStream(name, to, 0, 1) }

func (w *World) whenStreamForTwice(name, to string) error { return w.whenRelayedStream(name, to, 0, 2) }

func (w *World) whenStreamForHops(name, to string, hops int) error {
	return w.whenRelayedStream(name, to, hops, 1)
}

func (w *World) whenStreamForNobody(name string) error { return w.whenRelayedStream(name, "", 0, 1) }

// whenStreamBack returns to the subject what it relayed, as a relay does that
// takes the subject for the way to the same peer.
func (w *World) whenStreamBack(name string) error {
	in, r, err := w.lastGiven("stream", name)
	if err != nil {
		return err
	}
	ok, err := w.await(answerWithin, func() bool { return len(w.relaysTo(in, r)) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Stream)), "the subject did not relay the stream to %q", name)
	}
	for range 3 {
		if err := in.Main.Send(w.toSubject(), w.relaysTo(in, r)[0].payload); err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if err := w.pass(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// whenStreamsParts streams a message of 1,500 bytes to the subject, as a head
// and two fragments in an order of their indexes.
func (w *World) whenStreamsParts(name, order string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	return w.sendParts([]*scripted{in}, words(order))
}

// whenStreamTogether has two injectors stream at once: the packets of one
// between those of the other.
func (w *World) whenStreamTogether(one, two string) error {
	a, err := w.acting(one)
	if err != nil {
		return err
	}
	b, err := w.scriptedNamed(two)
	if err != nil {
		return err
	}
	return w.sendParts([]*scripted{a, b}, []string{"0", "1", "2"})
}

func (w *World) sendParts(all []*scripted, order []string) error {
	messages := make([][]wire.Packet, len(all))
	for i, in := range all {
		// Lengths differ: heads that say the same, of one millisecond, are one packet.
		plaintext := []byte(fmt.Sprintf("%s %04d %01500d", in.host, len(w.streams), 0))[:1500+i]
		var err error
		if messages[i], err = w.aStream(in, w.subject.id, w.group, plaintext); err != nil {
			return err
		}
		if slices.Contains(order, "0") && slices.Contains(order, "1") && slices.Contains(order, "2") {
			w.streams = append(w.streams, streaming{fmt.Sprintf("in the order %v", order), in.ID, in.host, w.subject, plaintext})
		}
	}
	for _, index := range order {
		for i, in := range all {
			if err := w.give(in, messages[i][number(index)]); err != nil {
				return err
			}
			if err := w.pass(20 * time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// whenStreamsTo streams a short message of an injector to the subject.
func (w *World) whenStreamsTo(name, text string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	packets, err := w.aStream(in, w.subject.id, w.group, []byte(text))
	if err != nil {
		return err
	}
	w.streams = append(w.streams, streaming{text, in.ID, in.host, w.subject, []byte(text)})
	return w.give(in, packets[0])
}

// whenStreamsFalse streams what is under another packetId than its own.
func (w *World) whenStreamsFalse(name, text string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	packets, err := w.aStream(in, w.subject.id, w.group, []byte(text))
	if err != nil {
		return err
	}
	id := wire.MessageID([]byte("something else"))
	packets[0].PacketID = id[:]
	return w.give(in, packets[0])
}

// whenStreamsNoise streams bytes to the subject that nobody has sealed, and
// heads that are none.
func (w *World) whenStreamsNoise(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	noise := newStream("noise")
	send := func(index int32, message []byte) error {
		p := wire.NewPacket(wire.Stream)
		p.ClusterID, p.SubclusterID, p.Index, p.Message = cluster[:], w.groupID(), index, message
		p.Usr3, p.Usr4 = w.subject.id[:], in.ID[:]
		id := wire.MessageID(message)
		p.PacketID = id[:]
		if err := w.give(in, p); err != nil {
			return err
		}
		return w.pass(hostilePace)
	}
	for _, n := range []int{200, 1, 160, 1024} {
		message := make([]byte, n)
		noise.Read(message)
		if err := send(wire.NoIndex, message); err != nil {
			return err
		}
	}
	for _, body := range []any{map[string]any{"meta": nil, "indexes": 1}, map[string]any{"size": 1 << 40, "indexes": 1}, []int{1}, 7} {
		text, err := json.Marshal(body)
		if err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if err := send(0, text); err != nil {
			return err
		}
	}
	return nil
}
