package saboteur

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
)

// The patches of all saboteurs apply to the reference as it is, together, and the result compiles.
// Whether each breaks its requirement is for mutation to say.
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
	require.NoError(t, Build(t.Context(), all, root, t.TempDir()))
}

func patching(patches ...Patch) []Saboteur {
	all := make([]Saboteur, len(patches))
	for i, p := range patches {
		if p.In == "" {
			p.In = "reference/x.f"
		}
		all[i] = Saboteur{Name: string(rune('a' + i)), Patches: []Patch{p}, from: "x.yaml"}
	}
	return all
}

const before = `// Package x is a test's.
package x

import "slices"

type t struct {
	a int // LAT-FRAME-001
}

func f(a, b bool) int {
	// What a comment says does not matter.
	if a && // nor where
		b {
		return 1 // LAT-FRAME-002
	} else if b {
		g( 2,
			3,
		)
	} else {
		g(3, 4)
	}
	switch {
	case a:
		return 4
	}
	for range slices.All(g(func(n int) bool { return n > 1 })) {
		g(3, 4)
	}
	return 2
}
`

// What is not named is left as it is, comments too.
const after = `// Package x is a test's.
package x

import "punchlist/harness/saboteur/deviate"

import "bytes"

import "slices"

type t struct {
	a int // LAT-FRAME-001

	b int
}

func f(a, b bool) int {
	_ = deviate.As("a")

	// What a comment says does not matter.
	if deviate.As("i") {
		return 3
	}
	if a && // nor where
		(b || deviate.As("b")) {
		_ = deviate.As("c")

		return 1 // LAT-FRAME-002
	} else if b {
		g(5, 6)

		_ = deviate.As("d")
	} else {
		g(3, 4)

		_ = deviate.As("f")
	}
	switch {
	case b && deviate.As("g"):
		return 5
	case a && deviate.As("h"):
		return 4
	}
	_ = deviate.As("l")
	for range slices.All(g(func(n int) bool { return n > 1 && !deviate.As("j") })) {
		if deviate.As("k") {
			g(3, 4)
		}
	}
	return 2
}
`

