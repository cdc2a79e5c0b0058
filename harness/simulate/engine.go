package simulate

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/harness/nat"
)

// Engine is the birthday experiment without peers: two NATs of harness/nat, and
// the datagrams that deployed peers would send through them. It shows that the
// engine draws ports as theory says, and what the pacing of deployed peers is
// worth, so that what Birthday measures beyond that is about peers.
type Engine Pair

// DefaultEngine is port-restricted against symmetric.
var DefaultEngine = Engine(DefaultPair)

func (Engine) Name() string { return "birthday-nat" }

const (
	engineLatencyMS = 30    // one way
	engineOpenMS    = 1     // between two openings
	firstSocket     = 32768 // inside port of the first socket of the pool
)

// flying is a datagram between the two NATs.
type flying struct {
	at   int // ms
	flow nat.Flow
}

// Run sends up to probes datagrams one way and opened the other.
func (x Engine) Run(_ Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	opener, err := natOf(x.Opener, netip.AddrFrom4([4]byte{198, 51, 100, 1}), random)
	if err != nil {
		return s, err
	}
	prober, err := natOf(x.Prober, netip.AddrFrom4([4]byte{203, 0, 113, 1}), random)
	if err != nil {
		return s, err
	}
	at := func(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }
	main := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 2}), 5000)
	introducer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 5000)
	seen := opener.Outbound(at(0), nat.Flow{Src: main, Dst: introducer}).Flow.Src
	targets := random.Perm(ports)[:opened]
	busy := make([]int, pool) // until when, by socket
	var opening, probing []flying
	sent, success := 0, -1
	for ms := 0; success < 0 && ms <= (probes-1)*probeMS+engineLatencyMS; ms++ {
		if i := ms / engineOpenMS; ms%engineOpenMS == 0 && i < opened {
			to := netip.AddrPortFrom(prober.External()[0], uint16(1024+targets[i]))
			opening = append(opening, flying{ms + engineLatencyMS, opener.Outbound(at(ms), nat.Flow{Src: main, Dst: to}).Flow})
		}
		if ms%probeMS == 0 && sent < probes {
			socket := pickIdle(random, busy, ms)
			busy[socket] = ms + busyMS
			sent++
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, 2}), uint16(firstSocket+socket))
			probing = append(probing, flying{ms + engineLatencyMS, prober.Outbound(at(ms), nat.Flow{Src: from, Dst: seen}).Flow})
		}
		for ; len(opening) > 0 && opening[0].at <= ms; opening = opening[1:] {
			// A socket that is no longer busy is not listened to.
			v := prober.Inbound(at(ms), opening[0].flow)
			if v.Action == nat.Forward && busy[v.Flow.Dst.Port()-firstSocket] > ms {
				success = ms
			}
		}
		for ; len(probing) > 0 && probing[0].at <= ms; probing = probing[1:] {
			if opener.Inbound(at(ms), probing[0].flow).Action == nat.Forward {
				success = ms
			}
		}
	}
	used := 0
	for _, until := range busy {
		if until > 0 {
			used++
		}
	}
	s.Measured[measuredSockets] = float64(used)
	if success >= 0 {
		s.Measured[measuredMS] = float64(success)
		s.Measured[measuredProbes] = float64(sent)
	}
	return s, nil
}

// pickIdle draws a socket that is not busy.
func pickIdle(random *rand.Rand, busy []int, ms int) int {
	for {
		if socket := random.IntN(len(busy)); busy[socket] <= ms {
			return socket
		}
	}
}

func natOf(profile string, external netip.Addr, random *rand.Rand) (*nat.NAT, error) {
	p, err := nat.Lookup(profile)
	if err != nil {
		return nil, err
	}
	return nat.New(p, []netip.Addr{external}, random)
}

// Judge wants the engine neither worse nor better than theory.
func (Engine) Judge(samples []Sample) []Row {
	rows := traversalRows(samples, pacing{Pool: pool}, engineOpenMS)
	n := len(samples)
	expected := 1 - apart(ports, opened, pool)
	rows[0].AtLeast = ref(float64(fewest(n, expected, 10_000)) / float64(n))
	rows[0].AtMost = ref(1 - float64(fewest(n, 1-expected, 10_000))/float64(n))
	rows[0].Note = "outside only once in 5,000 runs of so many seeds, if the engine is right"
	return rows
}
