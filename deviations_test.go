package punchlist_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/index"
	"punchlist/harness/manifest"
	"punchlist/spec"
)

var deviationName = regexp.MustCompile(`DEV-[0-9]+`)

func deviations(t *testing.T) []spec.Deviation {
	s, err := spec.LoadStandard()
	require.NoError(t, err)
	return s.Deviations
}

// What the reference does instead of a deviation is named where it does it.
func TestTheReferenceNamesWhatItDoesInstead(t *testing.T) {
	s, err := spec.LoadStandard()
	require.NoError(t, err)
	comments, err := index.Read(os.DirFS("."), s.Has)
	require.NoError(t, err)
	for _, d := range s.Deviations {
		for _, id := range d.Requirements {
			if len(comments.Of(id)) == 0 {
				t.Errorf("%s: no comment of reference/ names %s: name it where it is obeyed", d.ID, id)
			}
		}
	}
}

// The suite sees each deviation of the newest package as a known failure of it, or
// says why not: what was found by hand is what the suite finds.
func TestTheSuiteSeesEveryDeviationOrSaysWhyNot(t *testing.T) {
	m, err := manifest.Bundled("socket-0.6")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, k := range m.Known {
		known[k.Requirement] = true
	}
	seen, all := 0, 0
	for _, d := range deviations(t) {
		if !slices.Contains(d.Versions, m.Version) {
			continue
		}
		all++
		found := slices.ContainsFunc(d.Requirements, func(id string) bool { return known[id] })
		if !d.Reproduced(m.Version) {
			continue
		}
		seen++
		require.True(t, found, "%s: the manifest of %s lists no failure of %v, and no unseen says why none", d.ID, m.Name, d.Requirements)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, strings.Join(strings.Fields(string(readme)), " "),
		fmt.Sprintf("%d of the %d deviations of the deployed peer", seen, all))
}

func TestEveryDeviationThatIsNamedIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, d := range deviations(t) {
		listed[d.ID] = true
	}
	for _, file := range sources(t, ".go", ".mjs", ".yaml", ".feature", ".md") {
		if strings.HasPrefix(file, "spec/deviations") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, id := range deviationName.FindAllString(string(text), -1) {
			if !listed[id] {
				t.Errorf("%s names %s, which spec/deviations.yaml does not have", file, id)
			}
		}
	}
}
