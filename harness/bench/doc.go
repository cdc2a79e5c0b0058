// Package bench holds the benchmarks that compare the reference with the
// deployed JavaScript peer, in one run and as a ratio: make bench.
package bench
