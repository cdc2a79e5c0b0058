package peer_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

func (h *host) ask(body string) wire.ID {
	h.net.t.Helper()
	id, err := h.peer.Query(h.net.Now, []byte(body))
	require.NoError(h.net.t, err)
	h.drain()
	return id
}

func (h *host) answers(query wire.ID) (list []peer.Event) {
	for _, e := range h.events {
		if e.Kind == peer.Answer && e.QueryID == query {
			list = append(list, e)
		}
	}
	return list
}

func (h *host) questions() (list []peer.Event) {
	for _, e := range h.events {
		if e.Kind == peer.Question {
			list = append(list, e)
		}
	}
	return list
}

// questionPacket asks as a deployed peer does.
func (h *host) questionPacket(body string, edit func(p *wire.Packet)) *wire.Packet {
	p := wire.NewPacket(wire.Query)
	p.Hops = 1
	p.Usr1 = strconv.AppendInt(nil, h.net.Now.UnixMilli(), 10)
	p.Usr3, p.Usr4 = bytes.Repeat([]byte{'a'}, 32), []byte("1")
	p.Message = []byte(body)
	if edit != nil {
		edit(&p)
	}
	return &p
}

func answerPacket(query []byte, body string, edit func(p *wire.Packet)) *wire.Packet {
	p := wire.NewPacket(wire.Query)
	p.Usr3, p.Usr4 = query, []byte("2")
	p.Message = []byte(body)
	if edit != nil {
		edit(&p)
	}
	if p.PacketID == nil {
		sum := wire.MessageID(p.Message)
		p.PacketID = sum[:]
	}
	return &p
}

// LAT-QRY-001, LAT-QRY-003, LAT-QRY-008: an application answers, at the other end of the network;
// the answer comes back the way that the question went.
func TestAsking(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.EndpointRestricted, list)
	b := n.leaf("bob", nattype.EndpointRestricted, list) // not to be reached directly
	n.run(4 * time.Second)
	query := a.ask(`{ "about": "Zürich 😀" }`)
	n.run(time.Second)
	require.Empty(t, a.questions())
	heard := b.questions()
	require.Len(t, heard, 1, "although three peers relay it")
	require.Equal(t, query, heard[0].QueryID)
	require.Equal(t, `{"about":"Z\u00fcrich \ud83d\ude00"}`, string(heard[0].Message))
	start := len(n.log)
	require.NoError(t, b.peer.Answer(n.Now, query, []byte(`{"it":"rains"}`)))
	b.drain()
	n.run(time.Second)
	got := a.answers(query)
	require.Len(t, got, 1)
	require.Equal(t, `{"it":"rains"}`, string(got[0].Message))
	require.Equal(t, wire.MessageID([]byte(`{"it":"rains"}`)), got[0].PacketID)
	sent := 0
	for _, d := range n.log[start:] {
		if p := d.packet(); p.Type == wire.Query {
			require.Equal(t, []byte("2"), p.Usr4)
			sent++
		}
	}
	require.Equal(t, 2, sent, "to the peer that relayed the question, and to alice")
	n.run(2 * k)
	require.ErrorIs(t, b.peer.Answer(n.Now, query, []byte(`{}`)), peer.ErrNoQuestion)
	require.Zero(t, a.count(peer.Error, nil)+b.count(peer.Error, nil))
}

// LAT-QRY-004: bytes that no key of the asker opens.
func TestAskingForAPacket(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.PortRestricted, list)
	b := n.leaf("bob", nattype.PortRestricted, list)
	n.run(4 * time.Second)
	ids := b.publish("the message")
	n.run(time.Second)
	query := a.ask(`{"packetId":"` + ids[0].String() + `"}`)
	n.run(time.Second)
	got := a.answers(query)
	require.Len(t, got, 1, "of three that came")
	require.Equal(t, ids[0], got[0].PacketID)
	require.Equal(t, wire.ID(subKeys.SubclusterID), got[0].SubclusterID)
	event := seal.EventID("hello")
	require.Equal(t, event[:], got[0].EventID)
	plaintext, err := seal.Open(subKeys, got[0].Message)
	require.NoError(t, err)
	require.Equal(t, "the message", string(plaintext))
}

