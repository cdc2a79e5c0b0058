package verdict

import (
	"fmt"
	"time"

	"punchlist/harness/manifest"
)

// Failures are the known failures of one implementation as one cell (its
// companion, the lab) sees them. It remembers which entries were met, since
// an entry that nothing fails by any more is as unexpected as a new failure.
type Failures struct {
	entries   []manifest.Known
	companion string
	lab       string
	met       []int
	passed    map[string]bool // requirement → every scenario of it ran to a verdict
}

// NewFailures takes the entries of a manifest for a cell.
func NewFailures(known []manifest.Known, companion, lab string) *Failures {
	return &Failures{entries: known, companion: companion, lab: lab, met: make([]int, len(known)), passed: map[string]bool{}}
}

// Match finds the entry by which a failure is known: requirement and
// signature must both be the entry's. A failure in any other way is none.
func (f *Failures) Match(requirement, signature string) (manifest.Known, bool) {
	for i, k := range f.entries {
		if k.Applies(requirement, f.companion, f.lab) && k.Signature == signature {
			f.met[i]++
			return k, true
		}
	}
	return manifest.Known{}, false
}

// Judged says that every scenario that judges the requirement in this cell
// ran to a verdict, so that an entry about it which was not met is out of
// date. After a selection of some of them nothing can be said.
func (f *Failures) Judged(requirement string) { f.passed[requirement] = true }

// A Stale entry is a known failure that did not happen.
type Stale struct {
	Known manifest.Known
	Text  string
}

// Stale lists the entries whose requirement was judged in full and which
// nothing failed by. Intermittent ones are never listed.
func (f *Failures) Stale() []Stale {
	return f.Unmet(func(k manifest.Known) bool { return f.passed[k.Requirement] })
}

// Unmet lists the entries, of those that were looked for, which nothing failed by.
// Intermittent ones are never listed.
func (f *Failures) Unmet(lookedFor func(manifest.Known) bool) []Stale {
	var stale []Stale
	for i, k := range f.entries {
		if f.met[i] == 0 && !k.Intermittent && k.Applies(k.Requirement, f.companion, f.lab) && lookedFor(k) {
			stale = append(stale, Stale{Known: k, Text: fmt.Sprintf(
				"%s is listed as a known failure (%q), but nothing failed this way: take the entry out of the manifest, or mend it",
				k.Requirement, k.Signature)})
		}
	}
	return stale
}

// Overdue lists the entries that were met and whose review date has passed.
func (f *Failures) Overdue(today time.Time) []manifest.Known {
	var overdue []manifest.Known
	for i, k := range f.entries {
		if f.met[i] > 0 && !k.Review.IsZero() && today.After(k.Review.AddDate(0, 0, 1)) {
			overdue = append(overdue, k)
		}
	}
	return overdue
}
