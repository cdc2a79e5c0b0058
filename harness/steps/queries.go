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

// queries is what steps of chapter 11 share.
type queries struct {
	asked    int    // by injectors
	answered int    // by injectors, the queries of others
	expected string // text of the last answer to a query of the subject
}

// aQuery is a query of an injector, asked so long ago.
func (w *World) aQuery(age time.Duration, body injector.Body) wire.Packet {
	w.queries.asked++
	p := injector.Control(wire.Query, body.With("number", w.queries.asked))
	p.Hops = 1
	p.Usr1 = w.milliseconds(-age)
	p.Usr3 = make([]byte, 32)
	newStream(fmt.Sprintf("%d question %d", w.o.Seed, w.queries.asked)).Read(p.Usr3)
	p.Usr4 = []byte("1")
	return p
}

func (w *World) giveQuery(name string, times int, change func(*wire.Packet)) {
	in := w.acting(name)
	p := w.aQuery(0, injector.Body{})
	if change != nil {
		change(&p)
	}
	for range times {
		w.give(in, p)
		w.pass(50 * time.Millisecond)
	}
}

var _ = step("qry/injector-sends-query", `^"([^"]+)" sends the subject (?:a|another) query$`,
	func(w *World, name string) { w.giveQuery(name, 1, nil) })

var _ = step("qry/injector-sends-query-twice", `^"([^"]+)" sends the subject a query twice$`,
	func(w *World, name string) { w.giveQuery(name, 2, nil) })

var _ = step("qry/injector-sends-query-hops", `^"([^"]+)" sends the subject (?:a|another) query with hops (\d+)$`,
	func(w *World, name string, hops int) {
		w.giveQuery(name, 1, func(p *wire.Packet) { p.Hops = uint32(hops) })
	})

var _ = step("qry/injector-sends-query-aged", `^"([^"]+)" sends the subject a query that is (\d+) s old$`,
	(*World).whenQueryAged)

func (w *World) whenQueryAged(name string, seconds int) {
	w.giveQuery(name, 1, func(p *wire.Packet) { p.Usr1 = w.milliseconds(-time.Duration(seconds) * time.Second) })
}

var _ = step("qry/injector-sends-query-for-publish", `^"([^"]+)" sends the subject a query for that publish$`,
	(*World).whenQueryForPublish)

// whenQueryForPublish asks for the publish that an injector gave last.
func (w *World) whenQueryForPublish(name string) {
	given := w.lastPublish()
	w.giveQuery(name, 1, func(p *wire.Packet) {
		p.Message = injector.Body{}.With("packetId", hex.EncodeToString(given.packet.PacketID)).JSON()
	})
}

// lastQuery is the query that an injector gave last.
func (w *World) lastQuery() injected {
	return w.lastGivenOf("query", func(p *wire.Packet) bool { return p.Type == wire.Query && string(p.Usr4) == "1" })
}

// noObjects are bodies that are JSON, and no objects.
var noObjects = []string{"null", "0", "7", `""`, `"text"`, "false", "[]", "[1,2,300]", "[null]"}

// sendOdd sends copies of a query with bodies that are no objects.
func (w *World) sendOdd(in *scripted, p wire.Packet) {
	for _, body := range noObjects {
		for _, index := range []int32{wire.NoIndex, 0, 1} {
			p.Message, p.Index = []byte(body), index
			id := wire.MessageID(p.Message)
			p.PacketID = id[:]
			in.send(w.toSubject(), p)
			w.pass(hostilePace)
		}
	}
}

var _ = step("qry/injector-sends-odd-queries", `^"([^"]+)" sends the subject queries whose bodies are no objects$`,
	(*World).whenOddQueries)

func (w *World) whenOddQueries(name string) {
	in := w.acting(name)
	w.sendOdd(in, w.aQuery(0, injector.Body{}))
}

var _ = step("qry/injector-sends-odd-answers", `^"([^"]+)" answers that query with bodies that are no objects$`,
	(*World).whenOddAnswers)

func (w *World) whenOddAnswers(name string) {
	in, query := w.relayedQuery(name)
	w.sendOdd(in, anAnswer(&query.packet, ""))
}

// anAnswer is an answer to a query: JSON, with the packetId of that.
func anAnswer(query *wire.Packet, text string) wire.Packet {
	p := wire.NewPacket(wire.Query)
	p.Usr3, p.Usr4 = query.Usr3, []byte("2")
	p.Message = injector.Body{}.With("text", text).JSON()
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	return p
}

var _ = step("qry/injector-answers-query", `^"([^"]+)" answers that query$`,
	(*World).whenAnswersThat)

// whenAnswersThat answers the query that another injector gave the subject,
// and that the subject relayed to this one.
func (w *World) whenAnswersThat(name string) { w.answersThat(name, nil) }

