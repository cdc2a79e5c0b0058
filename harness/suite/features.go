package suite

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
	tagexpressions "github.com/cucumber/tag-expressions/go/v6"

	"punchlist/spec"
)

// A Scenario is one that features describe: of an outline, one row.
type Scenario struct {
	Key         string // URI#Rule/Name/Row: stable while lines move
	URI         string // file of the feature
	Feature     string
	Rule        string
	Name        string   // of an outline, before its row's values stand in it
	Row         string   // the row's values, empty when there is no outline
	Title       string   // with the row's values in it
	Requirement string   // the one id among the tags of its Rule
	Tags        []string // those of the feature, and one for all requirements of a chapter: @LAT-NAT

	view []byte // the feature's text with every other scenario blanked out
}

// Scenarios reads every feature in a file system, in order of file and line.
// It insists on what verdicts need: each scenario stands in a Rule, each Rule
// has exactly one tag that is a requirement's id, and no key occurs twice.
func Scenarios(fsys fs.FS) ([]Scenario, error) {
	suite := godog.TestSuite{Options: &godog.Options{FS: fsys, Paths: []string{"."}}}
	features, err := suite.RetrieveFeatures()
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	var all []Scenario
	keys := map[string]bool{}
	for _, f := range features {
		doc := document{f.GherkinDocument.Feature, f.Content}
		for _, p := range f.Pickles {
			s, err := doc.scenario(f.Uri, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Uri, err)
			}
			if keys[s.Key] {
				return nil, fmt.Errorf("%s: two scenarios have the key %q: name one of them differently", f.Uri, s.Key)
			}
			keys[s.Key] = true
			all = append(all, s)
		}
	}
	return all, nil
}

type document struct {
	feature *messages.Feature
	text    []byte
}

func (d document) scenario(uri string, p *messages.Pickle) (Scenario, error) {
	rule, outline := d.find(p.AstNodeIds[0])
	if rule == nil || outline == nil {
		return Scenario{}, fmt.Errorf("scenario %q stands outside a Rule: only a Rule carries a requirement", p.Name)
	}
	s := Scenario{URI: uri, Feature: d.feature.Name, Rule: rule.Name, Name: outline.Name, Title: p.Name}
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
			return s, fmt.Errorf("scenario %q is tagged %s, but its Rule is not: a requirement is a tag of the Rule", p.Name, t)
		}
	}
	if len(ids) != 1 {
		return s, fmt.Errorf("rule %q has %d requirement tags %v; it must have exactly one", rule.Name, len(ids), ids)
	}
	s.Requirement = ids[0]
	s.Tags = append(s.Tags, "@"+s.Requirement[:strings.LastIndex(s.Requirement, "-")])
	s.Key = uri + "#" + rule.Name + "/" + outline.Name
	var row *messages.TableRow
	if len(p.AstNodeIds) > 1 {
		row = findRow(outline, p.AstNodeIds[1])
		var values []string
		for _, c := range row.Cells {
			values = append(values, c.Value)
		}
		s.Row = strings.Join(values, ", ")
		s.Key += "/" + s.Row
	}
	s.view = d.only(outline, row)
	return s, nil
}

func (d document) find(id string) (*messages.Rule, *messages.Scenario) {
	for _, c := range d.feature.Children {
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

func findRow(s *messages.Scenario, id string) *messages.TableRow {
	for _, e := range s.Examples {
		for _, r := range e.TableBody {
			if r.Id == id {
				return r
			}
		}
	}
	return nil
}

// only blanks out every scenario but one, and of an outline every row but
// one, so that godog is handed a feature with a single scenario in it, at the
// lines where it stands in the file.
func (d document) only(keep *messages.Scenario, row *messages.TableRow) []byte {
	lines := bytes.Split(d.text, []byte("\n"))
	type block struct {
		start int64
		blank bool
	}
	var blocks []block
	add := func(line int64, tags []*messages.Tag, blank bool) {
		for _, t := range tags {
			line = min(line, t.Location.Line)
		}
		blocks = append(blocks, block{line, blank})
	}
	background := func(b *messages.Background) {
		if b != nil {
			add(b.Location.Line, nil, false)
		}
	}
	scenario := func(s *messages.Scenario) {
		if s != nil {
			add(s.Location.Line, s.Tags, s.Id != keep.Id)
		}
	}
	for _, c := range d.feature.Children {
		background(c.Background)
		scenario(c.Scenario)
		if c.Rule != nil {
			add(c.Rule.Location.Line, c.Rule.Tags, false)
			for _, r := range c.Rule.Children {
				background(r.Background)
				scenario(r.Scenario)
			}
		}
	}
	for i, b := range blocks {
		end := int64(len(lines)) + 1
		if i+1 < len(blocks) {
			end = blocks[i+1].start
		}
		for line := b.start; b.blank && line < end; line++ {
			lines[line-1] = nil
		}
	}
	if row != nil {
		for _, e := range keep.Examples {
			for _, r := range e.TableBody {
				if r.Id != row.Id {
					lines[r.Location.Line-1] = nil
				}
			}
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// A Selection picks scenarios by a tag expression and by key; empty parts
// pick all.
type Selection struct {
	Tags string // cucumber's tag expressions: "@LAT-NAT-001 and not @virtual"
	Key  string // exactly one scenario
}

// Of lists the scenarios that it picks. An expression that can't be read is
// an error that shows it.
func (s Selection) Of(all []Scenario) ([]Scenario, error) {
	expr, err := parseTags(s.Tags)
	if err != nil {
		return nil, fmt.Errorf("the tag expression %q can't be read: %w", s.Tags, err)
	}
	var picked []Scenario
	for _, c := range all {
		if expr.Evaluate(c.Tags) && (s.Key == "" || s.Key == c.Key) {
			picked = append(picked, c)
		}
	}
	return picked, nil
}

// parseTags catches that the parser panics on an expression that ends early.
func parseTags(text string) (expr tagexpressions.Evaluatable, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an operand is missing")
		}
	}()
	return tagexpressions.Parse(text)
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
