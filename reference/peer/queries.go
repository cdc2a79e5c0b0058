// Questions and answers: sections 11.1 to 11.3 (spec/11-queries.md).

package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"punchlist/reference/wire"
)

// A query is a packet of type 8: a question, which is multicast and relayed until somebody knows an
// answer, or an answer, which goes back the way that the question came.
var (
	isQuestion = []byte("1") // usr4
	isAnswer   = []byte("2")
)

// querying is what a peer keeps of queries.
type querying struct {
	asked    table[wire.ID, asked]       // own questions
	routes   table[wire.ID, route]       // where those of others came from
	answered table[messageKey, struct{}] // answers to them that were sent back, by queryId and packetId
}

type asked struct {
	body  []byte
	until time.Time
	given []wire.ID // answers that were delivered
}

type route struct {
	back  netip.AddrPort
	until time.Time
}

// routeOf is where the question of another came from, nil where it is not known any more.
func (p *Peer) routeOf(queryID wire.ID) *route {
	if r := p.queries.routes.get(queryID); r != nil && p.now.Before(r.until) {
		return r
	}
	return nil
}

func newQuerying(l Limits) querying {
	return querying{
		asked:    newTable[wire.ID, asked](l.Questions),
		routes:   newTable[wire.ID, route](l.Routes),
		answered: newTable[messageKey, struct{}](l.Delivered),
	}
}

// Errors of Query and Answer.
var (
	ErrNobody     = errors.New("peer: nobody is connected who could be asked")
	ErrNoQuestion = errors.New("peer: no such question waits for an answer")
	ErrNoObject   = errors.New("peer: the body is no JSON object")
)

// Query asks the network a question, a JSON object: {"packetId": "<64 hex digits>"} is answered by
// every peer that has the packet in its cache, anything else by applications. For one K the answers
// to it are delivered, each once (LAT-QRY-003), with the id that Query returns.
func (p *Peer) Query(now time.Time, body []byte) (wire.ID, error) {
	p.begin(now)
	if p.life.closing {
		return wire.ID{}, ErrClosed
	}
	text, err := queryBody(body)
	if err != nil {
		return wire.ID{}, err
	}
	if len(p.choose(p.liveExcept(), nil)) == 0 {
		return wire.ID{}, ErrNobody
	}
	p.forgetOldQuestions()
	if p.queries.asked.len() >= p.limits.Questions || p.budgets.tasks.len() >= p.limits.Tasks {
		return wire.ID{}, fmt.Errorf("%w: %d questions are open", ErrBusy, p.queries.asked.len())
	}
	var id wire.ID
	p.secret(id[:])
	a, _ := p.queries.asked.put(id)
	*a = asked{body: text, until: p.now.Add(p.ks(p.choices.AnswersTaken))}
	p.addTask(task{kind: ownQuestion, id: id})
	p.pollQueues()
	return id, nil
}

// queryBody is a JSON object as the body of a query: compact, and in ASCII, since deployed peers
// cut other text short.
func queryBody(body []byte) ([]byte, error) {
	if !isObject(body) {
		return nil, ErrNoObject
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoObject, err)
	}
	text := wire.ASCII(compact.Bytes())
	if len(text) > wire.MaxMessage {
		return nil, fmt.Errorf("%w: the body has %d bytes, at most %d", ErrTooLong, len(text), wire.MaxMessage)
	}
	return text, nil
}

