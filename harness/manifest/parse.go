package manifest

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
	"time"

	"gopkg.in/yaml.v3"
)

var (
	nameForm        = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
	requirementForm = regexp.MustCompile(`^LAT-[A-Z]+-[0-9]{3}$`)

	classes  = []string{"codec", "peer", "indexed", "relay"}
	builtins = []string{"reference"}
	labs     = []string{"sim", "netns", "docker"}
)

// Parse reads a manifest. File is its name in errors, dir the folder that
// ${dir} stands for. It is strict: an unknown key, a wrong type or a missing
// part is an error that names file, line and key, and says what to do.
func Parse(data []byte, file, dir string) (Manifest, error) {
	p := parser{file: file}
	m := Manifest{Bootstrap: 3, File: file, Dir: dir}
	root, err := p.document(data)
	if err != nil {
		return Manifest{}, err
	}
	err = p.mapping(root, "the manifest", fields{
		"name":      p.form(&m.Name, nameForm, "lower-case letters, digits, dots and hyphens"),
		"version":   p.text(&m.Version),
		"summary":   p.text(&m.Summary),
		"classes":   p.texts(&m.Classes, classes),
		"command":   p.texts(&m.Command, nil),
		"image":     p.text(&m.Image),
		"builtin":   p.oneOf(&m.Builtin, builtins),
		"env":       p.texts(&m.Env, nil),
		"keepalive": p.keepalive(&m.Keepalive),
		"bootstrap": p.count(&m.Bootstrap),
		"latency":   p.duration(&m.Latency),
		"stagger":   p.duration(&m.Stagger),
		"setup":     p.setup(&m.Setup),
		"known":     p.known(&m.Known),
	}, "name", "version", "classes", "keepalive")
	if err != nil {
		return Manifest{}, err
	}
	if len(m.Command) == 0 && m.Image == "" && m.Builtin == "" {
		return Manifest{}, m.errorf(root.Line, "command", "is missing: say how the peer is started, by command, image or builtin")
	}
	for _, e := range m.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return Manifest{}, m.errorf(root.Line, "env", "has %q, which is not NAME=value", e)
		}
	}
	return m, nil
}

func (m Manifest) errorf(line int, key, format string, args ...any) error {
	return located(m.File, line, key, format, args...)
}

func located(file string, line int, key, format string, args ...any) error {
	at := file
	if line > 0 {
		at += ":" + strconv.Itoa(line)
	}
	return fmt.Errorf("%s: %s %s", at, key, fmt.Sprintf(format, args...))
}

// A parser reads values out of YAML nodes, and knows the file for errors. A
// field takes the node of one value.
type (
	parser struct{ file string }
	field  func(key string, n *yaml.Node) error
	fields map[string]field
)

func (p parser) errorf(n *yaml.Node, key, format string, args ...any) error {
	return located(p.file, n.Line, key, format, args...)
}

func (p parser) document(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, located(p.file, 0, "the manifest", "is empty: spec/testee.md shows one")
	case err != nil:
		return nil, located(p.file, 0, "the manifest", "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, located(p.file, 0, "the manifest", "holds more than one document: write one manifest per file")
	}
	return doc.Content[0], nil
}

func (p parser) mapping(n *yaml.Node, what string, known fields, required ...string) error {
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, what, "must be a mapping of keys to values, not %s", kind(n))
	}
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if line, ok := seen[k.Value]; ok {
			return p.errorf(k, k.Value, "stands here again: keep this one or that of line %d", line)
		}
		seen[k.Value] = k.Line
		read, ok := known[k.Value]
		if !ok {
			return p.errorf(k, k.Value, "is not a key of %s: its keys are %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(k.Value, v); err != nil {
			return err
		}
	}
	for _, key := range required {
		if _, ok := seen[key]; !ok {
			return p.errorf(n, key, "is missing from %s: add it", what)
		}
	}
	return nil
}

func (p parser) sequence(n *yaml.Node, key string, each func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode {
		return p.errorf(n, key, "must be a list, not %s", kind(n))
	}
	for _, item := range n.Content {
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

func (p parser) text(into *string) field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			return p.errorf(n, key, "must be a text, not %s", kind(n))
		}
		if n.Tag != "!!str" {
			return p.errorf(n, key, "must be a text, not %s: put quotes around it", kind(n))
		}
		if strings.TrimSpace(n.Value) == "" {
			return p.errorf(n, key, "is empty: give it a value, or leave the key out")
		}
		*into = n.Value
		return nil
	}
}

