package udp

import (
	"context"
	"errors"
	"time"

	"punchlist/reference/peer"
)

// ErrEnded is what Do returns when the server has ended.
var ErrEnded = errors.New("udp: the server has ended")

// A Server runs a peer, which is its own from NewServer on.
type Server struct {
	host *host
	peer *peer.Peer
	emit func(peer.Event)
}

// NewServer makes a server. Events of the peer go to emit, which must not call
// the server.
func NewServer(p *peer.Peer, emit func(peer.Event)) *Server {
	return &Server{host: newHost(p), peer: p, emit: emit}
}

// Run runs the peer until the context is cancelled, stops it, and leaves no
// goroutine and no socket behind. It is called once.
func (s *Server) Run(ctx context.Context) {
	h := s.host
	defer h.close()
	h.readers.Go(func() { h.watch(ownAddresses, watchEvery) })
	defer context.AfterFunc(ctx, h.wake)()
	for {
		s.drain()
		i := h.next(ctx)
		if i.kind == cancelled {
			s.peer.Stop(time.Now())
			s.drain()
			return
		}
		h.give(i)
	}
}

// Do has the goroutine that owns the peer call f, and waits until it has: the
// peer, and Traffic, may be used in f alone. Errors: ErrEnded, the context's own.
func (s *Server) Do(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	i := input{kind: call, call: func(now time.Time) {
		f(now)
		close(done)
	}}
	select {
	case s.host.inputs <- i:
		s.host.wake()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.host.ended.Done():
		return ErrEnded
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.host.ended.Done():
		return ErrEnded
	}
}

// Traffic is what went in and out so far. It is called in Do.
func (s *Server) Traffic() Traffic { return s.host.traffic }

// drain does all that the peer asks for.
func (s *Server) drain() {
	h := s.host
	for more := true; more; more = h.tellOpened() {
		var o peer.Output
		for s.peer.Poll(&o) {
			switch o.Op {
			case peer.Open:
				h.open(o.Socket, o.Port)
			case peer.Close:
				h.closeSocket(o.Socket)
			case peer.Send:
				h.send(o.Socket, o.To, o.Data)
			case peer.Emit:
				s.emit(o.Event)
			}
		}
	}
}
