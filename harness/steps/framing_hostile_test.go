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
			return "A bootstrap peer"
		case v.Joined:
			return "A member"
		case v.NATType == 0:
			return "Before its NAT type is known"
		case v.NATType == 5:
			return "A leaf behind a symmetric NAT"
		case v.Friend:
			return "A leaf with a friend"
		}
		return "A leaf"
	}
	cases, err := vectors.Hostile()
	require.NoError(t, err)
	require.Len(t, cases, 68)
	var want, rows []string
	for _, c := range cases {
		want = append(want, "hostile.feature: "+state(c.Victim)+": "+c.Name)
	}
	for _, p := range pickles(t) {
		if strings.HasPrefix(p.name, "hostile.feature: ") {
			rows = append(rows, p.name)
		}
	}
	require.ElementsMatch(t, want, rows)
}
