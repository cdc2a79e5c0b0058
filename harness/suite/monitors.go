package suite

import (
	"slices"

	"punchlist/harness/monitor"
	"punchlist/harness/result"
)

// watched is what one monitor saw in the scenarios of a cell.
type watched struct {
	monitor       monitor.Monitor
	looked, wrong int
	result        *result.Result // of the first scenario in which something was wrong; nil: none
	plan          *planned
}

func wrong(seen []monitor.Seen) bool {
	return slices.ContainsFunc(seen, func(s monitor.Seen) bool { return s.Wrong != "" })
}

// watched adds what monitors saw in a scenario. Which scenario stands for all is
// a matter of their order, not of time.
func (r *runner) watched(j *job, w World, end ending, seen []monitor.Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.watch[j.cell]
	if of == nil {
		of = map[string]*watched{}
		r.watch[j.cell] = of
	}
	for _, s := range seen {
		if s.Looked == 0 {
			continue
		}
		all := of[s.Monitor.ID]
		if all == nil {
			all = &watched{monitor: s.Monitor, plan: j.plan}
			of[s.Monitor.ID] = all
		}
		all.looked += s.Looked
		if s.Wrong == "" {
			continue
		}
		all.wrong += 1 + s.More
		if all.result == nil || j.result.Place < all.result.Place {
			all.result = found(j, w, end, s)
		}
	}
}

// found is what a monitor found in a scenario.
func found(j *job, w World, end ending, s monitor.Seen) *result.Result {
	t := w.Net().Trace()
	return &result.Result{
		Key: s.Monitor.ID, ID: s.Monitor.ID, Place: j.result.Place, Feature: j.result.Feature, Rule: s.Monitor.Rule, Scenario: j.result.Scenario,
		Requirement: s.Monitor.Requirement, Broke: s.Monitor.Requirement, Outcome: result.Failed,
		Text: s.Wrong + ", in the scenario " + j.result.Key, Steps: end.steps,
		Evidence: result.Evidence(t, s.Frames), Sequence: result.Sequence(t, s.Frames),
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
				x = &result.Result{Key: s.monitor.ID, Rule: s.monitor.Rule, Scenario: "All packets of all scenarios",
					Requirement: s.monitor.Requirement, Outcome: result.Passed}
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
