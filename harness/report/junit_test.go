package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
)

// What Jenkins' schema allows: attributes of each element, and its children.
var jenkins = map[string]struct{ attributes, children []string }{
	"testsuites": {[]string{"name", "time", "tests", "failures", "disabled", "errors"}, []string{"testsuite"}},
	"testsuite": {[]string{"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"properties", "testcase", "system-out", "system-err"}},
	"properties": {nil, []string{"property"}},
	"property":   {[]string{"name", "value"}, nil},
	"testcase": {[]string{"name", "assertions", "time", "classname", "status"},
		[]string{"skipped", "error", "failure", "system-out", "system-err"}},
	"skipped":    {[]string{"message", "type"}, nil},
	"error":      {[]string{"message", "type"}, nil},
	"failure":    {[]string{"message", "type"}, nil},
	"system-out": {nil, nil},
	"system-err": {nil, nil},
}

// One file with everything in it that a run can lead to.
func TestJUnitIsWhatJenkinsAndGitLabRead(t *testing.T) {
	r := sample()
	r.Cells[0].Results[1].Key += " again"
	r.Cells = append(r.Cells, again(r.Cells[0], 2))
	r.Broken = []string{"interrupted\x00"}
	r.Cells[0].Results[2].Sequence = []result.Packet{{Frame: 1, At: "1.0 s", Path: "a\x1b → b", What: "ping", Via: []string{"a"}}}
	data, err := JUnit(r)
	require.NoError(t, err)

	d := xml.NewDecoder(bytes.NewReader(data))
	var open []string
	names := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			rules, ok := jenkins[name]
			require.True(t, ok, "element %s", name)
			if len(open) > 0 {
				require.Contains(t, jenkins[open[len(open)-1]].children, name)
			}
			open = append(open, name)
			attributes := map[string]string{}
			for _, a := range e.Attr {
				require.Contains(t, rules.attributes, a.Name.Local, "of %s", name)
				attributes[a.Name.Local] = a.Value
			}
			if name == "testcase" || name == "testsuite" {
				whole := name + " " + attributes["classname"] + " " + attributes["name"]
				require.False(t, names[whole], "twice: %s", whole)
				names[whole] = true
			}
		case xml.EndElement:
			open = slices.Delete(open, len(open)-1, len(open))
		}
	}

	var suites junitSuites
	require.NoError(t, xml.Unmarshal(data, &suites))
	require.Equal(t, []string{"a+a@sim seed 0", "b+a@netns", "c+a@netns", "a+a@sim seed 2", "the run"}, []string{
		suites.Suites[0].Name, suites.Suites[1].Name, suites.Suites[2].Name, suites.Suites[3].Name, suites.Suites[4].Name})
	require.Equal(t, "a+a@sim seed 0.test", suites.Suites[0].Cases[0].Class)
	died := suites.Suites[0].Cases[2]
	require.Equal(t, "failed", died.Failure.Type)
	require.Contains(t, died.Failure.Body, "repeat: punchlist run --scenario x")
	require.Equal(t, "      1      1.0 s  a → b  ping  via a", died.SystemOut)
	require.Equal(t, 3+3+1+1+3+1, suites.Tests, "scenarios, a stale entry, a cell that is not available, what could not run")
	require.Equal(t, 3, suites.Failures)
	require.Equal(t, 2, suites.Errors)
}

// again is the cell with another seed.
func again(c *result.Cell, seed int64) *result.Cell {
	other := *c
	other.Seed = seed
	return &other
}

func TestBadge(t *testing.T) {
	r := sample()
	require.NoError(t, xml.Unmarshal([]byte(Badge(r)), new(struct{})))
	require.Contains(t, Badge(r), "Latica conformance: 0 of 3, 1 unexpected")
	r.Exit = result.CouldNotRun
	require.Contains(t, Badge(r), ": could not run")
	r = &result.Run{Cells: []*result.Cell{{Results: []*result.Result{
		{Requirement: "LAT-MSG-001", Outcome: result.Passed}, {Requirement: "LAT-MSG-002", Outcome: result.KnownFailure},
		{Requirement: "LAT-MSG-003", Outcome: result.NotApplicable}, {Requirement: "LAT-MSG-001", Outcome: result.Passed}}}}}
	require.Contains(t, Badge(r), ": 1 of 2<")
	require.Contains(t, Badge(r), "#8a6100", "a known failure is not kept")
}
