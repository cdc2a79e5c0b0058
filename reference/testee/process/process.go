// Package process runs a testee as a process of its own: it takes commands as
// lines of an input, writes lines to an output, and has real UDP sockets.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"punchlist/reference/linequeue"
	"punchlist/reference/testee"
	"punchlist/reference/udp"
	contract "punchlist/spec/testee"
)

// errDone is the cause of an orderly end: the command stop, or the end of the
// lines.
var errDone = errors.New("the testee is done")

// Run runs a testee until it is done, its lines end, or the context is
// cancelled, and leaves no socket behind. Lines it reads from in, one command
// each; replies and events it writes to out. All that was written is out when
// it returns nil.
//
// The goroutine that reads in ends when in does: give it one that can be
// closed, or end the program. The same is true of out where nobody reads it.
//
// Errors: a line of more than testee.MaxLine bytes, in or out that fails, a
// harness that reads no lines, the context's own.
func Run(ctx context.Context, m testee.Machine, in io.Reader, out io.Writer) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := linequeue.NewWriter(out)
	server := udp.NewServer(m, udp.Options{Drained: func() {
		for line, ok := m.Line(); ok; line, ok = m.Line() {
			if err := w.Line(line); err != nil {
				end(err)
			}
		}
		if m.Done() {
			end(errDone)
		}
	}})
	go func() { end(readCommands(ctx, server, m, in)) }()
	server.Run(ctx)
	err := context.Cause(ctx)
	if errors.Is(err, errDone) {
		err = nil
	}
	if flushed := w.Close(); err == nil {
		err = flushed
	}
	return err
}

// readCommands has the testee carry out each line, and returns why there are no
// more.
func readCommands(ctx context.Context, server *udp.Server, m testee.Machine, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), contract.MaxLine)
	for lines.Scan() {
		if err := server.Do(ctx, func(now time.Time) { m.Command(now, lines.Bytes()) }); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read a command: %w", err)
	}
	return errDone
}
