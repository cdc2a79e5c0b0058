package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

const (
	replayed   = 16                     // how many of the last datagrams are tried, one after the other
	betweenTwo = 700 * time.Millisecond // that long each may take to kill
	afterShock = 3 * time.Second        // and the last
)

// death lays the end of a subject to what it broke. Where it never spoke the
// testee protocol, the adapter is broken. Where one of the last datagrams
// alone kills a fresh peer, the scenario's requirement was broken by it;
// otherwise the peer did not survive what it was sent. It returns the frames
// that show it.
func (r *runner) death(ctx context.Context, j *job, w World, d verdict.Died) []int {
	x := j.result
	x.Stderr = d.Stderr
	broken := func(text string) []int {
		err := &verdict.AdapterBroken{Implementation: d.Implementation, Host: d.Host, Text: text}
		x.Outcome, x.Text = result.AdapterBroken, err.Error()
		return nil
	}
	switch {
	case d.Garbage != "":
		return broken("it wrote what is not the testee protocol: " + d.Garbage)
	case !d.Started:
		return broken("it ended before it answered start: " + d.How)
	case len(d.Received) == 0:
		return broken("it ended before a datagram reached it: " + d.How)
	}
	x.Outcome, x.Broke, x.ID = result.Failed, verdict.Survive, verdict.DiedID
	t := w.Net().Trace()
	var last []shot
	for i := len(d.Received) - 1; i >= 0 && len(last) < replayed; i-- {
		u, err := internet.ParseUDP(t.At(d.Received[i]).Packet)
		if err != nil || slices.ContainsFunc(last, func(s shot) bool { return string(s.payload) == string(u.Payload) }) {
			continue
		}
		last = append(last, shot{d.Received[i], u.Payload, d.Start.ProbePort != 0 && u.Dst.Port() == d.Start.ProbePort})
	}
	slices.Reverse(last)
	killer, how, err := r.blame(ctx, j, d, last)
	switch {
	case err != nil:
		x.Text = fmt.Sprintf("%s; replaying the last datagrams failed: %v", d.Error(), err)
	case killer == nil:
		x.Text = fmt.Sprintf("%s; before, it received %d datagrams (at most the last %d are kept), none of which alone kills a fresh peer in this way",
			d.Error(), len(d.Received), verdict.LastReceived)
	default:
		x.Broke = x.Requirement
		x.Text = fmt.Sprintf("%s; the datagram below alone kills a fresh peer (%s)", d.Error(), how)
		return []int{killer.frame}
	}
	return d.Received
}

// blame finds the datagram that alone kills a fresh peer in the way in which
// the dead one died. One that kills it in another way (a peer that is fresh
// dies of more) is set aside.
func (r *runner) blame(ctx context.Context, j *job, d verdict.Died, last []shot) (killer *shot, how string, err error) {
	for len(last) > 0 {
		i, exit, err := r.replay(ctx, j, d, last)
		if err != nil || i < 0 {
			return nil, "", err
		}
		suspect := last[i]
		if !sameDeath(d.Stderr, exit.Stderr) {
			last = slices.Delete(slices.Clone(last), i, i+1)
			continue
		}
		if len(last) > 1 {
			if i, exit, err = r.replay(ctx, j, d, []shot{suspect}); err != nil || i < 0 || !sameDeath(d.Stderr, exit.Stderr) {
				return nil, "", err
			}
		}
		return &suspect, ended(exit), nil
	}
	return nil, "", nil
}

// sameDeath compares what two peers logged last, numbers and ids left out. A
// peer that logs nothing dies one way only.
func sameDeath(a, b string) bool { return causeOf(a) == causeOf(b) }

var particulars = regexp.MustCompile(`[0-9a-f]{8,}|[0-9]+`)

func causeOf(log string) string { return particulars.ReplaceAllString(lastLine(log), "#") }

// A shot is a datagram that a dead peer had received.
type shot struct {
	frame   int
	payload []byte
	probe   bool // it came to the probe socket
}

// replay starts a fresh peer alone in a lab, as the dead one was started, lets
// it join what the dead one had joined, and sends it datagrams, waiting after
// each. It returns the index of the one after which the peer ended, and how; -1
// when it survives.
func (r *runner) replay(ctx context.Context, j *job, d verdict.Died, shots []shot) (killer int, how *lab.Exit, err error) {
	ctx, cancel := r.bounded(ctx, j.plan.Lab)
	defer cancel()
	var log logBuffer
	n, err := j.plan.lab.Up(ctx, internet.Topology{Hosts: []internet.Host{
		{Name: "fresh", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
		{Name: "replayer", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
	}}, lab.Options{Seed: j.cell.Seed, Logs: &log})
	if err != nil {
		return -1, nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	t, err := n.Start(ctx, "fresh", j.plan.Subject)
	if err != nil {
		return -1, nil, err
	}
	c := caller{ctx, n, lab.NewClient(t)}
	start := d.Start
	start.Bootstrap = []testee.Bootstrap{}
	if start.Address != "" {
		start.Address = n.Addr("fresh").String()
	}
	for _, command := range []struct {
		do   string
		with any
	}{{testee.Hello, nil}, {testee.Start, start}} {
		reply, err := c.call(command.do, command.with)
		if err != nil {
			return -1, nil, fmt.Errorf("%s: %w", command.do, err)
		}
		if reply.Error != nil {
			return -1, nil, fmt.Errorf("%s: %w", command.do, reply.Error)
		}
	}
	ready, err := c.ready()
	if err != nil {
		return -1, nil, err
	}
	for _, join := range d.Joined {
		reply, err := c.call(testee.Join, join)
		if err != nil {
			return -1, nil, fmt.Errorf("join: %w", err)
		}
		if reply.Error != nil {
			return -1, nil, fmt.Errorf("join: %w", reply.Error)
		}
	}
	e, err := n.Endpoint("replayer", 0)
	if err != nil {
		return -1, nil, err
	}
	for i, s := range shots {
		port := ready.Port
		if s.probe {
			port = ready.ProbePort
		}
		if err := e.Send(netip.AddrPortFrom(n.Addr("fresh"), port), s.payload); err != nil {
			return -1, nil, err
		}
		wait := betweenTwo
		if i == len(shots)-1 {
			wait = afterShock
		}
		err := lab.Await(ctx, n, wait, func() bool { return t.Exit() != nil })
		if exit := t.Exit(); exit != nil {
			return i, exit, nil
		}
		if ctx.Err() != nil || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return -1, nil, err
		}
	}
	return -1, nil, nil
}
