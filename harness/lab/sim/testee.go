package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/lab"
	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
	"punchlist/spec/testee"
)

const (
	// socketBuffer is how many datagrams wait for a frozen testee.
	socketBuffer = 256
	// maxMessages bounds what one testee may make the harness keep.
	maxMessages = 100_000
)

// A Testee is a machine that runs on a simulated host.
type Testee struct {
	net      *Net
	host     string
	machine  guarded
	driver   *eventloop.Driver
	sockets  *Sockets
	commands [][]byte
	messages []testee.Message
	exit     *lab.Exit

	frozen  bool
	waiting []waiting // datagrams that came while it was frozen
}

type waiting struct {
	socket peer.Socket
	from   netip.AddrPort
	data   []byte
}

// newTestee puts a machine on a host.
func newTestee(n *Net, host string, m reference.Machine) *Testee {
	t := &Testee{net: n, host: host}
	t.machine = guarded{t, m}
	t.sockets = n.internet.Sockets(host, t.receive)
	t.driver = eventloop.NewDriver(t.sockets, eventloop.Hooks{Drained: t.takeLines})
	n.internet.Loop.Add(t.driver)
	t.driver.Start(n.Now(), t.machine)
	return t
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
	t.end(lab.Exit{At: t.net.Now(), Code: -1, Signal: "killed", Killed: true})
	return nil
}

func (t *Testee) end(e lab.Exit) {
	if t.exit != nil {
		return
	}
	t.exit = &e
	t.driver.Stop()
	t.sockets.CloseAll()
	t.commands, t.waiting = nil, nil
}

// runs reports whether the machine may be given inputs.
func (t *Testee) runs() bool { return t.exit == nil && !t.frozen }

func (t *Testee) takeCommand(now time.Time) bool {
	if !t.runs() || len(t.commands) == 0 {
		return false
	}
	line := t.commands[0]
	t.commands = t.commands[1:]
	t.machine.Command(now, line)
	t.driver.Settle(now)
	return true
}

func (t *Testee) receive(s peer.Socket, d lab.Datagram) {
	switch {
	case t.exit != nil:
	case !t.frozen:
		t.driver.Receive(d.At, s, d.From, d.Payload)
	case len(t.waiting) < socketBuffer:
		t.waiting = append(t.waiting, waiting{s, d.From, slices.Clone(d.Payload)})
	}
}

func (t *Testee) freeze(now time.Time, frozen bool) {
	if t.exit != nil {
		return
	}
	t.frozen = frozen
	t.driver.Pause(frozen)
	for t.runs() && len(t.waiting) > 0 {
		w := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.driver.Receive(now, w.socket, w.from, w.data)
	}
}

// takeLines reads what the machine has written, and sees whether it has ended.
func (t *Testee) takeLines() {
	for t.exit == nil {
		line, ok := t.machine.Line()
		if !ok {
			break
		}
		t.line(t.net.Now(), line)
	}
	if t.exit == nil && t.machine.Done() {
		t.end(lab.Exit{At: t.net.Now()})
	}
}

func (t *Testee) line(now time.Time, line []byte) {
	m, why := lab.ParseLine(bytes.Clone(line))
	if why == "" && len(t.messages) == maxMessages {
		why = fmt.Sprintf("a flood: more than %d messages", maxMessages)
	}
	if why != "" {
		t.end(lab.Exit{At: now, Code: -1, Signal: "killed", Garbage: why})
		return
	}
	m.At = now
	t.messages = append(t.messages, m)
}
