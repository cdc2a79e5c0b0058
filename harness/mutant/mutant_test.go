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
