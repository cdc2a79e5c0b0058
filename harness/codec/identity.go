package codec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

func identity(b *book) {
	packetIDs(b)
	splitting(b)
	composing(b)
}

func packetIDs(b *book) {
	body := toHex([]byte(`{"requesterPeerId":"` + requester + `"}`))
	previous, next := toHex(bytesOf("previousId", 32)), toHex(bytesOf("nextId", 32))
	for _, c := range []struct{ name, title, previous, next, message string }{
		{"unset", "previousId and nextId are unset", "00", "00", body},
		{"previous", "previousId is set", previous, "00", body},
		{"next", "nextId is set", "00", next, body},
		{"both", "both are set", previous, next, body},
		{"empty", "both have length zero", "", "", body},
		{"no-message", "the message is unset", "00", "00", "00"},
		{"bytes", "the message is that of a sync", "00", "00", "00da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	} {
		with := testee.CodecWith{Rule: testee.RuleControl, PreviousID: c.previous, Message: c.message, NextID: c.next}
		b.takes("id/control-"+c.name, "LAT-ID-001", c.title, testee.PacketID, with)
	}
	for _, n := range []int{0, 1, 1023, 1024} {
		b.takes(fmt.Sprintf("id/message-of-%d", n), "LAT-ID-002", fmt.Sprintf("a message of %d bytes", n),
			testee.PacketID, testee.CodecWith{Rule: testee.RuleMessage, Message: toHex(bytesOf("message", n))})
	}
	head := `{"meta":{},"ts":1700000000000,"size":1025,"indexes":2}`
	before := b.takes("id/head", "LAT-ID-003", "the body of a head", testee.PacketID, testee.CodecWith{Rule: testee.RuleMessage, Message: toHex([]byte(head))}).PacketID
	for i, n := range []int{1024, 1} {
		id := fmt.Sprintf("id/fragment-%d", i+1)
		before = b.takes(id, "LAT-ID-003", fmt.Sprintf("fragment %d, of %d bytes", i+1, n),
			testee.PacketID, testee.CodecWith{Rule: testee.RuleFragment, PreviousID: before, Message: toHex(bytesOf("fragment", n))}).PacketID
	}
}

// template is what all packets of a message repeat.
func template(t wire.Type, message []byte) testee.Packet {
	p := testee.Packet{
		Type: int(t), Version: 6, Clock: 7, Index: -1, TTL: 3_600_000, ClusterID: toHex(bytesOf("clusterId", 32)), SubclusterID: toHex(bytesOf("subclusterId", 32)),
		PreviousID: "00", PacketID: "00", NextID: "00", Usr1: toHex(bytesOf("usr1", 32)), Usr2: toHex(bytesOf("usr2", 32)), Usr3: "00", Usr4: "00",
		Message: toHex(message), Sig: toHex(bytesOf("sig", 64)),
	}
	if t == wire.Stream {
		p.Usr3, p.Usr4 = toHex(bytesOf("to", 32)), toHex(bytesOf("from", 32))
	}
	return p
}

const splitAt = 1_700_000_000_000

func splitting(b *book) {
	for _, n := range []int{160, 1024, 1025, 2048, 2049, 5000} {
		p := template(wire.Publish, bytesOf("sealed", n))
		id := fmt.Sprintf("id/split-%d", n)
		made := b.takes(id, "LAT-ID-004", fmt.Sprintf("a publish of %d bytes", n), testee.Split, testee.CodecWith{Packet: &p, TS: splitAt}).Datagrams
		want := 1
		if n > 1024 {
			want = 1 + (n+1023)/1024
		}
		b.want(id, len(made) == want, "%d packets, not %d", len(made), want)
	}
	following := template(wire.Publish, bytesOf("sealed", 1500))
	following.PreviousID, following.NextID, following.Index = toHex(bytesOf("previousId", 32)), toHex(bytesOf("nextId", 32)), 5
	b.takes("id/split-reads-no-links", "LAT-ID-004", "previousId, nextId and index of what is given are not read", testee.Split, testee.CodecWith{Packet: &following, TS: splitAt})
	p := template(wire.Stream, bytesOf("sealed stream", 1500))
	b.takes("id/split-stream", "LAT-ID-004", "a stream of 1,500 bytes", testee.Split, testee.CodecWith{Packet: &p, TS: splitAt})
}

// parts are the datagrams of a publish of so many bytes.
func parts(text string, n int) (message []byte, datagrams []string) {
	message = bytesOf(text, n)
	p := wire.NewPacket(wire.Publish)
	p.ClusterID, p.SubclusterID = bytesOf("clusterId", 32), bytesOf("subclusterId", 32)
	packets, err := wire.Split(p, message, nil, splitAt)
	if err != nil {
		panic(err) // what is split here is short enough
	}
	for _, packet := range packets {
		datagrams = append(datagrams, toHex(encoded(packet)))
	}
	return message, datagrams
}

// edited is a datagram after some changes to its packet.
func edited(datagram string, change func(*wire.Packet)) string {
	raw, err := hex.DecodeString(datagram)
	if err != nil {
		panic(err) // it was made here
	}
	var p wire.Packet
	if fault := wire.Decode(&p, raw); !fault.OK() {
		panic(fault)
	}
	p = p.Clone()
	change(&p)
	return toHex(encoded(p))
}

// packetIDOf is that of a datagram.
func packetIDOf(datagram string) (id wire.ID) {
	edited(datagram, func(p *wire.Packet) { id = wire.ID(p.PacketID) })
	return id
}

// forgedChain are fragments in place of all those behind the head, whose ids
// continue from it, and each of which names the next one.
func forgedChain(all []string) []string {
	before := packetIDOf(all[0])
	chain := make([]string, len(all)-1)
	ids := make([]wire.ID, len(chain)+1)
	for i := range chain {
		edited(all[i+1], func(p *wire.Packet) {
			before = wire.FragmentID(before, bytesOf(fmt.Sprintf("forged %d", i), len(p.Message)))
		})
		ids[i] = before
	}
	for i := range chain {
		chain[i] = edited(all[i+1], func(p *wire.Packet) {
			p.Message = bytesOf(fmt.Sprintf("forged %d", i), len(p.Message))
			p.PacketID, p.NextID = bytes.Clone(ids[i][:]), nil
			if i+1 < len(chain) {
				p.NextID = bytes.Clone(ids[i+1][:])
			}
		})
	}
	return chain
}

func composing(b *book) {
	message, all := parts("composed", 2500) // a head and three fragments
	composes := func(id, requirement, title string, datagrams ...string) {
		made := b.takes(id, requirement, title, testee.Compose, testee.CodecWith{Datagrams: datagrams}).Message
		b.want(id, made != nil && *made == toHex(message), "it is another message")
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {1, 2, 3, 0}, {0, 3, 1, 2}} {
		var arrived []string
		name := ""
		for _, i := range order {
			arrived = append(arrived, all[i])
			name += fmt.Sprint(i)
		}
		composes("id/compose-order-"+name, "LAT-ID-005", "arrived in the order "+name, arrived...)
	}
	composes("id/compose-twice", "LAT-ID-005", "each packet arrived twice", slices.Concat(all, all)...)
	_, others := parts("another message", 2100)
	composes("id/compose-among-others", "LAT-ID-005", "fragments of another message are among them", slices.Concat(others[1:], all)...)

	missing := vectors.Rejection{Reason: "fragments are missing"}
	for i := 1; i < len(all); i++ {
		b.refuses(fmt.Sprintf("id/compose-without-%d", i), "LAT-ID-005", fmt.Sprintf("fragment %d is missing", i),
			testee.Compose, testee.CodecWith{Datagrams: slices.Delete(slices.Clone(all), i, i+1)}, missing)
	}
	b.refuses("id/compose-without-head", "LAT-ID-005", "the head is missing", testee.Compose, testee.CodecWith{Datagrams: all[1:]},
		vectors.Rejection{Reason: "nothing is the head of a message"})

	foreign := edited(all[2], func(p *wire.Packet) { p.PacketID = bytesOf("no id of its", 32) })
	b.refuses("id/compose-wrong-id", "LAT-ID-005", "the packetId of fragment 2 isn't that of its content", testee.Compose,
		testee.CodecWith{Datagrams: []string{all[0], all[1], foreign, all[3]}}, missing)

	// What follows a head without being a part of it.
	follows := edited(all[0], func(p *wire.Packet) {
		p.PreviousID, p.Index, p.NextID = bytes.Clone(p.PacketID), -1, nil
		p.Message, p.Body = bytesOf("a message that follows", 200), wire.Body{}
		id := wire.MessageID(p.Message)
		p.PacketID = id[:]
	})
	composes("id/compose-follower", "LAT-ID-008", "a whole message that follows the head is among them", slices.Concat([]string{follows}, all)...)

	// A fragment that anybody can make who has seen the head: its id continues
	// the chain, and only nextId tells which one the author made.
	forged := edited(all[1], func(p *wire.Packet) {
		p.Message = bytesOf("forged", 1024)
		id := wire.FragmentID(wire.ID(p.PreviousID), p.Message)
		p.PacketID = id[:]
	})
	composes("id/compose-forged", "LAT-ID-007", "a forged fragment 1 arrived before the true one", slices.Concat([]string{forged}, all)...)

	// A whole chain of forged fragments, each named by the one before it.
	chain := forgedChain(all)
	composes("id/compose-forged-chain", "LAT-ID-007", "a whole forged chain arrived before the true one, which alone the head names", slices.Concat(chain, all)...)

	// What belongs to another message, although its id continues the chain.
	for _, c := range []struct {
		name, title string
		change      func(*wire.Packet)
	}{
		{"other-type", "is of another type", func(p *wire.Packet) { p.Type = wire.Stream }},
		{"other-cluster", "is of another cluster", func(p *wire.Packet) { p.ClusterID = bytesOf("another cluster", 32) }},
		{"other-subcluster", "is of another subcluster", func(p *wire.Packet) { p.SubclusterID = bytesOf("another subcluster", 32) }},
		{"other-head", "names another head", func(p *wire.Packet) { p.PreviousID = bytesOf("another head", 32) }},
	} {
		strange := edited(all[2], c.change)
		b.refuses("id/compose-"+c.name, "LAT-ID-005", "fragment 2 "+c.title, testee.Compose, testee.CodecWith{Datagrams: []string{all[0], all[1], strange, all[3]}}, missing)
	}
	short := edited(all[2], func(p *wire.Packet) {
		p.Message = p.Message[:1000]
		id := wire.FragmentID(packetIDOf(all[1]), p.Message)
		p.PacketID = id[:]
	})
	b.refuses("id/compose-short-slice", "LAT-ID-005", "fragment 2 is shorter than its slice", testee.Compose, testee.CodecWith{Datagrams: []string{all[0], all[1], short, all[3]}}, missing)

	rehead := func(body string, keep bool) string {
		return edited(all[0], func(p *wire.Packet) {
			p.Message, p.Body = []byte(body), wire.Body{}
			if id := wire.MessageID(p.Message); !keep {
				p.PacketID = id[:]
			}
		})
	}
	heads := func(id, title, head, reason string) {
		b.refuses("id/compose-"+id, "LAT-ID-005", title, testee.Compose, testee.CodecWith{Datagrams: append([]string{head}, all[1:]...)}, vectors.Rejection{Reason: reason})
	}
	heads("wrong-head-id", "the packetId of the head isn't that of its message", rehead(`{"meta":{},"ts":1700000000001,"size":2500,"indexes":3}`, true), "not that of the head's message")
	heads("size-too-small", "two fragments would do for the size", rehead(`{"meta":{},"ts":1700000000000,"size":2048,"indexes":3}`, false), "don't hold size 2048")
	heads("size-too-large", "three fragments don't hold the size", rehead(`{"meta":{},"ts":1700000000000,"size":3073,"indexes":3}`, false), "don't hold size 3073")
	heads("no-fragments", "the head says that it has no fragments", rehead(`{"meta":{},"ts":1700000000000,"size":0,"indexes":0}`, false), "indexes is 1 to 6603")
	heads("too-many-fragments", "the head says that it has 6,604", rehead(`{"meta":{},"ts":1700000000000,"size":6762496,"indexes":6604}`, false), "indexes is 1 to 6603")
	composes("id/compose-deployed-head", "LAT-ID-005", "the head was composed by a deployed peer, which adds ts to its meta",
		append([]string{rehead(`{"meta":{"ts":1700000000000},"ts":1700000000000,"size":2500,"indexes":3}`, true)}, all[1:]...)...)
	composes("id/compose-two-heads", "LAT-ID-005", "the head of a message of which nothing else came is before them", slices.Concat(others[:1], all)...)
	composes("id/compose-among-refused", "LAT-ID-005", "what is no packet, and a packet of version 7, are among them",
		slices.Concat([]string{"00", all[0][:10] + "0007" + all[0][14:]}, all)...)
	b.refuses("id/compose-whole", "LAT-ID-005", "a packet that isn't split", testee.Compose, testee.CodecWith{Datagrams: []string{follows}},
		vectors.Rejection{Reason: "nothing is the head of a message"})
}