func TestAskingIsRefused(t *testing.T) {
	n, s, ends := lab(t, "carol")
	_, err := s.peer.Query(n.Now, []byte(`{}`))
	require.ErrorIs(t, err, peer.ErrNobody)
	ends[0].meet(s)
	for _, body := range []string{``, `null`, `7`, `"text"`, `[{}]`, `{`, `{} {}`, `{"a":}`} {
		_, err := s.peer.Query(n.Now, []byte(body))
		require.ErrorIs(t, err, peer.ErrNoObject, body)
		require.ErrorIs(t, s.peer.Answer(n.Now, wire.ID{1}, []byte(body)), peer.ErrNoObject, body)
	}
	_, err = s.peer.Query(n.Now, []byte(`{"a":"`+strings.Repeat("ü", 200)+`"}`))
	require.ErrorIs(t, err, peer.ErrTooLong)
	for range 64 {
		s.ask(`{}`)
	}
	_, err = s.peer.Query(n.Now, []byte(`{}`))
	require.ErrorIs(t, err, peer.ErrBusy)
	require.NoError(t, peer.CheckBounds(s.peer))
	n.run(k)
	s.ask(`{}`)
	require.ErrorIs(t, s.peer.Answer(n.Now, wire.ID{1}, []byte(`{}`)), peer.ErrNoQuestion)
	s.peer.Stop(n.Now)
	_, err = s.peer.Query(n.Now, []byte(`{}`))
	require.ErrorIs(t, err, peer.ErrClosed)
	require.ErrorIs(t, s.peer.Answer(n.Now, wire.ID{1}, []byte(`{}`)), peer.ErrClosed)
}

// LAT-QRY-006, LAT-QRY-007, LAT-QRY-009, LAT-QRY-011.
func TestRelayingQuestions(t *testing.T) {
	ms := func(d time.Duration) func(p *wire.Packet) {
		return func(p *wire.Packet) { p.Usr1 = strconv.AppendInt(nil, epoch.Add(d).UnixMilli(), 10) }
	}
	for _, c := range []struct {
		name string
		body string
		edit func(p *wire.Packet)
		hops uint32 // relayed with; 0: not
	}{
		{"an object", `{"a":1}`, nil, 2},
		{"spaces around", " {} ", nil, 2},
		{"15 hops", `{}`, func(p *wire.Packet) { p.Hops = 15 }, 16},
		{"16 hops", `{}`, func(p *wire.Packet) { p.Hops = 16 }, 0},
		{"most hops", `{}`, func(p *wire.Packet) { p.Hops = 1<<32 - 1 }, 0},
		{"null", `null`, nil, 0},
		{"a number", `7`, nil, 0},
		{"a list", `[{}]`, nil, 0},
		{"no JSON", `hello`, nil, 0},
		{"nothing", ``, func(p *wire.Packet) { p.Message = []byte{} }, 0},
		{"a head", `{"meta":{},"ts":1,"size":5,"indexes":1}`, func(p *wire.Packet) { p.Index = 0 }, 0},
		{"a fragment", `{}`, func(p *wire.Packet) { p.Index = 1 }, 0},
		{"no queryId", `{}`, func(p *wire.Packet) { p.Usr3 = nil }, 0},
		{"neither question nor answer", `{}`, func(p *wire.Packet) { p.Usr4 = []byte("3") }, 0},
		{"20 s old", `{}`, ms(-20 * time.Second), 2},
		{"a minute old", `{}`, ms(-time.Minute), 0},
		{"by a clock ahead", `{}`, ms(time.Hour), 2},
		{"of no time", `{}`, func(p *wire.Packet) { p.Usr1 = []byte("yesterday") }, 2},
		{"for an unknown packet", `{"packetId":"` + strings.Repeat("05", 32) + `"}`, nil, 2},
		{"for a number", `{"packetId":5}`, nil, 2},
		{"for no packetId", `{"packetId":"05"}`, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "bob", "carol")
			bob, carol := ends[0], ends[1]
			bob.meet(s)
			carol.meet(s)
			p := carol.questionPacket(c.body, c.edit)
			carol.sendPacket(peer.Main, s.at(peer.Main), p)
			carol.sendPacket(peer.Main, s.at(peer.Main), p)
			bob.sendPacket(peer.Main, s.at(peer.Main), p) // it has come to bob another way
			n.run(100 * time.Millisecond)
			got := bob.gotType(wire.Query)
			require.Empty(t, carol.gotType(wire.Query))
			if c.hops == 0 {
				require.Empty(t, got)
				require.Equal(t, strings.HasSuffix(c.name, "most hops") || c.name == "16 hops", len(s.questions()) == 1)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, c.hops, got[0].Hops)
			require.Equal(t, p.Message, got[0].Message)
			require.Len(t, s.questions(), 1)
		})
	}
}

// Two questions of one body have one packetId if deployed peers ask them.
func TestEqualQuestionsOfTwoPeers(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol", "dave")
	for _, h := range ends {
		h.meet(s)
	}
	for i, h := range ends[1:] {
		h.sendPacket(peer.Main, s.at(peer.Main), h.questionPacket(`{}`, func(p *wire.Packet) { p.Usr3 = bytes.Repeat([]byte{byte(i)}, 32) }))
	}
	n.run(100 * time.Millisecond)
	require.Len(t, ends[0].gotType(wire.Query), 2)
}

