package main

import (
	"crypto/rand"
	"os"

	"github.com/spf13/cobra"

	"punchlist/reference/testee"
	"punchlist/reference/testee/process"
)

// testeeCommand is how a lab with real processes starts the reference: the
// program is its own testee.
func testeeCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:    "testee",
		Short:  "Be the reference peer under test, on stdin and stdout",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return process.Run(c.Context(), testee.New(testee.Options{
				Name: name, Version: testee.Version, Random: rand.Reader,
			}), os.Stdin, os.Stdout)
		},
	}
	c.Flags().StringVar(&name, "name", "reference", "name that it says in hello, which its manifest has to have")
	return c
}
