package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"punchlist/harness/manifest"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
	"punchlist/spec/testee"
)

// An echo is a small testee: it opens a socket at start, sends every datagram
// back, and says so; and it misbehaves on command.
type echo struct {
	random  io.Reader
	outputs []peer.Output
	lines   [][]byte
	tick    time.Time
	ticking bool
	forever bool
	done    bool
}

var echoManifest = manifest.Manifest{Name: "echo", Builtin: "echo"}

func echoLab() simulation {
	return New(Builtin{"echo", func(random io.Reader) reference.Machine { return &echo{random: random} }}).(simulation)
}

func (e *echo) line(format string, a ...any) {
	e.lines = append(e.lines, fmt.Appendf(nil, format, a...))
}

func (e *echo) Command(now time.Time, line []byte) {
	var c testee.Command
	if err := json.Unmarshal(line, &c); err != nil {
		panic(err)
	}
	switch c.Do {
	case "start":
		var with struct{ Port uint16 }
		if err := json.Unmarshal(c.With, &with); err != nil {
			panic(err)
		}
		e.outputs = append(e.outputs, peer.Output{Op: peer.Open, Socket: 1, Port: with.Port})
	case "second socket":
		e.outputs = append(e.outputs, peer.Output{Op: peer.Open, Socket: 2})
	case "close":
		e.outputs = append(e.outputs, peer.Output{Op: peer.Close, Socket: 1})
	case "timer":
		e.tick, e.ticking = now.Add(time.Hour), true
	case "draw":
		b := make([]byte, 8)
		if _, err := io.ReadFull(e.random, b); err != nil {
			panic(err)
		}
		e.line(`{"event":"drawn","value":"%x"}`, b)
	case "tick forever":
		e.tick, e.ticking, e.forever = now, true, true
	case "stop":
		e.done = true
	case "crash":
		panic(errors.New("as told"))
	case "garbage":
		e.line("hello")
	case "nonsense":
		e.outputs = append(e.outputs, peer.Output{Op: 99})
		return
	}
	e.line(`{"id":%d,"ok":{}}`, c.ID)
}

func (e *echo) Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error) {
	if err != nil {
		e.line(`{"event":"error","text":%q}`, err)
		return
	}
	e.line(`{"event":"ready","socket":%d,"port":%d}`, s, local.Port())
}

func (e *echo) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	e.line(`{"event":"got","text":%q}`, datagram)
	e.outputs = append(e.outputs, peer.Output{Op: peer.Send, Socket: via, To: from, Data: append([]byte("re: "), datagram...)})
}

func (e *echo) Tick(now time.Time) {
	if !e.forever {
		e.ticking = false
		e.line(`{"event":"tick"}`)
	}
}

func (e *echo) Next() (time.Time, bool) { return e.tick, e.ticking }
func (e *echo) Done() bool              { return e.done }

func (e *echo) NetworkChanged(time.Time, []netip.Addr) {}

func (e *echo) Line() ([]byte, bool) {
	if len(e.lines) == 0 {
		return nil, false
	}
	line := e.lines[0]
	e.lines = e.lines[1:]
	return line, true
}

func (e *echo) Poll(o *peer.Output) bool {
	if len(e.outputs) == 0 {
		return false
	}
	*o = e.outputs[0]
	e.outputs = e.outputs[1:]
	return true
}
