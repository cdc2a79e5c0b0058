package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"punchlist/harness/lab"
	"punchlist/harness/lab/docker"
	"punchlist/harness/lab/netns"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/suite"
	"punchlist/harness/testees"
	"punchlist/reference/dialect"
)

// labOrder is the order in which --lab auto tries: what is fastest and needs
// least comes first. A manifest with a command is a program, which needs no
// engine; one that has an image alone comes to docker.
var labOrder = []string{"sim", "netns", "docker"}

// labs are made once: that of docker keeps its connection to the engine.
var labs = sync.OnceValue(func() map[string]lab.Lab {
	return map[string]lab.Lab{"sim": sim.New(), "netns": netns.New(), "docker": docker.New()}
})

// resolve turns the flags into cells, and says what it chose itself. Named
// gives back how an implementation was named on the command line.
func (f runFlags) resolve(ctx context.Context, say func(string)) (cells []suite.Cell, named func(string) string, err error) {
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
	has := func(lab string) bool {
		return slices.ContainsFunc(cells, func(c suite.Cell) bool { return c.Lab == lab })
	}
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
			why := ""
			c.Lab, why = auto(ctx, labs(), c.Subject, c.Companion)
			say(fmt.Sprintf("lab %s for %s beside %s: %s", c.Lab, c.Subject.Name, c.Companion.Name, why))
		}
		if seen[c.Name()] {
			return nil, nil, fmt.Errorf("the cell %s is named twice", c.Name())
		}
		seen[c.Name()] = true
		cells = append(cells, c)
	}
	if has("netns") && has("docker") {
		return nil, nil, errors.New("cells of netns and of docker can't be in one run: inside the namespaces of the one there is no way to the engine of the other; run them apart, and compare with punchlist report diff")
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

// auto is the first lab that is to be had here and can start both, and why no
// earlier one; or the last, whose reasons the run then tells.
func auto(ctx context.Context, all map[string]lab.Lab, subject, companion manifest.Manifest) (name, why string) {
	var reasons []string
	for _, name := range labOrder {
		reason := ""
		for _, m := range []manifest.Manifest{subject, companion} {
			if ok, said := all[name].Starts(m); !ok && reason == "" {
				reason = said
			}
		}
		if reason == "" {
			if err := all[name].Check(ctx); err != nil {
				reason = err.Error()
			}
		}
		if reason == "" {
			if len(reasons) == 0 {
				return name, "it needs nothing, and a run of it can be repeated to the byte"
			}
			return name, strings.Join(reasons, "; ")
		}
		reasons = append(reasons, "not "+name+": "+reason)
	}
	return labOrder[len(labOrder)-1], strings.Join(reasons, "; ")
}

// implementation reads a bundled manifest, or one from a file.
func implementation(arg string) (manifest.Manifest, error) {
	for _, name := range testees.Names() {
		if arg == name {
			return manifest.Bundled(name)
		}
	}
	if seed, ok := dialect.Seed(arg); ok {
		return manifest.Dialect(seed)
	}
	m, err := manifest.Load(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%q is neither a bundled implementation (%s), nor a dialect of the reference (dialect-7), nor a manifest's file", arg, strings.Join(testees.Names(), ", "))
	}
	return m, err
}
