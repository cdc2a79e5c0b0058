package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
)

func TestGrids(t *testing.T) {
	key := func(subject, companion string) string {
		return "trav/meets-directly[subject=" + subject + ",companion=" + companion + "]"
	}
	r := &result.Run{Cells: []*result.Cell{{Subject: "a", Companion: "b", Lab: "sim", Results: []*result.Result{
		{Key: key("open", "open"), Outcome: result.Passed, Path: result.Path{Kind: result.Punched}, Meeting: &result.Meeting{Seconds: 1.23, Packets: 12}},
		{Key: key("open", "symmetric"), Outcome: result.Passed, Path: result.Path{Kind: result.Punched}, Meeting: &result.Meeting{Seconds: 31, Packets: 40}},
		{Key: key("symmetric", "open"), Outcome: result.Passed, Path: result.Path{Kind: result.Relayed, By: "x"}, Meeting: &result.Meeting{Seconds: 9, Packets: 7}},
		{Key: key("symmetric", "symmetric"), Outcome: result.Failed},
	}}}}
	grids := result.Grids(r, []string{"open", "symmetric"})
	require.Len(t, grids, 1)
	require.False(t, grids[0].Complete())
	var plain, coloured strings.Builder
	PrintGrid(&plain, grids[0], Style{})
	require.Equal(t, `a+b@sim
rows: the subject is behind; columns: the companion is behind. Path, seconds to the connection, datagrams of both until then

           open             symmetric
open       direct 1.2 s 12  direct 31.0 s 40
symmetric  proxy 9.0 s 7    failed

`, plain.String())
	PrintGrid(&coloured, grids[0], Style{Color: true})
	for _, colour := range []string{"48;5;120m", "48;5;77m", "48;5;228m", "48;5;124m"} {
		require.Contains(t, coloured.String(), colour)
	}
	grids[0].Met[1][1] = grids[0].Met[0][0]
	require.True(t, grids[0].Complete())
}
