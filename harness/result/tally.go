package result

import (
	"fmt"
	"strings"
)

// A Tally counts outcomes.
type Tally struct {
	Planned       int `json:"planned"`
	Passed        int `json:"passed"`
	Failed        int `json:"failed"`
	KnownFailure  int `json:"known"`
	NotApplicable int `json:"notApplicable"`
	Inconclusive  int `json:"inconclusive"`
	AdapterBroken int `json:"adapterBroken"`
	LabFailed     int `json:"labFailed"`
}

func (t *Tally) of(o Outcome) *int {
	switch o {
	case Passed:
		return &t.Passed
	case Failed:
		return &t.Failed
	case KnownFailure:
		return &t.KnownFailure
	case NotApplicable:
		return &t.NotApplicable
	case Inconclusive:
		return &t.Inconclusive
	case AdapterBroken:
		return &t.AdapterBroken
	case LabFailed:
		return &t.LabFailed
	default:
		return nil
	}
}

// Add counts one ended scenario. It does not raise Planned, which the plan
// sets, and ignores None, so that Check finds a scenario that was lost.
func (t *Tally) Add(o Outcome) {
	if n := t.of(o); n != nil {
		*n++
	}
}

// Plus adds another tally.
func (t *Tally) Plus(u Tally) {
	t.Planned += u.Planned
	for o := Passed; o < outcomes; o++ {
		*t.of(o) += *u.of(o)
	}
}

// Of is how many ended so.
func (t Tally) Of(o Outcome) int {
	if n := t.of(o); n != nil {
		return *n
	}
	return 0
}

// Check reports scenarios that were lost or counted twice: planned must be
// passed + failed + known + not applicable + inconclusive + adapter broken +
// lab failed.
func (t Tally) Check() error {
	sum := 0
	for o := Passed; o < outcomes; o++ {
		sum += t.Of(o)
	}
	if sum != t.Planned {
		return fmt.Errorf("%d scenarios were planned, but %d ended (%s): a defect of the suite", t.Planned, sum, t)
	}
	return nil
}

// String lists what is not zero: "12 planned: 10 passed, 2 known failures".
func (t Tally) String() string {
	var parts []string
	for o := Passed; o < outcomes; o++ {
		if n := t.Of(o); n > 0 {
			name := o.String()
			if o == KnownFailure && n > 1 {
				name += "s"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d planned", t.Planned)
	}
	return fmt.Sprintf("%d planned: %s", t.Planned, strings.Join(parts, ", "))
}
