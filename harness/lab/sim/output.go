package sim

import "net/netip"

// Socket numbers the sockets of a machine.
type Socket uint16

// Op is what an Output asks for.
type Op uint8

const (
	Send Op = 1 + iota
	Open
	Close
	Line
)

// Output is one thing that a machine wants done.
type Output struct {
	Op     Op
	Socket Socket
	Port   uint16
	To     netip.AddrPort
	Data   []byte
}
