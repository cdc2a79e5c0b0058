package spec

import (
	"fmt"
	"slices"
	"strings"
)

// A Kind is what evidence consists of.
type Kind string

// The kinds of evidence.
const (
	Scenario Kind = "scenario"
	Vector   Kind = "vector"
)

// Evidence is one thing that judges a requirement.
type Evidence struct {
	Requirement string
	Kind        Kind
	Where       string // for messages: the scenario's key; the vectors' file and the vector's id
	Virtual     bool   // needs virtual time: it can't run in a real lab
}

// A Coverage says how the standard holds together, and how it is judged.
type Coverage struct {
	Problems    []string      // what is wrong and what to do, one line each; none: the standard holds
	Unjudged    []Requirement // MAYs without evidence: allowed, listed
	Inspections []Requirement // judged by inspection alone
	VirtualOnly []Requirement // MUSTs that are judged only in virtual time
	NoScenarios []Requirement // verified_by says wire or event, and only vectors judge it
	Judged      map[string]map[Kind]int
}

func (c *Coverage) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// Count sums up the evidence of one kind for some requirements.
func (c *Coverage) Count(kind Kind, all []Requirement) (n int) {
	for _, q := range all {
		n += c.Judged[q.ID][kind]
	}
	return n
}

// Check holds registry, chapters and lists against each other, and all of them
// against what judges them.
func (s *Standard) Check(evidence []Evidence) Coverage {
	c := s.judge(evidence)
	s.checkSentences(&c)
	s.checkReferences(&c)
	s.checkLinks(&c)
	s.checkBinding(&c)
	s.checkCauses(&c)
	s.checkTables(&c)
	return c
}

// judge holds the registry against what judges it.
func (r *Registry) judge(evidence []Evidence) Coverage {
	c := Coverage{Judged: map[string]map[Kind]int{}}
	real := map[string]bool{}
	for _, e := range evidence {
		if _, ok := r.Lookup(e.Requirement); !ok {
			c.problem("%s is tagged %s, which the registry does not have%s: correct the tag, or add the requirement",
				e.Where, e.Requirement, r.nearest(e.Requirement))
			continue
		}
		if c.Judged[e.Requirement] == nil {
			c.Judged[e.Requirement] = map[Kind]int{}
		}
		c.Judged[e.Requirement][e.Kind]++
		real[e.Requirement] = real[e.Requirement] || !e.Virtual
	}
	for _, q := range r.all {
		_, inspected := q.Inspection()
		if inspected {
			c.Inspections = append(c.Inspections, q)
		}
		judged := len(c.Judged[q.ID]) > 0
		switch {
		case !judged && !inspected && q.Level == May:
			c.Unjudged = append(c.Unjudged, q)
		case !judged && !inspected:
			c.problem("%s is a %s that no scenario and no vector judges: write one, or say inspection(reason) in verified_by",
				q.ID, q.Level)
		case judged && !real[q.ID] && q.Level == Must:
			c.VirtualOnly = append(c.VirtualOnly, q)
		}
		seen := slices.Contains(q.VerifiedBy, "wire") || slices.Contains(q.VerifiedBy, "event")
		if seen && judged && c.Judged[q.ID][Scenario] == 0 {
			c.NoScenarios = append(c.NoScenarios, q)
		}
		switch says, has := slices.Contains(q.VerifiedBy, "vector"), c.Judged[q.ID][Vector] > 0; {
		case says && !has:
			c.problem("%s is said to be verified by vectors, and none judges it: make one, or correct its verified_by", q.ID)
		case has && !says:
			c.problem("%s is judged by vectors, and its verified_by doesn't say so: add vector to it", q.ID)
		}
	}
	if 10*len(c.Inspections) > len(r.all) {
		c.problem("%d of %d requirements are verified by inspection alone, and at most one in ten may be: write scenarios or vectors",
			len(c.Inspections), len(r.all))
	}
	return c
}

// nearest says what there is instead of an id: why it is retired, or the last
// requirement of its area, where there is one.
func (r *Registry) nearest(id string) string {
	for _, old := range r.retired {
		if old.ID == id {
			return fmt.Sprintf(" (retired in %s: %s)", old.In, strings.TrimSpace(old.Reason))
		}
	}
	area, _, ok := strings.Cut(strings.TrimPrefix(id, "LAT-"), "-")
	if !ok {
		return ""
	}
	last := -1
	for i, q := range r.all {
		if strings.HasPrefix(q.ID, "LAT-"+area+"-") {
			last = i
		}
	}
	if last < 0 {
		areas := []string{}
		for _, q := range r.all {
			if a := strings.Split(q.ID, "-")[1]; !slices.Contains(areas, a) {
				areas = append(areas, a)
			}
		}
		return fmt.Sprintf(" (areas: %s)", strings.Join(areas, ", "))
	}
	return fmt.Sprintf(" (the last of its area is %s)", r.all[last].ID)
}
