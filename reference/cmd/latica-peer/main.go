// Latica-peer is the reference peer as a program: a bootstrap peer to run, a
// member that publishes what it reads, and the tools around them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(program()) }

// Exit codes.
const (
	exitFailed = 1 // it ran, and failed; of decode: what it was given is no packet
	exitUsage  = 2 // flags, settings or files that it can't start with
)

// program runs the command line and returns the exit code.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Only the first signal is waited for: the second one ends the program.
	context.AfterFunc(ctx, stop)
	defer stop()
	err := root().ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "latica-peer:", err)
		return exitUsage
	default:
		fmt.Fprintln(os.Stderr, "latica-peer:", err)
		return exitFailed
	}
}

// A usageError is something that only who started the program can mend.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "latica-peer",
		Short: "The reference peer of Latica, wire version 6",
		Example: `  latica-peer serve --address 203.0.113.1 --dir /var/lib/latica
                                 be a bootstrap peer
  latica-peer keygen "our text"  make the keys of a subcluster
  latica-peer join --key-file our.key --bootstrap ID@203.0.113.1:9777
                                 publish lines of stdin, print what arrives
  latica-peer decode 03050b11…   say what a datagram is, field by field
  latica-peer decode --capture run.pcapng
                                 the same for each datagram of a capture`,
		Long: `Latica-peer is the reference peer of Latica, wire version 6.

Exit status: 0 done, 1 it ran and failed, 2 it can't start with what it was
given.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, c.CommandPath())
	})
	c.AddCommand(serveCommand(), joinCommand(), keygenCommand(), decodeCommand(), testeeCommand())
	return c
}

func printJSON(out io.Writer, v any, indent string) error {
	e := json.NewEncoder(out)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
