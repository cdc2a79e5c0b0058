package spec

import (
	"fmt"
	"slices"
	"strings"
)

// regenerate is what makes generated regions anew, for messages.
const regenerate = "make tables"

// includes is the class whose requirements a conformance class includes.
var includes = map[string]string{"peer": "codec", "indexed": "peer", "relay": "peer"}

// checkTables finds generated regions that are missing, unknown, or not what
// would be generated.
func (s *Standard) checkTables(c *Coverage) {
	for _, constant := range s.Constants {
		if _, ok := s.page("spec/" + constant.Chapter); !ok {
			c.problem("constants.yaml has %q for spec/%s, which there is not: correct its chapter", constant.Name, constant.Chapter)
		}
	}
	for _, p := range s.Pages {
		n := s.renew(p, c)
		c.Problems = append(c.Problems, n.problems...)
		for _, name := range n.stale {
			c.problem("%s: the generated table %s is stale: run %s", p.Path, name, regenerate)
		}
	}
}

// Tables are the pages whose generated regions are stale, with those regions
// made anew. What can't be made is an error that names the page and the line.
func (s *Standard) Tables(evidence []Evidence) ([]Page, error) {
	c := s.judge(evidence)
	var pages []Page
	for _, p := range s.Pages {
		n := s.renew(p, &c)
		if len(n.problems) > 0 {
			return nil, fmt.Errorf("%s", strings.Join(n.problems, "\n"))
		}
		if len(n.stale) > 0 {
			pages = append(pages, Page{p.Path, n.text})
		}
	}
	return pages, nil
}

// A renewal is a page with its regions generated anew.
type renewal struct {
	text     string
	stale    []string // names of the regions that were not as they are now
	problems []string // regions that can't be made
}

func (n *renewal) problem(format string, args ...any) {
	n.problems = append(n.problems, fmt.Sprintf(format, args...))
}

// renew generates each region of a page anew, and adds that of a chapter's
// constants where it is missing.
func (s *Standard) renew(p Page, c *Coverage) (n renewal) {
	var out, was, had []string
	var is string  // what the open region is to be
	open := line{} // where it begins; none is open: no text
	for _, l := range p.lines() {
		m := opening.FindStringSubmatch(l.text)
		switch {
		case open.text == "" && l.fenced:
			out = append(out, l.text)
		case open.text == "" && m != nil:
			var ok bool
			if is, ok = s.table(p, m[1], c); !ok {
				n.problem("%s: this page has no generated table %s: correct the name", l.at, m[1])
			}
			open, was, had = l, nil, append(had, m[1])
			out = append(out, l.text)
		case open.text == "" && l.text == closing:
			n.problem("%s: %s ends no generated table: remove the line", l.at, closing)
		case open.text == "":
			out = append(out, l.text)
		case l.text == closing:
			if strings.Join(was, "\n") != is {
				n.stale = append(n.stale, had[len(had)-1])
			}
			if is != "" {
				out = append(out, is)
			}
			out = append(out, l.text)
			open = line{}
		default:
			was = append(was, l.text)
		}
	}
	if open.text != "" {
		n.problem("%s: the generated table has no end: add the line %s", open.at, closing)
	}
	n.text = strings.Join(out, "\n")
	for _, name := range s.wanted(p) {
		switch {
		case slices.Contains(had, name):
		case name == "constants":
			is, _ := s.table(p, name, c)
			n.stale = append(n.stale, name)
			n.text = fmt.Sprintf("%s\n\n<!-- generated: %s -->\n%s\n%s\n", strings.TrimSpace(n.text), name, is, closing)
		default:
			n.problem("%s lacks its generated table %s: add the lines <!-- generated: %s --> and %s where it is to stand",
				p.Path, name, name, closing)
		}
	}
	return n
}

// wanted names the regions that a page has to have.
func (s *Standard) wanted(p Page) []string {
	switch p.Path {
	case frontPage:
		return []string{"counts"}
	case indexPage:
		return []string{"chapters", "classes", "requirements"}
	case deviationsPage:
		return []string{"deviations"}
	}
	var all []string
	if p.Path == causesPage {
		all = append(all, "causes")
	}
	if len(s.constantsOf(p)) > 0 {
		all = append(all, "constants")
	}
	return all
}

// table generates the region of a name, with a blank line before and after,
// if the page may have it.
func (s *Standard) table(p Page, name string, c *Coverage) (text string, ok bool) {
	_, isChapter := p.chapter()
	if !slices.Contains(s.wanted(p), name) && !(isChapter && name == "constants") {
		return "", false
	}
	switch name {
	case "constants":
		text = s.constantsTable(p)
	case "causes":
		text = s.causesTable()
	case "counts":
		text = s.countsLine(c)
	case "chapters":
		text = s.chaptersTable(c)
	case "classes":
		text = s.classesTable()
	case "requirements":
		text = s.requirementsTables()
	case "deviations":
		text = s.deviationsTable()
	}
	if text == "" {
		return "", true
	}
	return "\n" + strings.TrimSpace(text) + "\n", true
}

func (s *Standard) countsLine(c *Coverage) string {
	var b strings.Builder
	n := levelCounts(s.All())
	fmt.Fprintf(&b, "The standard has %d requirements: %d MUST, %d SHOULD, %d MAY. %d scenarios and %d vectors\n"+
		"judge them; %d are verified by inspection. By chapter, and in brackets what judges them:",
		len(s.All()), n[Must], n[Should], n[May], c.Count(Scenario, s.All()), c.Count(Vector, s.All()), len(c.Inspections))
	for i, p := range s.chapters() {
		if i > 0 {
			b.WriteString(",")
		}
		all := s.requirementsOf(p)
		fmt.Fprintf(&b, "\n[%s](%s) %d (%d)", p.title(), p.Path, len(all), c.Count(Scenario, all)+c.Count(Vector, all))
	}
	return b.String() + "."
}

