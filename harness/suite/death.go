package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

const (
	replayed   = 3               // how many of the last datagrams are tried
	afterShock = 2 * time.Second // how long a replayed datagram may take to kill
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
	x.Text = fmt.Sprintf("%s; before, it received %d datagrams (at most the last %d are kept), none of which kills a fresh peer",
		d.Error(), len(d.Received), verdict.LastReceived)
	tried := map[string]bool{}
	t := w.Net().Trace()
	for i := len(d.Received) - 1; i >= 0 && len(tried) < replayed; i-- {
		u, err := internet.ParseUDP(t.At(d.Received[i]).Packet)
		if err != nil || tried[string(u.Payload)] {
			continue
		}
		tried[string(u.Payload)] = true
		probe := d.Start.ProbePort != 0 && u.Dst.Port() == d.Start.ProbePort
		how, err := r.replay(ctx, j, d.Start, u.Payload, probe)
		if err != nil {
			x.Text = fmt.Sprintf("%s; replaying the last datagrams failed: %v", d.Error(), err)
			return d.Received
		}
		if how != "" {
			x.Broke, x.Signature = x.Requirement, verdict.DiedOnDatagram
			x.Text = fmt.Sprintf("%s; the datagram below alone kills a fresh peer (%s)", d.Error(), how)
			return d.Received[i : i+1]
		}
	}
	return d.Received
}

// replay starts a fresh peer alone in a lab, as the dead one was started,
// sends it one datagram and says how it ended; empty when it did not.
func (r *runner) replay(ctx context.Context, j *job, start testee.StartWith, datagram []byte, probe bool) (how string, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var log logBuffer
	n, err := j.plan.lab.Up(ctx, internet.Topology{Hosts: []internet.Host{
		{Name: "fresh", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
		{Name: "replayer", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
	}}, lab.Options{Seed: j.cell.Seed, Logs: &log})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	t, err := n.Start(ctx, "fresh", j.plan.Subject)
	if err != nil {
		return "", err
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
			return "", fmt.Errorf("%s: %w", command.do, err)
		}
		if reply.Error != nil {
			return "", fmt.Errorf("%s: %w", command.do, reply.Error)
		}
	}
	ready, err := c.ready()
	if err != nil {
		return "", err
	}
	port := ready.Port
	if probe {
		port = ready.ProbePort
	}
	e, err := n.Endpoint("replayer", 0)
	if err != nil {
		return "", err
	}
	if err := e.Send(netip.AddrPortFrom(n.Addr("fresh"), port), datagram); err != nil {
		return "", err
	}
	err = lab.Await(ctx, n, afterShock, func() bool { return t.Exit() != nil })
	if exit := t.Exit(); exit != nil {
		return ended(exit), nil
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return "", err
	}
	return "", ctx.Err()
}
