package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"punchlist/harness/manifest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"punchlist": main})
}

// The command line is a contract: exit codes and messages.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			// The adapters of the bundled implementations are written to the cache.
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CACHE_HOME", e.WorkDir+"/cache")
			return nil
		},
	})
}

func TestParseCell(t *testing.T) {
	for _, c := range []struct{ text, subject, companion, lab, tags string }{
		{"reference@sim", "reference", "reference", "sim", ""},
		{"socket-0.6+reference@netns", "socket-0.6", "reference", "netns", ""},
		{"socket-0.6@netns:not @alone and @LAT-NAT-001", "socket-0.6", "reference", "netns", "not @alone and @LAT-NAT-001"},
		{"./my+./other.yaml@sim: @x", "./my", "./other.yaml", "sim", "@x"},
	} {
		subject, companion, lab, tags, err := parseCell(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c, struct{ text, subject, companion, lab, tags string }{c.text, subject, companion, lab, tags})
	}
	for _, text := range []string{"", "reference", "@sim", "reference@", "+reference@sim", "reference+@sim", ":@x"} {
		_, _, _, _, err := parseCell(text)
		require.ErrorContains(t, err, "SUBJECT[+COMPANION]@LAB[:TAGS]", "%q", text)
	}
}

func TestQuote(t *testing.T) {
	require.Equal(t, "reference+socket-0.6@netns", quote("reference+socket-0.6@netns"))
	require.Equal(t, `'it'\''s $HOME'`, quote("it's $HOME"))
	require.Equal(t, "''", quote(""))
}

func TestAutoTakesTheFirstLabThatCanStartBoth(t *testing.T) {
	reference, err := manifest.Bundled("reference")
	require.NoError(t, err)
	other := manifest.Manifest{Name: "other", Command: []string{"other"}}
	require.Equal(t, "sim", auto(reference, reference))
	require.Equal(t, "netns", auto(other, reference))
	require.Equal(t, "netns", auto(reference, other))
}

func TestRepeatNamesImplementationsAsTheyWereGiven(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/m.yaml"
	require.NoError(t, os.WriteFile(file, []byte("name: mine\nversion: '1'\nclasses: [peer]\ncommand: [mine]\nkeepalive: {min: 6s, max: 24h}\n"), 0o644))
	cells, named, err := runFlags{impls: []string{file}, companion: "reference", lab: "netns"}.resolve()
	require.NoError(t, err)
	require.Equal(t, []string{"mine+reference@netns"}, []string{cells[0].Name()})
	require.Equal(t, "punchlist run --cell "+file+"+reference@netns --seed 3 --scenario 'a b'",
		repeat("punchlist", named("mine"), named("reference"), "netns", 3, "a b"))

	_, _, err = runFlags{cells: []string{"reference@sim", "reference+reference@sim"}}.resolve()
	require.ErrorContains(t, err, "named twice")
}

// What the README and CONTRIBUTING tell people to type is understood.
func TestDocumentedCommandsParse(t *testing.T) {
	found := 0
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "Makefile", ".ci/run"} {
		data, err := os.ReadFile("../../../" + file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("(?m)bin/punchlist ([^\n`#|&]+)").FindAllSubmatch(data, -1) {
			var args []string
			for _, quoted := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(strings.TrimRight(string(m[1]), ".,; "), -1) {
				args = append(args, strings.Trim(quoted, "'"))
			}
			found++
			c, rest, err := root().Find(args)
			require.NoError(t, err, "%s: %s", file, m[1])
			require.NotEqual(t, "punchlist", c.Name(), "%s: %s", file, m[1])
			err = c.ParseFlags(rest)
			if !errors.Is(err, pflag.ErrHelp) {
				require.NoError(t, err, "%s: %s", file, m[1])
			}
		}
	}
	require.Greater(t, found, 6)
}
