package result

import (
	"errors"
	"fmt"

	"punchlist/harness/verdict"
)

// An Outcome is how one planned scenario ended.
type Outcome uint8

// The outcomes. The zero Outcome is none: a scenario without one is a defect
// of the suite.
const (
	None Outcome = iota
	Passed
	Failed
	KnownFailure // failed as its manifest says it does
	NotApplicable
	Inconclusive // blocked, or a companion failed
	AdapterBroken
	LabFailed
	outcomes
)

var outcomeNames = [outcomes]string{
	None: "none", Passed: "passed", Failed: "failed", KnownFailure: "known failure", NotApplicable: "not applicable",
	Inconclusive: "inconclusive", AdapterBroken: "adapter broken", LabFailed: "lab failed",
}

func (o Outcome) String() string {
	if o >= outcomes {
		return fmt.Sprintf("outcome %d", uint8(o))
	}
	return outcomeNames[o]
}

// MarshalText makes it its name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("outcome %q is none of %q", text, outcomeNames[Passed:])
}

// OutcomeOf is the outcome that a step's error stands for. Then says whether a Then
// step returned it: a Violation from any other step is a blocked scenario.
// A *Died is not decided here, since it needs a replay: it counts as a
// failure of the subject, or as inconclusive when a companion died.
func OutcomeOf(err error, then bool) Outcome {
	var (
		violation *verdict.Violation
		blocked   *verdict.Blocked
		inapt     *verdict.NotApplicable
		adapter   *verdict.AdapterBroken
		companion *verdict.CompanionFailed
		died      *verdict.Died
		lab       *verdict.LabFailed
	)
	switch {
	case err == nil:
		return Passed
	case errors.As(err, &lab):
		return LabFailed
	case errors.As(err, &inapt):
		return NotApplicable
	case errors.As(err, &adapter):
		return AdapterBroken
	case errors.As(err, &companion):
		return Inconclusive
	case errors.As(err, &died):
		if died.Subject {
			return Failed
		}
		return Inconclusive
	case errors.As(err, &blocked):
		return Inconclusive
	case errors.As(err, &violation):
		if then {
			return Failed
		}
		return Inconclusive
	default:
		return LabFailed
	}
}
