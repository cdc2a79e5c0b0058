// Package saboteur has mutants of the reference that are written by hand: for each requirement
// that a packet or an event can show, at least one peer that breaks it, and otherwise behaves. A
// suite that does not catch a saboteur in the name of that requirement has a gap.
//
// The patches of all saboteurs are put into one program, each behind a question whether this
// saboteur acts (package deviate), so that one build serves them all. The program is built with an
// overlay, and the reference itself knows nothing of them. A wrapper around the testee could break
// less: it has no access to what a peer keeps, or does not check.
//
// # Form
//
// The file NN-slug.yaml lists the saboteurs of one chapter:
//
//	# Saboteurs of chapter 8, Replication. See saboteur.go.
//	- name: relays-publishes-without-end
//	  breaks: LAT-REPL-006
//	  does: It relays a publish whatever its hops.
//	  patches:
//	    - in: reference/peer.(*Peer).publish
//	      take: pk.Hops < wire.MaxHops
//	      put: pk.Hops < wire.MaxHops || SABOTAGE
//
// A patch names a declaration, and a place in that declaration. "in" is the folder of a package
// and, behind a dot, a function (reference/wire.Decode), a method (reference/peer.(*Peer).publish,
// reference/wire.Type.Valid), a type, a variable or a constant. No patch names a file.
//
// One of these keys names the place by an anchor, which is a piece of syntax:
//
//   - take: an expression, a simple statement or a header. "put" replaces it.
//   - before, after: a header, a simple statement or an expression. "put" is inserted before or
//     after it; for an expression, and for the init statement of an if, before or after the
//     statement of the block that contains it.
//   - top, bottom: a header. "put" is inserted at the beginning or at the end of its block.
//
// A header is the part of a statement in front of its block, with the brace or colon: "if x {",
// "else {", "for x {", "switch x {", "case x:", "default:", "func(a int) bool {" for a function
// literal, "func {" for the body of the declaration itself, "struct {" for the fields of a type.
// A statement that has a block is anchored by its header alone, so that a change in the block does
// not detach the anchor. Before and after "case x:" stand clauses.
//
// Anchors are compared as go/printer prints them: comments, spaces and line breaks do not matter.
// An anchor occurs in its declaration once; otherwise "nth" says which occurrence is meant, from 1
// on. The shortest anchor lasts longest: an operand of a condition rather than the condition.
//
// "put" is Go source in which the word SABOTAGE is an expression: whether to deviate. Its
// evaluation is counted, so it stands where the deviation comes next. "imports" lists packages
// that "put" needs and that the file may lack.
package saboteur

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"punchlist/spec/yamlstrict"
)

//go:embed *.yaml
var files embed.FS

// A Saboteur is a mutant of the reference.
type Saboteur struct {
	Name    string  `yaml:"name"`
	Breaks  string  `yaml:"breaks"` // the requirement
	Does    string  `yaml:"does"`   // instead, in one sentence
	Patches []Patch `yaml:"patches"`

	from string // the file that lists it
}

// A Patch changes one place of a declaration; see the package's documentation.
type Patch struct {
	In      string   `yaml:"in"`
	Take    string   `yaml:"take"`
	Before  string   `yaml:"before"`
	After   string   `yaml:"after"`
	Top     string   `yaml:"top"`
	Bottom  string   `yaml:"bottom"`
	Nth     int      `yaml:"nth"` // 0 where the anchor is unique
	Put     string   `yaml:"put"`
	Imports []string `yaml:"imports"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// word is what a Put has for the question whether to deviate.
const word = "SABOTAGE"

// All returns the saboteurs, in the order of their files and in these.
func All() ([]Saboteur, error) { return Read(files) }

// Read returns the saboteurs of a folder.
func Read(files fs.FS) ([]Saboteur, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Saboteur
	seen := map[string]bool{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var of []Saboteur
		if err := yamlstrict.File(name).Decode(data, &of, "the list", "it needs saboteurs"); err != nil {
			return nil, err
		}
		for i := range of {
			s := &of[i]
			s.from = name
			switch {
			case !nameForm.MatchString(s.Name):
				return nil, fmt.Errorf("%s: %q is no name: lower-case words joined by hyphens", name, s.Name)
			case seen[s.Name]:
				return nil, fmt.Errorf("%s: %s: another saboteur has that name", name, s.Name)
			case s.Breaks == "" || s.Does == "" || len(s.Patches) == 0:
				return nil, fmt.Errorf("%s: %s: breaks, does and patches are required", name, s.Name)
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
	for i := range s.Patches {
		p := &s.Patches[i]
		if err := p.check(); err != nil {
			return fmt.Errorf("patch %d: %w", i+1, err)
		}
		asked += strings.Count(p.Put, word)
	}
	if asked == 0 {
		return fmt.Errorf("no put has the word %s, so nothing could count whether it deviates", word)
	}
	return nil
}
