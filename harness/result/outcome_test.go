package result

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/verdict"
)

func TestOnlyAViolationFromAThenStepFailsThePeer(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("step: %w", err) }
	for _, c := range []struct {
		err         error
		then, other Outcome
	}{
		{nil, Passed, Passed},
		{wrap(&verdict.Violation{Text: "x"}), Failed, Inconclusive},
		{wrap(&verdict.Blocked{Text: "x"}), Inconclusive, Inconclusive},
		{&verdict.Blocked{Err: &verdict.Violation{}}, Inconclusive, Inconclusive},
		{wrap(&verdict.NotApplicable{Reason: "x"}), NotApplicable, NotApplicable},
		{wrap(&verdict.AdapterBroken{Text: "x"}), AdapterBroken, AdapterBroken},
		{wrap(&verdict.CompanionFailed{}), Inconclusive, Inconclusive},
		{wrap(&verdict.LabFailed{Text: "x"}), LabFailed, LabFailed},
		{&verdict.LabFailed{Err: &verdict.Violation{}}, LabFailed, LabFailed},
		{&verdict.Died{Subject: true}, Failed, Failed},
		{&verdict.Died{}, Inconclusive, Inconclusive},
		{errors.New("anything else"), LabFailed, LabFailed},
	} {
		require.Equal(t, c.then, OutcomeOf(c.err, true), "Then: %v", c.err)
		require.Equal(t, c.other, OutcomeOf(c.err, false), "Given or When: %v", c.err)
	}
}

func TestTallyFindsLostScenarios(t *testing.T) {
	var sum Tally
	for o := Passed; o < outcomes; o++ {
		one := Tally{Planned: 1}
		require.Error(t, one.Check(), "planned, but without an outcome")
		one.Add(None)
		require.Error(t, one.Check(), "None is no outcome")
		one.Add(o)
		require.NoError(t, one.Check(), o)
		require.Equal(t, 1, one.Of(o))
		sum.Plus(one)
		one.Add(o)
		require.Error(t, one.Check(), "counted twice")
	}
	require.NoError(t, sum.Check())
	require.Equal(t, 7, sum.Planned)
	require.Equal(t, "7 planned: 1 passed, 1 failed, 1 known failure, 1 not applicable, 1 inconclusive, 1 adapter broken, 1 lab failed", sum.String())
}

func TestOutcomeNamesAreReadBack(t *testing.T) {
	for o := None; o < outcomes; o++ {
		text, err := o.MarshalText()
		require.NoError(t, err)
		var back Outcome
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, o, back)
	}
	var o Outcome
	require.ErrorContains(t, o.UnmarshalText([]byte("fine")), `"fine"`)
}