func isObject(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{' && json.Valid(body)
}

func (p *Peer) forgetOldQuestions() {
	p.queries.asked.each(func(id wire.ID, a *asked) bool {
		if p.now.Before(a.until) {
			return false // the others are younger
		}
		p.queries.asked.delete(id)
		return true
	})
}

// sendQuestion multicasts an own question (LAT-QRY-001).
func (p *Peer) sendQuestion(id wire.ID) {
	a := p.queries.asked.get(id)
	if a == nil {
		return
	}
	question := wire.NewPacket(wire.Query)
	question.Hops = 1
	question.Usr1, question.Usr3, question.Usr4 = strconv.AppendInt(nil, p.now.UnixMilli(), 10), id[:], isQuestion
	// The packetId, by which deployed peers tell questions apart, hashes no other field that
	// differs (LAT-QRY-002).
	question.NextID = id[:]
	question.Message = a.body
	if datagram, ok := p.encode(&question); ok {
		for _, r := range p.choose(p.liveExcept(), nil) {
			p.transmitTo(r, datagram)
		}
	}
}

// handleQuery handles a question or an answer, unless it would end deployed peers.
func (p *Peer) handleQuery(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	queryID, ok := wire.AsID(pk.Usr3)
	switch {
	case !ok:
	case bytes.Equal(pk.Usr4, isQuestion):
		p.handleQuestion(pk, queryID, from, datagram, held)
	case bytes.Equal(pk.Usr4, isAnswer):
		p.handleAnswer(pk, queryID, from, datagram, held)
	}
}

// handleQuestion answers a question from the cache, or else asks the application and relays it
// (LAT-QRY-006), once by its queryId.
func (p *Peer) handleQuestion(pk *wire.Packet, queryID wire.ID, from netip.AddrPort, datagram []byte, held bool) {
	if pk.Index != wire.NoIndex || p.queries.asked.get(queryID) != nil || !isObject(pk.Message) {
		return
	}
	if at, err := strconv.ParseInt(string(pk.Usr1), 10, 64); err == nil && at < p.now.Add(-questionAge).UnixMilli() {
		return
	}
	if p.routeOf(queryID) != nil || !p.admit(from, datagram, held) || !p.countQuestion(from) { // LAT-QRY-013
		return
	}
	r, _ := p.queries.routes.put(queryID)
	*r = route{back: from, until: p.now.Add(p.ks(p.choices.WayBack))}
	if p.answerFromCache(pk, queryID, from) {
		return
	}
	id, _ := pk.ID()
	p.emit(Event{Kind: Question, QueryID: queryID, PacketID: id, Message: slices.Clone(pk.Message), Hops: pk.Hops})
	if pk.Hops < wire.MaxHops { // LAT-QRY-007
		p.relay(pk, datagram, p.choose(p.liveExcept(from), pk.ClusterID))
	}
}

// answerFromCache sends back a packet that the question names and the cache holds, as an answer
// (LAT-QRY-004). The cached packet stays what it is (LAT-QRY-005): a deployed peer makes an answer
// of it for good.
func (p *Peer) answerFromCache(pk *wire.Packet, queryID wire.ID, to netip.AddrPort) bool {
	var body map[string]json.RawMessage
	var named string
	if json.Unmarshal(pk.Message, &body) != nil || json.Unmarshal(body["packetId"], &named) != nil {
		return false
	}
	id, err := wire.ParseID(named)
	if err != nil {
		return false
	}
	e, cached := p.cache.Get(id)
	var answer wire.Packet
	if !cached || !wire.Decode(&answer, e.Datagram).OK() {
		return false
	}
	answer.Type, answer.Hops, answer.Usr3, answer.Usr4 = wire.Query, 0, queryID[:], isAnswer
	if !harmless(&answer) {
		return false
	}
	p.queries.answered.put(messageKey{queryID, id})
	p.sendTo(to, &answer)
	return true
}

// Answer answers a question that the event Question told of, with a JSON object. It has to fit into
// one packet: deployed peers can't read an answer of several.
func (p *Peer) Answer(now time.Time, queryID wire.ID, body []byte) error {
	p.begin(now)
	if p.life.closing {
		return ErrClosed
	}
	text, err := queryBody(body)
	if err != nil {
		return err
	}
	r := p.routeOf(queryID)
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNoQuestion, queryID)
	}
	id := wire.MessageID(text)
	answer := wire.NewPacket(wire.Query)
	answer.PacketID, answer.Usr3, answer.Usr4, answer.Message = id[:], queryID[:], isAnswer, text
	p.queries.answered.put(messageKey{queryID, id})
	p.sendTo(r.back, &answer)
	return nil
}

// handleAnswer delivers an answer to an own question, and sends one to a question of somebody else
// back to where that came from (LAT-QRY-008). Deployed peers multicast it, unless they answer
// questions themselves: then it ends with them.
//
// An answer has no age: the usr1 of a cached publish is the hash of its event, which a deployed
// peer reads as a time where it begins with a digit (LAT-QRY-010).
func (p *Peer) handleAnswer(pk *wire.Packet, queryID wire.ID, from netip.AddrPort, datagram []byte, held bool) {
	id, ok := pk.ID()
	if !ok || wire.VerifyID(pk) == wire.IDMismatch || !harmless(pk) { // LAT-QRY-015, LAT-QRY-011
		return
	}
	if a := p.queries.asked.get(queryID); a != nil {
		if p.now.Before(a.until) {
			p.deliverAnswer(pk, queryID, id, from)
		}
		return
	}
	r := p.routeOf(queryID)
	if r == nil || r.back == from || pk.Hops >= wire.MaxHops || !p.admit(from, datagram, held) || !p.countRelayed(from) { // LAT-QRY-014
		return
	}
	if _, added := p.queries.answered.put(messageKey{queryID, id}); added {
		p.transmit(p.socketTo(r.back), r.back, p.copied(pk, datagram, pk.Hops+1))
	}
}

// deliverAnswer delivers an answer to an own question when it is whole.
func (p *Peer) deliverAnswer(pk *wire.Packet, queryID, id wire.ID, from netip.AddrPort) {
	whole, message := pk, pk.Message
	if pk.Index >= 0 { // LAT-QRY-012
		part := asPublish(pk)
		if pk.Index > 0 {
			var ok bool
			if id, ok = wire.AsID(pk.PreviousID); !ok {
				return
			}
		}
		key := messageKey{queryID, id}
		if whole, message = p.assemble(key, &part, p.trusts(from)); whole == nil {
			return
		}
		defer p.forgetAssembly(key)
	}
	a := p.queries.asked.get(queryID)
	if slices.Contains(a.given, id) || len(a.given) >= p.choices.Answers {
		return
	}
	a.given = append(a.given, id)
	event := eventOf(Answer, id, whole, pk.Hops)
	event.QueryID, event.Message = queryID, slices.Clone(message)
	p.emit(event)
}

// asPublish is an answer as the publish that it may be a copy of, with its body parsed where it is
// a head.
func asPublish(pk *wire.Packet) (publish wire.Packet) {
	as := *pk
	as.Type = wire.Publish
	if datagram, err := wire.Append(nil, &as); err == nil {
		wire.Decode(&publish, datagram)
	}
	return publish
}

// harmless reports whether an answer can be sent to deployed peers: they parse whatever is JSON,
// and come to their end over what is neither an object nor bytes, or is a part of a message, or a
// head without its keys (LAT-QRY-011).
func harmless(pk *wire.Packet) bool {
	if pk.Index == 0 {
		head := asPublish(pk)
		return sound(&head)
	}
	return !json.Valid(pk.Message) || pk.Index < 0 && isObject(pk.Message)
}
