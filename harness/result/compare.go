package result

import (
	"fmt"
)

// A Comparison is two reports side by side, scenario by scenario: the same
// key, subject, companion and seed, whatever the lab.
type Comparison struct {
	Same    int          // judged in both, with the same verdict
	Differ  []Difference // in the order of the first report
	OnlyOne [2]int       // judged in the one report, not in the other
}

// A Difference is one scenario with two verdicts.
type Difference struct {
	Key      string
	Cells    [2]string // columns
	Verdicts [2]string
}

// String shows it in two lines.
func (d Difference) String() string {
	return fmt.Sprintf("%s\n  %s: %s, %s: %s", d.Key, d.Cells[0], d.Verdicts[0], d.Cells[1], d.Verdicts[1])
}

// judging is what makes two results comparable.
type judging struct {
	subject, companion string
	seed               int64
	key                string
}

// each calls f for every result that judged something: what does not apply
// did not.
func (r *Run) each(f func(j judging, column string, x *Result)) {
	for _, c := range r.Cells {
		for _, x := range c.All() {
			if x.Outcome != NotApplicable {
				f(judging{c.Subject, c.Companion, c.Seed, x.Key}, c.Column(), x)
			}
		}
	}
}

// Compare compares the verdicts of two reports. A known failure that is
// intermittent is the same verdict as passing.
func Compare(a, b *Run) Comparison {
	type result struct {
		column string
		*Result
	}
	others := map[judging]result{}
	b.each(func(j judging, column string, x *Result) { others[j] = result{column, x} })
	var c Comparison
	a.each(func(j judging, column string, x *Result) {
		y, ok := others[j]
		if !ok {
			c.OnlyOne[0]++
			return
		}
		delete(others, j)
		d := Difference{Key: x.Key, Cells: [2]string{column, y.column}, Verdicts: [2]string{x.verdict(), y.verdict()}}
		if d.Verdicts[0] == d.Verdicts[1] || x.mayPassLike(y.Result) || y.mayPassLike(x) {
			c.Same++
		} else {
			c.Differ = append(c.Differ, d)
		}
	})
	c.OnlyOne[1] = len(others)
	return c
}

// mayPassLike reports whether the failure is a known one that is random, and
// the other result is the same scenario without it.
func (x *Result) mayPassLike(other *Result) bool {
	return x.Known != nil && x.Known.Intermittent && other.Outcome == Passed
}

// verdict is the outcome, with the requirement that was broken. An
// inconclusive one that a companion's known failure explains is told apart.
// The signature is not part of it: where several things break at once, which
// of them is seen first is a matter of time.
func (x *Result) verdict() string {
	s := x.Outcome.String()
	switch {
	case x.Broke != "":
		s += " (" + x.Broke + ")"
	case x.Outcome == Inconclusive && x.Known != nil:
		s += " (known)"
	}
	return s
}
