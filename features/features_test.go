package features

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file in a folder below would be lost.
func TestEveryFeatureIsEmbedded(t *testing.T) {
	embedded, err := fs.Glob(Files, "*.feature")
	require.NoError(t, err)
	require.NotEmpty(t, embedded)
	var there []string
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".feature" {
			there = append(there, filepath.ToSlash(name))
		}
		return err
	}))
	require.Equal(t, there, embedded)
}
