package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"punchlist/harness/lab/standing"
	"punchlist/harness/topology"
)

func labUpCommand() *cobra.Command {
	var f internetFlags
	name := standing.DefaultName
	c := &cobra.Command{
		Use:   "up (--host NAME[:PROFILE] ... | --topology FILE)",
		Short: "Bring up an internet, and carry its packets until it is told to end",
		Long: `Up brings up an emulated internet of the hosts that --host names, each behind a
NAT of its own (a host without a profile is public), or of what a file says;
prints who has which address, and carries packets until Ctrl-C or "punchlist lab
down". Meanwhile "punchlist lab shell HOST" gives any number of shells on its
hosts, from other terminals.

Hosts have one interface, no name server, and no way out of the lab. In the
netns lab each host is a network namespace of this machine, whose kernel answers
pings from the start. Whatever still runs on a host ends with the lab, also when
the lab is killed. Several labs run beside each other under several names.

` + profilesHelp() + `

` + topology.Help + `

Exit codes: 0 it was told to end; 2 it could not be brought up, or broke down.`,
		Example: `  punchlist lab up --host alice:symmetric --host bob:home-router --host server
  punchlist lab up --host alice:port-restricted --host bob --latency 50ms --loss 0.05
  punchlist lab up --topology office.yaml --capture office.pcapng --name office`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !f.given() {
				return errors.New("which hosts? name them by --host, or a file of them by --topology")
			}
			if err := checkLabName(name); err != nil {
				return err
			}
			config, err := f.config()
			if err != nil {
				return err
			}
			return standing.Up(c.Context(), name, config, func(table string) {
				flag := ""
				if name != standing.DefaultName {
					flag = " --name " + name
				}
				fmt.Print(table)
				fmt.Printf("up: punchlist lab shell%s HOST, in another terminal, gives a shell; Ctrl-C ends the lab\n", flag)
			})
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&name, "name", name, "by which shell and down find it")
	c.MarkFlagsMutuallyExclusive("host", "topology")
	return c
}

func labDownCommand() *cobra.Command {
	name := standing.DefaultName
	c := &cobra.Command{
		Use:   "down",
		Short: "End a running lab, and wait until it is gone",
		Long: `Down ends a lab that "punchlist lab up" has brought up, with everything that
runs on its hosts, and waits until it is gone and its capture written.`,
		Example: `  punchlist lab down
  punchlist lab down --name office`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkLabName(name); err != nil {
				return err
			}
			return standing.Down(c.Context(), name)
		},
	}
	c.Flags().StringVar(&name, "name", name, "that it was brought up by")
	return c
}

// checkLabName is an error about the flag for a name that can't be a lab's.
func checkLabName(name string) error {
	if err := standing.CheckName(name); err != nil {
		return fmt.Errorf("--name %w", err)
	}
	return nil
}
