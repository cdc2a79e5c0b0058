//go:build linux

// Natbox is a router in a container: the NAT engine of harness/nat with the
// links of a realm. It is told what to be over its standard input, or by
// arguments; see --help and package harness/natbox.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"punchlist/harness/natbox"
)

const help = `Natbox is a router: the NATs and links of an emulated internet, or some of them.

  natbox
  natbox --topology FILE [--router NAME ...] --port REALM=SUBNET ... [flags]

Without arguments it is told over its standard input what to be, as the docker
lab does; with them it starts at once. Either way it obeys commands on its
standard input and answers on its standard output, one JSON object a line, until
the input ends or it is interrupted. Some of them:

  {"id":1,"attach":"alice"}
  {"id":2,"change":{"Node":"box","Reboot":true}}
  {"id":3,"counters":true}

`

func main() {
	flags := pflag.NewFlagSet("natbox", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprintf(os.Stderr, "%sFlags:\n%s", help, flags.FlagUsages()) }
	start := natbox.Flags(flags)
	if err := flags.Parse(os.Args[1:]); errors.Is(err, pflag.ErrHelp) {
		return
	} else if err != nil {
		fail(2, err)
	}
	commands, err := start(flags.Args())
	if err != nil {
		fail(2, err)
	}
	if err := natbox.Run(io.MultiReader(commands, interruptible(os.Stdin)), os.Stdout); err != nil {
		fail(1, err)
	}
}

func fail(code int, err error) {
	fmt.Fprintln(os.Stderr, "natbox:", err)
	os.Exit(code)
}

// interruptible ends as in does, or by a signal: the first program of a
// container has none that ends it by itself.
func interruptible(in io.Reader) io.Reader {
	r, w := io.Pipe()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		w.Close()
	}()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	return r
}
