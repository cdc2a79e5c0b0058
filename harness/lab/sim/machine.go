package sim

import (
	"io"
	"net/netip"
	"time"

	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
)

// A Machine is a testee that does no input and output itself: the sans-I/O
// reference, or a wrapper around it. Every method is an input at a time, but
// Poll, Next and Done.
type Machine interface {
	Command(now time.Time, line []byte)
	Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error)
	Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) // datagram is borrowed
	Tick(now time.Time)
	Next() (time.Time, bool)     // when to tick
	Poll(*reference.Output) bool // drained after each input
	Done() bool                  // it has ended, and asks for nothing more
}

// A Factory makes a machine whose random choices come from the reader.
type Factory func(random io.Reader) Machine

// bundled are the machines of the repository.
func bundled() []Builtin {
	return []Builtin{{"reference", func(random io.Reader) Machine {
		return reference.New(reference.Options{Name: "reference", Version: reference.Version, Random: random})
	}}}
}
