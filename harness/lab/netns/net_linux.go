package netns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/stdio"
	"punchlist/harness/manifest"
	"punchlist/harness/trace"
	contract "punchlist/spec/testee"
)

// queued is how many packets wait for a step before the packet sockets, whose
// buffers are much larger, fill up.
const queued = 1024

// A Net is a running internet with real clocks, kernels and sockets.
type Net struct {
	model     *internet.Network
	trace     *trace.Trace
	started   time.Time // with the monotonic clock
	logs      *lab.LineWriter
	thread    *thread
	virtual   *lab.VirtualHosts // hosts that have no namespace
	hosts     []string
	machines  map[string]*machine
	testees   []*running // in the order of their starts
	arrivals  chan arrival
	changed   chan struct{} // has one element when a testee has something to take
	closing   chan struct{}
	closed    bool
	flood     int       // packets a second that a host may send
	overrunAt time.Time // when that was last looked at
}

// An arrival is a packet that a host's kernel sent.
type arrival struct {
	host   string
	packet []byte
}

// running is a testee and the host that it is on.
type running struct {
	*stdio.Testee
	host  string
	group *group
}

func up(t internet.Topology, o lab.Options) (*Net, error) {
	if !Inside() {
		if err := refused.Load(); err != nil {
			return nil, *err
		}
		return nil, errors.New("the netns lab needs a process that has entered: call netns.Enter first in main, or netns.Main in TestMain")
	}
	now := time.Now()
	model, seen, err := trace.Record(t, now, internet.Options{Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	n := &Net{
		model: model, trace: seen, started: now, hosts: model.Hosts(), virtual: lab.NewVirtualHosts(model, o.Seed),
		machines: map[string]*machine{},
		arrivals: make(chan arrival, queued),
		flood:    lab.Flood,
		changed:  make(chan struct{}, 1),
		closing:  make(chan struct{}),
	}
	if o.Logs != nil {
		n.logs = lab.NewLineWriter(o.Logs)
	}
	if n.thread, err = newThread(); err != nil {
		return nil, err
	}
	return n, nil
}

// Now is the real time since the net came up, on its wall clock's start: it
// never goes back.
func (n *Net) Now() time.Time { return n.started.Add(time.Since(n.started)) }

// Trace is what crossed the wire so far.
func (n *Net) Trace() *trace.Trace { return n.trace }

// Step handles what is there, at most one packet of a host and one message of
// each testee, and what of the network is due. When there is nothing it waits
// for something, until the given time at most.
func (n *Net) Step(ctx context.Context, until time.Time) error {
	if n.closed {
		return errClosed
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := n.Now()
		worked := n.advance(now)
		select {
		case a := <-n.arrivals:
			n.carry(now, a)
			worked = true
		default:
		}
		for _, t := range n.testees {
			worked = t.Take(now) || worked
		}
		n.deliver()
		if err := n.overrun(now); err != nil {
			return err
		}
		if worked || !now.Before(until) {
			return nil
		}
		wait := until.Sub(now)
		if due, ok := n.model.Next(); ok {
			wait = min(wait, due.Sub(now))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-n.changed:
		case a := <-n.arrivals:
			n.carry(n.Now(), a)
			n.deliver()
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

func (n *Net) advance(now time.Time) bool {
	due, ok := n.model.Next()
	if !ok || due.After(now) {
		return false
	}
	n.model.Advance(now)
	return true
}

// deliver hands over what has reached the hosts.
func (n *Net) deliver() {
	var d internet.Delivery
	for n.model.Poll(&d) {
		if m := n.machines[d.Host]; m != nil {
			// A kernel that has no room loses it, as any network may.
			_ = m.wire.Write(d.Packet)
			continue
		}
		n.virtual.Deliver(d)
	}
}

func (n *Net) carry(now time.Time, a arrival) {
	n.machines[a.host].sent++
	n.model.Send(now, a.host, a.packet)
}

// overrun looks every second whether a host floods the lab.
func (n *Net) overrun(now time.Time) error {
	past := now.Sub(n.overrunAt)
	if past < time.Second {
		return nil
	}
	first := n.overrunAt.IsZero()
	n.overrunAt = now
	for _, host := range n.hosts {
		m := n.machines[host]
		if m == nil {
			continue
		}
		sent := m.sent
		m.sent = 0
		if rate := int(float64(sent) / past.Seconds()); rate > n.flood && !first {
			return fmt.Errorf("host %s: %w: it sent %d in a second, %d are the most", host, lab.ErrOverrun, rate, n.flood)
		}
	}
	return n.lost()
}

func (n *Net) lost() error {
	for _, host := range n.hosts {
		m := n.machines[host]
		if m == nil {
			continue
		}
		if lost, err := m.wire.Lost(); err == nil && lost > 0 {
			return fmt.Errorf("host %s: %w: %d that it sent were lost", host, lab.ErrOverrun, lost)
		}
	}
	return nil
}

// machine is the host's network namespace, made when first asked for.
func (n *Net) machine(host string) (*machine, error) {
	if m := n.machines[host]; m != nil {
		return m, nil
	}
	if err := n.virtual.Occupy(host); err != nil {
		return nil, err
	}
	m, err := newMachine(n.thread, host, slices.Index(n.hosts, host), n.model.Addressing(host))
	if err != nil {
		return nil, err
	}
	n.machines[host] = m
	go m.read(func(packet []byte) {
		select {
		case n.arrivals <- arrival{host, packet}:
		case <-n.closing:
		}
	})
	return m, nil
}

// Endpoint opens a scripted endpoint on a host on which nothing was started.
func (n *Net) Endpoint(host string, port uint16) (lab.Endpoint, error) {
	if n.closed {
		return nil, errClosed
	}
	return n.virtual.Endpoint(host, port, n.Now)
}

var errClosed = errors.New("the net is closed")

// Start starts a testee by the manifest's command, in the host's network
// namespace and a process group of its own.
func (n *Net) Start(ctx context.Context, host string, m manifest.Manifest) (lab.Testee, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n.closed {
		return nil, errClosed
	}
	for _, t := range n.testees {
		if t.host == host && t.Exit() == nil {
			return nil, fmt.Errorf("host %s: a testee is running on it", host)
		}
	}
	if err := n.virtual.Occupy(host); err != nil {
		return nil, fmt.Errorf("start %s: %w", m.Name, err)
	}
	argv, err := m.Argv()
	if err != nil {
		return nil, err
	}
	cmd := Command(argv[0], argv[1:]...)
	cmd.Env = append(cmd.Env, m.Env...)
	cmd.Env = append(cmd.Env, contract.LabVariable+"="+n.model.Addressing(host).List())
	process, group, err := n.start(host, cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", m.Name, err)
	}
	o := stdio.Options{Host: host, Changed: n.notify}
	if n.logs != nil {
		o.Logs = n.logs
	}
	t := &running{Testee: stdio.New(process, o), host: host, group: group}
	n.testees = append(n.testees, t)
	return t, nil
}

func (n *Net) notify() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Addr is the host's first address, on its own link.
func (n *Net) Addr(host string) netip.Addr { return n.model.Addressing(host).Addrs[0] }

// Change changes the running network. Suspend also freezes what runs on the
// host; what still arrives waits in its kernel for Resume.
func (n *Net) Change(c internet.Change) error {
	if n.closed {
		return errClosed
	}
	if err := n.model.Change(n.Now(), c); err != nil {
		return err
	}
	switch {
	case c.Suspend:
		n.signal(c.Node, syscall.SIGSTOP)
	case c.Resume:
		n.signal(c.Node, syscall.SIGCONT)
	case c.Link != nil && n.machines[c.Node] != nil:
		return n.machines[c.Node].setMTU(n.thread, n.model.Addressing(c.Node).MTU)
	}
	return nil
}

// signal sends a signal to everything that runs on a host.
func (n *Net) signal(host string, s syscall.Signal) {
	for _, t := range n.testees {
		if t.host == host {
			t.group.signal(s)
		}
	}
	if m := n.machines[host]; m != nil {
		m.signalAll(s)
	}
}

// Close kills the testees and whatever else runs on the hosts, and frees
// everything. It reports lab.ErrOverrun when packets were lost.
func (n *Net) Close() error {
	if n.closed {
		return nil
	}
	n.closed = true
	lost := n.lost()
	close(n.closing)
	for _, t := range n.testees {
		t.Close()
	}
	var freed sync.WaitGroup
	for _, m := range n.machines { // order-free: all at once, since a packet socket takes its time
		freed.Go(func() {
			m.signalAll(syscall.SIGKILL)
			m.free()
			<-m.ended
		})
	}
	freed.Wait()
	n.thread.close()
	return lost
}
