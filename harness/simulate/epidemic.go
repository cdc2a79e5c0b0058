package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Epidemic lets members of one cluster publish, one after the other, and counts
// whom multicast alone reaches, after how many hops and at what cost, and whom
// the syncs reach that follow.
//
// Each peer that gets a packet for the first time passes it on once, to six of those
// that it knows, one of them indexed: an epidemic in which the infected spread once
// and are then removed. W. O. Kermack, A. G. McKendrick, "A contribution to the
// mathematical theory of epidemics", Proc. R. Soc. A 115 (1927) 700-721; for
// computers, A. Demers et al., "Epidemic algorithms for replicated database
// maintenance", PODC 1987. Nothing that was measured enters theory: spread says what
// does.
type Epidemic struct {
	Members  int     `json:"members"` // beside three indexed peers
	Messages int     `json:"messages"`
	Loss     float64 `json:"loss"` // on each host's link, each way
}

// DefaultEpidemic is as large as a run of a few seconds allows.
var DefaultEpidemic = Epidemic{Members: 100, Messages: 15, Loss: 0.01}

func (Epidemic) Name() string { return "epidemic" }

// Validate says which parameter can't be.
func (x Epidemic) Validate() error {
	switch {
	case x.Members < 8 || x.Members > 1000:
		return fmt.Errorf("simulate: epidemic: %d members, 8 to 1,000", x.Members)
	case x.Messages < 1 || x.Messages > 500:
		return fmt.Errorf("simulate: epidemic: %d messages, 1 to 500", x.Messages)
	case !(x.Loss >= 0 && x.Loss < 1):
		return fmt.Errorf("simulate: epidemic: a loss of %v, 0 to less than 1", x.Loss)
	}
	return nil
}

const (
	epidemicBoots   = 3
	epidemicSettles = 10 * peer.DefaultKeepalive // until members know each other
	epidemicSpreads = 2 * time.Second            // for a multicast: a hop takes 20 ms
	epidemicMends   = 8 * peer.DefaultKeepalive  // for the syncs that follow (LAT-REPL-030)

	epidemicRests = 6 * time.Second // until the syncs are over: silent for four seconds

	// epidemicTolerance is how far theory may be from what is reached, beyond chance.
	epidemicTolerance = 0.01
)

// What is measured of a run, in sums over its messages. A copy is one that was
// multicast by all through whom it came: a sync writes into a packet's ttl what is
// left of it (LAT-SYNC-014), a multicast leaves it as it is.
const (
	epidemicReached = "reached"           // by a copy, the author among them
	epidemicSquared = "reached squared"   // the sum of the squares of these
	epidemicMended  = "mended"            // by then or by syncs, the author among them
	epidemicCopies  = "copies"            // sent
	epidemicIndexed = "copies to indexed" // sent, to indexed peers
	epidemicArrived = "arrived"           // of the copies
	epidemicHops    = "hops"              // of the first copy that came, summed over those reached but the author
	epidemicMost    = "hops most"         // of all
)

