package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Sync lets two peers meet whose caches differ, over a lossy link, and waits
// until they are equal.
type Sync struct {
	Packets int     `json:"packets"` // in both caches together
	Differ  []int   `json:"differ"`  // how many of them only one of the two has; a run for each
	Split   bool    `json:"split"`   // each side lacks half of those; otherwise one side lacks them all
	Loss    float64 `json:"loss"`    // probability, each way
	Bytes   int     `json:"bytes"`   // of a message
}

// DefaultSync is a full cache as deployed peers have it, but for a tenth.
var DefaultSync = Sync{Packets: 6000, Differ: []int{1, 100, 6000}, Loss: 0.2, Bytes: 256}

func (Sync) Name() string { return "sync" }

// Validate says which parameter can't be.
func (x Sync) Validate() error {
	switch {
	case x.Packets < 1 || x.Packets > cache.DefaultCapacity:
		return fmt.Errorf("simulate: sync: %d packets, 1 to %d", x.Packets, cache.DefaultCapacity)
	case len(x.Differ) == 0:
		return fmt.Errorf("simulate: sync: no number of differing packets is given")
	case !(x.Loss >= 0 && x.Loss < 1):
		return fmt.Errorf("simulate: sync: a loss of %v, 0 to less than 1", x.Loss)
	case x.Bytes < 16 || x.Bytes > wire.MaxMessage:
		return fmt.Errorf("simulate: sync: %d bytes of a message, 16 to %d", x.Bytes, wire.MaxMessage)
	}
	for _, d := range x.Differ {
		if d < 0 || d > x.Packets {
			return fmt.Errorf("simulate: sync: %d of %d packets differ", d, x.Packets)
		}
	}
	return nil
}

const (
	// equalWithin is how long two peers have.
	equalWithin = 20 * time.Minute
	// perMinute is what a deployed peer takes of publishes from one address.
	perMinute = 1023
)

// What is measured of a run; the number of differing packets comes before.
const (
	syncSeconds  = "seconds until equal"
	syncRounds   = "negotiations"     // root summaries sent, by both
	syncPackets  = "sync packets"     // sent, by both
	syncLeast    = "sync packets min" // that a negotiation without loss takes
	syncData     = "data packets"     // sent, by both
	syncBytes    = "bytes"            // of UDP payload of both kinds
	syncMinBytes = "bytes min"
)

// Run has one run for each number of differing packets.
func (x Sync) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	if err := x.Validate(); err != nil {
		return s, err
	}
	for _, differ := range x.Differ {
		if err := x.meet(e, &s, differ); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (x Sync) meet(e Env, s *Sample, differ int) error {
	w := newWorld(s.Seed)
	pair, err := w.indexed(2, peer.Config{})
	if err != nil {
		return err
	}
	w.topology.Hosts[0].Link.Loss = x.Loss
	if err := w.up(); err != nil {
		return err
	}
	alice, bob := pair[0], pair[1]
	alice.start()
	bob.start()
	size := x.fill(w, alice, bob, differ)
	measure := func(what string, v float64) { s.Measured[strconv.Itoa(differ)+" "+what] += v }
	least, leastBytes := negotiation(w.now(), alice.peer.Cache(), bob.peer.Cache(), cache.Prefix{})
	measure(syncLeast, float64(least))
	measure(syncMinBytes, float64(leastBytes+differ*size))
	var began time.Time
	for _, n := range pair {
		n.sent = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) {
			var pk wire.Packet
			if !wire.Decode(&pk, datagram).OK() {
				return
			}
			switch pk.Type {
			case wire.Sync:
				if began.IsZero() {
					began = w.now()
				}
				measure(syncPackets, 1)
				if len(pk.Message) > 0 && pk.Message[0] == 0 {
					measure(syncRounds, 1)
				}
			case wire.Publish:
				measure(syncData, 1)
			default:
				return
			}
			measure(syncBytes, float64(len(datagram)))
		}
	}
	equal := func() bool {
		a, b := alice.peer.Cache(), bob.peer.Cache()
		return a.Len() == x.Packets && b.Len() == x.Packets && a.Summary(w.now(), cache.Prefix{}).Hash == b.Summary(w.now(), cache.Prefix{}).Hash
	}
	if err := w.run(e.Context, w.now().Add(equalWithin), equal); err != nil {
		return err
	}
	if !equal() {
		s.Broken = append(s.Broken, fmt.Sprintf("%d differing: after %v one has %d packets, the other %d, and together there are %d",
			differ, equalWithin, alice.peer.Cache().Len(), bob.peer.Cache().Len(), x.Packets))
		return nil
	}
	if began.IsZero() {
		began = w.now() // they were equal before they met
	}
	measure(syncSeconds, w.now().Sub(began).Seconds())
	return nil
}

