// Package natplay plays scripts around a NAT, and compares what comes of each datagram with
// what the script says: on bare engines, and in every lab. It is for tests.
package natplay

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"punchlist/harness/nat"
	"punchlist/spec/yamlstrict"
)

//go:embed vectors/*.yaml
var vectorFiles embed.FS

// A Vector is a script of what is sent around one NAT (or chain of NATs), and
// of what must be seen. Hosts "a" and "b" are inside it, "x" and "y" outside.
// With an open profile all four are outside.
//
// Endpoints are named "a:5000" (a port of an inside host), "x1" to "x9" and
// "y1" to "y9" (a port of an outside host: x1 and x2 differ in the port, x1 and
// y1 in the address), and "nat:5000" (a port of the first external address of
// the outermost NAT). Nobody listens at x9 and y9.
type Vector struct {
	Name    string   `yaml:"name"`
	Profile string   `yaml:"profile"`
	Shows   []string `yaml:"shows"` // requirements of RFC 4787, as "REQ-9a"
	Steps   []Step   `yaml:"steps"`
}

// A Step sends one datagram and says what must come of it (From is set), or
// does one other thing.
type Step struct {
	From string `yaml:"from"` // an endpoint
	To   string `yaml:"to"`   // an endpoint, or a name bound by As

	// Exactly one of Arrives, Lost and Refused says what comes of it.
	Arrives string `yaml:"arrives"` // at this endpoint, and nowhere else
	Lost    bool   `yaml:"lost"`    // nowhere, silently
	Refused bool   `yaml:"refused"` // nowhere, and From gets an ICMP error about it

	// The rest is about the source that is seen where it arrives. A datagram
	// from outside must show its sender's own address, with or without Source.
	As           string   `yaml:"as"`            // gives it this name
	Source       string   `yaml:"source"`        // it is the one of that name, or that endpoint's own
	Differs      []string `yaml:"differs"`       // it is none of these
	Port         int      `yaml:"port"`          // its port
	Ports        []int    `yaml:"ports"`         // its port is in this range, both ends included
	Next         string   `yaml:"next"`          // its port is one above that one's
	Parity       string   `yaml:"parity"`        // its port is even or odd as that endpoint's
	SameAddress  string   `yaml:"same_address"`  // its address is that one's
	OtherAddress string   `yaml:"other_address"` // its address is not that one's

	Advance      time.Duration `yaml:"advance"`       // the NAT's clock moves on
	Reboot       bool          `yaml:"reboot"`        // every NAT of the chain reboots
	DropMappings bool          `yaml:"drop_mappings"` // every NAT of the chain loses its mappings
}

// Vectors are the scripts of the folder vectors, file by file.
//
// One in which something is lost also has something that arrives: silence
// alone shows nothing. Lifetimes are approached to five seconds only, since a
// lab's clock also runs on between two steps.
func Vectors() []Vector { return slices.Clone(bundledVectors()) }

// bundledVectors panics on a fault: the files are compiled in, and a test
// reads them.
var bundledVectors = sync.OnceValue(func() []Vector {
	files, err := fs.Glob(vectorFiles, "vectors/*.yaml")
	if err != nil {
		panic(err)
	}
	var all []Vector
	for _, file := range files {
		data, err := vectorFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		v, err := Load(data, file)
		if err != nil {
			panic(err)
		}
		all = append(all, v...)
	}
	return all
})

// Load reads scripts from the YAML of a file, a list of them. The error about anything unknown or
// contradictory names the line, or the vector and the step.
func Load(data []byte, file string) ([]Vector, error) {
	var all []Vector
	if err := yamlstrict.File(file).Decode(data, &all, "the list", "it needs vectors"); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, v := range all {
		if err := v.validate(); err != nil {
			return nil, fmt.Errorf("%s: nat vector %q: %w", file, v.Name, err)
		}
		if seen[v.Name] {
			return nil, fmt.Errorf("%s: nat vector %q: given twice", file, v.Name)
		}
		seen[v.Name] = true
	}
	return all, nil
}

