package result

import (
	"cmp"
	"slices"

	"punchlist/spec"
)

// A KnownGroup stands for all scenarios that failed in one known way.
type KnownGroup struct {
	Column string
	Known
	Count int
	First *Result
}

// KnownFailures lists them by cell, and in the registry's order.
func (r *Run) KnownFailures() []KnownGroup {
	var all []KnownGroup
	type key struct {
		column string
		known  Known
	}
	index := map[key]int{}
	for _, c := range r.Cells {
		for _, s := range c.All() {
			if s.Known == nil {
				continue
			}
			k := key{c.Column(), *s.Known}
			i, ok := index[k]
			if !ok {
				i = len(all)
				index[k] = i
				all = append(all, KnownGroup{Column: k.column, Known: k.known, First: s})
			}
			all[i].Count++
		}
	}
	place := func(id string) int {
		return slices.IndexFunc(r.Requirements, func(q spec.Requirement) bool { return q.ID == id })
	}
	column := map[string]int{}
	for _, k := range all {
		if _, ok := column[k.Column]; !ok {
			column[k.Column] = len(column)
		}
	}
	slices.SortStableFunc(all, func(a, b KnownGroup) int {
		return cmp.Or(cmp.Compare(column[a.Column], column[b.Column]), cmp.Compare(place(a.Requirement), place(b.Requirement)))
	})
	return all
}
