package explore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"punchlist/harness/capture"
	"punchlist/harness/injector"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/nat"
	"punchlist/harness/oracle"
	"punchlist/harness/trace"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A Finding is something that a peer did wrong in a world.
type Finding struct {
	Host string
	Seen oracle.Seen
}

// String is the finding as one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s %s: %s", f.Seen.Rule.Requirement, f.Seen.Rule.ID, f.Host, f.Seen.Wrong)
}

// A Result is what came of one world.
type Result struct {
	Findings  []Finding
	Datagrams int // frames that were seen
	Commands  int
	Hostile   int // datagrams that injectors sent
	Looked    map[string]int
	trace     *trace.Trace
}

// Sum is the hash of all packets of the world: the same wherever every peer did the same.
func (r Result) Sum() (string, error) { return capture.Sum(r.trace) }

// Show is a frame of the world as one line.
func (r Result) Show(seq int) string {
	f := r.trace.At(seq)
	u, _ := f.UDP()
	text := fmt.Sprintf("#%d %.3fs %s→%s %v → %v", seq, f.At.Sub(r.trace.At(0).At).Seconds(), f.From, f.To, u.Src, u.Dst)
	if p, fault := f.Wire(); fault.OK() {
		text += fmt.Sprintf(" %s hops %d ttl %d index %d %x", p.Type, p.Hops, p.TTL, p.Index, p.PacketID)
		if p.Type.HasBody() {
			text += " " + string(p.Message)
		}
	}
	return text
}

// cluster is that of all peers.
var cluster = seal.ClusterID("explore")

const (
	mainPort     = 4001
	probePort    = 4101
	injectorPort = 5100
)

// A world is a plan being played.
type world struct {
	ctx       context.Context
	plan      Plan
	lab       *oracle.Recorder
	net       lab.Net
	cast      Cast
	subject   string     // host of the subject, where the cast has two implementations
	random    *rand.Rand // of attacks and contents
	players   map[string]*player
	order     []*player
	injectors map[string]*attacker
	begin     time.Time
	result    Result
}

// A player is a host with a peer.
type player struct {
	Host
	id     wire.ID
	testee lab.Testee // nil: none runs
	ids    int
	state  string
	stated int // id of the command state that was sent; 0: none
	asleep bool
	frozen bool
	lives  int
}

// A Cast is which implementations play: the subject on one host, which the plan's seed draws, the
// companion on all others. Where both are the same all hosts are judged, else the subject's alone.
type Cast struct {
	Subject, Companion manifest.Manifest
	One                bool // judge the subject's host alone in any case
}

func (c Cast) judges(host, subject string) bool {
	return host == subject || !c.One && c.Subject.Name == c.Companion.Name
}

// Run plays a plan, and judges its peers. React is how long after an input a peer may take to
// handle it: nothing where time is virtual. What goes wrong with the lab is an error.
func Run(ctx context.Context, l lab.Lab, p Plan, c Cast, react time.Duration) (result Result, err error) {
	g := Prepare(ctx, l, p, c)
	defer func() {
		if g.Net() != nil {
			if e := g.Net().Close(); err == nil {
				err = e
			}
		}
	}()
	return g.Play(react)
}

// A Game is a plan before and after it is played.
type Game struct{ w *world }

// Prepare gets a plan ready to be played in a lab. It brings nothing up.
func Prepare(ctx context.Context, l lab.Lab, p Plan, c Cast) *Game {
	return &Game{&world{
		ctx: ctx, plan: p, lab: oracle.Record(l), cast: c, random: rand.New(rand.NewPCG(uint64(p.Seed), 2)),
		players: map[string]*player{}, injectors: map[string]*attacker{},
	}}
}

// Net is the internet of the game, nil while there is none. Who plays a game closes it.
func (g *Game) Net() lab.Net { return g.w.net }

// Play plays the plan, and judges its peers, as Run does.
func (g *Game) Play(react time.Duration) (Result, error) {
	w, c := g.w, g.w.cast
	died, err := w.play()
	if err != nil {
		return w.result, err
	}
	w.result.trace = w.net.Trace()
	for _, x := range w.order {
		if x.testee != nil && x.testee.Exit() != nil && c.judges(x.Name, w.subject) {
			w.result.Findings = append(w.result.Findings, Finding{x.Name, oracle.Seen{Rule: survive, Wrong: "it ended by itself: " + x.testee.Exit().Stderr}})
		}
	}
	w.result.Datagrams = w.net.Trace().Len()
	w.result.Looked = map[string]int{}
	if died != nil {
		w.result.Findings = append(w.result.Findings, *died)
	}
	for _, x := range w.order {
		if !c.judges(x.Name, w.subject) {
			continue
		}
		m := c.Companion
		if x.Name == w.subject {
			m = c.Subject
		}
		for _, s := range oracle.Judge(w.lab, x.Name, react+m.React) {
			w.result.Looked[s.Rule.ID] += s.Looked
			if s.Wrong != "" {
				w.result.Findings = append(w.result.Findings, Finding{x.Name, s})
			}
		}
	}
	return w.result, nil
}

