package simulate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func birthdays(t *testing.T, x Birthday, seeds int64) []Sample {
	var samples []Sample
	for seed := range seeds {
		s, err := x.Run(Env{Context: t.Context()}, seed)
		require.NoError(t, err)
		samples = append(samples, s)
	}
	return samples
}

func TestTwoPeersGuessAsWellAsTheorySays(t *testing.T) {
	x := DefaultBirthday
	samples := birthdays(t, x, 60)
	for _, s := range samples {
		require.Empty(t, s.Broken)
		require.LessOrEqual(t, s.Measured[measuredSockets], float64(pool))
		require.LessOrEqual(t, s.Measured[measuredProbes], float64(probes))
		require.LessOrEqual(t, s.Measured[measuredMS], burstTime.Seconds()*1000)
	}
	rows := x.Judge(samples)
	for _, row := range rows {
		require.False(t, row.Missed(), "%+v", row)
	}
	require.InDelta(t, *rows[2].Theory, rows[2].Measured, 30, rows[2].What)
	require.Equal(t, samples[:2], birthdays(t, x, 2))
}

func TestPeersThatNeedNotGuessDoNot(t *testing.T) {
	s := birthdays(t, Birthday{Opener: "port-restricted", Prober: "full-cone"}, 1)[0]
	require.Equal(t, []string{"1m0s after their start no probe has been sent"}, s.Broken)
	r, err := NewResult(DefaultBirthday, []Sample{s})
	require.NoError(t, err)
	require.Equal(t, 1, r.Missed())
}

func TestTheBoundOfFewerSeeds(t *testing.T) {
	bound := func(n, succeed int) Row {
		samples := make([]Sample, n)
		for i := range samples {
			samples[i] = Sample{Seed: int64(i), Measured: map[string]float64{}}
			if i < succeed {
				samples[i].Measured = map[string]float64{measuredMS: 1, measuredProbes: 1, measuredOpeners: 1, measuredSockets: 1, measuredConnectedMS: 1}
			}
		}
		for _, row := range DefaultBirthday.Judge(samples) {
			if row.AtLeast != nil {
				return row
			}
		}
		return Row{}
	}
	require.False(t, bound(500, 482).Missed())
	require.True(t, bound(500, 481).Missed())
	require.True(t, bound(500, 0).Missed())
	require.Equal(t, required, *bound(10_000, 9833).AtLeast)
	require.False(t, bound(10_000, 9833).Missed())
	require.True(t, bound(10_000, 9830).Missed())
}