// LAT-QRY-005, and what can't be answered with: a last fragment that is JSON ends deployed peers.
func TestAnsweringFromTheCache(t *testing.T) {
	n, s, ends := lab(t, "carol", "bob")
	carol, bob := ends[0], ends[1]
	carol.meet(s)
	bob.meet(s)
	head := publishPacket(`{"meta":{},"ts":1,"size":1025,"indexes":2}`, func(p *wire.Packet) { p.Index = 0 })
	last := publishPacket("7", func(p *wire.Packet) { p.Index, p.PreviousID = 2, head.PacketID })
	whole := publishPacket("some bytes", func(p *wire.Packet) { p.Usr1, p.Hops = bytes.Repeat([]byte{'1'}, 32), 9 })
	for i, p := range []*wire.Packet{whole, head, last} {
		carol.sendPacket(peer.Main, s.at(peer.Main), p)
		n.run(50 * time.Millisecond)
		before := ids(s)
		cached, _ := s.peer.Cache().Get(wire.ID(p.PacketID))
		datagram := bytes.Clone(cached.Datagram)
		question := carol.questionPacket(`{"packetId":"`+hex.EncodeToString(p.PacketID)+`"}`, func(q *wire.Packet) { q.Usr3 = bytes.Repeat([]byte{byte(i)}, 32) })
		carol.sendPacket(peer.Main, s.at(peer.Main), question)
		carol.sendPacket(peer.Main, s.at(peer.Main), question)
		n.run(50 * time.Millisecond)
		got := carol.gotType(wire.Query)
		if p == last {
			require.Len(t, got, 2)
			require.Len(t, bob.gotType(wire.Query), 1, "others may know it")
		} else {
			require.Len(t, got, i+1)
			require.Empty(t, bob.gotType(wire.Query))
			a := got[i]
			require.Equal(t, question.Usr3, a.Usr3)
			require.Equal(t, []byte("2"), a.Usr4)
			require.Equal(t, p.PacketID, a.PacketID)
			require.Equal(t, p.Message, a.Message)
			require.Equal(t, p.Index, a.Index)
			require.Zero(t, a.Hops)
		}
		cached, _ = s.peer.Cache().Get(wire.ID(p.PacketID))
		require.Equal(t, datagram, cached.Datagram)
		require.Equal(t, before, ids(s))
	}
}

// LAT-QRY-007, LAT-QRY-008, LAT-QRY-011, LAT-QRY-014 to LAT-QRY-016.
func TestSendingAnswersBack(t *testing.T) {
	query := bytes.Repeat([]byte{'a'}, 32)
	head := func(p *wire.Packet) { p.Index = 0 }
	for _, c := range []struct {
		name string
		body string
		edit func(p *wire.Packet)
		hops uint32 // sent back with; 0: not
	}{
		{"an object", `{"a":1}`, nil, 1},
		{"bytes", "no JSON", nil, 1},
		{"a usr1 that deployed peers take for the year 1970", `{}`, func(p *wire.Packet) { p.Usr1 = []byte("12 \xab") }, 1},
		{"relayed by a deployed peer", `{}`, func(p *wire.Packet) { p.Hops = 3 }, 4},
		{"16 hops", `{}`, func(p *wire.Packet) { p.Hops = 16 }, 0},
		{"another question's", `{}`, func(p *wire.Packet) { p.Usr3 = bytes.Repeat([]byte{'b'}, 32) }, 0},
		{"a false id", `{}`, func(p *wire.Packet) { p.PacketID = query }, 0},
		{"null", `null`, nil, 0},
		{"a text", `""`, nil, 0},
		{"a list", `[1]`, nil, 0},
		{"a head", `{"meta":{},"ts":1,"size":5,"indexes":1}`, head, 1},
		{"a head without its keys", `{"indexes":-1}`, head, 0},
		{"a fragment", "bytes", func(p *wire.Packet) { p.Index = 2 }, 1},
		{"a fragment that is JSON", `{}`, func(p *wire.Packet) { p.Index = 2 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, s, ends := lab(t, "bob", "carol", "dave")
			bob, carol, dave := ends[0], ends[1], ends[2]
			for _, h := range ends {
				h.meet(s)
			}
			carol.sendPacket(peer.Main, s.at(peer.Main), carol.questionPacket(`{}`, nil))
			n.run(50 * time.Millisecond)
			p := answerPacket(query, c.body, c.edit)
			bob.sendPacket(peer.Main, s.at(peer.Main), p)
			dave.sendPacket(peer.Main, s.at(peer.Main), p)
			carol.sendPacket(peer.Main, s.at(peer.Main), p) // it has come back another way
			n.run(50 * time.Millisecond)
			got := carol.gotType(wire.Query)
			require.Len(t, bob.gotType(wire.Query), 1, "the question")
			require.Len(t, dave.gotType(wire.Query), 1)
			require.Zero(t, s.count(peer.Answer, nil))
			if c.hops == 0 {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, c.hops, got[0].Hops)
			require.Equal(t, p.Message, got[0].Message)
			require.Equal(t, p.PacketID, got[0].PacketID)
			n.run(k)
			bob.meet(s)
			bob.sendPacket(peer.Main, s.at(peer.Main), answerPacket(query, `{"late":true}`, nil))
			n.run(50 * time.Millisecond)
			require.Len(t, carol.gotType(wire.Query), 1)
		})
	}
}

