package linequeue

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestWriterWritesInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	w := NewWriter(&out)
	require.NoError(t, w.Line([]byte("one")))
	_, err := w.Write([]byte("two\n"))
	require.NoError(t, err)
	require.NoError(t, w.Line(nil))
	require.NoError(t, w.Close())
	require.Equal(t, "one\ntwo\n\n", out.String())
}

// Who writes never waits for who reads, and what is not read is bounded.
func TestWriterDoesNotWait(t *testing.T) {
	defer goleak.VerifyNone(t)
	read, write := io.Pipe()
	defer read.Close()
	w := NewWriter(write)
	require.NoError(t, w.Line([]byte("first")))
	_, err := read.Read(make([]byte, 1)) // the writer is in the middle of it
	require.NoError(t, err)
	mebibyte := make([]byte, 1<<20)
	lines := 0
	for ; err == nil; lines++ {
		err = w.Line(mebibyte)
	}
	require.ErrorIs(t, err, ErrUnread)
	_, err = w.Write(mebibyte)
	require.ErrorIs(t, err, ErrUnread)
	require.Equal(t, maxUnread>>20, lines)

	read.Close()
	require.ErrorIs(t, w.Close(), io.ErrClosedPipe)
	require.ErrorIs(t, w.Line([]byte("last")), io.ErrClosedPipe)
}
