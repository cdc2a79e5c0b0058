package result

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/spec"
	"punchlist/spec/testee"
)

// Conclude sums the results up: it counts them, checks that no scenario was
// lost, finds known failures that did not happen, and sets the exit code. All
// that it writes follows from the cells and what came of their scenarios, so
// that the parts of a run, put together, are concluded as the whole would be.
//
// What only the whole can show is left open in a shard: known failures that did
// not happen, a class of which nothing was judged, a cell to which nothing
// applies.
func (r *Run) Conclude(registry *spec.Registry, today time.Time) {
	r.Exit, r.Tally = AsExpected, Tally{}
	r.Requirements, r.Unexpected, r.Broken, r.Warnings = nil, nil, nil, nil
	for _, cell := range r.Cells {
		cell.Stale = nil
	}
	for _, cells := range r.columns() {
		if r.Shard == nil {
			stale(registry, cells)
		}
		for _, cell := range cells {
			r.sum(registry, cell)
		}
		r.overdue(cells, today)
		r.outdated(cells[0])
	}
	judged := map[string]bool{}
	for _, cell := range r.Cells {
		r.Tally.Plus(cell.Tally)
		for _, x := range cell.All() {
			judged[x.Requirement], judged[x.About()] = true, true
		}
		for _, s := range cell.Stale {
			r.Unexpected = append(r.Unexpected, cell.Column()+": "+s)
		}
	}
	for _, q := range registry.All() {
		if judged[q.ID] {
			r.Requirements = append(r.Requirements, q)
		}
	}
	if err := r.Tally.Check(); err != nil {
		r.Broken = append(r.Broken, err.Error())
	}
	if r.Interrupted {
		r.Broken = append(r.Broken, "interrupted: the scenarios that had not ended are inconclusive")
	}
	r.Warnings = append(r.Warnings, r.Left...)
	switch {
	case len(r.Broken) > 0:
		r.Exit = CouldNotRun
	case len(r.Unexpected) > 0:
		r.Exit = Unexpected
	}
}

// columns groups the cells that ran by their name: each has one for every seed.
func (r *Run) columns() [][]*Cell {
	var all [][]*Cell
	index := map[string]int{}
	for _, cell := range r.Cells {
		if cell.NotAvailable != "" {
			continue
		}
		i, ok := index[cell.Column()]
		if !ok {
			i = len(all)
			index[cell.Column()] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], cell)
	}
	return all
}

// sum counts one cell and says what of it was not expected.
func (r *Run) sum(registry *spec.Registry, cell *Cell) {
	cell.Tally = Tally{Planned: cell.Tally.Planned}
	cell.Classes = nil
	executed := map[string]int{}
	plannedOf := map[string]int{}
	ranOf := map[string]int{}
	ran := 0
	for _, x := range cell.Results {
		cell.Tally.Add(x.Outcome)
		q, _ := registry.Lookup(x.Requirement)
		plannedOf[q.Class]++
		switch x.Outcome {
		case Passed, Failed, KnownFailure:
			executed[q.Class]++
		}
		if x.Outcome != NotApplicable {
			ran++
			ranOf[q.Class]++
		}
	}
	for _, x := range cell.All() {
		if x.Outcome == Failed && !x.Unexpected {
			broken, _ := registry.Lookup(x.About())
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %s is a %s and failed: %s: %s", cell.Column(), x.About(), level(broken), x.Key, x.Text))
		}
	}
	for _, g := range cell.Unexpected() {
		r.Unexpected = append(r.Unexpected, cell.Reason(g))
	}
	whole := r.Shard == nil
	if whole && ran == 0 && len(cell.Results) > 0 {
		r.Broken = append(r.Broken, fmt.Sprintf("%s: none of its %d scenarios applies (the first: %s)",
			cell.Column(), len(cell.Results), cell.Results[0].Text))
	}
	for _, class := range []string{testee.ClassCodec, testee.ClassPeer, testee.ClassIndexed, testee.ClassRelay} {
		if !slices.Contains(cell.Claims, class) {
			continue
		}
		cell.Classes = append(cell.Classes, Class{Class: class, Planned: plannedOf[class], Executed: executed[class]})
		if whole && cell.Whole && cell.Tags == "" && ran > 0 && ranOf[class] == 0 && registered(registry, class) {
			r.Broken = append(r.Broken, fmt.Sprintf("%s: it claims class %s, but no scenario of that class was judged", cell.Column(), class))
		}
	}
}

