package oracle

import (
	"context"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/trace"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A Recorder is a lab that remembers what its testees were told, and when. It belongs to one
// scenario, which brings one internet up.
type Recorder struct {
	lab.Lab
	net     lab.Net
	testees []*recorded
	changes []change
}

// Record makes a recorder of a lab.
func Record(l lab.Lab) *Recorder { return &Recorder{Lab: l} }

// Up brings an internet up, and remembers what is done on it.
func (r *Recorder) Up(ctx context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	n, err := r.Lab.Up(ctx, t, o)
	if err != nil {
		return nil, err
	}
	r.net = n
	return &net{n, r}, nil
}

// A change is one of the internet.
type change struct {
	internet.Change
	at  time.Time
	seq int
}

type net struct {
	lab.Net
	recorder *Recorder
}

// Unwrap is the internet of the lab itself.
func (n *net) Unwrap() lab.Net { return n.Net }

func (n *net) Start(ctx context.Context, host string, m manifest.Manifest) (lab.Testee, error) {
	t, err := n.Net.Start(ctx, host, m)
	if err != nil {
		return nil, err
	}
	r := &recorded{Testee: t, net: n.Net, host: host}
	n.recorder.testees = append(n.recorder.testees, r)
	return r, nil
}

func (n *net) Change(c internet.Change) error {
	seq := n.Net.Trace().Len() // before it: a host that is resumed handles at once what has waited
	err := n.Net.Change(c)
	if err == nil {
		n.recorder.changes = append(n.recorder.changes, change{c, n.Net.Now(), seq})
	}
	return err
}

// recorded is a testee, and the commands that it was given.
type recorded struct {
	lab.Testee
	net      lab.Net
	host     string
	commands []command
	ended    time.Time // zero: not by the scenario
	endedSeq int
}

type command struct {
	testee.Command
	at  time.Time
	seq int // frames of the trace before it
}

func (r *recorded) Send(c testee.Command) error {
	r.commands = append(r.commands, command{c, r.net.Now(), r.net.Trace().Len()})
	return r.Testee.Send(c)
}

// given is the place of a command in the trace; of one that there is not, that of the first.
func (r *recorded) given(id int) int {
	for _, c := range r.commands {
		if c.ID == id || id == 0 {
			return c.seq
		}
	}
	return 0
}

// next is the place of the first command that was given after a time; behind all, where none was.
func (r *recorded) next(at time.Time) int {
	for _, c := range r.commands {
		if c.at.After(at) {
			return c.seq
		}
	}
	return r.net.Trace().Len()
}

func (r *recorded) Stop() error {
	if r.ended.IsZero() {
		r.ended, r.endedSeq = r.net.Now(), r.net.Trace().Len()
	}
	return r.Testee.Stop()
}

// An observation is one thing that the observer saw. Exactly one of frame, command, message and
// change is set.
type observation struct {
	at      time.Time
	seq     int
	life    int // of the testees of the host, from 0
	frame   *trace.Frame
	sent    bool
	command *command
	message *testee.Message
	late    bool // the message again, behind everything that it may rest on
	change  *change
	ended   bool // the testee was stopped by the scenario, or ended
}

// observe puts what was seen of a host into the order in which it happened. A message stands there
// twice: before the datagrams that may follow from it, and behind those that it may rest on.
func (r *Recorder) observe(host string, react time.Duration) []observation {
	if r.net == nil {
		return nil
	}
	t := r.net.Trace()
	var all []observation
	sentBefore := map[int]bool{}
	for f := range t.On(host) {
		if _, ok := f.UDP(); !ok {
			continue
		}
		sent := f.From == host
		if !sent && f.Dropped != "" || sent && sentBefore[f.Datagram] {
			continue // lost on the way, or a copy that a link made of it
		}
		if sent {
			sentBefore[f.Datagram] = true
		}
		all = append(all, observation{at: f.At, seq: f.Seq, frame: f, sent: sent})
	}
	frames := all
	// before is the number of the first frame of the host at or after a time.
	before := func(at time.Time) int {
		i, _ := slices.BinarySearchFunc(frames, at, func(o observation, at time.Time) int { return o.at.Compare(at) })
		if i == len(frames) {
			return t.Len()
		}
		return frames[i].seq
	}
	life := -1
	for _, x := range r.testees {
		if x.host != host {
			continue
		}
		life++
		for i := range x.commands {
			c := &x.commands[i]
			all = append(all, observation{at: c.at, seq: c.seq, life: life, command: c})
		}
		messages := x.Messages()
		for i := range messages {
			m := &messages[i]
			seq := max(min(before(m.At.Add(-react)), x.next(m.At)), x.given(m.ID))
			all = append(all,
				observation{at: m.At, seq: seq, life: life, message: m},
				observation{at: m.At, seq: max(seq, before(m.At.Add(1))), life: life, message: m, late: true})
		}
		switch e := x.Exit(); {
		case !x.ended.IsZero():
			all = append(all, observation{at: x.ended, seq: x.endedSeq, life: life, ended: true})
		case e != nil:
			all = append(all, observation{at: e.At, seq: before(e.At.Add(1)), life: life, ended: true})
		}
	}
	for i := range r.changes {
		c := &r.changes[i]
		all = append(all, observation{at: c.at, seq: c.seq, change: c})
	}
	slices.SortStableFunc(all, func(a, b observation) int {
		if d := a.seq - b.seq; d != 0 {
			return d
		}
		// What is done to the peer, and what it says, happens in the order of time, also where
		// nothing is on the wire meanwhile.
		if rank(a) <= 2 && rank(b) <= 2 && !a.at.Equal(b.at) {
			return a.at.Compare(b.at)
		}
		return rank(a) - rank(b)
	})
	return all
}

// rank orders what stands at the same place in the trace: a command is given before the peer can
// say anything of it, and both before the frame.
func rank(o observation) int {
	switch {
	case o.change != nil:
		return 0
	case o.command != nil:
		return 1
	case o.message != nil && !o.late:
		return 2
	case o.message != nil:
		return 3
	case o.ended:
		return 4
	default:
		return 5
	}
}

// packet is the Latica packet of a frame; nil where it is none.
func packet(f *trace.Frame) *wire.Packet {
	if p, fault := f.Wire(); fault.OK() {
		return p
	}
	return nil
}
