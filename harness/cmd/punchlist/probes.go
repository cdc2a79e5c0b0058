package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"punchlist/harness/probe"
	"punchlist/harness/suite"
	"punchlist/spec"
)

func probesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "probes",
		Short: "List the generated probes, or show one",
		Long: `Probes are scenarios made by rule from the registry and the chapters: values just
inside and just outside what is permitted, for each constant, field and component of
a key, and rules in each role. "punchlist run --probes" plays them.`,
	}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "Print the keys of all probes, with the requirement of each", Args: cobra.NoArgs,
		Example: "  punchlist probes list",
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := probeScenarios()
			for _, s := range all {
				fmt.Fprintf(c.OutOrStdout(), "%s %s\n", s.Requirement, s.Key)
			}
			return err
		},
	}, &cobra.Command{
		Use: "show KEY", Short: "Print a probe as Gherkin", Args: cobra.ExactArgs(1),
		Example: "  punchlist probes show probe/repl/gate-of-two-sources",
		RunE: func(c *cobra.Command, args []string) error {
			all, err := probeScenarios()
			if err != nil {
				return err
			}
			at := slices.IndexFunc(all, func(s suite.Scenario) bool { return s.Key == args[0] })
			if at < 0 {
				return fmt.Errorf("there is no probe %q: punchlist probes list prints all keys", args[0])
			}
			fmt.Fprint(c.OutOrStdout(), all[at].Document())
			return nil
		},
	})
	return c
}

func probeScenarios() ([]suite.Scenario, error) {
	standard, err := spec.LoadStandard()
	if err != nil {
		return nil, err
	}
	files, err := probe.Features(standard, nil)
	if err != nil {
		return nil, err
	}
	return suite.Scenarios(files)
}

// selected is what a run plays: the features, and the probes where they are asked for, or named.
func (f runFlags) selected() (fs.FS, suite.Selection, error) {
	selection := suite.Selection{Tags: f.tags, Key: f.scenario}
	if !f.probes && !strings.HasPrefix(f.scenario, probe.Prefix) {
		return f.scenarios(), selection, nil
	}
	standard, err := spec.LoadStandard()
	if err != nil {
		return nil, selection, err
	}
	files, err := probe.Features(standard, f.scenarios())
	if err != nil || f.sample == 0 {
		return files, selection, err
	}
	all, err := suite.Scenarios(files)
	if err != nil {
		return nil, selection, err
	}
	selection.Keys = suite.Sampled(all, f.sample)
	return files, selection, nil
}
