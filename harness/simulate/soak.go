package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Soak runs a cluster for a day of virtual time: members behind every profile
// that come and go, NATs that reboot, machines that sleep, messages, loss. It
// looks for what grows, for connections that stay away, and for messages that
// don't arrive.
type Soak struct {
	Hours float64 `json:"hours"`
	Peers int     `json:"peers"` // the indexed ones among them
	Loss  float64 `json:"loss"`  // probability, on each host's link, each way
	TTL   int     `json:"ttl"`   // seconds, of messages; 0: the standard six hours
}

// DefaultSoak is a day of fifty peers.
var DefaultSoak = Soak{Hours: 24, Peers: 50, Loss: 0.01}

func (Soak) Name() string { return "soak" }

const (
	soakIndexed = 3
	soakK       = peer.DefaultKeepalive

	publishEvery = 30 * time.Second
	streamEvery  = 20 * time.Second
	// Mean times from one such event to the next, anywhere.
	churnEvery  = 6 * time.Minute  // a peer stops, and starts again later
	sleepEvery  = 10 * time.Minute // a machine sleeps for a while
	rebootEvery = 12 * time.Minute // a NAT forgets its mappings
)

// Validate says which parameter can't be.
func (x Soak) Validate() error {
	switch {
	case !(x.Hours >= 1 && x.Hours <= 24*366):
		return fmt.Errorf("simulate: soak: %v hours, at least 1", x.Hours)
	case x.Peers < soakIndexed+2 || x.Peers > 200:
		return fmt.Errorf("simulate: soak: %d peers, %d to 200, of which %d are indexed", x.Peers, soakIndexed+2, soakIndexed)
	case !(x.Loss >= 0 && x.Loss < 1):
		return fmt.Errorf("simulate: soak: a loss of %v, 0 to less than 1", x.Loss)
	case x.TTL < 0 || x.TTL > 6*3600:
		return fmt.Errorf("simulate: soak: a ttl of %d s, 0 to six hours", x.TTL)
	}
	return nil
}

// A soaking is one run of it.
type soaking struct {
	Soak
	e      Env
	w      *world
	random *rand.Rand
	sample Sample
	begun  time.Time
	end    time.Time

	links    *links
	messages *messages
	streams  streams
	sizes    sizes
	heap     []float64               // bytes, by the minute
	traffic  [wire.Query + 1]float64 // datagrams sent, by their type; 0 is what opens ports
	away     []returning
}

// returning is a node that stops or sleeps, and until when.
type returning struct {
	n      *node
	at     time.Time
	asleep bool
	told   bool   // of its sleep
	state  []byte // that it has saved; nil: none
}

// Run runs one soak.
func (x Soak) Run(e Env, seed int64) (Sample, error) {
	s := &soaking{
		Soak: x, e: e, w: newWorld(seed), random: rand.New(rand.NewPCG(uint64(seed), 0)),
		sample: Sample{Seed: seed, Measured: map[string]float64{}},
	}
	if err := x.Validate(); err != nil {
		return s.sample, err
	}
	if err := s.build(); err != nil {
		return s.sample, err
	}
	s.begun = s.w.now()
	s.end = s.begun.Add(time.Duration(x.Hours * float64(time.Hour)))
	if err := s.live(); err != nil {
		return s.sample, err
	}
	s.conclude()
	return s.sample, nil
}

// soakLimits are the standard ones, but for tables from which nothing goes until they
// are full: those are smaller, so that in a day they are full long before half
// time, and of the second half one can ask that nothing grows. What is forgotten
// has a fourth of that: the first packets expire after six hours, with members
// after twelve.
var soakLimits = peer.Limits{ReplicationLimits: peer.ReplicationLimits{Gates: 4096, Delivered: 1024, Forgotten: 256}, StreamLimits: peer.StreamLimits{Relayed: 1024}}

// publishes reports whether messages are published at a time. In a day the cache is
// full of its oldest packets at half time. In a shorter run it would never be, so
// that nothing is published any more from then on.
func (s *soaking) publishes(at time.Time) bool {
	return s.Hours >= 24 || at.Before(s.half())
}

func (s *soaking) half() time.Time {
	return s.end.Add(-time.Duration(s.Hours / 2 * float64(time.Hour)))
}

