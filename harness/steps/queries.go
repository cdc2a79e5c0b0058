package steps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// aQuestion is a question of an injector, asked so long ago.
func (w *World) aQuestion(age time.Duration, body injector.Body) wire.Packet {
	w.asked++
	p := injector.Control(wire.Query, body.With("number", w.asked))
	p.Hops = 1
	p.Usr1 = w.milliseconds(-age)
	p.Usr3 = make([]byte, 32)
	newStream(fmt.Sprintf("%d question %d", w.o.Seed, w.asked)).Read(p.Usr3)
	p.Usr4 = []byte("1")
	return p
}

func (w *World) giveQuestion(name string, times int, change func(*wire.Packet)) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	p := w.aQuestion(0, injector.Body{})
	if change != nil {
		change(&p)
	}
	for range times {
		if err := w.give(in, p); err != nil {
			return err
		}
		if err := w.pass(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) whenQuestion(name string) error { return w.giveQuestion(name, 1, nil) }

func (w *World) whenQuestionTwice(name string) error { return w.giveQuestion(name, 2, nil) }

func (w *World) whenQuestionHops(name string, hops int) error {
	return w.giveQuestion(name, 1, func(p *wire.Packet) { p.Hops = uint32(hops) })
}

func (w *World) whenQuestionAged(name string, seconds int) error {
	return w.giveQuestion(name, 1, func(p *wire.Packet) { p.Usr1 = w.milliseconds(-time.Duration(seconds) * time.Second) })
}

// whenQuestionForPublish asks for the publish that an injector gave last.
func (w *World) whenQuestionForPublish(name string) error {
	given, err := w.lastPublish()
	if err != nil {
		return err
	}
	return w.giveQuestion(name, 1, func(p *wire.Packet) {
		p.Message = injector.Body{}.With("packetId", hex.EncodeToString(given.packet.PacketID)).JSON()
	})
}

func (w *World) lastPublish() (injected, error) {
	for i := len(w.relayed) - 1; i >= 0; i-- {
		if w.relayed[i].packet.Type == wire.Publish {
			return w.relayed[i], nil
		}
	}
	return injected{}, &verdict.LabFailed{Text: "no injector gave the subject a publish"}
}

// lastQuestion is the question that an injector gave last.
func (w *World) lastQuestion() (injected, error) {
	for i := len(w.relayed) - 1; i >= 0; i-- {
		if r := w.relayed[i]; r.packet.Type == wire.Query && string(r.packet.Usr4) == "1" {
			return r, nil
		}
	}
	return injected{}, &verdict.LabFailed{Text: "no injector gave the subject a question"}
}

// noObjects are bodies that are JSON, and no objects.
var noObjects = []string{"null", "0", "7", `""`, `"text"`, "false", "[]", "[1,2,300]", "[null]"}

// sendOdd sends copies of a query with bodies that are no objects.
func (w *World) sendOdd(in *scripted, p wire.Packet) error {
	for _, body := range noObjects {
		for _, index := range []int32{wire.NoIndex, 0, 1} {
			p.Message, p.Index = []byte(body), index
			id := wire.MessageID(p.Message)
			p.PacketID = id[:]
			if _, err := in.Send(w.toSubject(), p); err != nil {
				return &verdict.LabFailed{Err: err}
			}
			if err := w.pass(hostilePace); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *World) whenOddQuestions(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	return w.sendOdd(in, w.aQuestion(0, injector.Body{}))
}

func (w *World) whenOddAnswers(name string) error {
	in, question, err := w.relayedQuestion(name)
	if err != nil {
		return err
	}
	return w.sendOdd(in, anAnswer(&question.packet, ""))
}

// anAnswer is an answer to a question: JSON, with the packetId of that.
func anAnswer(question *wire.Packet, text string) wire.Packet {
	p := wire.NewPacket(wire.Query)
	p.Usr3, p.Usr4 = question.Usr3, []byte("2")
	p.Message = injector.Body{}.With("text", text).JSON()
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	return p
}

// whenAnswersThat answers the question that another injector gave the subject,
// and that the subject relayed to this one.
func (w *World) whenAnswersThat(name string) error { return w.answersThat(name, nil) }

func (w *World) whenAnswersThatTwice(name string) error {
	if err := w.answersThat(name, nil); err != nil {
		return err
	}
	last := w.relayed[len(w.relayed)-1]
	if err := w.give(last.in, last.packet); err != nil {
		return err
	}
	return w.pass(50 * time.Millisecond)
}

func (w *World) whenAnswersThatFalsely(name string) error {
	return w.answersThat(name, func(p *wire.Packet) {
		id := wire.MessageID([]byte("something else"))
		p.PacketID = id[:]
	})
}

func (w *World) whenAnswersThatHops(name string, hops int) error {
	return w.answersThat(name, func(p *wire.Packet) { p.Hops = uint32(hops) })
}

func (w *World) answersThat(name string, change func(*wire.Packet)) error {
	in, asked, err := w.relayedQuestion(name)
	if err != nil {
		return err
	}
	w.replied++
	p := anAnswer(&asked.packet, fmt.Sprintf("answer %d", w.replied))
	if change != nil {
		change(&p)
	}
	if err := w.give(in, p); err != nil {
		return err
	}
	return w.pass(50 * time.Millisecond)
}

// relayedQuestion awaits that the question which an injector gave has been
// relayed to another.
func (w *World) relayedQuestion(name string) (*scripted, injected, error) {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return nil, injected{}, err
	}
	question, err := w.lastQuestion()
	if err != nil {
		return nil, injected{}, err
	}
	ok, err := w.await(answerWithin, func() bool { return len(w.relaysTo(in, question)) > 0 })
	if err == nil && !ok {
		err = &verdict.Blocked{Text: fmt.Sprintf("the subject did not relay the question to %q, so it can't be answered", name)}
	}
	return in, question, err
}

// thenQueriesReached says how many questions or answers of the subject have
// reached an injector.
func (w *World) thenQueriesReached(count int, kind, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(ofType(w.reached(in.host), wire.Query), func(s seen) bool { return kindOf(s.packet) != kind })
	if len(all) != count {
		return w.violated(frames(all), "%d packets of the subject of the kind %s reached %q, and not %d", len(all), kind, name, count)
	}
	return nil
}

// thenAnswersWithPublish awaits the publish that an injector gave, as an answer
// to the question that another one asked.
func (w *World) thenAnswersWithPublish(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	question, err := w.lastQuestion()
	if err != nil {
		return err
	}
	publish, err := w.lastPublish()
	if err != nil {
		return err
	}
	answers := func() []seen {
		return slices.DeleteFunc(ofType(w.reached(in.host), wire.Query), func(s seen) bool { return string(s.packet.Usr4) != "2" })
	}
	ok, err := w.await(answerWithin, func() bool { return len(answers()) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Query)), "no answer of the subject reached %q within %v", name, answerWithin)
	}
	a := answers()[0]
	switch {
	case !bytes.Equal(a.packet.Usr3, question.packet.Usr3):
		return w.violated([]int{a.Seq}, "the answer names the question %x in usr3, and not %x", a.packet.Usr3, question.packet.Usr3)
	case !bytes.Equal(a.packet.PacketID, publish.packet.PacketID) || !bytes.Equal(a.packet.Message, publish.packet.Message):
		return w.violated([]int{a.Seq}, "the answer is not the packet that was asked for")
	}
	return nil
}

