package report

import (
	"fmt"
	"slices"
	"strings"
)

// Paths says by which ways the subjects came to be connected, in scenarios that
// leave it open: one line for each cell and requirement, "reference@netns
// LAT-TRAV-013: 28 punched, 2 through the proxy".
func (r *Report) Paths() []string {
	var lines []string
	counts := map[string]map[string]int{} // by line, by way
	for _, c := range r.Cells {
		for _, x := range c.Results {
			if x.Path == "" {
				continue
			}
			line := c.Column() + " " + x.Requirement
			if counts[line] == nil {
				counts[line] = map[string]int{}
				lines = append(lines, line)
			}
			way, _, _ := strings.Cut(x.Path, " on ")
			counts[line][way]++
		}
	}
	for i, line := range lines {
		var ways []string
		for way, n := range counts[line] { // order-free: sorted
			ways = append(ways, fmt.Sprintf("%d %s", n, way))
		}
		slices.Sort(ways)
		lines[i] = line + ": " + strings.Join(ways, ", ")
	}
	return lines
}
