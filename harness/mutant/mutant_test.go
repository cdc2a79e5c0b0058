package mutant

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMake(t *testing.T) {
	d, err := Make("../..", 1, 40, nil)
	require.NoError(t, err)
	t.Log(d.Sites, "sites,", d.Stillborn, "stillborn")
	for _, m := range d.Mutants {
		t.Log(m)
	}
	require.Len(t, d.Mutants, 40)
}

func TestMakeInSomeFiles(t *testing.T) {
	d, err := Make("../..", 1, 5, regexp.MustCompile(`^reference/wire/id\.go$`))
	require.NoError(t, err)
	require.Len(t, d.Mutants, 5)
	for _, m := range d.Mutants {
		require.Equal(t, "reference/wire/id.go", m.File)
	}
}

// A mutant is counted in the chapter that its file names.
func TestChapters(t *testing.T) {
	d, err := Make("../..", 1, 1, regexp.MustCompile(`^reference/peer/traversal\.go$`))
	require.NoError(t, err)
	require.NotEmpty(t, d.All)
	for _, m := range d.All {
		require.Equal(t, []int{6}, m.Chapters, m)
	}
}

// Mutants of one function that read the same are told apart by their number.
func TestNumbered(t *testing.T) {
	d, err := Make("../..", 1, 1, nil)
	require.NoError(t, err)
	type reads struct {
		file, function, kind, from, to string
		nth                            int
	}
	seen := map[reads]bool{}
	for _, m := range d.All {
		r := reads{m.File, m.Function, string(m.Kind), m.From, m.To, m.Nth}
		require.False(t, seen[r], m)
		seen[r] = true
	}
	require.Len(t, seen, d.Sites)
}
