package codec

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"punchlist/reference/wire"
	"punchlist/spec"
	"punchlist/spec/testee"
	"punchlist/spec/yamlstrict"
	"punchlist/vectors"
)

//go:embed promoted.yaml
var promotedYAML []byte

// A Promoted is a datagram that was seen, and became a vector: how it has to be
// read, whatever a codec made of it then.
type Promoted struct {
	ID          string `yaml:"id"`
	Requirement string `yaml:"requirement"`
	Title       string `yaml:"title"`
	Datagram    string `yaml:"datagram"` // hex
}

// promoted are those of promoted.yaml.
func promoted() (all []Promoted, err error) {
	err = yamlstrict.File("promoted.yaml").Decode(promotedYAML, &all, "the list", "")
	if errors.Is(err, yamlstrict.ErrEmpty) {
		return nil, nil
	}
	return all, err
}

// Entry is the text to be added to promoted.yaml for a datagram, and the
// vector that it becomes. An error says why it can't be one: the requirement is
// unknown or none of a datagram's, its chapter has no vectors, the id is taken or no
// id, or a vector has that datagram already.
func (p Promoted) Entry() (string, vectors.Vector, error) {
	v, err := p.vector()
	if err != nil {
		return "", v, err
	}
	chapters, err := vectors.Load()
	if err != nil {
		return "", v, err
	}
	for _, c := range chapters {
		for _, other := range c.Vectors {
			switch {
			case other.ID == p.ID:
				return "", v, fmt.Errorf("--id %s: a vector of %s has that id", p.ID, c.File)
			case other.Do == testee.Decode && bytes.Equal(other.With, v.With):
				return "", v, fmt.Errorf("the datagram is that of the vector %s already", other.ID)
			}
		}
	}
	text, err := yaml.Marshal([]Promoted{p})
	return string(text), v, err
}

// vector asks the reference what the datagram is.
func (p Promoted) vector() (vectors.Vector, error) {
	file, err := p.file()
	if err != nil {
		return vectors.Vector{}, err
	}
	if !vectors.IsID(p.ID) || p.Title == "" {
		return vectors.Vector{}, fmt.Errorf("an id such as framing/what-is-special, and a title, are needed: %q, %q", p.ID, p.Title)
	}
	if _, err := hex.DecodeString(p.Datagram); err != nil {
		return vectors.Vector{}, fmt.Errorf("datagram: %w", err)
	}
	b := &book{ask: Reference(file), taken: map[string]bool{}}
	b.promote(p)
	if len(b.faults) > 0 {
		return vectors.Vector{}, errors.Join(b.faults...)
	}
	return b.chapter.Vectors[0], nil
}

// promote adds the vector of a datagram that was seen: what is expected is what
// the reference makes of it.
func (b *book) promote(p Promoted) {
	datagram, err := hex.DecodeString(p.Datagram)
	if err != nil {
		b.fail(p.ID, "datagram: %v", err)
		return
	}
	var packet wire.Packet
	fault := wire.Decode(&packet, datagram)
	switch {
	case !fault.OK():
		why := vectors.Rejection{Field: fault.Field.String(), Reason: fault.Reason.String(), Offset: at(fault.Offset)}
		if fault.Key != 0 {
			why.Key = fault.Key.String()
		}
		b.rejects(p.ID, p.Requirement, p.Title, datagram, why)
	case packet.Version != wire.Version:
		b.rejects(p.ID, p.Requirement, p.Title, datagram, vectors.Rejection{Field: "version", Reason: "not 6"})
	default:
		b.decodes(p.ID, p.Requirement, p.Title, datagram)
	}
}

// file is that of the requirement's chapter.
func (p Promoted) file() (string, error) {
	registry, err := spec.Load()
	if err != nil {
		return "", err
	}
	q, ok := registry.Lookup(p.Requirement)
	if !ok {
		return "", fmt.Errorf("%q is no requirement", p.Requirement)
	}
	return strings.TrimSuffix(q.Chapter, ".md") + ".yaml", nil
}
