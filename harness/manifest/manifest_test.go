package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/testees"
)

const whole = `name: mine
version: 1.2.3
summary: A peer of mine.
classes: [codec, peer]
command: [node, "${dir}/adapter.mjs", "--of=${self}"]
image: registry.example/mine:1
builtin: reference
env: [A=b, C=]
keepalive: {min: 6s, max: 10m}
bootstrap: 2
latency: 10ms
stagger: 300ms
setup: {npm: true, node: 20}
known:
  - requirement: LAT-MSG-007
    id: died
    detail: at once
    outcome: inconclusive
    reason: It dies on a plain ping.
    link: https://example.org/1
    review: 2027-01-31
    intermittent: true
    companion: reference
    lab: netns
`

func TestParseReadsEveryKey(t *testing.T) {
	m, err := Parse([]byte(whole), "mine.yaml", "/there")
	require.NoError(t, err)
	require.Equal(t, Manifest{
		Name: "mine", Version: "1.2.3", Summary: "A peer of mine.",
		Classes: []string{"codec", "peer"},
		Command: []string{"node", "${dir}/adapter.mjs", "--of=${self}"},
		Image:   "registry.example/mine:1", Builtin: "reference",
		Env:       []string{"A=b", "C="},
		Keepalive: Keepalive{6 * time.Second, 10 * time.Minute},
		Bootstrap: 2, Latency: 10 * time.Millisecond, Stagger: 300 * time.Millisecond,
		Setup: Setup{NPM: true, Node: 20},
		Known: []Known{{
			Requirement: "LAT-MSG-007", ID: "died", Detail: "at once", Inconclusive: true, Reason: "It dies on a plain ping.",
			Link: "https://example.org/1", Review: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
			Intermittent: true, Companion: "reference", Lab: "netns",
		}},
		File: "mine.yaml", Dir: "/there",
	}, m)

	argv, err := m.Argv()
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, []string{"node", "/there/adapter.mjs", "--of=" + self}, argv)
}

func TestBootstrapDefaultsToThree(t *testing.T) {
	m, err := Parse([]byte("name: a\nversion: \"1\"\nclasses: [codec]\ncommand: [a]\nkeepalive: {min: 1s, max: 1s}\n"), "f", "")
	require.NoError(t, err)
	require.Equal(t, 3, m.Bootstrap)
}

func TestParseNamesFileLineAndKey(t *testing.T) {
	const head = "name: a\nversion: v1\nclasses: [codec]\ncommand: [a]\nkeepalive: {min: 1s, max: 1s}\n" // five lines
	for name, c := range map[string]struct{ yaml, err string }{
		"empty":             {"", "f.yaml: the manifest is empty: spec/testee.md shows one"},
		"not yaml":          {"a: [", "f.yaml: the manifest is not YAML: line 1: did not find expected node content"},
		"two documents":     {head + "---\nname: b\n", "f.yaml: the manifest holds more than one document: write one to a file"},
		"not a mapping":     {"- a\n", "f.yaml:1: the manifest must be a mapping of keys to values, not a list"},
		"missing name":      {"version: v1\n", "f.yaml:1: name is missing from the manifest: add it"},
		"missing keepalive": {"name: a\nversion: v1\nclasses: [codec]\ncommand: [a]\n", "f.yaml:1: keepalive is missing from the manifest: add it"},
		"no way to start":   {"name: a\nversion: v1\nclasses: [codec]\nkeepalive: {min: 1s, max: 1s}\n", "f.yaml:1: command is missing: say how the peer is started, by command, image or builtin"},
		"unknown key":       {head + "colour: red\n", "f.yaml:6: colour is not a key of the manifest: its keys are bootstrap, builtin, classes, command, env, image, keepalive, known, latency, name, setup, stagger, summary, version"},
		"twice":             {head + "name: b\n", "f.yaml:6: name stands here again: keep this one or that of line 1"},
		"number for a text": {"name: a\nversion: 6\n", `f.yaml:2: version must be a text, not "6": put quotes around it`},
		"null":              {"name:\n", "f.yaml:1: name must be a text, not nothing"},
		"empty text":        {"name: ' '\n", "f.yaml:1: name is empty: give it a value, or leave the key out"},
		"name's form":       {"name: A b\n", `f.yaml:1: name is "A b": write it as lower-case letters, digits, dots and hyphens`},
		"unknown class":     {"name: a\nclasses: [codec, indxed]\n", `f.yaml:2: classes has "indxed": it can be codec, peer, indexed, relay`},
		"no class":          {"name: a\nclasses: []\n", "f.yaml:2: classes is an empty list: fill it, or leave the key out"},
		"text for a list":   {"name: a\ncommand: node adapter.mjs\n", `f.yaml:2: command must be a list, not "node adapter.mjs"`},
		"builtin":           {head + "builtin: rust\n", `f.yaml:6: builtin has "rust": it can be reference`},
		"env":               {head + "env: [AB]\n", `f.yaml:1: env has "AB", which is not NAME=value`},
		"number, no unit":   {head + "latency: 10\n", `f.yaml:6: latency must be a duration of whole milliseconds such as 500ms, 6s or 1h, not "10"`},
		"negative duration": {head + "latency: -1s\n", `f.yaml:6: latency must be a duration of whole milliseconds such as 500ms, 6s or 1h, not "-1s"`},
		"microseconds":      {head + "latency: 10us\n", `f.yaml:6: latency must be a duration of whole milliseconds such as 500ms, 6s or 1h, not "10us"`},
		"min over max":      {"keepalive: {min: 2s, max: 1s}\n", "f.yaml:1: keepalive must have 0 < min <= max, not min 2s and max 1s"},
		"no max":            {"keepalive: {min: 2s}\n", "f.yaml:1: max is missing from keepalive: add it"},
		"count":             {head + "bootstrap: -1\n", `f.yaml:6: bootstrap must be a whole number from 0, not "-1"`},
		"fraction":          {head + "bootstrap: 1.5\n", `f.yaml:6: bootstrap must be a whole number from 0, not "1.5"`},
		"flag":              {head + "setup:\n  npm: 1\n", `f.yaml:7: npm must be true or false, not "1"`},
		"unknown setup":     {head + "setup:\n  pip: true\n", "f.yaml:7: pip is not a key of setup: its keys are node, npm"},
		"known, no reason":  {head + "known:\n  - requirement: LAT-MSG-001\n    signature: s\n", "f.yaml:7: reason is missing from an entry of known: add it"},
		"known, no id": {head + "known:\n  - {requirement: LAT-MSG-001, reason: r, link: l, review: 2027-01-01}\n",
			"f.yaml:7: id is missing from an entry of known: add it, as the report shows it beside the failure"},
		"known, both forms": {head + "known:\n  - {requirement: LAT-MSG-001, signature: s, detail: d, reason: r, link: l, review: 2027-01-01}\n",
			"f.yaml:7: signature can't stand beside id, detail or outcome: take it out"},
		"known, bad step": {head + "known:\n  - id: Then it fails\n",
			`f.yaml:7: id is "Then it fails": write it as the id of a step, a monitor or a rule of the oracle (trav/connected-directly), or died`},
		"known, bad id":  {head + "known:\n  - requirement: MSG-1\n", `f.yaml:7: requirement is "MSG-1": write it as LAT-AREA-000`},
		"known, bad day": {head + "known:\n  - review: soon\n", `f.yaml:7: review must be a day such as 2026-12-31, not "soon"`},
		"known, bad lab": {head + "known:\n  - lab: moon\n", `f.yaml:7: lab has "moon": it can be sim, netns, docker`},
		"known twice": {head + "known:\n" +
			"  - {requirement: LAT-MSG-001, id: a/b, detail: c, reason: r, link: l, review: 2027-01-01}\n" +
			"  - {requirement: LAT-MSG-001, id: a/b, detail: c, reason: q, link: l, review: 2027-01-02}\n",
			`f.yaml:8: known lists LAT-MSG-001 a/b (c) twice: keep one`},
		"known twice, as of the last edition": {head + "known:\n" +
			"  - {requirement: LAT-MSG-001, signature: s, reason: r, link: l, review: 2027-01-01}\n" +
			"  - {requirement: LAT-MSG-001, signature: s, reason: q, link: l, review: 2027-01-02}\n",
			`f.yaml:8: known lists LAT-MSG-001 "s" twice: keep one`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.yaml), "f.yaml", "")
			require.EqualError(t, err, c.err)
		})
	}
}

