package suite

import (
	"slices"

	"punchlist/harness/monitor"
	"punchlist/harness/report"
	"punchlist/harness/verdict"
)

// watched is what one monitor saw in the scenarios of a cell.
type watched struct {
	monitor       monitor.Monitor
	looked, wrong int
	result        *report.Result // of the first scenario in which something was wrong; nil: none
	plan          *planned
}

func wrong(seen []monitor.Seen) bool {
	return slices.ContainsFunc(seen, func(s monitor.Seen) bool { return s.Wrong != "" })
}

// watched adds what monitors saw in a scenario. Which scenario stands for all is
// a matter of their order, not of time.
func (r *runner) watched(j *job, w World, end ending, seen []monitor.Seen) {
	for _, s := range seen {
		if s.Looked == 0 {
			continue
		}
		var found *report.Result
		if s.Wrong != "" {
			t := w.Net().Trace()
			found = &report.Result{
				Key: "monitor#" + s.Monitor.Rule, Place: j.result.Place, Feature: j.result.Feature, Rule: s.Monitor.Rule, Scenario: j.result.Scenario,
				Requirement: s.Monitor.Requirement, Broke: s.Monitor.Requirement, Outcome: verdict.Failed,
				Text: s.Wrong + ", in the scenario " + j.result.Key, Signature: s.Monitor.Rule, Steps: end.steps,
				Evidence: report.Evidence(t, s.Frames), Timeline: report.Timeline(t, s.Frames), Sequence: report.Sequence(t, s.Frames),
				Capture: j.result.Capture, CaptureHash: j.result.CaptureHash, Repeat: j.result.Repeat,
				Packets: j.result.Packets, LabSeconds: j.result.LabSeconds,
			}
		}
		r.mu.Lock()
		if r.watch[j.cell] == nil {
			r.watch[j.cell] = map[string]*watched{}
		}
		all := r.watch[j.cell][s.Monitor.Rule]
		if all == nil {
			all = &watched{monitor: s.Monitor, plan: j.plan}
			r.watch[j.cell][s.Monitor.Rule] = all
		}
		all.looked += s.Looked
		if found != nil {
			all.wrong += 1 + s.More
			if all.result == nil || found.Place < all.result.Place {
				all.result = found
			}
		}
		r.mu.Unlock()
	}
}

// monitors makes the results of the monitors, by requirement. One that had nothing
// to look at in any scenario has none.
func (r *runner) monitors() {
	for cell, of := range r.watch {
		for _, s := range of {
			x := s.result
			if x == nil {
				x = &report.Result{Key: "monitor#" + s.monitor.Rule, Rule: s.monitor.Rule, Scenario: "All packets of all scenarios",
					Requirement: s.monitor.Requirement, Outcome: verdict.Passed}
			}
			x.Looked, x.Wrong = s.looked, s.wrong
			r.expect(&job{plan: s.plan, cell: cell, result: x})
			cell.Monitors = append(cell.Monitors, x)
			if x.Unexpected {
				r.Progress.Say("%s  %s  %s  %s", x.Outcome, x.Requirement, cell.Column(), x.Text)
			}
		}
		slices.SortFunc(cell.Monitors, report.ByRequirement)
	}
}
