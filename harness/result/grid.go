package result

import (
	"slices"
)

// A Grid is who met whom in one cell: row, the subject's NAT profile, by
// column, the companion's.
type Grid struct {
	Column   string // of the report: subject, companion and lab
	Seed     int64
	Profiles []string
	Met      [][]Met
}

// Met is what became of one pair.
type Met struct {
	Path    PathKind // NoPath: they were not connected
	Outcome Outcome
	Meeting
	Result *Result // of the scenario; nil: there was none
}

// Grids are those of a run, by cell: of all pairs of the profiles that a scenario
// was about which puts the subject behind the one and a companion behind the other,
// and has them meet. A cell without any has no grid.
func Grids(r *Run, profiles []string) []Grid {
	var grids []Grid
	for _, c := range r.Cells {
		g := Grid{Column: c.Column(), Seed: c.Seed, Profiles: profiles}
		for range profiles {
			g.Met = append(g.Met, make([]Met, len(profiles)))
		}
		any := false
		for _, x := range c.Results {
			subject, companion, ok := x.pair()
			i, j := slices.Index(profiles, subject), slices.Index(profiles, companion)
			if !ok || i < 0 || j < 0 {
				continue
			}
			any = true
			m := Met{Outcome: x.Outcome, Result: x}
			if x.Meeting != nil && x.Outcome == Passed {
				m.Path, m.Meeting = Punched, *x.Meeting
				if x.Path.Kind == Relayed {
					m.Path = Relayed
				}
			}
			g.Met[i][j] = m
		}
		if any {
			grids = append(grids, g)
		}
	}
	return grids
}

// pair is the NAT profiles of the two peers that a scenario has meet, where the
// meeting is what it judges: not that there is none. It is a row of an outline whose
// columns are subject and companion.
func (x *Result) pair() (subject, companion string, ok bool) {
	key, err := ParseKey(x.Key)
	if err != nil || len(key.Row) != 2 || x.Outcome == Passed && x.Meeting == nil {
		return "", "", false
	}
	subject, companion = key.Row[0].Value, key.Row[1].Value
	return subject, companion, key.Row[0].Name == "subject" && key.Row[1].Name == "companion"
}

// Complete reports whether all pairs met.
func (g Grid) Complete() bool {
	return !slices.ContainsFunc(g.Met, func(row []Met) bool {
		return slices.ContainsFunc(row, func(m Met) bool { return m.Path == NoPath })
	})
}
