package suite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/features"
)

// Names of files are safe on any file system, told apart where that has no case, and short enough
// for the limit of 255 bytes.
func TestNamesOfFiles(t *testing.T) {
	all, err := Scenarios(features.Files)
	require.NoError(t, err)
	names := map[string]string{}
	for _, s := range all {
		name := slug(s)
		require.Regexp(t, `^LAT-[A-Z]+-\d+-[a-z0-9-]+$`, name)
		require.LessOrEqual(t, len(name), 140)
		require.NotContains(t, names, strings.ToLower(name), "%s and %s", names[name], s.Key)
		names[strings.ToLower(name)] = s.Key
	}
	require.Equal(t, "LAT-MSG-001-plain-ping", slug(Scenario{Requirement: "LAT-MSG-001", Key: "msg/plain-ping"}))
}
