package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"punchlist/harness/result"
	"punchlist/spec"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"visible": visible, "file": fileLink, "web": isWeb, "oneline": oneLine, "fields": fields, "extent": extent, "paths": paths, "testee": testee, "inc": func(i int) int { return i + 1 },
}).Parse(pageText))

// HTML is the report as one web page that needs no network. The same report
// gives the same bytes.
func HTML(r *result.Run) ([]byte, error) {
	// The policy lets the page's own script run and nothing be fetched, so that
	// a datagram or a log that found its way into the markup could do nothing.
	sum := sha256.Sum256([]byte(pageScript))
	policy := fmt.Sprintf("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
	p := &page{
		Run: r, Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Policy: template.HTMLAttr(`content="` + policy + `"`),
	}
	p.fill()
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("report.html: %w", err)
	}
	return b.Bytes(), nil
}

// A page is what the template shows.
type page struct {
	*result.Run
	Style  template.CSS
	Script template.JS
	Policy template.HTMLAttr

	Verdict  string
	Reasons  []pageReason // why it is not as expected
	Filters  []pageFilter
	Columns  []pageColumn
	Chapters []*pageChapter
	Grids    []pageGrid
	Sections []*pageSection // what did not pass
	Lists    []pageList     // what did
	Remarks  []pageRemark   // about companions
}

type pageReason struct{ Text, Href string }

type pageFilter struct {
	Slug, Name string
	Count      int
}

type pageColumn struct{ Subject, Companion, Lab string }

type pageChapter struct {
	Title string
	Rows  []pageRow
}

type pageRow struct {
	spec.Requirement
	Outcomes string // slugs, for the filter
	Cells    []pageCell
}

type pageCell struct{ Class, Text, Href string }

// A pageSection holds the failures of one kind, those of one requirement in
// one column together.
type pageSection struct {
	Slug, Title, Lead string
	Count             int
	Groups            []*pageGroup
}

type pageGroup struct {
	ID, Column  string
	Requirement spec.Requirement
	Failures    []*pageFailure
}

type pageFailure struct {
	*result.Result
	ID, Column  string
	Seed        int64
	SeedMatters bool // several seeds of the column ran
	Slugs       string
	Word        string
	Lane        lanes
	Datagrams   []pageDatagram
	LastLog     string
}

type pageList struct {
	Column string
	Seed   int64
	Passed int
	Lines  []pageLine
}

type pageLine struct {
	*result.Result
	Slug string
}

type pageRemark struct {
	Who, Requirement, Text string
	Count                  int
}

var slugs = map[result.Outcome]string{
	result.Passed: "passed", result.Failed: "failed", result.KnownFailure: "known", result.NotApplicable: "na",
	result.Inconclusive: "inconclusive", result.AdapterBroken: "adapter", result.LabFailed: "lab",
}

const unexpectedSlug = "unexpected"

func (p *page) fill() {
	p.sections()
	p.reasons()
	p.filters()
	p.matrix()
	p.grids()
	p.lists()
	p.remarks()
	switch n := len(p.Unexpected); {
	case p.Exit == result.CouldNotRun:
		p.Verdict = "Could not run all of it"
	case p.Exit == result.AsExpected:
		p.Verdict = "As expected"
	case n == 1:
		p.Verdict = "1 unexpected result"
	default:
		p.Verdict = fmt.Sprintf("%d unexpected results", n)
	}
}

// sections puts everything that did not pass where it belongs: what makes the
// run red first.
func (p *page) sections() {
	p.Sections = []*pageSection{
		{Slug: unexpectedSlug, Title: "Unexpected", Lead: "Nobody announced these: they make the run red."},
		{Slug: "failed", Title: "Failed, but not required", Lead: "A SHOULD that does not hold is a warning; --strict makes it an error."},
		{Slug: "known", Title: "Known failures", Lead: "The manifest of the implementation announces these, each with its reason."},
		{Slug: "inconclusive", Title: "Inconclusive", Lead: "The subject could not be judged: a precondition did not come about, or a companion failed."},
		{Slug: "adapter", Title: "Adapter broken", Lead: "The testee did not keep to the testee protocol: nothing was found out about the peer."},
		{Slug: "lab", Title: "Lab failed", Lead: "The harness itself failed."},
	}
	seeds := p.Seeds()
	ids := map[string]int{}
	for _, c := range p.Cells {
		for _, x := range c.All() {
			section := p.section(x)
			if section == nil {
				continue
			}
			f := &pageFailure{
				Result: x, Column: c.Column(), Seed: c.Seed, SeedMatters: seeds[c.Column()] > 1,
				ID: failureID(c, x), Slugs: slugs[x.Outcome], Word: x.Outcome.String(), Lane: lanesOf(x.Sequence), LastLog: lastLines(x.Stderr),
			}
			if x.Unexpected {
				f.Slugs += " " + unexpectedSlug
			}
			f.Datagrams = explain(x, p.Requirement(x.About()).Text)
			if ids[f.ID]++; ids[f.ID] > 1 { // a report that was put together by hand
				f.ID = fmt.Sprintf("%s-%d", f.ID, ids[f.ID])
			}
			section.add(f, p.Requirement(x.About()))
		}
	}
	p.Sections = slices.DeleteFunc(p.Sections, func(s *pageSection) bool { return s.Count == 0 })
	for _, s := range p.Sections {
		for _, g := range s.Groups {
			g.ID = g.Requirement.ID + "/" + g.Column
			if ids[g.ID]++; ids[g.ID] > 1 {
				g.ID += "/" + s.Slug
			}
		}
	}
}

