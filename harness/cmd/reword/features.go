package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
)

// An expression matches steps.
type expression struct{ *regexp.Regexp }

// rewordExpressions rewords the step expressions of a Go file: its string literals of the form
// `^…$`. What they capture keeps its form.
func rewordExpressions(source []byte) ([]byte, []expression, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	var out strings.Builder
	var found []expression
	done := 0
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || err != nil {
			return true
		}
		var text string
		if text, err = strconv.Unquote(lit.Value); err != nil || !strings.HasPrefix(text, "^") || !strings.HasSuffix(text, "$") {
			return true
		}
		var tree *syntax.Regexp
		if tree, err = syntax.Parse(text[1:len(text)-1], syntax.Perl); err != nil {
			return true
		}
		found = append(found, expression{regexp.MustCompile(text)})
		rewordLiterals(tree)
		from := set.Position(lit.Pos()).Offset
		out.Write(source[done:from])
		out.WriteString(strconv.Quote("^(?:" + tree.String() + ")$"))
		done = from + len(lit.Value)
		return true
	})
	out.Write(source[done:])
	return []byte(out.String()), found, err
}

// rewordLiterals rewords the literals of an expression outside of what it captures.
func rewordLiterals(r *syntax.Regexp) {
	switch r.Op {
	case syntax.OpCapture:
		return
	case syntax.OpLiteral:
		r.Rune = []rune(rot13(string(r.Rune)))
	}
	for _, sub := range r.Sub {
		rewordLiterals(sub)
	}
}

// A piece is a part of a step as the feature has it, and the text that it is for one row.
type piece struct {
	text     string
	value    string
	variable bool
}

var placeholder = regexp.MustCompile(`<[^<>]+>`)

// pieces divides a step at the names of an outline's columns.
func pieces(text string, row map[string]string) (all []piece) {
	done := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		if value, ok := row[text[at[0]+1:at[1]-1]]; ok {
			all = append(all, piece{text[done:at[0]], text[done:at[0]], false}, piece{text[at[0]:at[1]], value, true})
			done = at[1]
		}
	}
	return append(all, piece{text[done:], text[done:], false})
}

// rewordStep rewords a step, of an outline with the values of one row.
func rewordStep(text string, row map[string]string, expressions []expression) (string, error) {
	all := pieces(text, row)
	var whole string
	for _, p := range all {
		whole += p.value
	}
	var captured []int
	for _, e := range expressions {
		if at := e.FindStringSubmatchIndex(whole); at != nil {
			if captured != nil {
				return "", fmt.Errorf("more than one expression matches the step %q", whole)
			}
			captured = at[2:]
			if captured == nil {
				captured = []int{}
			}
		}
	}
	if captured == nil {
		return "", fmt.Errorf("no expression matches the step %q", whole)
	}
	isCaptured := func(i int) bool {
		for k := 0; k < len(captured); k += 2 {
			if captured[k] <= i && i < captured[k+1] {
				return true
			}
		}
		return false
	}
	var out strings.Builder
	at := 0
	for _, p := range all {
		if p.variable {
			if p.value != rot13(p.value) && !isCaptured(at) {
				return "", fmt.Errorf("the value %s of the step %q is not captured", p.text, text)
			}
			out.WriteString(p.text)
		} else {
			for i := range len(p.text) {
				if isCaptured(at + i) {
					out.WriteByte(p.text[i])
				} else {
					out.WriteString(rot13(p.text[i : i+1]))
				}
			}
		}
		at += len(p.value)
	}
	return out.String(), nil
}

// An editor changes lines of a feature.
type editor struct {
	lines       []string
	expressions []expression
	counts
	err error
}

// title rewords what stands behind a keyword.
func (e *editor) title(at *messages.Location, keyword string) {
	before, name, _ := strings.Cut(e.lines[at.Line-1], keyword+":")
	done, out := 0, ""
	for _, p := range placeholder.FindAllStringIndex(name, -1) {
		out += rot13(name[done:p[0]]) + name[p[0]:p[1]]
		done = p[1]
	}
	e.lines[at.Line-1] = before + keyword + ":" + out + rot13(name[done:])
	if strings.TrimSpace(name) != "" {
		e.titles++
	}
}

// description rewords the lines of a description, which stand between a title and what follows.
func (e *editor) description(text string, behind *messages.Location) {
	if text == "" {
		return
	}
	for i, n := int(behind.Line), len(strings.Split(strings.TrimSpace(text), "\n")); i < len(e.lines) && n > 0; i++ {
		line := strings.TrimSpace(e.lines[i])
		if line == "" && n == len(strings.Split(strings.TrimSpace(text), "\n")) || strings.HasPrefix(line, "#") {
			continue
		}
		e.lines[i] = rot13(e.lines[i])
		n--
	}
}

func (e *editor) steps(steps []*messages.Step, row map[string]string) {
	for _, s := range steps {
		text, err := rewordStep(s.Text, row, e.expressions)
		if err != nil {
			e.err = errors.Join(e.err, fmt.Errorf("line %d: %w", s.Location.Line, err))
			continue
		}
		line := &e.lines[s.Location.Line-1]
		before, _, found := strings.Cut(*line, s.Text)
		if !found {
			e.err = errors.Join(e.err, fmt.Errorf("line %d has no step", s.Location.Line))
			continue
		}
		*line = before + text
		e.counts.steps++
	}
}

func (e *editor) scenario(s *messages.Scenario) {
	e.title(s.Location, s.Keyword)
	e.description(s.Description, s.Location)
	row := map[string]string{}
	for _, x := range slices.Backward(s.Examples) {
		e.title(x.Location, x.Keyword)
		for i, c := range x.TableHeader.Cells {
			row[c.Value] = x.TableBody[0].Cells[i].Value
		}
	}
	e.steps(s.Steps, row)
}

// rewordFeature rewords comments, titles, descriptions and steps of a feature.
func rewordFeature(text []byte, expressions []expression) ([]byte, counts, error) {
	suite := godog.TestSuite{Options: &godog.Options{FS: fstest.MapFS{"x.feature": {Data: text}}, Paths: []string{"."}}}
	features, err := suite.RetrieveFeatures()
	if err != nil {
		return nil, counts{}, err
	}
	doc := features[0].GherkinDocument
	e := &editor{lines: strings.Split(string(text), "\n"), expressions: expressions}
	for _, c := range doc.Comments {
		line := &e.lines[c.Location.Line-1]
		*line = words(*line)
		e.comments++
	}
	e.title(doc.Feature.Location, doc.Feature.Keyword)
	e.description(doc.Feature.Description, doc.Feature.Location)
	for _, c := range doc.Feature.Children {
		switch {
		case c.Background != nil:
			e.title(c.Background.Location, c.Background.Keyword)
			e.steps(c.Background.Steps, nil)
		case c.Scenario != nil:
			e.scenario(c.Scenario)
		case c.Rule != nil:
			e.title(c.Rule.Location, c.Rule.Keyword)
			e.description(c.Rule.Description, c.Rule.Location)
			for _, r := range c.Rule.Children {
				if r.Background != nil {
					e.title(r.Background.Location, r.Background.Keyword)
					e.steps(r.Background.Steps, nil)
				} else {
					e.scenario(r.Scenario)
				}
			}
		}
	}
	return []byte(strings.Join(e.lines, "\n")), e.counts, e.err
}
