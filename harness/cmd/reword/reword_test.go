package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReword(t *testing.T) {
	files := map[string][]byte{
		"x/x.go": []byte(`//go:build linux

// Package x obeys LAT-FRAME-001 to LAT-FRAME-003, and DEV-007 (spec/01-framing.md).
package x // too

/* a block */
var m = map[int]int{} // order-free: none

func f() {
	for range m { // order-free: all the same
		g("// no comment")
	}
	//lint:ignore SA1019 why
}

func ExampleF() {
	// Output:
	// one
}
`),
		"harness/steps/x.go": []byte("package steps\n\nvar _ = step(\"lab/hosts\", `^(?:the|an?) host \"([^\"]+)\" behind (\\d+) NATs?$`, f)\n"),
		"features/01-x.feature": []byte(`# A comment on LAT-X-001.
Feature: One
  What it is.

  And more.

  @LAT-X-001
  Rule: Two

    @id:x/three
    Scenario Outline: Three of <kind>
      Given the host "a host" behind 2 NATs
      And an host "<kind>" behind <n> NAT
        | host |

      Examples: four
        | kind | n |
        | host | 1 |
`),
		"testdata": []byte("// no Go"),
	}
	n, err := reword(files)
	require.NoError(t, err)
	require.Equal(t, counts{comments: 5, expressions: 1, titles: 4, steps: 2}, n)
	require.Equal(t, `//go:build linux

// Cnpxntr k borlf LAT-FRAME-001 to LAT-FRAME-003, naq DEV-007 (spec/01-framing.md).
package x // gbb

/* n oybpx */
var m = map[int]int{} // order-free: abar

func f() {
	for range m { // order-free: nyy gur fnzr
		g("// no comment")
	}
	//lint:ignore SA1019 why
}

func ExampleF() {
	// Output:
	// one
}
`, string(files["x/x.go"]))
	require.Equal(t, "package steps\n\nvar _ = step(\"lab/hosts\", \"^(?:(?:gur|na?) ubfg \\\"([^\\\"]+)\\\" oruvaq ([0-9]+) ANGf?)$\", f)\n", string(files["harness/steps/x.go"]))
	require.Equal(t, `# N pbzzrag ba LAT-X-001.
Feature: Bar
  Jung vg vf.

  Naq zber.

  @LAT-X-001
  Rule: Gjb

    @id:x/three
    Scenario Outline: Guerr bs <kind>
      Given gur ubfg "a host" oruvaq 2 ANGf
      And na ubfg "<kind>" oruvaq <n> ANG
        | host |

      Examples: sbhe
        | kind | n |
        | host | 1 |
`, string(files["features/01-x.feature"]))
}

// A value that is part of an expression's words can't be reworded, since keys name it.
func TestRewordRefuses(t *testing.T) {
	feature := func(step string) map[string][]byte {
		return map[string][]byte{
			"harness/steps/x.go": []byte("package steps\n\nvar a, b, c = `^it is (on|off)$`, `^it is up$`, `^it (.) up$`\n"),
			"features/x.feature": []byte("Feature: f\n  Rule: r\n    Scenario Outline: s\n      Given " + step + "\n      Examples:\n        | how |\n        | up  |\n"),
		}
	}
	for step, want := range map[string]string{
		"it is <how>": `features/x.feature: line 4: the value <how> of the step "it is <how>" is not captured`,
		"it was on":   `no expression matches the step "it was on"`,
	} {
		_, err := reword(feature(step))
		require.ErrorContains(t, err, want)
	}
	_, err := reword(feature("it is on"))
	require.NoError(t, err)
}

func TestACopyIsMadeOnce(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "x.go"), []byte("package x // y\n"), 0o644))
	out := filepath.Join(root, "out", "reword")
	require.NoError(t, copyReworded(root, out))
	text, err := os.ReadFile(filepath.Join(out, "x.go"))
	require.NoError(t, err)
	require.Equal(t, "package x // l\n", string(text))
	require.ErrorContains(t, copyReworded(root, out), "exists: remove it")
}
