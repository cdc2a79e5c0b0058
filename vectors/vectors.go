// Package vectors embeds the test vectors: data that an implementation of Latica can be held to
// without any code of this project.
package vectors

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"punchlist/spec/yamlstrict"
)

// Observed is observed.json: what the deployed peer, @socketsupply/socket 0.6.0-rc.8, was seen to
// send, accept and compute. README.md says what its sections hold.
//
//go:embed observed.json
var Observed []byte

// Schema is the JSON Schema of the files of vectors.
//
//go:embed schema.json
var Schema []byte

// Files are the files of vectors, which Read reads.
//
//go:embed [0-9][0-9]-*.yaml
var Files embed.FS

// A Vector is a command of the testee protocol (spec/testee.md, class codec) and what a conforming
// codec answers. One of OK, Rejected and Opens says what that is.
type Vector struct {
	ID          string          `json:"id"`          // of its chapter, "framing/magic-byte-0-wrong"; never given to another vector
	Requirement string          `json:"requirement"` // what a codec breaks that answers otherwise
	Title       string          `json:"title"`       // what is special about it
	Do          string          `json:"do"`          // the command
	With        json.RawMessage `json:"with"`        // its parameters

	OK       json.RawMessage `json:"ok,omitempty"`       // the result: what it has must be in the reply, equal
	Rejected *Rejection      `json:"rejected,omitempty"` // the input is refused
	Opens    *string         `json:"opens,omitempty"`    // the result is a sealed message, and this in hex is what it opens to, by the same shared key
}

// A Rejection is why an input is refused. The reference says it in these words; of others nothing
// is asked but to refuse.
type Rejection struct {
	Field  string `yaml:"field,omitempty" json:"field,omitempty"`   // of the packet, where one is to blame
	Key    string `yaml:"key,omitempty" json:"key,omitempty"`       // of its body, where one is
	Reason string `yaml:"reason" json:"reason"`                     // in one line
	Offset *int   `yaml:"offset,omitempty" json:"offset,omitempty"` // in the datagram, of what is to blame
}

// A Chapter is one file of vectors.
type Chapter struct {
	File    string // "01-framing.yaml"; its chapter of the specification has the same name and .md
	Vectors []Vector
}

// Load reads the vectors that the program carries, by chapter, and gives all who ask the same: they
// are not to be changed.
func Load() ([]Chapter, error) { return load() }

var load = sync.OnceValues(func() ([]Chapter, error) { return Read(Files) })

// Read reads the vectors of a folder, by chapter.
func Read(files fs.FS) ([]Chapter, error) {
	names, err := fs.Glob(files, "[0-9][0-9]-*.yaml")
	if err != nil {
		return nil, err
	}
	var chapters []Chapter
	first := map[string]string{} // id → the file that has it
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		c, err := Parse("vectors/"+name, text)
		if err != nil {
			return nil, err
		}
		for _, v := range c.Vectors {
			if other, ok := first[v.ID]; ok {
				return nil, fmt.Errorf("vectors/%s: %s is in %s already: an id is never used twice", name, v.ID, other)
			}
			first[v.ID] = name
		}
		chapters = append(chapters, c)
	}
	return chapters, nil
}

// document is a file as it is written.
type document struct {
	Chapter string  `yaml:"chapter"`
	Vectors []entry `yaml:"vectors"`
}

// An entry is a vector as it is written.
type entry struct {
	ID          string     `yaml:"id"`
	Requirement string     `yaml:"requirement"`
	Title       string     `yaml:"title"`
	Do          string     `yaml:"do"`
	With        yaml.Node  `yaml:"with"`
	OK          yaml.Node  `yaml:"ok,omitempty"`
	Rejected    *Rejection `yaml:"rejected,omitempty"`
	Opens       *string    `yaml:"opens,omitempty"`
}

// idShape is what an id looks like: the area, and what tells it from others.
var idShape = regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)

// IsID reports whether a text may be a vector's id: framing/magic-byte-0-wrong.
func IsID(text string) bool { return idShape.MatchString(text) }

