// Package sim is the lab in which everything is computed: the network model,
// peers in process, and a clock that jumps from one event to the next. The
// same topology, seed and calls give the same packets to the nanosecond and
// to the byte.
package sim

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/trace"
	"punchlist/reference/eventloop"
)

type simulation struct{ builtins map[string]Factory }

// A Builtin is a machine that the lab can start, by the name that a manifest
// gives as its builtin.
type Builtin struct {
	Name string
	Make Factory
}

// Bounds of one internet, which stand in for a limit in real time: that would make what is judged
// depend on how fast the machine is. The longest scenario takes 12 hours of virtual time, another
// one 20,132 events.
const (
	MaxTime   = 24 * time.Hour // of virtual time
	MaxEvents = 500_000        // commands, packets and timers
)

// A Bounded is the error of a net that has reached a bound. What would have come of the
// scenario is not known.
type Bounded struct {
	Events int
	Time   time.Duration // since it came up
}

func (b *Bounded) Error() string {
	return fmt.Sprintf("the simulation was stopped after %d events and %v of virtual time: it must end within %d events and %v;"+
		" look in the capture for peers that send without end", b.Events, b.Time, MaxEvents, MaxTime)
}

// New is the lab with the machines of the repository, and others.
func New(others ...Builtin) lab.Lab {
	s := simulation{map[string]Factory{}}
	for _, b := range append(bundled(), others...) {
		s.builtins[b.Name] = b.Make
	}
	return s
}

func (simulation) Name() string { return "sim" }

// Check finds nothing amiss: the lab needs nothing.
func (simulation) Check(context.Context) error { return nil }

func (s simulation) Starts(m manifest.Manifest) (bool, string) {
	switch {
	case m.Builtin == "":
		return false, fmt.Sprintf("%s has no builtin: the sim lab runs peers in process only", m.Name)
	case s.factory(m.Builtin) == nil:
		return false, fmt.Sprintf("the sim lab has no builtin %q, only %s, and dialects (dialect-7)", m.Builtin, s.names())
	}
	return true, ""
}

func (s simulation) names() string {
	var names []string
	// order-free: sorted
	for name := range s.builtins {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s simulation) Up(_ context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	network, seen, err := trace.Record(t, Epoch, internet.Options{Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	return &Net{lab: s, seed: o.Seed, internet: NewInternet(network, o.Seed), trace: seen}, nil
}

// A Net is a simulated internet with testees.
type Net struct {
	lab      simulation
	seed     int64
	internet *Internet
	trace    *trace.Trace
	testees  []*Testee // in the order of their starts
	events   int       // handled so far
	closed   bool
}

var errClosed = errors.New("the net is closed")

func (n *Net) Now() time.Time { return n.internet.Loop.Now }

// Network is the model beneath, for tests of labs.
func (n *Net) Network() *internet.Network { return n.internet.Network }

func (n *Net) Trace() *trace.Trace { return n.trace }

func (n *Net) Addr(host string) netip.Addr { return n.internet.Network.Addressing(host).Addrs[0] }

// Step handles the one event that is due first: a command, a packet, a timer.
// When none is due up to the given time, that time comes. Its error is *Bounded where the
// bounds of a simulation are reached.
func (n *Net) Step(ctx context.Context, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.closed {
		return errClosed
	}
	if passed := n.Now().Sub(Epoch); n.events >= MaxEvents || passed >= MaxTime {
		return &Bounded{n.events, passed}
	}
	n.events++
	for _, t := range n.testees {
		if t.takeCommand(n.Now()) {
			return nil
		}
	}
	_, err := n.internet.Loop.Step(until)
	var stuck *eventloop.Stuck
	if errors.As(err, &stuck) {
		for _, t := range n.testees {
			if t.driver == stuck.Driver {
				t.end(lab.Exit{At: n.Now(), Code: -1, Killed: true, Stderr: "sim: " + err.Error()})
			}
		}
	}
	return nil
}

// Start starts a testee on a host. It does nothing until it is sent a command.
func (n *Net) Start(ctx context.Context, host string, m manifest.Manifest) (lab.Testee, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n.closed {
		return nil, errClosed
	}
	if ok, why := n.lab.Starts(m); !ok {
		return nil, errors.New(why)
	}
	lives := 0
	for _, t := range n.testees {
		if t.host != host {
			continue
		}
		if t.exit == nil {
			return nil, fmt.Errorf("host %s: a testee is running on it", host)
		}
		lives++
	}
	if err := n.internet.Hosts.Occupy(host); err != nil {
		return nil, err
	}
	t := newTestee(n, host, n.lab.factory(m.Builtin)(randomness(n.seed, host, lives)))
	n.testees = append(n.testees, t)
	return t, nil
}

// Endpoint opens a scripted endpoint on a host on which no testee was started.
func (n *Net) Endpoint(host string, port uint16) (lab.Endpoint, error) {
	if n.closed {
		return nil, errClosed
	}
	return n.internet.Hosts.Endpoint(host, port, n.Now)
}

// Change changes the running network. Suspend also freezes the host's testee:
// its timers stand still, and what still arrives waits for Resume.
func (n *Net) Change(c internet.Change) error {
	if n.closed {
		return errClosed
	}
	if err := n.internet.Network.Change(n.Now(), c); err != nil {
		return err
	}
	if c.Suspend || c.Resume {
		for _, t := range n.testees {
			if t.host == c.Node {
				t.freeze(n.Now(), c.Suspend)
			}
		}
	}
	return nil
}

// Close kills the testees. The trace stays readable.
func (n *Net) Close() error {
	if n.closed {
		return nil
	}
	for _, t := range n.testees {
		if err := t.Stop(); err != nil {
			return err
		}
	}
	n.closed = true
	return nil
}
