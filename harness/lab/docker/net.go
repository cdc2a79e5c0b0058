package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/stdio"
	"punchlist/harness/manifest"
	"punchlist/harness/natbox"
	"punchlist/harness/trace"
)

// A Net is a running internet of containers.
type Net struct {
	engine   *engine
	name     string            // among those of the run
	model    *internet.Network // for names and addresses: nothing goes through it
	trace    *trace.Trace
	networks map[string]realmNetwork // by realm
	routers  []*router
	hosts    map[string]*host // that have a pod
	virtual  *lab.VirtualHosts
	sent     bool // one of them, since the routers were last asked
	testees  []*testeeOn
	programs []*running
	logs     *lab.LineWriter
	started  time.Time // with the monotonic clock
	ahead    time.Duration
	numbers  map[int]int // datagrams: those of the routers, and the trace's
	closed   bool

	round   *round
	roundAt time.Time // when the last one began

	life       context.Context // of what happens in the background
	end        context.CancelFunc
	background sync.WaitGroup
	changed    chan struct{} // has one element when there is something to look at
	inbox      struct {
		sync.Mutex
		told   []told
		failed error
	}
}

// testeeOn is a testee and the host that it is on.
type testeeOn struct {
	*stdio.Testee
	peer *peer
}

// A round asks every router to tell what it has seen. What was observed when
// it began can be handed on when all have answered.
type round struct {
	take []int // of each testee, so many messages
}

// roundsApart is the least time between two rounds: what comes in between
// shares one.
const roundsApart = 3 * time.Millisecond

