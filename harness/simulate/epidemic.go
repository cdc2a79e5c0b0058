package simulate

import (
	"fmt"
	"math"
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
// Each peer that gets a packet for the first time passes it on once, to fanout
// others that it draws: an epidemic in which the infected spread once and are then
// removed. In a large and well mixed population the fraction z that it reaches
// solves z = 1 - exp(-f z), where f is how many copies arrive for each peer that
// has it: W. O. Kermack, A. G. McKendrick, "A contribution to the mathematical
// theory of epidemics", Proc. R. Soc. A 115 (1927) 700-721; for computers, A.
// Demers et al., "Epidemic algorithms for replicated database maintenance", PODC
// 1987. Here f is counted, since a fanout drawn among neighbours sends some
// copies where others go too.
type Epidemic struct {
	Members  int     `json:"members"` // beside three indexed peers
	Messages int     `json:"messages"`
	Loss     float64 `json:"loss"` // on each host's link, each way
}

// DefaultEpidemic is as large as a run of a few seconds allows.
var DefaultEpidemic = Epidemic{Members: 100, Messages: 20, Loss: 0.01}

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
	epidemicSettles = 10 * peer.DefaultKeepalive // until members know each other
	epidemicSpreads = 2 * time.Second            // for a multicast: a hop takes 20 ms
	epidemicMends   = 8 * peer.DefaultKeepalive  // for the syncs that follow (LAT-REPL-030)
)

// What is measured of a run, in sums over its messages.
const (
	epidemicReached = "reached"   // by multicast, the author among them
	epidemicMended  = "mended"    // by then or by syncs, the author among them
	epidemicCopies  = "copies"    // publishes sent by multicast
	epidemicArrived = "arrived"   // publishes that came
	epidemicHops    = "hops"      // summed over those that were reached first by this number
	epidemicMost    = "hops most" // of all
)

func (x Epidemic) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	if err := x.Validate(); err != nil {
		return s, err
	}
	w := newWorld(seed)
	if _, err := w.indexed(3, peer.Config{}); err != nil {
		return s, err
	}
	for i := range x.Members {
		if _, err := w.add(fmt.Sprintf("member%d", i), "open", internet.Link{Latency: hostLatency, Loss: x.Loss}, peer.Config{}); err != nil {
			return s, err
		}
	}
	if err := w.up(); err != nil {
		return s, err
	}
	var packet wire.ID // that is spreading now
	had := make([]bool, len(w.nodes))
	got := func(n *node, hops uint32) {
		if !had[n.index] {
			had[n.index] = true
			s.Measured[epidemicHops] += float64(hops)
			s.Measured[epidemicMost] = max(s.Measured[epidemicMost], float64(hops))
		}
	}
	spreading := false
	for _, n := range w.nodes {
		count := func(datagram []byte, what string) (pk wire.Packet, counted bool) {
			if !spreading || wire.TypeOf(datagram) != wire.Publish || !wire.Decode(&pk, datagram).OK() {
				return pk, false
			}
			if id, ok := pk.ID(); !ok || id != packet {
				return pk, false
			}
			s.Measured[what]++
			return pk, true
		}
		n.sent = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) { count(datagram, epidemicCopies) }
		n.received = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) {
			if pk, counted := count(datagram, epidemicArrived); counted {
				got(n, pk.Hops)
			}
		}
		n.start()
		if !n.config.Indexed {
			n.tell(func(p *peer.Peer, now time.Time) { p.Join(now, members) })
		}
	}
	if err := w.run(e.Context, w.now.Add(epidemicSettles), nil); err != nil {
		return s, err
	}
	for i := range x.Messages {
		author := w.nodes[3+i%x.Members]
		had = make([]bool, len(w.nodes))
		had[author.index] = true
		var failed error
		author.tell(func(p *peer.Peer, now time.Time) {
			ids, err := p.Publish(now, peer.Publication{Subcluster: members.SubclusterID, Message: fmt.Appendf(nil, "message %d of seed %d", i, seed)})
			if failed = err; err == nil {
				packet, spreading = ids[0], true
			}
		})
		if failed != nil {
			return s, failed
		}
		if err := w.run(e.Context, w.now.Add(epidemicSpreads), nil); err != nil {
			return s, err
		}
		spreading = false
		s.Measured[epidemicReached] += float64(holders(w, packet))
		if err := w.run(e.Context, w.now.Add(epidemicMends), func() bool { return holders(w, packet) == len(w.nodes) }); err != nil {
			return s, err
		}
		s.Measured[epidemicMended] += float64(holders(w, packet))
		if e.Progress != nil {
			e.Progress(float64(i+1)/float64(x.Messages), "messages")
		}
	}
	return s, nil
}

// holders is how many peers have a packet.
func holders(w *world, packet wire.ID) (n int) {
	for _, node := range w.nodes {
		if node.peer == nil {
			continue
		}
		if _, ok := node.peer.Cache().Get(packet); ok {
			n++
		}
	}
	return n
}

// finalSize is the fraction of a large population that an epidemic reaches in which
// each that is infected infects f others, drawn at random, and is then removed: the
// positive solution of z = 1 - exp(-f z), 0 where f is at most 1.
func finalSize(f float64) float64 {
	if f <= 1 {
		return 0
	}
	z := 1.0
	for range 1000 {
		z = 1 - math.Exp(-f*z)
	}
	return z
}

// meanHops is after how many hops such an epidemic reaches a peer of n, on average,
// by the recursion of its rounds: of those that have nothing yet each is missed by
// all copies of a round with probability (1-1/n)^copies.
func meanHops(n int, f float64) float64 {
	fresh, without, sum, reached := 1.0, float64(n-1), 0.0, 0.0
	for hop := 1.0; fresh > 1e-3 && hop < 64; hop++ {
		fresh = without * (1 - math.Pow(1-1/float64(n), f*fresh))
		without -= fresh
		sum += hop * fresh
		reached += fresh
	}
	return sum / reached
}

// Judge wants of multicast what theory expects, less a part in fifty for what
// views that aren't whole cost, and of the syncs that nobody is left.
func (x Epidemic) Judge(samples []Sample) []Row {
	per := float64(len(samples) * x.Messages)
	n := float64(x.Members + 3)
	sum := func(what string) (total float64) {
		for _, v := range values(samples, what) {
			total += v
		}
		return total
	}
	reached, copies, arrived := sum(epidemicReached)/per, sum(epidemicCopies)/per, sum(epidemicArrived)/per
	f := arrived / reached
	expected := finalSize(f)
	most := 0.0
	for _, v := range values(samples, epidemicMost) {
		most = max(most, v)
	}
	return []Row{
		{What: "copies sent by a peer that has it", Measured: copies / reached, AtMost: ref(6.5), Note: "six, and what syncs send meanwhile"},
		{What: "copies that arrive for each", Measured: f, Theory: ref(copies / reached * (1 - x.Loss) * (1 - x.Loss))},
		{What: "reached by multicast", Unit: "%", Measured: reached / n, Theory: ref(expected), AtLeast: ref(expected - 0.02)},
		{What: "hops, mean", Measured: sum(epidemicHops) / (per * (reached - 1)), Theory: ref(meanHops(int(n), f)), AtMost: ref(1.5 * meanHops(int(n), f))},
		{What: "hops, most", Measured: most, AtMost: ref(16)},
		{What: "reached within 8 K, by syncs too", Unit: "%", Measured: sum(epidemicMended) / per / n, AtLeast: ref(1)},
	}
}