// section is where a result stands; nil for what passed or did not apply.
func (p *page) section(x *result.Result) *pageSection {
	slug := slugs[x.Outcome]
	if x.Unexpected {
		slug = unexpectedSlug
	}
	for _, s := range p.Sections {
		if s.Slug == slug {
			return s
		}
	}
	return nil
}

func (s *pageSection) add(f *pageFailure, q spec.Requirement) {
	s.Count++
	for _, g := range s.Groups {
		if g.Requirement.ID == q.ID && g.Column == f.Column {
			g.Failures = append(g.Failures, f)
			return
		}
	}
	s.Groups = append(s.Groups, &pageGroup{Column: f.Column, Requirement: q, Failures: []*pageFailure{f}})
}

// Reasons are those of the known failures of a group.
func (g *pageGroup) Reasons() (all []string) {
	for _, f := range g.Failures {
		if f.Known != nil && !slices.Contains(all, f.Known.Reason) {
			all = append(all, f.Known.Reason)
		}
	}
	return all
}

// failureID names a failure for a link that still holds in the next run.
func failureID(c *result.Cell, x *result.Result) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", c.Column(), c.Seed, x.Key))
	return "failure-" + x.About() + "-" + hex.EncodeToString(sum[:3])
}

// reasons are the lines of Unexpected, each with a link to its failure.
func (p *page) reasons() {
	for _, line := range p.Broken {
		p.Reasons = append(p.Reasons, pageReason{Text: line})
	}
	first := map[string]*result.Result{} // of those that a line stands for
	for _, c := range p.Cells {
		for _, g := range c.Unexpected() {
			first[c.Reason(g)] = g[0]
		}
	}
	for _, line := range p.Unexpected {
		r := pageReason{Text: line}
		for _, s := range p.Sections {
			for _, g := range s.Groups {
				for _, f := range g.Failures {
					if r.Href == "" && f.Result == first[line] {
						r.Href = "#" + f.ID
					}
				}
			}
		}
		p.Reasons = append(p.Reasons, r)
	}
}

func (p *page) filters() {
	total, unexpected := 0, 0
	for _, c := range p.Cells {
		total += len(c.All())
		for _, x := range c.All() {
			if x.Unexpected {
				unexpected++
			}
		}
	}
	p.Filters = []pageFilter{{"", "all", total}, {unexpectedSlug, unexpectedSlug, unexpected}}
	for _, o := range result.Severity {
		n := 0
		for _, c := range p.Cells {
			for _, x := range c.All() {
				if x.Outcome == o {
					n++
				}
			}
		}
		if n > 0 {
			p.Filters = append(p.Filters, pageFilter{slugs[o], o.String(), n})
		}
	}
}

