package internet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"punchlist/harness/nat"
)

// FileHelp shows what the file of a topology looks like, for the help of those
// programs that read one.
const FileHelp = `A file for --topology has hosts and NATs. What is left out is public (realm,
outside), one (addresses), and perfect (link):

  hosts:
    - {name: alice, realm: home}
    - {name: printer, realm: home, link: {latency: 2ms, loss: 0.01}}
    - {name: server, addresses: 2}
  nats:
    - {name: box, profile: symmetric, inside: home, outside: street}
    - {name: carrier, profile: ./mine.yaml, inside: street, link: {mtu: 1400}}

A link has latency, jitter (durations), loss, duplicate, reorder (probabilities),
mtu (bytes), rate (bits per second) and down. The file of a profile is found
from where the file of the topology is.`

// ReadFile reads a topology from a file of hosts and NATs; see FileHelp. It is
// strict: an unknown or repeated key, a wrong type or a missing part is an
// error that names file, line and key, and what can't be the file.
func ReadFile(name string) (t Topology, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return t, err
	}
	if t, err = parseTopology(data, name); err != nil {
		return t, err
	}
	if _, err := New(t, time.Unix(0, 0), Options{}); err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func parseTopology(data []byte, name string) (t Topology, err error) {
	r := topologyReader(name)
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return t, fmt.Errorf("%s: is empty: it needs hosts; see --help", name)
	case err != nil:
		return t, fmt.Errorf("%s: is not YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return t, fmt.Errorf("%s: holds more than one document: write one topology per file", name)
	}
	err = r.mapping(doc.Content[0], "the topology", keys{
		"hosts": func(n *yaml.Node) error {
			h := Host{Realm: Public}
			err := r.mapping(n, "a host", keys{
				"name": r.value(&h.Name), "realm": r.value(&h.Realm), "addresses": r.value(&h.Addresses), "link": r.link(&h.Link),
			}, "name")
			t.Hosts = append(t.Hosts, h)
			return err
		},
		"nats": func(n *yaml.Node) error {
			x := NAT{Outside: Public}
			err := r.mapping(n, "a NAT", keys{
				"name": r.value(&x.Name), "profile": r.profile(&x), "inside": r.value(&x.Inside), "outside": r.value(&x.Outside),
				"link": r.link(&x.Link),
			}, "name", "profile", "inside")
			t.NATs = append(t.NATs, x)
			return err
		},
	}.lists(r), "hosts")
	return t, err
}

// A topologyReader reads YAML nodes of the file that it is the name of; keys
// are what a mapping may have, each with what reads its value.
type (
	topologyReader string
	keys           map[string]func(*yaml.Node) error
)

// lists makes each key one of a list of what it has read.
func (k keys) lists(r topologyReader) keys {
	lists := keys{}
	// order-free: each by itself
	for key, read := range k {
		lists[key] = func(n *yaml.Node) error {
			if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
				return r.errorf(n, key, "must be a list with something in it, not %s", nodeKind(n))
			}
			for _, item := range n.Content {
				if err := read(item); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return lists
}

func (r topologyReader) errorf(n *yaml.Node, key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s %s", string(r), n.Line, key, fmt.Sprintf(format, args...))
}

func (r topologyReader) mapping(n *yaml.Node, what string, known keys, required ...string) error {
	if n.Kind != yaml.MappingNode {
		return r.errorf(n, what, "must be a mapping of keys to values, not %s", nodeKind(n))
	}
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, ok := seen[key.Value]; ok {
			return r.errorf(key, key.Value, "stands here again: keep this one or that of line %d", line)
		}
		seen[key.Value] = key.Line
		read, ok := known[key.Value]
		if !ok {
			// order-free: sorted
			return r.errorf(key, key.Value, "is not a key of %s: its keys are %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		var wrong valueError
		if err := read(value); errors.As(err, &wrong) {
			return r.errorf(value, key.Value, "must be %s, not %s", string(wrong), nodeKind(value))
		} else if err != nil {
			return err
		}
	}
	for _, key := range required {
		if _, ok := seen[key]; !ok {
			return r.errorf(n, key, "is missing from %s: add it", what)
		}
	}
	return nil
}

// A valueError is what a value should have been.
type valueError string

func (e valueError) Error() string { return string(e) }

// value reads one value into what a pointer points to.
func (topologyReader) value(into any) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) {
		should := ""
		switch into := into.(type) {
		case *string:
			should = "a text"
			*into = n.Value
			if n.Tag != "!!str" || strings.TrimSpace(n.Value) == "" {
				err = errors.New("another type")
			}
		case *int:
			should = "a whole number from 1"
			*into, err = strconv.Atoi(n.Value)
			if *into < 1 {
				err = errors.New("out of range")
			}
		case *int64:
			should = "a whole number from 1"
			*into, err = strconv.ParseInt(n.Value, 10, 64)
			if *into < 1 {
				err = errors.New("out of range")
			}
		case *float64:
			should = "a probability from 0 to 1"
			*into, err = strconv.ParseFloat(n.Value, 64)
			if !(*into >= 0 && *into <= 1) {
				err = errors.New("out of range")
			}
		case *time.Duration:
			should = "a duration such as 500us, 20ms or 1s"
			*into, err = time.ParseDuration(n.Value)
			if *into < 0 {
				err = errors.New("out of range")
			}
		case *bool:
			should = "true or false"
			if n.Tag != "!!bool" {
				err = errors.New("another type")
			} else {
				err = n.Decode(into)
			}
		}
		if n.Kind != yaml.ScalarNode || err != nil {
			return valueError(should)
		}
		return nil
	}
}

func (r topologyReader) link(into *Link) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return r.mapping(n, "a link", keys{
			"latency": r.value(&into.Latency), "jitter": r.value(&into.Jitter),
			"loss": r.value(&into.Loss), "duplicate": r.value(&into.Duplicate), "reorder": r.value(&into.Reorder),
			"mtu": r.value(&into.MTU), "rate": r.value(&into.Rate), "down": r.value(&into.Down),
		})
	}
}

func (r topologyReader) profile(into *NAT) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var name string
		if err := r.value(&name)(n); err != nil {
			return err
		}
		beside := name
		if !filepath.IsAbs(name) {
			beside = filepath.Join(filepath.Dir(string(r)), name)
		}
		if found, err := os.Stat(beside); err == nil && found.Mode().IsRegular() {
			name = beside
		}
		p, err := nat.Find(name)
		if err != nil {
			return r.errorf(n, "profile", "can't be had: %v", err)
		}
		into.Profile = p
		return nil
	}
}

// nodeKind says what a node is.
func nodeKind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