func (x Epidemic) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	if err := x.Validate(); err != nil {
		return s, err
	}
	w := newWorld(seed)
	boots, err := w.indexed(epidemicBoots, peer.Config{})
	if err != nil {
		return s, err
	}
	link := internet.Link{Latency: hostLatency, Loss: x.Loss}
	for i := range boots {
		w.topology.Hosts[i].Link = link
	}
	if err := w.members(x.Members, link); err != nil {
		return s, err
	}
	if err := w.up(); err != nil {
		return s, err
	}
	owners := map[netip.Addr]*node{}
	for _, n := range w.nodes {
		owners[w.internet.Network.Addressing(n.name).Addrs[0]] = n
	}
	var packet wire.ID    // that is spreading now
	var ttl time.Duration // with which it was published
	spreading := false
	had := make([]bool, len(w.nodes))
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	isCopy := func(pk *wire.Packet, datagram []byte) bool {
		if !spreading || wire.TypeOf(datagram) != wire.Publish || !wire.Decode(pk, datagram).OK() {
			return false
		}
		id, ok := pk.ID()
		return ok && id == packet && time.Duration(pk.TTL)*time.Millisecond == ttl
	}
	for _, n := range w.nodes {
		n.sent = func(_ peer.Socket, to netip.AddrPort, datagram []byte) {
			var pk wire.Packet
			if !isCopy(&pk, datagram) {
				return
			}
			s.Measured[epidemicCopies]++
			if owner := owners[to.Addr()]; owner != nil && owner.config.Indexed {
				s.Measured[epidemicIndexed]++
			}
		}
		n.received = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) {
			var pk wire.Packet
			if !isCopy(&pk, datagram) {
				return
			}
			s.Measured[epidemicArrived]++
			if !had[n.index] {
				had[n.index] = true
				s.Measured[epidemicHops] += float64(pk.Hops)
				s.Measured[epidemicMost] = max(s.Measured[epidemicMost], float64(pk.Hops))
			}
		}
		// Heartbeats in step would start all syncs at one time.
		pause := time.Duration(random.Int64N(2 * int64(peer.DefaultKeepalive) / int64(len(w.nodes))))
		if err := w.run(e.Context, w.now().Add(pause), nil); err != nil {
			return s, err
		}
		n.begin()
	}
	if err := w.run(e.Context, w.now().Add(epidemicSettles), nil); err != nil {
		return s, err
	}
	for i := range x.Messages {
		author := w.nodes[epidemicBoots+i%x.Members]
		clear(had)
		had[author.index] = true
		var failed error
		author.tell(func(p *peer.Peer, now time.Time) {
			ids, err := p.Publish(now, peer.Publication{Subcluster: members.SubclusterID, Message: fmt.Appendf(nil, "message %d of seed %d", i, seed)})
			if failed = err; err != nil {
				return
			}
			if e, cached := p.Cache().Get(ids[0]); cached {
				packet, ttl, spreading = ids[0], e.TTL, true
			}
		})
		if failed != nil {
			return s, failed
		}
		if err := w.run(e.Context, w.now().Add(epidemicSpreads), nil); err != nil {
			return s, err
		}
		spreading = false
		reached := 0.0
		for _, has := range had {
			if has {
				reached++
			}
		}
		s.Measured[epidemicReached] += reached
		s.Measured[epidemicSquared] += reached * reached
		if err := w.run(e.Context, w.now().Add(epidemicMends), func() bool { return holders(w, packet) == len(w.nodes) }); err != nil {
			return s, err
		}
		s.Measured[epidemicMended] += float64(holders(w, packet))
		// What comes from a peer while a sync with it is under way is passed on only
		// now and then (LAT-SYNC-012): the next message begins when all are over.
		if err := w.run(e.Context, w.now().Add(epidemicRests), nil); err != nil {
			return s, err
		}
		if e.Progress != nil {
			e.Progress(float64(i+1)/float64(x.Messages), "messages")
		}
	}
	return s, nil
}

// holders is how many peers have a packet.
func holders(w *world, packet wire.ID) (n int) {
	for _, node := range w.nodes {
		if node.has(packet) {
			n++
		}
	}
	return n
}

// An outbreak is what theory expects of a multicast.
type outbreak struct {
	Indexed float64 // copies that one that has it sends to indexed peers, of targets
	Part    float64 // of all peers that it reaches, the author among them
	Hops    float64 // mean, of those that it reaches but the author
	Dies    float64 // probability that it ends while few have it
}

const (
	targets = 6 // of a multicast
	drawn   = 3 // of them drawn from all
)

