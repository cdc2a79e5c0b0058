// Package suite judges implementations: it plans cells (implementation ×
// companion × lab × seed), runs every scenario of the features in each
// through godog, and collects the verdicts.
package suite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/nat"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/spec"
	"punchlist/spec/testee"
)

// Run plans and judges. An error means that nothing ran. A report whose Exit
// is result.CouldNotRun may still hold results: those of what did run.
func Run(ctx context.Context, c Config) (*result.Run, error) {
	c.defaults()
	started := time.Now()
	plan, err := c.plan(ctx)
	if err != nil {
		return nil, err
	}
	r := &runner{Config: c, report: &result.Run{Schema: result.Schema, ID: newRunID(), Tool: spec.ThisBuild(), Started: started.UTC(), Strict: c.Strict, Shard: c.Shard, Profiles: profiles(), Folder: c.Out}, plan: plan, watch: map[*result.Cell]map[string]*watched{}}
	missing := 0
	for _, p := range plan {
		r.open(p)
		if p.missing != "" {
			missing++
			if c.Require {
				return nil, fmt.Errorf("%s: %s", p.Name(), p.missing)
			}
		}
	}
	if missing == len(plan) {
		return nil, fmt.Errorf("nothing can run here: %s: %s", plan[0].Name(), plan[0].missing)
	}
	stop := r.stalls.start()
	defer stop()
	r.preflight(ctx)
	for _, group := range r.groups() {
		r.pool(ctx, group)
	}
	r.monitors()
	r.Progress.Done()
	r.report.Interrupted, r.report.Left = ctx.Err() != nil, r.left
	r.report.Conclude(c.Registry, c.Today)
	r.report.Ended = time.Now().UTC()
	r.report.Seconds = r.report.Ended.Sub(r.report.Started).Seconds()
	return r.report, nil
}

type runner struct {
	Config
	report *result.Run
	plan   []*planned
	flight map[flightKey]*flight

	mu     sync.Mutex // of known failures, what is left, and what monitors saw
	left   []string   // behind by labs
	watch  map[*result.Cell]map[string]*watched
	stalls stallWatch
}

type flightKey struct{ implementation, lab string }

// A flight is what preflight found out about an implementation in a lab.
type flight struct {
	manifest manifest.Manifest
	lab      lab.Lab
	hello    testee.HelloOK
	found    result.Testee
	err      error
}

// open makes the report's cells of a planned cell.
func (r *runner) open(p *planned) {
	for i := range r.Seeds {
		cell := &result.Cell{
			Subject: p.Subject.Name, SubjectVersion: p.Subject.Version,
			Companion: p.Companion.Name, CompanionVersion: p.Companion.Version,
			Lab: p.Lab, Seed: r.Seed + int64(i), Tags: p.Tags, NotAvailable: p.missing,
			Whole: r.Select.all(), Partial: p.partial,
		}
		for _, k := range p.failures.Listed() {
			cell.Listed = append(cell.Listed, *result.KnownOf(k, false))
		}
		if p.missing == "" {
			cell.Tally.Planned = len(p.scenarios)
		}
		p.cells = append(p.cells, cell)
		r.report.Cells = append(r.report.Cells, cell)
	}
}

// preflight looks at every testee once in every lab that it is to run in.
func (r *runner) preflight(ctx context.Context) {
	r.flight = map[flightKey]*flight{}
	var all []*flight
	for _, p := range r.plan {
		if p.missing != "" {
			continue
		}
		for _, m := range []manifest.Manifest{p.Subject, p.Companion} {
			key := flightKey{m.Name, p.Lab}
			if r.flight[key] == nil {
				r.flight[key] = &flight{manifest: m, lab: p.lab}
				all = append(all, r.flight[key])
			}
		}
	}
	each(2, all, func(f *flight) {
		ctx, cancel := r.bounded(ctx, f.lab.Name())
		defer cancel()
		var log logBuffer
		begin := time.Now()
		err := guard(func() error {
			var err error
			f.hello, err = preflight(ctx, f.lab, f.manifest, r.Seed, &log)
			return err
		})
		if still := r.stalls.between(begin, time.Now()); err != nil && still > 0 {
			err = &verdict.LabFailed{Text: stalledFor(still), Err: err}
		}
		f.found = f.testee(ctx)
		if f.err = err; err != nil {
			r.Progress.Say("preflight of %s in the %s lab: %v", f.manifest.Name, f.lab.Name(), err)
		}
	})
	for _, f := range all {
		r.report.Testees = append(r.report.Testees, f.found)
	}
}

// A job is one scenario of one cell.
type job struct {
	plan     *planned
	cell     *result.Cell
	scenario Scenario
	result   *result.Result
	turn     float64 // where among its cell's jobs it stands, 0 to 1
}

