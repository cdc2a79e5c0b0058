package report

import (
	"fmt"
	"strings"

	"punchlist/harness/result"
)

// Markdown is the report for a page that shows Markdown: what was unexpected
// first, then known failures by requirement, then the matrix.
func Markdown(r *result.Run) string {
	var b strings.Builder
	switch r.Exit {
	case result.AsExpected:
		fmt.Fprintf(&b, "# As expected\n\n")
	case result.Unexpected:
		fmt.Fprintf(&b, "# Unexpected results\n\n")
	default:
		fmt.Fprintf(&b, "# Could not run\n\n")
	}
	fmt.Fprintf(&b, "%s, in %.0f s.\n\nBy punchlist %s; run `%s`.\n", r.Tally, r.Seconds, r.Tool, r.ID)
	if len(r.Testees) > 0 {
		fmt.Fprintln(&b)
	}
	for _, t := range r.Testees {
		fmt.Fprintf(&b, "- %s\n", testee(t))
	}
	list := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", oneLine(l))
		}
	}
	list("Could not run", r.Broken)
	list("Unexpected", r.Unexpected)
	list("Warnings", r.Warnings)
	var na []string
	for _, c := range r.Cells {
		if c.NotAvailable != "" {
			na = append(na, c.Column()+": "+c.NotAvailable)
		}
	}
	list("Not available", na)
	list("Paths", paths(r))

	if known := r.KnownFailures(); len(known) > 0 {
		fmt.Fprintf(&b, "\n## Known failures\n\nWhat the manifests announce, and what happened: each with what is required, what is done instead, and a command that shows it.\n")
		for _, k := range known {
			knownFailure(r, &b, k)
		}
	}

	columns, marks := r.Matrix()
	rows := r.Rows(marks)
	if len(rows) > 0 {
		fmt.Fprintf(&b, "\n## Requirements\n\n| requirement | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
		for _, q := range rows {
			fmt.Fprintf(&b, "| %s", q.ID)
			for _, c := range columns {
				m := marks[q.ID][c]
				text := mark(m)
				if m.Shown() == result.Failed || m != nil && m.Red {
					text = "**" + text + "**"
				}
				fmt.Fprintf(&b, " | %s", text)
			}
			fmt.Fprintf(&b, " |\n")
		}
		fmt.Fprintf(&b, "\n%s\n", legend)
	}
	return b.String()
}

// knownFailure writes a known failure as whoever is to mend it needs it.
func knownFailure(r *result.Run, b *strings.Builder, k result.KnownGroup) {
	fmt.Fprintf(b, "\n### %s in %s\n\n", k.Requirement, k.Column)
	if q := r.Requirement(k.Requirement); q.Text != "" {
		fmt.Fprintf(b, "- Required: %s\n", oneLine(q.Text))
	}
	fmt.Fprintf(b, "- Instead: %s\n", oneLine(k.Reason))
	if all := extent(k.First); all != "" {
		fmt.Fprintf(b, "- Seen: %s; %s\n", oneLine(k.First.Text), all)
	} else {
		fmt.Fprintf(b, "- Seen: %s; in %s\n", oneLine(k.First.Text), times(k.Count))
	}
	if k.First.Capture != "" {
		fmt.Fprintf(b, "- Packets: `%s`\n", k.First.Capture)
	}
	if k.First.Repeat != "" {
		fmt.Fprintf(b, "- Repeat: `%s`\n", k.First.Repeat)
	}
	if k.Link != "" {
		fmt.Fprintf(b, "- See: <%s>\n", k.Link)
	}
}

const legend = "pass, FAIL, known (a failure that the manifest lists), n/a (not applicable), ? (inconclusive), " +
	"adapter (the adapter is broken), lab (the lab failed); behind it, of how many scenarios, and monitors of every packet in them."

// testee is what was judged, or beside it: "socket-0.6 0.6.0-rc.8 in netns, sha256 0123456789ab".
func testee(t result.Testee) string {
	line := t.Implementation + " " + t.Version + " in " + t.Lab
	if t.Version == "" {
		line = t.Implementation + " of no version in " + t.Lab
	}
	switch {
	case t.Image != "":
		return line + ", image " + t.Image[:min(len("sha256:")+12, len(t.Image))]
	case t.Binary != "":
		return line + ", sha256 " + t.Binary[:min(12, len(t.Binary))]
	}
	return line
}
