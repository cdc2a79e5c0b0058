// Package probe makes scenarios by rule: small worlds in which a peer under test meets each value
// at the edge of what the standard permits. People write the scenarios of features/, and so leave
// out what nobody thinks of; a probe is there for each constant, each field and each component of a
// key, because the registry or a chapter has it.
//
// Probes are features like any other, generated in memory: they have keys, captures, reports and
// repeat commands as all scenarios have. Their ids begin with "probe/". The same standard gives the
// same probes.
package probe

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"punchlist/spec"
)

// Prefix begins the id of each probe.
const Prefix = "probe/"

// A Family is probes that differ in the cells of a table alone: an outline of Gherkin.
type Family struct {
	Area        string // constants, fields, gates, roles or pairs: the file that the family is in
	ID          string // without Prefix: AREA/words, by the area of the requirement
	Requirement string
	Title       string
	Tags        string     // of the outline beside its id: "@virtual"; may be empty
	Steps       []string   // with <column> where a cell goes
	Columns     []string   // none: there is one probe
	Rows        [][]string // cells, one for each column
}

// Families are all probes, by area and in a fixed order.
func Families(s *spec.Standard) ([]Family, error) {
	bodies, err := bodyFields(s)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(constants(), fields(), bodies, gates(), roles(), pairs())
	ids := map[string]bool{}
	for _, f := range all {
		switch {
		case ids[f.ID]:
			return nil, fmt.Errorf("two families of probes have the id %s", f.ID)
		case len(f.Columns) > 0 && len(f.Rows) == 0:
			return nil, fmt.Errorf("the probes %s have no rows", f.ID)
		}
		ids[f.ID] = true
		for _, r := range f.Rows {
			if len(r) != len(f.Columns) {
				return nil, fmt.Errorf("%s: the row %q does not have %d cells", f.ID, r, len(f.Columns))
			}
		}
	}
	return all, nil
}

// Features are the probes as files of Gherkin, one for each area, beside those of another file
// system; nil: alone.
func Features(s *spec.Standard, beside fs.FS) (fs.FS, error) {
	families, err := Families(s)
	if err != nil {
		return nil, err
	}
	texts := map[string]*strings.Builder{}
	var order []string
	for _, f := range families {
		if texts[f.Area] == nil {
			texts[f.Area] = &strings.Builder{}
			order = append(order, f.Area)
			fmt.Fprintf(texts[f.Area], "@probe @alone\nFeature: Probes of %s\n", f.Area)
		}
		texts[f.Area].WriteString(f.Gherkin())
	}
	// An archive in memory is a file system of the standard library.
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	add := func(name string, text []byte) error {
		w, err := archive.Create(name)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	for _, area := range order {
		if err := add("probe-"+area+".feature", []byte(texts[area].String())); err != nil {
			return nil, err
		}
	}
	if beside != nil {
		names, err := fs.Glob(beside, "*.feature")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(beside, name)
			if err != nil {
				return nil, err
			}
			if err := add(name, text); err != nil {
				return nil, err
			}
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
}

var escapes = strings.NewReplacer(`\`, `\\`, "|", `\|`)

// Gherkin is the family as a Rule.
func (f Family) Gherkin() string {
	var w strings.Builder
	kind := "Scenario"
	if len(f.Columns) > 0 {
		kind = "Scenario Outline"
	}
	title := f.Title
	for i, c := range f.Columns {
		title += map[bool]string{true: ": ", false: ", "}[i == 0] + "<" + c + ">"
	}
	fmt.Fprintf(&w, "\n  @%s\n  Rule: %s\n\n    @id:%s%s %s\n    %s: %s\n", f.Requirement, f.Title, Prefix, f.ID, f.Tags, kind, title)
	for _, s := range f.Steps {
		fmt.Fprintf(&w, "      %s\n", s)
	}
	if len(f.Columns) == 0 {
		return w.String()
	}
	fmt.Fprintf(&w, "\n      Examples:\n        | %s |\n", strings.Join(f.Columns, " | "))
	for _, r := range f.Rows {
		w.WriteString("        |")
		for _, cell := range r {
			w.WriteString(" " + escapes.Replace(cell) + " |")
		}
		w.WriteString("\n")
	}
	return w.String()
}

// Sample keeps n of the keys, always the same ones of the same keys, in their order. Each key's
// place in the draw is its hash, so that a new probe displaces few.
func Sample(keys []string, n int) []string {
	if n >= len(keys) {
		return keys
	}
	hash := func(key string) string { h := sha256.Sum256([]byte(key)); return string(h[:]) }
	drawn := slices.Clone(keys)
	slices.SortFunc(drawn, func(a, b string) int { return strings.Compare(hash(a), hash(b)) })
	drawn = drawn[:n]
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(drawn, key) })
}

// rows makes rows of one column.
func rows(cells ...string) (all [][]string) {
	for _, c := range cells {
		all = append(all, []string{c})
	}
	return all
}
