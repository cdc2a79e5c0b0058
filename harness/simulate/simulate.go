// Package simulate measures what a single scenario can't: how often something
// succeeds, how much it costs, and whether it still works after a day. An
// experiment is a function of a seed and its parameters, in virtual time; run
// over many seeds, it reports what was measured beside what theory expects, and
// whether stated bounds were kept.
//
// Its peers are reference peers on the hosts of harness/internet, without lab/sim
// and the testee protocol between: that lab keeps every frame for those who
// judge, and speaks JSON with its peers, which is what makes verdicts explain
// themselves, and what a day of fifty peers (a hundred million frames) can't
// afford. Clock, sockets, network model and NAT engine are the same.
//
// # Theory
//
// Traversal between a port-restricted peer that opens m of N ports, and a
// symmetric one that sends from n mappings, fails when two random sets have no
// element in common: C(N-m, n) / C(N, n), about exp(-mn/N). This is the birthday
// problem between two sets: M. C. Wendl, "Collision probability between sets of
// random variables", Statistics & Probability Letters 64 (2003) 249-254. What
// hole punching is, and why NATs of these two kinds need guesses, is in B. Ford,
// P. Srisuresh, D. Kegel, "Peer-to-peer communication across network address
// translators", USENIX Annual Technical Conference 2005, and RFC 5128.
//
// Confidence bounds of proportions are those of C. J. Clopper, E. S. Pearson, "The
// use of confidence or fiducial limits illustrated in the case of the binomial",
// Biometrika 26 (1934) 404-413: exact, never too narrow.
package simulate

import "context"

// An Experiment runs once for each seed, in any order and at the same time, and
// is judged by all samples together.
type Experiment interface {
	Name() string
	Run(e Env, seed int64) (Sample, error) // an error: it could not be run, which is no result
	Judge([]Sample) []Row
}

// Env is what an experiment is given of the world outside.
type Env struct {
	Context context.Context
	// Progress is told from time to time how much of this run is done, 0 to 1,
	// and what it is at; nil: nobody wants to know.
	Progress func(done float64, at string)
	// Heap is the bytes that live objects take up, 0 where nobody measures: other
	// runs in the same process would be in it.
	Heap func() uint64
}

// A Sample is what one seed gave.
type Sample struct {
	Seed     int64              `json:"seed"`
	Measured map[string]float64 `json:"measured"`         // by names that the experiment's rows explain
	Broken   []string           `json:"broken,omitempty"` // what must not happen and did, told in full
}

// A Row is one line of the result.
type Row struct {
	What     string   `json:"what"`
	Unit     string   `json:"unit,omitempty"` // "%": Measured, Theory and Bound are fractions of 1
	Measured float64  `json:"measured"`
	Theory   *float64 `json:"theory,omitempty"`
	AtLeast  *float64 `json:"atLeast,omitempty"`
	AtMost   *float64 `json:"atMost,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// Missed reports whether a bound is stated and was not kept. What is no number
// keeps none.
func (r Row) Missed() bool {
	return r.AtLeast != nil && !(r.Measured >= *r.AtLeast) || r.AtMost != nil && !(r.Measured <= *r.AtMost)
}

// values are the samples' measures of one name, of those that have it.
func values(samples []Sample, name string) []float64 {
	var all []float64
	for _, s := range samples {
		if v, measured := s.Measured[name]; measured {
			all = append(all, v)
		}
	}
	return all
}

// count is how many samples have a measure that fits.
func count(samples []Sample, name string, fits func(v float64) bool) int {
	n := 0
	for _, v := range values(samples, name) {
		if fits(v) {
			n++
		}
	}
	return n
}

func ref(v float64) *float64 { return &v }
