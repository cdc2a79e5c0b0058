package saboteur

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
)

// The patches of all saboteurs apply to the reference as it is, together, and
// what they make is Go. Whether each breaks its requirement is for mutation to
// say.
func TestAllApply(t *testing.T) {
	all, err := All()
	require.NoError(t, err)
	registry, err := spec.Load()
	require.NoError(t, err)
	for _, s := range all {
		_, ok := registry.Lookup(s.Breaks)
		require.True(t, ok, "%s breaks %s", s.Name, s.Breaks)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	overlay, err := Overlay(all, root, t.TempDir())
	require.NoError(t, err)
	c := exec.Command("go", "build", "-overlay", overlay, "./reference/...")
	c.Dir = root
	said, err := c.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

func patching(patches ...Patch) []Saboteur {
	all := make([]Saboteur, len(patches))
	for i, p := range patches {
		p.File = "reference/x.go"
		all[i] = Saboteur{Name: string(rune('a' + i)), Patches: []Patch{p}, from: "x.yaml"}
	}
	return all
}

func TestPatched(t *testing.T) {
	source := func(string) ([]byte, error) {
		return []byte("// Package x is a test's.\npackage x\n\nfunc f(a bool) int {\n\tif a {\n\t\treturn 1\n\t}\n\treturn 2\n}\n"), nil
	}
	got, err := Patched(patching(
		Patch{Take: "if a {", Put: "if a && !SABOTAGE {"},
		Patch{Take: "return 2", Put: "return 2 + 0"},
		Patch{Before: "return 2", Put: "if SABOTAGE {\n\t\treturn 3\n\t}\n\t"},
		Patch{After: "int {\n", Put: "\t_ = SABOTAGE\n"},
	), source)
	require.NoError(t, err)
	require.Equal(t, `// Package x is a test's.
package x

import "punchlist/harness/saboteur/deviate"

func f(a bool) int {
	_ = deviate.As("d")
	if a && !deviate.As("a") {
		return 1
	}
	if deviate.As("c") {
		return 3
	}
	return 2 + 0
}
`, string(got["reference/x.go"]))

	for _, c := range []struct {
		want    string
		patches []Patch
	}{
		{`x.yaml: a: patch 1, of reference/x.go: it does not have the text "nowhere"`, []Patch{{Take: "nowhere", Put: "x"}}},
		{`it has the text "return" more than once`, []Patch{{Take: "return", Put: "x"}}},
		{"reference/x.go: a and b change the same place: give one of them another", []Patch{{Take: "if a {", Put: "if SABOTAGE {"}, {Take: "a {", Put: "SABOTAGE {"}}},
		{"reference/x.go, patched, is no Go", []Patch{{Take: "if a {", Put: "if SABOTAGE"}}},
	} {
		_, err := Patched(patching(c.patches...), source)
		require.ErrorContains(t, err, c.want)
	}
	_, err = Patched(patching(Patch{Take: "x"}), func(string) ([]byte, error) { return nil, os.ErrNotExist })
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func TestOverlayIsOfTheReferenceAlone(t *testing.T) {
	for _, file := range []string{"harness/nat/nat.go", "../reference/x.go", "reference/../spec/spec.go", "reference/wire/x.yaml"} {
		_, err := Overlay([]Saboteur{{Name: "a", Patches: []Patch{{File: file, Take: "x"}}}}, "../..", t.TempDir())
		require.ErrorContains(t, err, "it is no source file of the reference", file)
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		want string
		s    Saboteur
	}{
		{"patch 1: a file, and one of take, before and after, are needed", Saboteur{Patches: []Patch{{Take: "x"}}}},
		{"patch 1: a file, and one of take, before and after, are needed", Saboteur{Patches: []Patch{{File: "x", Take: "x", Before: "y"}}}},
		{"no patch has the word SABOTAGE", Saboteur{Patches: []Patch{{File: "x", Take: "x", Put: "y"}}}},
	} {
		require.ErrorContains(t, c.s.check(), c.want)
	}
}
