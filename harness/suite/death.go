package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

const (
	replayed   = 8                      // how many of the last datagrams are tried, one after the other
	betweenTwo = 300 * time.Millisecond // that long each may take to kill
	afterShock = 2 * time.Second        // and the last
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
		x.Outcome, x.Text = verdict.Broken, err.Error()
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
	x.Outcome, x.Broke, x.Signature = verdict.Failed, verdict.Survive, verdict.DiedUnexplained
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
	suspect, how, err := r.replay(ctx, j, d.Start, last)
	if err == nil && suspect >= 0 && len(last) > 1 {
		last = last[suspect : suspect+1]
		suspect, how, err = r.replay(ctx, j, d.Start, last)
	}
	switch {
	case err != nil:
		x.Text = fmt.Sprintf("%s; replaying the last datagrams failed: %v", d.Error(), err)
	case suspect < 0:
		x.Text = fmt.Sprintf("%s; before, it received %d datagrams (at most the last %d are kept), none of which alone kills a fresh peer",
			d.Error(), len(d.Received), verdict.LastReceived)
	default:
		x.Broke, x.Signature = x.Requirement, verdict.DiedOnDatagram
		x.Text = fmt.Sprintf("%s; the datagram below alone kills a fresh peer (%s)", d.Error(), how)
		return []int{last[suspect].frame}
	}
	return d.Received
}

// A shot is a datagram that a dead peer had received.
type shot struct {
	frame   int
	payload []byte
	probe   bool // it came to the probe socket
}

// replay starts a fresh peer alone in a lab, as the dead one was started, and
// sends it datagrams, waiting after each. It returns the index of the one after
// which the peer ended, and how; -1 when it survives.
func (r *runner) replay(ctx context.Context, j *job, start testee.StartWith, shots []shot) (killer int, how string, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var log logBuffer
	n, err := j.plan.lab.Up(ctx, internet.Topology{Hosts: []internet.Host{
		{Name: "fresh", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
		{Name: "replayer", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
	}}, lab.Options{Seed: j.cell.Seed, Logs: &log})
	if err != nil {
		return -1, "", err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	t, err := n.Start(ctx, "fresh", j.plan.Subject)
	if err != nil {
		return -1, "", err
	}
	c := caller{ctx: ctx, net: n, testee: t}
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
			return -1, "", fmt.Errorf("%s: %w", command.do, err)
		}
		if reply.Error != nil {
			return -1, "", fmt.Errorf("%s: %w", command.do, reply.Error)
		}
	}
	ready, err := c.ready()
	if err != nil {
		return -1, "", err
	}
	e, err := n.Endpoint("replayer", 0)
	if err != nil {
		return -1, "", err
	}
	for i, s := range shots {
		port := ready.Port
		if s.probe {
			port = ready.ProbePort
		}
		if err := e.Send(netip.AddrPortFrom(n.Addr("fresh"), port), s.payload); err != nil {
			return -1, "", err
		}
		wait := betweenTwo
		if i == len(shots)-1 {
			wait = afterShock
		}
		err := lab.Await(ctx, n, wait, func() bool { return t.Exit() != nil })
		if exit := t.Exit(); exit != nil {
			return i, ended(exit), nil
		}
		if ctx.Err() != nil || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return -1, "", err
		}
	}
	return -1, "", nil
}
