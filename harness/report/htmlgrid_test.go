package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/verdict"
	"punchlist/spec"
)

func TestThePageShowsWhoMeetsWhom(t *testing.T) {
	key := func(row string) string { return "traversal.feature#r/<subject> meets <companion>/" + row }
	result := func(row string, o verdict.Outcome, path string, m *Meeting) *Result {
		return &Result{Key: key(row), Requirement: "LAT-TRAV-003", Outcome: o, Unexpected: o == verdict.Failed, Path: path, Meeting: m}
	}
	r := &Report{Requirements: []spec.Requirement{{ID: "LAT-TRAV-003"}}, Cells: []*Cell{
		{Subject: "a", Companion: "b", Lab: "sim", Results: []*Result{
			result("full-cone, symmetric", verdict.Passed, "", &Meeting{Seconds: 1.2, Packets: 12}),
			result("symmetric, full-cone", verdict.Passed, `through the proxy on "boot1"`, &Meeting{Seconds: 9, Packets: 70}),
			result("symmetric, symmetric", verdict.Failed, "", nil),
			result("udp-blocked, symmetric", verdict.Passed, "", nil), // it judges that there is no connection
		}},
		{Subject: "c", Companion: "b", Lab: "sim", Results: []*Result{{Key: "other.feature#r/s", Requirement: "LAT-TRAV-003", Outcome: verdict.Passed}}},
	}}
	page, err := r.HTML()
	require.NoError(t, err)
	grid := regexp.MustCompile(`(?s)<table class="matrix grid">.*?</table>`).FindAllString(string(page), -1)
	require.Len(t, grid, 1, "a cell in which nobody met has none")
	require.True(t, strings.Contains(string(page), "a&#43;b@sim: 1 direct, 1 through a proxy, <b>1 not at all</b>"))
	for _, want := range []string{
		`<th scope="row">full-cone</th><td></td><td class="passed">direct<small>1.2 s, 12</small></td>`,
		`<td class="known">proxy<small>9.0 s, 70</small></td>`,
	} {
		require.Contains(t, grid[0], want)
	}
	require.Regexp(t, `<td class="failed"><a href="#failure-LAT-TRAV-003-[0-9a-f]+">failed</a></td>`, grid[0])
	require.NotContains(t, grid[0], "udp-blocked")
}