var _ = step("qry/injector-answers-query-twice", `^"([^"]+)" answers that query, twice$`,
	(*World).whenAnswersThatTwice)

func (w *World) whenAnswersThatTwice(name string) {
	w.answersThat(name, nil)
	last := w.given[len(w.given)-1]
	w.give(last.in, last.packet)
	w.pass(50 * time.Millisecond)
}

var _ = step("qry/injector-answers-query-false-id", `^"([^"]+)" answers that query under a false packetId$`,
	(*World).whenAnswersThatFalsely)

func (w *World) whenAnswersThatFalsely(name string) {
	w.answersThat(name, func(p *wire.Packet) {
		id := wire.MessageID([]byte("something else"))
		p.PacketID = id[:]
	})
}

var _ = step("qry/injector-answers-query-hops", `^"([^"]+)" answers that query with hops (\d+)$`,
	func(w *World, name string, hops int) {
		w.answersThat(name, func(p *wire.Packet) { p.Hops = uint32(hops) })
	})

func (w *World) answersThat(name string, change func(*wire.Packet)) {
	in, asked := w.relayedQuery(name)
	w.queries.answered++
	p := anAnswer(&asked.packet, fmt.Sprintf("answer %d", w.queries.answered))
	if change != nil {
		change(&p)
	}
	w.give(in, p)
	w.pass(50 * time.Millisecond)
}

// relayedQuery awaits that the query which an injector gave has been
// relayed to another.
func (w *World) relayedQuery(name string) (*scripted, injected) {
	in := w.injector(name)
	query := w.lastQuery()
	if !w.await(replyWithin, func() bool { return len(w.relaysTo(in, query)) > 0 }) {
		blocked("the subject did not relay the query to %q, so it can't be answered", name)
	}
	return in, query
}

var _ = step("qry/queries-reached", `^(\d+) (query|answer)s? of the subject ha(?:s|ve) reached "([^"]+)"$`,
	(*World).thenQueriesReached)

// thenQueriesReached says how many queries or answers of the subject have
// reached an injector.
func (w *World) thenQueriesReached(count int, kind, name string) {
	in := w.injector(name)
	all := slices.DeleteFunc(ofType(w.reached(in.host), wire.Query), func(s seen) bool { return kindOf(s.packet) != kind })
	if len(all) != count {
		w.violated(frames(all), "%d packets of the subject of the kind %s reached %q, and not %d", len(all), kind, name, count)
	}
}

var _ = step("qry/answers-with-publish", `^the subject answers "([^"]+)" with that publish$`,
	(*World).thenAnswersWithPublish)

// thenAnswersWithPublish awaits the publish that an injector gave, as an answer
// to the query that another one asked.
func (w *World) thenAnswersWithPublish(name string) {
	in := w.injector(name)
	query := w.lastQuery()
	publish := w.lastPublish()
	answers := func() []seen {
		return slices.DeleteFunc(ofType(w.reached(in.host), wire.Query), func(s seen) bool { return string(s.packet.Usr4) != "2" })
	}
	if !w.await(replyWithin, func() bool { return len(answers()) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Query)), "no answer of the subject reached %q within %v", name, replyWithin)
	}
	a := answers()[0]
	switch {
	case !bytes.Equal(a.packet.Usr3, query.packet.Usr3):
		w.violated([]int{a.Seq}, "the answer names the query %x in usr3, and not %x", a.packet.Usr3, query.packet.Usr3)
	case !bytes.Equal(a.packet.PacketID, publish.packet.PacketID) || !bytes.Equal(a.packet.Message, publish.packet.Message):
		w.violated([]int{a.Seq}, "the answer is not the packet that was asked for")
	}
}

var _ = step("qry/syncs-as-publish", `^by sync the subject sends "([^"]+)" that publish as it was$`,
	(*World).thenSyncsAsPublish)

// thenSyncsAsPublish awaits the publish that an injector gave as it was, in a
// sync with another.
func (w *World) thenSyncsAsPublish(name string) {
	to := w.injector(name)
	given := w.lastPublish()
	since := w.lastSyncOf(to)
	after := func() []seen {
		return slices.DeleteFunc(slices.Clone(w.reached(to.host)), func(s seen) bool {
			return !s.At.After(since.At) || s.packet == nil || !bytes.Equal(s.packet.PacketID, given.packet.PacketID)
		})
	}
	if !w.await(replyWithin, func() bool { return len(after()) > 0 }) {
		w.violated(frames(w.syncsTo(to)), "the packet that was asked for did not reach %q when it synced", name)
	}
	s := after()[0]
	if s.packet.Type != wire.Publish || !wire.Unset(s.packet.Usr3) || !wire.Unset(s.packet.Usr4) {
		w.violated([]int{s.Seq}, "the publish went out by sync as a %s with usr3 %x and usr4 %x", s.packet.Type, s.packet.Usr3, s.packet.Usr4)
	}
}

