package main

import "github.com/spf13/cobra"

func labCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Use the labs without judging anything",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(labShellCommand(), labPruneCommand())
	return c
}
