package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
	"punchlist/spec"
)

func TestThePageShowsWhoMeetsWhom(t *testing.T) {
	made := func(subject, companion string, o result.Outcome, path result.Path, m *result.Meeting) *result.Result {
		return &result.Result{Key: "trav/meets[subject=" + subject + ",companion=" + companion + "]", Requirement: "LAT-TRAV-003", Outcome: o, Unexpected: o == result.Failed, Path: path, Meeting: m}
	}
	r := &result.Run{Profiles: []string{"full-cone", "symmetric", "udp-blocked"}, Requirements: []spec.Requirement{{ID: "LAT-TRAV-003"}}, Cells: []*result.Cell{
		{Subject: "a", Companion: "b", Lab: "sim", Results: []*result.Result{
			made("full-cone", "symmetric", result.Passed, result.Path{}, &result.Meeting{Seconds: 1.2, Packets: 12}),
			made("symmetric", "full-cone", result.Passed, result.Path{Kind: result.Relayed, By: "boot1"}, &result.Meeting{Seconds: 9, Packets: 70}),
			made("symmetric", "symmetric", result.Failed, result.Path{}, nil),
			made("udp-blocked", "symmetric", result.Passed, result.Path{}, nil), // it judges that there is no connection
		}},
		{Subject: "c", Companion: "b", Lab: "sim", Results: []*result.Result{{Key: "trav/other", Requirement: "LAT-TRAV-003", Outcome: result.Passed}}},
	}}
	page, err := HTML(r)
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
