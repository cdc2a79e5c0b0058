package main

import (
	"crypto/rand"

	"github.com/spf13/cobra"

	"punchlist/reference/testee"
	"punchlist/reference/testee/process"
)

func testeeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "testee",
		Short: "Be a peer under test: commands on stdin, replies and events on stdout",
		Long: `Testee speaks the testee protocol of Punchlist (spec/testee.md): JSON, one
object per line. It ends with the command stop, or with its input.

Exit status: 0 ended so, 1 it failed.`,
		Example: `  echo '{"id":1,"do":"hello"}' | latica-peer testee`,
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			agent := testee.New(testee.Options{Name: "reference", Version: testee.Version, Random: rand.Reader})
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return process.Run(ctx, agent, c.InOrStdin(), c.OutOrStdout())
		},
	}
}
