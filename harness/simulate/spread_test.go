package simulate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// rowOf is the row of a name.
func rowOf(t *testing.T, rows []Row, what string) Row {
	t.Helper()
	for _, r := range rows {
		if r.What == what {
			return r
		}
	}
	t.Fatalf("no row %q", what)
	return Row{}
}

func TestTheFormulasOfSpreading(t *testing.T) {
	// The solutions of z = 1 - exp(-f z), as tables of epidemics have them.
	for f, z := range map[float64]float64{0.5: 0, 1: 0, 1.5: 0.5828, 2: 0.7968, 3: 0.9405, 6: 0.9975} {
		require.InDelta(t, z, finalSize(f), 1e-3, "%v", f)
	}
	require.InDelta(t, 1, meanHops(1000, 1e9), 1e-9, "everybody in one hop")
	require.Greater(t, meanHops(1000, 3), meanHops(100, 3))
	require.Greater(t, meanHops(1000, 3), meanHops(1000, 6))
	require.InDelta(t, 1, unrepaired(20, 0), 1e-9)
	require.InDelta(t, 0.0484, unrepaired(20, 6), 1e-4)
}

// An experiment is a function of its seed, and keeps the bounds that it states.
func TestSpreadingSurvivingLoad(t *testing.T) {
	for _, x := range []Experiment{
		Epidemic{Members: 20, Messages: 4, Loss: 0.05},
		Survive{Peers: 10, Life: 10, Lives: 3},
		Load{Members: []int{16}, Indexed: 3},
	} {
		t.Run(x.Name(), func(t *testing.T) {
			s, err := x.Run(Env{Context: t.Context()}, 1)
			require.NoError(t, err)
			require.Empty(t, s.Broken)
			for _, row := range x.Judge([]Sample{s}) {
				require.False(t, row.Missed(), "%+v", row)
			}
			again, err := x.Run(Env{Context: t.Context()}, 1)
			require.NoError(t, err)
			require.Equal(t, s, again)
		})
	}
}

// Bounds can be missed: where most datagrams are lost multicast doesn't reach
// what it does without, and theory says by how much.
func TestAnEpidemicThatIsLossy(t *testing.T) {
	x := Epidemic{Members: 20, Messages: 4, Loss: 0.6}
	s, err := x.Run(Env{Context: t.Context()}, 1)
	require.NoError(t, err)
	reached := rowOf(t, x.Judge([]Sample{s}), "reached by multicast")
	require.Less(t, reached.Measured, 0.9)
	s.Measured[epidemicReached] /= 2
	s.Measured[epidemicArrived] /= 2
	require.True(t, rowOf(t, x.Judge([]Sample{s}), "reached by multicast").Missed())
}

func TestParametersThatCantBe(t *testing.T) {
	for _, x := range []interface{ Validate() error }{
		Epidemic{Members: 3, Messages: 1}, Epidemic{Members: 20}, Epidemic{Members: 20, Messages: 1, Loss: 1},
		Survive{Peers: 3, Life: 20, Lives: 1}, Survive{Peers: 20, Life: 1, Lives: 1}, Survive{Peers: 20, Life: 10_000, Lives: 2},
		Load{Indexed: 3}, Load{Members: []int{3}, Indexed: 3}, Load{Members: []int{20}, Indexed: 1},
	} {
		require.ErrorContains(t, x.Validate(), "simulate: ", "%+v", x)
	}
}
