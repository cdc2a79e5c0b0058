package steps

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/vectors"
)

// Every hostile case of the vectors is a scenario, in the state that it was made
// for.
func TestHostileRowsAreTheVectors(t *testing.T) {
	state := func(v vectors.Victim) string {
		switch {
		case v.Indexed:
			return "to-a-bootstrap-peer"
		case v.Joined:
			return "to-a-member"
		case v.NATType == 0:
			return "before-discovery"
		case v.NATType == 5:
			return "to-a-symmetric-leaf"
		case v.Friend:
			return "to-a-leaf-with-a-friend"
		}
		return "to-a-leaf"
	}
	cases, err := vectors.Hostile()
	require.NoError(t, err)
	require.Len(t, cases, 68)
	var want, rows []string
	for _, c := range cases {
		want = append(want, "frame/hostile-"+state(c.Victim)+": "+c.Name)
	}
	for _, p := range pickles(t) {
		if strings.HasPrefix(p.id, "frame/hostile-") {
			rows = append(rows, p.id+": "+p.row["case"])
		}
	}
	require.ElementsMatch(t, want, rows)
}
