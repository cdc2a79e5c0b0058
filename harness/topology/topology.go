// Package topology reads an internet that people describe in a YAML file.
package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/spec/yamlstrict"
)

// Help shows what the file of a topology looks like, for the help of programs that read
// one.
const Help = `A file for --topology has hosts and NATs. What is left out is public (realm,
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

// ReadFile reads a topology from a file of hosts and NATs, as Help shows it. An unknown or
// repeated key, a wrong type or a missing part is an error that names the file, the line and the
// key. So is a topology that internet.New doesn't take, though without a line.
func ReadFile(name string) (t internet.Topology, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return t, err
	}
	if t, err = parse(data, name); err != nil {
		return t, err
	}
	if _, err := internet.New(t, time.Unix(0, 0), internet.Options{}); err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func parse(data []byte, name string) (t internet.Topology, err error) {
	r := reader{yamlstrict.File(name)}
	doc, err := r.Document(data, "the topology", "it needs hosts; see --help")
	if err != nil {
		return t, err
	}
	err = r.Mapping(doc, "the topology", r.lists(yamlstrict.Fields{
		"hosts": func(_ string, n *yaml.Node) error {
			h := internet.Host{Realm: internet.Public}
			err := r.Mapping(n, "a host", yamlstrict.Fields{
				"name": r.value(&h.Name), "realm": r.value(&h.Realm), "addresses": r.value(&h.Addresses), "link": r.link(&h.Link),
			}, "name")
			t.Hosts = append(t.Hosts, h)
			return err
		},
		"nats": func(_ string, n *yaml.Node) error {
			x := internet.NAT{Outside: internet.Public}
			err := r.Mapping(n, "a NAT", yamlstrict.Fields{
				"name": r.value(&x.Name), "profile": r.profile(&x), "inside": r.value(&x.Inside), "outside": r.value(&x.Outside),
				"link": r.link(&x.Link),
			}, "name", "profile", "inside")
			t.NATs = append(t.NATs, x)
			return err
		},
	}), "hosts")
	return t, err
}

// A reader reads YAML nodes of a file.
type reader struct{ yamlstrict.File }

// lists makes each field one of a list of what it reads.
func (r reader) lists(of yamlstrict.Fields) yamlstrict.Fields {
	lists := yamlstrict.Fields{}
	// order-free: each by itself
	for key, read := range of {
		lists[key] = func(key string, n *yaml.Node) error {
			if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
				return r.Errorf(n, key, "must be a list with something in it, not %s", yamlstrict.Kind(n))
			}
			for _, item := range n.Content {
				if err := read(key, item); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return lists
}

// value reads one value into what a pointer points to.
func (r reader) value(into any) yamlstrict.Field {
	return func(key string, n *yaml.Node) (err error) {
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
			return r.Errorf(n, key, "must be %s, not %s", should, yamlstrict.Kind(n))
		}
		return nil
	}
}

func (r reader) link(into *internet.Link) yamlstrict.Field {
	return func(_ string, n *yaml.Node) error {
		return r.Mapping(n, "a link", yamlstrict.Fields{
			"latency": r.value(&into.Latency), "jitter": r.value(&into.Jitter),
			"loss": r.value(&into.Loss), "duplicate": r.value(&into.Duplicate), "reorder": r.value(&into.Reorder),
			"mtu": r.value(&into.MTU), "rate": r.value(&into.Rate), "down": r.value(&into.Down),
		})
	}
}

func (r reader) profile(into *internet.NAT) yamlstrict.Field {
	return func(key string, n *yaml.Node) error {
		var name string
		if err := r.value(&name)(key, n); err != nil {
			return err
		}
		beside := name
		if !filepath.IsAbs(name) {
			beside = filepath.Join(filepath.Dir(string(r.File)), name)
		}
		if found, err := os.Stat(beside); err == nil && found.Mode().IsRegular() {
			name = beside
		}
		p, err := nat.Find(name)
		if err != nil {
			return r.Errorf(n, key, "can't be had: %v", err)
		}
		into.Profile = p
		return nil
	}
}
