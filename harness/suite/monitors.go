package suite

import (
	"slices"
	"time"

	"punchlist/harness/monitor"
	"punchlist/harness/oracle"
	"punchlist/harness/result"
)

// A seen is what one monitor, or one rule of the oracle, saw in a scenario.
type seen struct {
	sentence
	looked int    // datagrams, commands and events that it was about
	wrong  string // about the first that broke it; empty: none did
	frames []int  // that show it
	more   int    // further ones that broke it
}

// A sentence is what a monitor or the oracle holds a peer to.
type sentence struct{ id, requirement, says string }

// seenBy has the monitors and the oracle look at what the subject did. Where the clock is real, the
// oracle gives the subject the time that the machine took of it meanwhile, and says nothing of a
// machine that stood still.
func (r *runner) seenBy(j *job, w World, recorder *oracle.Recorder, begun time.Time) (all []seen) {
	n := w.Net()
	if n == nil || w.Subject() == "" {
		return nil
	}
	for _, s := range monitor.Watch(n.Trace(), w.Subject()) {
		all = append(all, seen{sentence{s.Monitor.ID, s.Monitor.Requirement, s.Monitor.Rule}, s.Looked, s.Wrong, s.Frames, s.More})
	}
	react, real := j.plan.Subject.React, !slices.Contains(virtualLabs, j.plan.Lab)
	if real {
		ended := time.Now()
		if r.stalls.between(begun, ended) > 0 {
			return all
		}
		react += r.stalls.react(begun, ended)
	}
	for _, s := range oracle.Judge(recorder, w.Subject(), react) {
		if real && !s.Rule.Anywhere() {
			continue
		}
		all = append(all, seen{sentence{s.Rule.ID, s.Rule.Requirement, s.Rule.Says}, s.Looked, s.Wrong, s.Frames, s.More})
	}
	return all
}

// watched is what one monitor saw in the scenarios of a cell.
type watched struct {
	sentence
	looked, wrong int
	result        *result.Result // of the first scenario in which something was wrong; nil: none
	plan          *planned
}

func wrong(all []seen) bool {
	return slices.ContainsFunc(all, func(s seen) bool { return s.wrong != "" })
}

// watched adds what monitors saw in a scenario. Which scenario stands for all is
// a matter of their order, not of time.
func (r *runner) watched(j *job, w World, end ending, saw []seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.watch[j.cell]
	if of == nil {
		of = map[string]*watched{}
		r.watch[j.cell] = of
	}
	for _, s := range saw {
		if s.looked == 0 {
			continue
		}
		all := of[s.id]
		if all == nil {
			all = &watched{sentence: s.sentence, plan: j.plan}
			of[s.id] = all
		}
		all.looked += s.looked
		if s.wrong == "" {
			continue
		}
		all.wrong += 1 + s.more
		if all.result == nil || j.result.Place < all.result.Place {
			all.result = found(j, w, end, s)
		}
	}
}

// found is what a monitor found in a scenario.
func found(j *job, w World, end ending, s seen) *result.Result {
	t := w.Net().Trace()
	return &result.Result{
		Key: s.id, ID: s.id, Place: j.result.Place, Feature: j.result.Feature, Rule: s.says, Scenario: j.result.Scenario,
		Requirement: s.requirement, Broke: s.requirement, Outcome: result.Failed,
		Text: s.wrong + ", in the scenario " + j.result.Key, Steps: end.steps,
		Evidence: result.Evidence(t, s.frames), Sequence: result.Sequence(t, s.frames),
		Capture: j.result.Capture, CaptureHash: j.result.CaptureHash, Repeat: j.result.Repeat,
		Packets: j.result.Packets, LabSeconds: j.result.LabSeconds,
	}
}

// monitors makes the results of the monitors, by requirement. One that had nothing
// to look at in any scenario has none.
func (r *runner) monitors() {
	for _, cell := range r.report.Cells {
		for _, s := range r.watch[cell] {
			x := s.result
			if x == nil {
				x = &result.Result{Key: s.id, Rule: s.says, Scenario: "All packets of all scenarios",
					Requirement: s.requirement, Outcome: result.Passed}
			}
			x.Looked, x.Wrong = s.looked, s.wrong
			r.expect(&job{plan: s.plan, cell: cell, result: x})
			cell.Monitors = append(cell.Monitors, x)
		}
		slices.SortFunc(cell.Monitors, result.ByRequirement)
		for _, x := range cell.Monitors {
			if x.Unexpected {
				r.Progress.Say("%s  %s  %s  %s", x.Outcome, x.Requirement, cell.Column(), x.Text)
			}
		}
	}
}
