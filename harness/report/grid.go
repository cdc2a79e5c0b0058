package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"punchlist/harness/verdict"
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
	Path    string // "direct", "proxy"; empty: they were not connected
	Outcome verdict.Outcome
	Meeting
	Result *Result // of the scenario; nil: there was none
}

// Grids are those of a run, by cell: of all pairs of the profiles that a scenario
// was about which puts the subject behind the one and a companion behind the other,
// and has them meet. A cell without any has no grid.
func Grids(r *Report, profiles []string) []Grid {
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
			if x.Meeting != nil && x.Outcome == verdict.Passed {
				m.Path, m.Meeting = "direct", *x.Meeting
				if strings.Contains(x.Path, "proxy") {
					m.Path = "proxy"
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

// meeting is the name of the scenarios that have two peers meet, as features
// write it.
const meeting = "<subject> meets <companion>"

// pair is the NAT profiles of the two peers that a scenario has meet, where the
// meeting is what it judges: not that there is none.
func (x *Result) pair() (subject, companion string, ok bool) {
	_, row, found := strings.Cut(x.Key, "/"+meeting+"/")
	if !found || x.Outcome == verdict.Passed && x.Meeting == nil {
		return "", "", false
	}
	return strings.Cut(row, ", ")
}

// Complete reports whether all pairs met.
func (g Grid) Complete() bool {
	return !slices.ContainsFunc(g.Met, func(row []Met) bool {
		return slices.ContainsFunc(row, func(m Met) bool { return m.Path == "" })
	})
}

// String is such as "direct 1.2 s 14": path, time, and datagrams of the two.
func (m Met) String() string {
	if m.Result == nil {
		return ""
	}
	if m.Path == "" {
		return m.Outcome.String()
	}
	return fmt.Sprintf("%s %.1f s %d", m.Path, m.Seconds, m.Packets)
}

// Print writes the grid as a table, on a terminal as a heat map: green is a
// direct way, yellow one through a proxy, red none; the longer it took, the
// darker.
func (g Grid) Print(w io.Writer, s Style) {
	fmt.Fprintf(w, "%s\n", s.paint(bold, g.Column))
	fmt.Fprintf(w, "rows: the subject is behind; columns: the companion is behind. Path, seconds to the connection, datagrams of both until then\n\n")
	first := 0
	for _, p := range g.Profiles {
		first = max(first, len(p))
	}
	widths := make([]int, len(g.Profiles))
	for j, p := range g.Profiles {
		widths[j] = len(p)
		for i := range g.Profiles {
			widths[j] = max(widths[j], utf8.RuneCountInString(g.Met[i][j].String()))
		}
	}
	line := func(name string, texts []string, paint func(j int, text string) string) {
		b := strings.Builder{}
		fmt.Fprintf(&b, "%-*s", first, name)
		for j, text := range texts {
			fmt.Fprint(&b, "  ", paint(j, fmt.Sprintf("%-*s", widths[j], text)))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line("", g.Profiles, func(_ int, text string) string { return text })
	for i, p := range g.Profiles {
		var texts []string
		for _, m := range g.Met[i] {
			texts = append(texts, m.String())
		}
		line(p, texts, func(j int, text string) string { return s.paint(g.Met[i][j].heat(), text) })
	}
	fmt.Fprintln(w)
}

// heat is the colours of a pair: a background of the 256 that terminals have.
func (m Met) heat() string {
	if m.Result == nil {
		return ""
	}
	shade := int(min(2, math.Log10(max(1, m.Seconds)))) // below 10 s, below 100 s, longer
	switch m.Path {
	case "direct":
		return fmt.Sprintf("30;48;5;%d", []int{120, 77, 34}[shade])
	case "proxy":
		return fmt.Sprintf("30;48;5;%d", []int{228, 220, 178}[shade])
	}
	return "97;48;5;124"
}