// Parse reads a file. Errors name it and the vector.
func Parse(file string, text []byte) (Chapter, error) {
	var d document
	if err := yamlstrict.File(file).Decode(text, &d, "the chapter", "it needs vectors"); err != nil {
		return Chapter{}, err
	}
	c := Chapter{File: path.Base(file)}
	if want := strings.TrimSuffix(c.File, ".yaml") + ".md"; d.Chapter != want {
		return c, fmt.Errorf("%s: chapter is %q, and must be %q", file, d.Chapter, want)
	}
	for i, e := range d.Vectors {
		v := Vector{ID: e.ID, Requirement: e.Requirement, Title: e.Title, Do: e.Do, Rejected: e.Rejected, Opens: e.Opens}
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s: vector %d (%s): %s", file, i+1, e.ID, fmt.Sprintf(format, args...))
		}
		if !IsID(v.ID) {
			return c, fail("id %q is not area/words-with-hyphens", v.ID)
		}
		if v.Requirement == "" || v.Title == "" || v.Do == "" {
			return c, fail("requirement, title and do are needed")
		}
		expectations := 0
		for _, there := range []bool{!e.OK.IsZero(), e.Rejected != nil, e.Opens != nil} {
			if there {
				expectations++
			}
		}
		if expectations != 1 {
			return c, fail("one of ok, rejected and opens says what is expected")
		}
		var err error
		if v.With, err = toJSON(&e.With); err != nil {
			return c, fail("with: %v", err)
		}
		if !e.OK.IsZero() {
			if v.OK, err = toJSON(&e.OK); err != nil {
				return c, fail("ok: %v", err)
			}
		}
		c.Vectors = append(c.Vectors, v)
	}
	return c, nil
}

// Write is the file of a chapter, as Parse reads it.
func Write(c Chapter, head string) ([]byte, error) {
	d := document{Chapter: strings.TrimSuffix(c.File, ".yaml") + ".md"}
	for _, v := range c.Vectors {
		e := entry{ID: v.ID, Requirement: v.Requirement, Title: v.Title, Do: v.Do, Rejected: v.Rejected, Opens: v.Opens}
		if err := fromJSON(v.With, &e.With); err != nil {
			return nil, fmt.Errorf("%s: with: %w", v.ID, err)
		}
		if v.OK != nil {
			if err := fromJSON(v.OK, &e.OK); err != nil {
				return nil, fmt.Errorf("%s: ok: %w", v.ID, err)
			}
		}
		d.Vectors = append(d.Vectors, e)
	}
	var out bytes.Buffer
	out.WriteString(head)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(d); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// toJSON writes a YAML value as JSON without white space. Keys keep their order, on which packetIds
// of bodies depend.
func toJSON(n *yaml.Node) (json.RawMessage, error) {
	var out bytes.Buffer
	if err := appendJSON(&out, n); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func appendJSON(out *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		out.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := appendJSON(out, n.Content[i]); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := appendJSON(out, n.Content[i+1]); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := appendJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!int", "!!float", "!!bool", "!!null":
			if !json.Valid([]byte(n.Value)) {
				return fmt.Errorf("line %d: %q is no value of JSON", n.Line, n.Value)
			}
			out.WriteString(n.Value)
		default:
			e := json.NewEncoder(out)
			e.SetEscapeHTML(false)
			if err := e.Encode(n.Value); err != nil {
				return err
			}
			out.Truncate(out.Len() - 1) // the newline
		}
	default:
		return fmt.Errorf("line %d: only mappings, lists and scalars", n.Line)
	}
	return nil
}

// fromJSON makes a YAML value in block style. Texts stay quoted: digits are a text in hex.
func fromJSON(text json.RawMessage, n *yaml.Node) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return readValue(d, n)
}

func readValue(d *json.Decoder, n *yaml.Node) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		n.Kind = yaml.MappingNode
		if v == '[' {
			n.Kind = yaml.SequenceNode
		}
		for d.More() {
			var part yaml.Node
			if err := readValue(d, &part); err != nil {
				return err
			}
			if n.Kind == yaml.MappingNode && len(n.Content)%2 == 0 {
				part.Style = 0 // a key is plain
			}
			n.Content = append(n.Content, &part)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		_, err = d.Token() // the end
		return err
	case string:
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: yaml.DoubleQuotedStyle}
	case json.Number:
		*n = yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	case bool:
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case nil:
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return nil
}
