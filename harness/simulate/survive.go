package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Survive has one member publish and leave for good, while all others restart
// again and again with nothing but their name, indexed peers too. It looks each ten
// milliseconds which of them hold the packet.
//
// Without passing it on, a packet with k holders whose lives are exponential with
// mean L is still held by somebody after t with probability 1 - (1 - exp(-t/L))^k:
// the loss of all replicas that are never repaired, as in H. Weatherspoon, J. D.
// Kubiatowicz, "Erasure coding vs. replication: a quantitative comparison", IPTPS
// 2002. With it a peer that comes back lacks the packet until its first sync, so
// that in the balance 1/(1 + s/L) of all hold it, where s is the mean time to that
// sync: the availability of a machine that fails and is repaired (R. E. Barlow, F.
// Proschan, "Mathematical Theory of Reliability", 1965).
type Survive struct {
	Peers int     `json:"peers"` // three of them indexed
	Life  float64 `json:"life"`  // mean, in keepalive intervals
	Lives int     `json:"lives"` // for how many mean lives it is watched
}

// DefaultSurvive has every peer restart each ten minutes of virtual time.
var DefaultSurvive = Survive{Peers: 20, Life: 20, Lives: 6}

func (Survive) Name() string { return "survive" }

// Validate says which parameter can't be.
func (x Survive) Validate() error {
	switch {
	case x.Peers < 8 || x.Peers > 500:
		return fmt.Errorf("simulate: survive: %d peers, 8 to 500", x.Peers)
	case !(x.Life >= 2 && x.Life <= 10_000):
		return fmt.Errorf("simulate: survive: a mean life of %v keepalive intervals, 2 to 10,000", x.Life)
	case x.Lives < 1 || float64(x.Lives)*x.Life*peer.DefaultKeepalive.Hours() > 5:
		return fmt.Errorf("simulate: survive: %d lives of %v keepalive intervals, 1 to five hours in all: packets live six", x.Lives, x.Life)
	}
	return nil
}

// surviveStep is between two looks.
const surviveStep = 10 * time.Millisecond

const (
	surviveLacking = "lacking"   // seconds that peers were without it, in the second half
	surviveLooked  = "seconds"   // of all peers, in the second half
	surviveAlive   = "alive"     // 1: somebody has it at the end
	surviveFirst   = "first"     // holders when the author left
	surviveDelay   = "delays"    // seconds from a start to having the packet, summed
	surviveGot     = "delays of" // how many
)

// lack is a peer that has started without the packet.
type lack struct {
	n     *node
	since time.Time
}

func (x Survive) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	if err := x.Validate(); err != nil {
		return s, err
	}
	w := newWorld(seed)
	if _, err := w.indexed(3, peer.Config{}); err != nil {
		return s, err
	}
	if err := w.members(x.Peers-3, internet.Link{Latency: hostLatency}); err != nil {
		return s, err
	}
	author, err := w.add("author", "open", internet.Link{Latency: hostLatency}, peer.Config{})
	if err != nil {
		return s, err
	}
	if err := w.up(); err != nil {
		return s, err
	}
	for _, n := range w.nodes {
		n.begin()
	}
	if err := w.run(e.Context, w.now().Add(epidemicSettles), nil); err != nil {
		return s, err
	}
	var publish error
	var packet wire.ID
	author.tell(func(p *peer.Peer, now time.Time) {
		ids, err := p.Publish(now, peer.Publication{Subcluster: members.SubclusterID, Message: []byte("it outlives its author")})
		if publish = err; err == nil {
			packet = ids[0]
		}
	})
	if publish != nil {
		return s, publish
	}
	if err := w.run(e.Context, w.now().Add(epidemicSpreads), nil); err != nil {
		return s, err
	}
	author.stop()
	others := w.nodes[:len(w.nodes)-1]
	for _, n := range others {
		if n.has(packet) {
			s.Measured[surviveFirst]++
		}
	}

	// Each peer restarts at the end of a second with a probability of one in its mean life.
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	life := x.Life * peer.DefaultKeepalive.Seconds()
	total := int(float64(x.Lives) * life)
	var lacking []lack
	for second := 1; second <= total; second++ {
		for range time.Second / surviveStep {
			if err := w.run(e.Context, w.now().Add(surviveStep), nil); err != nil {
				return s, err
			}
			if second > total/2 {
				s.Measured[surviveLooked] += float64(len(others)) * surviveStep.Seconds()
				s.Measured[surviveLacking] += float64(len(lacking)) * surviveStep.Seconds()
			}
			lacking = slices.DeleteFunc(lacking, func(l lack) bool {
				if !l.n.has(packet) {
					return false
				}
				s.Measured[surviveDelay] += w.now().Sub(l.since).Seconds()
				s.Measured[surviveGot]++
				return true
			})
		}
		for _, n := range others {
			if random.Float64() < 1/life {
				n.stop()
				n.begin()
				lacking = slices.DeleteFunc(lacking, func(l lack) bool { return l.n == n })
				lacking = append(lacking, lack{n, w.now()})
			}
		}
		if e.Progress != nil && second%60 == 0 {
			e.Progress(float64(second)/float64(total), "seconds")
		}
	}
	for _, n := range others {
		if n.has(packet) {
			s.Measured[surviveAlive] = 1
		}
	}
	return s, nil
}

// unrepaired is the probability that one of k replicas with exponential lives is
// there after so many mean lives, if none is ever made anew.
func unrepaired(k, lives float64) float64 { return 1 - math.Pow(1-math.Exp(-lives), k) }

// Judge wants the packet to be there at the end of every run, and peers to be
// without it for as long as the balance says, to a half: a run sees some hundred
// restarts, of which some take long.
func (x Survive) Judge(samples []Sample) []Row {
	sum := func(what string) (total float64) {
		for _, v := range values(samples, what) {
			total += v
		}
		return total
	}
	runs := float64(len(samples))
	delay := sum(surviveDelay) / max(sum(surviveGot), 1)
	life := x.Life * peer.DefaultKeepalive.Seconds()
	without := time.Hour.Seconds() * delay / (life + delay)
	alive := count(samples, surviveAlive, func(v float64) bool { return v == 1 })
	return []Row{
		{What: "holders when the author leaves", Unit: "%", Measured: sum(surviveFirst) / runs / float64(x.Peers), Theory: ref(1)},
		{What: "restarts after which the packet came", Measured: sum(surviveGot)},
		{What: "from a start to having the packet, mean", Unit: "s", Measured: delay, AtMost: ref(peer.DefaultKeepalive.Seconds())},
		{
			What: "without the packet, of each hour of a peer", Unit: "s", Measured: time.Hour.Seconds() * sum(surviveLacking) / sum(surviveLooked),
			Theory: ref(without), AtLeast: ref(without / 2), AtMost: ref(without * 3 / 2),
		},
		{
			What: fmt.Sprintf("there after %d mean lives", x.Lives), Unit: "%", Measured: float64(alive) / runs, AtLeast: ref(1),
			Theory: ref(unrepaired(float64(x.Peers), float64(x.Lives))),
			Note:   fmt.Sprintf("theory: if nobody passed it on; with 99 %% confidence at least %.1f %%", 100*lowerBound(alive, len(samples))),
		},
	}
}
