package report

import (
	"fmt"
	"strings"

	"punchlist/harness/result"
)

// paths says by which ways the subjects came to be connected, one line for each
// column and requirement: "reference+reference@netns LAT-TRAV-013: 28 punched, 2
// through the proxy".
func paths(r *result.Run) []string {
	var lines []string
	for _, c := range r.Paths() {
		var ways []string
		if c.Relayed > 0 {
			ways = append(ways, fmt.Sprintf("%d through the proxy", c.Relayed))
		}
		if c.Punched > 0 {
			ways = append([]string{fmt.Sprintf("%d punched", c.Punched)}, ways...)
		}
		lines = append(lines, c.Column+" "+c.Requirement+": "+strings.Join(ways, ", "))
	}
	return lines
}
