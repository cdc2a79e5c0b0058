package punchlist_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "punchlist"

// floors are the packages from the ground up; a name that ends in "/..." is
// also all below it, where nothing more special is named. A direct import goes
// down or stays on its floor.
var floors = [][]string{
	{"spec/...", "features", "vectors", "harness/nat", "harness/checksum", "harness/packetio", "harness/hostlink", "harness/capture", "harness/saboteur/deviate", "harness/testees/...", "harness/probe"},
	{"reference/...", "harness/internet", "harness/topology", "harness/manifest", "harness/index"},
	{"harness/trace", "harness/codec", "harness/natbox", "harness/pod"},
	{"harness/verdict", "harness/lab"},
	{"harness/lab/...", "harness/testkit/...", "harness/monitor", "harness/oracle", "harness/saboteur", "harness/injector", "harness/result"},
	{"harness/steps", "harness/simulate", "harness/explore", "harness/mutant", "harness/report"},
	{"harness/suite"},
	{"harness/cmd/...", "reference/cmd/...", "harness/bench", "harness/dissector", "nat-images/...", "ci/..."},
}

// onlyOf says what of the module a package may import, whatever its floor:
// the reference stands on the spec alone, and what carries packets knows
// nothing of Latica.
var onlyOf = []struct {
	packages string
	imports  []string
}{
	{"reference/...", []string{"reference/...", "spec/..."}},
	{"harness/nat", []string{"spec/yamlstrict"}},
	{"harness/checksum", nil},
	{"harness/packetio", []string{"harness/checksum"}},
	{"harness/hostlink", []string{"harness/packetio"}},
	{"harness/internet", []string{"harness/nat", "harness/checksum"}},
	{"harness/pod", []string{"harness/hostlink", "harness/natbox", "harness/packetio"}},
	{"harness/natbox", []string{"harness/nat", "harness/packetio", "harness/hostlink", "harness/internet", "harness/topology", "harness/capture"}},
}

// forTests are packages that tests, and other packages for tests, import: a program that contains
// one of them would carry package testing with it.
var forTests = []string{"harness/testkit/...", "harness/cmd/skipped"}

func isForTests(pkg string) bool {
	return slices.ContainsFunc(forTests, func(p string) bool { return matches(p, pkg) })
}

// never are imports that no floor forbids, and that would mix what is kept apart: what
// a run found out is data, and how it looks is a matter of the renderers.
var never = []struct {
	packages, imports, why string
}{
	{"reference/udp", "reference/testee/...", "sockets carry any machine, and know no testee"},
	{"reference/udp", "spec/...", "sockets carry any machine, and know no protocol but UDP"},
	{"reference/eventloop", "reference/testee/...", "the loop moves any machine"},
	{"reference/eventloop", "reference/udp", "the loop has no sockets of its own"},
	{"reference/peer", "reference/eventloop", "the peer is moved, and does not know by what"},
	{"harness/simulate", "reference/testee/...", "simulations speak with peers, not with testees"},
	{"harness/steps", "harness/report", "a step finds out data, and renders nothing"},
	{"harness/report", "harness/nat", "a renderer is told the profiles"},
	{"harness/report", "harness/steps", "a renderer is a function of the results"},
	{"harness/result", "harness/report", "results know no renderer"},
}

func matches(pattern, pkg string) bool {
	base, tree := strings.CutSuffix(pattern, "/...")
	return pkg == base || tree && strings.HasPrefix(pkg, base+"/")
}

// floor is where a package is named itself, otherwise where the longest name
// of what it is below stands.
func floor(pkg string) (number int, ok bool) {
	longest := -1
	for i, names := range floors {
		for _, name := range names {
			if name == pkg {
				return i, true
			}
			if matches(name, pkg) && len(name) > longest {
				number, ok, longest = i, true, len(name)
			}
		}
	}
	return number, ok
}

// sources are the files of the repository with one of the suffixes, by their
// slash path; nothing that was installed, built or kept as data.
func sources(t *testing.T, suffixes ...string) (files []string) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name != "." && (base[0] == '.' || base[0] == '_' || base == "node_modules" || base == "testdata" || name == "out") {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains(suffixes, filepath.Ext(name)) {
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestImportsNeverGoUp(t *testing.T) {
	for _, file := range sources(t, ".go") {
		pkg := path.Dir(file)
		if pkg == "." || strings.HasSuffix(file, "_test.go") {
			continue
		}
		own, ok := floor(pkg)
		if !ok {
			t.Errorf("%s: the package %s is on no floor; give it one in layout_test.go", file, pkg)
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			imported, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			if other, ok := floor(imported); !ok || other > own {
				t.Errorf("%s imports %s, which is on a higher floor (%d above %d)", file, imported, other, own)
			}
			if isForTests(imported) && !isForTests(pkg) {
				t.Errorf("%s imports %s, which is for tests: move what it uses out of there", file, imported)
			}
			for _, rule := range onlyOf {
				allowed := !matches(rule.packages, pkg) || slices.ContainsFunc(rule.imports, func(p string) bool { return matches(p, imported) })
				if !allowed {
					t.Errorf("%s imports %s; %s may import only %q of this module", file, imported, rule.packages, rule.imports)
				}
			}
			for _, rule := range never {
				if matches(rule.packages, pkg) && matches(rule.imports, imported) {
					t.Errorf("%s imports %s: %s", file, imported, rule.why)
				}
			}
		}
	}
}

func TestFloorsTellUpFromDown(t *testing.T) {
	for pkg, want := range map[string]int{"spec/testee": 0, "harness/lab": 3, "harness/lab/sim": 4, "reference/cmd/latica-peer": 7, "reference/peer": 1} {
		got, ok := floor(pkg)
		require.True(t, ok, pkg)
		require.Equal(t, want, got, pkg)
	}
	_, ok := floor("harness/elsewhere")
	require.False(t, ok)
}

// longest is how many lines a file may have: one that is longer is about more
// than one thing.
const longest = 600

func TestNoFileIsTooLong(t *testing.T) {
	for _, file := range sources(t, ".go", ".js", ".mjs", ".cjs", ".lua", ".py", ".sh") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if lines := bytes.Count(text, []byte("\n")); lines > longest {
			t.Errorf("%s has %d lines, at most %d: split it by what it is about", file, lines, longest)
		}
	}
}

// One package reads YAML, so that every error names file, line and key, and no key is overlooked.
func TestYAMLHasOneReader(t *testing.T) {
	for _, file := range sources(t, ".go") {
		if strings.HasSuffix(file, "_test.go") || path.Dir(file) == "spec/yamlstrict" {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, call := range []string{"yaml.NewDecoder(", "yaml.Unmarshal("} {
			if bytes.Contains(text, []byte(call)) {
				t.Errorf("%s calls %s): read the file by spec/yamlstrict", file, call)
			}
		}
	}
}