// build declares the peers and starts them, one each second.
func (s *soaking) build() error {
	config := peer.Config{Keepalive: soakK, Limits: soakLimits}
	indexed, err := s.w.indexed(soakIndexed, config)
	if err != nil {
		return err
	}
	link := internet.Link{Latency: hostLatency, Loss: s.Loss}
	for i := range indexed {
		s.w.topology.Hosts[i].Link = link
	}
	profiles := nat.Profiles()
	for i := range s.Peers - soakIndexed {
		if _, err := s.w.add(fmt.Sprintf("peer%d", i+1), profiles[i%len(profiles)].Name, link, config); err != nil {
			return err
		}
	}
	if err := s.w.up(); err != nil {
		return err
	}
	s.links = newLinks(s.w)
	s.messages = newMessages(s.w)
	for _, n := range s.w.nodes {
		n.event = func(e peer.Event) { s.heard(n, e) }
		n.sent = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) { s.traffic[wire.TypeOf(datagram)]++ }
		s.start(n, nil)
		if err := s.w.run(s.e.Context, s.w.now().Add(time.Second), nil); err != nil {
			return err
		}
	}
	return nil
}

// heard takes an event of a peer.
func (s *soaking) heard(n *node, e peer.Event) {
	switch e.Kind {
	case peer.Connection:
		s.links.set(n, e.PeerID, true)
	case peer.Disconnection:
		s.links.set(n, e.PeerID, false)
	case peer.Packet:
		s.messages.arrived(n, e, s.links.steady[n.index])
	case peer.Stream:
		s.streams.arrived(e)
	case peer.Error:
		s.broke("%s reports an error: %s", n.name, e.Text)
	}
}

// maxKept is how many broken rules are kept.
const maxKept = 100

func (s *soaking) broke(format string, args ...any) {
	if len(s.sample.Broken) < maxKept {
		at := s.w.now().Sub(s.begun).Round(time.Second)
		s.sample.Broken = append(s.sample.Broken, fmt.Sprintf("at %v: ", at)+fmt.Sprintf(format, args...))
	}
}

// start runs a peer, with the state of an earlier life or without, which joins.
func (s *soaking) start(n *node, state []byte) {
	s.links.disturbed(n)
	n.config.State = state
	n.begin()
	n.config.State = nil
}

