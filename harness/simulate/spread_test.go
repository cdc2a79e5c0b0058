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
	// Of a large network with few that are indexed the members get five copies of six:
	// the solutions of z = 1 - exp(-f z), as tables of epidemics have them, for
	// f = 5, 3, 1.5, less what dies out early.
	for arrives, z := range map[float64]float64{1: 0.9930, 0.6: 0.9405, 0.3: 0.5828} {
		large := spread(1_000_000, 100, arrives)
		require.InDelta(t, z*(1-large.Dies), large.Part, 1e-3, "%v", arrives)
		require.InDelta(t, 1, large.Indexed, 1e-3)
	}
	require.Zero(t, spread(100, 3, 1).Dies)
	require.InDelta(t, 1, spread(100, 3, 1.0/7).Dies, 1e-6, "who infects less than one other dies out")
	require.InDelta(t, 0.0023, spread(100, 3, 0.64).Dies, 1e-4)
	require.InDelta(t, 1.0/100, spread(100, 0, 0).Part, 1e-9, "the author")
	require.Greater(t, spread(1000, 3, 0.5).Hops, spread(100, 3, 0.5).Hops)
	require.Greater(t, spread(1000, 3, 0.5).Hops, spread(1000, 3, 1).Hops)
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
			if testing.Short() { // other tests show that a short experiment repeats itself
				return
			}
			again, err := x.Run(Env{Context: t.Context()}, 1)
			require.NoError(t, err)
			require.Equal(t, s, again)
		})
	}
}

// Bounds can be missed: theory of a network that loses less is not that of one that
// loses much.
func TestAnEpidemicThatIsLossy(t *testing.T) {
	x := Epidemic{Members: 20, Messages: 4, Loss: 0.6}
	s, err := x.Run(Env{Context: t.Context()}, 1)
	require.NoError(t, err)
	reached := rowOf(t, x.Judge([]Sample{s}), "reached by multicast")
	require.Less(t, reached.Measured, 0.7)
	require.False(t, reached.Missed(), "%+v", reached)
	x.Loss = 0.1
	for _, what := range []string{"reached by multicast", "copies that arrive for each"} {
		require.True(t, rowOf(t, x.Judge([]Sample{s}), what).Missed(), what)
	}
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
