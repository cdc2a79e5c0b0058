// Package lab is what a scenario asks of an emulated internet with peers on
// it, whether its time is virtual (lab/sim) or real (lab/netns, lab/docker).
//
// Waiting is stepping: a scenario that waits moves the lab, so that the same
// step runs on both clocks without a goroutine of its own.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/manifest"
	"punchlist/harness/trace"
	"punchlist/spec/testee"
)

// A Lab makes emulated internets.
type Lab interface {
	Name() string                                                // "sim", "netns", "docker"
	Check(context.Context) error                                 // why it can't start here, and what to do
	Up(context.Context, internet.Topology, Options) (Net, error) // the Net is the caller's to Close
	Starts(manifest.Manifest) (ok bool, why string)              // whether this lab can start that implementation
}

// Options of one emulated internet.
type Options struct {
	Seed int64     // of every random choice of the network model, and of testees that accept one
	Logs io.Writer // the stderr of testees, each line prefixed with its host; nil discards
}

// A Net is a running internet. It belongs to its scenario's goroutine.
type Net interface {
	Now() time.Time
	// Step handles one event (sim), or blocks for one observation (real);
	// it never goes past until.
	Step(ctx context.Context, until time.Time) error
	Trace() *trace.Trace // grows only during Step
	// Start starts a testee on a host: at most one is alive there at a time.
	Start(ctx context.Context, host string, m manifest.Manifest) (Testee, error)
	// Endpoint opens a scripted UDP endpoint on a host that has no testee;
	// port 0 draws one.
	Endpoint(host string, port uint16) (Endpoint, error)
	Addr(host string) netip.Addr // the host's own (inside) address
	Change(internet.Change) error
	Close() error // kills the testees and frees everything; safe to call twice
}

// A Testee is a running peer under test.
type Testee interface {
	Send(testee.Command) error  // never waits
	Messages() []testee.Message // so far; grows only during Step
	Exit() *Exit                // nil while it runs
	Stop() error                // kills it; its exit is then Killed
}

// Exit says how a testee ended.
type Exit struct {
	At      time.Time
	Code    int    // exit status, -1 when ended by a signal
	Signal  string // the signal's name, empty when it exited by itself
	Killed  bool   // the lab did it
	Garbage string // what it wrote that is not the testee protocol, when that is why the lab ended it
	Stderr  string // the last 4 kB of it
}

// An Endpoint sends any bytes and keeps what comes back: the injector's end.
type Endpoint interface {
	Addr() netip.AddrPort // on its host, before any NAT
	Send(to netip.AddrPort, payload []byte) error
	Received() []Datagram // so far; grows only during Step
}

// A Datagram is one that an Endpoint received.
type Datagram struct {
	At      time.Time
	From    netip.AddrPort
	Payload []byte
	Frame   int // sequence number of its last frame in the trace
}

// ErrOverrun is wrapped by the error of a net that was sent more packets than
// the lab is made for, or that has lost some that came too fast. What happened
// on such an internet proves nothing.
var ErrOverrun = errors.New("more packets than the lab carries")

// LeftBehind is the error of a Close that has removed all but what an engine, by
// a defect of its own, doesn't let go. It is no error of anything else: what
// happened on the net counts.
type LeftBehind struct {
	What []string // names on the engine
	Why  string
}

func (l *LeftBehind) Error() string {
	return fmt.Sprintf("left behind: %s: %s", strings.Join(l.What, ", "), l.Why)
}

// Flood is how many packets a second one host may send where time is real.
// Peers need a few hundred; more would fill the trace.
const Flood = 10_000

// A LineWriter lets several testees log to one writer.
type LineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

// NewLineWriter guards a writer.
func NewLineWriter(out io.Writer) *LineWriter { return &LineWriter{out: out} }

// Write passes a line on, one at a time.
func (w *LineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(line)
}

// Await steps the net until cond holds, and reports context.DeadlineExceeded
// when it does not within the given time of the lab's clock.
func Await(ctx context.Context, n Net, within time.Duration, cond func() bool) error {
	until := n.Now().Add(within)
	for !cond() {
		if !n.Now().Before(until) {
			return context.DeadlineExceeded
		}
		if err := n.Step(ctx, until); err != nil {
			return err
		}
	}
	return nil
}
