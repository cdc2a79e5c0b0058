// Package udp runs a testee of the reference peer over real UDP sockets: it
// gives the sans-I/O agent the datagrams, the lines and the time, and does
// what the agent asks for.
//
// One goroutine owns the agent. Each socket and the lines have a reader each,
// which hand over what they read and know nothing else.
package udp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/testee"
	contract "punchlist/spec/testee"
)

const (
	// queued is how many inputs wait for the agent before the kernel's socket
	// buffers, and then the network, have to.
	queued = 1024
	// largest is one more than the largest datagram that is a packet, so that
	// a longer one is seen to be too long.
	largest = 1422
)

// An input is one thing for the agent: a line, a datagram, or the end.
type input struct {
	line     []byte
	datagram []byte
	via      peer.Socket
	from     netip.AddrPort
	end      error // of the lines; io.EOF is an orderly one
}

// Run runs an agent until it is done, its lines end, or the context is
// cancelled, and leaves no goroutine and no socket behind. Lines it reads from
// in, one command each; replies and events it writes to out.
//
// The reader of in ends when in does: give it one that can be closed, or end
// the program.
func Run(ctx context.Context, a *testee.Agent, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	r := &runner{agent: a, out: bufio.NewWriter(out), inputs: make(chan input, queued), stopped: ctx.Done(), sockets: map[peer.Socket]*net.UDPConn{}}
	go r.readLines(in)
	err := r.run(ctx)
	stop()
	for _, conn := range r.sockets { // order-free: all are closed
		conn.Close()
	}
	r.readers.Wait()
	return err
}

type runner struct {
	agent   *testee.Agent
	out     *bufio.Writer
	inputs  chan input
	stopped <-chan struct{}
	sockets map[peer.Socket]*net.UDPConn
	readers sync.WaitGroup // of the sockets
}

func (r *runner) run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := r.drain(); err != nil {
			return err
		}
		if r.agent.Done() {
			return nil
		}
		// An agent with nothing to do is not waited for: an input wakes it.
		var due <-chan time.Time
		if at, any := r.agent.Next(); any {
			timer.Reset(time.Until(at))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			r.agent.Tick(time.Now())
		case i := <-r.inputs:
			switch {
			case i.end != nil:
				if errors.Is(i.end, io.EOF) {
					return nil
				}
				return fmt.Errorf("read a command: %w", i.end)
			case i.line != nil:
				r.agent.Command(time.Now(), i.line)
			default:
				r.agent.Receive(time.Now(), i.via, i.from, i.datagram)
			}
		}
	}
}

// drain does all that the agent asks for.
func (r *runner) drain() error {
	var o testee.Output
	for r.agent.Poll(&o) {
		switch o.Op {
		case testee.Open:
			r.open(o.Socket, o.Port)
		case testee.Close:
			if conn := r.sockets[o.Socket]; conn != nil {
				conn.Close()
				delete(r.sockets, o.Socket)
			}
		case testee.Send:
			if conn := r.sockets[o.Socket]; conn != nil {
				// A datagram that the kernel refuses is a datagram that the
				// network lost: the protocol has no other answer to it.
				_, _ = conn.WriteToUDPAddrPort(o.Data, o.To)
			}
		case testee.Line:
			if _, err := r.out.Write(append(o.Data, '\n')); err != nil {
				return fmt.Errorf("write a reply: %w", err)
			}
		}
	}
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("write a reply: %w", err)
	}
	return nil
}

func (r *runner) open(s peer.Socket, port uint16) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero, Port: int(port)})
	if err != nil {
		r.agent.Opened(time.Now(), s, netip.AddrPort{}, err)
		return
	}
	r.sockets[s] = conn
	r.readers.Go(func() { r.receive(s, conn) })
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	r.agent.Opened(time.Now(), s, netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), nil)
}

// receive hands over what a socket receives until the socket is closed. An
// error that the kernel reports of an earlier datagram ends nothing.
func (r *runner) receive(s peer.Socket, conn *net.UDPConn) {
	buffer := make([]byte, largest)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.hand(input{datagram: append([]byte{}, buffer[:n]...), via: s, from: from})
	}
}

func (r *runner) readLines(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), contract.MaxLine)
	for lines.Scan() {
		r.hand(input{line: append([]byte{}, lines.Bytes()...)})
	}
	end := lines.Err()
	if end == nil {
		end = io.EOF
	}
	r.hand(input{end: end})
}

func (r *runner) hand(i input) {
	select {
	case r.inputs <- i:
	case <-r.stopped:
	}
}