func up(ctx context.Context, e *engine, t internet.Topology, o lab.Options) (_ *Net, err error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	model, seen, err := trace.Record(t, now, internet.Options{Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	n := &Net{
		engine: e, name: fmt.Sprint(e.nets.Add(1)), model: model, trace: seen, started: now,
		networks: map[string]realmNetwork{}, hosts: map[string]*host{}, numbers: map[int]int{},
		changed: make(chan struct{}, 1),
	}
	n.life, n.end = context.WithCancel(context.WithoutCancel(ctx))
	n.virtual = lab.NewVirtualHosts(outside{n}, o.Seed)
	if o.Logs != nil {
		n.logs = lab.NewLineWriter(o.Logs)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err := n.makeNetworks(ctx); err != nil {
		return nil, err
	}
	if err := n.makeRouters(ctx); err != nil {
		return nil, err
	}
	asked := time.Now()
	err = n.tellAll(ctx, func(i int, r *router) natbox.Command {
		s := &natbox.Start{
			Protocol: natbox.Protocol, Topology: t, Seed: o.Seed, Routers: []string{r.name}, Index: i, Flood: lab.Flood,
		}
		for _, realm := range n.realmsOf(r.name) {
			s.Ports = append(s.Ports, natbox.Port{Realm: realm, Subnet: n.networks[realm].subnet})
		}
		return natbox.Command{Start: s}
	})
	if err != nil {
		return nil, err
	}
	// An engine on another machine has another clock.
	const apart = 50 * time.Millisecond
	there := time.Unix(0, n.routers[0].upto)
	if there.Before(asked.Add(-apart)) || there.After(time.Now().Add(apart)) {
		n.ahead = time.Until(there)
	}
	return n, nil
}

// realmsOf are the realms that a router is attached to, its own first.
func (n *Net) realmsOf(router string) []string {
	realms := []string{n.model.Inside(router)}
	if outside := n.model.Outside(router); outside != "" {
		realms = append(realms, outside)
	}
	return realms
}

func (n *Net) routerOf(host string) *router {
	name := n.model.Router(n.model.Realm(host))
	return n.routers[slices.IndexFunc(n.routers, func(r *router) bool { return r.name == name })]
}

// together calls f for all of 0 to count-1 at once, and joins their errors.
func together(count int, f func(i int) error) error {
	errs := make([]error, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *Net) makeNetworks(ctx context.Context) error {
	routers := n.model.Routers()
	made := make([]realmNetwork, len(routers))
	err := together(len(routers), func(i int) (err error) {
		made[i], err = n.engine.network(ctx, n.name+"-"+n.model.Inside(routers[i]))
		return err
	})
	for i, m := range made {
		if m.id != "" {
			n.networks[n.model.Inside(routers[i])] = m
		}
	}
	return err
}

func (n *Net) makeRouters(ctx context.Context) error {
	names := n.model.Routers()
	made := make([]*router, len(names))
	err := together(len(names), func(i int) (err error) {
		var realms []realmNetwork
		for _, realm := range n.realmsOf(names[i]) {
			realms = append(realms, n.networks[realm])
		}
		made[i], err = n.startRouter(ctx, names[i], realms)
		return err
	})
	for _, r := range made {
		if r != nil {
			n.routers = append(n.routers, r)
			n.background.Add(1)
			go n.listen(r)
		}
	}
	return err
}

// Now is the engine's time.
func (n *Net) Now() time.Time { return n.started.Add(time.Since(n.started) + n.ahead) }

// Trace is what crossed the wire so far. What endpoints have sent is in it, as
// in any lab.
func (n *Net) Trace() *trace.Trace {
	if n.sent && !n.closed {
		n.sent = false
		err := n.tellAll(n.life, func(int, *router) natbox.Command { return natbox.Command{Mark: true} })
		if err != nil {
			n.fail(err) // the next step says so
		} else {
			n.release()
		}
	}
	return n.trace
}

// Step hands on what was observed, once it is known that nothing earlier is to
// come; when there is nothing it waits for something, until the given time at
// most.
func (n *Net) Step(ctx context.Context, until time.Time) error {
	if n.closed {
		return errClosed
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n.ingest()
		if err := n.failure(); err != nil {
			return err
		}
		worked, err := n.turn()
		if worked || err != nil {
			return err
		}
		now := n.Now()
		if !now.Before(until) {
			return nil
		}
		wait := until.Sub(now)
		if n.round == nil && n.pending() {
			wait = min(wait, time.Until(n.roundAt.Add(roundsApart)))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-n.changed:
		}
		timer.Stop()
	}
}

// pending reports whether something was observed and not handed on.
func (n *Net) pending() bool {
	return slices.ContainsFunc(n.routers, func(r *router) bool { return len(r.frames) > 0 }) ||
		slices.ContainsFunc(n.testees, func(t *testeeOn) bool { return t.Waiting() > 0 })
}

// turn begins a round, or ends the one that is under way; it reports whether
// something was handed on.
func (n *Net) turn() (bool, error) {
	if n.round == nil {
		if !n.pending() || time.Since(n.roundAt) < roundsApart {
			return false, nil
		}
		n.round, n.roundAt = &round{}, time.Now()
		for _, t := range n.testees {
			n.round.take = append(n.round.take, t.Waiting())
		}
		for _, r := range n.routers {
			var err error
			if r.marked, err = r.command(natbox.Command{Mark: true}); err != nil {
				return false, err
			}
		}
		return false, nil
	}
	if slices.ContainsFunc(n.routers, func(r *router) bool { return r.answered < r.marked }) {
		if time.Since(n.roundAt) > answeredWithin {
			return false, fmt.Errorf("the routers do not answer within %v", answeredWithin)
		}
		return false, nil
	}
	take := n.round.take
	n.round = nil
	worked := n.release()
	now := n.Now()
	for i, count := range take {
		for range count {
			worked = n.testees[i].Take(now) || worked
		}
	}
	return worked, nil
}

// release puts the frames that every router has told into the trace, in the
// order of their time.
func (n *Net) release() (worked bool) {
	limit := n.routers[0].upto
	for _, r := range n.routers {
		limit = min(limit, r.upto)
	}
	var all []internet.Frame
	for _, r := range n.routers {
		count, _ := slices.BinarySearchFunc(r.frames, limit+1, func(f internet.Frame, limit int64) int {
			return cmp.Compare(f.At.UnixNano(), limit)
		})
		all = append(all, r.frames[:count]...)
		r.frames = slices.Delete(r.frames, 0, count)
	}
	slices.SortStableFunc(all, func(a, b internet.Frame) int { return a.At.Compare(b.At) })
	for _, f := range all {
		f.Seq = n.trace.Len()
		if n.numbers[f.Datagram] == 0 {
			n.numbers[f.Datagram] = len(n.numbers) + 1
		}
		f.Datagram = n.numbers[f.Datagram]
		n.trace.Append(f)
		if f.Link == f.To && f.Dropped == "" && n.hosts[f.To] == nil {
			n.virtual.Deliver(internet.Delivery{Host: f.To, At: f.At, Packet: f.Packet, Frame: f.Seq})
		}
	}
	return len(all) > 0
}

// outside is the network as the hosts without a container have it.
type outside struct{ *Net }

func (o outside) Hosts() []string                            { return o.model.Hosts() }
func (o outside) Addressing(host string) internet.Addressing { return o.model.Addressing(host) }

// Send has the router of the host's realm take a packet from it.
func (o outside) Send(_ time.Time, host string, packet []byte) {
	o.sent = true
	if _, err := o.routerOf(host).command(natbox.Command{Send: &natbox.Send{Host: host, Packet: packet}}); err != nil {
		o.fail(err)
	}
}

// Endpoint opens a scripted endpoint on a host on which nothing was started.
func (n *Net) Endpoint(host string, port uint16) (lab.Endpoint, error) {
	if n.closed {
		return nil, errClosed
	}
	return n.virtual.Endpoint(host, port, n.Now)
}

var errClosed = errors.New("the net is closed")

// podOn is the host's pod, which starts when first asked for.
func (n *Net) podOn(name string) (*host, error) {
	if h := n.hosts[name]; h != nil {
		return h, nil
	}
	if err := n.virtual.Occupy(name); err != nil {
		return nil, err
	}
	h := n.startHost(name)
	n.hosts[name] = h
	return h, nil
}

// Start starts the manifest's image on a host. It returns at once: several
// testees start beside each other, and what is said to one meanwhile waits.
func (n *Net) Start(ctx context.Context, host string, m manifest.Manifest) (lab.Testee, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n.closed {
		return nil, errClosed
	}
	for _, t := range n.testees {
		if t.peer.host == host && t.Exit() == nil {
			return nil, fmt.Errorf("host %s: a testee is running on it", host)
		}
	}
	if m.Image == "" {
		return nil, fmt.Errorf("start %s: its manifest names no image", m.Name)
	}
	if err := n.engine.requireImage(ctx, m.Image); err != nil {
		return nil, fmt.Errorf("start %s: %w", m.Name, err)
	}
	h, err := n.podOn(host)
	if err != nil {
		return nil, err
	}
	p := n.startPeer(h, m, len(n.testees)+1)
	o := stdio.Options{Host: host, Changed: n.notify}
	if n.logs != nil {
		o.Logs = n.logs
	}
	t := &testeeOn{Testee: stdio.New(n.process(p), o), peer: p}
	n.testees = append(n.testees, t)
	return t, nil
}

func (n *Net) notify() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// fail ends the net: what happens on it proves nothing any more.
func (n *Net) fail(err error) {
	n.inbox.Lock()
	if n.inbox.failed == nil {
		n.inbox.failed = err
	}
	n.inbox.Unlock()
	n.notify()
}

func (n *Net) failure() error {
	n.inbox.Lock()
	defer n.inbox.Unlock()
	return n.inbox.failed
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
	if err := n.tellAll(n.life, func(int, *router) natbox.Command { return natbox.Command{Change: &c} }); err != nil {
		return err
	}
	h := n.hosts[c.Node]
	switch {
	case h == nil:
		return nil
	case c.Suspend, c.Resume:
		for _, t := range n.testees {
			if t.peer.host != c.Node || t.Exit() != nil {
				continue
			}
			if err := t.peer.pause(n.life, c.Suspend); err != nil {
				return err
			}
		}
	case c.Link != nil:
		<-h.ready
		if h.err != nil {
			return h.err
		}
		mtu := n.model.Addressing(c.Node).MTU
		if err := h.changeMTU(mtu); err != nil {
			return fmt.Errorf("host %s: %w", c.Node, err)
		}
	}
	return nil
}

// removedWithin bounds the time that removing a net takes.
const removedWithin = time.Minute

// Close removes every container and network. It reports lab.ErrOverrun when
// packets were lost, and a *lab.LeftBehind when the engine holds a network.
func (n *Net) Close() error {
	if n.closed {
		return nil
	}
	n.closed = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.life), removedWithin)
	defer cancel()
	lost := n.lost(ctx)
	n.end() // what is being started
	for _, t := range n.testees {
		<-t.peer.started
	}
	var ids []string
	for _, t := range n.testees {
		if t.peer.running != nil {
			ids = append(ids, t.peer.id)
		}
	}
	for _, p := range n.programs {
		ids = append(ids, p.id)
	}
	for _, h := range n.hosts {
		if <-h.ready; h.running != nil {
			ids = append(ids, h.id)
		}
	}
	for _, r := range n.routers {
		ids = append(ids, r.id)
	}
	errs := []error{lost}
	errs = append(errs, together(len(ids), func(i int) error { return n.engine.remove(ctx, ids[i]) }))
	for _, t := range n.testees {
		t.Close()
	}
	n.background.Wait()
	networks := slices.Collect(maps.Values(n.networks))
	stuck := make([]bool, len(networks))
	errs = append(errs, together(len(networks), func(i int) error {
		err := n.engine.removeNetwork(ctx, networks[i].id, releasedWithin)
		if stuck[i] = errors.Is(err, errStuck); stuck[i] {
			return nil
		}
		return err
	}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	left := &lab.LeftBehind{Why: errStuck.Error()}
	for i := range networks {
		if stuck[i] {
			left.What = append(left.What, "network "+networks[i].name)
		}
	}
	if len(left.What) > 0 {
		return left
	}
	return nil
}

// lost reports packets that a router's kernel had no room for.
func (n *Net) lost(ctx context.Context) error {
	if n.failure() != nil || len(n.routers) < len(n.model.Routers()) {
		return nil
	}
	if err := n.tellAll(ctx, func(int, *router) natbox.Command { return natbox.Command{Counters: true} }); err != nil {
		return err
	}
	for _, r := range n.routers {
		if r.counters.Lost > 0 {
			return fmt.Errorf("router %s: %w: %d were lost", r.name, lab.ErrOverrun, r.counters.Lost)
		}
	}
	return nil
}
