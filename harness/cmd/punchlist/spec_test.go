package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
	"punchlist/harness/testkit/testenv"
)

// specRun runs punchlist spec with arguments.
func specRun(args ...string) (string, error) {
	var out bytes.Buffer
	c := root()
	c.SetOut(&out)
	c.SetArgs(append([]string{"spec"}, args...))
	err := c.Execute()
	return out.String(), err
}

// The README of the repository, and links to all of its files, too.
func TestTheStandardOfTheRepositoryHolds(t *testing.T) {
	testenv.SkipShort(t, "it compiles the reference with all saboteurs in it, as package saboteur's test does")
	out, err := specRun("check", "--dir", "../../..")
	require.NoError(t, err, out)
	require.Contains(t, out, "the standard holds")
}

func TestSpecTablesMendWhatSpecCheckFinds(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"spec", "features", "vectors"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("../../..", folder))))
	}
	front := filepath.Join(dir, "README.md")
	sound, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	stale := strings.Replace(string(sound), "The standard has ", "The standard has some ", 1)
	require.NotEqual(t, string(sound), stale)
	require.NoError(t, os.WriteFile(front, []byte(stale), 0o644))

	out, err := specRun("check", "--dir", dir)
	require.Equal(t, exitCode(result.Unexpected), err)
	require.Contains(t, out, "\nproblem: README.md: the generated table counts is stale: run make tables\n")
	require.NotContains(t, out, "holds")

	out, err = specRun("tables", "--dir", dir)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, "== README.md\n# Punchlist\n"), "what would change is shown")
	out, err = specRun("tables", "--dir", dir, "--write")
	require.NoError(t, err)
	require.Equal(t, "README.md: written\n", out)
	mended, err := os.ReadFile(front)
	require.NoError(t, err)
	require.Equal(t, string(sound), string(mended))
}

func TestSpecCheckListsAnchorsThatNoLongerApply(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"spec", "features", "vectors", "reference", "harness/saboteur"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("../../..", folder))))
	}
	for _, name := range []string{"README.md", "go.mod"} {
		text, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	change := func(file, from, to string) {
		name := filepath.Join(dir, file)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), from)
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(text), from, to)), 0o644))
	}
	change("reference/wire/decode.go", "magic", "mark")
	change("reference/nattype/strategy.go", "func Choose(", "func Choice(")
	out, err := specRun("check", "--dir", dir)
	require.Equal(t, exitCode(result.Unexpected), err)
	require.Contains(t, out, "problem: saboteurs: 01-framing.yaml: takes-any-magic: patch 1, in reference/wire.Decode (reference/wire/decode.go:")
	require.Contains(t, out, `it has no "[4]byte(datagram) != magic" to replace; nearest: `)
	require.Contains(t, out, "problem: saboteurs: 06-traversal.yaml: guesses-between-5-and-5: patch 1, in reference/nattype.Choose: the package has no Choose; nearest: Choice, ")
}
