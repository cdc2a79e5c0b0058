// Punchlist judges implementations of Latica, the peer-to-peer protocol of
// Socket, against its requirements, over an emulated internet.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"punchlist/harness/result"
)

func main() { os.Exit(program()) }

// program runs the command line and returns the exit code.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return result.AsExpected
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintln(os.Stderr, "punchlist:", err)
		return result.CouldNotRun
	}
}

// An exitCode ends the program when everything has been said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "punchlist",
		Short: "Judge Latica peers over an emulated internet",
		Long: `Punchlist judges implementations of Latica, wire version 6: it puts peers
behind emulated NATs, tells them what to do, and reads off the wire whether
they keep each requirement of the specification.`,
		Example: `  punchlist doctor                                is everything here that a run needs?
  punchlist run                                   judge the reference peer, in virtual time
  punchlist run --impl socket-0.6 --lab netns     judge the JavaScript peer on real sockets
  punchlist run --impl ./my-peer/manifest.yaml    judge your own
  punchlist simulate --help                       measure what one scenario can't show`,
		Version:       ownVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(runCommand(), matrixCommand(), reportCommand(), labCommand(), vectorsCommand(), specCommand(), doctorCommand(), setupCommand(), simulateCommand(), exploreCommand(), probesCommand(), testeeCommand(), versionCommand())
	return c
}
