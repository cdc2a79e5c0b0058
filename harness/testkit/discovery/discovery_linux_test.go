package discovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
)

// Every profile is asked about, in one net that can come up: nobody is left out
// because a profile is new.
func TestEveryProfileHasASite(t *testing.T) {
	sites, topology := oneSiteEach(t)
	asked := map[string]bool{}
	for _, s := range sites {
		require.False(t, asked[s.name], s.name)
		asked[s.name] = true
		if !s.effective.Blocked {
			require.NotEmpty(t, said[s.effective.Mapping], s.name)
			require.NotEmpty(t, said[s.effective.Filtering], s.name)
		}
	}
	for _, p := range nat.Profiles() {
		require.True(t, asked[p.Name], p.Name)
	}
	_, err := internet.New(topology, time.Unix(0, 0), internet.Options{})
	require.NoError(t, err)
}

func TestWhatTheClientSays(t *testing.T) {
	const out = "UDP reflexive addr: 198.51.100.7:41000\nNAT with Address Dependent Mapping!\nUDP reflexive addr: 198.51.100.7:41001\n"
	require.Equal(t, [][]string{
		{"UDP reflexive addr: 198.51.100.7:41000", "198.51.100.7:41000"},
		{"UDP reflexive addr: 198.51.100.7:41001", "198.51.100.7:41001"},
	}, reflexiveSaid.FindAllStringSubmatch(out, -1))
	require.Contains(t, out, said[nat.AddressDependent])
}
