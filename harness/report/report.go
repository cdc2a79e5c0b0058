// Package report is what a run leaves: report.html, report.json, junit.xml,
// summary.md, badge.svg, and the text on a terminal. The folder also holds, for every scenario, the
// packets (a .pcapng) and what the testees logged.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"punchlist/harness/verdict"
	"punchlist/spec"
)

// Schema is the version of report.json. It is raised when a field changes its
// meaning or goes away, not when one is added.
const Schema = 1

// Exit codes of a run.
const (
	AsExpected  = 0
	Unexpected  = 1 // a result that nobody announced
	CouldNotRun = 2 // nothing was found out, or not all that was asked for
)

// A Report is one run.
type Report struct {
	Schema       int                `json:"schema"`
	Started      time.Time          `json:"started"`
	Seconds      float64            `json:"seconds"`
	Exit         int                `json:"exit"` // exit code of the run
	Strict       bool               `json:"strict,omitempty"`
	Shard        *Shard             `json:"shard,omitempty"`       // the part of the run that this is; absent: all of it
	Interrupted  bool               `json:"interrupted,omitempty"` // it was told to end before it had
	Left         []string           `json:"leftBehind,omitempty"`  // what labs could not remove
	Tally        verdict.Tally      `json:"tally"`
	Cells        []*Cell            `json:"cells"`
	Requirements []spec.Requirement `json:"requirements"`       // those that the scenarios of this run judge, in the registry's order
	Unexpected   []string           `json:"unexpected"`         // why exit is 1, one line each
	Broken       []string           `json:"couldNotRun"`        // why exit is 2
	Warnings     []string           `json:"warnings,omitempty"` // a failed SHOULD, an overdue review

	Folder string `json:"-"` // where it is written; Print names files in it
}

// A Shard is one of the parts into which a run is divided: the first is 1.
type Shard struct {
	Index int `json:"index"`
	Of    int `json:"of"`
}

// String is as the command line takes it: "2/5".
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// A Cell is one implementation in one role in one lab.
type Cell struct {
	Subject          string        `json:"subject"`
	SubjectVersion   string        `json:"subjectVersion,omitempty"`
	Companion        string        `json:"companion"`
	CompanionVersion string        `json:"companionVersion,omitempty"`
	Lab              string        `json:"lab"`
	Seed             int64         `json:"seed"`
	Tags             string        `json:"tags,omitempty"`         // that its scenarios match, beside what the run picks
	NotAvailable     string        `json:"notAvailable,omitempty"` // why nothing ran
	Tally            verdict.Tally `json:"tally"`
	Classes          []Class       `json:"classes,omitempty"`
	Claims           []string      `json:"claims,omitempty"`   // classes, by the subject's hello
	Whole            bool          `json:"whole,omitempty"`    // the run picks every scenario, but for this cell's tags
	Partial          []string      `json:"partial,omitempty"`  // requirements of which these tags leave out a scenario
	Listed           []Known       `json:"listed,omitempty"`   // failures that the subject's manifest lists for this cell
	Results          []*Result     `json:"results"`            // of the scenarios
	Monitors         []*Result     `json:"monitors,omitempty"` // of what was true of all packets in them; not in Tally
	Stale            []string      `json:"stale,omitempty"`    // known failures that did not happen
}

// Class counts the scenarios of one conformance class that the subject claims.
type Class struct {
	Class    string `json:"class"`
	Planned  int    `json:"planned"`
	Executed int    `json:"executed"` // judged: passed, failed or known
}

// Column is the cell's name without the seed: "socket-0.6+reference@netns".
func (c *Cell) Column() string { return Name(c.Subject, c.Companion, c.Lab) }

// Name writes a cell as the command line takes it.
func Name(subject, companion, lab string) string {
	return subject + "+" + companion + "@" + lab
}

// All are the results of the cell's scenarios, and of its monitors.
func (c *Cell) All() []*Result { return slices.Concat(c.Results, c.Monitors) }

