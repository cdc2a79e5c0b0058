package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Deviation is what deployed implementations do and a peer must not.
type Deviation struct {
	ID           string   `yaml:"id"`           // DEV-<NNN>
	Versions     []string `yaml:"versions"`     // of the package, in which it was seen
	Does         string   `yaml:"does"`         // one sentence
	Danger       string   `yaml:"danger"`       // one sentence
	Requirements []string `yaml:"requirements"` // what a peer does instead; none: Note says why
	Note         string   `yaml:"note"`
	// Unseen is why no scenario fails by it for the package's newest version.
	Unseen string `yaml:"unseen"`
}

// Reproduced reports whether the suite has seen it in a version, as a failure of a
// scenario of one of its requirements.
func (v Deviation) Reproduced(version string) bool {
	return slices.Contains(v.Versions, version) && strings.TrimSpace(v.Unseen) == ""
}

var (
	deviationID = regexp.MustCompile(`^DEV-[0-9]{3}$`)
	deployed    = []string{"0.5.4", "0.6.0-rc.8"}
)

// ParseDeviations reads a list of deviations, in ascending order of their ids,
// whose requirements r has. Errors name the file and the deviation.
func ParseDeviations(file string, data []byte, r *Registry) ([]Deviation, error) {
	var doc struct {
		Deviations []Deviation `yaml:"deviations"`
	}
	if err := decode(file, data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Deviations) == 0 {
		return nil, fmt.Errorf("%s: no deviations in it", file)
	}
	last := ""
	for i, v := range doc.Deviations {
		if err := v.validate(r); err != nil {
			return nil, fmt.Errorf("%s: deviation %d (%s): %w", file, i+1, v.ID, err)
		}
		switch {
		case v.ID == last:
			return nil, fmt.Errorf("%s: %s stands in it twice: an id is never reused", file, v.ID)
		case v.ID < last:
			return nil, fmt.Errorf("%s: %s stands after %s: sort by id", file, v.ID, last)
		}
		last = v.ID
	}
	return doc.Deviations, nil
}

func (v Deviation) validate(r *Registry) error {
	switch {
	case !deviationID.MatchString(v.ID):
		return fmt.Errorf("id %q is not DEV-<NNN>", v.ID)
	case len(v.Versions) == 0:
		return fmt.Errorf("versions is missing")
	case strings.TrimSpace(v.Does) == "":
		return fmt.Errorf("does is missing")
	case strings.TrimSpace(v.Danger) == "":
		return fmt.Errorf("danger is missing")
	case len(v.Requirements) == 0 && strings.TrimSpace(v.Note) == "":
		return fmt.Errorf("requirements is missing, and no note says why")
	}
	for _, version := range v.Versions {
		if !slices.Contains(deployed, version) {
			return fmt.Errorf("version %q is none of %q", version, deployed)
		}
	}
	for i, id := range v.Requirements {
		if _, ok := r.Lookup(id); !ok {
			return fmt.Errorf("requirement %s is not in the registry%s", id, r.nearest(id))
		}
		if slices.Contains(v.Requirements[:i], id) {
			return fmt.Errorf("requirement %s stands in it twice", id)
		}
	}
	return nil
}
