package oracle

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"time"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// links are the peers that it reported as connected, in the order of the reports.
func (j *judge) links() []*link { return j.linkOrder }

// told judges what the application is told, once everything that it may rest on was seen.
func (j *judge) told(m *testee.Message) {
	switch m.Event {
	case testee.Connection:
		j.toldConnection(m)
	case testee.Disconnection:
		var e testee.ConnectionEvent
		if json.Unmarshal(m.Raw, &e) == nil {
			if id, err := wire.ParseID(e.PeerID); err == nil {
				if l := j.leaving[id]; l != nil {
					j.disconnectionJudged(l)
				}
				delete(j.leaving, id)
			}
		}
	case testee.PacketEvent:
		j.toldPacket(m)
	case testee.StreamEvent:
		j.toldStream(m)
	case testee.Answer:
		j.toldAnswer(m)
	case testee.NAT:
		j.toldNAT(m)
	}
}

func (j *judge) unlink(id wire.ID) {
	l := j.linked[id]
	if l == nil {
		return
	}
	delete(j.linked, id)
	for i, x := range j.linkOrder {
		if x == l {
			j.linkOrder = append(j.linkOrder[:i:i], j.linkOrder[i+1:]...)
			break
		}
	}
}

func (j *judge) toldConnection(m *testee.Message) {
	var e testee.ConnectionEvent
	if json.Unmarshal(m.Raw, &e) != nil {
		return
	}
	id, err := wire.ParseID(e.PeerID)
	if err != nil {
		return
	}
	j.looked("tell/connection")
	if !j.named[id] {
		j.wrong("tell/connection", nil, "it reported a connection to %s, of which nothing has come in", id)
	}
	before := j.linked[id]
	j.unlink(id)
	ip, _ := netip.ParseAddr(e.Address)
	l := &link{id: id, addr: netip.AddrPortFrom(ip, e.Port), natType: e.NATType, since: m.At, proxied: e.Proxy != "" || !ip.IsValid()}
	j.linked[id], j.met[id] = l, true
	j.linkOrder = append(j.linkOrder, l)
	j.connectionJudged(l, m)
	j.movedFrom(before, l)
	if before == nil { // else it is at another address, or no longer behind a proxy
		j.syncFirst(l)
	}
}

func (j *judge) toldPacket(m *testee.Message) {
	var e testee.PacketEventBody
	if json.Unmarshal(m.Raw, &e) != nil {
		return
	}
	id, err := wire.ParseID(e.PacketID)
	if err != nil {
		return
	}
	j.looked("tell/packet")
	sub, _ := wire.ParseID(e.SubclusterID)
	switch h := j.packets[id]; {
	case h == nil || len(h.came) == 0:
		j.wrong("tell/packet", nil, "it delivered the message %s, which did not come in", id)
	case j.said[id]:
		j.wrong("tell/packet", []int{h.came[0].Seq}, "it delivered the message %s a second time", id)
	case j.joined[sub] == nil:
		j.wrong("tell/packet", []int{h.came[0].Seq}, "it delivered a message of the subcluster %s, which its application has not joined", e.SubclusterID)
	case h.came[0].packet.Index > 0:
		j.wrong("tell/packet", []int{h.came[0].Seq}, "it delivered a part of a message under the part's packetId")
	}
	j.said[id] = true
	j.delivered(id, e.Message, e.EventID, e.Verified)
}

func (j *judge) toldStream(m *testee.Message) {
	var e testee.StreamEventBody
	if json.Unmarshal(m.Raw, &e) != nil {
		return
	}
	from, err := wire.ParseID(e.PeerID)
	if err != nil {
		return
	}
	j.looked("tell/stream")
	came := 0
	for key, h := range j.streams {
		if key.to == j.self && key.from == from && h.came[0].packet.Index <= 0 {
			came++
		}
	}
	j.streamed[from]++
	for _, x := range j.expected {
		if key, ok := x.key.(streamKey); ok && key.from == from && !x.told && e.Message != nil && *e.Message == hex.EncodeToString(x.plaintext) {
			j.delivered(key, e.Message, e.EventID, e.Verified)
			break
		}
	}
	switch {
	case came == 0:
		j.wrong("tell/stream", nil, "it delivered a stream of %s, which did not come in", from)
	case j.streamed[from] > came:
		j.wrong("tell/stream", nil, "it delivered %d streams of %s, where %d came in", j.streamed[from], from, came)
	}
}

func (j *judge) toldAnswer(m *testee.Message) {
	var e testee.AnswerEventBody
	if json.Unmarshal(m.Raw, &e) != nil {
		return
	}
	id, err := wire.ParseID(e.PacketID)
	if err != nil {
		return
	}
	j.looked("tell/answer")
	came := 0
	for _, q := range j.queries {
		for _, a := range q.answers {
			if got, ok := a.packet.ID(); ok && got == id {
				came++
				break
			}
		}
	}
	j.answered[id]++
	switch {
	case came == 0:
		j.wrong("tell/answer", nil, "it delivered an answer with the packetId %s, which did not come in", id)
	case j.answered[id] > came:
		j.wrong("tell/answer", nil, "it delivered the answer %s %d times, where it came to %d questions", id, j.answered[id], came)
	}
}

// toldNAT judges that the peer took its address from answers to what it asked (LAT-NAT-007).
func (j *judge) toldNAT(m *testee.Message) {
	var e testee.NATEvent
	if json.Unmarshal(m.Raw, &e) != nil {
		return
	}
	if j.indexed {
		j.looked("ping/indexed")
		if e.NATType != 31 {
			j.wrong("ping/indexed", nil, "it is indexed, and reported the natType %d; 31 is right", e.NATType)
		}
		return
	}
	j.looked("tell/nat")
	j.announceOwed(m.At)
	ip, _ := netip.ParseAddr(e.Address)
	own := netip.AddrPortFrom(ip, e.Port)
	sources := map[netip.AddrPort]bool{}
	for _, r := range j.reflections {
		if m.At.Sub(r.at) < 15*time.Second+j.react {
			if r.named == own {
				sources[r.from] = true
			}
		}
	}
	j.natConcluded(e, own, m.At)
	switch {
	case len(sources) == 0:
		j.wrong("tell/nat", nil, "it took %v for its own address, which no answer to its questions has named", own)
	case !natTypeNamed(e.NATType):
		j.wrong("tell/nat", nil, "it reported the natType %d, which discovery does not lead to", e.NATType)
	case e.NATType != 5 && len(sources) < 2:
		j.wrong("tell/nat", nil, "it reported the natType %d, where only one responder named %v", e.NATType, own)
	}
}

func natTypeNamed(t int) bool { return t == 5 || t == 7 || t == 15 || t == 31 }
