// Package udp runs a machine without input and output, such as the reference
// peer, on real UDP sockets and in real time.
//
// One goroutine owns the machine, and reads the main socket itself, so that a
// datagram which is only passed on costs two system calls and no hand-over.
// Every other socket has a reader, which hands over what it reads and knows
// nothing else.
package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

const (
	// queued is how many inputs wait for the machine before the kernel's socket
	// buffers, and then the network, have to.
	queued = 1024
	// largest is one more than the largest datagram that is a packet, so that
	// a longer one is seen to be too long.
	largest = wire.MaxDatagram + 1
	// pause is how long a reader leaves a socket alone that can't be read.
	pause = 10 * time.Millisecond
	// maxErrors is how many errors in a row are no reason to pause: Windows reports
	// each datagram that somebody's host refused as an error of the next read.
	maxErrors = 16
	// readBuffer and writeBuffer are asked for the main socket, in bytes; the
	// kernel may give less. The first holds what comes while the machine is busy
	// or not scheduled: half a second of a flood.
	readBuffer  = 16 << 20
	writeBuffer = 4 << 20
	// watchEvery is how often the addresses of the machine are looked at.
	watchEvery = 5 * time.Second
)

// An input is one thing for the machine.
type input struct {
	kind     kind
	call     func(now time.Time)
	datagram []byte
	via      peer.Socket
	from     netip.AddrPort
	locals   []netip.Addr
}

type kind uint8

const (
	cancelled kind = iota // the context was
	tick
	datagram
	call
	moved // the machine has other addresses
)

// Traffic counts datagrams, and the bytes of their UDP payload.
type Traffic struct {
	In, InBytes   uint64
	Out, OutBytes uint64
	Unsent        uint64 // that the kernel refused, as it does without a route
}

// A host is what a machine runs on: its sockets, and what waits for it.
type host struct {
	driver  *eventloop.Driver
	inputs  chan input // what the owner does not read itself
	timer   *time.Timer
	ended   context.Context // cancelled when the readers have to end
	cancel  context.CancelFunc
	sockets map[peer.Socket]*net.UDPConn
	readers sync.WaitGroup // of the sockets, and of the addresses
	traffic Traffic

	main     atomic.Pointer[net.UDPConn] // others only wake its reader
	buffer   [largest]byte               // of the main socket
	deadline time.Time                   // of the main socket, as far as the owner knows
	failed   int                         // reads of the main socket in a row
}

func newHost(hooks eventloop.Hooks) *host {
	h := &host{inputs: make(chan input, queued), timer: time.NewTimer(time.Hour), sockets: map[peer.Socket]*net.UDPConn{}}
	h.driver = eventloop.NewDriver(h, hooks)
	h.timer.Stop()
	h.ended, h.cancel = context.WithCancel(context.Background())
	return h
}

// close leaves no socket behind, nor a reader of one.
func (h *host) close() {
	h.cancel()
	h.timer.Stop()
	for s := range h.sockets { // order-free: all are closed
		h.Close(s)
	}
	h.readers.Wait()
}

