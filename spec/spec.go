// Package spec is the registry of requirements: every sentence that an
// implementation of Latica, wire version 6, is held to. It is the ground
// floor that the reference and the harness stand on.
package spec

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"punchlist/spec/yamlstrict"
)

//go:embed *.md *.yaml
var carried embed.FS

// A Level is how strongly a requirement binds (RFC 2119).
type Level string

// The levels. A failed SHOULD is a warning, unless a run is strict.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// A Requirement is one entry of the registry.
type Requirement struct {
	ID         string   `yaml:"id" json:"id"`                   // LAT-<AREA>-<NNN>
	Level      Level    `yaml:"level" json:"level"`             // MUST, SHOULD or MAY
	Class      string   `yaml:"class" json:"class"`             // codec, peer, indexed or relay
	Chapter    string   `yaml:"chapter" json:"chapter"`         // file of the chapter that explains it
	Text       string   `yaml:"text" json:"text"`               // one sentence, one observable clause
	VerifiedBy []string `yaml:"verified_by" json:"verified_by"` // wire, event, vector, inspection(reason)
	Since      string   `yaml:"since" json:"since"`             // edition of the registry
	From       string   `yaml:"from" json:"from,omitempty"`     // the id of which it was a part, if it was
}

// Inspection reports whether the requirement is judged by reading code alone,
// and why.
func (r Requirement) Inspection() (reason string, ok bool) {
	if len(r.VerifiedBy) != 1 {
		return "", false
	}
	m := inspection.FindStringSubmatch(r.VerifiedBy[0])
	if m == nil {
		return "", false
	}
	return m[1], true
}

// A Retired is an id that was a requirement's, and will never be another's.
type Retired struct {
	ID     string `yaml:"id"`
	In     string `yaml:"in"`     // edition of the registry
	Reason string `yaml:"reason"` // one sentence
}

// A Registry holds requirements in the order of their file.
type Registry struct {
	all     []Requirement
	index   map[string]int
	retired []Retired
}

// Load reads the registry that the program carries.
func Load() (*Registry, error) {
	text, err := carried.ReadFile("requirements.yaml")
	if err != nil {
		return nil, err
	}
	return Parse("spec/requirements.yaml", text)
}

// Parse reads a registry. Errors name the file and the requirement.
func Parse(file string, data []byte) (*Registry, error) {
	var doc struct {
		Requirements []Requirement `yaml:"requirements"`
		Retired      []Retired     `yaml:"retired"`
	}
	if err := decode(file, data, &doc); err != nil {
		return nil, err
	}
	r := &Registry{all: doc.Requirements, index: make(map[string]int, len(doc.Requirements)), retired: doc.Retired}
	for i, q := range doc.Requirements {
		if _, twice := r.index[q.ID]; twice {
			return nil, fmt.Errorf("%s: %s stands in it twice: an id is never reused", file, q.ID)
		}
		if err := q.validate(); err != nil {
			return nil, fmt.Errorf("%s: requirement %d (%s): %w", file, i+1, q.ID, err)
		}
		doc.Requirements[i].Text = strings.TrimSpace(q.Text)
		r.index[q.ID] = i
	}
	if len(r.all) == 0 {
		return nil, fmt.Errorf("%s: no requirements in it", file)
	}
	for _, q := range doc.Requirements {
		if _, ok := r.index[q.From]; q.From != "" && !ok && !slices.ContainsFunc(doc.Retired, func(old Retired) bool { return old.ID == q.From }) {
			return nil, fmt.Errorf("%s: %s is from %s, which is not in it: correct the id", file, q.ID, q.From)
		}
	}
	for i, old := range doc.Retired {
		_, back := r.index[old.ID]
		switch {
		case !IsID(old.ID) || old.In == "" || strings.TrimSpace(old.Reason) == "":
			return nil, fmt.Errorf("%s: retired %d (%s) needs an id LAT-<AREA>-<NNN>, an edition (in) and a reason", file, i+1, old.ID)
		case back:
			return nil, fmt.Errorf("%s: %s is retired and a requirement: give the requirement a new id", file, old.ID)
		}
	}
	return r, nil
}

// decode reads a list of the standard; of an empty file nothing, which its caller refuses.
func decode(file string, data []byte, doc any) error {
	err := yamlstrict.File(file).Decode(data, doc, "the file", "")
	if errors.Is(err, yamlstrict.ErrEmpty) {
		return nil
	}
	return err
}

var (
	id         = regexp.MustCompile(`^LAT-[A-Z]{2,5}-[0-9]{3}$`)
	inspection = regexp.MustCompile(`^inspection\((.+)\)$`)
	levels     = []Level{Must, Should, May}
	classes    = []string{"codec", "peer", "indexed", "relay"}
	means      = []string{"wire", "event", "vector"}
)

// IsID reports whether a tag (without its @) is shaped like an id.
func IsID(tag string) bool { return id.MatchString(tag) }

func (r Requirement) validate() error {
	switch {
	case !IsID(r.ID):
		return fmt.Errorf("id %q is not LAT-<AREA>-<NNN>", r.ID)
	case !slices.Contains(levels, r.Level):
		return fmt.Errorf("level %q is none of %q", r.Level, levels)
	case !slices.Contains(classes, r.Class):
		return fmt.Errorf("class %q is none of %q", r.Class, classes)
	case r.Chapter == "":
		return fmt.Errorf("chapter is missing")
	case strings.TrimSpace(r.Text) == "":
		return fmt.Errorf("text is missing")
	case r.Since == "":
		return fmt.Errorf("since is missing")
	case len(r.VerifiedBy) == 0:
		return fmt.Errorf("verified_by is missing")
	}
	for _, by := range r.VerifiedBy {
		if !slices.Contains(means, by) && !inspection.MatchString(by) {
			return fmt.Errorf("verified_by %q is none of %q and not inspection(reason)", by, means)
		}
	}
	return nil
}

// All lists the requirements in the order of the file. It is not to be
// written to.
func (r *Registry) All() []Requirement { return r.all }

// Lookup finds a requirement by its id.
func (r *Registry) Lookup(id string) (Requirement, bool) {
	i, ok := r.index[id]
	if !ok {
		return Requirement{}, false
	}
	return r.all[i], true
}

// Order is where a requirement stands in the file, for sorting; ids that are
// unknown come last.
func (r *Registry) Order(id string) int {
	if i, ok := r.index[id]; ok {
		return i
	}
	return len(r.all)
}
