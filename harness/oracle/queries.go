package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"punchlist/reference/wire"
)

// A heardQuery is a question that came in, by its queryId, and the answers to it.
type heardQuery struct {
	came    []*datagram
	answers []*datagram
	sent    map[wire.ID]time.Time // answers sent back, by packetId
	asked   time.Time             // when the peer asked it itself
	passed  time.Time             // when it was relayed last
}

func (j *judge) queryOf(id wire.ID) *heardQuery {
	if j.queries[id] == nil {
		j.queries[id] = &heardQuery{sent: map[wire.ID]time.Time{}}
	}
	return j.queries[id]
}

func (j *judge) queryCame(d *datagram) {
	id, ok := wire.AsID(d.packet.Usr3)
	if !ok {
		return
	}
	q := j.queryOf(id)
	switch string(d.packet.Usr4) {
	case "1":
		q.came = append(q.came, d)
		j.questionOwed(q, id, d)
	case "2":
		q.answers = append(q.answers, d)
		j.answerOwed(q, id, d)
	}
}

// answerOwed notes that an answer has to be delivered, or sent back to where the question came from
// (LAT-QRY-003, LAT-QRY-008).
func (j *judge) answerOwed(q *heardQuery, id wire.ID, d *datagram) {
	p := d.packet
	pid, ok := p.ID()
	if !ok || p.Index != wire.NoIndex || wire.VerifyID(p) != wire.IDMatch || !j.settled(d) || j.crowded(d.from) || len(q.answers) > surelyAnswers {
		return
	}
	var body map[string]json.RawMessage
	if json.Valid(p.Message) && (json.Unmarshal(p.Message, &body) != nil || body == nil) {
		return // it harms deployed peers (LAT-QRY-011)
	}
	for _, a := range q.answers[:len(q.answers)-1] {
		if bytes.Equal(a.packet.PacketID, p.PacketID) {
			return
		}
	}
	if !q.asked.IsZero() {
		if len(q.came) == 0 && j.now.Sub(q.asked) < min(10*time.Second, j.constants.LeastTime("query.answers-time")-j.react) &&
			len(q.answers) <= j.constants.Least("query.answers") && j.asks <= j.constants.Least("query.open") {
			j.owe("tell/answered", time.Second, []int{d.Seq}, "it did not deliver an answer to its own question that came from "+d.from.String(),
				func() bool { return j.answered[pid] > 0 })
		}
		return
	}
	if len(q.came) != 1 || q.passed.IsZero() || p.Hops >= wire.MaxHops || q.came[0].from == d.from || !q.sent[pid].IsZero() || j.now.Sub(q.came[0].At) > j.constants.LeastTime("query.route-life")-j.react {
		return
	}
	if back := q.came[0].from; j.anybodyVerified(d.from) && j.anybodyVerified(back) {
		j.owe("answer/back", soon, []int{q.came[0].Seq, d.Seq}, "it did not send an answer back to "+back.String()+", from where it had relayed the question",
			func() bool { return !q.sent[pid].IsZero() })
	}
}

// surelyAnswers is how many answers to one question a peer surely handles.
const surelyAnswers = 8

func (j *judge) querySent(d *datagram) {
	id, ok := wire.AsID(d.packet.Usr3)
	switch {
	case !ok:
		j.looked("query/own")
		j.wrong("query/own", []int{d.Seq}, "it sent a query whose usr3 is no queryId")
	case string(d.packet.Usr4) == "2":
		j.answerSent(id, d)
	default:
		j.questionSent(id, d)
	}
}

func (j *judge) questionSent(id wire.ID, d *datagram) {
	p := d.packet
	q := j.queries[id]
	if q == nil || len(q.came) == 0 {
		j.looked("query/own")
		if !j.questions[id] {
			j.questions[id] = true
			j.queryOf(id).asked = j.now
			if len(j.questions) > j.asks {
				j.wrong("query/own", []int{d.Seq}, "it sent a question that did not come in, and for which no command asked")
			}
		}
		switch {
		case p.Hops != 1:
			j.wrong("query/own", []int{d.Seq}, "it sent an own question with hops %d; 1 is right", p.Hops)
		case string(p.Usr4) != "1":
			j.wrong("query/own", []int{d.Seq}, "it sent an own question with usr4 %q; \"1\" is right", p.Usr4)
		case !j.skewed && !near(p.Usr1, d.At, turn+j.react):
			j.wrong("query/own", []int{d.Seq}, "it sent an own question whose usr1 is not the time")
		}
		j.castOnce("query/once", wire.Query, id, d, j.constants.LeastTime("query.route-life"))
		return
	}
	j.looked("query/same")
	from, why, frame := relayed(q.came, d)
	if from == nil {
		j.wrong("query/same", []int{frame, d.Seq}, "it relayed a question %s", why)
		return
	}
	j.castOnce("query/once", wire.Query, id, d, j.constants.LeastTime("query.route-life"))
	q.passed = j.now
	j.aged(from, d)
}