func TestArgvNeedsAFolderForDir(t *testing.T) {
	m, err := Parse([]byte(whole), "mine.yaml", "")
	require.NoError(t, err)
	_, err = m.Argv()
	require.EqualError(t, err, "mine.yaml: command uses ${dir}, but the manifest was read without a folder: load it from a file")
}

func TestLoadTakesTheFolderOfTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(whole), 0o600))
	m, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, dir, m.Dir)

	_, err = Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestKnownApplies(t *testing.T) {
	anywhere := Known{Requirement: "LAT-MSG-001"}
	require.True(t, anywhere.Applies("LAT-MSG-001", "reference", "netns"))
	require.False(t, anywhere.Applies("LAT-MSG-002", "reference", "netns"))
	narrow := Known{Requirement: "LAT-MSG-001", Companion: "socket-0.6", Lab: "netns"}
	require.True(t, narrow.Applies("LAT-MSG-001", "socket-0.6", "netns"))
	require.False(t, narrow.Applies("LAT-MSG-001", "reference", "netns"))
	require.False(t, narrow.Applies("LAT-MSG-001", "socket-0.6", "docker"))
}

func TestClamp(t *testing.T) {
	k := Keepalive{Min: 6 * time.Second, Max: 10 * time.Second}
	require.Equal(t, 6*time.Second, k.Clamp(time.Second))
	require.Equal(t, 7*time.Second, k.Clamp(7*time.Second))
	require.Equal(t, 10*time.Second, k.Clamp(time.Minute))
}

func TestBundled(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, name := range testees.Names() {
		m, err := Bundled(name)
		require.NoError(t, err)
		require.Equal(t, name, m.Name)
		require.Contains(t, m.Classes, "codec")
		argv, err := m.Argv()
		require.NoError(t, err)
		if m.Setup.NPM {
			require.FileExists(t, argv[len(argv)-1])
			require.False(t, m.Prepared())
		} else {
			require.True(t, m.Prepared())
		}
	}
	_, err := Bundled("nobody")
	require.ErrorContains(t, err, "any manifest file can be named by its path")
}

func TestTheDocumentedManifestParses(t *testing.T) {
	text, err := os.ReadFile("../../spec/testee.md")
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(text), "```yaml\n")
	require.True(t, ok)
	example, _, ok := strings.Cut(after, "```")
	require.True(t, ok)
	m, err := Parse([]byte(example), "example.yaml", "/mine")
	require.NoError(t, err)
	require.Equal(t, "mine", m.Name)
	require.Len(t, m.Known, 1)
}
