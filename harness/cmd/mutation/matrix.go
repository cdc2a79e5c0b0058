package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"punchlist/spec"
)

// A matrix holds the trials of all saboteurs.
type matrix struct {
	results  []trial
	registry *spec.Registry
	all      bool // no saboteur was left out
}

// owed lists the requirements that a saboteur has to break: MUSTs that a packet or an event can
// show.
func (m matrix) owed() (ids []string) {
	for _, q := range m.registry.All() {
		if q.Level == spec.Must && len(q.VerifiedBy) > 0 && !strings.HasPrefix(q.VerifiedBy[0], "inspection") {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

func (m matrix) count() (saboteurs, killed_ int, broken map[string]bool) {
	broken = map[string]bool{}
	for _, r := range m.results {
		if r.Name == "" {
			continue
		}
		saboteurs++
		broken[r.Breaks] = true
		if r.fate() == killed {
			killed_++
		}
	}
	return saboteurs, killed_, broken
}

// missing lists the requirements that no saboteur breaks.
func (m matrix) missing() (ids []string) {
	_, _, broken := m.count()
	for _, id := range m.owed() {
		if !broken[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// figure gives the sentence for the README.
func (m matrix) figure() string {
	saboteurs, dead, _ := m.count()
	owed := m.owed()
	return fmt.Sprintf("%d of %d saboteurs killed in the name of the requirement that they break, which are %d of the %d MUSTs that a packet or an event can show",
		dead, saboteurs, len(owed)-len(m.missing()), len(owed))
}

// good reports whether every saboteur was killed, and the reference passed.
func (m matrix) good() bool {
	return !slices.ContainsFunc(m.results, func(r trial) bool { return r.fate() != killed && r.fate() != passed })
}

// caught lists the requirements in whose name scenarios failed, with the number of scenarios.
func (r trial) caught() string {
	var of []string
	for _, id := range slices.Sorted(maps.Keys(r.Caught)) {
		of = append(of, fmt.Sprintf("%s %d", id, r.Caught[id]))
	}
	return strings.Join(of, ", ")
}

// print writes each saboteur that was not killed, and the requirements that no saboteur breaks.
func (m matrix) print(w io.Writer) {
	for _, r := range m.results {
		if fate := r.fate(); fate == killed || fate == passed {
			continue
		}
		fmt.Fprintln(w, r.line())
		if r.Name != "" {
			fmt.Fprintf(w, "    %s\n", r.Does)
		}
		for _, line := range []string{r.caught(), r.Other} {
			if line != "" {
				fmt.Fprintf(w, "    %s\n", line)
			}
		}
	}
	if m.all {
		if none := m.missing(); len(none) > 0 {
			fmt.Fprintf(w, "no saboteur breaks %s\n", strings.Join(none, ", "))
		}
	}
}

// markdown gives the kill matrix: saboteur by requirement.
func (m matrix) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Kill matrix\n\n%s.\n\n", m.figure())
	fmt.Fprint(&b, "| breaks | saboteur | behaviour | deviated | fate | scenarios that failed, by requirement |\n|---|---|---|---|---|---|\n")
	for _, r := range m.results {
		if r.Name == "" {
			fmt.Fprintf(&b, "| | %s | conforms | | %s | |\n", unpatched, r.fate())
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s |\n", r.Breaks, r.Name, strings.ReplaceAll(r.Does, "|", `\|`), r.Deviated, r.fate(), r.caught())
	}
	if m.all {
		if none := m.missing(); len(none) > 0 {
			fmt.Fprintf(&b, "\nNo saboteur breaks %s.\n", strings.Join(none, ", "))
		}
	}
	return b.String()
}

// failures lists each scenario that failed: saboteur, requirement, key of the scenario, id of the
// step or monitor, and detail. A manifest names known failures by these, so no wording changes
// them.
func (m matrix) failures() string {
	var b strings.Builder
	for _, r := range m.results {
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "%s: %s\n", cmp.Or(r.Name, unpatched), f)
		}
	}
	return b.String()
}