// matrix makes the rows, by chapter; a cell leads to its failures.
func (p *page) matrix() {
	columns, marks := p.Matrix()
	for _, c := range columns {
		pair, lab, _ := strings.Cut(c, "@")
		subject, companion, _ := strings.Cut(pair, "+")
		p.Columns = append(p.Columns, pageColumn{subject, companion, lab})
	}
	targets := map[[2]string]string{}
	target := func(requirement, column, id string) {
		if key := [2]string{requirement, column}; targets[key] == "" {
			targets[key] = "#" + id
		}
	}
	for _, s := range p.Sections {
		for _, g := range s.Groups {
			target(g.Requirement.ID, g.Column, g.ID)
		}
	}
	for _, s := range p.Sections { // of a scenario that broke something else
		for _, g := range s.Groups {
			for _, f := range g.Failures {
				target(f.Requirement, f.Column, f.ID)
			}
		}
	}
	rows := p.Rows(marks)
	var strangers []spec.Requirement
	for id := range marks { // order-free: sorted
		if p.Requirement(id).Text == "" && !slices.ContainsFunc(rows, func(q spec.Requirement) bool { return q.ID == id }) {
			strangers = append(strangers, spec.Requirement{ID: id})
		}
	}
	slices.SortFunc(strangers, func(a, b spec.Requirement) int { return strings.Compare(a.ID, b.ID) })
	for _, q := range append(rows, strangers...) {
		row := pageRow{Requirement: q}
		had := map[string]bool{}
		for _, c := range columns {
			m := marks[q.ID][c]
			o := m.Shown()
			cell := pageCell{Class: slugs[o], Text: mark(m)}
			if m != nil {
				for o, n := range m.Counts {
					if n > 0 {
						had[slugs[result.Outcome(o)]] = true
					}
				}
				if m.Red {
					cell.Class, had[unexpectedSlug] = "red", true
				}
			}
			if o != result.Passed && o != result.NotApplicable {
				cell.Href = targets[[2]string{q.ID, c}]
			}
			row.Cells = append(row.Cells, cell)
		}
		for _, f := range p.Filters {
			if had[f.Slug] {
				row.Outcomes += f.Slug + " "
			}
		}
		row.Outcomes = strings.TrimSpace(row.Outcomes)
		title := chapterTitle(q.Chapter)
		if n := len(p.Chapters); n == 0 || p.Chapters[n-1].Title != title {
			p.Chapters = append(p.Chapters, &pageChapter{Title: title})
		}
		last := p.Chapters[len(p.Chapters)-1]
		last.Rows = append(last.Rows, row)
	}
}

// chapterTitle makes "Chapter 9: sync" of 09-sync.md.
func chapterTitle(file string) string {
	number, name, ok := strings.Cut(strings.TrimSuffix(file, ".md"), "-")
	if !ok {
		return "Other requirements"
	}
	return fmt.Sprintf("Chapter %s: %s", strings.TrimPrefix(number, "0"), strings.ReplaceAll(name, "-", " "))
}

func (p *page) lists() {
	for _, c := range p.Cells {
		l := pageList{Column: c.Column(), Seed: c.Seed}
		for _, x := range c.All() {
			if x.Outcome == result.Passed || x.Outcome == result.NotApplicable {
				l.Lines = append(l.Lines, pageLine{x, slugs[x.Outcome]})
			}
			if x.Outcome == result.Passed {
				l.Passed++
			}
		}
		if len(l.Lines) > 0 {
			p.Lists = append(p.Lists, l)
		}
	}
}

func (p *page) remarks() {
	for _, c := range p.Cells {
		for _, x := range c.All() {
			for _, f := range x.Findings {
				m := pageRemark{Who: f.Implementation, Requirement: f.Requirement, Text: oneLine(f.Text)}
				i := slices.IndexFunc(p.Remarks, func(o pageRemark) bool {
					return o.Who == m.Who && o.Requirement == m.Requirement && o.Text == m.Text
				})
				if i < 0 {
					i = len(p.Remarks)
					p.Remarks = append(p.Remarks, m)
				}
				p.Remarks[i].Count++
			}
		}
	}
}

// Began is when the run started.
func (p *page) Began() string { return p.Started.UTC().Format("2006-01-02 15:04:05 UTC") }

// Took is how long it ran.
func (p *page) Took() string {
	if p.Seconds < 60 {
		return fmt.Sprintf("%.1f s", p.Seconds)
	}
	return time.Duration(p.Seconds * float64(time.Second)).Round(time.Second).String()
}

// Legend explains the words of the matrix.
func (p *page) Legend() string { return legend }

// lastLines is the end of a log, as long as the terminal shows it.
func lastLines(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-logShown):], "\n")
}

// overriding are the characters that make the text around them read in another
// order than it stands there.
var overriding = regexp.MustCompile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")

// visible shows what a peer wrote as it is: no controls, no turning around.
func visible(s string) string {
	return overriding.ReplaceAllStringFunc(printable(s), func(c string) string { return fmt.Sprintf("\\u%04x", []rune(c)[0]) })
}

// fileLink is a link to a file beside the report; empty for one that is
// outside of its folder.
func fileLink(name string) string {
	if name == "" || !filepath.IsLocal(name) {
		return ""
	}
	return (&url.URL{Path: "./" + filepath.ToSlash(name)}).String()
}

func isWeb(link string) bool {
	return strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://")
}
