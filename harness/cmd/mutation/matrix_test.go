package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
)

func TestFates(t *testing.T) {
	of := func(name string, deviated int, caught map[string]int) trial {
		return trial{job: job{Name: name, Breaks: "LAT-FRAME-001"}, Deviated: deviated, Caught: caught}
	}
	for _, c := range []struct {
		want string
		r    trial
	}{
		{killed, of("a", 3, map[string]int{"LAT-FRAME-001": 1, "LAT-FRAME-002": 2})},
		{elsewhere, of("a", 3, map[string]int{"LAT-FRAME-002": 2})},
		{survived, of("a", 3, nil)},
		{notExercised, of("a", 0, nil)},
		{passed, trial{}},
		{elsewhere, trial{Caught: map[string]int{"LAT-FRAME-001": 1}}},
		{survived, trial{Deviated: 1, Other: "lab failed: x"}},
	} {
		require.Equal(t, c.want, c.r.fate(), "%+v", c.r)
	}
}

func TestMatrixSaysWhatIsMissing(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	m := matrix{registry: registry, all: true, results: []trial{
		{},
		{job: job{Name: "takes-any-magic", Breaks: "LAT-FRAME-001", Does: "It does not look."}, Deviated: 2, Caught: map[string]int{"LAT-FRAME-001": 2}},
	}}
	require.True(t, m.good())
	require.Contains(t, m.figure(), "1 of 1 saboteurs killed in the name of the requirement that they break, which are 1 of the ")
	require.NotContains(t, m.missing(), "LAT-FRAME-001")
	require.Contains(t, m.missing(), "LAT-FRAME-002")
	require.NotContains(t, m.missing(), "LAT-MEMB-030", "it is verified by inspection")
	require.NotContains(t, m.missing(), "LAT-MSG-009", "it is a SHOULD")

	m.results = append(m.results, trial{
		job: job{Name: "pads", Breaks: "LAT-FRAME-017", Does: "It fills up."}, Deviated: 5, Caught: map[string]int{"LAT-FRAME-009": 1},
	})
	require.False(t, m.good())
	var text strings.Builder
	m.print(&text)
	require.Contains(t, text.String(), "LAT-FRAME-017 pads: caught elsewhere\n    It fills up.\n    LAT-FRAME-009 1\n")
	require.Contains(t, text.String(), "no saboteur breaks LAT-FRAME-002, ")
	require.Contains(t, m.markdown(), "| LAT-FRAME-001 | takes-any-magic | It does not look. | 2 | killed | LAT-FRAME-001 2 |\n")
}
