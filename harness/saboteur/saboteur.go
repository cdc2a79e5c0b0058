// Package saboteur has broken variants of the reference: for each requirement
// that a packet or an event can show at least one peer that breaks it, and
// otherwise behaves. A suite that does not catch it in the name of that
// requirement has a gap.
//
// A saboteur is a few lines of the reference's source, patched. The patches of
// all are put into one program, each behind a question whether it is this
// saboteur that acts (package deviate), so that one build serves them all; it
// is built with an overlay, and the reference itself knows nothing of them. A
// wrapper around the testee could break less: what a peer keeps, or does not
// check, is out of its reach.
package saboteur

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed *.yaml
var files embed.FS

// A Saboteur is a variant of the reference.
type Saboteur struct {
	Name    string  `yaml:"name"`
	Breaks  string  `yaml:"breaks"` // the requirement
	Does    string  `yaml:"does"`   // instead, in one sentence
	Patches []Patch `yaml:"patches"`

	from string // file that it stands in
}

// A Patch changes one place of a source file. One of Take, Before and After is
// a text that is in the file once: Put stands instead of it, before it, or
// after it. In Put the word SABOTAGE is an expression: whether to deviate. It
// stands where the deviation is next, since its being asked is counted.
type Patch struct {
	File   string `yaml:"file"`
	Take   string `yaml:"take"`
	Before string `yaml:"before"`
	After  string `yaml:"after"`
	Put    string `yaml:"put"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// word is what a Put has for the question whether to deviate.
const word = "SABOTAGE"

// All are the saboteurs, in the order of their files and in these.
func All() ([]Saboteur, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Saboteur
	seen := map[string]bool{}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d := yaml.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true)
		var of []Saboteur
		if err := d.Decode(&of); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i := range of {
			s := &of[i]
			s.from = name
			switch {
			case !nameForm.MatchString(s.Name):
				return nil, fmt.Errorf("%s: %q is no name: lower-case words joined by hyphens", name, s.Name)
			case seen[s.Name]:
				return nil, fmt.Errorf("%s: %s: another one has that name", name, s.Name)
			case s.Breaks == "" || s.Does == "" || len(s.Patches) == 0:
				return nil, fmt.Errorf("%s: %s: breaks, does and patches are needed", name, s.Name)
			}
			if err := s.check(); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, s.Name, err)
			}
			seen[s.Name] = true
		}
		all = append(all, of...)
	}
	return all, nil
}

func (s *Saboteur) check() error {
	asked := 0
	for i, p := range s.Patches {
		anchors := 0
		for _, a := range []string{p.Take, p.Before, p.After} {
			if a != "" {
				anchors++
			}
		}
		if p.File == "" || anchors != 1 {
			return fmt.Errorf("patch %d: a file, and one of take, before and after, are needed", i+1)
		}
		asked += strings.Count(p.Put, word)
	}
	if asked == 0 {
		return fmt.Errorf("no patch has the word %s in what it puts: nobody could tell whether it deviates", word)
	}
	return nil
}

// An edit is a patch and where in the file it is.
type edit struct {
	start, end int
	put        string
	by         string
}

// Patched gives the files that the saboteurs change, by their slash path, as
// they are then. Source reads one as it is.
func Patched(all []Saboteur, source func(file string) ([]byte, error)) (map[string][]byte, error) {
	edits := map[string][]edit{}
	texts := map[string]string{}
	for _, s := range all {
		for i, p := range s.Patches {
			fail := func(err error) error {
				return fmt.Errorf("%s: %s: patch %d, of %s: %w", s.from, s.Name, i+1, p.File, err)
			}
			text, ok := texts[p.File]
			if !ok {
				data, err := source(p.File)
				if err != nil {
					return nil, fail(err)
				}
				text = string(data)
				texts[p.File] = text
			}
			e, err := p.find(text)
			if err != nil {
				return nil, fail(err)
			}
			e.by = s.Name
			e.put = strings.ReplaceAll(p.Put, word, fmt.Sprintf("deviate.As(%q)", s.Name))
			edits[p.File] = append(edits[p.File], e)
		}
	}
	out := map[string][]byte{}
	for _, file := range slices.Sorted(maps.Keys(edits)) {
		patched, err := apply(texts[file], edits[file])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if out[file], err = format.Source([]byte(patched)); err != nil {
			return nil, fmt.Errorf("%s, patched, is no Go: %w", file, err)
		}
	}
	return out, nil
}

func (p Patch) find(text string) (edit, error) {
	anchor := p.Take + p.Before + p.After
	switch strings.Count(text, anchor) {
	case 0:
		return edit{}, fmt.Errorf("it does not have the text %q", anchor)
	case 1:
	default:
		return edit{}, fmt.Errorf("it has the text %q more than once", anchor)
	}
	start := strings.Index(text, anchor)
	e := edit{start: start, end: start + len(anchor)}
	switch {
	case p.Before != "":
		e.end = e.start
	case p.After != "":
		e.start = e.end
	}
	return e, nil
}

// importing stands behind the package clause of each patched file.
const importing = "\n\nimport \"punchlist/harness/saboteur/deviate\"\n"

var clause = regexp.MustCompile(`(?m)^package \w+$`)

func apply(text string, edits []edit) (string, error) {
	// What stands before a text comes before what stands instead of it.
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	var out strings.Builder
	at := clause.FindStringIndex(text)
	if at == nil {
		return "", errors.New("it has no package clause")
	}
	out.WriteString(text[:at[1]] + importing)
	done, by := at[1], ""
	for _, e := range edits {
		if e.start < done {
			return "", fmt.Errorf("%s and %s change the same place: give one of them another", by, e.by)
		}
		out.WriteString(text[done:e.start] + e.put)
		done, by = e.end, e.by
	}
	out.WriteString(text[done:])
	return out.String(), nil
}

// Overlay writes the patched files to a folder, and beside them the file for
// go build -overlay, whose name it returns. Root is the folder of the module.
func Overlay(all []Saboteur, root, dir string) (string, error) {
	patched, err := Patched(all, func(file string) ([]byte, error) {
		if !fs.ValidPath(file) || path.Ext(file) != ".go" || !strings.HasPrefix(file, "reference/") {
			return nil, fmt.Errorf("it is no source file of the reference")
		}
		return os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	})
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(patched)) {
		// No name of a Go file: the folder may be one of the module's.
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "-")+".patched")
		if err := os.WriteFile(to, patched[file], 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	overlay, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, overlay, 0o644)
}
