package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"punchlist/features"
	"punchlist/harness/report"
	"punchlist/harness/suite"
	"punchlist/spec"
)

func specCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "spec",
		Short: "The registry of requirements",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Hold the registry against the features that judge it",
		Long: `Check fails on a MUST that no scenario judges, on a scenario tagged with a
requirement that does not exist, on a Rule without exactly one requirement, when
more than one requirement in ten is verified by inspection alone, and on an
invalid list of deviations. It lists what nothing judges, and the MUSTs that are
judged only in virtual time.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return specCheck(c) },
	})
	return c
}

func specCheck(c *cobra.Command) error {
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	deviations, err := spec.LoadDeviations(registry)
	if err != nil {
		return err
	}
	scenarios, err := suite.Scenarios(features.Files)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	cover := registry.Check(suite.Evidence(scenarios))
	fmt.Fprintf(out, "%d requirements, %d scenarios, %d deviations of deployed peers\n", len(registry.All()), len(scenarios), len(deviations))
	list := func(title string, all []spec.Requirement) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintf(out, "%s:\n", title)
		for _, q := range all {
			line := q.ID
			if reason, ok := q.Inspection(); ok {
				line += "  (" + reason + ")"
			}
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	list("verified by inspection", cover.Inspections)
	list("MUSTs judged only in virtual time", cover.VirtualOnly)
	list("judged by nothing, which a SHOULD and a MAY may be", cover.Unjudged)
	for _, p := range cover.Problems {
		fmt.Fprintf(out, "problem: %s\n", p)
	}
	if len(cover.Problems) > 0 {
		return exitCode(report.Unexpected)
	}
	fmt.Fprintln(out, "the registry holds")
	return nil
}
