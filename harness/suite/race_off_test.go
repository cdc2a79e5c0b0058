//go:build !race

package suite_test

// raceDetector reports whether the tests run under the race detector, ten times as slow.
const raceDetector = false
