package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"context"

	"punchlist/harness/lab"
	"punchlist/harness/lab/docker"
	"punchlist/harness/lab/netns"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/steps"
	"punchlist/harness/suite"
	"punchlist/harness/testees"
)

// labOrder is the order in which --lab auto tries.
var labOrder = []string{"sim", "netns"}

func labs() map[string]lab.Lab {
	return map[string]lab.Lab{"sim": sim.New(), "netns": netns.New(), "docker": docker.New()}
}

func world(ctx context.Context, o suite.WorldOptions) suite.World {
	return steps.New(ctx, steps.Options(o))
}

// resolve turns the flags into cells. Named gives back how an implementation
// was named on the command line.
func (f runFlags) resolve() (cells []suite.Cell, named func(string) string, err error) {
	given := map[string]string{}
	load := func(arg string) (manifest.Manifest, error) {
		m, err := implementation(arg)
		if err != nil {
			return m, err
		}
		if other, ok := given[m.Name]; ok && other != arg {
			return m, fmt.Errorf("%s and %s are both named %q: a report could not tell them apart", other, arg, m.Name)
		}
		given[m.Name] = arg
		return m, nil
	}
	wanted := f.cells
	if len(wanted) == 0 {
		impls := f.impls
		if len(impls) == 0 {
			impls = []string{"reference"}
		}
		for _, impl := range impls {
			wanted = append(wanted, impl+"+"+f.companion+"@"+f.lab)
		}
	}
	seen := map[string]bool{}
	for _, text := range wanted {
		subject, companion, labName, tags, err := parseCell(text)
		if err != nil {
			return nil, nil, err
		}
		c := suite.Cell{Lab: labName, Tags: tags}
		if c.Subject, err = load(subject); err != nil {
			return nil, nil, err
		}
		if c.Companion, err = load(companion); err != nil {
			return nil, nil, err
		}
		if c.Lab == "auto" {
			c.Lab = auto(c.Subject, c.Companion)
		}
		if seen[c.Name()] {
			return nil, nil, fmt.Errorf("the cell %s is named twice", c.Name())
		}
		seen[c.Name()] = true
		cells = append(cells, c)
	}
	return cells, func(name string) string { return given[name] }, nil
}

// parseCell reads SUBJECT[+COMPANION]@LAB[:TAGS].
func parseCell(text string) (subject, companion, lab, tags string, err error) {
	rest, tags, _ := strings.Cut(text, ":")
	at := strings.LastIndex(rest, "@")
	if at <= 0 || at == len(rest)-1 {
		return "", "", "", "", fmt.Errorf("--cell %q is not SUBJECT[+COMPANION]@LAB[:TAGS], for example reference+socket-0.6@netns", text)
	}
	pair, lab := rest[:at], rest[at+1:]
	subject, companion, ok := strings.Cut(pair, "+")
	if !ok {
		companion = "reference"
	}
	if subject == "" || companion == "" {
		return "", "", "", "", fmt.Errorf("--cell %q names an empty implementation; it is SUBJECT[+COMPANION]@LAB[:TAGS]", text)
	}
	return subject, companion, lab, strings.TrimSpace(tags), nil
}

// auto is the first lab that can start both, or the last, whose reasons the
// run then tells.
func auto(subject, companion manifest.Manifest) string {
	all := labs()
	for _, name := range labOrder {
		a, _ := all[name].Starts(subject)
		b, _ := all[name].Starts(companion)
		if a && b {
			return name
		}
	}
	return labOrder[len(labOrder)-1]
}

// implementation reads a bundled manifest, or one from a file.
func implementation(arg string) (manifest.Manifest, error) {
	for _, name := range testees.Names() {
		if arg == name {
			return manifest.Bundled(name)
		}
	}
	m, err := manifest.Load(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%q is neither a bundled implementation (%s) nor a manifest's file", arg, strings.Join(testees.Names(), ", "))
	}
	return m, err
}
