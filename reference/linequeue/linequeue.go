// Package linequeue writes lines by a goroutine of its own, so that a slow reader
// keeps nobody waiting.
package linequeue

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxUnread bounds the lines, in bytes, that wait for a reader.
	maxUnread = 64 << 20
	// flushWithin bounds the wait for a reader at the end.
	flushWithin = 10 * time.Second
)

// ErrUnread is the error of a Writer whose lines nobody reads.
var ErrUnread = errors.New("nobody reads the lines that are written")

// A Writer queues lines for a goroutine that writes them. At most 64 MiB wait. It
// is for any number of goroutines.
type Writer struct {
	done chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	wake   *sync.Cond
	unread []byte
	closed bool
	err    error // of out
}

// NewWriter makes a writer. The caller must close it.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{done: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.run(out)
	return w
}

func (w *Writer) run(out io.Writer) {
	defer close(w.done)
	var chunk []byte
	for {
		w.mu.Lock()
		for len(w.unread) == 0 && !w.closed {
			w.wake.Wait()
		}
		chunk, w.unread = w.unread, chunk[:0]
		w.mu.Unlock()
		if len(chunk) == 0 {
			return
		}
		if _, err := out.Write(chunk); err != nil {
			w.mu.Lock()
			w.err = fmt.Errorf("write a line: %w", err)
			w.mu.Unlock()
			return
		}
	}
}

// Line queues a line. Errors: ErrUnread, or that of out for an earlier line.
func (w *Writer) Line(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fits(len(line) + 1); err != nil {
		return err
	}
	w.unread = append(append(w.unread, line...), '\n')
	w.wake.Signal()
	return nil
}

// Write queues text as it is, with the errors of Line.
func (w *Writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fits(len(text)); err != nil {
		return 0, err
	}
	w.unread = append(w.unread, text...)
	w.wake.Signal()
	return len(text), nil
}

func (w *Writer) fits(length int) error {
	if w.err != nil {
		return w.err
	}
	if len(w.unread)+length > maxUnread {
		return ErrUnread
	}
	return nil
}

// Close waits until all is written, 10 s at most. Errors: as of Line.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.wake.Signal()
	w.mu.Unlock()
	select {
	case <-w.done:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.err
	case <-time.After(flushWithin):
		return ErrUnread
	}
}
