package steps

import (
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cucumber/godog"
	cucumber "github.com/cucumber/messages/go/v21"
	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/nat"
	"punchlist/harness/probe"
	"punchlist/reference/nattype"
	"punchlist/spec"
)

// pickles are the scenarios of features/ and the probes, with their outlines filled in.
func pickles(t *testing.T) []*pickle {
	t.Helper()
	standard, err := spec.LoadStandard()
	require.NoError(t, err)
	files, err := probe.Features(standard, features.Files)
	require.NoError(t, err)
	return picklesOf(t, files)
}

func picklesOf(t *testing.T, files fs.FS) []*pickle {
	t.Helper()
	suite := godog.TestSuite{Options: &godog.Options{FS: files, Paths: []string{"."}}}
	retrieved, err := suite.RetrieveFeatures()
	require.NoError(t, err)
	var all []*pickle
	for _, f := range retrieved {
		for _, p := range f.Pickles {
			s := &pickle{name: p.Uri + ": " + p.Name, row: row(f.GherkinDocument.Feature, p)}
			for _, tag := range p.Tags {
				s.tags = append(s.tags, strings.TrimPrefix(tag.Name, "@"))
				if id, ok := strings.CutPrefix(tag.Name, "@id:"); ok {
					s.id = id
				}
			}
			for _, step := range p.Steps {
				s.steps = append(s.steps, step.Text)
			}
			all = append(all, s)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// row is the row of an outline that a pickle was made from.
func row(f *cucumber.Feature, p *cucumber.Pickle) map[string]string {
	cells := map[string]string{}
	for _, c := range f.Children {
		if c.Rule == nil {
			continue
		}
		for _, s := range c.Rule.Children {
			if s.Scenario == nil {
				continue
			}
			for _, e := range s.Scenario.Examples {
				for _, r := range e.TableBody {
					for i, cell := range r.Cells {
						if slices.Contains(p.AstNodeIds, r.Id) {
							cells[e.TableHeader.Cells[i].Value] = cell.Value
						}
					}
				}
			}
		}
	}
	return cells
}

type pickle struct {
	name  string // for errors
	id    string
	row   map[string]string // of an outline: cells by their columns' names
	tags  []string
	steps []string
}

// requirement is the id that the scenario is tagged with.
func (p *pickle) requirement() string {
	at := slices.IndexFunc(p.tags, func(tag string) bool { return strings.HasPrefix(tag, "LAT-") })
	if at < 0 {
		return ""
	}
	return p.tags[at]
}

// An id is unique and says which area of requirements, or the lab, it is of.
func TestStepIDs(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	areas := map[string]bool{"lab": true}
	for _, q := range registry.All() {
		areas[strings.ToLower(strings.Split(q.ID, "-")[1])] = true
	}
	form := regexp.MustCompile(`^([a-z]+)/[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]string{}
	for _, d := range definitions {
		m := form.FindStringSubmatch(d.id)
		require.NotNilf(t, m, "%s has the id %q", d.expression, d.id)
		require.Truef(t, areas[m[1]], "%s: no requirement is of the area %s", d.id, m[1])
		require.Emptyf(t, seen[d.id], "%s has the id %s too", d.expression, d.id)
		require.LessOrEqual(t, len(d.id), 48, d.id)
		seen[d.id] = d.expression.String()
	}
	w := new(World)
	require.Equal(t, "trav/connected-directly", w.StepID(`the subject and "bob" are connected without a proxy`))
	require.Equal(t, "", w.StepID("the moon is full"))
	require.Equal(t, []string{"bob"}, w.StepArguments(`the subject and "bob" are connected without a proxy`))
}

// Each step of the features means exactly one thing.
func TestLanguage(t *testing.T) {
	meaning(t, picklesOf(t, features.Files))
}

// So does each step of the probes, and the language has no expression that neither speaks.
func TestProbesSpeakTheLanguage(t *testing.T) {
	for i, n := range meaning(t, pickles(t)) {
		require.NotZerof(t, n, "no feature and no probe uses the expression %s", definitions[i].expression)
	}
}

// meaning is how often each definition is meant.
func meaning(t *testing.T, all []*pickle) []int {
	t.Helper()
	used := make([]int, len(definitions))
	for _, p := range all {
		for _, step := range p.steps {
			var matches []string
			for i, d := range definitions {
				if d.expression.MatchString(step) {
					matches = append(matches, d.expression.String())
					used[i]++
				}
			}
			require.Lenf(t, matches, 1, "%s\n  step: %s\n  matched by: %s", p.name, step, strings.Join(matches, "\n  "))
		}
	}
	return used
}

// The rows of the traversal feature are all ordered pairs of named profiles,
// each under the rule of what its profiles must lead to.
func TestTraversalRowsFollowFromTheProfiles(t *testing.T) {
	rows := map[string]string{}
	for _, p := range pickles(t) {
		if p.row["subject"] != "" && p.row["companion"] != "" {
			pair := p.row["subject"] + " " + p.row["companion"]
			require.NotContains(t, rows, pair)
			rows[pair] = p.requirement()
		}
	}
	want := map[string]string{}
	for _, a := range nat.Profiles() {
		for _, b := range nat.Profiles() {
			want[a.Name+" "+b.Name] = outcome(t, a, b)
		}
	}
	require.Len(t, want, 144)
	require.Equal(t, want, rows)
}

// outcome is the requirement that says how a peer behind one profile and a peer
// behind another end.
func outcome(t *testing.T, a, b nat.Profile) string {
	x, y := natType(a), natType(b)
	// The engine's own foretelling is the same where nobody guesses.
	ea, err := a.Effective()
	require.NoError(t, err)
	eb, err := b.Effective()
	require.NoError(t, err)
	connectable := nat.Connectable(ea, eb)
	easy := func(s nattype.Strategy) bool { return s == nattype.Direct || s == nattype.Defer }
	guesses := func(s nattype.Strategy) bool {
		return s == nattype.TraversalOpen || s == nattype.TraversalConnect
	}
	switch there, back := nattype.Choose(x, y), nattype.Choose(y, x); {
	case x == nattype.Unknown || y == nattype.Unknown:
		require.False(t, connectable)
		return "LAT-TRAV-004"
	case easy(there) && easy(back):
		require.True(t, connectable, "%s and %s", a.Name, b.Name)
		return "LAT-TRAV-003"
	case guesses(there) && guesses(back):
		require.False(t, connectable, "%s and %s", a.Name, b.Name)
		return "LAT-TRAV-013"
	default:
		require.False(t, connectable, "%s and %s", a.Name, b.Name)
		return "LAT-TRAV-014"
	}
}

// The rows for two peers behind one NAT are all named NATs, each under what its
// hairpinning must lead to.
func TestOneNATRowsFollowFromTheProfiles(t *testing.T) {
	rows, want := map[string]bool{}, map[string]bool{}
	for _, p := range pickles(t) {
		if hairpins := p.id == "trav/one-nat-that-hairpins"; hairpins || p.id == "trav/one-nat-that-does-not-hairpin" {
			rows[p.row["profile"]] = hairpins
		}
	}
	for _, p := range nat.Profiles() {
		if e, err := p.Effective(); err == nil && !e.Open && !e.Blocked {
			want[p.Name] = nat.HairpinConnectable(e)
		}
	}
	require.Equal(t, want, rows)
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
		if !strings.HasPrefix(p.id, "nat/type-") || len(p.steps) != 4 {
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
