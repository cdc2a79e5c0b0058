package suite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
)

// The table by which reports are compared that are older than ids: every result's key of then,
// and its key of today.
func TestKeysOfOldReports(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "features", "renamed.txt"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	before, after := map[string]bool{}, map[string]bool{}
	for _, line := range lines {
		old, key, found := strings.Cut(line, "\t")
		require.True(t, found, line)
		if !strings.HasPrefix(key, "monitor/") {
			_, err := result.ParseKey(key)
			require.NoError(t, err)
		}
		require.False(t, before[old], "%s is there twice", old)
		require.False(t, after[key], "%s is there twice", key)
		before[old], after[key] = true, true
	}
	require.GreaterOrEqual(t, len(lines), 542, "the scenarios of the day on which they got ids")
}
