// Package yamlstrict reads YAML files that people write: an unknown or repeated key, a
// wrong type or a missing part is an error that names file, line and key, and says
// what to do. What the keys mean is the caller's.
package yamlstrict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
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

// Document is the only document of a file. What it holds is named for errors, such
// as "the manifest"; help is what is said of an empty one.
func (f File) Document(data []byte, what, help string) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, f.Errorf(nil, what, "is empty: %s", help)
	case err != nil:
		return nil, f.Errorf(nil, what, "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, f.Errorf(nil, what, "holds more than one document: write one to a file")
	}
	return doc.Content[0], nil
}

// Mapping has each value of a mapping read by its field.
func (f File) Mapping(n *yaml.Node, what string, known Fields, required ...string) error {
	if n.Kind != yaml.MappingNode {
		return f.Errorf(n, what, "must be a mapping of keys to values, not %s", Kind(n))
	}
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if line, ok := seen[k.Value]; ok {
			return f.Errorf(k, k.Value, "stands here again: keep this one or that of line %d", line)
		}
		seen[k.Value] = k.Line
		read, ok := known[k.Value]
		if !ok {
			return f.Errorf(k, k.Value, "is not a key of %s: its keys are %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(k.Value, v); err != nil {
			return err
		}
	}
	for _, key := range required {
		if _, ok := seen[key]; !ok {
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
