package oracle

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"punchlist/spec"
	"punchlist/spec/testee"
)

// Constants are what a peer may have for the constants of the standard: what it says in hello, else
// anything of the permitted range. The zero Constants are of a peer that says nothing, and of the
// default K.
type Constants struct {
	K        time.Duration // keepalive interval; 0: 30 s
	Declared map[string]float64
}

// A ranged is a constant of the standard, and what of it would take long to read each time.
type ranged struct {
	spec.Constant
	permitted spec.Range
	unit      spec.Unit
	ok        bool // it has a range
}

// standard is the constants of the standard by their ids.
var standard = sync.OnceValue(func() map[string]ranged {
	list, err := spec.LoadConstants()
	if err != nil {
		panic("oracle: " + err.Error()) // the program carries them
	}
	all := map[string]ranged{}
	for _, c := range list {
		r, ok := c.Range()
		all[c.ID] = ranged{c, r, c.Unit(), ok}
	}
	return all
})

// ends are the least and the greatest value that the peer may have, with their units.
func (c Constants) ends(id string) (least, most spec.Quantity) {
	x := standard()[id]
	if !x.ok {
		panic(fmt.Sprintf("oracle: %q is no constant with a range", id))
	}
	if v, said := c.Declared[id]; said {
		q := spec.Quantity{Value: v, Unit: x.unit}
		return q, q
	}
	return x.permitted.Least, x.permitted.Most
}

// Least is the least that the peer may have: a count, or bytes.
func (c Constants) Least(id string) int {
	least, _ := c.ends(id)
	return number(least.Value)
}

// Most is the greatest that the peer may have: a count, or bytes. Without an end it is
// math.MaxInt32.
func (c Constants) Most(id string) int {
	_, most := c.ends(id)
	return number(most.Value)
}

func number(v float64) int { return int(min(max(v, 0), math.MaxInt32)) }

// LeastTime is the least time that the peer may have.
func (c Constants) LeastTime(id string) time.Duration {
	least, _ := c.ends(id)
	return c.time(least)
}

// MostTime is the greatest time that the peer may have. Without an end it is ten years.
func (c Constants) MostTime(id string) time.Duration {
	_, most := c.ends(id)
	return c.time(most)
}

// forever is the time of a constant without an end.
const forever = 10 * 365 * 24 * time.Hour

func (c Constants) time(q spec.Quantity) time.Duration {
	k := c.K
	if k == 0 {
		k = 30 * time.Second
	}
	unit := k
	switch q.Unit {
	case spec.Ks:
	case spec.Millis:
		unit = time.Millisecond
	case spec.Secs:
		unit = time.Second
	case spec.Hours:
		unit = time.Hour
	default:
		panic(fmt.Sprintf("oracle: %v is no time", q))
	}
	return time.Duration(min(q.Value*float64(unit), float64(forever)))
}

// least is the shortest of some times that the peer may have.
func (c Constants) least(ids ...string) time.Duration {
	shortest := forever
	for _, id := range ids {
		shortest = min(shortest, c.LeastTime(id))
	}
	return shortest
}

// introduces takes what a testee says of itself, and judges that the standard permits it.
func (j *judge) introduces(hello testee.HelloOK) {
	j.constants.Declared = hello.Constants
	j.recommended = hello.Recommendations
	j.trustTimes()
	for id := range hello.Constants {
		j.looked("constants/range")
		if _, known := standard()[id]; !known {
			j.wrong("constants/range", nil, "it says that it has %v for the constant %q, which the standard does not have", hello.Constants[id], id)
		}
	}
}

// permitted judges the declared constants, once K is known.
func (j *judge) permitted() {
	var ids []string
	for id := range j.constants.Declared {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		c, known := standard()[id]
		if v := j.constants.Declared[id]; known && !c.Permits(v, j.k) {
			if s := j.of("constants/range"); s.Wrong == "" && c.Requirement != "" {
				s.Rule.Requirement = c.Requirement
			}
			j.wrong("constants/range", nil, "it says that it has %v for the constant %s (%s); permitted is %s", spec.Quantity{Value: v, Unit: c.unit}, id, c.Name, c.Permitted)
		}
	}
}

// recommends reports whether the peer says that it follows a recommendation.
func (j *judge) recommends(requirement string) bool {
	return slices.Contains(j.recommended, requirement)
}

// trustTimes are the times that are asked for with each datagram.
func (j *judge) trustTimes() {
	j.freshFor = j.constants.least("multicast.silence", "alone.silence", "moved.silence")
	j.proofFor = min(j.freshFor, j.constants.LeastTime("verified.life"))
}

// hold is how long at most what needs a verified source may be held (section 4.4).
func (j *judge) hold() time.Duration { return j.constants.MostTime("challenge.wait") }
