package oracle

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"punchlist/reference/wire"
)

// A streamKey tells the packets of streams apart (section 10.3).
type streamKey struct{ id, to, from wire.ID }

// A heardStream is the copies of one that came in.
type heardStream struct {
	came   []*datagram
	passed time.Time
}

func keyOf(p *wire.Packet) (streamKey, bool) {
	id, ok := p.ID()
	to, ok2 := wire.AsID(p.Usr3)
	from, ok3 := wire.AsID(p.Usr4)
	return streamKey{id, to, from}, ok && ok2 && ok3
}

func (j *judge) streamCame(d *datagram) {
	key, ok := keyOf(d.packet)
	if !ok {
		return
	}
	j.named[key.from] = true
	if j.streams[key] == nil {
		j.streams[key] = &heardStream{}
	}
	j.streams[key].came = append(j.streams[key].came, d)
	if key.to != j.self {
		j.streamOwed(j.streams[key], key, d)
	}
	if part, ok := splitKeyOf(d.packet); ok && key.to == j.self && key.from != j.self && j.trusted(d) {
		j.partCame(d, part)
	}
	if key.to == j.self && key.from != j.self && wire.VerifyID(d.packet) == wire.IDMatch && d.to.Port() == j.main && j.trusted(d) {
		j.due(d, key)
	}
}

func (j *judge) streamSent(d *datagram) {
	p := d.packet
	key, ok := keyOf(p)
	if !ok || key.from == j.self {
		j.looked("stream/own")
		switch {
		case !ok:
			j.wrong("stream/own", []int{d.Seq}, "it sent a stream whose usr3, usr4 or packetId is no id")
		case p.Hops != 0:
			j.wrong("stream/own", []int{d.Seq}, "it sent an own stream with hops %d; 0 is right", p.Hops)
		case j.streamsTo[key.to] == 0:
			j.wrong("stream/own", []int{d.Seq}, "it sent an own stream to %s, to which its application does not stream", key.to)
		}
		return
	}
	j.looked("stream/same")
	h := j.streams[key]
	if h == nil {
		j.wrong("stream/same", []int{d.Seq}, "it sent a stream of %s for %s, which did not come in", key.from, key.to)
		return
	}
	from, why, frame := relayed(h.came, d)
	if from == nil {
		j.wrong("stream/same", []int{frame, d.Seq}, "it relayed a stream %s", why)
		return
	}
	j.looked("stream/once")
	if !h.passed.IsZero() && j.now.Sub(h.passed) < j.constants.LeastTime("stream.gate")-j.react {
		j.wrong("stream/once", []int{from.Seq, d.Seq}, "it relayed the same packet of a stream a second time, %v after the first", j.now.Sub(h.passed))
	}
	h.passed = j.now
	j.looked("stream/verified")
	if !j.trusted(from) {
		j.wrong("stream/verified", []int{from.Seq, d.Seq}, "it relayed a stream from %v, from where no echo has come", from.from)
	}
}

// trusted reports whether the source of a datagram may be verified or plausible.
func (j *judge) trusted(d *datagram) bool {
	return j.isBootstrap(d.from) || len(j.address(d.from).echoed) > 0 || !j.ip(d.from.Addr()).introduced.IsZero() || j.restored
}

// relayed finds, among datagrams that came in, the one whose relayed copy was sent. Where there is
// none, why says what differs from the first of them, and frame is its number.
func relayed(came []*datagram, d *datagram) (from *datagram, why string, frame int) {
	frame = -1
	for _, in := range slices.Backward(came) {
		switch field := sameHeader(in.packet, d.packet); {
		case field != "":
			why = "with another " + field
		case d.packet.Hops != in.packet.Hops+1:
			why = fmt.Sprintf("with hops %d, where it came with %d", d.packet.Hops, in.packet.Hops)
		case in.packet.Hops >= wire.MaxHops:
			why = "that came with hops 16 or more"
		case in.packet.TTL != d.packet.TTL:
			why = "with another ttl"
		case !bytes.Equal(in.packet.Message, d.packet.Message):
			why = "with another message"
		case in.from == d.to:
			why = "to where it came from"
		default:
			return in, "", in.Seq
		}
		frame = in.Seq
	}
	return nil, why, frame
}