// query has the subject send a query, as soon as somebody is there to take it.
func (w *World) query(body injector.Body) {
	w.up()
	until := w.net.Now().Add(connectKeepalive * w.k())
	for {
		r := w.reply(w.subject, testee.Query, testee.QueryWith{Body: body.JSON()})
		switch {
		case r.Error == nil:
			return
		case r.Error.Code == testee.Unsupported:
			fail(&verdict.NotApplicable{Reason: "the subject sends no queries: " + r.Error.Text})
		case r.Error.Code != testee.Failed:
			w.unfit(w.subject, "query: %s", r.Error)
		case w.net.Now().After(until):
			blocked("the subject can't ask: %s", r.Error.Error())
		}
		w.pass(500 * time.Millisecond)
	}
}

var _ = step("qry/subject-queries", `^the subject asks (\{.*\})$`,
	(*World).whenSubjectQueries)

func (w *World) whenSubjectQueries(body string) {
	if !json.Valid([]byte(body)) {
		misused("no JSON: %s", body)
	}
	w.query(injector.ParseBody([]byte(body)))
}

var _ = step("qry/subject-queries-for-message", `^the subject asks for that message$`,
	(*World).whenSubjectQueriesThat)

// whenSubjectQueriesThat asks for the packet of the message published last.
func (w *World) whenSubjectQueriesThat() {
	w.query(injector.Body{}.With("packetId", w.last().ids[0]))
}

// queriesTo lists the queries of the subject that reached an injector, one for each
// queryId. Those of others that it relayed are not among them.
func (w *World) queriesTo(in *scripted) []seen {
	var all []seen
	for _, s := range ofType(w.receivedBy(in.host), wire.Query) {
		new := !slices.ContainsFunc(all, func(o seen) bool { return bytes.Equal(o.packet.Usr3, s.packet.Usr3) })
		others := slices.ContainsFunc(w.given, func(r injected) bool { return bytes.Equal(r.packet.Usr3, s.packet.Usr3) })
		if string(s.packet.Usr4) == "1" && new && !others {
			all = append(all, s)
		}
	}
	return all
}

func (w *World) awaitQueries(name string, count int) (*scripted, []seen) {
	in := w.injector(name)
	if !w.await(replyWithin, func() bool { return len(w.queriesTo(in)) >= count }) {
		w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Query)), "%d queries of the subject, and not %d, reached %q within %v", len(w.queriesTo(in)), count, name, replyWithin)
	}
	return in, w.queriesTo(in)
}

var _ = step("qry/query-reaches", `^a query from the subject reaches "([^"]+)" with hops 1, a time in usr1 and 32 bytes in usr3$`,
	(*World).thenQueryReaches)

func (w *World) thenQueryReaches(name string) {
	_, all := w.awaitQueries(name, 1)
	q := all[0]
	switch {
	case q.packet.Hops != 1:
		w.violated([]int{q.Seq}, "the query has hops %d", q.packet.Hops)
	case !w.hasTime(q.packet.Usr1, 0):
		w.violated([]int{q.Seq}, "usr1 of the query is %q, and not the time in ASCII milliseconds", q.packet.Usr1)
	case len(q.packet.Usr3) != 32:
		w.violated([]int{q.Seq}, "usr3 of the query has %d bytes", len(q.packet.Usr3))
	case injector.ParseBody(q.packet.Message) == nil:
		w.violated([]int{q.Seq}, "the query is no JSON object: %q", q.packet.Message)
	}
}

var _ = step("qry/query-ids-differ", `^two queries from the subject reach "([^"]+)" with different packetIds$`,
	(*World).thenQueriesDiffer)

func (w *World) thenQueriesDiffer(name string) {
	_, all := w.awaitQueries(name, 2)
	if bytes.Equal(all[0].packet.PacketID, all[1].packet.PacketID) {
		w.violated(frames(all), "two queries have the packetId %x", all[0].packet.PacketID)
	}
}

// answerSubject sends the subject an answer to its query, to whoever that came
// from: the subject itself, or a peer that relayed it.
func (w *World) answerSubject(name, text string, make func(query *wire.Packet) []wire.Packet) {
	in, all := w.awaitQueries(name, 1)
	for _, p := range make(all[0].packet) {
		in.send(all[0].from, p)
		w.pass(20 * time.Millisecond)
	}
	w.queries.expected = text
}

