// Package eventloop runs machines that do no input and output themselves, such
// as the reference peer.
//
// A Driver gives one machine its inputs, and does what the machine then asks
// for. Its Sockets are real ones (package udp), or those of an emulated host.
// A Loop moves many drivers, and the network between them, through virtual time.
// The labs' virtual time, the simulations and the tests of package peer share
// that loop, so what a peer does in one of them it does in all.
package eventloop

import (
	"net/netip"
	"time"

	"punchlist/reference/peer"
)

// A Machine is a peer, or a wrapper around one. It is for one goroutine. Every
// method except Next and Poll is an input.
type Machine interface {
	// Opened says what became of a socket that the machine asked to open.
	Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error)
	// Receive takes a datagram, which is borrowed.
	Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte)
	// NetworkChanged says that the host now has other addresses.
	NetworkChanged(now time.Time, locals []netip.Addr)
	// Tick does what is due.
	Tick(now time.Time)
	// Next is when Tick has something to do; false when it has nothing to do.
	Next() (at time.Time, ok bool)
	// Poll takes the next output; false when there is none. All outputs are taken
	// after each input and before the next one.
	Poll(*peer.Output) bool
}

// Sockets are the UDP sockets of the host that a machine runs on. A datagram
// that a socket receives is for Driver.Receive.
type Sockets interface {
	// Open binds a socket to a port, 0 for any. It closes what the socket was bound
	// to before. The driver tells the machine of the result.
	Open(s peer.Socket, port uint16) (local netip.AddrPort, err error)
	Close(s peer.Socket)
	// Send sends a datagram, which is borrowed. A datagram that can't be sent is
	// lost, as in any network. A socket that is not open sends nothing.
	Send(now time.Time, s peer.Socket, to netip.AddrPort, datagram []byte)
}

// Hooks are what the owner of a machine hears of it. They must not call the
// driver, except for Stop. A nil hook hears nothing.
type Hooks struct {
	Event   func(peer.Event)
	Drained func() // whenever all outputs have been taken
}

// A Driver runs one machine at a time. It is for one goroutine.
type Driver struct {
	sockets Sockets
	hooks   Hooks
	machine Machine // nil: none runs
	output  peer.Output
	opened  []opening // the machine is still to be told of these
	paused  bool

	loop  *Loop // nil: real time
	order int   // among the drivers of the loop
	place int   // in the loop's timers; -1: nothing is due
	due   time.Time

	ticked time.Time // the instant of the last ticks
	ticks  int       // how many there were at that instant
}

type opening struct {
	socket peer.Socket
	local  netip.AddrPort
	err    error
}

// NewDriver makes a driver without a machine.
func NewDriver(sockets Sockets, hooks Hooks) *Driver {
	return &Driver{sockets: sockets, hooks: hooks, place: -1}
}

// Start gives the driver a machine to run, and does what the machine asks for.
func (d *Driver) Start(now time.Time, m Machine) {
	d.machine, d.opened = m, nil
	d.Settle(now)
}

// Stop takes the machine away. Its sockets are the caller's to close.
func (d *Driver) Stop() {
	d.machine, d.opened = nil, nil
	d.schedule()
}

// Pause keeps the machine's timer from firing, or lets an overdue one fire. What
// arrives meanwhile is the caller's to keep, or to lose.
func (d *Driver) Pause(paused bool) {
	d.paused = paused
	d.schedule()
}

// Receive gives the machine a datagram, which is borrowed.
func (d *Driver) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	if d.machine == nil {
		return
	}
	d.machine.Receive(now, via, from, datagram)
	d.Settle(now)
}

// NetworkChanged tells the machine of the addresses that its host now has.
func (d *Driver) NetworkChanged(now time.Time, locals []netip.Addr) {
	if d.machine == nil {
		return
	}
	d.machine.NetworkChanged(now, locals)
	d.Settle(now)
}

// Tick has the machine do what is due.
func (d *Driver) Tick(now time.Time) {
	if d.machine == nil {
		return
	}
	d.machine.Tick(now)
	d.Settle(now)
}

// Next is when to call Tick; false: not before the next input.
func (d *Driver) Next() (at time.Time, ok bool) {
	if d.machine == nil || d.paused {
		return time.Time{}, false
	}
	return d.machine.Next()
}

// Settle does all that the machine asks for. Call it after each input that the
// machine was given by another way than the driver.
func (d *Driver) Settle(now time.Time) {
	for d.machine != nil {
		for d.machine != nil && d.machine.Poll(&d.output) {
			d.do(now)
		}
		if d.hooks.Drained != nil {
			d.hooks.Drained()
		}
		// Telling of a socket is an input too: all outputs are taken before.
		if len(d.opened) == 0 || d.machine == nil {
			break
		}
		o := d.opened[0]
		d.opened = d.opened[1:]
		d.machine.Opened(now, o.socket, o.local, o.err)
	}
	d.schedule()
}

func (d *Driver) do(now time.Time) {
	switch o := &d.output; o.Op {
	case peer.Send:
		d.sockets.Send(now, o.Socket, o.To, o.Data)
	case peer.Open:
		local, err := d.sockets.Open(o.Socket, o.Port)
		d.opened = append(d.opened, opening{o.Socket, local, err})
	case peer.Close:
		d.sockets.Close(o.Socket)
	case peer.Emit:
		if d.hooks.Event != nil {
			d.hooks.Event(o.Event)
		}
	}
}