func (p parser) form(into *string, form *regexp.Regexp, described string) field {
	return func(key string, n *yaml.Node) error {
		if err := p.text(into)(key, n); err != nil {
			return err
		}
		if !form.MatchString(*into) {
			return p.errorf(n, key, "is %q: write it as %s", *into, described)
		}
		return nil
	}
}

func (p parser) oneOf(into *string, allowed []string) field {
	return func(key string, n *yaml.Node) error {
		if err := p.text(into)(key, n); err != nil {
			return err
		}
		if !slices.Contains(allowed, *into) {
			return p.errorf(n, key, "has %q: it can be %s", *into, strings.Join(allowed, ", "))
		}
		return nil
	}
}

func (p parser) texts(into *[]string, allowed []string) field {
	return func(key string, n *yaml.Node) error {
		err := p.sequence(n, key, func(item *yaml.Node) error {
			var value string
			read := p.text(&value)
			if allowed != nil {
				read = p.oneOf(&value, allowed)
			}
			if err := read(key, item); err != nil {
				return err
			}
			*into = append(*into, value)
			return nil
		})
		if err == nil && len(*into) == 0 {
			return p.errorf(n, key, "is an empty list: fill it, or leave the key out")
		}
		return err
	}
}

func (p parser) count(into *int) field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Decode(into) != nil || n.Tag != "!!int" || *into < 0 {
			return p.errorf(n, key, "must be a whole number from 0, not %s", kind(n))
		}
		return nil
	}
}

func (p parser) flag(into *bool) field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(into) != nil {
			return p.errorf(n, key, "must be true or false, not %s", kind(n))
		}
		return nil
	}
}

func (p parser) duration(into *time.Duration) field {
	return func(key string, n *yaml.Node) error {
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d%time.Millisecond != 0 {
			return p.errorf(n, key, "must be a duration of whole milliseconds such as 500ms, 6s or 1h, not %s", kind(n))
		}
		*into = d
		return nil
	}
}

func (p parser) keepalive(into *Keepalive) field {
	return func(key string, n *yaml.Node) error {
		err := p.mapping(n, key, fields{"min": p.duration(&into.Min), "max": p.duration(&into.Max)}, "min", "max")
		if err == nil && (into.Min == 0 || into.Min > into.Max) {
			return p.errorf(n, key, "must have 0 < min <= max, not min %s and max %s", into.Min, into.Max)
		}
		return err
	}
}

func (p parser) setup(into *Setup) field {
	return func(key string, n *yaml.Node) error {
		return p.mapping(n, key, fields{"npm": p.flag(&into.NPM), "node": p.count(&into.Node)})
	}
}

func (p parser) known(into *[]Known) field {
	return func(key string, n *yaml.Node) error {
		return p.sequence(n, key, func(item *yaml.Node) error {
			var k Known
			err := p.mapping(item, "an entry of known", fields{
				"requirement":  p.form(&k.Requirement, requirementForm, "LAT-AREA-000"),
				"signature":    p.text(&k.Signature),
				"reason":       p.text(&k.Reason),
				"link":         p.text(&k.Link),
				"review":       p.date(&k.Review),
				"intermittent": p.flag(&k.Intermittent),
				"companion":    p.form(&k.Companion, nameForm, "the name of an implementation"),
				"lab":          p.oneOf(&k.Lab, labs),
			}, "requirement", "signature", "reason", "link", "review")
			if err != nil {
				return err
			}
			for _, other := range *into {
				if other.Requirement == k.Requirement && other.Signature == k.Signature && other.Companion == k.Companion && other.Lab == k.Lab {
					return p.errorf(item, key, "lists %s %q twice: keep one", k.Requirement, k.Signature)
				}
			}
			*into = append(*into, k)
			return nil
		})
	}
}

func (p parser) date(into *time.Time) field {
	return func(key string, n *yaml.Node) error {
		day, err := time.Parse(time.DateOnly, n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			return p.errorf(n, key, "must be a day such as 2026-12-31, not %s", kind(n))
		}
		*into = day
		return nil
	}
}

// kind says what a node is, for errors.
func kind(n *yaml.Node) string {
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
