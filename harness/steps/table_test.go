package steps

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cucumber/godog"
	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/nat"
	"punchlist/reference/nattype"
)

// pickles are the scenarios of features/ with their outlines filled in.
func pickles(t *testing.T) []*pickle {
	t.Helper()
	suite := godog.TestSuite{Options: &godog.Options{FS: features.Files, Paths: []string{"."}}}
	retrieved, err := suite.RetrieveFeatures()
	require.NoError(t, err)
	var all []*pickle
	for _, f := range retrieved {
		for _, p := range f.Pickles {
			s := &pickle{name: p.Uri + ": " + p.Name}
			for _, step := range p.Steps {
				s.steps = append(s.steps, step.Text)
			}
			all = append(all, s)
		}
	}
	require.NotEmpty(t, all)
	return all
}

type pickle struct {
	name  string
	steps []string
}

// Each step of the features means exactly one thing, and the language has no
// expression that no feature speaks.
func TestLanguage(t *testing.T) {
	var w World
	table := w.table()
	used := make([]int, len(table))
	var expressions []*regexp.Regexp
	for _, d := range table {
		expressions = append(expressions, regexp.MustCompile(d.expression))
	}
	for _, p := range pickles(t) {
		for _, step := range p.steps {
			var matches []string
			for i, e := range expressions {
				if e.MatchString(step) {
					matches = append(matches, table[i].expression)
					used[i]++
				}
			}
			require.Lenf(t, matches, 1, "%s\n  step: %s\n  matched by: %s", p.name, step, strings.Join(matches, "\n  "))
		}
	}
	for i, n := range used {
		require.NotZerof(t, n, "no feature uses the expression %s", table[i].expression)
	}
}

// The rows of the traversal feature are the pairs of named profiles whose
// strategies are direct or defer, all of them, and no other.
func TestTraversalRowsFollowFromTheProfiles(t *testing.T) {
	var rows, want []string
	meets := regexp.MustCompile(`^traversal.feature: ([\w-]+) meets ([\w-]+)$`)
	for _, p := range pickles(t) {
		if m := meets.FindStringSubmatch(p.name); m != nil {
			rows = append(rows, m[1]+" "+m[2])
		}
	}
	for _, a := range nat.Profiles() {
		for _, b := range nat.Profiles() {
			if direct(a, b) {
				want = append(want, a.Name+" "+b.Name)
			}
		}
	}
	slices.Sort(rows)
	slices.Sort(want)
	require.Equal(t, want, rows)
}

// direct says whether both strategies between two profiles are direct or
// defer.
func direct(a, b nat.Profile) bool {
	x, y := natType(a), natType(b)
	if x == nattype.Unknown || y == nattype.Unknown {
		return false
	}
	easy := func(s nattype.Strategy) bool { return s == nattype.Direct || s == nattype.Defer }
	return easy(nattype.Choose(x, y)) && easy(nattype.Choose(y, x))
}

// natType is the type that a peer behind the profile must find (LAT-NAT-001
// to LAT-NAT-004), derived from what the profile does.
func natType(p nat.Profile) nattype.Type {
	e, err := p.Effective()
	switch {
	case err != nil || e.Blocked:
		return nattype.Unknown
	case e.Open:
		return nattype.Unrestricted
	case e.Mapping != nat.EndpointIndependent:
		return nattype.EndpointRestricted
	case e.Filtering == nat.EndpointIndependent:
		return nattype.Unrestricted
	case e.Filtering == nat.AddressDependent:
		return nattype.AddrRestricted
	default:
		return nattype.PortRestricted
	}
}

// The rows of the discovery feature are the named profiles, each under the
// rule of its type.
func TestDiscoveryRowsFollowFromTheProfiles(t *testing.T) {
	got := map[string]string{}
	behind := regexp.MustCompile(`^the host "alice" behind an? ([\w-]+) NAT$`)
	types := regexp.MustCompile(`^the subject's NAT type is (\d+)$`)
	for _, p := range pickles(t) {
		if !strings.HasPrefix(p.name, "nat-discovery.feature") || len(p.steps) != 4 {
			continue
		}
		profile, found := behind.FindStringSubmatch(p.steps[1]), types.FindStringSubmatch(p.steps[3])
		if profile != nil && found != nil {
			got[profile[1]] = found[1]
		}
	}
	for _, p := range nat.Profiles() {
		if want := natType(p); want != nattype.Unknown {
			require.Equal(t, strconv.Itoa(int(want)), got[p.Name], p.Name)
		}
	}
}