// next waits for an input. A datagram lies in h.buffer or is the reader's, until
// next is called again.
func (h *host) next(ctx context.Context) input {
	for {
		if ctx.Err() != nil {
			return input{kind: cancelled}
		}
		// First what does not come from the main socket: it is little, and would
		// wait for ever in a flood.
		select {
		case i := <-h.inputs:
			return i
		default:
		}
		at, ticks := h.driver.Next()
		if ticks && !time.Now().Before(at) {
			return input{kind: tick}
		}
		main := h.main.Load()
		if main == nil {
			return h.wait(ctx, at, ticks)
		}
		if !at.Equal(h.deadline) {
			h.deadline = at
			_ = main.SetReadDeadline(at) // no deadline where there is no tick
			// Who woke the reader before may have lost to this deadline.
			if len(h.inputs) > 0 || ctx.Err() != nil {
				continue
			}
		}
		n, from, err := main.ReadFromUDPAddrPort(h.buffer[:])
		switch {
		case err == nil:
			h.failed = 0
			return input{kind: datagram, datagram: h.buffer[:n], via: peer.Main, from: from}
		case errors.Is(err, os.ErrDeadlineExceeded):
			h.deadline = time.Unix(0, 1) // it may be one that a waker set
		case errors.Is(err, net.ErrClosed):
			h.main.CompareAndSwap(main, nil)
		default:
			// What some network answered to an earlier datagram ends nothing.
			if h.failed++; h.failed < maxErrors {
				continue
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

// wait is next where there is no main socket.
func (h *host) wait(ctx context.Context, at time.Time, ticks bool) input {
	var due <-chan time.Time
	if ticks {
		h.timer.Reset(time.Until(at))
		due = h.timer.C
	}
	select {
	case <-ctx.Done():
		return input{kind: cancelled}
	case <-due:
		return input{kind: tick}
	case i := <-h.inputs:
		return i
	}
}

// wake has next look at the other inputs.
func (h *host) wake() {
	if main := h.main.Load(); main != nil {
		_ = main.SetReadDeadline(time.Unix(0, 1))
	}
}

// hand hands over an input of another goroutine.
func (h *host) hand(i input) {
	select {
	case h.inputs <- i:
		h.wake()
	case <-h.ended.Done():
	}
}

// give gives the machine an input, and does what the machine then asks for.
func (h *host) give(i input) {
	now := time.Now()
	switch i.kind {
	case tick:
		h.driver.Tick(now)
	case datagram:
		h.traffic.In++
		h.traffic.InBytes += uint64(len(i.datagram))
		h.driver.Receive(now, i.via, i.from, i.datagram)
	case call:
		i.call(now)
		h.driver.Settle(now)
	case moved:
		h.driver.NetworkChanged(now, i.locals)
	}
}

// Open binds a socket to every address of the machine.
func (h *host) Open(s peer.Socket, port uint16) (netip.AddrPort, error) {
	h.Close(s)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero, Port: int(port)})
	if err != nil {
		return netip.AddrPort{}, err
	}
	h.sockets[s] = conn
	if s == peer.Main {
		growReadBuffer(conn)
		_ = conn.SetWriteBuffer(writeBuffer)
		h.deadline = time.Time{}
		h.main.Store(conn)
	} else {
		h.readers.Go(func() { h.receive(s, conn) })
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(ownAddress(), local.Port()), nil
}

// Close closes a socket, if it is open.
func (h *host) Close(s peer.Socket) {
	conn := h.sockets[s]
	if conn == nil {
		return
	}
	h.main.CompareAndSwap(conn, nil)
	conn.Close()
	delete(h.sockets, s)
}

// Send sends a datagram. One that the kernel refuses is one that the network
// lost: the protocol has no other answer to it.
func (h *host) Send(_ time.Time, s peer.Socket, to netip.AddrPort, datagram []byte) {
	conn := h.sockets[s]
	if conn == nil {
		return
	}
	if _, err := conn.WriteToUDPAddrPort(datagram, to); err != nil {
		h.traffic.Unsent++
		return
	}
	h.traffic.Out++
	h.traffic.OutBytes += uint64(len(datagram))
}

// receive hands over what a socket receives until the socket is closed. An
// error ends nothing, since it may be what some network answered to an earlier
// datagram.
func (h *host) receive(s peer.Socket, conn *net.UDPConn) {
	buffer := make([]byte, largest)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(pause):
			case <-h.ended.Done():
			}
			continue
		}
		h.hand(input{kind: datagram, datagram: append([]byte{}, buffer[:n]...), via: s, from: from})
	}
}

// watch hands over the addresses of the machine whenever they are others than
// before: it is on another network.
func (h *host) watch(addresses func() []netip.Addr, every time.Duration) {
	before := addresses()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-h.ended.Done():
			return
		}
		if now := addresses(); !slices.Equal(now, before) {
			before = now
			h.hand(input{kind: moved, locals: now})
		}
	}
}

// ownAddresses are the machine's IPv4 addresses beside loopback, in order.
func ownAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	own := outward(all)
	slices.SortFunc(own, netip.Addr.Compare)
	return own
}

// ownAddress is the IPv4 address of the only interface beside loopback, and
// 0.0.0.0 where there is none, or more than one to choose from.
func ownAddress() netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return only(all)
}

func only(all []net.Addr) netip.Addr {
	if own := outward(all); len(own) == 1 {
		return own[0]
	}
	return netip.IPv4Unspecified()
}

// outward are the IPv4 addresses beside loopback.
func outward(all []net.Addr) (own []netip.Addr) {
	for _, a := range all {
		if at, ok := a.(*net.IPNet); ok && at.IP.To4() != nil && !at.IP.IsLoopback() {
			own = append(own, netip.AddrFrom4([4]byte(at.IP.To4())))
		}
	}
	return own
}
