package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
)

func TestPaths(t *testing.T) {
	made := func(path result.Path) *result.Result { return &result.Result{Requirement: "LAT-TRAV-013", Path: path} }
	r := &result.Run{Cells: []*result.Cell{
		{Subject: "a", Companion: "b", Lab: "sim", Results: []*result.Result{
			made(result.Path{Kind: result.Punched}), made(result.Path{Kind: result.Relayed, By: "boot1"}), made(result.Path{}), made(result.Path{Kind: result.Punched}), made(result.Path{Kind: result.Relayed, By: "boot2"}),
		}},
		{Subject: "b", Companion: "b", Lab: "sim", Results: []*result.Result{made(result.Path{})}},
	}}
	require.Equal(t, []string{"a+b@sim LAT-TRAV-013: 2 punched, 2 through the proxy"}, paths(r))
	require.Contains(t, Markdown(r), "## Paths")
}