// thenSyncsAsPublish awaits the publish that an injector gave as it was, in a
// sync with another.
func (w *World) thenSyncsAsPublish(name string) error {
	to, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	given, err := w.lastPublish()
	if err != nil {
		return err
	}
	since := w.lastSyncOf(to)
	after := func() []seen {
		return slices.DeleteFunc(slices.Clone(w.reached(to.host)), func(s seen) bool {
			return !s.At.After(since.At) || s.packet == nil || !bytes.Equal(s.packet.PacketID, given.packet.PacketID)
		})
	}
	ok, err := w.await(answerWithin, func() bool { return len(after()) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(w.syncsTo(to)), "the packet that was asked for did not reach %q when it synced", name)
	}
	s := after()[0]
	if s.packet.Type != wire.Publish || !wire.Unset(s.packet.Usr3) || !wire.Unset(s.packet.Usr4) {
		return w.violated([]int{s.Seq}, "the publish went out by sync as a %s with usr3 %x and usr4 %x", s.packet.Type, s.packet.Usr3, s.packet.Usr4)
	}
	return nil
}

// question has the subject ask a question, as soon as somebody is there to be asked.
func (w *World) question(body injector.Body) error {
	if err := w.up(); err != nil {
		return err
	}
	until := w.net.Now().Add(connectKeepalive * w.k())
	for {
		r, err := w.reply(w.subject, testee.Query, testee.QueryWith{Body: body.JSON()})
		switch {
		case err != nil:
			return err
		case r.Error == nil:
			return nil
		case r.Error.Code == testee.Unsupported:
			return &verdict.NotApplicable{Reason: "the subject asks no questions: " + r.Error.Text}
		case r.Error.Code != testee.Failed:
			return w.unfit(w.subject, "query: %s", r.Error)
		case w.net.Now().After(until):
			return &verdict.Blocked{Text: "the subject can't ask: " + r.Error.Error()}
		}
		if err := w.pass(500 * time.Millisecond); err != nil {
			return err
		}
	}
}

