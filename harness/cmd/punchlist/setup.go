package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"punchlist/harness/testees"
)

func setupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "setup [NAME|FILE ...]",
		Short: "Install what implementations need before they can be started",
		Long: `Setup installs, for the named implementations or for all bundled ones, exactly
the npm packages that their lock files pin, in a folder of the user's cache. It
is the only command that uses the network. It can be repeated: what is there
stays. What other versions of the program had there, and nobody used for two
weeks, goes.`,
		Example: `  punchlist setup
  punchlist setup socket-0.6`,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = testees.Names()
			}
			for _, name := range names {
				m, err := implementation(name)
				if err != nil {
					return err
				}
				say := func(line string) { fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", m.Name, line) }
				if m.Prepared() {
					say("nothing to do")
					continue
				}
				if err := m.Prepare(c.Context(), say); err != nil {
					return err
				}
				say("ready")
			}
			cache, err := testees.CacheDir()
			if err != nil {
				return err
			}
			return testees.Prune(cache, func(line string) { fmt.Fprintln(c.OutOrStdout(), line) })
		},
	}
}
