package suite

import (
	"encoding/json"
	"fmt"
	"strings"

	gherkin "github.com/cucumber/gherkin/go/v26"
	messages "github.com/cucumber/messages/go/v21"
)

// render writes a document that holds one scenario alone, from the syntax tree of its feature:
// with the backgrounds and tags that it has there, and of an outline one row. A nil row is of a
// scenario without a table.
func render(f *messages.Feature, rule *messages.Rule, s *messages.Scenario, row *messages.TableRow) string {
	var w writer
	if f.Language != "" && f.Language != "en" {
		w.line(0, "# language: "+f.Language)
	}
	w.head(0, f.Tags, f.Keyword, f.Name)
	for _, c := range f.Children {
		w.background(1, c.Background)
	}
	w.head(1, rule.Tags, rule.Keyword, rule.Name)
	for _, c := range rule.Children {
		w.background(2, c.Background)
	}
	w.head(2, s.Tags, s.Keyword, s.Name)
	w.steps(3, s.Steps)
	for _, e := range s.Examples {
		for _, r := range e.TableBody {
			if row != nil && r.Id == row.Id {
				w.head(3, e.Tags, e.Keyword, e.Name)
				w.table(4, e.TableHeader, r)
			}
		}
	}
	return w.String()
}

// A writer writes Gherkin, two blanks for each depth.
type writer struct{ strings.Builder }

func (w *writer) line(depth int, text string) {
	if text != "" {
		w.WriteString(strings.Repeat("  ", depth))
	}
	w.WriteString(text + "\n")
}

// head writes what begins with a keyword and a colon.
func (w *writer) head(depth int, tags []*messages.Tag, keyword, name string) {
	for _, t := range tags {
		w.line(depth, t.Name)
	}
	w.line(depth, strings.TrimSpace(keyword+": "+name))
}

func (w *writer) background(depth int, b *messages.Background) {
	if b != nil {
		w.head(depth, nil, b.Keyword, b.Name)
		w.steps(depth+1, b.Steps)
	}
}

func (w *writer) steps(depth int, steps []*messages.Step) {
	for _, s := range steps {
		w.line(depth, s.Keyword+s.Text)
		if s.DataTable != nil {
			w.table(depth+1, s.DataTable.Rows...)
		}
		if d := s.DocString; d != nil {
			escaped := strings.Repeat(`\`+d.Delimiter[:1], len(d.Delimiter))
			w.line(depth+1, d.Delimiter+d.MediaType)
			for _, line := range strings.Split(d.Content, "\n") {
				w.line(depth+1, strings.ReplaceAll(line, d.Delimiter, escaped))
			}
			w.line(depth+1, d.Delimiter)
		}
	}
}

var cellEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "\n", `\n`)

func (w *writer) table(depth int, rows ...*messages.TableRow) {
	for _, r := range rows {
		text := "|"
		for _, c := range r.Cells {
			text += " " + cellEscapes.Replace(c.Value) + " |"
		}
		w.line(depth, text)
	}
}

// checkRendered fails unless a document holds one scenario, and that is as it stands in its
// feature: in title, tags, steps and their arguments.
func checkRendered(document string, from *messages.Pickle) error {
	ids := (&messages.Incrementing{}).NewId
	doc, err := gherkin.ParseGherkinDocument(strings.NewReader(document), ids)
	if err != nil {
		return fmt.Errorf("the scenario, rendered alone, can't be read: %w", err)
	}
	pickles := gherkin.Pickles(*doc, from.Uri, ids)
	if len(pickles) != 1 {
		return fmt.Errorf("the document with the scenario alone holds %d", len(pickles))
	}
	if want, got := essence(from), essence(pickles[0]); want != got {
		return fmt.Errorf("the scenario is another one when it is rendered alone:\n%s\ninstead of\n%s", got, want)
	}
	return nil
}

// essence is a pickle without places and ids, for comparison.
func essence(p *messages.Pickle) string {
	type step struct {
		Text     string
		Type     messages.PickleStepType
		Argument *messages.PickleStepArgument
	}
	all := struct {
		Name  string
		Tags  []string
		Steps []step
	}{Name: p.Name}
	for _, t := range p.Tags {
		all.Tags = append(all.Tags, t.Name)
	}
	for _, s := range p.Steps {
		all.Steps = append(all.Steps, step{s.Text, s.Type, s.Argument})
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
