// Package udp runs the sans-I/O reference over real UDP sockets: it gives a
// machine the datagrams and the time, and does what the machine asks for. Run
// drives a testee, which has lines to read and write too; Serve drives a peer.
//
// One goroutine owns the machine. Each socket and the lines have a reader
// each, which hand over what they read and know nothing else; the lines
// written have a goroutine of their own, so that a harness which reads late
// keeps no datagram waiting.
package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

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
)

// A Machine does no input and output itself: a peer, or a testee around one.
// Every method but Next is an input.
type Machine interface {
	Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error)
	Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) // datagram is borrowed
	Tick(now time.Time)
	Next() (time.Time, bool) // when to tick
}

// An input is one thing for the machine: a line, a datagram, or the end of the
// lines.
type input struct {
	line     []byte
	datagram []byte
	via      peer.Socket
	from     netip.AddrPort
	end      error // io.EOF is an orderly one
}

// A host is what a machine runs on.
type host struct {
	machine Machine
	inputs  chan input
	timer   *time.Timer
	ended   context.Context // cancelled when the readers have to end
	cancel  context.CancelFunc
	sockets map[peer.Socket]*net.UDPConn
	readers sync.WaitGroup // of the sockets
	opened  []opening      // of which the machine is still to be told
}

type opening struct {
	socket peer.Socket
	local  netip.AddrPort
	err    error
}

func newHost(m Machine) *host {
	h := &host{
		machine: m, inputs: make(chan input, queued), timer: time.NewTimer(time.Hour), sockets: map[peer.Socket]*net.UDPConn{},
	}
	h.timer.Stop()
	h.ended, h.cancel = context.WithCancel(context.Background())
	return h
}

// close leaves no socket behind, nor a reader of one.
func (h *host) close() {
	h.cancel()
	h.timer.Stop()
	for s := range h.sockets { // order-free: all are closed
		h.closeSocket(s)
	}
	h.readers.Wait()
}

// due is a channel that has something when the machine is to be ticked. It is
// nil where the machine has nothing to do: then an input wakes it.
func (h *host) due() <-chan time.Time {
	at, any := h.machine.Next()
	if !any {
		return nil
	}
	h.timer.Reset(time.Until(at))
	return h.timer.C
}

// open binds a socket to every address of the machine. It is told of it by
// tellOpened, since it may still have outputs now.
func (h *host) open(s peer.Socket, port uint16) {
	h.closeSocket(s)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero, Port: int(port)})
	if err != nil {
		h.opened = append(h.opened, opening{socket: s, err: err})
		return
	}
	h.sockets[s] = conn
	h.readers.Go(func() { h.receive(s, conn) })
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	h.opened = append(h.opened, opening{socket: s, local: netip.AddrPortFrom(ownAddress(), local.Port())})
}

// tellOpened tells the machine of one socket; false when there is none to tell
// of.
func (h *host) tellOpened() bool {
	if len(h.opened) == 0 {
		return false
	}
	o := h.opened[0]
	h.opened = h.opened[1:]
	h.machine.Opened(time.Now(), o.socket, o.local, o.err)
	return true
}

func (h *host) closeSocket(s peer.Socket) {
	if conn := h.sockets[s]; conn != nil {
		conn.Close()
		delete(h.sockets, s)
	}
}

// send sends a datagram. One that the kernel refuses is one that the network
// lost: the protocol has no other answer to it.
func (h *host) send(s peer.Socket, to netip.AddrPort, datagram []byte) {
	if conn := h.sockets[s]; conn != nil {
		_, _ = conn.WriteToUDPAddrPort(datagram, to)
	}
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
		h.hand(input{datagram: append([]byte{}, buffer[:n]...), via: s, from: from})
	}
}

func (h *host) hand(i input) {
	select {
	case h.inputs <- i:
	case <-h.ended.Done():
	}
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
	own := netip.IPv4Unspecified()
	for _, a := range all {
		at, ok := a.(*net.IPNet)
		if !ok || at.IP.To4() == nil || at.IP.IsLoopback() {
			continue
		}
		if !own.IsUnspecified() {
			return netip.IPv4Unspecified()
		}
		own = netip.AddrFrom4([4]byte(at.IP.To4()))
	}
	return own
}
