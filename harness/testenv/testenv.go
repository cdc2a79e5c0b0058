// Package testenv is for tests that need what not every machine has: a tool, a
// lab, an installed peer.
package testenv

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Variable names the environment variable that lists, with commas between
// them, what must be there: tests that lack it fail.
const Variable = "PUNCHLIST_REQUIRE"

// Missing ends a test that lacks what: it is skipped, or fails where Variable
// lists what. Why is the reason, and what to do.
func Missing(t testing.TB, what, why string) {
	t.Helper()
	if Required(what) {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Required reports whether Variable lists what.
func Required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), what)
}