// Reason is the line that Unexpected of the run has for a group of results of the cell.
func (c *Cell) Reason(g []*Result) string {
	line := fmt.Sprintf("%s: %s %s: %s: %s", c.Column(), g[0].About(), g[0].Outcome, g[0].Key, g[0].Text)
	if len(g) > 1 {
		line += fmt.Sprintf(" (and %d more for this reason)", len(g)-1)
	}
	return line
}

// registered reports whether the registry requires anything of a class.
func registered(registry *spec.Registry, class string) bool {
	return slices.ContainsFunc(registry.All(), func(q spec.Requirement) bool { return q.Class == class })
}

func level(q spec.Requirement) string {
	if q.Level == "" {
		return "requirement that the registry does not have"
	}
	return string(q.Level)
}

// stale finds entries of the subject's known failures that did not happen in
// any of the cells of one column, where all scenarios of the requirement ran to
// a verdict: such an entry is as unexpected as a new failure. After a selection
// of some of them nothing can be said, nor of what is intermittent. The same holds
// for what a monitor finds: the scenarios of its requirement provoke it.
func stale(registry *spec.Registry, cells []*Cell) {
	open := map[string]bool{} // requirements with a scenario that was not judged
	seen := map[string]bool{}
	met := map[Known]bool{}
	looked := map[string]bool{} // ids of monitors
	for _, cell := range cells {
		for _, x := range cell.Monitors {
			looked[x.Key] = true
		}
		for _, x := range cell.Results {
			switch x.Outcome {
			case Passed, Failed, KnownFailure:
				seen[x.Requirement] = true
				if x.Broke != "" && x.Broke != x.Requirement {
					open[x.Requirement] = true
				}
			case NotApplicable:
			default:
				open[x.Requirement] = true
			}
		}
		for _, x := range cell.All() {
			if x.Known != nil && !x.Known.Companion {
				met[*x.Known] = true
			}
		}
	}
	lookedFor := func(k Known) bool {
		if k.ofMonitor() {
			return looked[k.ID]
		}
		return seen[k.Requirement] && !open[k.Requirement]
	}
	first := cells[0]
	for _, q := range registry.All() {
		if !first.Whole || slices.Contains(first.Partial, q.ID) {
			continue
		}
		for _, k := range first.Listed {
			if k.Requirement == q.ID && lookedFor(k) && !k.Intermittent && !met[k] {
				first.Stale = append(first.Stale, Stale(k.String()))
			}
		}
	}
}

// overdue warns of entries that were met and whose review date has passed.
func (r *Run) overdue(cells []*Cell, today time.Time) {
	seen := map[Known]bool{}
	for _, cell := range cells {
		for _, x := range cell.All() {
			if x.Known == nil || x.Known.Review == "" || seen[*x.Known] {
				continue
			}
			seen[*x.Known] = true
			if review, err := time.Parse(time.DateOnly, x.Known.Review); err != nil || today.After(review.AddDate(0, 0, 1)) {
				r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the known failure %s was to be reviewed by %s", cell.Column(), x.Known, x.Known.Review))
			}
		}
	}
}

// outdated warns of entries that name a failure by a text, and says what to write
// instead.
func (r *Run) outdated(cell *Cell) {
	for _, k := range cell.Listed {
		if k.Signature == "" {
			continue
		}
		line := fmt.Sprintf("%s: the known failure %s is named by a text, which the next edition will not read; ", cell.Column(), k)
		if instead := k.Instead(); instead != nil {
			line += "replace its line signature: by\n    " + strings.Join(instead, "\n    ")
		} else {
			line += "no step of this edition reads so: take it out, or write id: and detail: as the report shows them beside the failure"
		}
		r.Warnings = append(r.Warnings, line)
	}
}
