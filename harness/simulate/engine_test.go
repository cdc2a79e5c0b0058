package simulate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheoryGivesTheKnownNumbers(t *testing.T) {
	require.InDelta(t, 0.9835, 1-apart(ports, opened, 256), 0.00005)
	require.InDelta(t, 0.941, 1-apart(ports, opened, 177), 0.0005)
	require.InDelta(t, 1.0/3, apart(3, 1, 2), 1e-12)
	require.Zero(t, apart(3, 2, 2))

	deployed := pacing{Pool: pool}
	distinct := deployed.distinct(205)[205]
	mean, all := 0.0, 0.0
	for d, p := range distinct {
		mean += float64(d) * p
		all += p
	}
	require.InDelta(t, 1, all, 1e-9)
	require.InDelta(t, 177, mean, 0.5, "205 probes in 2048 ms come from so many sockets")
	chances := deployed.successBy(1)
	require.InDelta(t, 0.9834, chances[probes], 0.00005)
	require.InDelta(t, 0.9415, chances[204], 0.001)
	require.InDelta(t, 1, pacing{Pool: probes, Cycled: true}.successBy(1)[probes], 1e-6)
	require.Greater(t, quantileOf(chances, 0.99), quantileOf(chances, 0.5))
	require.Greater(t, meanOf(chances), quantileOf(chances, 0.5), "a long tail")
}

func TestTheEngineDoesAsTheorySays(t *testing.T) {
	var samples []Sample
	for seed := range int64(300) {
		s, err := DefaultEngine.Run(Env{}, seed)
		require.NoError(t, err)
		samples = append(samples, s)
	}
	for _, row := range DefaultEngine.Judge(samples) {
		require.False(t, row.Missed(), "%+v", row)
		if row.Theory != nil && row.Unit != "%" {
			require.InEpsilon(t, *row.Theory, row.Measured, 0.35, row.What)
		}
	}
	again, err := DefaultEngine.Run(Env{}, 7)
	require.NoError(t, err)
	require.Equal(t, samples[7], again)
}

func TestAnEngineThatLetsInMoreOrLessIsFound(t *testing.T) {
	for x, seeds := range map[Engine]int64{{"full-cone", "symmetric"}: 600, {"port-restricted", "udp-blocked"}: 30} {
		var samples []Sample
		for seed := range seeds {
			s, err := x.Run(Env{}, seed)
			require.NoError(t, err)
			samples = append(samples, s)
		}
		require.True(t, x.Judge(samples)[0].Missed(), "%+v", x)
	}
	_, err := Engine{Opener: "nothing", Prober: "symmetric"}.Run(Env{}, 1)
	require.ErrorContains(t, err, `unknown NAT profile "nothing"`)
}
