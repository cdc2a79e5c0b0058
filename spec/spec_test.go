package spec

import (
	"fmt"
	"os"
	"path/filepath"
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
		require.Contains(t, q.Text, string(q.Level), "%s: the sentence uses the word of its level", q.ID)
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
		"a misspelled key":  {change("since", "sinc"), "sinc"},
		"an inspection ...": {change("[wire]", "[inspection()]"), "inspection"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("r.yaml", []byte("requirements:"+c.entries))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "r.yaml")
		})
	}
}

func TestCheck(t *testing.T) {
	named := func(id, level, by string) string {
		return strings.NewReplacer("LAT-FRAME-001", id, "level: MUST", "level: "+level, "[wire]", "["+by+"]").Replace(entry)
	}
	r := registry(t,
		named("LAT-FRAME-001", "MUST", "wire"),
		named("LAT-FRAME-002", "MUST", "wire"),
		named("LAT-FRAME-003", "SHOULD", "wire"),
		named("LAT-FRAME-004", "MUST", "inspection(no clock)"))

	c := r.Check([]Evidence{
		{Requirement: "LAT-FRAME-001", Where: "a", Virtual: true},
		{Requirement: "LAT-FRAME-009", Where: "b"},
		{Requirement: "LAT-NONE-001", Where: "c"},
	})
	require.Equal(t, []string{
		"b is tagged LAT-FRAME-009, which the registry does not have (the last of its area is LAT-FRAME-004)",
		"c is tagged LAT-NONE-001, which the registry does not have (areas: FRAME)",
		"LAT-FRAME-002 is a MUST that no scenario and no vector judges: A decoder MUST reject.",
		"1 of 4 requirements are verified by inspection alone; at most one in ten may be",
	}, c.Problems)
	require.Equal(t, []string{"LAT-FRAME-003"}, ids(c.Unjudged))
	require.Equal(t, []string{"LAT-FRAME-004"}, ids(c.Inspections))
	require.Equal(t, []string{"LAT-FRAME-001"}, ids(c.VirtualOnly))

	c = r.Check([]Evidence{
		{Requirement: "LAT-FRAME-001", Where: "a", Virtual: true},
		{Requirement: "LAT-FRAME-001", Where: "a2"},
		{Requirement: "LAT-FRAME-002", Where: "b"},
	})
	require.Len(t, c.Problems, 1, "the inspections alone: %v", c.Problems)
	require.Empty(t, c.VirtualOnly)
	require.Equal(t, 2, c.Scenarios["LAT-FRAME-001"])
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

// A chapter that is written has the sentence of each of its requirements behind an
// anchor, and no anchor that is none.
func TestChapters(t *testing.T) {
	r, err := Load()
	require.NoError(t, err)
	files, err := filepath.Glob("[0-9][0-9]-*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		want := map[string]bool{}
		for _, q := range r.All() {
			if q.Chapter == file {
				want[fmt.Sprintf(`<a id="%s"></a>**%s** %s`, q.ID, q.ID, strings.TrimSpace(q.Text))] = true
			}
		}
		require.NotEmpty(t, want, "%s is the chapter of no requirement", file)
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "<a id=") {
				require.True(t, want[line], "%s has %q, and the registry has no such requirement, or another sentence", file, line)
				delete(want, line)
			}
		}
		require.Empty(t, want, "%s lacks", file)
	}
}
