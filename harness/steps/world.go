// Package steps gives the language of features/ its meaning: step definitions
// over an emulated internet, one World a scenario. Each expression stands, with
// its id, right above what it does, in a file of the chapter that it is about;
// topology.go, peers.go, injectors.go, wire.go and codec.go hold what all chapters
// use.
//
// A step fails fast: it returns nothing, and ends by a typed panic with its
// verdict, which the one wrapper in step.go turns into the error of the step. Any
// other panic is a defect of the step, and the lab has failed. So a step must not
// start a goroutine, and cleans up by defer.
//
// A Given declares: hosts, NATs, links, peers. The first When or Then brings
// all of it up at once, since an internet is planned as a whole; from then on
// steps act and observe. A step waits by moving the lab, so the same feature
// runs in virtual and in real time.
package steps

import (
	"context"
	"errors"
	"io"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/spec"
)

// Options are what a World is made from. The suite fills them in.
type Options struct {
	Lab         lab.Lab
	Subject     manifest.Manifest // the peer under test
	Companion   manifest.Manifest // all other peers, bootstrap peers included
	Seed        int64             // of the network model, and of testees that accept one
	Keepalive   time.Duration     // K that is wanted; manifest.Keepalive.Clamp brings it into a peer's bounds
	Logs        io.Writer         // stderr of the testees, each line behind its host; never nil
	Requirement spec.Requirement  // the one that the scenario is tagged with
}

// Bounds of waiting, by the lab's clock. They are generous, so that a loaded
// machine is not mistaken for a broken peer; a sound peer never comes near.
const (
	replyWithin      = 3 * time.Second  // a datagram for a datagram
	readyWithin      = 15 * time.Second // from start to the event ready
	discoveryWithin  = 20 * time.Second // from start to the NAT type
	deliveryWithin   = 15 * time.Second // from publish to delivery
	connectKeepalive = 3                // intervals from the joins to the connection
)

// A World is the state of one scenario. It belongs to that scenario's
// goroutine. What the steps of one chapter share is kept in that chapter's part.
type World struct {
	o   Options
	ctx context.Context

	topology  internet.Topology
	net       lab.Net // nil until the first step that acts
	peers     []*peer // in the order declared
	subject   *peer
	injectors []*scripted
	closed    bool

	ledger  ledger
	given   []injected // packets that injectors gave to the subject, oldest first
	changed time.Time  // when a step last changed the internet

	findings []verdict.Finding
	deaths   []verdict.Died

	framing     framing
	messages    messages
	traversal   traversal
	membership  membership
	replication replication
	streams     streams
	queries     queries
	explored    explored
}

// New makes the World of a scenario. It brings nothing up.
func New(ctx context.Context, o Options) *World {
	return &World{o: o, ctx: ctx, replication: replication{sent: map[string]*publication{}}}
}

// Net is the emulated internet, nil while there is none.
func (w *World) Net() lab.Net { return w.net }

// Subject is the host that the peer under test is on, empty while there is none.
func (w *World) Subject() string {
	if w.subject == nil {
		return ""
	}
	return w.subject.host
}

// Path is by which way the subject was found to be connected, as a scenario
// that leaves it open read it off the routers; the zero Path where none did.
func (w *World) Path() result.Path { return w.traversal.path }

// Meeting is what it took them, where a step has seen it; else nil.
func (w *World) Meeting() *result.Meeting { return w.traversal.meeting }

// Deaths lists the testees that ended by themselves, in order of time.
func (w *World) Deaths() []verdict.Died { return w.deaths }

// Findings lists what peers other than the subject did wrong.
func (w *World) Findings() []verdict.Finding { return w.findings }

// Close kills what runs. It is safe to call twice.
func (w *World) Close() error {
	if w.net == nil || w.closed {
		return nil
	}
	w.closed = true
	return w.net.Close()
}

// up brings the declared internet and its peers up, once: bootstrap peers
// first and one after the other, then the rest.
func (w *World) up() {
	if w.net != nil {
		return
	}
	net, err := w.o.Lab.Up(w.ctx, w.topology, lab.Options{Seed: w.o.Seed, Logs: w.o.Logs})
	if err != nil {
		fail(&verdict.LabFailed{Text: "the internet of the scenario did not come up", Err: err})
	}
	w.net = net
	for _, in := range w.injectors {
		in.open(net)
	}
	for _, bootstrap := range []bool{true, false} {
		for _, p := range w.peers {
			if p.indexed == bootstrap && p.atOnce {
				w.start(p)
			}
		}
		for _, p := range w.peers {
			if p.indexed == bootstrap && p.atOnce {
				w.ready(p)
			}
		}
	}
}

// await moves the lab until cond holds. Scripted peers react on the way, and
// a testee that dies ends the wait with its death. It reports false when the
// time is up.
func (w *World) await(within time.Duration, cond func() bool) bool {
	err := lab.Await(w.ctx, w.net, within, func() bool {
		w.react()
		return cond()
	})
	if err != nil && (w.ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		fail(&verdict.LabFailed{Text: "while waiting", Err: err})
	}
	return err == nil
}

// pass lets time pass.
func (w *World) pass(d time.Duration) {
	until := w.net.Now().Add(d)
	w.await(d, func() bool { return !w.net.Now().Before(until) })
}

func (w *World) react() {
	for _, in := range w.injectors {
		must(in.React())
	}
	for _, p := range w.peers {
		w.sound(p)
		w.alive(p)
	}
}

// keepalive is the K of a peer.
func (w *World) keepalive(m manifest.Manifest) time.Duration {
	return m.Keepalive.Clamp(w.o.Keepalive)
}

// k is the K that waits are multiples of: the longer of subject's and
// companions'.
func (w *World) k() time.Duration {
	return max(w.keepalive(w.o.Subject), w.keepalive(w.o.Companion))
}
