package simulate

// Of traversal by guessing, as deployed peers do it.
const (
	ports   = 65535 - 1024 + 1 // that a NAT chooses from
	opened  = 1024             // that the port-restricted side opens
	probes  = 1024             // datagrams that the symmetric side sends, at most
	pool    = 256              // sockets that it has for them
	probeMS = 10               // between two of them
	busyMS  = 1024             // for which a socket that sent is not used again
	// fallbackMS is how long after an introduction a deployed peer takes the proxy
	// instead, when it was not reached.
	fallbackMS = 2048
)

// apart is the probability that two random sets of m and n out of so many ports
// have none in common (Wendl 2003, see the package).
func apart(of, m, n int) float64 {
	p := 1.0
	for i := range n {
		p *= float64(of-m-i) / float64(of-i)
	}
	return max(p, 0)
}

// A pacing says how a symmetric peer probes: from a pool of sockets at random, a
// used one again once it is no longer busy, as deployed peers do; or each time
// from the next one of a pool that lasts (Cycled).
type pacing struct {
	Pool   int
	Cycled bool
}

// distinct is the probabilities, by d, that n probes came from d different
// sockets, for each n from 0 to the given number.
func (p pacing) distinct(upTo int) [][]float64 {
	all := make([][]float64, upTo+1)
	all[0] = make([]float64, p.Pool+1)
	all[0][0] = 1
	for n := 1; n <= upTo; n++ {
		last, next := all[n-1], make([]float64, p.Pool+1)
		idle := float64(p.Pool - min(n-1, busyMS/probeMS))
		for d, probability := range last {
			if probability == 0 {
				continue
			}
			fresh := min(float64(p.Pool-d)/idle, 1)
			if p.Cycled && d < p.Pool {
				fresh = 1
			}
			next[d] += probability * (1 - fresh)
			if d < p.Pool {
				next[d+1] += probability * fresh
			}
		}
		all[n] = next
	}
	return all
}

// successBy is the probability that one of the first n probes, each n from 0 to
// probes, or an opening that was sent by then, got through. The other side opens
// a port every so many ms, from the same moment on: a mapping counts from when it
// is made, an opening from when it is sent, whichever comes last.
func (p pacing) successBy(openMS float64) []float64 {
	chances := make([]float64, probes+1)
	for n, distribution := range p.distinct(probes) {
		m := min(int(float64(n*probeMS)/openMS), opened)
		failed := 0.0
		q := 1.0 // apart(ports, m, d)
		for d, probability := range distribution {
			failed += probability * q
			q *= float64(ports-m-d) / float64(ports-d)
		}
		chances[n] = 1 - failed
	}
	return chances
}

// quantileOf is after how many probes so large a part of those that succeed at
// all have.
func quantileOf(chances []float64, part float64) float64 {
	for n, chance := range chances {
		if chance >= part*chances[len(chances)-1] {
			return float64(n)
		}
	}
	return float64(len(chances) - 1)
}

// meanOf is after how many probes those that succeed do, on average.
func meanOf(chances []float64) float64 {
	sum := 0.0
	for n := 1; n < len(chances); n++ {
		sum += float64(n) * (chances[n] - chances[n-1])
	}
	return sum / chances[len(chances)-1]
}