func (s *Standard) chaptersTable(c *Coverage) string {
	t := newTable("chapter", "MUST", "SHOULD", "MAY", "scenarios", "vectors", "inspections", "deviations")
	row := func(title string, all []Requirement, deviations int) {
		n, inspections := levelCounts(all), 0
		for _, q := range all {
			if _, ok := q.Inspection(); ok {
				inspections++
			}
		}
		t.row(title, n[Must], n[Should], n[May], c.Count(Scenario, all), c.Count(Vector, all), inspections, deviations)
	}
	for _, p := range s.chapters() {
		all := s.requirementsOf(p)
		deviations := 0
		for _, d := range s.Deviations {
			if slices.ContainsFunc(all, func(q Requirement) bool { return slices.Contains(d.Requirements, q.ID) }) {
				deviations++
			}
		}
		name, _ := p.chapter()
		row(link(p.title(), name), all, deviations)
	}
	row("all", s.All(), len(s.Deviations))
	return t.String()
}

func (s *Standard) classesTable() string {
	t := newTable("class", "includes", "MUST", "SHOULD", "MAY", "with all that it includes")
	of := func(class string) (all []Requirement) {
		for _, q := range s.All() {
			if q.Class == class {
				all = append(all, q)
			}
		}
		return all
	}
	for _, class := range classes {
		n, in, total := levelCounts(of(class)), []string{}, len(of(class))
		for other := includes[class]; other != ""; other = includes[other] {
			in = append(in, other)
			total += len(of(other))
		}
		t.row(class, strings.Join(in, ", "), n[Must], n[Should], n[May], total)
	}
	return t.String()
}

func (s *Standard) requirementsTables() string {
	var b strings.Builder
	for _, p := range s.chapters() {
		all := s.requirementsOf(p)
		if len(all) == 0 {
			continue
		}
		t := newTable("id", "level", "class", "requirement", "verified by")
		for _, q := range all {
			by := strings.Join(q.VerifiedBy, ", ")
			if reason, ok := q.Inspection(); ok {
				by = "inspection: " + reason
			}
			t.row(q.link(), q.Level, q.Class, cell(q.Text), cell(by))
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n", p.title(), t)
	}
	return b.String()
}

func (s *Standard) deviationsTable() string {
	t := newTable("id", "versions", "what it does", "what comes of it", "what a peer does instead")
	for _, d := range s.Deviations {
		var instead []string
		for _, id := range d.Requirements {
			q, _ := s.Lookup(id)
			instead = append(instead, q.link())
		}
		says := strings.Join(instead, ", ")
		if says != "" && d.Note != "" {
			says += ". "
		}
		says += cell(d.Note)
		if d.Unseen != "" {
			says = strings.TrimSpace(says + " *No scenario fails by it:* " + cell(d.Unseen))
		}
		t.row(fmt.Sprintf(`<a id="%s"></a>%s`, d.ID, d.ID), strings.Join(d.Versions, ", "), cell(d.Does), cell(d.Danger), says)
	}
	return t.String()
}

// constantsTable is a chapter's last section; empty if it has no constants.
func (s *Standard) constantsTable(p Page) string {
	all := s.constantsOf(p)
	if len(all) == 0 {
		return ""
	}
	t := newTable("id", "name", "default", "permitted", "reason")
	for _, c := range all {
		reason := cell(c.Reason)
		if q, ok := s.Lookup(c.Requirement); ok {
			reason += " (" + q.link() + ")"
		}
		t.row("`"+c.ID+"`", cell(c.Name), cell(c.Default), cell(c.Permitted), reason)
	}
	number, _, _ := strings.Cut(p.title(), ".")
	sections := 1
	for _, l := range p.lines() {
		if !l.generated && !l.fenced && strings.HasPrefix(l.text, "## ") {
			sections++
		}
	}
	return fmt.Sprintf("## %s.%d Constants\n\n%s", number, sections, t)
}

func (s *Standard) requirementsOf(p Page) (all []Requirement) {
	for _, q := range s.All() {
		if p.Path == "spec/"+q.Chapter {
			all = append(all, q)
		}
	}
	return all
}

func (s *Standard) constantsOf(p Page) (all []Constant) {
	for _, c := range s.Constants {
		if p.Path == "spec/"+c.Chapter {
			all = append(all, c)
		}
	}
	return all
}

func levelCounts(all []Requirement) map[Level]int {
	n := map[Level]int{}
	for _, q := range all {
		n[q.Level]++
	}
	return n
}

// link leads from any page of spec/ to the requirement's anchor.
func (r Requirement) link() string { return link(r.ID, r.Chapter+"#"+r.ID) }

func link(text, to string) string { return fmt.Sprintf("[%s](%s)", text, to) }

// cell is a text as a cell of a table has it.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(strings.TrimSpace(text))
}

// A table is written in Markdown.
type table struct{ strings.Builder }

func newTable(columns ...any) *table {
	t := &table{}
	t.row(columns...)
	t.WriteString("|" + strings.Repeat("---|", len(columns)) + "\n")
	return t
}

func (t *table) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(t, "| %v ", c)
	}
	t.WriteString("|\n")
}
