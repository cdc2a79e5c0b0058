package suite

import (
	"fmt"
	"slices"
	"strings"

	tagexpressions "github.com/cucumber/tag-expressions/go/v6"
)

// A Selection picks scenarios by a tag expression and by key; empty parts
// pick all.
type Selection struct {
	Tags string   // cucumber's tag expressions: "@LAT-NAT-001 and not @virtual"
	Key  string   // exactly one scenario, or by the id of an outline all its rows
	Keys []string // any of these; nil: all
}

// all reports whether it picks every scenario.
func (s Selection) all() bool { return s.Tags == "" && s.Key == "" && s.Keys == nil }

// Of lists the scenarios that it picks. An expression that can't be read is
// an error that shows it.
func (s Selection) Of(all []Scenario) ([]Scenario, error) {
	expr, err := parseTags(s.Tags)
	if err != nil {
		return nil, fmt.Errorf("the tag expression %q can't be read: %w", s.Tags, err)
	}
	var picked []Scenario
	for _, c := range all {
		if expr.Evaluate(c.Tags) && (s.Key == "" || s.Key == c.Key || strings.HasPrefix(c.Key, s.Key+"[")) && (s.Keys == nil || slices.Contains(s.Keys, c.Key)) {
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

// String shows a selection in messages.
func (s Selection) String() string {
	switch {
	case s.Key == "" && s.Tags == "":
		return "no condition"
	case s.Key == "":
		return fmt.Sprintf("--tags %q", s.Tags)
	case s.Tags == "":
		return fmt.Sprintf("--scenario %q", s.Key)
	default:
		return fmt.Sprintf("--tags %q and --scenario %q", s.Tags, s.Key)
	}
}
