package main

import "github.com/spf13/cobra"

func labCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Use the labs without judging anything",
		Long: `Lab brings up an emulated internet to run programs on: one's own, from a shell
on any of its hosts.`,
		Example: `  punchlist lab shell alice --host alice:symmetric --host bob    an internet for as long as the shell lasts
  punchlist lab up --host alice:symmetric --host bob             one that stays, for shells of other terminals
  punchlist lab shell bob
  punchlist lab down`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(labUpCommand(), labShellCommand(), labDownCommand(), labPruneCommand())
	return c
}