// LAT-QRY-012, LAT-QRY-015.
func TestAnswersToAnOwnQuestion(t *testing.T) {
	n, s, ends := lab(t, "carol")
	carol := ends[0]
	carol.meet(s)
	query := s.ask(`{}`)
	n.run(50 * time.Millisecond)
	send := func(p *wire.Packet) {
		carol.sendPacket(peer.Main, s.at(peer.Main), p)
		carol.sendPacket(peer.Main, s.at(peer.Main), p)
	}
	send(answerPacket(query[:], `{}`, func(p *wire.Packet) { p.PacketID = query[:] }))
	send(answerPacket(query[:], `null`, nil))
	send(carol.questionPacket(`{}`, func(p *wire.Packet) { p.Usr3 = query[:] })) // the own question
	n.run(50 * time.Millisecond)
	require.Empty(t, s.answers(query))
	require.Empty(t, s.questions())
	whole := answerPacket(query[:], words(3000), nil)
	template := wire.NewPacket(wire.Publish)
	template.Usr3, template.Usr4 = whole.Usr3, whole.Usr4
	packets, err := wire.Split(template, whole.Message, nil, 1)
	require.NoError(t, err)
	for _, i := range []int{2, 0, 3, 1} {
		packets[i].Type = wire.Query
		send(&packets[i])
	}
	send(answerPacket(query[:], "bytes", nil))
	n.run(50 * time.Millisecond)
	got := s.answers(query)
	require.Len(t, got, 2)
	require.Equal(t, words(3000), string(got[0].Message))
	require.Equal(t, wire.ID(packets[0].PacketID), got[0].PacketID)
	require.Equal(t, "bytes", string(got[1].Message))
	for i := range 200 {
		send(answerPacket(query[:], fmt.Sprint("x", i), nil))
	}
	n.run(50 * time.Millisecond)
	require.Len(t, s.answers(query), 64, "whoever knows the question can answer it")
	require.NoError(t, peer.CheckBounds(s.peer))
	n.run(k)
	second := s.ask(`{}`)
	send(answerPacket(query[:], "late", nil))
	n.run(50 * time.Millisecond)
	require.Len(t, s.answers(query), 64)
	require.Empty(t, s.answers(second))
}

// LAT-QRY-013, LAT-SEC-001: a stranger's question waits until it has answered.
func TestAStrangersQuestionIsHeld(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	bob, carol := ends[0], ends[1]
	bob.meet(s)
	publish := publishPacket(words(1000), nil)
	bob.sendPacket(peer.Main, s.at(peer.Main), publish)
	carol.mute = true
	body := `{"packetId":"` + hex.EncodeToString(publish.PacketID) + `"}`
	ask := func(body string, salt byte) {
		carol.sendPacket(peer.Main, s.at(peer.Main), carol.questionPacket(body, func(p *wire.Packet) { p.Usr3 = bytes.Repeat([]byte{salt}, 32) }))
	}
	ask(body, 1)
	ask(`{}`, 2)
	n.run(4 * time.Second)
	require.Empty(t, carol.gotType(wire.Query))
	require.Empty(t, bob.gotType(wire.Query))
	carol.mute = false
	ask(body, 3)
	ask(`{}`, 4)
	n.run(time.Second)
	require.Len(t, carol.gotType(wire.Query), 1)
	require.Len(t, bob.gotType(wire.Query), 1)
}

// One source can't have questions relayed without end, nor use up what is kept of them.
func TestQuestionsAreCounted(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true, Limits: peer.Limits{QueryLimits: peer.QueryLimits{QuestionsPerMinute: 50, Routes: 20}}})
	bob, carol := n.host("bob"), n.host("carol")
	bob.meet(s)
	carol.meet(s)
	for i := range 100 {
		carol.sendPacket(peer.Main, s.at(peer.Main), carol.questionPacket(`{}`, func(p *wire.Packet) { p.Usr3 = bytes.Repeat([]byte{byte(i)}, 32) }))
	}
	n.run(time.Second)
	require.Len(t, bob.gotType(wire.Query), 50)
	require.Equal(t, 20, sizeOf(t, s.peer, "routes"))
	require.NoError(t, peer.CheckBounds(s.peer))
}
