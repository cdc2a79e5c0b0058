package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"punchlist/harness/result"
)

// A Style is how a writer takes text.
type Style struct {
	Live  bool // a terminal: a line may be written over
	Color bool
	Width int // columns; 0: unknown
}

// StyleOf finds out what a file is. Colours go only to a terminal, and not
// when NO_COLOR is set (no-color.org) or the terminal is dumb.
func StyleOf(f *os.File) Style {
	if !term.IsTerminal(int(f.Fd())) {
		return Style{}
	}
	s := Style{Live: true, Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		s.Width = w
	}
	return s
}

// logShown is how many lines of a dead testee's log are printed.
const logShown = 12

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) mark(m *result.Mark) string {
	switch {
	case m == nil:
		return ""
	case m.Red:
		return red
	}
	switch m.Shown() {
	case result.Passed:
		return green
	case result.NotApplicable:
		return faint
	default:
		return yellow
	}
}

// Print writes the whole report: failures, known failures, the matrix, and
// the last line with the sum.
func Print(w io.Writer, r *result.Run, s Style) {
	for _, c := range r.Cells {
		for _, g := range c.Unexpected() {
			printFailure(w, r, s, c, g[0])
			if len(g) > 1 {
				fmt.Fprintf(w, "  and so    %s\n", times(len(g)-1)+" more, for the same reason")
			}
		}
	}
	printFindings(w, r, s)
	printKnown(w, r, s)
	for _, c := range r.Cells {
		if c.NotAvailable != "" {
			fmt.Fprintf(w, "%s %s: %s\n", s.paint(yellow, "not available:"), c.Column(), c.NotAvailable)
		}
	}
	PrintMatrix(w, r, s)
	for _, x := range paths(r) {
		fmt.Fprintf(w, "%s %s\n", s.paint(faint, "path:"), x)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "%s %s\n", s.paint(yellow, "warning:"), x)
	}
	for _, c := range r.Cells {
		for _, x := range c.Stale {
			fmt.Fprintf(w, "%s %s: %s\n", s.paint(red, "unexpected:"), c.Column(), x)
		}
	}
	for _, x := range r.Broken {
		fmt.Fprintf(w, "%s %s\n", s.paint(red, "could not run:"), x)
	}
	end, code := "as expected", green
	switch r.Exit {
	case result.Unexpected:
		end, code = "UNEXPECTED RESULTS", red
	case result.CouldNotRun:
		end, code = "COULD NOT RUN ALL", red
	}
	fmt.Fprintf(w, "%s\n", s.paint(faint, "punchlist "+r.Tool.String()+", run "+r.ID))
	fmt.Fprintf(w, "%s  %s  (%.1f s)\n", s.paint(code, end), r.Tally, r.Seconds)
}

// printFailure says which sentence was broken, at which step, by which
// datagrams, and how to see it again.
func printFailure(w io.Writer, r *result.Run, s Style, c *result.Cell, x *result.Result) {
	q := r.Requirement(x.About())
	fmt.Fprintf(w, "\n%s %s  %s\n", s.paint(red, strings.ToUpper(x.Outcome.String())), s.paint(bold, q.ID), s.paint(faint, c.Column()))
	if q.Text != "" {
		fmt.Fprintf(w, "  %s\n", oneLine(q.Text))
	}
	fmt.Fprintf(w, "  scenario  %s\n", x.Key)
	if x.Step != "" {
		fmt.Fprintf(w, "  step      %s\n", x.Step)
	}
	fmt.Fprintf(w, "  seen      %s\n", indent(printable(x.Text), "            "))
	if all := extent(x); all != "" {
		fmt.Fprintf(w, "  in all    %s\n", all)
	}
	if x.ID != "" {
		fmt.Fprintf(w, "  id        %s\n", x.ID)
	}
	if x.Detail != "" {
		fmt.Fprintf(w, "  detail    %s\n", x.Detail)
	}
	for _, d := range x.Evidence {
		fmt.Fprintf(w, "  %s\n", s.paint(bold, fmt.Sprintf("datagram %d at %s: %s", d.Frame, d.At, d.Path)))
		for _, f := range fields(d) {
			fmt.Fprintf(w, "    %s\n", f)
		}
	}
	if len(timeline(x.Sequence)) > 0 {
		fmt.Fprintf(w, "  the last packets:\n")
		for _, l := range timeline(x.Sequence) {
			fmt.Fprintf(w, "    %s\n", l)
		}
	}
	if x.Stderr != "" {
		fmt.Fprintf(w, "  it logged last:\n")
		lines := strings.Split(strings.TrimRight(x.Stderr, "\n"), "\n")
		for _, l := range lines[max(0, len(lines)-logShown):] {
			fmt.Fprintf(w, "    %s\n", printable(cut(l, 200)))
		}
	}
	if x.Capture != "" {
		fmt.Fprintf(w, "  packets   %s\n", filepath.Join(r.Folder, x.Capture))
	}
	if x.Log != "" {
		fmt.Fprintf(w, "  log       %s\n", filepath.Join(r.Folder, x.Log))
	}
	if x.Repeat != "" {
		fmt.Fprintf(w, "  repeat    %s\n", x.Repeat)
	}
}

