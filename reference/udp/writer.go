package udp

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// mostUnread bounds the lines, in bytes, that wait for a reader.
	mostUnread = 64 << 20
	// flushWithin bounds the wait for a reader at the end.
	flushWithin = 10 * time.Second
)

var errUnread = errors.New("write a reply: nobody reads the lines")

// A writer writes lines by a goroutine of its own, so that who has a line
// never waits for who reads it.
type writer struct {
	done chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	wake   *sync.Cond
	unread []byte
	closed bool
	err    error // of out
}

func newWriter(out io.Writer) *writer {
	w := &writer{done: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.run(out)
	return w
}

func (w *writer) run(out io.Writer) {
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
			w.err = fmt.Errorf("write a reply: %w", err)
			w.mu.Unlock()
			return
		}
	}
}

// line queues a line, and returns the error of an earlier one.
func (w *writer) line(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if len(w.unread)+len(line) > mostUnread {
		return errUnread
	}
	w.unread = append(append(w.unread, line...), '\n')
	w.wake.Signal()
	return nil
}

// close waits until all lines are written.
func (w *writer) close() error {
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
		return errUnread
	}
}