func (v Vector) validate() error {
	if v.Name == "" {
		return errors.New("name: missing")
	}
	if _, err := nat.Lookup(v.Profile); err != nil {
		return err
	}
	known, err := nat.Requirements()
	if err != nil {
		return err
	}
	for _, id := range v.Shows {
		if !slices.ContainsFunc(known, func(r nat.Requirement) bool { return r.ID == id }) {
			return fmt.Errorf("shows: %q is no requirement of rfc4787.yaml", id)
		}
	}
	if len(v.Steps) == 0 {
		return errors.New("steps: missing")
	}
	bound := map[string]bool{}
	for i, s := range v.Steps {
		if err := s.validate(bound); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if s.As != "" {
			bound[s.As] = true
		}
	}
	return nil
}

func (s Step) validate(bound map[string]bool) error {
	does := count(s.From != "", s.Advance > 0, s.Reboot, s.DropMappings)
	if does != 1 {
		return errors.New("give exactly one of from, advance (above 0), reboot, drop_mappings")
	}
	if s.From == "" {
		return nil
	}
	if count(s.Arrives != "", s.Lost, s.Refused) != 1 {
		return errors.New("give exactly one of arrives, lost, refused")
	}
	about := s.As != "" || s.Source != "" || len(s.Differs) > 0 || s.Port != 0 || len(s.Ports) > 0 ||
		s.Next != "" || s.Parity != "" || s.SameAddress != "" || s.OtherAddress != ""
	if about && s.Arrives == "" {
		return errors.New("says what source is seen, but not where it arrives")
	}
	if len(s.Ports) != 0 && len(s.Ports) != 2 {
		return errors.New("ports: give the first and the last one")
	}
	for _, name := range []string{s.From, s.Arrives, s.Parity} {
		if name == "" {
			continue
		}
		if _, _, err := ParseEndpoint(name); err != nil {
			return err
		}
	}
	if s.As != "" {
		if _, _, err := ParseEndpoint(s.As); err == nil {
			return fmt.Errorf("as: %q is an endpoint; choose another name", s.As)
		}
		if bound[s.As] {
			return fmt.Errorf("as: %q has been given already", s.As)
		}
	}
	for _, name := range append([]string{s.To, s.Source, s.Next, s.SameAddress, s.OtherAddress}, s.Differs...) {
		if name == "" || bound[name] {
			continue
		}
		if _, _, err := ParseEndpoint(name); err != nil {
			return fmt.Errorf("%q is neither bound by an earlier step nor an endpoint", name)
		}
	}
	if s.To == "" {
		return errors.New("to: missing")
	}
	return nil
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// outsidePorts is where the ports of outside endpoints begin: x1 is 40001.
const outsidePorts = 40000

// ParseEndpoint gives the host ("a", "b", "x", "y" or "nat") and the port that
// the name of an endpoint stands for.
func ParseEndpoint(name string) (host string, port uint16, err error) {
	if host, digits, ok := strings.Cut(name, ":"); ok && (host == "a" || host == "b" || host == "nat") {
		p, err := strconv.ParseUint(digits, 10, 16)
		if err == nil && p > 0 {
			return host, uint16(p), nil
		}
	} else if len(name) == 2 && (name[0] == 'x' || name[0] == 'y') && name[1] >= '1' && name[1] <= '9' {
		return name[:1], outsidePorts + uint16(name[1]-'0'), nil
	}
	return "", 0, fmt.Errorf("%q is no endpoint: write a:5000, b:5000, nat:5000, or x1 to x9, y1 to y9", name)
}

// listens reports whether somebody listens at an endpoint, which is neither x9 nor y9.
func listens(endpoint string) bool {
	return !strings.HasSuffix(endpoint, "9") || len(endpoint) != 2
}

// Endpoints are the endpoints at which a Stage has to listen, in the order in
// which the steps first name them.
func (v Vector) Endpoints() []string {
	var all []string
	seen := map[string]bool{}
	for _, s := range v.Steps {
		for _, name := range []string{s.From, s.To, s.Arrives} {
			host, _, err := ParseEndpoint(name)
			if err != nil || host == "nat" || !listens(name) || seen[name] {
				continue
			}
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}