// play brings the world up and moves it to its end. A peer in this process that panics is a
// finding.
func (w *world) play() (died *Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			died, err = &Finding{Seen: oracle.Seen{
				Rule:  survive,
				Wrong: fmt.Sprintf("a peer panicked: %v\n%s", p, shortStack()),
			}}, nil
		}
	}()
	if err := w.up(); err != nil {
		return nil, err
	}
	for _, o := range w.plan.Ops {
		if err := w.until(o.At); err != nil {
			return nil, err
		}
		if err := w.do(o); err != nil {
			return nil, fmt.Errorf("%v: %w", o, err)
		}
	}
	return nil, w.until(w.plan.Length)
}

// survive is what a peer breaks that dies.
var survive = oracle.Rule{ID: "died", Requirement: "LAT-FRAME-014", Says: "A peer survives every datagram."}

func shortStack() string {
	var kept []string
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.Contains(line, "reference/") && len(kept) < 6 {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}

func (w *world) topology() (t internet.Topology, err error) {
	realms := map[string]string{}
	for _, h := range w.plan.Hosts {
		realm := internet.Public
		switch {
		case h.Behind != "":
			if realm = realms[h.Behind]; realm == "" {
				realm = internet.Public // its neighbour was shrunk away
			}
		default:
			p, err := nat.Lookup(h.Profile)
			if err != nil {
				return t, err
			}
			if !p.Open {
				realm = "home of " + h.Name
				t.NATs = append(t.NATs, internet.NAT{
					Name: "nat-" + h.Name, Profile: p, Inside: realm, Outside: internet.Public, Link: internet.Link{Latency: 5 * time.Millisecond},
				})
			}
		}
		realms[h.Name] = realm
		t.Hosts = append(t.Hosts, internet.Host{Name: h.Name, Realm: realm, Link: h.link()})
	}
	return t, nil
}

func (h Host) link() internet.Link {
	return internet.Link{Latency: h.Latency, Jitter: h.Jitter, Loss: h.Loss, Duplicate: h.Duplicate, Reorder: h.Reorder}
}

func (w *world) up() error {
	t, err := w.topology()
	if err != nil {
		return err
	}
	if w.net, err = w.lab.Up(w.ctx, t, lab.Options{Seed: w.plan.Seed}); err != nil {
		return err
	}
	w.begin = w.net.Now()
	for _, h := range w.plan.Hosts {
		if h.Injector {
			if err := w.inject(h); err != nil {
				return err
			}
			continue
		}
		x := &player{Host: h, id: seal.PeerID(h.Name)}
		w.players[h.Name] = x
		w.order = append(w.order, x)
	}
	w.subject = w.order[int(w.plan.Seed)%len(w.order)].Name
	if x := w.players[w.plan.Subject]; x != nil {
		w.subject = x.Name
	}
	// Bootstrap peers first, as everywhere: a peer that finds none asks again later.
	for _, bootstrap := range []bool{true, false} {
		for _, x := range w.order {
			if x.Bootstrap == bootstrap {
				if err := w.start(x, ""); err != nil {
					return err
				}
				if err := w.pass(20 * time.Millisecond); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *world) until(at time.Duration) error {
	if d := w.begin.Add(at).Sub(w.net.Now()); d > 0 {
		return w.pass(d)
	}
	return nil
}

func (w *world) pass(d time.Duration) error {
	until := w.net.Now().Add(d)
	for w.net.Now().Before(until) {
		if err := w.net.Step(w.ctx, until); err != nil {
			return err
		}
		for _, h := range w.plan.Hosts {
			if a := w.injectors[h.Name]; a != nil {
				if err := a.React(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *world) start(x *player, state string) error {
	m := w.cast.Companion
	if x.Name == w.subject {
		m = w.cast.Subject
	}
	t, err := w.net.Start(w.ctx, x.Name, m)
	if err != nil {
		return err
	}
	x.testee, x.ids, x.asleep, x.stated = t, 0, false, 0
	x.lives++
	seed := seal.SharedKey(fmt.Sprintf("%d %s %d", w.plan.Seed, x.Name, x.lives))
	with := testee.StartWith{
		PeerID: x.id.String(), Port: mainPort, ProbePort: probePort, ClusterID: hex.EncodeToString(cluster[:]), Indexed: x.Bootstrap,
		Keepalive: w.plan.Keepalive.Milliseconds(), Seed: hex.EncodeToString(seed[:]), State: state, Bootstrap: []testee.Bootstrap{},
	}
	if x.Bootstrap {
		with.Address = w.net.Addr(x.Name).String()
	}
	for _, b := range w.order {
		if b.Bootstrap && b != x {
			with.Bootstrap = append(with.Bootstrap, testee.Bootstrap{PeerID: b.id.String(), Address: w.net.Addr(b.Name).String(), Port: mainPort})
		}
	}
	w.command(x, testee.Hello, nil)
	w.command(x, testee.Start, with)
	return nil
}

// command gives a command, whose reply is the oracle's to look at. It gives none to a peer that
// does not run.
func (w *world) command(x *player, do string, with any) int {
	if x == nil || x.testee == nil {
		return 0
	}
	x.ids++
	c := testee.Command{ID: x.ids, Do: do}
	if with != nil {
		c.With, _ = json.Marshal(with)
	}
	w.result.Commands++
	_ = x.testee.Send(c) // a peer that has died is judged by that
	return c.ID
}

func keysOf(sub int) ([32]byte, seal.Keys) {
	shared := seal.SharedKey(fmt.Sprintf("subcluster %d", sub))
	return shared, seal.NewKeys(shared)
}

func (w *world) message(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.random.Uint32())
	}
	return hex.EncodeToString(b)
}

// do carries an op out. One for a host that was shrunk away, or that is not in the state for it,
// does nothing.
func (w *world) do(o Op) error {
	x := w.players[o.Host]
	if o.Do == Attack {
		return w.attack(o)
	}
	if x == nil {
		return nil
	}
	shared, keys := keysOf(o.Sub)
	sub := hex.EncodeToString(keys.SubclusterID[:])
	signing := ""
	if o.Sign {
		s := seal.SharedKey("author " + o.Host)
		signing = hex.EncodeToString(s[:])
	}
	switch o.Do {
	case Join:
		w.command(x, testee.Join, testee.JoinWith{SharedKey: hex.EncodeToString(shared[:])})
	case Leave:
		w.command(x, testee.Leave, testee.LeaveWith{SubclusterID: sub})
	case Publish:
		with := testee.PublishWith{SubclusterID: sub, Message: w.message(o.N), TTL: o.TTL.Milliseconds(), SigningSeed: signing}
		if o.Named {
			with.Event = event
		}
		w.command(x, testee.Publish, with)
	case Fill:
		for range min(o.N, maxFill) {
			w.command(x, testee.Publish, testee.PublishWith{SubclusterID: sub, Message: w.message(10)})
		}
	case Stream:
		if to := w.players[o.Peer]; to != nil && to != x {
			w.command(x, testee.Stream, testee.StreamWith{PeerID: to.id.String(), SubclusterID: sub, Message: w.message(o.N), SigningSeed: signing})
		}
	case Query:
		body := json.RawMessage(fmt.Sprintf(`{"about":%d}`, w.random.IntN(1000)))
		if ids := w.seen(); len(ids) > 0 && o.N > 0 {
			body = json.RawMessage(fmt.Sprintf(`{"packetId":%q}`, ids[w.random.IntN(len(ids))]))
		}
		w.command(x, testee.Query, testee.QueryWith{Body: body})
	case Sync:
		if to := w.players[o.Peer]; to != nil && to != x {
			w.command(x, testee.Sync, testee.SyncWith{PeerID: to.id.String()})
		}
	case Cache:
		w.command(x, testee.Cache, testee.CacheWith{})
	case Stop:
		return w.stop(x)
	case Start, Resume:
		if x.testee != nil {
			return nil
		}
		state := ""
		if o.Do == Resume {
			state = x.state
		}
		return w.start(x, state)
	case Sleep:
		if x.testee != nil && !x.asleep {
			x.asleep = true
			w.command(x, testee.Sleep, nil)
		}
	case Wake:
		if x.testee != nil && x.asleep {
			x.asleep = false
			w.command(x, testee.Wake, nil)
		}
	case Freeze, Thaw:
		if x.frozen != (o.Do == Freeze) {
			x.frozen = o.Do == Freeze
			return w.net.Change(internet.Change{Node: x.Name, Suspend: x.frozen, Resume: !x.frozen})
		}
	case Down, Up:
		link := x.link()
		link.Down = o.Do == Down
		if !x.frozen {
			return w.net.Change(internet.Change{Node: x.Name, Link: &link})
		}
	case Reboot, Renumber:
		if p, err := nat.Lookup(x.Profile); err == nil && !p.Open {
			return w.net.Change(internet.Change{Node: "nat-" + x.Name, Reboot: o.Do == Reboot, Readdress: o.Do == Renumber})
		}
	}
	return nil
}

// stop ends a peer as an application does: it asks for the state, and then tells it to stop.
func (w *world) stop(x *player) error {
	if x.testee == nil || x.frozen {
		return nil
	}
	id := w.command(x, testee.State, nil)
	if err := w.pass(10 * time.Millisecond); err != nil {
		return err
	}
	for _, m := range x.testee.Messages() {
		var ok testee.StateOK
		if m.ID == id && m.Error == nil && json.Unmarshal(m.OK, &ok) == nil {
			x.state = ok.State
		}
	}
	w.command(x, testee.Stop, nil)
	if err := w.pass(10 * time.Millisecond); err != nil {
		return err
	}
	if x.testee.Exit() == nil {
		if err := x.testee.Stop(); err != nil {
			return err
		}
	}
	x.testee = nil
	return nil
}

// seen are the packetIds of publishes that crossed the wire so far, in their order.
func (w *world) seen() []string {
	var ids []string
	for f := range w.net.Trace().Since(max(0, w.net.Trace().Len()-20_000)) {
		p, fault := f.Wire()
		if !fault.OK() || p.Type != wire.Publish {
			continue
		}
		if id, ok := p.ID(); ok && !slices.Contains(ids, id.String()) && len(ids) < 64 {
			ids = append(ids, id.String())
		}
	}
	return ids
}

// maxFill bounds how many messages one op publishes.
const maxFill = 1000

// An attacker is an injector with a second one on another port of its host. What the second one
// answers to questions is what the last attack made of it.
type attacker struct {
	*injector.Injector
	second  *injector.Injector
	crossed bool // questions to the second are answered from the main socket
	asked   int  // datagrams of the second that were looked at for that
}

// React answers what came to both.
func (a *attacker) React() error {
	if err := a.Injector.React(); err != nil {
		return err
	}
	if !a.crossed {
		a.asked = len(a.Aux.Received())
		return a.second.React()
	}
	for received := a.Aux.Received(); a.asked < len(received); a.asked++ {
		d := received[a.asked]
		var p wire.Packet
		if wire.Decode(&p, d.Payload).OK() && p.Type == wire.Ping {
			if _, err := a.Send(d.From, injector.Control(wire.Pong, a.Pong(&p, d.From))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) inject(h Host) error {
	main, err := w.net.Endpoint(h.Name, injectorPort)
	if err != nil {
		return err
	}
	aux, err := w.net.Endpoint(h.Name, injectorPort+1)
	if err != nil {
		return err
	}
	a := &attacker{Injector: injector.New(h.Name, h.Name, main, false)}
	a.Aux, a.second = aux, injector.New(h.Name, h.Name, aux, false)
	w.injectors[h.Name] = a
	return nil
}

// addressOf is where the world reaches a peer: where its datagrams came from last, as seen by a
// bootstrap peer.
func (w *world) addressOf(name string) (netip.AddrPort, bool) {
	x := w.players[name]
	if x == nil {
		return netip.AddrPort{}, false
	}
	if p, err := nat.Lookup(x.Profile); err == nil && p.Open {
		return netip.AddrPortFrom(w.net.Addr(name), mainPort), true
	}
	for _, b := range w.order {
		if !b.Bootstrap {
			continue
		}
		var last netip.AddrPort
		for f := range w.net.Trace().ReceivedBy(b.Name) {
			u, _ := f.UDP()
			if p, fault := f.Wire(); fault.OK() && p.Type == wire.Ping && p.Body.RequesterPeerID == x.id {
				last = u.Src
			}
		}
		if last.IsValid() {
			return last, true
		}
	}
	return netip.AddrPort{}, false
}

// Lines are the datagrams on the link of a host, one a line.
func (r Result) Lines(host string) (lines []string) {
	for f := range r.trace.On(host) {
		if _, ok := f.UDP(); ok {
			lines = append(lines, r.Show(f.Seq))
		}
	}
	return lines
}
