package mutant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMake(t *testing.T) {
	d, err := Make("../..", 1, 40)
	require.NoError(t, err)
	t.Log(d.Sites, "sites,", d.Stillborn, "stillborn")
	for _, m := range d.Mutants {
		t.Log(m)
	}
	require.Len(t, d.Mutants, 40)
}
