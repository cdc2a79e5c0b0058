package suite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab/netns"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
)

// Whoever changes the adapter, or a file beside it, has judged something else.
func TestTheHashOfATestee(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("adapter.mjs", "a")
	write("package-lock.json", "1")
	m := manifest.Manifest{Name: "mine", Command: []string{"${self}", "${dir}/adapter.mjs"}, Dir: dir}
	hash := func(m manifest.Manifest) string {
		sum, err := hashBinary(netns.New(), m)
		require.NoError(t, err)
		return sum
	}
	first := hash(m)
	require.Regexp(t, "^[0-9a-f]{64}$", first)
	require.Equal(t, first, hash(m))
	write("package-lock.json", "2")
	second := hash(m)
	require.NotEqual(t, first, second)
	write("adapter.mjs", "b")
	require.NotEqual(t, second, hash(m))

	m.Command = []string{"no-such-program-anywhere"}
	_, err := hashBinary(netns.New(), m)
	require.Error(t, err)
	m.Builtin = "reference"
	_, err = hashBinary(sim.New(), m)
	require.NoError(t, err, "it is this program")
}
