// Package testenv is for tests that need what not every machine has: a tool, a
// lab, an installed peer.
package testenv

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Variable names the environment variable that lists, with commas between
// them, what must be there: tests that lack it fail.
const Variable = "PUNCHLIST_REQUIRE"

// Lack matches the beginning of what Missing says, with what is missing in its
// first group: by it the skipped tests of a run are told apart.
var Lack = regexp.MustCompile(`^needs ([a-z0-9-]+): `)

// Missing ends a test that lacks what: it is skipped, or fails where Variable
// lists what. Why is the reason, and what to do.
func Missing(t testing.TB, what, why string) {
	t.Helper()
	why = "needs " + what + ": " + why
	if Required(what) {
		t.Fatal(why)
	}
	t.Skip(why)
}

// SkipShort ends a test in short mode (go test -short). Why says what the test
// would cost: real clocks, containers, minutes.
func SkipShort(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs without -short: " + why)
	}
}

// Required reports whether Variable lists what.
func Required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), what)
}
