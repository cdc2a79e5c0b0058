package spec

import (
	"fmt"
	"regexp"
	"strings"
)

// A Constant is a figure of the protocol, as the table of its chapter has it.
type Constant struct {
	Name        string `yaml:"name"`        // unique
	Chapter     string `yaml:"chapter"`     // file of the chapter, NN-name.md
	Default     string `yaml:"default"`     // with its unit
	Permitted   string `yaml:"permitted"`   // the range that a peer may choose from, or: fixed
	Requirement string `yaml:"requirement"` // the id that binds it; may be empty
	Reason      string `yaml:"reason"`      // one or two sentences
}

// ParseConstants reads constants, in the order of the file, whose requirements
// r has. Errors name the file and the constant.
func ParseConstants(file string, data []byte, r *Registry) ([]Constant, error) {
	var doc struct {
		Constants []Constant `yaml:"constants"`
	}
	if err := decode(file, data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Constants) == 0 {
		return nil, fmt.Errorf("%s: no constants in it", file)
	}
	names := map[string]bool{}
	for i, c := range doc.Constants {
		if err := c.validate(r); err != nil {
			return nil, fmt.Errorf("%s: constant %d (%s): %w", file, i+1, c.Name, err)
		}
		if names[c.Name] {
			return nil, fmt.Errorf("%s: constant %d (%s): the name stands in it twice: call one of them differently", file, i+1, c.Name)
		}
		names[c.Name] = true
		doc.Constants[i].Reason = strings.TrimSpace(c.Reason)
	}
	return doc.Constants, nil
}

var chapterName = regexp.MustCompile(`^[0-9]{2}-[a-z-]+\.md$`)

func (c Constant) validate(r *Registry) error {
	for _, field := range []struct{ key, value string }{
		{"name", c.Name}, {"default", c.Default}, {"permitted", c.Permitted}, {"reason", c.Reason},
	} {
		if strings.TrimSpace(field.value) == "" {
			return fmt.Errorf("%s is missing", field.key)
		}
	}
	if !chapterName.MatchString(c.Chapter) {
		return fmt.Errorf("chapter %q is not the file of a chapter, NN-name.md", c.Chapter)
	}
	if c.Requirement == "" {
		return nil
	}
	if _, ok := r.Lookup(c.Requirement); !ok {
		return fmt.Errorf("requirement %s is not in the registry%s", c.Requirement, r.nearest(c.Requirement))
	}
	return nil
}
