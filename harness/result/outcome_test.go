package result

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/manifest"
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

func TestKnownFailures(t *testing.T) {
	entry := manifest.Known{Requirement: "LAT-NAT-004", Signature: "no answer", Reason: "r"}
	random := manifest.Known{Requirement: "LAT-NAT-005", Signature: "late", Intermittent: true}
	mixed := manifest.Known{Requirement: "LAT-NAT-006", Signature: "x", Companion: "other"}
	elsewhere := manifest.Known{Requirement: "LAT-NAT-007", Signature: "x", Lab: "docker"}
	all := []manifest.Known{entry, random, mixed, elsewhere}
	fresh := func() *Failures { return NewFailures(all, "reference", "netns") }
	about := func(id string) func(manifest.Known) bool {
		return func(k manifest.Known) bool { return k.Requirement == id }
	}

	t.Run("failing the listed way is known", func(t *testing.T) {
		f := fresh()
		k, ok := f.Match("LAT-NAT-004", "no answer")
		require.True(t, ok)
		require.Equal(t, entry, k)
		require.Empty(t, f.Unmet(about("LAT-NAT-004")))
	})
	t.Run("failing another way is not", func(t *testing.T) {
		f := fresh()
		for _, c := range [][2]string{{"LAT-NAT-004", "a wrong answer"}, {"LAT-NAT-003", "no answer"}, {"LAT-NAT-006", "x"}, {"LAT-NAT-007", "x"}} {
			_, ok := f.Match(c[0], c[1])
			require.False(t, ok, c)
		}
	})
	t.Run("an entry that nothing failed by is unmet", func(t *testing.T) {
		require.Equal(t, []manifest.Known{entry}, fresh().Unmet(about("LAT-NAT-004")))
	})
	t.Run("but not one that is intermittent, or for another cell, or was not looked for", func(t *testing.T) {
		for _, id := range []string{"LAT-NAT-005", "LAT-NAT-006", "LAT-NAT-007", "LAT-NAT-003"} {
			require.Empty(t, fresh().Unmet(about(id)))
		}
	})
}
