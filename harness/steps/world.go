// Package steps gives the language of features/ its meaning: step definitions
// over an emulated internet, one table of expressions, one World a scenario.
//
// A Given declares: hosts, NATs, links, peers. The first When or Then brings
// all of it up at once, since an internet is planned as a whole; from then on
// steps act and observe. A step waits by moving the lab, so the same feature
// runs in virtual and in real time.
package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/reference/seal"
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
	Registry    *spec.Registry
	Requirement spec.Requirement // the one that the scenario is tagged with
	Tags        []string         // all tags of the scenario, with their @
	Key         string           // of the scenario: package result
}

// Bounds of waiting, by the lab's clock. They are generous, so that a loaded
// machine is not mistaken for a broken peer; a sound peer never comes near.
const (
	answerWithin     = 3 * time.Second  // a datagram for a datagram
	readyWithin      = 15 * time.Second // from start to the event ready
	discoveryWithin  = 20 * time.Second // from start to the NAT type
	deliveryWithin   = 15 * time.Second // from publish to delivery
	connectKeepalive = 3                // intervals from the joins to the connection
)

// subjectHost is the host of the subject where the scenario names none.
const subjectHost = "alice"

// cluster is the one that all peers of a scenario belong to.
var cluster = seal.ClusterID("punchlist")

// A World is the state of one scenario. It belongs to that scenario's
// goroutine.
type World struct {
	o   Options
	ctx context.Context

	topology  internet.Topology
	net       lab.Net // nil until the first step that acts
	peers     []*peer // in the order declared
	subject   *peer
	injectors []*scripted

	ledger ledger

	members []*peer // who joined a subcluster, in order
	group   seal.Keys

	edited   []probe                 // what the last "sends the subject pings" step sent
	sent     map[string]*publication // messages by how the scenario names them
	latest   *publication
	relayed  []injected  // packets that injectors gave to the subject, oldest first
	streams  []streaming // messages streamed to peers
	sealed   int         // streams that injectors sealed
	changed  time.Time   // when a step last changed the internet
	path     result.Path // by which the subject and another peer were found to be connected
	meeting  *result.Meeting
	joined   time.Time     // when the second of two peers was told to join
	asked    int           // questions that they asked
	replied  int           // ... and answers that they gave
	expected string        // text of the last answer to a question of the subject
	told     *introduction // the last introduction that an injector made
	replies  []exchange    // pings of injectors that a Then step judges
	findings []verdict.Finding
	deaths   []verdict.Died
	closed   bool

	asleepSince int // datagrams that the subject had sent when it fell asleep

}

// New makes the World of a scenario. It brings nothing up.
func New(ctx context.Context, o Options) *World {
	return &World{o: o, ctx: ctx, sent: map[string]*publication{}}
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
func (w *World) Path() result.Path { return w.path }

// Meeting is what it took them, where a step has seen it; else nil.
func (w *World) Meeting() *result.Meeting { return w.meeting }

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
func (w *World) up() error {
	if w.net != nil {
		return nil
	}
	net, err := w.o.Lab.Up(w.ctx, w.topology, lab.Options{Seed: w.o.Seed, Logs: w.o.Logs})
	if err != nil {
		return &verdict.LabFailed{Text: "the internet of the scenario did not come up", Err: err}
	}
	w.net = net
	for _, in := range w.injectors {
		if err := in.open(net); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	for _, bootstrap := range []bool{true, false} {
		for _, p := range w.peers {
			if p.indexed == bootstrap && p.atOnce {
				if err := w.start(p); err != nil {
					return err
				}
			}
		}
		for _, p := range w.peers {
			if p.indexed == bootstrap && p.atOnce {
				if err := w.ready(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// await moves the lab until cond holds. Scripted peers react on the way, and
// a testee that dies ends the wait with its death. It reports false when the
// time is up.
func (w *World) await(within time.Duration, cond func() bool) (bool, error) {
	var failed error
	err := lab.Await(w.ctx, w.net, within, func() bool {
		if failed = w.react(); failed != nil {
			return true
		}
		return cond()
	})
	switch {
	case failed != nil:
		return false, failed
	case err == nil:
		return true, nil
	case errors.Is(err, context.DeadlineExceeded) && w.ctx.Err() == nil:
		return false, nil
	default:
		return false, &verdict.LabFailed{Text: "while waiting", Err: err}
	}
}

// pass lets time pass.
func (w *World) pass(d time.Duration) error {
	until := w.net.Now().Add(d)
	_, err := w.await(d, func() bool { return !w.net.Now().Before(until) })
	return err
}

func (w *World) react() error {
	for _, in := range w.injectors {
		if err := in.React(); err != nil {
			return &verdict.LabFailed{Err: err}
		}
	}
	for _, p := range w.peers {
		if err := w.sound(p); err != nil {
			return err
		}
		if err := w.alive(p); err != nil {
			return err
		}
	}
	return nil
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

// violated is the verdict that the subject broke the scenario's requirement.
func (w *World) violated(frames []int, format string, args ...any) error {
	return &verdict.Violation{Text: fmt.Sprintf(format, args...), Frames: frames}
}

// An injector of the scenario, with what the script knows of it.
type scripted struct {
	*injector.Injector
	host   string
	mute   bool
	second bool // opens a second socket
	loses  injector.Losses

	bootstraps bool // is a bootstrap peer to the subject

	store *injector.Store // what it holds when it plays the other side of a sync
}

func (s *scripted) open(net lab.Net) error {
	main, err := net.Endpoint(s.host, injectorPort)
	if err != nil {
		return err
	}
	s.Injector = injector.New(s.host, s.host, main, s.mute)
	s.Lost = s.loses
	if s.second {
		s.Aux, err = net.Endpoint(s.host, injectorPort+1)
	}
	return err
}

const injectorPort = 5100
