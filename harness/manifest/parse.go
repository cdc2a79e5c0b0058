package manifest

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"punchlist/spec/yamlstrict"
)

var (
	nameForm        = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
	idForm          = regexp.MustCompile(`^(died|(oracle/)?[a-z]+/[a-z0-9]+(-[a-z0-9]+)*)$`)
	requirementForm = regexp.MustCompile(`^LAT-[A-Z]+-[0-9]{3}$`)

	classes  = []string{"codec", "peer", "indexed", "relay"}
	builtins = []string{"reference"}
	labs     = []string{"sim", "netns", "docker"}
)

// Parse reads a manifest. File is its name in errors, dir the folder that
// ${dir} stands for. It is strict: an unknown key, a wrong type or a missing
// part is an error that names file, line and key, and says what to do.
func Parse(data []byte, file, dir string) (Manifest, error) {
	p := parser{yamlstrict.File(file)}
	m := Manifest{Bootstrap: 3, File: file, Dir: dir}
	root, err := p.Document(data, "the manifest", "spec/testee.md shows one")
	if err != nil {
		return Manifest{}, err
	}
	err = p.Mapping(root, "the manifest", yamlstrict.Fields{
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
		return Manifest{}, m.errorf(root, "command", "is missing: say how the peer is started, by command, image or builtin")
	}
	for _, e := range m.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return Manifest{}, m.errorf(root, "env", "has %q, which is not NAME=value", e)
		}
	}
	return m, nil
}

// errorf is an error about a key of the manifest, at a node of its file or nil.
func (m Manifest) errorf(n *yaml.Node, key, format string, args ...any) error {
	return yamlstrict.File(m.File).Errorf(n, key, format, args...)
}

// A parser reads values out of YAML nodes, and knows the file for errors.
type parser struct{ yamlstrict.File }

func (p parser) sequence(n *yaml.Node, key string, each func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode {
		return p.Errorf(n, key, "must be a list, not %s", yamlstrict.Kind(n))
	}
	for _, item := range n.Content {
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

func (p parser) text(into *string) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			return p.Errorf(n, key, "must be a text, not %s", yamlstrict.Kind(n))
		}
		if n.Tag != "!!str" {
			return p.Errorf(n, key, "must be a text, not %s: put quotes around it", yamlstrict.Kind(n))
		}
		if strings.TrimSpace(n.Value) == "" {
			return p.Errorf(n, key, "is empty: give it a value, or leave the key out")
		}
		*into = n.Value
		return nil
	}
}

func (p parser) form(into *string, form *regexp.Regexp, described string) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		if err := p.text(into)(key, n); err != nil {
			return err
		}
		if !form.MatchString(*into) {
			return p.Errorf(n, key, "is %q: write it as %s", *into, described)
		}
		return nil
	}
}

func (p parser) oneOf(into *string, allowed []string) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		if err := p.text(into)(key, n); err != nil {
			return err
		}
		if !slices.Contains(allowed, *into) {
			return p.Errorf(n, key, "has %q: it can be %s", *into, strings.Join(allowed, ", "))
		}
		return nil
	}
}

func (p parser) texts(into *[]string, allowed []string) yamlstrict.Field {
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
			return p.Errorf(n, key, "is an empty list: fill it, or leave the key out")
		}
		return err
	}
}

func (p parser) count(into *int) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Decode(into) != nil || n.Tag != "!!int" || *into < 0 {
			return p.Errorf(n, key, "must be a whole number from 0, not %s", yamlstrict.Kind(n))
		}
		return nil
	}
}

func (p parser) flag(into *bool) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(into) != nil {
			return p.Errorf(n, key, "must be true or false, not %s", yamlstrict.Kind(n))
		}
		return nil
	}
}

func (p parser) duration(into *time.Duration) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d%time.Millisecond != 0 {
			return p.Errorf(n, key, "must be a duration of whole milliseconds such as 500ms, 6s or 1h, not %s", yamlstrict.Kind(n))
		}
		*into = d
		return nil
	}
}

func (p parser) keepalive(into *Keepalive) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		err := p.Mapping(n, key, yamlstrict.Fields{"min": p.duration(&into.Min), "max": p.duration(&into.Max)}, "min", "max")
		if err == nil && (into.Min == 0 || into.Min > into.Max) {
			return p.Errorf(n, key, "must have 0 < min <= max, not min %s and max %s", into.Min, into.Max)
		}
		return err
	}
}

func (p parser) setup(into *Setup) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		return p.Mapping(n, key, yamlstrict.Fields{"npm": p.flag(&into.NPM), "node": p.count(&into.Node)})
	}
}

func (p parser) known(into *[]Known) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		return p.sequence(n, key, func(item *yaml.Node) error {
			var k Known
			var outcome string
			err := p.Mapping(item, "an entry of known", yamlstrict.Fields{
				"requirement":  p.form(&k.Requirement, requirementForm, "LAT-AREA-000"),
				"id":           p.form(&k.ID, idForm, "the id of a step, a monitor or a rule of the oracle (trav/connected-directly), or died"),
				"detail":       p.text(&k.Detail),
				"outcome":      p.oneOf(&outcome, []string{"failed", "inconclusive"}),
				"signature":    p.text(&k.Signature),
				"reason":       p.text(&k.Reason),
				"link":         p.text(&k.Link),
				"review":       p.date(&k.Review),
				"intermittent": p.flag(&k.Intermittent),
				"companion":    p.form(&k.Companion, nameForm, "the name of an implementation"),
				"lab":          p.oneOf(&k.Lab, labs),
			}, "requirement", "reason", "link", "review")
			switch {
			case err != nil:
				return err
			case k.ID == "" && k.Signature == "":
				return p.Errorf(item, "id", "is missing from an entry of known: add it, as the report shows it beside the failure")
			case k.Signature != "" && (k.ID != "" || k.Detail != "" || outcome != ""):
				return p.Errorf(item, "signature", "can't stand beside id, detail or outcome: take it out")
			}
			k.Inconclusive = outcome == "inconclusive"
			for _, other := range *into {
				if other.names(k) {
					return p.Errorf(item, key, "lists %s twice: keep one", k)
				}
			}
			*into = append(*into, k)
			return nil
		})
	}
}

// names reports whether two entries are of the same failure in the same cells.
func (k Known) names(other Known) bool {
	k.Reason, k.Link, k.Review, k.Intermittent = other.Reason, other.Link, other.Review, other.Intermittent
	return k == other
}

func (p parser) date(into *time.Time) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		day, err := time.Parse(time.DateOnly, n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			return p.Errorf(n, key, "must be a day such as 2026-12-31, not %s", yamlstrict.Kind(n))
		}
		*into = day
		return nil
	}
}
