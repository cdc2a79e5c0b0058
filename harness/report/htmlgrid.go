package report

import (
	"fmt"

	"punchlist/harness/result"
)

// A pageGrid is a Grid as the page shows it.
type pageGrid struct {
	Column                string
	Seed                  int64
	SeedMatters           bool
	Open                  bool
	Direct, Proxied, None int
	Profiles              []string
	Rows                  []pageGridRow
}

type pageGridRow struct {
	Name  string
	Cells []pageGridCell
}

type pageGridCell struct{ Class, Text, Small, Href string }

// grids shows who met whom, where the run had peers meet behind more than one
// profile: rows and columns that nobody was behind are left out.
func (p *page) grids() {
	links := map[*result.Result]string{}
	for _, s := range p.Sections {
		for _, g := range s.Groups {
			for _, f := range g.Failures {
				links[f.Result] = "#" + f.ID
			}
		}
	}
	seeds := p.Seeds()
	for _, g := range result.Grids(p.Run, p.Profiles) {
		rows, columns := used(g)
		if len(rows)*len(columns) < 2 {
			continue
		}
		shown := pageGrid{Column: g.Column, Seed: g.Seed, SeedMatters: seeds[g.Column] > 1, Open: len(p.Grids) == 0}
		for _, j := range columns {
			shown.Profiles = append(shown.Profiles, p.Profiles[j])
		}
		for _, i := range rows {
			row := pageGridRow{Name: p.Profiles[i]}
			for _, j := range columns {
				m := g.Met[i][j]
				cell := pageGridCell{}
				switch {
				case m.Result == nil:
				case m.Path == result.Punched:
					shown.Direct++
					cell.Class, cell.Text = "passed", way(m.Path)
				case m.Path != result.NoPath:
					shown.Proxied++
					cell.Class, cell.Text = "known", way(m.Path)
				default:
					shown.None++
					cell.Class, cell.Text, cell.Href = slugs[m.Outcome], m.Outcome.String(), links[m.Result]
					if m.Outcome == result.KnownFailure {
						cell.Class = "red"
					}
				}
				if m.Path != result.NoPath {
					cell.Small = fmt.Sprintf("%.1f s, %d", m.Seconds, m.Packets)
				}
				row.Cells = append(row.Cells, cell)
			}
			shown.Rows = append(shown.Rows, row)
		}
		p.Grids = append(p.Grids, shown)
	}
}

// used are the indices of the profiles that a subject, and that a companion, was
// behind.
func used(g result.Grid) (rows, columns []int) {
	for i := range g.Profiles {
		row, column := false, false
		for j := range g.Profiles {
			row = row || g.Met[i][j].Result != nil
			column = column || g.Met[j][i].Result != nil
		}
		if row {
			rows = append(rows, i)
		}
		if column {
			columns = append(columns, i)
		}
	}
	return rows, columns
}
