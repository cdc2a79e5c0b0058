package suite

import (
	"context"
	"fmt"
	"slices"

	"punchlist/harness/report"
	"punchlist/harness/verdict"
	"punchlist/spec"
	"punchlist/spec/testee"
)

// conclude sums up: it checks that no scenario was lost, finds known failures
// that did not happen, and sets the exit code.
func (r *runner) conclude(ctx context.Context) {
	out := r.report
	for _, p := range r.plan {
		if p.missing != "" {
			continue
		}
		r.stale(p)
		for _, cell := range p.cells {
			r.sum(p, cell)
		}
	}
	judged := map[string]bool{}
	for _, cell := range out.Cells {
		out.Tally.Plus(cell.Tally)
		for _, x := range cell.Results {
			judged[x.Requirement], judged[x.About()] = true, true
		}
		for _, s := range cell.Stale {
			out.Unexpected = append(out.Unexpected, cell.Column()+": "+s)
		}
	}
	for _, q := range r.Registry.All() {
		if judged[q.ID] {
			out.Requirements = append(out.Requirements, q)
		}
	}
	if err := out.Tally.Check(); err != nil {
		out.Broken = append(out.Broken, err.Error())
	}
	if ctx.Err() != nil {
		out.Broken = append(out.Broken, ErrInterrupted.Error())
	}
	switch {
	case len(out.Broken) > 0:
		out.Exit = report.CouldNotRun
	case len(out.Unexpected) > 0:
		out.Exit = report.Unexpected
	}
}

// sum counts one cell and says what of it was not expected.
func (r *runner) sum(p *planned, cell *report.Cell) {
	executed := map[string]int{}
	plannedOf := map[string]int{}
	ranOf := map[string]int{}
	ran := 0
	for _, x := range cell.Results {
		cell.Tally.Add(x.Outcome)
		q, _ := r.Registry.Lookup(x.Requirement)
		plannedOf[q.Class]++
		switch x.Outcome {
		case verdict.Passed, verdict.Failed, verdict.Known:
			executed[q.Class]++
		}
		if x.Outcome != verdict.Inapplicable {
			ran++
			ranOf[q.Class]++
		}
		if x.Outcome == verdict.Failed && !x.Unexpected {
			broken, _ := r.Registry.Lookup(x.About())
			r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%s: %s is a %s and failed: %s: %s", cell.Column(), x.About(), level(broken), x.Key, x.Text))
		}
	}
	for _, g := range cell.Unexpected() {
		line := fmt.Sprintf("%s: %s %s: %s: %s", cell.Column(), g[0].About(), g[0].Outcome, g[0].Key, g[0].Text)
		if len(g) > 1 {
			line += fmt.Sprintf(" (and %d more for this reason)", len(g)-1)
		}
		r.report.Unexpected = append(r.report.Unexpected, line)
	}
	if ran == 0 {
		r.report.Broken = append(r.report.Broken, fmt.Sprintf("%s: none of its %d scenarios applies (the first: %s)",
			cell.Column(), len(cell.Results), cell.Results[0].Text))
	}
	subject := r.flight[flightKey{p.Subject.Name, p.Lab}]
	if subject.err != nil {
		return
	}
	for _, class := range []string{testee.ClassCodec, testee.ClassPeer, testee.ClassIndexed, testee.ClassRelay} {
		if !slices.Contains(subject.hello.Classes, class) {
			continue
		}
		cell.Classes = append(cell.Classes, report.Class{Class: class, Planned: plannedOf[class], Executed: executed[class]})
		if p.whole && p.Tags == "" && ran > 0 && ranOf[class] == 0 && r.registered(class) {
			r.report.Broken = append(r.report.Broken, fmt.Sprintf("%s: it claims class %s, but no scenario of that class was judged", cell.Column(), class))
		}
	}
}

// registered reports whether the registry requires anything of a class.
func (r *runner) registered(class string) bool {
	return slices.ContainsFunc(r.Registry.All(), func(q spec.Requirement) bool { return q.Class == class })
}

func level(q spec.Requirement) string {
	if q.Level == "" {
		return "requirement that the registry does not have"
	}
	return string(q.Level)
}

// stale finds entries of the subject's known failures that did not happen,
// where all scenarios of the requirement ran to a verdict, and entries whose
// review is overdue.
func (r *runner) stale(p *planned) {
	open := map[string]bool{} // requirements with a scenario that was not judged
	seen := map[string]bool{}
	for _, cell := range p.cells {
		for _, x := range cell.Results {
			switch x.Outcome {
			case verdict.Passed, verdict.Failed, verdict.Known:
				seen[x.Requirement] = true
				if x.Broke != "" && x.Broke != x.Requirement {
					open[x.Requirement] = true
				}
			case verdict.Inapplicable:
			default:
				open[x.Requirement] = true
			}
		}
	}
	for _, q := range r.Registry.All() {
		if p.whole && seen[q.ID] && !open[q.ID] && !p.partial[q.ID] {
			p.failures.Judged(q.ID)
		}
	}
	for _, s := range p.failures.Stale() {
		p.cells[0].Stale = append(p.cells[0].Stale, s.Text)
	}
	for _, k := range append(p.failures.Overdue(r.Today), p.excuses.Overdue(r.Today)...) {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%s: the known failure of %s (%q) was to be reviewed by %s",
			p.Name(), k.Requirement, k.Signature, k.Review.Format("2006-01-02")))
	}
}