// aged judges that a question is not too old to be handled.
func (j *judge) aged(question, d *datagram) {
	if j.skewed {
		return
	}
	asked, ok := timeIn(question.packet.Usr1)
	if !ok {
		return
	}
	j.looked("query/age")
	if age := question.At.Sub(asked); age > 30*time.Second+time.Second+j.react {
		j.wrong("query/age", []int{question.Seq, d.Seq}, "it handled a question that was asked %v before it came", age.Round(time.Second))
	}
}

// near reports whether a field is a time in ASCII milliseconds that is near another.
func near(field []byte, at time.Time, within time.Duration) bool {
	is, ok := timeIn(field)
	return ok && is.Sub(at).Abs() <= within+time.Second
}

// timeIn is the time that stands in a field in ASCII milliseconds.
func timeIn(field []byte) (time.Time, bool) {
	ms, err := strconv.ParseInt(string(field), 10, 64)
	return time.UnixMilli(ms), err == nil
}

func (j *judge) answerSent(id wire.ID, d *datagram) {
	p := d.packet
	j.looked("answer/cause")
	q := j.queries[id]
	var question *datagram
	if q != nil {
		for _, c := range q.came {
			if c.from == d.to {
				question = c
			}
		}
	}
	if question == nil {
		j.wrong("answer/cause", []int{d.Seq}, "it sent an answer to %v, from where no question with that queryId has come", d.to)
		return
	}
	j.aged(question, d)
	j.looked("answer/late")
	if late := j.now.Sub(question.At); late > j.constants.MostTime("query.route-life")+j.react+j.hold() {
		j.wrong("answer/late", []int{question.Seq, d.Seq}, "it sent an answer back %v after the question, for which it keeps the way back %v at the most", late.Round(time.Second), j.constants.MostTime("query.route-life"))
	}
	pid, _ := p.ID()
	before, again := q.sent[pid]
	q.sent[pid] = j.now
	j.looked("answer/once")
	var from *datagram
	why := ""
	for _, in := range q.answers {
		if !bytes.Equal(in.packet.PacketID, p.PacketID) {
			continue
		}
		switch field := sameHeader(in.packet, p); {
		case field != "":
			why = "with another " + field
		case !bytes.Equal(in.packet.Message, p.Message):
			why = "with another message"
		case p.Hops != in.packet.Hops+1:
			why = fmt.Sprintf("with hops %d, where it came with %d", p.Hops, in.packet.Hops)
		case in.packet.Hops >= wire.MaxHops:
			why = "that came with hops 16 or more"
		default:
			from = in
		}
	}
	if again && j.now.Sub(before) < j.constants.LeastTime("query.route-life")-j.react { // later the same question may have come anew
		j.wrong("answer/once", []int{d.Seq}, "it sent the same answer back a second time")
	}
	switch {
	case from != nil:
		j.looked("answer/same")
		return
	case why != "" && p.Hops > 0:
		j.looked("answer/same")
		j.wrong("answer/same", []int{d.Seq}, "it sent an answer back %s", why)
		return
	}
	j.answerOwn(pid, d)
}

// answerOwn judges an answer that the peer gives itself: hops 0, with the fields of the cached
// packet if it is one.
func (j *judge) answerOwn(pid wire.ID, d *datagram) {
	p := d.packet
	j.looked("answer/packet")
	if p.Hops != 0 {
		j.wrong("answer/packet", []int{d.Seq}, "it answered a question with hops %d; 0 is right", p.Hops)
		return
	}
	h := j.packets[pid]
	if h == nil {
		return
	}
	why := ""
	compare := func(c *wire.Packet) bool {
		as := *c
		as.Type, as.Usr3, as.Usr4 = p.Type, p.Usr3, p.Usr4
		why = sameHeader(&as, p)
		if why == "" && !bytes.Equal(as.Message, p.Message) {
			why = "message"
		}
		return why == ""
	}
	for _, c := range h.came {
		if compare(c.packet) {
			return
		}
	}
	if h.sent != nil && compare(h.sent.packet) {
		return
	}
	if why != "" {
		j.wrong("answer/packet", []int{d.Seq}, "it answered with a cached packet whose %s differs from that of the packet", why)
	}
}
