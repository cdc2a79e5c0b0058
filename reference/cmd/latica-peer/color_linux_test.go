package main

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"punchlist/reference/linequeue"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// terminal opens a pseudo-terminal, and who looks at it.
func terminal(t *testing.T) (looks, terminal *os.File) {
	t.Helper()
	looks, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { looks.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(looks.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(looks.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close() })
	return looks, terminal
}

// On a terminal names and notes are colored; with NO_COLOR, or without colors,
// not; and in a pipe never.
func TestColorsAreForTerminals(t *testing.T) {
	looks, pts := terminal(t)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer write.Close()
	name := wire.ID{0xaa}
	for _, c := range []struct {
		name, noColor, term string
		out, in             *os.File
		message, lost       string
	}{
		{"terminal", "", "xterm", pts, looks, "\x1b[36m<%s>\x1b[0m hello\r\n", "\x1b[2m* \x1b[0m\x1b[36m%s\x1b[0m\x1b[2m is lost\x1b[0m\r\n"},
		{"NO_COLOR", "1", "xterm", pts, looks, "<%s> hello\r\n", "* %s is lost\r\n"},
		{"dumb", "", "dumb", pts, looks, "<%s> hello\r\n", "* %s is lost\r\n"},
		{"pipe", "", "xterm", write, read, "<%s> hello\n", "* %s is lost\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", c.noColor)
			t.Setenv("TERM", c.term)
			p := printer{out: linequeue.NewWriter(c.out), color: colorful(c.out)}
			require.NoError(t, p.message(time.Now(), peer.Event{Kind: peer.Stream, PeerID: name, Message: []byte("hello"), Opened: true}))
			p.event(time.Now(), peer.Event{Kind: peer.Disconnection, PeerID: name}, false)
			require.NoError(t, p.out.Close())
			want := fmt.Sprintf(c.message, name) + fmt.Sprintf(c.lost, name)
			got := make([]byte, len(want))
			_, err := io.ReadFull(c.in, got)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		})
	}
}
