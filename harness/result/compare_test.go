package result

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	result := func(key string, o Outcome, broke string) *Result {
		return &Result{Key: key, Outcome: o, Broke: broke}
	}
	in := func(lab string, results ...*Result) *Run {
		return &Run{Cells: []*Cell{{Subject: "mine", Companion: "reference", Lab: lab, Seed: 1, Results: results}}}
	}
	a := in("netns",
		result("same", Passed, ""),
		result("known in both", KnownFailure, "LAT-A-001"),
		result("other outcome", Passed, ""),
		result("other requirement", Failed, "LAT-A-001"),
		result("only here", Passed, ""),
		result("judged there alone", NotApplicable, ""),
	)
	b := in("docker",
		result("other requirement", Failed, "LAT-A-002"),
		result("known in both", KnownFailure, "LAT-A-001"),
		result("same", Passed, ""),
		result("other outcome", Failed, "LAT-A-001"),
		result("judged there alone", Passed, ""),
		result("only there", Passed, ""),
	)
	c := Compare(a, b)
	require.Equal(t, 2, c.Same)
	require.Equal(t, [2]int{1, 2}, c.OnlyOne)
	cells := [2]string{"mine+reference@netns", "mine+reference@docker"}
	require.Equal(t, []Difference{
		{"other outcome", cells, [2]string{"passed", "failed (LAT-A-001)"}},
		{"other requirement", cells, [2]string{"failed (LAT-A-001)", "failed (LAT-A-002)"}},
	}, c.Differ)
	require.Equal(t, "other outcome\n  mine+reference@netns: passed, mine+reference@docker: failed (LAT-A-001)", c.Differ[0].String())

	// A failure that is known to be random passes at times.
	random := result("same", KnownFailure, "LAT-A-001")
	random.Known = &Known{Intermittent: true}
	for _, pair := range [][2]*Run{{in("netns", random), b}, {b, in("netns", random)}} {
		require.Equal(t, 1, Compare(pair[0], pair[1]).Same)
		require.Empty(t, Compare(pair[0], pair[1]).Differ)
	}
	random.Known.Intermittent = false
	require.Len(t, Compare(in("netns", random), b).Differ, 1)

	// Another subject, companion or seed is another judgement.
	for _, change := range []func(*Cell){
		func(c *Cell) { c.Subject = "yours" }, func(c *Cell) { c.Companion = "yours" }, func(c *Cell) { c.Seed = 2 },
	} {
		b := in("docker", result("same", Passed, ""))
		change(b.Cells[0])
		require.Zero(t, Compare(a, b).Same)
	}
}
