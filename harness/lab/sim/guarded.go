package sim

import (
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"punchlist/harness/lab"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
)

// stderrTail is how many bytes are kept of what a crashed machine leaves.
const stderrTail = 4 << 10

// A guarded machine that panics has crashed, as a process would: its testee ends,
// and the harness goes on. What has ended takes no input and gives no output.
type guarded struct {
	t       *Testee
	machine reference.Machine
}

func (g guarded) call(now time.Time, code func()) {
	if g.t.exit != nil {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			text := fmt.Appendf(nil, "panic: %v\n\n%s", cause, debug.Stack())
			g.t.end(lab.Exit{At: now, Code: 2, Stderr: string(text[:min(len(text), stderrTail)])})
		}
	}()
	code()
}

func (g guarded) Command(now time.Time, line []byte) {
	g.call(now, func() { g.machine.Command(now, line) })
}

func (g guarded) Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error) {
	g.call(now, func() { g.machine.Opened(now, s, local, err) })
}

func (g guarded) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	g.call(now, func() { g.machine.Receive(now, via, from, datagram) })
}

func (g guarded) NetworkChanged(now time.Time, locals []netip.Addr) {
	g.call(now, func() { g.machine.NetworkChanged(now, locals) })
}

func (g guarded) Tick(now time.Time) {
	g.call(now, func() { g.machine.Tick(now) })
}

func (g guarded) Next() (at time.Time, ok bool) {
	g.call(g.t.net.Now(), func() { at, ok = g.machine.Next() })
	return at, ok
}

func (g guarded) Poll(o *peer.Output) (ok bool) {
	now := g.t.net.Now()
	g.call(now, func() { ok = g.machine.Poll(o) })
	if ok && (o.Op < peer.Send || o.Op > peer.Emit) {
		g.t.end(lab.Exit{At: now, Code: -1, Killed: true, Stderr: fmt.Sprintf("sim: it asked for the unknown operation %d", o.Op)})
		return false
	}
	return ok
}

func (g guarded) Line() (line []byte, ok bool) {
	g.call(g.t.net.Now(), func() { line, ok = g.machine.Line() })
	return line, ok
}

func (g guarded) Done() bool { return g.machine.Done() }