// live moves the world from one thing that happens to the next.
func (s *soaking) live() error {
	next := func(every time.Duration) time.Time {
		return s.w.now().Add(time.Duration(s.random.ExpFloat64() * float64(every)))
	}
	churn, sleep, reboot := next(churnEvery), next(sleepEvery), next(rebootEvery)
	publish, stream, minute := s.w.now().Add(publishEvery), s.w.now().Add(streamEvery), s.w.now().Add(time.Minute)
	for s.w.now().Before(s.end) {
		at := s.end
		for _, t := range []time.Time{churn, sleep, reboot, publish, stream, minute} {
			at = earliest(at, t)
		}
		for _, r := range s.away {
			at = earliest(at, r.at)
		}
		if err := s.w.run(s.e.Context, at, nil); err != nil {
			return err
		}
		now := s.w.now()
		if err := s.comeBack(); err != nil {
			return err
		}
		if !now.Before(churn) {
			s.stopOne()
			churn = next(churnEvery)
		}
		if !now.Before(sleep) {
			if err := s.sleepOne(); err != nil {
				return err
			}
			sleep = next(sleepEvery)
		}
		if !now.Before(reboot) {
			if err := s.rebootOne(); err != nil {
				return err
			}
			reboot = next(rebootEvery)
		}
		if !now.Before(publish) {
			if s.publishes(now) {
				s.publishOne()
			}
			publish = publish.Add(publishEvery)
		}
		if !now.Before(stream) {
			s.streamOne()
			stream = stream.Add(streamEvery)
		}
		if !now.Before(minute) {
			s.look()
			minute = minute.Add(time.Minute)
		}
	}
	return nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// running draws one of the nodes that are up, of those that fit.
func (s *soaking) running(fits func(n *node) bool) *node {
	var all []*node
	for _, n := range s.w.nodes {
		if n.peer != nil && !n.asleep && fits(n) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[s.random.IntN(len(all))]
}

func isLeaf(n *node) bool { return !n.config.Indexed }

// minutes draws a time up to so many minutes.
func (s *soaking) minutes(most int) time.Time {
	return s.w.now().Add(time.Minute + time.Duration(s.random.Int64N(int64(most)*int64(time.Minute))))
}

// stopOne kills a peer, for up to twenty minutes; a bootstrap peer only while the
// others run. Half of them have saved their state.
func (s *soaking) stopOne() {
	indexedAway := false
	for _, r := range s.away {
		indexedAway = indexedAway || r.n.config.Indexed
	}
	n := s.running(func(n *node) bool { return isLeaf(n) || !indexedAway })
	if n == nil {
		return
	}
	r := returning{n: n, at: s.minutes(20)}
	if s.random.IntN(2) == 0 {
		r.state = n.peer.State()
	}
	n.stop()
	s.links.disturbed(n)
	s.away = append(s.away, r)
	s.sample.Measured[soakStops]++
}

// sleepOne suspends a machine, for up to an hour. Half of the peers are told.
func (s *soaking) sleepOne() error {
	n := s.running(isLeaf)
	if n == nil {
		return nil
	}
	s.links.disturbed(n)
	r := returning{n: n, at: s.minutes(60), asleep: true, told: s.random.IntN(2) == 0}
	if r.told {
		n.tell((*peer.Peer).Sleep)
	}
	s.away = append(s.away, r)
	s.sample.Measured[soakSleeps]++
	return n.sleep(true)
}

func (s *soaking) rebootOne() error {
	n := s.running(func(n *node) bool { return isLeaf(n) && n.profile != "open" })
	if n == nil {
		return nil
	}
	s.links.disturbed(n)
	s.sample.Measured[soakReboots]++
	return s.w.internet.Network.Change(s.w.now(), internet.Change{Node: "nat-" + n.name, Reboot: true})
}

func (s *soaking) comeBack() error {
	left := s.away[:0]
	for _, r := range s.away {
		switch {
		case s.w.now().Before(r.at):
			left = append(left, r)
		case r.asleep:
			s.links.disturbed(r.n)
			if err := r.n.sleep(false); err != nil {
				return err
			}
			if r.told {
				r.n.tell((*peer.Peer).Wake)
			}
		default:
			s.start(r.n, r.state)
		}
	}
	s.away = left
	return nil
}

// publishOne publishes from any member, every tenth message in fragments.
func (s *soaking) publishOne() {
	n := s.running(func(n *node) bool { return isLeaf(n) && reaches(n.profile) })
	if n == nil {
		return
	}
	size := 100
	if s.random.IntN(10) == 0 {
		size = 3000
	}
	n.tell(func(p *peer.Peer, now time.Time) {
		ids, err := p.Publish(now, peer.Publication{Subcluster: members.SubclusterID, Message: make([]byte, size), TTL: time.Duration(s.TTL) * time.Second})
		if err != nil {
			s.broke("%s can't publish: %v", n.name, err)
			return
		}
		s.messages.published(n, ids[0])
	})
}

// remember is how long after its publication a message is still expected by
// members that were away.
func (s *soaking) remember() time.Duration {
	if s.TTL == 0 {
		return rememberFor
	}
	return min(rememberFor, time.Duration(s.TTL)*time.Second/2)
}

// streamOne streams between two members that are connected to each other, and
// have both been in peace for a while.
func (s *soaking) streamOne() {
	settled := func(n *node) bool { return inPeace(n) && s.w.now().Sub(s.links.steady[n.index]) >= settledAfter }
	from := s.running(settled)
	if from == nil {
		return
	}
	to := s.running(func(n *node) bool {
		return settled(n) && n != from && s.links.both(from.index, n.index) && s.w.now().Sub(s.links.met[min(n.index, from.index)][max(n.index, from.index)]) >= soakK
	})
	if to == nil {
		return
	}
	from.tell(func(p *peer.Peer, now time.Time) {
		err := p.Stream(now, peer.Streaming{PeerID: to.id, Subcluster: members.SubclusterID, Message: s.streams.begin(now, from, to)})
		if err != nil {
			s.broke("%s can't stream to %s: %v", from.name, to.name, err)
		}
	})
}

// reaches reports whether peers behind such a NAT can be connected to at all.
func reaches(profile string) bool {
	p, err := nat.Lookup(profile)
	return err == nil && !p.Blocked
}

// look is what is sampled every minute.
func (s *soaking) look() {
	for _, n := range s.w.nodes {
		if n.peer != nil {
			s.sizes.add(n, s.broke)
		}
	}
	s.links.look(s.broke)
	s.messages.look(s.links, s.remember(), s.broke)
	s.streams.look(s.links)
	if s.e.Heap != nil {
		s.heap = append(s.heap, float64(s.e.Heap()))
	}
	s.sizes.minute()
	if s.e.Progress != nil {
		lived := s.w.now().Sub(s.begun)
		s.e.Progress(float64(lived)/float64(s.end.Sub(s.begun)), lived.Round(time.Minute).String())
	}
}