func TestPatched(t *testing.T) {
	tree := fstest.MapFS{"reference/x/y.go": {Data: []byte(before)}, "reference/x/y_test.go": {Data: []byte("no Go")}}
	got, err := Patched(patching(
		Patch{In: "reference/x.f", Top: "func {", Put: "_ = SABOTAGE"},
		Patch{In: "reference/x.f", Take: "b", Nth: 1, Put: "b || SABOTAGE"},
		Patch{In: "reference/x.f", Top: "if a&&b {", Put: "_ = SABOTAGE\n"},
		Patch{In: "reference/x.f", Bottom: "if b {", Put: "_ = SABOTAGE\n"},
		Patch{In: "reference/x.f", Take: "g(2, /* two */ 3)", Put: "g(5, 6)"},
		Patch{In: "reference/x.f", Bottom: "else {", Put: "_ = SABOTAGE\n"},
		Patch{In: "reference/x.f", Before: "case a:", Put: "case b && SABOTAGE:\n\treturn 5\n"},
		Patch{In: "reference/x.f", Take: "a", Nth: 2, Put: "a && SABOTAGE"},
		Patch{In: "reference/x.f", Before: "a && b", Put: "if SABOTAGE {\n\treturn 3\n}"},
		Patch{In: "reference/x.f", Take: "n > 1", Put: "n > 1 && !SABOTAGE"},
		Patch{In: "reference/x.f", Take: "g(3, 4)", Nth: 2, Put: "if SABOTAGE {\n\tg(3, 4)\n}"},
		Patch{In: "reference/x.f", After: "switch {", Put: "_ = SABOTAGE"},
		Patch{In: "reference/x.t", Bottom: "struct {", Put: "b int", Imports: []string{"slices", "bytes"}},
	), tree)
	require.NoError(t, err)
	require.Equal(t, after, string(got["reference/x/y.go"]))

	for _, c := range []struct {
		want    string
		patches []Patch
	}{
		{`x.yaml: a: patch 1, in reference/x.f (reference/x/y.go:10:1): it has no "g(3, 5)" to replace; nearest: "g(3, 4)", "g(2, 3)", `,
			[]Patch{{In: "reference/x.f", Take: "g(3,5)", Put: "x"}}},
		{`in reference/x.(*t).f: the package has no (*t).f; nearest: f, t`, []Patch{{In: "reference/x.(*t).f", Take: "x", Put: "y"}}},
		{`in reference/y.f: open reference/y: file does not exist`, []Patch{{In: "reference/y.f", Take: "x", Put: "y"}}},
		{`it has "g(3, 4)" 2 times: give another anchor, or nth`, []Patch{{In: "reference/x.f", Take: "g(3, 4)", Put: "x"}}},
		{`it has "g(3, 4)" 2 times, so nth can't be 3`, []Patch{{In: "reference/x.f", Take: "g(3, 4)", Nth: 3, Put: "x"}}},
		{`it has no "if b {" to put something before`, []Patch{{In: "reference/x.f", Before: "if b {", Put: "x()"}}},
		{`it has no "a" to replace`, []Patch{{In: "reference/x.f", Take: "a", Put: "return 1"}}},
		{"reference/x/y.go: a and b change the same place: give one of them another",
			[]Patch{{In: "reference/x.f", Take: "if a && b {", Put: "if SABOTAGE {"}, {In: "reference/x.f", Take: "a && b", Put: "SABOTAGE"}}},
	} {
		_, err := Patched(patching(c.patches...), tree)
		require.ErrorContains(t, err, c.want)
	}

	// All that does not apply is told at once.
	_, err = Patched(patching(Patch{In: "reference/x.g", Take: "x", Put: "y"}, Patch{In: "reference/x.f", Take: "x", Put: "y"}), tree)
	require.ErrorContains(t, err, "x.yaml: a: patch 1")
	require.ErrorContains(t, err, "x.yaml: b: patch 1")

	_, err = Patched(patching(Patch{In: "reference/x.f", Take: "x", Put: "y"}), fstest.MapFS{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A method of a generic type is named without its type parameters, and a name that two files
// declare is no place.
func TestDeclarations(t *testing.T) {
	tree := fstest.MapFS{
		"reference/x/a.go": {Data: []byte("package x\n\ntype r[K any] struct{}\n\nfunc (q *r[K]) put() { f(1) }\n\nfunc (q r[K]) get() { f(1) }\n\nconst (\n\ta = 1\n\tb = 1\n)\n\nfunc g() { f(1) }\n")},
		"reference/x/b.go": {Data: []byte("package x\n\nfunc g() { f(1) }\n")},
	}
	for in, want := range map[string]string{
		"reference/x.(*r).put": "put() { f(2) }",
		"reference/x.r.get":    "get() { f(2) }",
		"reference/x.b":        "b = 2",
	} {
		got, err := Patched(patching(Patch{In: in, Take: "1", Put: "2"}), tree)
		require.NoError(t, err, in)
		require.Contains(t, string(got["reference/x/a.go"]), want)
		require.Equal(t, 1, strings.Count(string(got["reference/x/a.go"]), "2"))
	}
	_, err := Patched(patching(Patch{In: "reference/x.g", Take: "1", Put: "2"}), tree)
	require.ErrorContains(t, err, "the package has more than one g")
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	const f = "reference/x.f"
	for _, c := range []struct {
		want string
		p    Patch
	}{
		{`in: "harness/nat.New" is no declaration of the reference`, Patch{In: "harness/nat.New", Take: "x"}},
		{`in: "reference/../spec.Load" is no declaration`, Patch{In: "reference/../spec.Load", Take: "x"}},
		{"patch 1: one of take, before, after, top and bottom is required", Patch{In: f}},
		{"patch 1: take and before: give one of them", Patch{In: f, Take: "x", Before: "y"}},
		{`take: "if x {\n}": it has a block: name the header alone, "if x {"`, Patch{In: f, Take: "if x {\n}", Put: "x"}},
		{`take: "f(); g()": it is 2 statements: name one`, Patch{In: f, Take: "f(); g()", Put: "x"}},
		{`before: "} {": `, Patch{In: f, Before: "} {", Put: "x"}},
		{`top: "x" is no header`, Patch{In: f, Top: "x", Put: "x"}},
		{`before: nothing can stand before "else {"`, Patch{In: f, Before: "else {", Put: "x()"}},
		{`take: "case x:" can't be replaced`, Patch{In: f, Take: "case x:", Put: "case y:"}},
		{`put: "y" is no header`, Patch{In: f, Take: "if x {", Put: "y"}},
		{"put: expected", Patch{In: f, Before: "x", Put: "if SABOTAGE {"}},
		{"put: expected", Patch{In: f, Before: "case x:", Put: "f()"}},
		{"nth: -1: it counts from 1", Patch{In: f, Take: "x", Nth: -1, Put: "y"}},
		{"no put has the word SABOTAGE", Patch{In: f, Take: "x", Put: "y"}},
	} {
		s := Saboteur{Patches: []Patch{c.p}}
		require.ErrorContains(t, s.check(), c.want)
	}
}
