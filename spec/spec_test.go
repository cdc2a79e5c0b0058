package spec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const entry = `
  - id: LAT-FRAME-001
    level: MUST
    class: codec
    chapter: 01-framing.md
    verified_by: [wire]
    since: "0.1"
    text: A decoder MUST reject.
`

func registry(t *testing.T, entries ...string) *Registry {
	t.Helper()
	r, err := Parse("r.yaml", []byte("requirements:"+strings.Join(entries, "")))
	require.NoError(t, err)
	return r
}

func TestTheEmbeddedRegistryLoads(t *testing.T) {
	r, err := Load()
	require.NoError(t, err)
	require.NotEmpty(t, r.All())
	for i, q := range r.All() {
		require.Equal(t, i, r.Order(q.ID))
		found, ok := r.Lookup(q.ID)
		require.True(t, ok)
		require.Equal(t, q, found)
	}
}

func TestParseRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(entry, old, new, 1) }
	for name, c := range map[string]struct{ entries, says string }{
		"nothing":           {"", "no requirements"},
		"an id twice":       {entry + entry, "LAT-FRAME-001 stands in it twice"},
		"a malformed id":    {change("LAT-FRAME-001", "FRAME-1"), `"FRAME-1" is not LAT-<AREA>-<NNN>`},
		"a level":           {change("MUST\n", "OUGHT\n"), `level "OUGHT"`},
		"a class":           {change("codec", "coder"), `class "coder"`},
		"no chapter":        {change("    chapter: 01-framing.md\n", ""), "chapter is missing"},
		"no text":           {change("A decoder MUST reject.", "''"), "text is missing"},
		"no since":          {change("    since: \"0.1\"\n", ""), "since is missing"},
		"no verified_by":    {change("    verified_by: [wire]\n", ""), "verified_by is missing"},
		"a means":           {change("[wire]", "[hearsay]"), `"hearsay"`},
		"an unknown origin": {change("since:", "from: LAT-FRAME-009\n    since:"), "LAT-FRAME-001 is from LAT-FRAME-009, which is not in it"},
		"a misspelled key":  {change("since", "sinc"), "sinc"},
		"an inspection ...": {change("[wire]", "[inspection()]"), "inspection"},
		"a retired id":      {entry + "\nretired: [{id: LAT-FRAME-001, in: '0.2', reason: so}]", "LAT-FRAME-001 is retired and a requirement"},
		"half a retired id": {entry + "\nretired: [{id: LAT-FRAME-002, in: '0.2'}]", "retired 1 (LAT-FRAME-002) needs"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("r.yaml", []byte("requirements:"+c.entries))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "r.yaml")
		})
	}
}

func TestJudge(t *testing.T) {
	named := func(id, level, by string) string {
		return strings.NewReplacer("LAT-FRAME-001", id, "level: MUST", "level: "+level, "[wire]", "["+by+"]").Replace(entry)
	}
	r := registry(t,
		named("LAT-FRAME-001", "MUST", "wire"),
		named("LAT-FRAME-002", "MUST", "wire"),
		named("LAT-FRAME-003", "SHOULD", "vector"),
		named("LAT-FRAME-004", "MUST", "inspection(no clock)"),
		named("LAT-FRAME-005", "MAY", "wire"),
		named("LAT-FRAME-007", "SHOULD", "wire"),
		"\nretired: [{id: LAT-FRAME-006, in: '0.2', reason: nobody did it}]")

	c := r.judge([]Evidence{
		{Requirement: "LAT-FRAME-001", Kind: Scenario, Where: "a", Virtual: true},
		{Requirement: "LAT-FRAME-009", Kind: Scenario, Where: "b"},
		{Requirement: "LAT-NONE-001", Kind: Vector, Where: "c"},
		{Requirement: "LAT-FRAME-007", Kind: Scenario, Where: "e", Virtual: true},
		{Requirement: "LAT-FRAME-006", Kind: Vector, Where: "d"},
	})
	const mend = ": correct the tag, or add the requirement"
	require.Equal(t, []string{
		"b is tagged LAT-FRAME-009, which the registry does not have (the last of its area is LAT-FRAME-007)" + mend,
		"c is tagged LAT-NONE-001, which the registry does not have (areas: FRAME)" + mend,
		"d is tagged LAT-FRAME-006, which the registry does not have (retired in 0.2: nobody did it)" + mend,
		"LAT-FRAME-002 is a MUST that no scenario and no vector judges: write one, or say inspection(reason) in verified_by",
		"LAT-FRAME-003 is a SHOULD that no scenario and no vector judges: write one, or say inspection(reason) in verified_by",
		"LAT-FRAME-003 is said to be verified by vectors, and none judges it: make one, or correct its verified_by",
		"1 of 6 requirements are verified by inspection alone, and at most one in ten may be: write scenarios or vectors",
	}, c.Problems)
	require.Equal(t, []string{"LAT-FRAME-005"}, ids(c.Unjudged))
	require.Equal(t, []string{"LAT-FRAME-004"}, ids(c.Inspections))
	require.Equal(t, []string{"LAT-FRAME-001"}, ids(c.VirtualOnly))
	require.Empty(t, c.NoScenarios)

	c = r.judge([]Evidence{
		{Requirement: "LAT-FRAME-001", Kind: Scenario, Where: "a", Virtual: true},
		{Requirement: "LAT-FRAME-001", Kind: Scenario, Where: "a2"},
		{Requirement: "LAT-FRAME-002", Kind: Vector, Where: "b"},
		{Requirement: "LAT-FRAME-003", Kind: Vector, Where: "c"},
		{Requirement: "LAT-FRAME-007", Kind: Scenario, Where: "d"},
	})
	require.Equal(t, []string{"LAT-FRAME-002"}, ids(c.NoScenarios))
	require.Len(t, c.Problems, 2, "%v", c.Problems)
	require.Equal(t, "LAT-FRAME-002 is judged by vectors, and its verified_by doesn't say so: add vector to it", c.Problems[0])
	require.Empty(t, c.VirtualOnly)
	require.Equal(t, 3, c.Count(Scenario, r.All()))
	require.Equal(t, 2, c.Count(Vector, r.All()))
}

func ids(all []Requirement) (out []string) {
	for _, q := range all {
		out = append(out, q.ID)
	}
	return out
}

func ExampleLoad() {
	r, err := Load()
	if err != nil {
		panic(err)
	}
	q, _ := r.Lookup("LAT-FRAME-001")
	fmt.Println(q.Level, q.Class)
	// Output: MUST codec
}
