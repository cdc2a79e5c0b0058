package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/lab/netns"
	"punchlist/harness/manifest"
	"punchlist/harness/testkit/testenv"
)

// commands are what scripts, and programs that tests start, find as programs.
var commands = map[string]func(){"punchlist": main}

func TestMain(m *testing.M) {
	testscript.Main(m, commands)
}

// The command line is a contract: exit codes and messages.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		// [netns]: whether the lab can start here. It must where that is required.
		Condition: func(name string) (bool, error) {
			if name != "netns" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			err := netns.New().Check(t.Context())
			if err != nil && testenv.Required(name) {
				return false, err
			}
			return err == nil, nil
		},
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

// A stubLab starts what has the key.
type stubLab struct {
	lab.Lab
	starts func(manifest.Manifest) bool
	check  error
}

func (l stubLab) Check(context.Context) error { return l.check }
func (l stubLab) Starts(m manifest.Manifest) (bool, string) {
	return l.starts(m), m.Name + " isn't for it"
}

func TestAutoTakesTheFirstLabThatCanStartBoth(t *testing.T) {
	program := manifest.Manifest{Name: "program", Command: []string{"p"}}
	image := manifest.Manifest{Name: "image", Image: "i"}
	reference := manifest.Manifest{Name: "reference", Builtin: "reference", Command: []string{"r"}, Image: "r"}
	all := func(netns, docker error) map[string]lab.Lab {
		return map[string]lab.Lab{
			"sim":    stubLab{starts: func(m manifest.Manifest) bool { return m.Builtin != "" }},
			"netns":  stubLab{starts: func(m manifest.Manifest) bool { return len(m.Command) > 0 }, check: netns},
			"docker": stubLab{starts: func(m manifest.Manifest) bool { return m.Image != "" }, check: docker},
		}
	}
	forbidden, noEngine := errors.New("forbidden"), errors.New("no engine")
	for _, c := range []struct {
		subject, companion manifest.Manifest
		netns, docker      error
		want, why          string
	}{
		{reference, reference, nil, nil, "sim", "it needs nothing, and a run of it can be repeated to the byte"},
		{program, reference, nil, nil, "netns", "not sim: program isn't for it"},
		{reference, program, nil, nil, "netns", "not sim: program isn't for it"},
		{image, reference, nil, nil, "docker", "not sim: image isn't for it; not netns: image isn't for it"},
		{image, reference, nil, noEngine, "docker", "not sim: image isn't for it; not netns: image isn't for it; not docker: no engine"},
		{program, reference, forbidden, nil, "docker", "not sim: program isn't for it; not netns: forbidden; not docker: program isn't for it"},
	} {
		got, why := auto(t.Context(), all(c.netns, c.docker), c.subject, c.companion)
		require.Equal(t, c.want, got)
		require.Equal(t, c.why, why)
	}
}

func TestNetnsAndDockerDoNotMix(t *testing.T) {
	_, _, err := runFlags{cells: []string{"reference@netns", "reference@docker"}}.resolve(t.Context(), nil)
	require.ErrorContains(t, err, "can't be in one run")
}

func TestRepeatNamesImplementationsAsTheyWereGiven(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/m.yaml"
	require.NoError(t, os.WriteFile(file, []byte("name: mine\nversion: '1'\nclasses: [peer]\ncommand: [mine]\nkeepalive: {min: 6s, max: 24h}\n"), 0o644))
	cells, named, err := runFlags{impls: []string{file}, companion: "reference", lab: "netns"}.resolve(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"mine+reference@netns"}, []string{cells[0].Name()})
	require.Equal(t, "punchlist run --cell "+file+"+reference@netns --seed 3 --scenario 'a b'",
		repeat("punchlist", named("mine"), named("reference"), "netns", 3, "a b"))

	_, _, err = runFlags{cells: []string{"reference@sim", "reference+reference@sim"}}.resolve(t.Context(), nil)
	require.ErrorContains(t, err, "named twice")
}

// sentenceEnd is the punctuation that ends a sentence behind a command; an argument "." is none.
var sentenceEnd = regexp.MustCompile(`(\S)[.,;]+ *$`)

// What the README and CONTRIBUTING tell people to type is understood.
func TestDocumentedCommandsParse(t *testing.T) {
	found := 0
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "Makefile", ".ci/run"} {
		data, err := os.ReadFile("../../../" + file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("(?m)bin/punchlist ([^\n`#|&]+)").FindAllSubmatch(data, -1) {
			var args []string
			for _, quoted := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(sentenceEnd.ReplaceAllString(string(m[1]), "$1"), -1) {
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
