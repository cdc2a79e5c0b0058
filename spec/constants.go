package spec

import (
	"fmt"
	"regexp"
	"strings"
)

// A Constant is a figure of the protocol, as the table of its chapter has it.
type Constant struct {
	ID          string `yaml:"id"`          // what programs call it; unique, and for good
	Name        string `yaml:"name"`        // unique
	Chapter     string `yaml:"chapter"`     // file of the chapter, NN-name.md
	Default     string `yaml:"default"`     // with its unit
	Permitted   string `yaml:"permitted"`   // the range that a peer may choose from, or: fixed
	Unranged    string `yaml:"unranged"`    // why Permitted is neither; else empty
	Requirement string `yaml:"requirement"` // the id that binds it
	Unbound     string `yaml:"unbound"`     // why no requirement does; else empty
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
	ids, names := map[string]bool{}, map[string]bool{}
	for i, c := range doc.Constants {
		if err := c.validate(r); err != nil {
			return nil, fmt.Errorf("%s: constant %d (%s): %w", file, i+1, c.Name, err)
		}
		if ids[c.ID] {
			return nil, fmt.Errorf("%s: constant %d (%s): the id %s stands in it twice: give one of them another", file, i+1, c.Name, c.ID)
		}
		if names[c.Name] {
			return nil, fmt.Errorf("%s: constant %d (%s): the name stands in it twice: call one of them differently", file, i+1, c.Name)
		}
		ids[c.ID], names[c.Name] = true, true
		doc.Constants[i].Reason = strings.TrimSpace(c.Reason)
	}
	return doc.Constants, nil
}

var (
	chapterName = regexp.MustCompile(`^[0-9]{2}-[a-z-]+\.md$`)
	constantID  = regexp.MustCompile(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`)
)

func (c Constant) validate(r *Registry) error {
	for _, field := range []struct{ key, value string }{
		{"id", c.ID}, {"name", c.Name}, {"default", c.Default}, {"permitted", c.Permitted}, {"reason", c.Reason},
	} {
		if strings.TrimSpace(field.value) == "" {
			return fmt.Errorf("%s is missing", field.key)
		}
	}
	if !chapterName.MatchString(c.Chapter) {
		return fmt.Errorf("chapter %q is not the file of a chapter, NN-name.md", c.Chapter)
	}
	if !constantID.MatchString(c.ID) {
		return fmt.Errorf("id %q is not of words parted by dots or hyphens, as in pool.close-interval", c.ID)
	}
	if err := c.validateRange(); err != nil {
		return err
	}
	switch {
	case c.Requirement == "" && c.Unbound == "":
		return fmt.Errorf("no requirement binds it: name one, or say why not in unbound")
	case c.Requirement == "":
		return nil
	case c.Unbound != "":
		return fmt.Errorf("requirement %s binds it: remove unbound", c.Requirement)
	}
	if _, ok := r.Lookup(c.Requirement); !ok {
		return fmt.Errorf("requirement %s is not in the registry%s", c.Requirement, r.nearest(c.Requirement))
	}
	return nil
}
