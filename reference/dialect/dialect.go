// Package dialect makes peers that are sound, and as unlike the reference as the standard lets
// them be. A judge that finds fault with one of them judges by the reference, not by the standard.
//
// A Dialect is drawn from a seed: each constant from its permitted range (spec/constants.yaml), the
// recommendations (SHOULD) that it follows, how long it takes to handle what comes and to send what
// follows, and the order of the keys in the bodies that it writes. The peer itself is package peer,
// which is made with these choices; a machine around it adds the delays and the order of keys.
package dialect

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/testee"
	"punchlist/spec"
)

// MaxDelay is how long a dialect takes at the most before it handles what came, and again before it
// sends what follows.
const MaxDelay = 50 * time.Millisecond

// A Dialect is one way to be a sound peer. The zero Dialect is the reference.
type Dialect struct {
	Seed    uint32
	Limits  peer.Limits
	Choices peer.Choices
	Omits   peer.Recommended // what it does not follow
	Delay   time.Duration    // at most, before handling and before sending; 0 to MaxDelay
	Keys    bool             // the keys of the bodies that it writes have an order of their own
}

// Of ten seeds one has the least of all constants, and one the greatest; all others draw each
// constant anew. Seed 0 is the reference itself.
const (
	classes       = 10
	classLeast    = 1
	classGreatest = 2
)

// endless is the greatest value that a dialect takes of a constant without an upper end, as a
// multiple of its default.
const endless = 4

// New is the dialect of a seed, by the constants of the standard.
func New(seed uint32, constants []spec.Constant) Dialect {
	d := Dialect{Seed: seed}
	if seed == 0 {
		return d
	}
	random := rand.New(rand.NewPCG(uint64(seed), 0xd1a1ec7))
	var config peer.Config
	standard := config.Constants()
	for _, c := range constants {
		is := standard[c.ID]
		permitted, ranged := c.Range()
		if !ranged || !config.SetConstant(c.ID, is) {
			continue // the reference has no choice there
		}
		config.SetConstant(c.ID, draw(random, seed%classes, ends{c, permitted, is}))
	}
	d.Limits, d.Choices = config.Limits, config.Choices
	omits := peer.Recommended(random.Uint32()) & peer.AllRecommended
	if class := seed % classes; class != classLeast && class != classGreatest {
		d.Omits = omits
	}
	if random.IntN(2) > 0 {
		d.Delay = time.Duration(1+random.Int64N(MaxDelay.Milliseconds())) * time.Millisecond
	}
	d.Keys = random.IntN(2) > 0
	return d
}

var carried = sync.OnceValues(spec.LoadConstants)

// Load is the dialect of a seed, by the constants that the program carries.
func Load(seed uint32) (Dialect, error) {
	constants, err := carried()
	if err != nil {
		return Dialect{}, err
	}
	return New(seed, constants), nil
}

// ends are what a constant may be.
type ends struct {
	constant  spec.Constant
	permitted spec.Range
	standard  float64
}

// least is the least value. Of a limit there is at least one. An end in ms of what is a multiple of
// K is that of the least K.
func (e ends) least() float64 {
	least := e.permitted.Least
	switch {
	case e.constant.Unit() == spec.Ks && least.Unit == spec.Millis:
		return math.Ceil(least.Value/float64(peer.MinKeepalive.Milliseconds())*1000) / 1000
	case least.Value == 0:
		return 1
	}
	return least.Value
}

// most is the greatest value. An end in K of what is no multiple of K is that of the least K.
func (e ends) most() float64 {
	most := e.permitted.Most
	switch {
	case math.IsInf(most.Value, 1):
		return endless * max(e.standard, e.least())
	case most.Unit == spec.Ks && e.constant.Unit() == spec.Millis:
		return most.Value * float64(peer.MinKeepalive.Milliseconds())
	}
	return most.Value
}

// draw draws a value: one of the ends, the default, or any between the ends. It draws as often
// whatever it takes.
func draw(random *rand.Rand, class uint32, e ends) float64 {
	how, part := random.IntN(6), random.Float64()
	switch {
	case class == classLeast:
		return e.least()
	case class == classGreatest:
		return e.most()
	case how == 0:
		return e.least()
	case how == 1:
		return e.most()
	case how == 2:
		return e.standard
	}
	v := e.least() + part*(e.most()-e.least())
	switch e.constant.Unit() {
	case spec.Ks:
		return math.Floor(v*1000) / 1000
	case spec.Millis:
		if e.least() < 1 {
			return math.Floor(v*10) / 10
		}
	}
	return math.Floor(v)
}

// Machine is a testee that speaks the dialect, whose other random choices come from the reader.
func (d Dialect) Machine(name string, random io.Reader) testee.Machine {
	agent := testee.New(testee.Options{
		Name: name, Version: testee.Version, Random: random, Limits: d.Limits, Choices: d.Choices, Omits: d.Omits,
	})
	if d.Delay == 0 && !d.Keys {
		return agent
	}
	var seed [32]byte
	_, _ = io.ReadFull(random, seed[:]) // zeros would do: the choices are no secret
	return &machine{agent: agent, dialect: d, random: rand.New(rand.NewChaCha8(seed)), last: map[line]time.Time{}}
}

// prefix is what the names of dialects begin with, before their seed.
const prefix = "dialect-"

// Name is what the testee of a dialect calls itself: dialect-7.
func Name(seed uint32) string { return fmt.Sprint(prefix, seed) }

// Seed is the seed of a dialect's name. It reports false where the name is of no dialect.
func Seed(name string) (uint32, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	seed, err := strconv.ParseUint(digits, 10, 32)
	return uint32(seed), ok && err == nil && Name(uint32(seed)) == name
}
