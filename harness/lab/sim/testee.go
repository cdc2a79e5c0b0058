package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"slices"
	"time"

	"punchlist/harness/lab"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
	"punchlist/spec/testee"
)

const (
	// socketBuffer is how many datagrams wait for a frozen testee.
	socketBuffer = 256
	// mostTicks bounds how often a testee may ask to be ticked at one instant:
	// time would stand still for good.
	mostTicks = 10_000
	// mostMessages bounds what one testee may make the harness keep.
	mostMessages = 100_000
	stderrTail   = 4 << 10
)

// A Testee is a machine that runs on a simulated host.
type Testee struct {
	net      *Net
	host     string
	machine  Machine
	sockets  map[peer.Socket]*lab.Socket
	commands [][]byte
	messages []testee.Message
	exit     *lab.Exit

	frozen  bool
	waiting []waiting // datagrams that came while it was frozen

	ticked time.Time // the instant of the last ticks
	ticks  int       // how many there were
}

type waiting struct {
	socket peer.Socket
	from   netip.AddrPort
	data   []byte
}

// randomness is the random source of a testee's nth life on a host.
func randomness(seed int64, host string, life int) io.Reader {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %s %d", seed, host, life)))
}

// Send queues a command, which is handed over by the next step.
func (t *Testee) Send(c testee.Command) error {
	if t.exit != nil {
		return fmt.Errorf("%s: command %s: the testee has ended", t.host, c.Do)
	}
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("%s: command %s: %w", t.host, c.Do, err)
	}
	if len(line) > testee.MaxLine {
		return fmt.Errorf("%s: command %s has %d bytes, a line may have %d", t.host, c.Do, len(line), testee.MaxLine)
	}
	t.commands = append(t.commands, line)
	return nil
}

func (t *Testee) Messages() []testee.Message { return t.messages }

func (t *Testee) Exit() *lab.Exit { return t.exit }

// Stop kills the testee: it says no goodbye.
func (t *Testee) Stop() error {
	t.end(lab.Exit{At: t.net.now, Code: -1, Signal: "killed", Killed: true})
	return nil
}

func (t *Testee) end(e lab.Exit) {
	if t.exit != nil {
		return
	}
	t.exit = &e
	// order-free: closing one frees its port and nothing else
	for _, s := range t.sockets {
		s.Close()
	}
	t.sockets, t.commands, t.waiting = nil, nil, nil
}

// runs reports whether the machine is to be given inputs.
func (t *Testee) runs() bool { return t.exit == nil && !t.frozen }

func (t *Testee) takeCommand(now time.Time) bool {
	if !t.runs() || len(t.commands) == 0 {
		return false
	}
	line := t.commands[0]
	t.commands = t.commands[1:]
	t.input(now, func() { t.machine.Command(now, line) })
	return true
}

func (t *Testee) due() (time.Time, bool) {
	if !t.runs() {
		return time.Time{}, false
	}
	return t.machine.Next()
}

func (t *Testee) tick(now time.Time) {
	if !now.Equal(t.ticked) {
		t.ticked, t.ticks = now, 0
	}
	if t.ticks++; t.ticks > mostTicks {
		t.end(lab.Exit{At: now, Code: -1, Killed: true, Stderr: fmt.Sprintf("sim: it asked for its timer %d times at one instant", mostTicks)})
		return
	}
	t.input(now, func() { t.machine.Tick(now) })
}

func (t *Testee) receive(s peer.Socket, d lab.Datagram) {
	switch {
	case t.exit != nil:
	case !t.frozen:
		t.input(d.At, func() { t.machine.Receive(d.At, s, d.From, d.Payload) })
	case len(t.waiting) < socketBuffer:
		t.waiting = append(t.waiting, waiting{s, d.From, slices.Clone(d.Payload)})
	}
}

func (t *Testee) freeze(now time.Time, frozen bool) {
	if t.exit != nil {
		return
	}
	t.frozen = frozen
	for t.runs() && len(t.waiting) > 0 {
		w := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.input(now, func() { t.machine.Receive(now, w.socket, w.from, w.data) })
	}
}

// input gives the machine one input and does what it then asks for.
func (t *Testee) input(now time.Time, give func()) {
	t.call(now, give)
	// Telling of a socket is an input too: outputs are taken before.
	for opened := t.drain(now); len(opened) > 0; opened = append(opened[1:], t.drain(now)...) {
		o, local := opened[0], netip.AddrPort{}
		if o.err == nil {
			local = o.at.Addr()
		}
		t.call(now, func() { t.machine.Opened(now, o.socket, local, o.err) })
	}
	if t.exit == nil && t.machine.Done() {
		t.end(lab.Exit{At: now})
	}
}

// call runs code of the machine. When it panics the machine has crashed, as a
// process would.
func (t *Testee) call(now time.Time, code func()) {
	if t.exit != nil {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			text := fmt.Appendf(nil, "panic: %v\n\n%s", cause, debug.Stack())
			t.end(lab.Exit{At: now, Code: 2, Stderr: string(text[:min(len(text), stderrTail)])})
		}
	}()
	code()
}

type opening struct {
	socket peer.Socket
	at     *lab.Socket
	err    error
}

// drain does what the machine asks for, and returns the sockets that it must
// now be told of.
func (t *Testee) drain(now time.Time) (opened []opening) {
	var o reference.Output
	more := false
	poll := func() { more = t.machine.Poll(&o) }
	for {
		more = false
		t.call(now, poll)
		if !more {
			return opened
		}
		switch o.Op {
		case reference.Send:
			if s := t.sockets[o.Socket]; s != nil {
				// As with UDP: what can't be sent is lost.
				_ = s.Send(now, o.To, o.Data)
			}
		case reference.Open:
			id := o.Socket
			s, err := t.net.hosts.Bind(t.host, o.Port, func(d lab.Datagram) { t.receive(id, d) })
			if err == nil {
				if before := t.sockets[id]; before != nil {
					before.Close()
				}
				t.sockets[id] = s
			}
			opened = append(opened, opening{id, s, err})
		case reference.Close:
			if s := t.sockets[o.Socket]; s != nil {
				s.Close()
				delete(t.sockets, o.Socket)
			}
		case reference.Line:
			t.line(now, o.Data)
		default:
			t.end(lab.Exit{At: now, Code: -1, Killed: true, Stderr: fmt.Sprintf("sim: it asked for the unknown operation %d", o.Op)})
		}
	}
}

func (t *Testee) line(now time.Time, line []byte) {
	m, why := lab.ParseLine(bytes.Clone(line))
	if why == "" && len(t.messages) == mostMessages {
		why = fmt.Sprintf("a flood: more than %d messages", mostMessages)
	}
	if why != "" {
		t.end(lab.Exit{At: now, Code: -1, Signal: "killed", Garbage: why})
		return
	}
	m.At = now
	t.messages = append(t.messages, m)
}
