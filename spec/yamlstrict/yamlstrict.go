// Package yamlstrict reads YAML files that people write: an unknown or repeated key, a
// wrong type or a missing part is an error that names file, line and key, and says
// what to do. The caller knows what the keys mean.
//
// It is the one reader of YAML here. It stands beside the standard, since the reference, which
// imports nothing else of this module, reads its settings by it too.
package yamlstrict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A File is the name of the file that is read, for errors.
type File string

// A Field takes the node of one value, which stands behind a key.
type Field func(key string, n *yaml.Node) error

// Fields are the keys that a mapping may have.
type Fields map[string]Field

// Errorf is an error about a key, at a node: "mine.yaml:3: keepalive must be …".
// Without a node it is about the whole file.
func (f File) Errorf(n *yaml.Node, key, format string, args ...any) error {
	at := string(f)
	if n != nil && n.Line > 0 {
		at += ":" + strconv.Itoa(n.Line)
	}
	return fmt.Errorf("%s: %s %s", at, key, fmt.Sprintf(format, args...))
}

// ErrEmpty is wrapped by the error about a file that holds nothing, or nothing but comments.
var ErrEmpty = errors.New("is empty")

// Document is the only document of a file. What it holds is named for errors, such
// as "the manifest"; help is what is said of an empty one.
func (f File) Document(data []byte, what, help string) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %s %w: %s", f, what, ErrEmpty, help)
	case err != nil:
		return nil, f.Errorf(nil, what, "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, f.Errorf(nil, what, "holds more than one document: write one to a file")
	}
	return doc.Content[0], nil
}

// Decode reads the only document of a file into what a pointer points to, by the tags of its
// fields; what and help are as for Document. The error has a line for each thing that is wrong.
func (f File) Decode(data []byte, into any, what, help string) error {
	if _, err := f.Document(data, what, help); err != nil {
		return err
	}
	// A node would be decoded without a look at its keys.
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err := d.Decode(into)
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		if err != nil {
			err = f.Errorf(nil, what, "can't be read: %v", err)
		}
		return err
	}
	var all []error
	for _, text := range wrong.Errors {
		all = append(all, f.decodeError(text))
	}
	return errors.Join(all...)
}

// The texts of a yaml.TypeError.
var (
	anyText      = regexp.MustCompile(`(?s)^line ([0-9]+): (.*)$`)
	unknownText  = regexp.MustCompile(`^field (.+) not found in type `)
	repeatedText = regexp.MustCompile(`^mapping key (.+) already defined at line ([0-9]+)$`)
)

func (f File) decodeError(text string) error {
	at := string(f)
	if m := anyText.FindStringSubmatch(text); m != nil {
		at, text = at+":"+m[1], m[2]
	}
	if m := unknownText.FindStringSubmatch(text); m != nil {
		text = m[1] + " is not a key here"
	} else if m := repeatedText.FindStringSubmatch(text); m != nil {
		text = m[1] + " stands here again: keep this one or that of line " + m[2]
	}
	return fmt.Errorf("%s: %s", at, text)
}

// An Entry is one key of a mapping, and its value.
type Entry struct {
	Key   string
	Line  int
	Value *yaml.Node
}

// Entries are those of a mapping, in the order of the file. Each key stands there once.
func (f File) Entries(n *yaml.Node, what string) ([]Entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, f.Errorf(n, what, "must be a mapping of keys to values, not %s", Kind(n))
	}
	var all []Entry
	seen := map[string]int{}
	for pair := range slices.Chunk(n.Content, 2) {
		k := pair[0]
		if line, ok := seen[k.Value]; ok {
			return nil, f.Errorf(k, k.Value, "stands here again: keep this one or that of line %d", line)
		}
		seen[k.Value] = k.Line
		all = append(all, Entry{k.Value, k.Line, pair[1]})
	}
	return all, nil
}

// Mapping has each value of a mapping read by its field.
func (f File) Mapping(n *yaml.Node, what string, known Fields, required ...string) error {
	entries, err := f.Entries(n, what)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Key] = true
		read, ok := known[e.Key]
		if !ok {
			at := &yaml.Node{Line: e.Line}
			return f.Errorf(at, e.Key, "is not a key of %s: its keys are %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(e.Key, e.Value); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return f.Errorf(n, key, "is missing from %s: add it", what)
		}
	}
	return nil
}

// Kind says what a node is, for errors.
func Kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
