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

// Poll takes the next output; false when there is none. All are to be taken
// after each input and before the next.
func (p *Peer) Poll(o *Output) bool {
	if p.polled == len(p.outputs) {
		p.outputs, p.polled = p.outputs[:0], 0
		return false
	}
	*o = p.outputs[p.polled]
	p.outputs[p.polled] = Output{}
	p.polled++
	return true
}

func (p *Peer) push(o Output) { p.outputs = append(p.outputs, o) }

// room is an empty slice of the arena, to append a datagram to. Where the arena
// has to grow, what was sent before keeps its old place.
func (p *Peer) room() []byte {
	if cap(p.arena)-len(p.arena) < wire.MaxDatagram {
		p.arena = make([]byte, 0, max(2*cap(p.arena), 16*wire.MaxDatagram))
	}
	return p.arena[len(p.arena):len(p.arena)]
}

// sent makes the datagram in the arena's room part of the arena.
func (p *Peer) sent(datagram []byte) { p.arena = p.arena[:len(p.arena)+len(datagram)] }

// encode puts a packet into the arena. What the peer composes itself always
// fits; what doesn't is not sent.
func (p *Peer) encode(pk *wire.Packet) ([]byte, bool) {
	datagram, err := wire.Append(p.room(), pk)
	if err != nil {
		return nil, false
	}
	p.sent(datagram)
	return datagram[:len(datagram):len(datagram)], true
}

// deliver sends a datagram that lies in the arena, or that nobody changes.
func (p *Peer) deliver(s Socket, to netip.AddrPort, datagram []byte) {
	if p.asleep || !p.isOpen(s) || len(datagram) > wire.MaxDatagram || !to.IsValid() || to.Port() == 0 {
		return
	}
	if t := wire.TypeOf(datagram); t == wire.Publish || t == wire.Join {
		l, _ := p.loads.put(to)
		l.add(p.now)
	}
	p.push(Output{Op: Send, Socket: s, To: to, Data: datagram})
}

// pass sends a datagram to a known peer, on the path by which it is reached.
func (p *Peer) pass(r *remote, datagram []byte) {
	s, to := r.path()
	p.deliver(s, to, datagram)
}

// tellPeer encodes and sends a packet to a known peer, on its path.
func (p *Peer) tellPeer(r *remote, pk *wire.Packet) {
	if datagram, ok := p.encode(pk); ok {
		p.pass(r, datagram)
	}
}

// tell encodes and sends a packet to a peer that has agreed to be sent to: a
// known, verified or configured one, or one whose limit was looked at.
func (p *Peer) tell(to netip.AddrPort, pk *wire.Packet) {
	if datagram, ok := p.encode(pk); ok {
		p.deliver(p.socketTo(to), to, datagram)
	}
}
