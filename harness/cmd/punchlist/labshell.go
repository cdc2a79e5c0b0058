package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"punchlist/harness/lab/standing"
)

func labShellCommand() *cobra.Command {
	var f internetFlags
	var image string
	name := standing.DefaultName
	c := &cobra.Command{
		Use:   "shell HOST [-- COMMAND [ARGUMENT ...]]",
		Short: "Get a shell on a host of an emulated internet",
		Long: `Shell starts a shell, or the command, on a host of an emulated internet: of the
running lab ("punchlist lab up"), or with --host or --topology of one that lasts
as long as the shell does. It has the terminal and the streams of its caller, and
gets the caller's signals; it ends when the caller is killed. Of a running lab,
what it leaves in the background goes on.

In the netns lab the command is one of this machine, run in the host's network
namespace, with the caller's files, folder and environment. In the docker lab it
is one of an image (--image), in a container that has the host's network.
PUNCHLIST_LAB in its environment holds the host's addresses.

` + profilesHelp() + `
What a file for --topology holds, "punchlist lab up --help" says.

Exit code: the command's, or 128 and the number of the signal that ended it; 2
when it could not be started.`,
		Example: `  punchlist lab shell alice
  punchlist lab shell bob -- ./my-peer --port 9777
  punchlist lab shell alice --host alice:symmetric --host bob
  punchlist lab shell alice --host alice:home-router --capture alice.pcapng -- dig @198.51.100.2 example
  punchlist lab shell alice --host alice --lab docker --image busybox -- ping -c 3 198.51.100.1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			program := standing.Program{Host: args[0], Argv: args[1:], Image: image}
			if !f.given() {
				for _, flag := range internetFlagNames {
					if c.Flags().Changed(flag) {
						return fmt.Errorf("--%s says what to bring up: name the hosts too, by --host or --topology", flag)
					}
				}
				if err := checkLabName(name); err != nil {
					return err
				}
				code, err := standing.Run(c.Context(), name, program)
				if err != nil {
					return err
				}
				return exitWith(code)
			}
			config, err := f.config()
			if err != nil {
				return err
			}
			if err := standing.CheckHost(config.Topology, program.Host); err != nil {
				return err
			}
			code, err := standing.RunAlone(c.Context(), config, program)
			if err != nil && code == 0 {
				return err
			}
			if err != nil {
				warn(err.Error()) // the exit code is the program's
			}
			return exitWith(code)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&image, "image", "", "in the docker lab: the image that has the command")
	c.Flags().StringVar(&name, "name", name, "of the running lab")
	c.MarkFlagsMutuallyExclusive("host", "topology")
	c.MarkFlagsMutuallyExclusive("host", "name")
	c.MarkFlagsMutuallyExclusive("topology", "name")
	return c
}

// exitWith ends this program with another program's exit code.
func exitWith(code int) error {
	if code == 0 {
		return nil
	}
	return exitCode(code)
}