func (w *World) whenSubjectAsks(body string) error {
	if !json.Valid([]byte(body)) {
		return &verdict.LabFailed{Text: "no JSON: " + body}
	}
	return w.question(injector.ParseBody([]byte(body)))
}

// whenSubjectAsksForThat asks for the packet of the message published last.
func (w *World) whenSubjectAsksForThat() error {
	return w.question(injector.Body{}.With("packetId", w.last().ids[0]))
}

// asks lists the questions of the subject that reached an injector, one for each
// queryId. Those of others that it relayed are not among them.
func (w *World) asks(in *scripted) []seen {
	var all []seen
	for _, s := range ofType(w.receivedBy(in.host), wire.Query) {
		new := !slices.ContainsFunc(all, func(o seen) bool { return bytes.Equal(o.packet.Usr3, s.packet.Usr3) })
		others := slices.ContainsFunc(w.relayed, func(r injected) bool { return bytes.Equal(r.packet.Usr3, s.packet.Usr3) })
		if string(s.packet.Usr4) == "1" && new && !others {
			all = append(all, s)
		}
	}
	return all
}

func (w *World) awaitAsks(name string, count int) (*scripted, []seen, error) {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return nil, nil, err
	}
	ok, err := w.await(answerWithin, func() bool { return len(w.asks(in)) >= count })
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Query)), "%d questions of the subject, and not %d, reached %q within %v", len(w.asks(in)), count, name, answerWithin)
	}
	return in, w.asks(in), nil
}

func (w *World) thenQuestionReaches(name string) error {
	_, all, err := w.awaitAsks(name, 1)
	if err != nil {
		return err
	}
	q := all[0]
	switch {
	case q.packet.Hops != 1:
		return w.violated([]int{q.Seq}, "the question has hops %d", q.packet.Hops)
	case !w.hasTime(q.packet.Usr1, 0):
		return w.violated([]int{q.Seq}, "usr1 of the question is %q, and not the time in ASCII milliseconds", q.packet.Usr1)
	case len(q.packet.Usr3) != 32:
		return w.violated([]int{q.Seq}, "usr3 of the question has %d bytes", len(q.packet.Usr3))
	case injector.ParseBody(q.packet.Message) == nil:
		return w.violated([]int{q.Seq}, "the question is no JSON object: %q", q.packet.Message)
	}
	return nil
}

func (w *World) thenQuestionsDiffer(name string) error {
	_, all, err := w.awaitAsks(name, 2)
	if err != nil {
		return err
	}
	if bytes.Equal(all[0].packet.PacketID, all[1].packet.PacketID) {
		return w.violated(frames(all), "two questions have the packetId %x", all[0].packet.PacketID)
	}
	return nil
}

// answering sends the subject an answer to its question, to whoever that came
// from: the subject itself, or a peer that relayed it.
func (w *World) answering(name, text string, make func(question *wire.Packet) []wire.Packet) error {
	in, all, err := w.awaitAsks(name, 1)
	if err != nil {
		return err
	}
	for _, p := range make(all[0].packet) {
		if _, err := in.Send(all[0].from, p); err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if err := w.pass(20 * time.Millisecond); err != nil {
			return err
		}
	}
	w.expected = text
	return nil
}

