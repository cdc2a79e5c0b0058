package punchlist_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/saboteur"
	"punchlist/harness/suite"
	"punchlist/spec"
	"punchlist/vectors"
)

// A chapter of the standard has one slug, by which all that belongs to it is found: its
// requirements, scenarios, vectors, saboteurs, steps, and the reference's code.
type chapter struct {
	number string // empty: the standard has no chapter of the name yet
	slug   string
	// reference lists what implements it beside reference/peer/SLUG*.go, as patterns.
	reference []string
	// without says of each part that there is none of why: features, vectors, saboteurs,
	// peer (the files of reference/peer), steps.
	without map[string]string
}

var chapters = []chapter{
	{number: "01", slug: "framing", reference: []string{"reference/wire/wire.go", "reference/wire/decode.go", "reference/wire/encode.go",
		"reference/wire/body.go", "reference/wire/json.go", "reference/wire/fault.go", "reference/wire/explain.go"}},
	{number: "02", slug: "identity", reference: []string{"reference/wire/id.go", "reference/wire/fragment.go"}},
	{number: "03", slug: "keys", reference: []string{"reference/seal/*.go"}},
	{number: "04", slug: "messages", reference: []string{"reference/wire/body.go"},
		without: map[string]string{"vectors": "its sentences are about what a peer answers, to whom: a codec alone can't show it"}},
	{number: "05", slug: "nat", reference: []string{"reference/nattype/nattype.go"}},
	{number: "06", slug: "traversal", reference: []string{"reference/nattype/strategy.go"}},
	{number: "07", slug: "membership", without: map[string]string{"vectors": "its sentences are about peers over time, not about a codec"}},
	{number: "08", slug: "replication", without: map[string]string{"vectors": "its sentences are about peers over time, not about a codec"}},
	{number: "09", slug: "sync", reference: []string{"reference/cache/summary.go", "reference/cache/prefix.go", "reference/cache/trie.go", "reference/cache/negotiation.go"}},
	{number: "10", slug: "streams", without: map[string]string{"vectors": "a stream is encoded as chapters 1 to 3 say: their vectors hold it"}},
	{number: "11", slug: "queries", without: map[string]string{"vectors": "a query is encoded as chapters 1 and 2 say: their vectors hold it"}},
	{number: "12", slug: "budgets", reference: []string{"reference/cache/cache.go"},
		without: map[string]string{"vectors": "its sentences are about times and amounts, not about a codec"}},
	{number: "13", slug: "security",
		without: map[string]string{"vectors": "its sentences are about whom a peer believes, not about a codec"}},
	{number: "14", slug: "models", without: map[string]string{
		"features":  "it has no requirements: it says what follows from those of other chapters",
		"vectors":   "it has no requirements",
		"saboteurs": "it has no requirements",
		"peer":      "it has no requirements; harness/simulate measures what it says",
		"steps":     "it has no requirements",
	}},
	{slug: "addresses", without: map[string]string{
		"features":  "the standard says it in chapters 4, 6 and 13 so far: their scenarios judge it",
		"vectors":   "it is about peers, not about a codec",
		"saboteurs": "the standard has no requirement in its name yet",
	}},
}

// folders are where the parts of a chapter stand, without the name that is left out.
func (c chapter) parts() map[string]string {
	name := c.slug
	if c.number != "" {
		name = c.number + "-" + c.slug
	}
	return map[string]string{
		"features":  "features/" + name + "*.feature",
		"vectors":   "vectors/" + name + ".yaml",
		"saboteurs": "harness/saboteur/" + name + ".yaml",
		"peer":      "reference/peer/" + c.slug + "*.go",
		"steps":     "harness/steps/" + c.slug + "*.go",
	}
}

