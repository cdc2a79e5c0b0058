package suite

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"

	"punchlist/harness/probe"
	"punchlist/harness/result"
	"punchlist/spec"
)

// A Scenario is one that features describe: of an outline, one row.
type Scenario struct {
	Key         string // its id, and the row of an outline: stable while titles, files and lines change
	URI         string // file of the feature
	Feature     string
	Rule        string
	Title       string   // with the row's values in it
	Requirement string   // the one id among the tags of its Rule
	Tags        []string // those of the feature, and one for all requirements of a chapter: @LAT-NAT

	document string // the scenario alone, in Gherkin
}

// Scenarios reads every feature in a file system, in order of file and line.
// It insists on what verdicts need: each scenario stands in a Rule, each Rule
// has exactly one tag that is a requirement's id, each scenario has an id of the
// requirement's area, and no id and no row occurs twice.
func Scenarios(fsys fs.FS) ([]Scenario, error) {
	suite := godog.TestSuite{Options: &godog.Options{FS: fsys, Paths: []string{"."}}}
	features, err := suite.RetrieveFeatures()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	var all []Scenario
	keys, owners := map[string]bool{}, map[string]string{}
	for _, f := range features {
		for _, p := range f.Pickles {
			s, id, err := readScenario(f.GherkinDocument.Feature, f.Uri, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Uri, err)
			}
			owner := f.Uri + p.AstNodeIds[0]
			if other, ok := owners[id]; ok && other != owner {
				return nil, fmt.Errorf("%s: scenario %q: the id %s is that of another scenario, too: give one of them another id", f.Uri, p.Name, id)
			}
			if keys[s.Key] {
				return nil, fmt.Errorf("%s: two rows have the key %s: take one of them out", f.Uri, s.Key)
			}
			keys[s.Key], owners[id] = true, owner
			all = append(all, s)
		}
	}
	return all, nil
}

// readScenario reads what a pickle is of. Id is that of its scenario, which all rows of an outline
// share.
func readScenario(f *messages.Feature, uri string, p *messages.Pickle) (s Scenario, id string, err error) {
	rule, outline := find(f, p.AstNodeIds[0])
	if rule == nil || outline == nil {
		return Scenario{}, "", fmt.Errorf("scenario %q stands outside a Rule: only a Rule carries a requirement", p.Name)
	}
	s = Scenario{URI: uri, Feature: f.Name, Rule: rule.Name, Title: p.Name}
	for _, t := range p.Tags {
		s.Tags = append(s.Tags, t.Name)
	}
	var ids []string
	for _, t := range rule.Tags {
		if name := strings.TrimPrefix(t.Name, "@"); spec.IsID(name) {
			ids = append(ids, name)
		}
	}
	for _, t := range s.Tags {
		if name := strings.TrimPrefix(t, "@"); spec.IsID(name) && !slices.Contains(ids, name) {
			return s, "", fmt.Errorf("scenario %q is tagged %s, but its Rule is not: a requirement is a tag of the Rule", p.Name, t)
		}
	}
	if len(ids) != 1 {
		return s, "", fmt.Errorf("rule %q has %d requirement tags %v; it must have exactly one", rule.Name, len(ids), ids)
	}
	s.Requirement = ids[0]
	area := s.Requirement[:strings.LastIndex(s.Requirement, "-")]
	s.Tags = append(s.Tags, "@"+area)
	if id, err = scenarioID(outline, s.Tags); err == nil && !strings.HasPrefix(strings.TrimPrefix(id, probe.Prefix), strings.ToLower(strings.TrimPrefix(area, "LAT-"))+"/") {
		err = fmt.Errorf("the id %s must begin with the area of %s, %s/", id, s.Requirement, strings.ToLower(strings.TrimPrefix(area, "LAT-")))
	}
	if err != nil {
		return s, "", fmt.Errorf("scenario %q: %w", p.Name, err)
	}
	key := result.Key{ID: id}
	var row *messages.TableRow
	if len(p.AstNodeIds) > 1 {
		row, key.Row = findRow(outline, p.AstNodeIds[1])
	}
	s.Key = key.String()
	s.document = render(f, rule, outline, row)
	if err := checkRendered(s.document, p); err != nil {
		return s, "", fmt.Errorf("%s: %w", s.Key, err)
	}
	return s, id, nil
}

// tagID begins the tag of a scenario that holds its id: @id:trav/nat-reboots.
const tagID = "@id:"

// scenarioID is the id among a scenario's own tags. All are those that it has or inherits.
func scenarioID(outline *messages.Scenario, all []string) (string, error) {
	var own, any []string
	for _, t := range outline.Tags {
		if id, ok := strings.CutPrefix(t.Name, tagID); ok {
			own = append(own, id)
		}
	}
	for _, t := range all {
		if id, ok := strings.CutPrefix(t, tagID); ok {
			any = append(any, id)
		}
	}
	switch {
	case len(any) == 0:
		return "", fmt.Errorf("it has no id: tag it %sAREA/words, a name that no other scenario has", tagID)
	case len(any) > 1:
		return "", fmt.Errorf("it has %d ids, %s: it must have exactly one", len(any), strings.Join(any, " and "))
	case len(own) == 0:
		return "", fmt.Errorf("the id %s stands at its Feature, Rule or Examples: it must be a tag of the scenario itself", any[0])
	}
	return own[0], result.CheckID(own[0])
}

func find(f *messages.Feature, id string) (*messages.Rule, *messages.Scenario) {
	for _, c := range f.Children {
		if c.Scenario != nil && c.Scenario.Id == id {
			return nil, c.Scenario
		}
		if c.Rule == nil {
			continue
		}
		for _, r := range c.Rule.Children {
			if r.Scenario != nil && r.Scenario.Id == id {
				return c.Rule, r.Scenario
			}
		}
	}
	return nil, nil
}

// findRow is the row of an outline with that id, and its cells with their columns' names.
func findRow(s *messages.Scenario, id string) (*messages.TableRow, []result.Column) {
	for _, e := range s.Examples {
		for _, r := range e.TableBody {
			if r.Id != id {
				continue
			}
			var cells []result.Column
			for i, c := range r.Cells {
				cells = append(cells, result.Column{Name: e.TableHeader.Cells[i].Value, Value: c.Value})
			}
			return r, cells
		}
	}
	return nil, nil
}

// Has reports whether the scenario carries a tag, named with its @.
func (s Scenario) Has(tag string) bool { return slices.Contains(s.Tags, tag) }

// Evidence lists what the scenarios judge, for Registry.Check.
func Evidence(all []Scenario) []spec.Evidence {
	var out []spec.Evidence
	for _, s := range all {
		out = append(out, spec.Evidence{Requirement: s.Requirement, Kind: spec.Scenario, Where: s.Key, Virtual: s.Has(tagVirtual) || s.Has("@sim")})
	}
	return out
}

// Document is the scenario alone, in Gherkin.
func (s Scenario) Document() string { return s.document }

// Sampled are the keys of scenarios, of the probes among them a fixed sample of n.
func Sampled(all []Scenario, n int) (keys []string) {
	var probes []string
	for _, s := range all {
		if strings.HasPrefix(s.Key, probe.Prefix) {
			probes = append(probes, s.Key)
		} else {
			keys = append(keys, s.Key)
		}
	}
	return append(keys, probe.Sample(probes, n)...)
}
