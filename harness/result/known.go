package result

import (
	"strings"
	"time"

	"punchlist/harness/manifest"
	"punchlist/harness/verdict"
)

// A Sign is how a requirement was broken, or left unjudged, in the words by which a
// manifest lists it.
type Sign struct {
	Requirement string
	Outcome     Outcome // Failed or Inconclusive
	ID, Detail  string
	Text        string // of the step, or the rule of a monitor, for manifests of the last edition
}

// is reports whether an entry lists what the sign shows.
func (s Sign) is(k manifest.Known) bool {
	if k.Requirement != s.Requirement {
		return false
	}
	if k.Signature != "" {
		return k.Signature == s.Text || k.Signature == s.Detail || k.Signature == verdict.DiedID && s.ID == verdict.DiedID
	}
	return k.ID == s.ID && (k.Detail == "" || k.Detail == s.Detail) && k.Inconclusive == (s.Outcome == Inconclusive)
}

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

// Match finds the entry by which a failure is known; of several the one that has
// its detail. Nothing else decides what is known.
func (f *Failures) Match(s Sign) (manifest.Known, bool) {
	found := -1
	for i, k := range f.entries {
		if s.is(k) && (found < 0 || f.entries[found].Detail == "") {
			found = i
		}
	}
	if found < 0 {
		return manifest.Known{}, false
	}
	f.met[found] = true
	return f.entries[found], true
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

// Known is an entry of a manifest by which a failure is expected.
type Known struct {
	Requirement  string `json:"requirement"`
	ID           string `json:"id,omitempty"`
	Detail       string `json:"detail,omitempty"`
	Inconclusive bool   `json:"inconclusive,omitempty"` // it lists an inconclusive result
	Signature    string `json:"signature,omitempty"`    // its text, where the manifest names it so; ID and Detail are then what to write instead
	Companion    bool   `json:"companion,omitempty"`    // it is of the companion's manifest
	Reason       string `json:"reason"`
	Link         string `json:"link,omitempty"`
	Review       string `json:"review,omitempty"`
	Intermittent bool   `json:"intermittent,omitempty"`
}

// KnownOf is an entry of a manifest, as results carry it.
func KnownOf(k manifest.Known, ofCompanion bool) *Known {
	out := &Known{
		Requirement: k.Requirement, ID: k.ID, Detail: k.Detail, Inconclusive: k.Inconclusive, Signature: k.Signature,
		Companion: ofCompanion, Reason: k.Reason, Link: k.Link, Intermittent: k.Intermittent,
	}
	if !k.Review.IsZero() {
		out.Review = k.Review.Format(time.DateOnly)
	}
	return out
}

// String names it as a message does.
func (k Known) String() string {
	return manifest.Known{Requirement: k.Requirement, ID: k.ID, Detail: k.Detail, Signature: k.Signature}.String()
}

// ofMonitor reports whether the entry lists what a monitor finds.
func (k Known) ofMonitor() bool {
	return strings.HasPrefix(k.ID, "monitor/") || strings.HasPrefix(k.ID, "oracle/")
}

// Stale is what is said of an entry that was looked for and which nothing failed
// by: that is as unexpected as a new failure.
func Stale(known string) string {
	return known + " is listed as a known failure, but nothing failed this way: take the entry out of the manifest, or fix it"
}

// Instead are the lines of a manifest that replace its line `signature:`; empty of an
// entry that has none, or whose text is no step's of this edition.
func (k Known) Instead() []string {
	if k.Signature == "" || k.ID == "" {
		return nil
	}
	lines := []string{"id: " + k.ID}
	if k.Detail != "" {
		lines = append(lines, "detail: '"+strings.ReplaceAll(k.Detail, "'", "''")+"'")
	}
	if k.Inconclusive {
		lines = append(lines, "outcome: inconclusive")
	}
	return lines
}