var _ = step("qry/injector-answers-subject", `^"([^"]+)" answers the subject's query with "([^"]+)"$`,
	func(w *World, name, text string) {
		w.answerSubject(name, text, func(q *wire.Packet) []wire.Packet { return []wire.Packet{anAnswer(q, text)} })
	})

var _ = step("qry/injector-answers-subject-twice", `^"([^"]+)" answers the subject's query with "([^"]+)", twice$`,
	(*World).whenAnswersTwice)

func (w *World) whenAnswersTwice(name, text string) {
	w.answerSubject(name, text, func(q *wire.Packet) []wire.Packet { return []wire.Packet{anAnswer(q, text), anAnswer(q, text)} })
}

var _ = step("qry/injector-answers-subject-numeric-usr1", `^"([^"]+)" answers the subject's query with "([^"]+)" and a usr1 that begins like a number$`,
	(*World).whenAnswersWithUsr1)

// whenAnswersWithUsr1 answers with a usr1 that begins like a small number.
func (w *World) whenAnswersWithUsr1(name, text string) {
	w.answerSubject(name, text, func(q *wire.Packet) []wire.Packet {
		a := anAnswer(q, text)
		a.Usr1 = append([]byte("12 "), bytes.Repeat([]byte{0xab}, 29)...)
		return []wire.Packet{a}
	})
}

var _ = step("qry/injector-answers-subject-false-id", `^"([^"]+)" answers the subject's query with "([^"]+)" under a false packetId$`,
	(*World).whenAnswersFalsely)

func (w *World) whenAnswersFalsely(name, text string) {
	w.answerSubject(name, text, func(q *wire.Packet) []wire.Packet {
		a := anAnswer(q, text)
		id := wire.MessageID([]byte("something else"))
		a.PacketID = id[:]
		return []wire.Packet{a}
	})
}

var _ = step("qry/injector-answers-subject-in-packets", `^"([^"]+)" answers the subject's query in packets in the order ([\d ]+)$`,
	(*World).whenAnswersInParts)

// whenAnswersInParts answers with a head and two fragments, in an order.
func (w *World) whenAnswersInParts(name, order string) {
	text := fmt.Sprintf("%01500d", 7)
	w.answerSubject(name, text, func(q *wire.Packet) []wire.Packet {
		whole := anAnswer(q, text)
		template := wire.NewPacket(wire.Publish)
		template.Usr3, template.Usr4 = whole.Usr3, whole.Usr4
		packets := mustGet(wire.Split(template, whole.Message, nil, w.net.Now().UnixMilli()))
		var all []wire.Packet
		for _, index := range words(order) {
			p := packets[number(index)]
			p.Type = wire.Query
			all = append(all, p)
		}
		return all
	})
}

var _ = step("qry/delivers-answer-once", `^the subject delivers the answer once$`,
	(*World).thenDeliversAnswer)

// thenDeliversAnswer awaits the answer that an injector gave last, and a while
// for a second copy of it.
func (w *World) thenDeliversAnswer() {
	count := func() int {
		n := 0
		for _, e := range eventsOf[testee.AnswerEventBody](w.subject, testee.Answer) {
			body := e.Body
			if body == nil {
				body, _ = hex.DecodeString(e.Message)
			}
			var a struct{ Text string }
			if json.Unmarshal(body, &a) == nil && a.Text == w.queries.expected {
				n++
			}
		}
		return n
	}
	w.deliversOnce("the answer", count)
}

var _ = step("qry/delivers-packet-once", `^the subject delivers the packet that it asked for once$`,
	(*World).thenDeliversThatPacket)

// thenDeliversThatPacket awaits the packet that the subject asked for, as one
// answer, however many peers give it.
func (w *World) thenDeliversThatPacket() {
	w.deliversOnce("the packet that it asked for", func() int {
		n := 0
		for _, e := range eventsOf[testee.AnswerEventBody](w.subject, testee.Answer) {
			if e.PacketID == w.last().ids[0] {
				n++
			}
		}
		return n
	})
}

func (w *World) deliversOnce(what string, count func() int) {
	ok := w.await(deliveryWithin, func() bool { return count() > 0 })
	evidence := func() []int { return frames(ofType(w.receivedBy(w.subject.host), wire.Query)) }
	if !ok {
		w.violated(evidence(), "the subject did not deliver %s within %v", what, deliveryWithin)
	}
	w.pass(grace)
	if n := count(); n != 1 {
		w.violated(evidence(), "the subject delivered %s %d times", what, n)
	}
}

var _ = step("qry/answers-delivered", `^the subject has delivered (\d+) answers?$`,
	(*World).thenAnswersDelivered)

func (w *World) thenAnswersDelivered(count int) {
	if all := w.subject.events(testee.Answer); len(all) != count {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Query)), "the subject delivered %d answers, and not %d", len(all), count)
	}
}
