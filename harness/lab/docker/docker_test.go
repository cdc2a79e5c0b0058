package docker

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/nat"
)

func TestNATVectorsAsInSim(t *testing.T) {
	in := New()
	require.NoError(t, in.Check(context.Background()))
	for _, v := range nat.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			want, err := lab.PlayNAT(t.Context(), sim.New(), v)
			require.NoError(t, err)
			got, err := lab.PlayNAT(t.Context(), in, v)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}