// A Result is how one scenario ended in one cell, or what one monitor found in all
// of them: then Key is monitor#rule, and what else there is, is of the first
// scenario in which it found something.
type Result struct {
	Key         string            `json:"key"`   // uri#rule/scenario/row-values
	Place       int               `json:"place"` // among the cell's scenarios in the order of the features, those of other shards too
	Feature     string            `json:"feature"`
	Rule        string            `json:"rule"`
	Scenario    string            `json:"scenario"`
	Requirement string            `json:"requirement"`     // that it judges
	Broke       string            `json:"broke,omitempty"` // that was broken, when it failed
	Outcome     verdict.Outcome   `json:"outcome"`
	Unexpected  bool              `json:"unexpected"` // makes the run red
	Step        string            `json:"step,omitempty"`
	Text        string            `json:"text,omitempty"` // what was seen instead, or why it was not judged
	Signature   string            `json:"signature,omitempty"`
	Known       *Known            `json:"known,omitempty"`
	Findings    []verdict.Finding `json:"findings,omitempty"` // about peers that were not the subject
	Evidence    []Datagram        `json:"evidence,omitempty"`
	Steps       []string          `json:"steps,omitempty"`    // of the scenario, up to the one that failed
	Timeline    []string          `json:"timeline,omitempty"` // the last packets before the end, one line each
	Sequence    []Packet          `json:"sequence,omitempty"` // the same packets, for a diagram
	Stderr      string            `json:"stderr,omitempty"`   // end of a testee's log, where it died
	Capture     string            `json:"capture,omitempty"`  // file, relative to the report
	CaptureHash string            `json:"captureSha256,omitempty"`
	Log         string            `json:"log,omitempty"` // file, relative to the report
	Repeat      string            `json:"repeat,omitempty"`
	Path        string            `json:"path,omitempty"`    // by which the subject was found to be connected, where that is left open
	Meeting     *Meeting          `json:"meeting,omitempty"` // what that took
	Packets     int               `json:"packets"`
	Looked      int               `json:"looked,omitempty"` // datagrams that a monitor looked at
	Wrong       int               `json:"wrong,omitempty"`  // ... that broke its rule
	Seconds     float64           `json:"seconds"`          // of this machine
	LabSeconds  float64           `json:"labSeconds"`       // of the lab's clock
}

// A Meeting is what it took two peers to be connected, from when the second one
// was told to join.
type Meeting struct {
	Seconds float64 `json:"seconds"` // of the lab's clock
	Packets int     `json:"packets"` // datagrams that the two sent, openers too
}

// Known is an entry of a manifest by which a failure is expected.
type Known struct {
	Requirement  string `json:"requirement"`
	Signature    string `json:"signature"`
	Companion    bool   `json:"companion,omitempty"` // it is of the companion's manifest
	Reason       string `json:"reason"`
	Link         string `json:"link,omitempty"`
	Review       string `json:"review,omitempty"`
	Intermittent bool   `json:"intermittent,omitempty"`
}

// A Datagram is one that shows what went wrong.
type Datagram struct {
	Frame  int      `json:"frame"`           // its number in the capture, from 1
	At     string   `json:"at"`              // since the scenario's first moment
	Path   string   `json:"path"`            // "alice 10.0.0.2:4001 → 198.51.100.7:9000"
	Fields []string `json:"fields"`          // decoded, one field a line
	Bytes  string   `json:"bytes,omitempty"` // all of it, in hex; empty where it is no UDP datagram
}

// A Packet is one datagram on its way through the lab.
type Packet struct {
	Frame    int      `json:"frame"`             // its first, numbered as in the capture, from 1
	At       string   `json:"at"`                // since the scenario's first moment
	From     string   `json:"from"`              // the host that sent it
	To       string   `json:"to"`                // the node that it got to; where a link lost it, the one that it was to get to
	Path     string   `json:"path"`              // "10.0.0.2:4001 → 198.51.100.7:9000", as it left
	What     string   `json:"what"`              // type, start of the id, keys
	Via      []string `json:"via"`               // links
	Dropped  string   `json:"dropped,omitempty"` // where and why: "nat-a: filtered: …"
	Evidence bool     `json:"evidence,omitempty"`
}

