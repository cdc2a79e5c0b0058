package udp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"punchlist/reference/testee"
	contract "punchlist/spec/testee"
)

// A Testee is a machine that takes the commands of the testee protocol: the
// reference's agent, or a wrapper around it.
type Testee interface {
	Machine
	Command(now time.Time, line []byte) // line is borrowed
	Poll(*testee.Output) bool           // drained after each input
	Done() bool                         // it has ended, and asks for nothing more
}

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
func Run(ctx context.Context, t Testee, in io.Reader, out io.Writer) error {
	h := newHost(t)
	defer h.close()
	h.readers.Go(func() { h.watch(ownAddresses, watchEvery) })
	w := NewWriter(out)
	go h.readLines(in)
	err := h.runTestee(ctx, t, w)
	if flushed := w.Close(); err == nil {
		err = flushed
	}
	return err
}

func (h *host) runTestee(ctx context.Context, t Testee, w *Writer) error {
	defer context.AfterFunc(ctx, h.wake)()
	for {
		if err := h.drainTestee(t, w); err != nil {
			return err
		}
		if t.Done() {
			return nil
		}
		switch i := h.next(ctx); i.kind {
		case cancelled:
			return ctx.Err()
		case line:
			t.Command(time.Now(), i.line)
		case end:
			if errors.Is(i.err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read a command: %w", i.err)
		default:
			h.give(i)
		}
	}
}

// drainTestee does all that a testee asks for.
func (h *host) drainTestee(t Testee, w *Writer) error {
	for more := true; more; more = h.tellOpened() {
		var o testee.Output
		for t.Poll(&o) {
			switch o.Op {
			case testee.Open:
				h.open(o.Socket, o.Port)
			case testee.Close:
				h.closeSocket(o.Socket)
			case testee.Send:
				h.send(o.Socket, o.To, o.Data)
			case testee.Line:
				if err := w.Line(o.Data); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (h *host) readLines(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), contract.MaxLine)
	for lines.Scan() {
		h.hand(input{kind: line, line: append([]byte{}, lines.Bytes()...)})
	}
	err := lines.Err()
	if err == nil {
		err = io.EOF
	}
	h.hand(input{kind: end, err: err})
}
