package nat

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"punchlist/spec/yamlstrict"
)

//go:embed profiles.yaml
var profilesYAML []byte

//go:embed deviants.yaml
var deviantsYAML []byte

// Profiles are the named kinds of NAT, in the order of profiles.yaml: what
// topologies choose from.
func Profiles() []Profile { return slices.Clone(bundled().named) }

// Deviants are kinds of NAT that break a requirement, or have a limit, which
// no named profile does; for the tests of the engine and of the labs.
func Deviants() []Profile { return slices.Clone(bundled().deviant) }

// Lookup finds a profile, or a deviant, by its name. The error of an unknown
// name lists the known ones.
func Lookup(name string) (Profile, error) {
	b := bundled()
	var known []string
	for _, p := range slices.Concat(b.named, b.deviant) {
		if p.Name == name {
			return p, nil
		}
		known = append(known, p.Name)
	}
	return Profile{}, fmt.Errorf("unknown NAT profile %q: the known ones are %s", name, strings.Join(known, ", "))
}

// Find is the profile in the file of that name or, where there is no such
// file, the one that Lookup finds.
func Find(nameOrFile string) (Profile, error) {
	data, err := os.ReadFile(nameOrFile)
	if errors.Is(err, fs.ErrNotExist) {
		p, err := Lookup(nameOrFile)
		if err != nil {
			return p, fmt.Errorf("%w, and there is no such file", err)
		}
		return p, nil
	}
	if err != nil {
		return Profile{}, err
	}
	return LoadProfile(data, nameOrFile)
}

// LoadProfile reads the profile of a YAML file. It is strict: an unknown or repeated key, a word
// that an axis doesn't have, a missing axis, a value out of its range, or a Behind that names no
// bundled profile is an error that names the file and the key.
func LoadProfile(data []byte, file string) (Profile, error) {
	f := yamlstrict.File(file)
	doc, err := f.Document(data, "the NAT profile", "give it a name and its axes")
	if err != nil {
		return Profile{}, err
	}
	p, err := decodeProfile(f, doc)
	if err != nil {
		return Profile{}, err
	}
	if _, err := Chain(p); err != nil {
		return Profile{}, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

var bundled = sync.OnceValue(func() (b struct{ named, deviant []Profile }) {
	b.named = mustDecode("profiles.yaml", profilesYAML)
	b.deviant = mustDecode("deviants.yaml", deviantsYAML)
	return b
})

// mustDecode panics on a fault: the files are compiled in, and a test reads them.
func mustDecode(file string, data []byte) []Profile {
	f := yamlstrict.File(file)
	list, err := f.Document(data, "the list", "it needs profiles")
	if err != nil {
		panic(err)
	}
	profiles := make([]Profile, len(list.Content))
	for i, node := range list.Content {
		if profiles[i], err = decodeProfile(f, node); err != nil {
			panic(err)
		}
	}
	return profiles
}

func decodeProfile(f yamlstrict.File, node *yaml.Node) (p Profile, err error) {
	keys, given := yamlstrict.Fields{}, map[string]bool{}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		keys[key] = func(key string, n *yaml.Node) error {
			if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
				return f.Errorf(n, key, "must be a single value, not %s", yamlstrict.Kind(n))
			}
			if err := n.Decode(v.Field(i).Addr().Interface()); err != nil {
				return f.Errorf(n, key, "can't be had: %v", err)
			}
			given[key] = true
			return nil
		}
	}
	if err := f.Mapping(node, "a NAT profile", keys); err != nil {
		return p, err
	}
	if !p.Open && !p.Blocked {
		for _, key := range []string{"mapping", "filtering", "ports", "hairpin", "lifetime"} {
			if !given[key] {
				return p, f.Errorf(node, key, "is missing from NAT profile %q: add it", p.Name)
			}
		}
	}
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("%s: %w", f, err)
	}
	return p, nil
}
