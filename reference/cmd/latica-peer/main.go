// Latica-peer is the reference peer as a program: a bootstrap peer to run, a
// member that publishes what it reads, and the tools around them.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"punchlist/reference/wire"
	"punchlist/spec"
)

func main() { os.Exit(program()) }

// Exit codes.
const (
	exitFailed = 1 // it ran, and failed; of decode: what it was given is no packet
	exitUsage  = 2 // flags, settings or files that it can't start with
)

// program runs the command line and returns the exit code.
func program() int {
	err := root().Execute()
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

// untilSignal is a context that the first signal to end cancels; the second one
// ends the program. Only what has something to do at its end asks for it.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// A usageError is something that only the person who started the program can fix.
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
  latica-peer join --cluster my-app --key-file our.key --bootstrap ID@203.0.113.1:9777
                                 publish lines of stdin, print what arrives
  latica-peer decode 03050b11…   say what a datagram is, field by field
  latica-peer decode --capture run.pcapng
                                 the same for each datagram of a capture`,
		Long: `Latica-peer is the reference peer of Latica, wire version 6: a bootstrap peer
to run, a member that publishes what it reads, and the tools around them.

Exit status: 0 done, 1 it ran and failed, 2 it can't start with what it was
given.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          atMost(0),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, c.CommandPath())
	})
	c.AddCommand(serveCommand(), joinCommand(), keygenCommand(), decodeCommand(), testeeCommand(), versionCommand())
	return c
}

// atMost has a command take so many arguments at most.
func atMost(most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) <= most:
			return nil
		case c.HasSubCommands():
			return usage("there is no command %q; see %s --help", args[0], c.CommandPath())
		}
		return usage("%q is one argument too many; see %s --help", args[most], c.CommandPath())
	}
}

// version is that of the program, and what it was built with and for.
func version() string {
	return fmt.Sprintf("%s, %s, %s/%s", spec.ThisBuild(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versionCommand prints what --version does.
func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, of which edition of the standard",
		Example: "  latica-peer version",
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "latica-peer version", version())
			return err
		},
	}
}

// printJSON prints a value in ASCII, so that nothing in it does anything to a
// terminal.
func printJSON(out io.Writer, v any, indent string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := out.Write(wire.ASCII(text.Bytes()))
	return err
}
