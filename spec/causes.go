package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Cause is one reason that a datagram may have to leave a peer: a row of the table What a peer
// sends (chapter 4). All but Budget are there.
type Cause struct {
	ID           string   `yaml:"id"`           // what programs call it; unique, and for good: pong/first
	Level        Level    `yaml:"level"`        // Must: it is owed; Should: by whoever does so at all; May: it is allowed
	Class        string   `yaml:"class"`        // peer, or what an indexed peer or a relay sends beside it
	Type         string   `yaml:"type"`         // of the packet, or opener
	On           string   `yaml:"on"`           // the input, timer or command
	To           string   `yaml:"to"`           // the destination
	Socket       string   `yaml:"socket"`       // that it leaves from
	Fields       string   `yaml:"fields"`       // their values or sources
	When         string   `yaml:"when"`         // earliest and latest
	Often        string   `yaml:"often"`        // for each trigger
	Budget       string   `yaml:"budget"`       // what it is charged to; may be empty
	Requirements []string `yaml:"requirements"` // the first has the level, where that is no May
}

var (
	causeID     = regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)
	causeTypes  = []string{"ping", "pong", "intro", "join", "publish", "stream", "sync", "query", "opener"}
	constantRef = regexp.MustCompile("`([a-z][a-z0-9.-]*)`")
)

// ParseCauses reads causes, in the order of the file, whose requirements r has. Errors name the
// file and the cause.
func ParseCauses(file string, data []byte, r *Registry) ([]Cause, error) {
	var doc struct {
		Causes []Cause `yaml:"causes"`
	}
	if err := decode(file, data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Causes) == 0 {
		return nil, fmt.Errorf("%s: no causes in it", file)
	}
	ids := map[string]bool{}
	for i, c := range doc.Causes {
		if err := c.validate(r); err != nil {
			return nil, fmt.Errorf("%s: cause %d (%s): %w", file, i+1, c.ID, err)
		}
		if ids[c.ID] {
			return nil, fmt.Errorf("%s: cause %d (%s): the id stands in it twice: give one of them another", file, i+1, c.ID)
		}
		ids[c.ID] = true
	}
	return doc.Causes, nil
}

func (c Cause) validate(r *Registry) error {
	for _, field := range []struct{ key, value string }{
		{"id", c.ID}, {"on", c.On}, {"to", c.To}, {"socket", c.Socket}, {"fields", c.Fields}, {"when", c.When}, {"often", c.Often},
	} {
		if strings.TrimSpace(field.value) == "" {
			return fmt.Errorf("%s is missing", field.key)
		}
	}
	switch {
	case !causeID.MatchString(c.ID):
		return fmt.Errorf("id %q is not GROUP/WORDS, as in pong/first", c.ID)
	case !slices.Contains(levels, c.Level):
		return fmt.Errorf("level %q is none of %q", c.Level, levels)
	case !slices.Contains(classes[1:], c.Class):
		return fmt.Errorf("class %q is none of %q", c.Class, classes[1:])
	case !slices.Contains(causeTypes, c.Type):
		return fmt.Errorf("type %q is none of %q", c.Type, causeTypes)
	case len(c.Requirements) == 0:
		return fmt.Errorf("requirements are missing")
	}
	for _, id := range c.Requirements {
		if _, ok := r.Lookup(id); !ok {
			return fmt.Errorf("requirement %s is not in the registry%s", id, r.nearest(id))
		}
	}
	if q, _ := r.Lookup(c.Requirements[0]); c.Level != May && q.Level != c.Level {
		return fmt.Errorf("its level is %s, and its first requirement %s is a %s: put one of its level first", c.Level, q.ID, q.Level)
	}
	return nil
}

// Cause finds a cause by its id.
func (s *Standard) Cause(id string) (Cause, bool) {
	i := slices.IndexFunc(s.Causes, func(c Cause) bool { return c.ID == id })
	if i < 0 {
		return Cause{}, false
	}
	return s.Causes[i], true
}

// sends matches a requirement that has a peer send something. What only promises an effect, as
// "MUST reach", is of several causes or of none in particular.
var sends = regexp.MustCompile(`\b(MUST|SHOULD) (answer|cache and relay|discover|go on exchanging|go on pinging|introduce|multicast|ping|relay|send|start a sync)\b`)

// checkCauses finds requirements that have a peer send something without a cause, and constants
// that a cause names and that there are not.
func (s *Standard) checkCauses(c *Coverage) {
	of := map[string]bool{}
	for _, cause := range s.Causes {
		for _, id := range cause.Requirements {
			of[id] = true
		}
		for _, text := range []string{cause.When, cause.Often, cause.Budget, cause.Fields} {
			for _, m := range constantRef.FindAllStringSubmatch(text, -1) {
				if _, ok := s.Constant(m[1]); !ok {
					c.problem("causes.yaml: %s names %s, which constants.yaml does not have: correct the id", cause.ID, m[1])
				}
			}
		}
	}
	for _, q := range s.All() {
		if sends.MatchString(q.Text) && q.Class != "codec" && !of[q.ID] {
			c.problem("%s has a peer send something, and is of no cause in causes.yaml: add it to one", q.ID)
		}
	}
}

func (s *Standard) causesTable() string {
	if len(s.Causes) == 0 {
		return ""
	}
	t := newTable("cause", "level", "packet", "on", "to, from which socket", "fields", "when", "how often", "by")
	for _, c := range s.Causes {
		var by []string
		for _, id := range c.Requirements {
			q, _ := s.Lookup(id)
			by = append(by, q.link())
		}
		level, often := string(c.Level), c.Often
		if c.Class != "peer" {
			level += ", " + c.Class
		}
		if c.Budget != "" {
			often += "; within " + c.Budget
		}
		t.row("`"+c.ID+"`", level, c.Type, cell(c.On), cell(c.To+", from "+c.Socket), cell(c.Fields), cell(c.When), cell(often), strings.Join(by, ", "))
	}
	return t.String()
}
