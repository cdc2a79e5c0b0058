// Package result is what a run found out, as data: outcomes and their sum, the
// results of scenarios and monitors by cell, known failures, how the parts of a run are
// put together, how two runs compare, and what follows for the exit code. It
// renders nothing: package report does.
package result

import (
	"fmt"
	"slices"
	"time"

	"punchlist/harness/verdict"
	"punchlist/spec"
)

// Schema is the version of report.json. It is raised when a field changes its
// meaning or goes away, not when one is added.
const Schema = 2

// Exit codes of a run.
const (
	AsExpected  = 0
	Unexpected  = 1 // a result that nobody announced
	CouldNotRun = 2 // nothing was found out, or not all that was asked for
)

// A Run is what a run found out.
type Run struct {
	Schema       int                `json:"schema"`
	ID           string             `json:"run"` // of the run, drawn at random; of what was merged, made from the ids of the parts
	Started      time.Time          `json:"started"`
	Ended        time.Time          `json:"ended"`
	Tool         spec.Build         `json:"tool"`              // the program that ran it
	Testees      []Testee           `json:"testees,omitempty"` // the implementations, as each was found in each lab
	Seconds      float64            `json:"seconds"`
	Exit         int                `json:"exit"` // exit code of the run
	Strict       bool               `json:"strict,omitempty"`
	Shard        *Shard             `json:"shard,omitempty"`       // the part of the run that this is; absent: all of it
	Interrupted  bool               `json:"interrupted,omitempty"` // it was told to end before it had
	Left         []string           `json:"leftBehind,omitempty"`  // what labs could not remove
	Tally        Tally              `json:"tally"`
	Cells        []*Cell            `json:"cells"`
	Requirements []spec.Requirement `json:"requirements"`       // those that the scenarios of this run judge, in the registry's order
	Unexpected   []string           `json:"unexpected"`         // why exit is 1, one line each
	Broken       []string           `json:"couldNotRun"`        // why exit is 2
	Warnings     []string           `json:"warnings,omitempty"` // a failed SHOULD, an overdue review

	Profiles []string `json:"profiles,omitempty"` // names of NAT profiles, in the order in which grids show them

	Folder string `json:"-"` // where it is written; Print names files in it
}

// A Testee is an implementation as preflight found it in a lab.
type Testee struct {
	Implementation string `json:"implementation"` // the name of its manifest
	Lab            string `json:"lab"`
	Name           string `json:"name,omitempty"`         // by its hello; empty where that was not answered
	Version        string `json:"version,omitempty"`      // by its hello
	Binary         string `json:"binarySha256,omitempty"` // of the program and the files of its adapter; empty for an image
	Image          string `json:"imageId,omitempty"`      // as the engine names its content
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
	Subject          string    `json:"subject"`
	SubjectVersion   string    `json:"subjectVersion,omitempty"`
	Companion        string    `json:"companion"`
	CompanionVersion string    `json:"companionVersion,omitempty"`
	Lab              string    `json:"lab"`
	Seed             int64     `json:"seed"`
	Tags             string    `json:"tags,omitempty"`         // that its scenarios match, beside what the run picks
	NotAvailable     string    `json:"notAvailable,omitempty"` // why nothing ran
	Tally            Tally     `json:"tally"`
	Classes          []Class   `json:"classes,omitempty"`
	Claims           []string  `json:"claims,omitempty"`   // classes, by the subject's hello
	Whole            bool      `json:"whole,omitempty"`    // the run picks every scenario, but for this cell's tags
	Partial          []string  `json:"partial,omitempty"`  // requirements of which these tags leave out a scenario
	Listed           []Known   `json:"listed,omitempty"`   // failures that the subject's manifest lists for this cell
	Results          []*Result `json:"results"`            // of the scenarios
	Monitors         []*Result `json:"monitors,omitempty"` // of what was true of all packets in them; not in Tally
	Stale            []string  `json:"stale,omitempty"`    // known failures that did not happen
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
// of them: then Key is the id of the monitor, and what else there is, is of the first
// scenario in which it found something.
type Result struct {
	Key         string            `json:"key"`   // of the scenario: type Key
	Place       int               `json:"place"` // among the cell's scenarios in the order of the features, those of other shards too
	Feature     string            `json:"feature"`
	Rule        string            `json:"rule"`
	Scenario    string            `json:"scenario"`
	Requirement string            `json:"requirement"`     // that it judges
	Broke       string            `json:"broke,omitempty"` // that was broken, when it failed
	Outcome     Outcome           `json:"outcome"`
	Unexpected  bool              `json:"unexpected"` // makes the run red
	Step        string            `json:"step,omitempty"`
	Text        string            `json:"text,omitempty"`   // what was seen instead, or why it was not judged
	ID          string            `json:"id,omitempty"`     // of the step or the monitor that found it, or "died"
	Detail      string            `json:"detail,omitempty"` // tells it from other failures of that step
	Known       *Known            `json:"known,omitempty"`
	Findings    []verdict.Finding `json:"findings,omitempty"` // about peers that were not the subject
	Evidence    []Datagram        `json:"evidence,omitempty"`
	Steps       []string          `json:"steps,omitempty"`         // of the scenario, up to the one that failed
	Sequence    []Packet          `json:"sequence,omitempty"`      // the last packets before the end
	Stderr      string            `json:"stderr,omitempty"`        // end of a testee's log, where it died
	Capture     string            `json:"capture,omitempty"`       // file, relative to the report
	CaptureHash string            `json:"captureSha256,omitempty"` // of the capture without the name of what wrote it: the same packets, the same hash
	Log         string            `json:"log,omitempty"`           // file, relative to the report
	Repeat      string            `json:"repeat,omitempty"`
	Path        Path              `json:"path,omitzero"`     // by which the subject was found to be connected, where that is left open
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

// A Datagram is one that shows what went wrong.
type Datagram struct {
	Frame int    `json:"frame"`           // its number in the capture, from 1
	At    string `json:"at"`              // since the scenario's first moment
	Path  string `json:"path"`            // "10.0.0.2:4001 → 198.51.100.7:9000, on the link of alice"
	Bytes string `json:"bytes,omitempty"` // all of it, in hex; empty where it is no UDP datagram
	Fault string `json:"fault,omitempty"` // why it is no UDP datagram
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
		if !ok || x.Outcome == Failed {
			i = len(groups)
			index[reason] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// About is the requirement that a result speaks of: the broken one, else the
// one that its scenario judges.
func (s *Result) About() string {
	if s.Broke != "" {
		return s.Broke
	}
	return s.Requirement
}

// Seeds counts the cells of each column: it has one for every seed.
func (r *Run) Seeds() map[string]int {
	count := map[string]int{}
	for _, c := range r.Cells {
		count[c.Column()]++
	}
	return count
}
