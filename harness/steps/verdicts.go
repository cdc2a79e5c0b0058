package steps

import (
	"fmt"

	"punchlist/harness/verdict"
)

// fail ends the step with its verdict. It is for the goroutine of the scenario
// alone: elsewhere nothing would catch it.
func fail(v error) { panic(failure{v}) }

// must ends the step as the lab's failure, if something of the lab failed.
func must(err error) {
	if err != nil {
		fail(&verdict.LabFailed{Err: err})
	}
}

// mustGet is must for what also gives a value.
func mustGet[T any](v T, err error) T {
	must(err)
	return v
}

// misused ends the step as the lab's failure: the feature asks for what can't be.
func misused(format string, args ...any) { panic(misuse(format, args...)) }

func misuse(format string, args ...any) failure {
	return failure{&verdict.LabFailed{Text: fmt.Sprintf(format, args...)}}
}

// blocked ends the step because something before what it judges did not come about.
func blocked(format string, args ...any) {
	fail(&verdict.Blocked{Text: fmt.Sprintf(format, args...)})
}

// violated ends the step: the subject broke the scenario's requirement. Frames
// show it; there may be none.
func (w *World) violated(frames []int, format string, args ...any) {
	fail(&verdict.Violation{Text: fmt.Sprintf(format, args...), Frames: frames})
}

// unfit ends the step because a peer does not play its part: the subject's
// adapter is broken, a companion leaves the subject unjudged.
func (w *World) unfit(p *peer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.subject {
		fail(&verdict.AdapterBroken{Implementation: p.manifest.Name, Host: p.host, Text: text})
	}
	w.companionFailed(p, verdict.Finding{Text: text})
}

// blames ends the step because a companion broke the scenario's requirement, which
// leaves the subject unjudged.
func (w *World) blames(p *peer, frames []int, format string, args ...any) {
	w.companionFailed(p, verdict.Finding{Requirement: w.o.Requirement.ID, Text: fmt.Sprintf(format, args...), Frames: frames})
}

func (w *World) companionFailed(p *peer, f verdict.Finding) {
	f.Implementation, f.Host = p.manifest.Name, p.host
	w.findings = append(w.findings, f)
	fail(&verdict.CompanionFailed{Finding: f})
}
