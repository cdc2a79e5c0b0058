package simulate

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// coin is an experiment whose outcome is in the seed.
type coin struct {
	Sides int `json:"sides"`
}

func (coin) Name() string { return "coin" }

func (c coin) Run(_ Env, seed int64) (Sample, error) {
	if seed < 0 {
		return Sample{}, errors.New("it fell off the table")
	}
	return Sample{Seed: seed, Measured: map[string]float64{"side": float64(seed % int64(c.Sides))}}, nil
}

func (coin) Judge(samples []Sample) []Row {
	heads := float64(count(samples, "side", func(v float64) bool { return v == 0 })) / float64(len(samples))
	return []Row{
		{What: "heads", Unit: "%", Measured: heads, Theory: ref(0.5), AtLeast: ref(0.4)},
		{What: "mean", Measured: mean(values(samples, "side")), AtMost: ref(0.6)},
		{What: "nothing", Measured: math.NaN()},
	}
}

func flip(t *testing.T, seeds ...int64) Result {
	var samples []Sample
	for _, seed := range seeds {
		s, err := coin{2}.Run(Env{}, seed)
		require.NoError(t, err)
		samples = append(samples, s)
	}
	r, err := NewResult(coin{2}, samples)
	require.NoError(t, err)
	return r
}

func TestAResultIsJudgedAndPrinted(t *testing.T) {
	r := flip(t, 3, 2, 4, 1)
	require.Equal(t, int64(1), r.Samples[0].Seed)
	require.Zero(t, r.Missed())
	var text strings.Builder
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "coin, 4 seeds (1 to 4), {\"sides\":2}")
	require.Regexp(t, `heads +50\.00 % +50\.00 % +≥ 40\.00 %\n`, text.String())
	require.Regexp(t, `mean +0\.500 +≤ 0\.600\n`, text.String())
	require.Regexp(t, `nothing +none\n`, text.String())
	require.Contains(t, text.String(), "all bounds kept")

	r = flip(t, 1, 3, 5, 2)
	r.Broken = append(r.Broken, "seed 3: something else")
	require.Equal(t, 3, r.Missed())
	text.Reset()
	require.NoError(t, r.Print(&text))
	require.Regexp(t, `heads +25\.00 % .* MISSED\n`, text.String())
	require.Contains(t, text.String(), "BROKEN  seed 3: something else\n")
	require.Contains(t, text.String(), "3 MISSED OR BROKEN")
}

func TestShardsAreJoined(t *testing.T) {
	shard := func(r Result) (back Result) {
		r.Rows = nil // the mean of nothing is no number, and JSON has none
		text, err := json.MarshalIndent(r, "", " ")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &back))
		return back
	}
	a, b := shard(flip(t, 1, 2, 3)), shard(flip(t, 4, 5, 6))
	a.Seconds, b.Seconds = 1, 2
	whole := flip(t, 1, 2, 3, 4, 5, 6)
	whole.Seconds = 3
	joined, err := Join(coin{2}, b, a)
	require.NoError(t, err)
	require.Equal(t, whole.Samples, joined.Samples)
	require.Equal(t, whole.Seconds, joined.Seconds)
	require.Equal(t, whole.Rows[0], joined.Rows[0])

	_, err = Join(coin{2}, a, a)
	require.ErrorContains(t, err, "seed 1 is there twice")
	_, err = Join(coin{3}, a)
	require.ErrorContains(t, err, `shard 1 is of coin {"sides":2}, not of coin {"sides":3}`)
	_, err = Join(coin{2})
	require.ErrorContains(t, err, "no seed was run")
}