// A reader who is given the name of a chapter finds by file name what belongs to it.
func TestEachChapterHasOneNameEverywhere(t *testing.T) {
	for _, c := range chapters {
		if c.number != "" {
			require.FileExists(t, "spec/"+c.number+"-"+c.slug+".md")
		}
		for part, pattern := range c.parts() {
			found := code(t, pattern)
			reason, without := c.without[part]
			switch {
			case without && len(found) > 0:
				t.Errorf("%s: %s is there, although it is listed that there is none, because %s", c.slug, found[0], reason)
			case !without && len(found) == 0:
				t.Errorf("%s: there is no %s: name it so, or list the reason in chapters", c.slug, pattern)
			}
		}
		for _, pattern := range c.reference {
			require.NotEmpty(t, code(t, pattern), "%s: there is no %s", c.slug, pattern)
		}
	}
	for _, folder := range []string{"spec/*.md", "features/*.feature", "vectors/*.yaml", "harness/saboteur/*.yaml"} {
		for _, file := range code(t, folder) {
			number, rest, found := strings.Cut(path.Base(file), "-")
			if !found || number == "README.md" {
				continue
			}
			require.True(t, slices.ContainsFunc(chapters, func(c chapter) bool {
				return c.number == number && strings.HasPrefix(rest, c.slug)
			}), "%s: there is no chapter %s of that name", file, number)
		}
	}
}

// code lists the files of a pattern but for tests.
func code(t *testing.T, pattern string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(pattern)
	require.NoError(t, err)
	for _, file := range all {
		if !strings.HasSuffix(file, "_test.go") {
			files = append(files, filepath.ToSlash(file))
		}
	}
	return files
}

// The files of the reference that implement a chapter say which, and which section, at their
// beginning.
func TestReferenceNamesTheChaptersItImplements(t *testing.T) {
	for _, c := range chapters {
		var files []string
		for _, pattern := range append(c.reference, "reference/peer/"+c.slug+"*.go") {
			files = append(files, code(t, pattern)...)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			head, _, _ := strings.Cut(string(text), "\n\npackage ")
			switch {
			case c.number == "" && !strings.Contains(head, "(spec/"):
				t.Errorf("%s must begin with a comment that names the sections and pages that it implements, such as (spec/04-messages.md)", file)
			case c.number != "" && !strings.Contains(head, "spec/"+c.number+"-"+c.slug+".md"):
				t.Errorf("%s must begin with a comment that names the section of spec/%s-%s.md that it implements", file, c.number, c.slug)
			}
		}
	}
	title := regexp.MustCompile(`(?m)^## (\d+\.\d+) `)
	section := regexp.MustCompile(`(?:sections? |to |and |, )(\d+\.\d+)`)
	sections := map[string]bool{}
	for _, file := range code(t, "spec/*.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range title.FindAllStringSubmatch(string(text), -1) {
			sections[m[1]] = true
		}
	}
	for _, file := range code(t, "reference/*/*.go") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		head, _, found := strings.Cut(string(text), "\n\npackage ")
		if !found {
			continue
		}
		for _, m := range section.FindAllStringSubmatch(head, -1) {
			require.True(t, sections[m[1]], "%s names section %s, which the standard does not have", file, m[1])
		}
	}
}

// A file of a chapter holds only what is about requirements of that chapter.
func TestFilesHoldOnlyTheirChapter(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	belongs := func(file, requirement, what string) {
		q, ok := registry.Lookup(requirement)
		require.True(t, ok, requirement)
		name := strings.TrimSuffix(q.Chapter, ".md")
		if base := path.Base(file); !strings.HasPrefix(base, name+".") && !strings.HasPrefix(base, name+"-") {
			t.Errorf("%s: %s is about %s, which is of chapter %s", file, what, requirement, name)
		}
	}
	scenarios, err := suite.Scenarios(features.Files)
	require.NoError(t, err)
	for _, s := range scenarios {
		belongs("features/"+s.URI, s.Requirement, s.Key)
	}
	made, err := vectors.Load()
	require.NoError(t, err)
	for _, c := range made {
		for _, v := range c.Vectors {
			belongs("vectors/"+c.File, v.Requirement, v.ID)
		}
	}
	saboteurs, err := saboteur.All()
	require.NoError(t, err)
	breaks := map[string]string{}
	for _, s := range saboteurs {
		breaks[s.Name] = s.Breaks
	}
	name := regexp.MustCompile(`(?m)^- name: (\S+)$`)
	for _, file := range code(t, "harness/saboteur/*.yaml") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			belongs(file, breaks[m[1]], m[1])
			delete(breaks, m[1])
		}
	}
	require.Empty(t, breaks, "saboteurs that no file names in the form that this test reads")
}
