package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Evidence is one thing that judges a requirement: a scenario, or a set of
// vectors.
type Evidence struct {
	Requirement string
	Where       string // for messages: the scenario's key, the vectors' file
	Virtual     bool   // needs virtual time: it can't run in a real lab
}

// A Coverage says how the registry is judged.
type Coverage struct {
	Problems    []string      // what is wrong, one line each; none: the registry holds
	Unjudged    []Requirement // SHOULD and MAY without evidence: allowed, listed
	Inspections []Requirement // judged by inspection alone
	VirtualOnly []Requirement // MUSTs that are judged only in virtual time
	Scenarios   map[string]int
}

// Check holds the registry against what judges it. It finds a MUST without
// evidence that is not verified by inspection, evidence for a requirement
// that does not exist, and inspections beyond one requirement in ten.
func (r *Registry) Check(evidence []Evidence) Coverage {
	c := Coverage{Scenarios: map[string]int{}}
	real := map[string]bool{}
	for _, e := range evidence {
		if _, ok := r.Lookup(e.Requirement); !ok {
			c.Problems = append(c.Problems, fmt.Sprintf("%s is tagged %s, which the registry does not have%s",
				e.Where, e.Requirement, r.nearest(e.Requirement)))
			continue
		}
		c.Scenarios[e.Requirement]++
		real[e.Requirement] = real[e.Requirement] || !e.Virtual
	}
	for _, q := range r.all {
		_, inspected := q.Inspection()
		if inspected {
			c.Inspections = append(c.Inspections, q)
		}
		switch {
		case c.Scenarios[q.ID] == 0 && q.Level == Must && !inspected:
			c.Problems = append(c.Problems, fmt.Sprintf("%s is a MUST that no scenario and no vector judges: %s", q.ID, q.Text))
		case c.Scenarios[q.ID] == 0 && !inspected:
			c.Unjudged = append(c.Unjudged, q)
		case c.Scenarios[q.ID] > 0 && !real[q.ID] && q.Level == Must:
			c.VirtualOnly = append(c.VirtualOnly, q)
		}
	}
	if 10*len(c.Inspections) > len(r.all) {
		c.Problems = append(c.Problems, fmt.Sprintf("%d of %d requirements are verified by inspection alone; at most one in ten may be",
			len(c.Inspections), len(r.all)))
	}
	return c
}

// nearest names the last requirement of the same area, where there is one.
func (r *Registry) nearest(id string) string {
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
