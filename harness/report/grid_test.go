package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/verdict"
)

func TestGrids(t *testing.T) {
	key := func(row string) string { return "matrix.feature#LAT-TRAV-003/<subject> meets <companion>/" + row }
	r := &Report{Cells: []*Cell{{Subject: "a", Companion: "b", Lab: "sim", Results: []*Result{
		{Key: key("open, open"), Outcome: verdict.Passed, Path: "punched", Meeting: &Meeting{Seconds: 1.23, Packets: 12}},
		{Key: key("open, symmetric"), Outcome: verdict.Passed, Path: "punched", Meeting: &Meeting{Seconds: 31, Packets: 40}},
		{Key: key("symmetric, open"), Outcome: verdict.Passed, Path: `through the proxy on "x"`, Meeting: &Meeting{Seconds: 9, Packets: 7}},
		{Key: key("symmetric, symmetric"), Outcome: verdict.Failed},
	}}}}
	grids := Grids(r, []string{"open", "symmetric"})
	require.Len(t, grids, 1)
	require.False(t, grids[0].Complete())
	var plain, coloured strings.Builder
	grids[0].Print(&plain, Style{})
	require.Equal(t, `a+b@sim
rows: the subject is behind; columns: the companion is behind. Path, seconds to the connection, datagrams of both until then

           open             symmetric
open       direct 1.2 s 12  direct 31.0 s 40
symmetric  proxy 9.0 s 7    failed

`, plain.String())
	grids[0].Print(&coloured, Style{Color: true})
	for _, colour := range []string{"48;5;120m", "48;5;77m", "48;5;228m", "48;5;124m"} {
		require.Contains(t, coloured.String(), colour)
	}
	grids[0].Met[1][1] = grids[0].Met[0][0]
	require.True(t, grids[0].Complete())
}
