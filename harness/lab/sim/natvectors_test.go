package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/nat"
)

func TestNATVectors(t *testing.T) {
	for _, v := range nat.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			lines, err := lab.PlayNAT(t.Context(), New(), v)
			require.NoError(t, err)
			require.NotEmpty(t, lines)
			again, err := lab.PlayNAT(t.Context(), New(), v)
			require.NoError(t, err)
			require.Equal(t, lines, again)
		})
	}
}