// Unexpected groups the unexpected results of a cell: a failure of the peer
// stands alone; what kept scenarios from being judged, for one and the same
// reason, is one group.
func (c *Cell) Unexpected() [][]*Result {
	var groups [][]*Result
	index := map[string]int{}
	for _, x := range c.All() {
		if !x.Unexpected {
			continue
		}
		reason := x.Outcome.String() + x.Text
		i, ok := index[reason]
		if !ok || x.Outcome == verdict.Failed {
			i = len(groups)
			index[reason] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// Mark is what a matrix shows for one requirement in one column.
type Mark struct {
	Counts [verdict.LabBroken + 1]int
	Red    bool
}

// Matrix counts outcomes by requirement and column. A failure counts for the
// requirement that was broken, and its own scenario's requirement then counts
// as inconclusive.
func (r *Report) Matrix() (columns []string, marks map[string]map[string]*Mark) {
	marks = map[string]map[string]*Mark{}
	count := func(requirement, column string, o verdict.Outcome, red bool) {
		row := marks[requirement]
		if row == nil {
			row = map[string]*Mark{}
			marks[requirement] = row
		}
		if row[column] == nil {
			row[column] = &Mark{}
		}
		row[column].Counts[o]++
		row[column].Red = row[column].Red || red
	}
	seen := map[string]bool{}
	for _, c := range r.Cells {
		column := c.Column()
		if !seen[column] {
			seen[column] = true
			columns = append(columns, column)
		}
		for _, s := range c.All() {
			if s.Broke != "" && s.Broke != s.Requirement {
				count(s.Broke, column, s.Outcome, s.Unexpected)
				count(s.Requirement, column, verdict.Inconclusive, false)
				continue
			}
			count(s.Requirement, column, s.Outcome, s.Unexpected)
		}
	}
	return columns, marks
}

// severity orders outcomes for a mark that stands for several: the first that
// occurred is shown.
var severity = []verdict.Outcome{
	verdict.Failed, verdict.Broken, verdict.LabBroken, verdict.Known,
	verdict.Inconclusive, verdict.Passed, verdict.Inapplicable,
}

var words = map[verdict.Outcome]string{
	verdict.Failed: "FAIL", verdict.Broken: "adapter", verdict.LabBroken: "lab", verdict.Known: "known",
	verdict.Inconclusive: "?", verdict.Passed: "pass", verdict.Inapplicable: "n/a",
}

// Shown is the outcome that a mark is shown as.
func (m *Mark) Shown() verdict.Outcome {
	if m != nil {
		for _, o := range severity {
			if m.Counts[o] > 0 {
				return o
			}
		}
	}
	return verdict.None
}

// String is the mark's word and how many scenarios it stands for: "pass 3",
// "FAIL 1/3".
func (m *Mark) String() string {
	o := m.Shown()
	if o == verdict.None {
		return ""
	}
	total := 0
	for _, n := range m.Counts {
		total += n
	}
	if n := m.Counts[o]; n != total {
		return fmt.Sprintf("%s %d/%d", words[o], n, total)
	}
	return fmt.Sprintf("%s %d", words[o], total)
}

// Write writes report.html, report.json, junit.xml, summary.md and badge.svg into
// a folder that exists. The first error is returned: a report that can't be written is a
// run that failed.
func (r *Report) Write(dir string) error {
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	xml, err := r.JUnit()
	if err != nil {
		return err
	}
	page, err := r.HTML()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"report.html", page},
		{"report.json", append(js, '\n')},
		{"junit.xml", xml},
		{"summary.md", []byte(r.Markdown())},
		{"badge.svg", []byte(r.Badge())},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return fmt.Errorf("the report can't be written: %w", err)
		}
	}
	return nil
}

// Read reads a report.json.
func Read(file string) (*Report, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.Schema == 0 {
		return nil, fmt.Errorf("%s has no report in it: the run that was to write it did not end", file)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %d; this program reads %d", file, r.Schema, Schema)
	}
	return &r, nil
}

// requirement finds one by its id; an unknown id gives its name alone.
func (r *Report) requirement(id string) spec.Requirement {
	for _, q := range r.Requirements {
		if q.ID == id {
			return q
		}
	}
	return spec.Requirement{ID: id}
}

// rows are the requirements that the matrix has a row for, in order.
func (r *Report) rows(marks map[string]map[string]*Mark) []spec.Requirement {
	var rows []spec.Requirement
	for _, q := range r.Requirements {
		if marks[q.ID] != nil {
			rows = append(rows, q)
		}
	}
	return rows
}

// About is the requirement that a result speaks of: the broken one, else the
// one that its scenario judges.
func (s *Result) About() string {
	if s.Broke != "" {
		return s.Broke
	}
	return s.Requirement
}

// Extent is how much of what a monitor looked at broke its rule; empty of what is
// no monitor's, or broke nothing.
func (s *Result) Extent() string {
	if s.Wrong == 0 {
		return ""
	}
	return fmt.Sprintf("%d of the %d datagrams that it is about, in all scenarios", s.Wrong, s.Looked)
}

// oneLine makes a text fit a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// seeds counts the cells of each column: it has one for every seed.
func (r *Report) seeds() map[string]int {
	count := map[string]int{}
	for _, c := range r.Cells {
		count[c.Column()]++
	}
	return count
}

// Files lists the captures and logs that the report names, relative to it.
func (r *Report) Files() []string {
	var files []string
	for _, c := range r.Cells {
		for _, s := range c.Results {
			for _, name := range []string{s.Capture, s.Log} {
				if name != "" && filepath.IsLocal(name) {
					files = append(files, name)
				}
			}
		}
	}
	return files
}
