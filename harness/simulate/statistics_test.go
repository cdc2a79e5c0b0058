package simulate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBoundsOfProportions(t *testing.T) {
	require.InDelta(t, 0.98029, lowerBound(9835, 10_000), 0.00001)
	require.InDelta(t, math.Pow(0.01, 1.0/100), lowerBound(100, 100), 1e-9, "all of n: the nth root of 1 %")
	require.Zero(t, lowerBound(0, 10))
	require.Less(t, lowerBound(98, 100), lowerBound(980, 1000), "more trials tell more")

	require.InDelta(t, 11.0/1024, atLeastOf(9, 10, 0.5), 1e-12)
	require.Equal(t, 1.0, atLeastOf(0, 10, 0.5))
	require.Zero(t, atLeastOf(11, 10, 0.5))

	// 1 - 0.9^2: fewer than 2 of 2 once in five.
	require.Equal(t, 2, fewest(2, 0.9, 5))
	require.Equal(t, 1, fewest(2, 0.9, 6))
	require.Equal(t, 482, fewest(500, 0.9835, 1000))
}

func TestQuantilesAndTrends(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	require.Equal(t, 3.0, quantile(values, 0.5))
	require.Equal(t, 5.0, quantile(values, 0.99))
	require.Equal(t, 1.0, quantile(values, 0))
	require.Equal(t, []float64{5, 1, 4, 2, 3}, values)
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
	require.True(t, math.IsNaN(mean(nil)))
	require.InDelta(t, 2, trend([]float64{1, 3, 5, 7}), 1e-12)
	require.Zero(t, trend([]float64{4}))
}

func TestNoNumberKeepsNoBound(t *testing.T) {
	require.True(t, Row{Measured: math.NaN(), AtLeast: ref(0)}.Missed())
	require.True(t, Row{Measured: math.NaN(), AtMost: ref(0)}.Missed())
	require.False(t, Row{Measured: math.NaN()}.Missed())
	require.False(t, Row{Measured: 1, AtLeast: ref(1), AtMost: ref(1)}.Missed())
	require.True(t, Row{Measured: 0.9, AtLeast: ref(1)}.Missed())
	require.True(t, Row{Measured: 1.1, AtMost: ref(1)}.Missed())
}
