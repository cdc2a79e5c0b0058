package result

import (
	"fmt"

	"punchlist/harness/manifest"
)

// Failures are the known failures of one implementation as one cell (its
// companion, the lab) sees them. It remembers which entries were met.
type Failures struct {
	entries []manifest.Known // that apply
	met     []bool
}

// NewFailures takes the entries of a manifest for a cell.
func NewFailures(known []manifest.Known, companion, lab string) *Failures {
	f := &Failures{}
	for _, k := range known {
		if k.Applies(k.Requirement, companion, lab) {
			f.entries = append(f.entries, k)
		}
	}
	f.met = make([]bool, len(f.entries))
	return f
}

// Listed are the entries that apply to the cell.
func (f *Failures) Listed() []manifest.Known { return f.entries }

// Match finds the entry by which a failure is known: requirement and
// signature must both be the entry's. A failure in any other way is none.
func (f *Failures) Match(requirement, signature string) (manifest.Known, bool) {
	for i, k := range f.entries {
		if k.Requirement == requirement && k.Signature == signature {
			f.met[i] = true
			return k, true
		}
	}
	return manifest.Known{}, false
}

// Unmet lists the entries, of those that were looked for, which nothing failed by.
// Intermittent ones are never listed.
func (f *Failures) Unmet(lookedFor func(manifest.Known) bool) []manifest.Known {
	var unmet []manifest.Known
	for i, k := range f.entries {
		if !f.met[i] && !k.Intermittent && lookedFor(k) {
			unmet = append(unmet, k)
		}
	}
	return unmet
}

// Stale is what is said of an entry that was looked for and which nothing failed
// by: that is as unexpected as a new failure.
func Stale(requirement, signature string) string {
	return fmt.Sprintf("%s is listed as a known failure (%q), but nothing failed this way: take the entry out of the manifest, or mend it",
		requirement, signature)
}
