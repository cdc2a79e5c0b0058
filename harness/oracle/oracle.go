// Package oracle judges everything that one peer does in a scenario, whatever the scenario is
// about: each datagram that it sends has to have a cause, each input owes what the standard says
// must follow, what is relayed equals what came, and what the application is told came in.
//
// The oracle sees what an observer beside the peer sees: the datagrams on its host's link, the
// commands that it was given, and what it said. It reasons with what is certain and what is
// possible; what the standard permits is never a finding.
package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Rule is one thing that every sound peer does, or never does.
type Rule struct {
	ID          string // stable: "oracle/pong/cause"
	Requirement string // that a peer breaks which breaks the rule
	Says        string // one sentence about a sound peer
}

// Seen is what one rule saw in one scenario.
type Seen struct {
	Rule   Rule
	Looked int    // datagrams, commands and events that it was about
	Wrong  string // about the first that broke it, and what would have been allowed; empty: none did
	Frames []int  // that show it, by their Seq
	More   int    // further ones that broke it
}

// prefix is what the ids of all rules begin with.
const prefix = "oracle/"

// Rules are all rules, in the order of their ids.
func Rules() []Rule { return slices.Clone(rules) }

// Judge has every rule look at what the testees of a host did. React is how long after an input
// the subject may take to handle it: nothing where time is virtual.
func Judge(r *Recorder, host string, react time.Duration) []Seen {
	j := newJudge(host, react)
	for _, o := range r.observe(host, react) {
		j.observe(o)
	}
	j.end()
	all := make([]Seen, 0, len(rules))
	for _, rule := range rules {
		all = append(all, *j.seen[rule.ID])
	}
	return all
}

// looked counts something that a rule is about.
func (j *judge) looked(rule string) { j.of(rule).Looked++ }

// wrong notes that a rule was broken. Of a frame the Seq is its number; a negative one is none.
func (j *judge) wrong(rule string, frames []int, format string, args ...any) {
	s := j.of(rule)
	if s.Wrong != "" {
		s.More++
		return
	}
	s.Wrong = fmt.Sprintf(format, args...) + allowed(rule)
	for _, f := range frames {
		if f >= 0 {
			s.Frames = append(s.Frames, f)
		}
	}
}

func (j *judge) of(rule string) *Seen {
	s := j.seen[prefix+rule]
	if s == nil {
		panic("oracle: there is no rule " + rule)
	}
	return s
}

func init() {
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
}