func printFindings(w io.Writer, r *result.Run, s Style) {
	type key struct{ who, requirement, text string }
	var order []key
	counts := map[key]int{}
	for _, c := range r.Cells {
		for _, x := range c.Results {
			for _, f := range x.Findings {
				k := key{f.Implementation, f.Requirement, oneLine(f.Text)}
				if counts[k] == 0 {
					order = append(order, k)
				}
				counts[k]++
			}
		}
	}
	if len(order) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, "Findings about companions"))
	for _, k := range order {
		fmt.Fprintf(w, "  %s  %s  %s (%s)\n", k.who, k.requirement, k.text, times(counts[k]))
	}
}

func printKnown(w io.Writer, r *result.Run, s Style) {
	known := r.KnownFailures()
	if len(known) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, "Known failures"))
	for _, k := range known {
		fmt.Fprintf(w, "  %s  %s  %s\n", s.paint(yellow, k.Requirement), k.Column, s.paint(faint, times(k.Count)))
		if q := r.Requirement(k.Requirement); q.Text != "" {
			fmt.Fprintf(w, "    required  %s\n", oneLine(q.Text))
		}
		fmt.Fprintf(w, "    instead   %s\n", oneLine(k.Reason))
		if k.First.Repeat != "" {
			fmt.Fprintf(w, "    repeat    %s\n", k.First.Repeat)
		}
		if k.Link != "" {
			fmt.Fprintf(w, "    see       %s\n", k.Link)
		}
	}
}

// PrintMatrix writes implementation × requirement.
func PrintMatrix(w io.Writer, r *result.Run, s Style) {
	columns, marks := r.Matrix()
	rows := r.Rows(marks)
	if len(rows) == 0 || len(columns) == 0 {
		return
	}
	widths := make([]int, len(columns))
	heads := make([][2]string, len(columns))
	for i, c := range columns {
		pair, lab, _ := strings.Cut(c, "@")
		subject, companion, _ := strings.Cut(pair, "+")
		heads[i] = [2]string{subject, "with " + companion + " in " + lab}
		if companion == subject {
			heads[i][1] = "in " + lab
		}
		widths[i] = max(len(heads[i][0]), len(heads[i][1]))
		for _, q := range rows {
			widths[i] = max(widths[i], len(mark(marks[q.ID][c])))
		}
	}
	first := 0
	for _, q := range rows {
		first = max(first, len(q.ID))
	}
	fmt.Fprintln(w)
	for line := range heads[0] {
		fmt.Fprint(w, strings.Repeat(" ", first))
		for i := range columns {
			fmt.Fprintf(w, "  %s", s.paint(bold, pad(heads[i][line], widths[i])))
		}
		fmt.Fprintln(w)
	}
	for _, q := range rows {
		fmt.Fprint(w, pad(q.ID, first))
		for i, c := range columns {
			m := marks[q.ID][c]
			fmt.Fprintf(w, "  %s", s.paint(s.mark(m), pad(mark(m), widths[i])))
		}
		if room := s.Width - first - 2*len(widths) - sum(widths) - 4; room > 24 {
			fmt.Fprintf(w, "  %s", s.paint(faint, cut(oneLine(q.Text), room)))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s\n\n", s.paint(faint, legend))
}

func sum(all []int) (n int) {
	for _, x := range all {
		n += x
	}
	return n
}

func pad(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return s + strings.Repeat(" ", width-n)
	}
	return s
}

func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(width-1, 0)]) + "…"
}

func indent(s, by string) string { return strings.ReplaceAll(s, "\n", "\n"+by) }

func times(n int) string {
	if n == 1 {
		return "1 scenario"
	}
	return fmt.Sprintf("%d scenarios", n)
}
