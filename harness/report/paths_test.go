package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPaths(t *testing.T) {
	result := func(path string) *Result { return &Result{Requirement: "LAT-TRAV-013", Path: path} }
	r := Report{Cells: []*Cell{
		{Subject: "a", Companion: "b", Lab: "sim", Results: []*Result{
			result("punched"), result(`through the proxy on "boot1"`), result(""), result("punched"), result(`through the proxy on "boot2"`),
		}},
		{Subject: "b", Companion: "b", Lab: "sim", Results: []*Result{result("")}},
	}}
	require.Equal(t, []string{"a+b@sim LAT-TRAV-013: 2 punched, 2 through the proxy"}, r.Paths())
	require.Contains(t, r.Markdown(), "## Paths")
}
