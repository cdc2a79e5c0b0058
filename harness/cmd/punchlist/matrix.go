package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/lab/netns"
	"punchlist/harness/nat"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/spec"
)

func matrixCommand() *cobra.Command {
	f := runFlags{seeds: 1}
	var profiles []string
	c := &cobra.Command{
		Use:   "matrix",
		Short: "Show who meets whom behind which NATs, by which path, how soon, at what cost",
		Long: `Matrix puts the subject behind each NAT profile and a companion behind each, has
both join one subcluster, and shows by which way they came to be connected, as
the routers saw it: directly (punched where NATs are in between), through a
proxy, or not at all; how many seconds that took from the join of the second, and
how many datagrams the two sent until then. --impl and --companion may be given
several times: each pair of them is a grid of its own.

The folder has the report of the run, and the grids as matrix.md. With a keepalive
of K a proxy may take up to 5 K: the protocol's own K is 30 s in sim, 6 s
where time is real. A host on which UDP is blocked meets nobody, and is left out.

Exit codes: 0 all pairs met; 1 some did not; 2 it could not run.`,
		Example: `  punchlist matrix
  punchlist matrix --impl reference --impl socket-0.6 --companion reference --companion socket-0.6 --lab netns
  punchlist matrix --profile port-restricted --profile symmetric --seed 7`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return matrix(c, f, profiles) },
	}
	p := c.Flags()
	p.StringArrayVar(&f.impls, "impl", []string{"reference"}, "implementation of the subject: a bundled name or a manifest's file; repeatable")
	companions := p.StringArray("companion", []string{"reference"}, "implementation of the companion; repeatable")
	p.StringVar(&f.lab, "lab", "auto", "auto, sim, netns or docker")
	p.StringArrayVar(&profiles, "profile", nil, "NAT profile; repeatable (default: all but those that block UDP)")
	p.Int64Var(&f.seed, "seed", 1, "seed of all that is random")
	p.IntVar(&f.jobs, "jobs", 0, "scenarios at once (default: the number of cores in sim, more where time is real)")
	p.DurationVar(&f.timeout, "timeout", 2*time.Minute, "the longest that one meeting may take on this machine's clock, in labs whose time is real")
	p.StringVar(&f.out, "out", "out/matrix", "folder of the report")
	c.PreRun = func(*cobra.Command, []string) {
		for _, impl := range f.impls {
			for _, other := range *companions {
				f.cells = append(f.cells, impl+"+"+other+"@"+f.lab)
			}
		}
	}
	return c
}

func matrix(c *cobra.Command, f runFlags, names []string) error {
	profiles, err := gridProfiles(names)
	if err != nil {
		return err
	}
	var chosen []string
	cells, named, err := f.resolve(c.Context(), func(line string) { chosen = append(chosen, line) })
	if err != nil {
		return err
	}
	if slices.ContainsFunc(cells, func(c suite.Cell) bool { return c.Lab == "netns" }) {
		// Where it is impossible, the lab's Check says why.
		_ = netns.Enter()
	}
	for _, line := range chosen {
		fmt.Println(line)
	}
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	if err := prepareOut(f.out); err != nil {
		return err
	}
	feature, err := gridFeature(profiles)
	if err != nil {
		return err
	}
	style := report.StyleOf(os.Stdout)
	found, err := suite.Run(c.Context(), suite.Config{
		Cells: cells, Labs: labs(), Features: fstest.MapFS{"matrix.feature": {Data: []byte(feature)}}, Registry: registry,
		Select: suite.Selection{Tags: "@" + strings.Join(meetings, " or @")},
		Seed:   f.seed, Seeds: 1, Jobs: f.jobs, Timeout: f.timeout, Out: f.out, Require: true,
		Progress: report.NewProgress(os.Stderr, report.StyleOf(os.Stderr)), Today: time.Now(),
		Repeat: func(cell suite.Cell, seed int64, key string) string {
			command := fmt.Sprintf("%s matrix --impl %s --companion %s --lab %s --seed %d", self(),
				quote(named(cell.Subject.Name)), quote(named(cell.Companion.Name)), cell.Lab, seed)
			if k, err := result.ParseKey(key); err == nil {
				for _, c := range k.Row {
					command += " --profile " + quote(c.Value)
				}
			}
			return command
		},
	})
	if err != nil {
		return err
	}
	if err := report.Write(found, f.out); err != nil {
		return err
	}
	grids := result.Grids(found, profileNames(profiles))
	var text strings.Builder
	for _, g := range grids {
		report.PrintGrid(&text, g, report.Style{})
		report.PrintGrid(c.OutOrStdout(), g, style)
	}
	file := filepath.Join(f.out, "matrix.md")
	if err := os.WriteFile(file, []byte("```\n"+text.String()+"```\n"), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "report: %s, %s\n", file, filepath.Join(f.out, "summary.md"))
	switch {
	case len(found.Broken) > 0:
		report.Print(os.Stderr, found, report.StyleOf(os.Stderr))
		return exitCode(result.CouldNotRun)
	case slices.ContainsFunc(grids, func(g result.Grid) bool { return !g.Complete() }):
		return exitCode(result.Unexpected)
	}
	return nil
}