// spread is what theory expects of a multicast by a member, where everybody knows
// everybody, of whom indexed ones are few, and a copy arrives with a probability.
//
// Of the three that are drawn from all some may be indexed; where none is, one is
// added. The rest of the six are members. So members get five copies of six, and
// those that are indexed all others, however few they are. Round by round, who has
// nothing yet is missed by everybody that got it in the last round with the
// probability 1 - arrives * copies / candidates each, the candidates being all of
// that kind but the sender and whom it has it from.
//
// While few have it, it is a branching process with binomial offspring, which dies out
// with the probability x that solves x = (1 - arrives + arrives x)^6: T. E. Harris,
// "The Theory of Branching Processes", Springer 1963.
func spread(memberCount, indexed int, arrives float64) outbreak {
	m, b := float64(memberCount), float64(indexed)
	candidates := m + b - 2
	var s outbreak
	none := 1.0
	for i := range drawn {
		none *= (candidates - b - float64(i)) / (candidates - float64(i))
	}
	s.Indexed = none + drawn*b/candidates
	missMember := 1 - arrives*(targets-s.Indexed)/(m-2)
	missIndexed := 1 - arrives*min(s.Indexed/b, 1)
	fresh, hops, reached := 1.0, 0.0, 0.0
	for hop := 1.0; fresh > 1e-6 && hop < 1000; hop++ {
		newMembers := (m - 1) * (1 - math.Pow(missMember, fresh))
		newIndexed := b * (1 - math.Pow(missIndexed, fresh))
		m, b = m-newMembers, b-newIndexed
		fresh = newMembers + newIndexed
		hops += hop * fresh
		reached += fresh
	}
	s.Hops = hops / reached
	for range 1000 {
		s.Dies = math.Pow(1-arrives+arrives*s.Dies, targets)
	}
	s.Part = (1 + (1-s.Dies)*reached) / float64(memberCount+indexed)
	return s
}

// Judge wants of multicast what theory expects, to a part in a hundred beyond what
// so few messages can show, and of the syncs that nobody is left.
func (x Epidemic) Judge(samples []Sample) []Row {
	per := float64(len(samples) * x.Messages)
	n := float64(x.Members + epidemicBoots)
	sum := func(what string) (total float64) {
		for _, v := range values(samples, what) {
			total += v
		}
		return total
	}
	arrives := (1 - x.Loss) * (1 - x.Loss)
	theory := spread(x.Members, epidemicBoots, arrives)
	reached, copies := sum(epidemicReached)/per, sum(epidemicCopies)/per
	spreads := math.Sqrt(max(sum(epidemicSquared)/per-reached*reached, 0)) // standard deviation
	within := normal99 * spreads / math.Sqrt(per) / n
	most := 0.0
	for _, v := range values(samples, epidemicMost) {
		most = max(most, v)
	}
	near := func(what string, measured, theory, part float64) Row {
		return Row{What: what, Measured: measured, Theory: ref(theory), AtLeast: ref(theory * (1 - part)), AtMost: ref(theory * (1 + part))}
	}
	return []Row{
		near("copies sent by a peer that has it", copies/reached, targets, 0.02),
		near("... of them to indexed peers", sum(epidemicIndexed)/per/reached, theory.Indexed, 0.05),
		near("copies that arrive for each", sum(epidemicArrived)/per/reached, targets*arrives, 0.03),
		{
			What: "reached by multicast", Unit: "%", Measured: reached / n, Theory: ref(theory.Part),
			AtLeast: ref(theory.Part - epidemicTolerance - within), AtMost: ref(min(theory.Part+epidemicTolerance+within, 1)),
			Note: fmt.Sprintf("± %.2f %% with 99 %% confidence", 100*within),
		},
		near("hops, mean", sum(epidemicHops)/(per*(reached-1)), theory.Hops, 0.1),
		{What: "hops, most", Measured: most, AtMost: ref(16)},
		{What: "reached within 8 K, by syncs too", Unit: "%", Measured: sum(epidemicMended) / per / n, AtLeast: ref(1)},
	}
}
