package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"punchlist/harness/lab/docker"
)

func labPruneCommand() *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove from the container engine what killed runs have left",
		Long: `Prune removes the containers and networks that runs in the docker lab made and
could not remove, because they were killed. Every run does so too when it
begins; what belongs to a run that goes on stays. The netns lab leaves nothing,
however it ends.`,
		Example: `  punchlist lab prune
  punchlist lab prune --all`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := docker.Prune(c.Context(), all)
			out := c.OutOrStdout()
			for _, name := range found.Removed {
				fmt.Fprintln(out, "removed", name)
			}
			for _, name := range found.Stuck {
				fmt.Fprintf(out, "left %s: the engine holds it for containers that are gone, and lets go when it is restarted\n", name)
			}
			if err == nil && len(found.Removed)+len(found.Stuck) == 0 {
				fmt.Fprintln(out, "nothing to remove")
			}
			return err
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also what belongs to runs that go on, which then fail")
	return c
}