// gridProfiles are the named profiles, or all that let UDP pass.
func gridProfiles(names []string) (profiles []nat.Profile, err error) {
	if len(names) == 0 {
		for _, p := range nat.Profiles() {
			if !p.Blocked {
				profiles = append(profiles, p)
			}
		}
		return profiles, nil
	}
	for _, name := range names {
		p, err := nat.Lookup(name)
		if err != nil {
			return nil, fmt.Errorf("--profile: %w", err)
		}
		if p.Blocked {
			return nil, fmt.Errorf("--profile %s: UDP is blocked, so that nobody meets anybody", name)
		}
		if !slices.ContainsFunc(profiles, func(o nat.Profile) bool { return o.Name == name }) {
			profiles = append(profiles, p)
		}
	}
	return profiles, nil
}

func profileNames(profiles []nat.Profile) (names []string) {
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names
}

// meetings are the requirements by which two peers are to be connected: where
// the way is free, where ports have to be guessed, and where there is but a proxy.
var meetings = []string{"LAT-TRAV-003", "LAT-TRAV-013", "LAT-TRAV-014"}

// meetingIDs are those of the scenarios, by requirement.
var meetingIDs = []string{"trav/meets-directly", "trav/meets-by-guessing", "trav/meets-by-proxy"}

// gridFeature has a scenario for each pair of profiles, under the requirement
// that says they are to be connected.
func gridFeature(profiles []nat.Profile) (string, error) {
	rows := map[string][]string{}
	for _, subject := range profiles {
		for _, companion := range profiles {
			requirement, err := meetingRequirement(subject, companion)
			if err != nil {
				return "", err
			}
			rows[requirement] = append(rows[requirement], fmt.Sprintf("        | %s | %s |\n", subject.Name, companion.Name))
		}
	}
	var b strings.Builder
	b.WriteString("Feature: Who meets whom\n\n  Background:\n    Given 3 bootstrap peers\n")
	for i, requirement := range meetings {
		if len(rows[requirement]) == 0 {
			continue
		}
		fmt.Fprintf(&b, `
  @%s
  Rule: %s

    @id:%s
    Scenario Outline: <subject> meets <companion>
      Given the subject behind a <subject> NAT
      And a companion "bob" behind a <companion> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected, punched or through a proxy

      Examples:
        | subject | companion |
%s`, requirement, requirement, meetingIDs[i], strings.Join(rows[requirement], ""))
	}
	return b.String(), nil
}

func meetingRequirement(a, b nat.Profile) (string, error) {
	types := map[string]int{}
	for _, p := range []nat.Profile{a, b} {
		e, err := p.Effective()
		if err != nil {
			return "", err
		}
		switch {
		case e.Open || e.Blocked:
		case e.Mapping != nat.EndpointIndependent:
			types["5"]++
		case e.Filtering == nat.AddressAndPortDependent:
			types["7"]++
		}
	}
	switch {
	case types["5"] == 2:
		return "LAT-TRAV-014", nil
	case types["5"] == 1 && types["7"] == 1:
		return "LAT-TRAV-013", nil
	}
	return "LAT-TRAV-003", nil
}
