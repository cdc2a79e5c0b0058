// Sending, receiving and relaying streams: sections 10.1 to 10.3 (spec/10-streams.md).

package peer

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// Streaming is a message for one peer.
type Streaming struct {
	PeerID     wire.ID // whom it is for
	Subcluster [32]byte
	Event      string // usr1 is its SHA-256; "": unset
	Message    []byte
	SigningKey ed25519.PrivateKey // usr2 and sig are made with it; nil: unset
}

// streaming is what a peer keeps of streams: its own that wait for their turn, those of others that
// it has relayed, and those for it that are not whole yet.
type streaming struct {
	outgoing     queue[outgoing]
	turn         bool                        // it is that of own streams, not of syncs
	nextAt       time.Time                   // when the next of them may go
	relayed      table[streamKey, time.Time] // until when the same is not relayed again
	streamsGiven table[messageKey, struct{}] // that were delivered
	assembling   table[messageKey, assembly]
	assembled    int // bytes in assembling
}

// outgoing is a packet of the peer's own that goes to one peer.
type outgoing struct {
	to       wire.ID
	datagram []byte
}

// streamKey is what tells packets of streams apart. Neither a packetId alone does, since the head
// of a split message hashes nothing but its size and time, nor one with its destination.
type streamKey struct{ packet, to, source wire.ID }

func newStreaming(l Limits) streaming {
	return streaming{
		relayed:      newTable[streamKey, time.Time](l.Relayed),
		streamsGiven: newTable[messageKey, struct{}](l.Delivered),
		assembling:   newTable[messageKey, assembly](l.Assembling),
	}
}

// Stream seals a message for a connected peer that has joined the subcluster too, and sends it
// there (LAT-STRM-001): not at once, but a packet at a time, after the messages streamed before
// (LAT-STRM-003). Nothing tells whether it arrives.
//
// A message for several peers is sealed for each anew (LAT-STRM-010): a deployed peer seals what it
// has sealed for the one before, so that the first alone can read it.
func (p *Peer) Stream(now time.Time, m Streaming) error {
	p.begin(now)
	if p.life.closing {
		return ErrClosed
	}
	if r := p.known.byID(m.PeerID); r == nil || !r.connected {
		return fmt.Errorf("%w: %s", ErrUnknown, m.PeerID)
	}
	template := wire.NewPacket(wire.Stream)
	template.Usr3, template.Usr4 = m.PeerID[:], p.config.ID[:]
	packets, err := p.packetsOf(template, m.Subcluster, m.Event, m.Message, m.SigningKey)
	if err != nil {
		return err
	}
	if p.streams.outgoing.len()+len(packets) > p.limits.Outgoing {
		return fmt.Errorf("%w: %d packets wait, %d is the limit, and this message has %d", ErrBusy, p.streams.outgoing.len(), p.limits.Outgoing, len(packets))
	}
	for i := range packets {
		datagram, err := wire.Append(nil, &packets[i])
		if err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		p.streams.outgoing.push(outgoing{m.PeerID, datagram})
	}
	p.pollQueues()
	return nil
}

// Unstreamed is how many packets of own streams wait for their turn.
func (p *Peer) Unstreamed() int { return p.streams.outgoing.len() }

// pollStreams sends the next packet of an own stream; it reports whether there was one whose time
// has come (LAT-STRM-003).
func (p *Peer) pollStreams() bool {
	for p.streams.outgoing.len() > 0 && !p.streams.nextAt.After(p.now) {
		o := p.streams.outgoing.pop()
		if r := p.known.byID(o.to); r != nil {
			p.transmitTo(r, o.datagram)
			p.streams.nextAt = later(p.streams.nextAt, p.now.Add(-time.Duration(p.choices.CatchUp)*p.limits.StreamPace)).Add(max(p.limits.StreamPace, time.Microsecond))
			return true
		}
	}
	return false
}

// handleStream delivers a stream that is for this peer, and relays one that is for another. What
// ends deployed peers is neither.
func (p *Peer) handleStream(pk *wire.Packet, from netip.AddrPort, datagram []byte, held bool) {
	to, addressed := wire.AsID(pk.Usr3)
	source, signed := wire.AsID(pk.Usr4)
	id, ok := pk.ID()
	if !addressed || !signed || !ok || source == p.config.ID || !sound(pk) {
		return
	}
	if to != p.config.ID {
		p.relayStream(pk, streamKey{id, to, source}, from, datagram, held)
		return
	}
	// To open a message costs more than to receive one.
	if keys, joined := p.keys.Find(pk.SubclusterID); joined && (p.trusts(from) || p.countJoinOrPublish(from)) {
		p.acceptStream(keys, pk, messageKey{source, id}, from)
	}
}

// relayStream sends a stream on to the peer that it is for (LAT-STRM-006), if its source is
// verified (LAT-STRM-009), as long as it can't have been here before: with one hop more, up to 16
// (LAT-STRM-008), once (LAT-STRM-007) and never back to where it came from. Deployed relays do none
// of it, so that two which take each other for the way to a third send one packet for ever.
func (p *Peer) relayStream(pk *wire.Packet, key streamKey, from netip.AddrPort, datagram []byte, held bool) {
	r := p.known.byID(key.to)
	if r == nil || !r.connected || pk.Hops >= wire.MaxHops {
		return
	}
	if _, at := r.path(); at == from {
		return
	}
	if !p.admit(from, datagram, held) || !p.countRelayed(from) || wire.VerifyID(pk) == wire.IDMismatch {
		return
	}
	until, added := p.streams.relayed.put(key)
	if !added && p.now.Before(*until) {
		return
	}
	*until = p.now.Add(p.ks(p.choices.StreamGate))
	p.transmitTo(r, p.copied(pk, datagram, pk.Hops+1))
}

// acceptStream delivers a stream for this peer when it is whole and can be opened, whoever brought
// it, and whether its source is known or not (LAT-STRM-002). Deployed peers want to know the
// source, whose name is not proven by that. What is forged (LAT-STRM-013) or does not open
// (LAT-STRM-011) is dropped.
func (p *Peer) acceptStream(keys seal.Keys, pk *wire.Packet, key messageKey, from netip.AddrPort) {
	if pk.Index > 0 {
		head, ok := wire.AsID(pk.PreviousID)
		if !ok {
			return
		}
		key.head = head
	}
	if p.streams.streamsGiven.get(key) != nil || wire.VerifyID(pk) == wire.IDMismatch {
		return
	}
	whole, message := pk, pk.Message
	if pk.Index >= 0 {
		whole, message = p.assemble(key, pk, p.trusts(from))
	}
	if whole != nil && p.deliverStream(keys, whole, key, message, pk.Hops) {
		p.noteHeardThrough(key.source, from, pk.Hops <= 1)
	}
}

// deliverStream opens a whole message and reports it, once (LAT-STRM-004); false if it does not
// open.
func (p *Peer) deliverStream(keys seal.Keys, pk *wire.Packet, key messageKey, sealed []byte, hops uint32) bool {
	event := eventOf(Stream, key.head, pk, hops)
	event.PeerID, event.SubclusterID = key.source, keys.SubclusterID
	if !event.open(keys, pk, sealed) {
		return false
	}
	p.streams.streamsGiven.put(key)
	p.forgetAssembly(key)
	p.emit(event)
	return true
}
