package udp

import (
	"context"
	"time"

	"punchlist/reference/peer"
)

// Serve runs a peer until the context is cancelled, stops it, and leaves no
// goroutine and no socket behind. Calls are functions that call the peer's
// methods: it is theirs alone while they run. Events go to emit, which must
// not call the peer.
func Serve(ctx context.Context, p *peer.Peer, calls <-chan func(now time.Time), emit func(peer.Event)) {
	h := newHost(p)
	defer h.close()
	for {
		h.drainPeer(p, emit)
		select {
		case <-ctx.Done():
			p.Stop(time.Now())
			h.drainPeer(p, emit)
			return
		case <-h.due():
			p.Tick(time.Now())
		case i := <-h.inputs:
			p.Receive(time.Now(), i.via, i.from, i.datagram)
		case call := <-calls:
			call(time.Now())
		}
	}
}

// drainPeer does all that a peer asks for.
func (h *host) drainPeer(p *peer.Peer, emit func(peer.Event)) {
	for more := true; more; more = h.tellOpened() {
		var o peer.Output
		for p.Poll(&o) {
			switch o.Op {
			case peer.Open:
				h.open(o.Socket, o.Port)
			case peer.Close:
				h.closeSocket(o.Socket)
			case peer.Send:
				h.send(o.Socket, o.To, o.Data)
			case peer.Emit:
				emit(o.Event)
			}
		}
	}
}
