// Package report renders a run: report.html, report.json, junit.xml, summary.md,
// badge.svg, and the text on a terminal. Its functions take a result.Run and read
// nothing else. The folder also holds, for every scenario, the packets (a .pcapng)
// and what the testees logged.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"punchlist/harness/result"
)

// Write writes report.html, report.json, junit.xml, summary.md and badge.svg into
// a folder that exists. The first error is returned: a report that can't be written is a
// run that failed.
func Write(r *result.Run, dir string) error {
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	xml, err := JUnit(r)
	if err != nil {
		return err
	}
	page, err := HTML(r)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"report.html", page},
		{"report.json", append(js, '\n')},
		{"junit.xml", xml},
		{"summary.md", []byte(Markdown(r))},
		{"badge.svg", []byte(Badge(r))},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return fmt.Errorf("the report can't be written: %w", err)
		}
	}
	return nil
}

// oneLine makes a text fit a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var words = map[result.Outcome]string{
	result.Failed: "FAIL", result.AdapterBroken: "adapter", result.LabFailed: "lab", result.KnownFailure: "known",
	result.Inconclusive: "?", result.Passed: "pass", result.NotApplicable: "n/a",
}

// mark is a mark's word and how many scenarios it stands for: "pass 3",
// "FAIL 1/3".
func mark(m *result.Mark) string {
	o := m.Shown()
	if o == result.None {
		return ""
	}
	total := 0
	for _, n := range m.Counts {
		total += n
	}
	if n := m.Counts[o]; n != total {
		return fmt.Sprintf("%s %d/%d", words[o], n, total)
	}
	return fmt.Sprintf("%s %d", words[o], total)
}