func (w *World) whenAnswers(name, text string) error {
	return w.answering(name, text, func(q *wire.Packet) []wire.Packet { return []wire.Packet{anAnswer(q, text)} })
}

func (w *World) whenAnswersTwice(name, text string) error {
	return w.answering(name, text, func(q *wire.Packet) []wire.Packet { return []wire.Packet{anAnswer(q, text), anAnswer(q, text)} })
}

// whenAnswersWithUsr1 answers with a usr1 that begins like a small number.
func (w *World) whenAnswersWithUsr1(name, text string) error {
	return w.answering(name, text, func(q *wire.Packet) []wire.Packet {
		a := anAnswer(q, text)
		a.Usr1 = append([]byte("12 "), bytes.Repeat([]byte{0xab}, 29)...)
		return []wire.Packet{a}
	})
}

func (w *World) whenAnswersFalsely(name, text string) error {
	return w.answering(name, text, func(q *wire.Packet) []wire.Packet {
		a := anAnswer(q, text)
		id := wire.MessageID([]byte("something else"))
		a.PacketID = id[:]
		return []wire.Packet{a}
	})
}

// whenAnswersInParts answers with a head and two fragments, in an order.
func (w *World) whenAnswersInParts(name, order string) error {
	text := fmt.Sprintf("%01500d", 7)
	var failed error
	err := w.answering(name, text, func(q *wire.Packet) []wire.Packet {
		whole := anAnswer(q, text)
		template := wire.NewPacket(wire.Publish)
		template.Usr3, template.Usr4 = whole.Usr3, whole.Usr4
		packets, err := wire.Split(template, whole.Message, nil, w.net.Now().UnixMilli())
		if err != nil {
			failed = &verdict.LabFailed{Err: err}
			return nil
		}
		var all []wire.Packet
		for _, index := range words(order) {
			p := packets[number(index)]
			p.Type = wire.Query
			all = append(all, p)
		}
		return all
	})
	if failed != nil {
		return failed
	}
	return err
}

// thenDeliversAnswer awaits the answer that an injector gave last, and a while
// for a second copy of it.
func (w *World) thenDeliversAnswer() error {
	count := func() int {
		n := 0
		for _, e := range eventsOf[testee.AnswerEventBody](w.subject, testee.Answer) {
			body := e.Body
			if body == nil {
				body, _ = hex.DecodeString(e.Message)
			}
			var a struct{ Text string }
			if json.Unmarshal(body, &a) == nil && a.Text == w.expected {
				n++
			}
		}
		return n
	}
	return w.deliversOnce("the answer", count)
}

// thenDeliversThatPacket awaits the packet that the subject asked for, as one
// answer, however many peers give it.
func (w *World) thenDeliversThatPacket() error {
	return w.deliversOnce("the packet that it asked for", func() int {
		n := 0
		for _, e := range eventsOf[testee.AnswerEventBody](w.subject, testee.Answer) {
			if e.PacketID == w.last().ids[0] {
				n++
			}
		}
		return n
	})
}

func (w *World) deliversOnce(what string, count func() int) error {
	ok, err := w.await(deliveryWithin, func() bool { return count() > 0 })
	if err != nil {
		return err
	}
	evidence := func() []int { return frames(ofType(w.receivedBy(w.subject.host), wire.Query)) }
	if !ok {
		return w.violated(evidence(), "the subject did not deliver %s within %v", what, deliveryWithin)
	}
	if err := w.pass(grace); err != nil {
		return err
	}
	if n := count(); n != 1 {
		return w.violated(evidence(), "the subject delivered %s %d times", what, n)
	}
	return nil
}

func (w *World) thenAnswersDelivered(count int) error {
	if all := w.subject.events(testee.Answer); len(all) != count {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Query)), "the subject delivered %d answers, and not %d", len(all), count)
	}
	return nil
}

// whenKnownTo makes an injector a peer that another peer than the subject is
// connected to.
func (w *World) whenKnownTo(name, host string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	p, err := w.named(host)
	if err != nil {
		return err
	}
	if _, err := in.Send(w.toPeer(p), injector.Control(wire.Ping, in.ConnectionPing())); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	for range 2 {
		if ok, err := w.honestPing(in, p); err != nil || !ok {
			return w.unfit(p, "it did not answer %q, so it can't come to know it", name)
		}
	}
	return nil
}
