package oracle

import (
	"encoding/hex"
	"net/netip"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// An expected is a message that the application has to be told of.
type expected struct {
	*datagram
	key       any // wire.ID of a publish, streamKey of a stream
	plaintext []byte
	owed      time.Time
	told      bool
}

// opens gives the plaintext of a packet that carries a whole message for a joined subcluster.
func (j *judge) opens(p *wire.Packet) (plaintext []byte, ok bool) {
	m := j.memberFor(p)
	if p.Index != wire.NoIndex || m == nil {
		return nil, false
	}
	plaintext, err := seal.Open(m.keys, p.Message)
	return plaintext, err == nil
}

// memberFor is the membership by which a packet has to be opened; nil: there is none.
func (j *judge) memberFor(p *wire.Packet) *membership {
	sub, is := wire.AsID(p.SubclusterID)
	m := j.joined[sub]
	if !is || m == nil || m.unsure || !m.left.IsZero() || m.keys.SubclusterID != sub || j.indexed {
		return nil
	}
	return m
}

// due notes that a message which came in has to be delivered (LAT-REPL-003, LAT-STRM-002).
func (j *judge) due(d *datagram, key any) {
	if !j.active() || j.restored || j.crowded(d.from) {
		return
	}
	if j.expectedKeys[key] {
		return
	}
	plaintext, ok := j.opens(d.packet)
	if !ok {
		return
	}
	j.expect(d, key, plaintext)
}

// expect notes that the application has to be told of a message soon.
func (j *judge) expect(d *datagram, key any, plaintext []byte) {
	j.expectedKeys[key] = true
	j.expected = append(j.expected, &expected{datagram: d, key: key, plaintext: plaintext, owed: j.now.Add(j.react + time.Second)})
}

// counts counts something of a source that counts against what is done for it in a minute.
func (j *judge) counts(a netip.AddrPort) {
	x := j.address(a)
	if j.now.Sub(x.minute) > time.Minute {
		x.before, x.inMinute, x.minute = x.inMinute, 0, j.now
	}
	x.inMinute++
}

// crowded reports whether a source sends so much that not all of it has to be handled.
func (j *judge) crowded(a netip.AddrPort) bool {
	x := j.address(a)
	return x.inMinute+x.before > min(300, j.constants.Least("budget.per-source"), j.constants.Least("query.per-source"), j.constants.Least("stream.per-source"))
}

// deliveriesOwed judges the messages that should have been delivered by now.
func (j *judge) deliveriesOwed() {
	kept := j.expected[:0]
	for _, e := range j.expected {
		if !j.now.After(e.owed) {
			kept = append(kept, e)
			continue
		}
		rule := "tell/owed"
		if _, stream := e.key.(streamKey); stream {
			rule = "tell/streamed"
		}
		j.looked(rule)
		if !e.told {
			j.wrong(rule, []int{e.Seq}, "it did not deliver a %s that came from %v and opens with the key of a joined subcluster", e.packet.Type, e.from)
		}
	}
	j.expected = kept
}

// delivered judges what of a message the application is told.
func (j *judge) delivered(key any, message *string, usr1 string, verified bool) {
	for _, e := range j.expected {
		if e.key != key {
			continue
		}
		e.told = true
		p := e.packet
		want := ""
		if !wire.Unset(p.Usr1) {
			want = hex.EncodeToString(p.Usr1)
		}
		signed := seal.Verify(p.Usr2, e.plaintext, p.Sig)
		j.looked("tell/content")
		switch {
		case message == nil || *message != hex.EncodeToString(e.plaintext):
			j.wrong("tell/content", []int{e.Seq}, "it delivered a %s with another content than it opens to", p.Type)
		case usr1 != want:
			j.wrong("tell/content", []int{e.Seq}, "it delivered a %s with the event %q, where its usr1 is %q", p.Type, usr1, want)
		case verified != signed:
			j.wrong("tell/content", []int{e.Seq}, "it delivered a %s as verified %v, where its signature says %v", p.Type, verified, signed)
		}
		return
	}
}

// sharedKeyOf is the key of a join command.
func sharedKeyOf(with testee.JoinWith) (keys seal.Keys, ok bool) {
	raw := unhex(with.SharedKey)
	if len(raw) != 32 {
		return seal.Keys{}, false
	}
	return seal.NewKeys([32]byte(raw)), true
}