// fill gives both peers their packets, as if these came by multicast, and returns
// how long a datagram is.
func (x Sync) fill(w *world, alice, bob *node, differ int) (size int) {
	random := rand.New(rand.NewPCG(uint64(w.seed), uint64(differ)))
	const perSource = 1000 // below what a peer takes from one address in a minute
	for i := range x.Packets {
		pk := wire.NewPacket(wire.Publish)
		pk.Hops = 1
		pk.ClusterID, pk.SubclusterID = clusterID[:], members.SubclusterID[:]
		pk.Message = make([]byte, x.Bytes)
		for b := range pk.Message {
			pk.Message[b] = byte(random.Uint32())
		}
		packetID := wire.MessageID(pk.Message)
		pk.PacketID = packetID[:]
		datagram, err := wire.Append(nil, &pk)
		if err != nil {
			panic(err) // every length is in range
		}
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), uint16(10_000+i/perSource))
		for _, n := range []*node{alice, bob} {
			lacking := i < differ && (n == bob) == (!x.Split || i%2 == 0)
			if !lacking {
				n.tell(func(p *peer.Peer, now time.Time) { p.Receive(now, peer.Main, from, datagram) })
			}
		}
		size = len(datagram)
	}
	return size
}

// negotiation is how many summaries, and bytes of them, two peers exchange
// without loss when one of them starts: one for the root, and one for each answer
// that goes a digit deeper.
func negotiation(now time.Time, a, b *cache.Cache, p cache.Prefix) (summaries, bytes int) {
	ours, theirs := a.Summary(now, p), b.Summary(now, p)
	pk := wire.NewPacket(wire.Sync)
	pk.Message = ours.Append(nil)
	pk.Usr4 = strconv.AppendInt(nil, now.UnixMilli(), 10)
	datagram, err := wire.Append(nil, &pk)
	if err != nil {
		panic(err) // a summary always fits
	}
	summaries, bytes = 1, len(datagram)
	for child, do := range theirs.Moves(&ours) {
		if do == cache.Deeper {
			s, b := negotiation(now, b, a, child)
			summaries, bytes = summaries+s, bytes+b
		}
	}
	return summaries, bytes
}

// expectedSummaries is how many summaries a negotiation without loss takes, on
// average, between a cache of n packets and one that lacks d of them and starts,
// or where split is set between two that lack half of those each. Below each
// prefix of j digits there is some differing packet with probability
// 1-(1-16^-j)^d, and one that both have with probability 1-(1-16^-j)^(n-d): where
// both are, a summary is sent. Where only one side has packets below a prefix, and
// both had above it, the other one asks by an empty summary if it has sent the
// summary above, as each side has every second time.
func expectedSummaries(n, d int, split bool) float64 {
	shared := func(j float64) float64 { return 1 - math.Pow(1-math.Pow(16, -j), float64(n-d)) }
	sum := 1.0
	for j := 1.0; j < 16; j++ {
		prefixes := math.Pow(16, j) * (1 - math.Pow(1-math.Pow(16, -j), float64(d)))
		lone := prefixes * (shared(j-1) - shared(j))
		switch {
		case split:
			lone /= 2
		case int(j)%2 == 0:
			lone = 0
		}
		sum += prefixes*shared(j) + lone
	}
	return sum
}

// Judge wants equality, and no more packets than loss explains: of data what has
// to be sent until it arrives, a fifth more, and one; of summaries so many, and
// those of three negotiations.
func (x Sync) Judge(samples []Sample) []Row {
	var rows []Row
	arrive := 1 - x.Loss
	for _, differ := range x.Differ {
		of := func(what string) []float64 { return values(samples, strconv.Itoa(differ)+" "+what) }
		name := func(what string) string { return fmt.Sprintf("%d differing: %s", differ, what) }
		done := of(syncSeconds)
		rows = append(rows, Row{What: name("caches equal at the end"), Unit: "%", Measured: float64(len(done)) / float64(len(samples)), AtLeast: ref(1)})
		if len(done) == 0 {
			continue
		}
		least, data := mean(of(syncLeast))/arrive, float64(differ)/arrive
		fromOne := float64(differ)
		if x.Split {
			fromOne /= 2
		}
		rows = append(rows,
			Row{What: name("until equal, mean"), Unit: "s", Measured: mean(done), Theory: ref(max(fromOne/perMinute-1, 0) * 60)},
			Row{What: name("until equal, longest"), Unit: "s", Measured: quantile(done, 1), AtMost: ref(equalWithin.Seconds())},
			Row{What: name("summaries that a negotiation without loss takes"), Measured: mean(of(syncLeast)), Theory: ref(expectedSummaries(x.Packets, differ, x.Split))},
			Row{What: name("negotiations"), Measured: mean(of(syncRounds)), Theory: ref(1)},
			Row{What: name("sync packets"), Measured: mean(of(syncPackets)), Theory: ref(least), AtMost: ref(3*least + 1.2*data + 1)},
			Row{What: name("data packets"), Measured: mean(of(syncData)), Theory: ref(data), AtMost: ref(1.2*data + 1)},
			Row{What: name("bytes"), Measured: mean(of(syncBytes)), Theory: ref(mean(of(syncMinBytes)) / arrive)},
		)
	}
	return rows
}
