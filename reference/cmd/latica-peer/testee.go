package main

import (
	"crypto/rand"

	"github.com/spf13/cobra"

	"punchlist/reference/dialect"
	"punchlist/reference/testee/process"
)

func testeeCommand() *cobra.Command {
	var seed uint32
	c := &cobra.Command{
		Use:   "testee",
		Short: "Be a peer under test: commands on stdin, replies and events on stdout",
		Long: `Testee speaks the testee protocol of Punchlist (spec/testee.md): JSON, one
object per line. It ends with the command stop, or with its input.

A dialect is a sound peer that differs from the reference in all that the standard
leaves open: it draws each constant from its permitted range, the recommendations that
it follows, how long it takes, and the order of keys in its bodies. It tells them in its
answer to hello. A judge that finds fault with it judges by the reference.

Exit status: 0 ended so, 1 it failed.`,
		Example: `  echo '{"id":1,"do":"hello"}' | latica-peer testee
  echo '{"id":1,"do":"hello"}' | latica-peer testee --dialect 7`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := dialect.Load(seed)
			if err != nil {
				return err
			}
			name := "reference"
			if seed != 0 {
				name = dialect.Name(seed)
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return process.Run(ctx, d.Machine(name, rand.Reader), c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().Uint32Var(&seed, "dialect", 0, "be the dialect of this seed, which calls itself dialect-SEED; 0: the reference")
	return c
}