// groups lists the jobs lab by lab, virtual time first: the labs do not run
// beside each other, since a simulation takes every core, which real clocks
// would feel. Within a lab the cells take turns, so that those whose peers take
// much of the machine are spread over the run.
func (r *runner) groups() [][]*job {
	var groups [][]*job
	index := map[string]int{}
	total := 0
	for _, virtual := range []bool{true, false} {
		for _, p := range r.plan {
			if slices.Contains(virtualLabs, p.Lab) != virtual || p.missing != "" {
				continue
			}
			i, ok := index[p.Lab]
			if !ok {
				i = len(groups)
				index[p.Lab] = i
				groups = append(groups, nil)
			}
			subject := r.flight[flightKey{p.Subject.Name, p.Lab}]
			for _, cell := range p.cells {
				if subject.err == nil {
					cell.Claims = subject.hello.Classes
				}
				for k, s := range p.scenarios {
					j := &job{turn: (float64(k) + 0.5) / float64(len(p.scenarios)), plan: p, cell: cell, scenario: s, result: &result.Result{
						Key: s.Key, Place: p.places[k], Feature: s.Feature, Rule: s.Rule, Scenario: s.Title, Requirement: s.Requirement,
						Repeat: r.Repeat(p.Cell, cell.Seed, s.Key),
					}}
					cell.Results = append(cell.Results, j.result)
					groups[i] = append(groups[i], j)
					total++
				}
			}
		}
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *job) int { return cmp.Compare(a.turn, b.turn) })
	}
	r.Progress.Plan(total)
	return groups
}

// pool runs jobs, so many at once as the lab takes.
func (r *runner) pool(ctx context.Context, jobs []*job) {
	if len(jobs) == 0 { // a shard that has nothing of this lab
		return
	}
	each(r.jobs(jobs[0].plan.Lab), jobs, func(j *job) {
		r.Progress.Started(j.cell, j.result)
		begin := time.Now()
		r.judge(ctx, j)
		j.result.Seconds = time.Since(begin).Seconds()
		r.Progress.Ended(j.cell, j.result)
	})
}

// judge brings one scenario to its outcome.
func (r *runner) judge(ctx context.Context, j *job) {
	q, _ := r.Registry.Lookup(j.scenario.Requirement)
	subject := r.flight[flightKey{j.plan.Subject.Name, j.plan.Lab}]
	companion := r.flight[flightKey{j.plan.Companion.Name, j.plan.Lab}]
	var adapter *verdict.AdapterBroken
	switch {
	case ctx.Err() != nil:
		j.result.Outcome, j.result.Text = result.Inconclusive, "interrupted before it began"
		return
	case errors.As(subject.err, &adapter):
		j.result.Outcome, j.result.Text = result.AdapterBroken, "preflight: "+adapter.Error()
	case subject.err != nil:
		j.result.Outcome, j.result.Text = result.LabFailed, "preflight: "+subject.err.Error()
	case companion.err != nil:
		j.result.Outcome, j.result.Text = result.Inconclusive, "preflight: "+companion.err.Error()
	default:
		if why := notApplicable(j.scenario, q, r.Labs, j.plan.Lab, subject.hello); why != "" {
			j.result.Outcome, j.result.Text = result.NotApplicable, why
			return
		}
		begin := time.Now()
		r.run(ctx, j, q)
		if !slices.Contains(virtualLabs, j.plan.Lab) {
			r.stalls.excuse(j.result, begin, time.Now())
		}
		if ctx.Err() != nil && j.result.Outcome != result.Passed {
			j.result.Outcome, j.result.Text, j.result.Broke = result.Inconclusive, "interrupted while it ran", ""
			return
		}
	}
	r.expect(j)
}

// expect decides whether an outcome was announced, and what it means for the
// run.
func (r *runner) expect(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := j.result
	switch x.Outcome {
	case result.Failed:
		if k, ok := j.plan.failures.Match(sign(x)); ok {
			x.Outcome, x.Known = result.KnownFailure, result.KnownOf(k, false)
			return
		}
		broken, _ := r.Registry.Lookup(x.About())
		x.Unexpected = broken.Level == spec.Must || r.Strict
	case result.Inconclusive:
		for _, f := range x.Findings {
			of := result.Sign{Requirement: f.Requirement, Outcome: result.Failed, ID: f.ID, Detail: f.Detail, Text: f.Step}
			if k, ok := j.plan.excuses.Match(of); ok {
				x.Known = result.KnownOf(k, true)
				return
			}
		}
		if k, ok := j.plan.failures.Match(sign(x)); ok {
			x.Known = result.KnownOf(k, false)
			return
		}
		x.Unexpected = true
	case result.AdapterBroken, result.LabFailed, result.None:
		x.Unexpected = true
	}
}

// sign is how a manifest would list a result.
func sign(x *result.Result) result.Sign {
	text := x.Step
	if text == "" { // of a monitor
		text = x.Rule
	}
	return result.Sign{Requirement: x.About(), Outcome: x.Outcome, ID: x.ID, Detail: x.Detail, Text: text}
}

// each calls f for every item, at most n at once, and returns when all are
// done.
func each[T any](n int, items []T, f func(T)) {
	queue := make(chan T)
	var wg sync.WaitGroup
	for range min(n, len(items)) {
		wg.Go(func() {
			for item := range queue {
				f(item)
			}
		})
	}
	for _, item := range items {
		queue <- item
	}
	close(queue)
	wg.Wait()
}

// guard turns a panic into the lab's failure.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &verdict.LabFailed{Text: fmt.Sprintf("panic: %v\n%s", p, stack())}
		}
	}()
	return f()
}

// profiles are the names of the NAT profiles, in their own order.
func profiles() (names []string) {
	for _, p := range nat.Profiles() {
		names = append(names, p.Name)
	}
	return names
}
