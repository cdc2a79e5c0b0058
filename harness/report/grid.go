package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"punchlist/harness/result"
)

// met writes a pair, such as "direct 1.2 s 14": path, time, and datagrams of the two.
func met(m result.Met) string {
	if m.Result == nil {
		return ""
	}
	if m.Path == result.NoPath {
		return m.Outcome.String()
	}
	return fmt.Sprintf("%s %.1f s %d", way(m.Path), m.Seconds, m.Packets)
}

// PrintGrid writes a grid as a table, on a terminal as a heat map: green is a
// direct way, yellow one through a proxy, red none; the longer it took, the
// darker.
func PrintGrid(w io.Writer, g result.Grid, s Style) {
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
			widths[j] = max(widths[j], utf8.RuneCountInString(met(g.Met[i][j])))
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
			texts = append(texts, met(m))
		}
		line(p, texts, func(j int, text string) string { return s.paint(heat(g.Met[i][j]), text) })
	}
	fmt.Fprintln(w)
}

// heat is the colours of a pair: a background of the 256 that terminals have.
func heat(m result.Met) string {
	if m.Result == nil {
		return ""
	}
	shade := int(min(2, math.Log10(max(1, m.Seconds)))) // below 10 s, below 100 s, longer
	switch m.Path {
	case result.Punched:
		return fmt.Sprintf("30;48;5;%d", []int{120, 77, 34}[shade])
	case result.Relayed:
		return fmt.Sprintf("30;48;5;%d", []int{228, 220, 178}[shade])
	}
	return "97;48;5;124"
}

// way is how a grid names a path.
func way(k result.PathKind) string {
	if k == result.Relayed {
		return "proxy"
	}
	return "direct"
}
