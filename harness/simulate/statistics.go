package simulate

import (
	"math"
	"slices"
)

// confidence of all bounds of proportions.
const confidence = 0.99

// normal99 is how many standard deviations to both sides hold 99 % of a normal
// distribution.
const normal99 = 2.576

// logChoose is the logarithm of n over k.
func logChoose(n, k int) float64 {
	lgamma := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return lgamma(n) - lgamma(k) - lgamma(n-k)
}

// atLeastOf is the probability of k successes or more in n trials of
// probability p.
func atLeastOf(k, n int, p float64) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case k > n || p <= 0:
		return 0
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

// lowerBound is the lower confidence bound (Clopper and Pearson, one-sided) of a
// proportion of which k of n were seen: the p under which that many are as rare as
// the confidence allows.
func lowerBound(k, n int) float64 {
	if k <= 0 || n <= 0 {
		return 0
	}
	low, high := 0.0, float64(k)/float64(n)
	for range 50 {
		p := (low + high) / 2
		if atLeastOf(k, n, p) < 1-confidence {
			low = p
		} else {
			high = p
		}
	}
	return low
}

// fewest is the number of successes that n trials of probability p stay below no
// more than one time in so many.
func fewest(n int, p float64, oneIn float64) int {
	k, above := 0, n+1 // k does, above doesn't
	for above-k > 1 {
		if mid := (k + above) / 2; 1-atLeastOf(mid, n, p) <= 1/oneIn {
			k = mid
		} else {
			above = mid
		}
	}
	return k
}

// mean of values; NaN of none.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// quantile is the least value that so large a part of the values does not exceed;
// NaN of none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(part*float64(len(sorted))))-1, 0)]
}

// trend is the slope of the line that fits values best, by least squares, per
// step from one value to the next; 0 of fewer than two.
func trend(values []float64) float64 {
	n := float64(len(values))
	if n < 2 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i, v := range values {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+v, sxx+x*x, sxy+x*v
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
