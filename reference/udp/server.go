package udp

import (
	"context"
	"errors"
	"time"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
)

// ErrEnded is what Do returns when the server has ended.
var ErrEnded = errors.New("udp: the server has ended")

// Options of a Server. They must not call the server. A nil function is not
// called.
type Options struct {
	Event   func(peer.Event)    // what the machine tells its owner
	Drained func()              // all that the machine asked for is done
	Ending  func(now time.Time) // the context is cancelled, and the sockets are still open
}

// A Server runs a machine, which is its own from NewServer on.
type Server struct {
	host    *host
	machine eventloop.Machine
	ending  func(now time.Time)
}

// NewServer makes a server for a machine.
func NewServer(m eventloop.Machine, o Options) *Server {
	return &Server{host: newHost(eventloop.Hooks{Event: o.Event, Drained: o.Drained}), machine: m, ending: o.Ending}
}

// Run runs the machine until the context is cancelled, and leaves no goroutine
// and no socket behind. It is called once.
func (s *Server) Run(ctx context.Context) {
	h := s.host
	defer h.close()
	h.readers.Go(func() { h.watch(ownAddresses, watchEvery) })
	defer context.AfterFunc(ctx, h.wake)()
	h.driver.Start(time.Now(), s.machine)
	for {
		i := h.next(ctx)
		if i.kind == cancelled {
			break
		}
		h.give(i)
	}
	if s.ending != nil {
		now := time.Now()
		s.ending(now)
		h.driver.Settle(now)
	}
}

// Do has the goroutine that owns the machine call f, and waits until it has: the
// machine, and Traffic, may be used in f alone. Errors: ErrEnded, the context's own.
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
