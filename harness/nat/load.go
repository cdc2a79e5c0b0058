package nat

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
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
	p, err := LoadProfile(data)
	if err != nil {
		return p, fmt.Errorf("%s: %w", nameOrFile, err)
	}
	return p, nil
}

// LoadProfile reads one profile from YAML. It is strict: an unknown or
// repeated key, a word that an axis doesn't have, a missing axis, a value out
// of its range, or a Behind that names no bundled profile is an error that
// names the line and the key.
func LoadProfile(data []byte) (Profile, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); err != nil {
		return Profile{}, fmt.Errorf("nat profile: %w", noDocument(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Profile{}, errors.New("nat profile: more than one YAML document; write one profile per file")
	}
	p, err := decodeProfile(doc.Content[0])
	if err != nil {
		return Profile{}, err
	}
	if _, err := Chain(p); err != nil {
		return Profile{}, err
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
	var nodes []yaml.Node
	if err := yaml.Unmarshal(data, &nodes); err != nil {
		panic(fmt.Sprintf("%s: %v", file, err))
	}
	profiles := make([]Profile, len(nodes))
	for i := range nodes {
		p, err := decodeProfile(&nodes[i])
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file, err))
		}
		profiles[i] = p
	}
	return profiles
}

// decodeProfile fills a profile key by key, so that an error can name the key
// (the decoder of yaml.v3 names only lines, and ignores unknown keys in nodes).
func decodeProfile(node *yaml.Node) (Profile, error) {
	if node.Kind != yaml.MappingNode {
		return Profile{}, fmt.Errorf("nat profile: line %d: not a mapping of keys to values", node.Line)
	}
	var p Profile
	fields := reflect.ValueOf(&p).Elem()
	byKey := map[string]reflect.Value{}
	var keys []string
	for i := range fields.NumField() {
		key, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("yaml"), ",")
		byKey[key] = fields.Field(i)
		keys = append(keys, key)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, ok := byKey[key.Value]
		if !ok {
			return p, fmt.Errorf("nat profile: line %d: unknown key %q: the known ones are %s", key.Line, key.Value, strings.Join(keys, ", "))
		}
		if seen[key.Value] {
			return p, fmt.Errorf("nat profile: line %d: %s: given twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			return p, fmt.Errorf("nat profile: line %d: %s: not a single value", value.Line, key.Value)
		}
		if err := value.Decode(field.Addr().Interface()); err != nil {
			return p, fmt.Errorf("nat profile: line %d: %s: %w", value.Line, key.Value, err)
		}
	}
	if !p.Open && !p.Blocked {
		for _, key := range []string{"mapping", "filtering", "ports", "hairpin", "lifetime"} {
			if !seen[key] {
				return p, fmt.Errorf("nat profile %q: line %d: %s: missing", p.Name, node.Line, key)
			}
		}
	}
	return p, p.Validate()
}

func noDocument(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("empty")
	}
	return err
}
