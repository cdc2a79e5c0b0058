// What a peer wants done, for all chapters.

package peer

import (
	"net/netip"

	"punchlist/reference/wire"
)

// Op is what an Output asks for.
type Op uint8

const (
	Send  Op = 1 + iota // Data from Socket to To
	Open                // bind Socket to Port, and call Opened
	Close               // close Socket
	Emit                // Event
)

// Output is one thing that the peer wants done, in the order given.
type Output struct {
	Op     Op
	Socket Socket
	Port   uint16 // Open: 0 for any
	To     netip.AddrPort
	Data   []byte // valid until the next input
	Event  Event
}

// outbound is what a peer wants done and nobody has taken yet.
type outbound struct {
	outputs []Output
	polled  int    // of them
	arena   []byte // that their datagrams lie in
}

// Poll takes the next output; false when there is none. All are to be taken after each input and
// before the next.
func (p *Peer) Poll(o *Output) bool {
	if p.out.polled == len(p.out.outputs) {
		p.out.outputs, p.out.polled = p.out.outputs[:0], 0
		return false
	}
	*o = p.out.outputs[p.out.polled]
	p.out.outputs[p.out.polled] = Output{}
	p.out.polled++
	return true
}

func (p *Peer) push(o Output) { p.out.outputs = append(p.out.outputs, o) }

// room is an empty slice of the arena, to append a datagram to. Where the arena has to grow, what
// was sent before keeps its old place.
func (p *Peer) room() []byte {
	if cap(p.out.arena)-len(p.out.arena) < wire.MaxDatagram {
		p.out.arena = make([]byte, 0, max(2*cap(p.out.arena), 16*wire.MaxDatagram))
	}
	return p.out.arena[len(p.out.arena):len(p.out.arena)]
}

// sent makes the datagram in the arena's room part of the arena.
func (p *Peer) sent(datagram []byte) { p.out.arena = p.out.arena[:len(p.out.arena)+len(datagram)] }

// encode puts a packet into the arena. What the peer composes itself always fits; what doesn't is
// not sent.
func (p *Peer) encode(pk *wire.Packet) ([]byte, bool) {
	datagram, err := wire.Append(p.room(), pk)
	if err != nil {
		return nil, false
	}
	p.sent(datagram)
	return datagram[:len(datagram):len(datagram)], true
}

// transmit puts a datagram on the wire that lies in the arena, or that nobody changes.
func (p *Peer) transmit(s Socket, to netip.AddrPort, datagram []byte) {
	if p.life.asleep || !p.isOpen(s) || len(datagram) > wire.MaxDatagram || !to.IsValid() || to.Port() == 0 {
		return
	}
	if t := wire.TypeOf(datagram); t == wire.Publish || t == wire.Join {
		l, _ := p.budgets.loads.put(to)
		l.add(p.now)
	}
	p.push(Output{Op: Send, Socket: s, To: to, Data: datagram})
}

// transmitTo transmits a datagram to a known peer, on the path by which it is reached.
func (p *Peer) transmitTo(r *remote, datagram []byte) {
	s, to := r.path()
	p.transmit(s, to, datagram)
}

// sendToPeer encodes and sends a packet to a known peer, on its path.
func (p *Peer) sendToPeer(r *remote, pk *wire.Packet) {
	if datagram, ok := p.encode(pk); ok {
		p.transmitTo(r, datagram)
	}
}

// sendTo encodes and sends a packet to a peer that has agreed to be sent to: a known, verified or
// configured one, or one whose limit was looked at.
func (p *Peer) sendTo(to netip.AddrPort, pk *wire.Packet) {
	if datagram, ok := p.encode(pk); ok {
		p.transmit(p.socketTo(to), to, datagram)
	}
}
