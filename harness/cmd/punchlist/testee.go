package main

import (
	"crypto/rand"
	"os"

	"github.com/spf13/cobra"

	"punchlist/reference/dialect"
	"punchlist/reference/testee/process"
)

// testeeCommand is how a lab with real processes starts the reference: the
// program is its own testee.
func testeeCommand() *cobra.Command {
	var name string
	var seed uint32
	c := &cobra.Command{
		Use:    "testee",
		Short:  "Be the reference peer under test, on stdin and stdout",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := dialect.Load(seed)
			if err != nil {
				return err
			}
			if seed != 0 {
				name = dialect.Name(seed)
			}
			return process.Run(c.Context(), d.Machine(name, rand.Reader), os.Stdin, os.Stdout)
		},
	}
	c.Flags().Uint32Var(&seed, "dialect", 0, "be the dialect of this seed, which calls itself dialect-SEED; 0: the reference")
	c.Flags().StringVar(&name, "name", "reference", "name that it says in hello, which its manifest has to have")
	return c
}
