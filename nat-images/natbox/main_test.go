//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = "PUNCHLIST_NATBOX_TEST" // set: the test's binary is the program

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		input     string
		code      int
		complaint string
	}{
		{[]string{"--help"}, "", 0, "Natbox is a router"},
		{[]string{"--colour"}, "", 2, "natbox: unknown flag: --colour"},
		{[]string{"--topology", "nowhere.yaml"}, "", 2, "natbox: "},
		{nil, "", 0, ""},
		{nil, "attach alice", 1, "natbox: "},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], c.arguments...)
		cmd.Env = append(os.Environ(), program+"=1")
		cmd.Stdin = strings.NewReader(c.input)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		cmd.Run() // its error is the exit code
		require.Equal(t, c.code, cmd.ProcessState.ExitCode(), "%q: %s", c.arguments, &complaint)
		require.Contains(t, complaint.String(), c.complaint)
	}
}

// A signal ends the input of a router, and with it the router, though nobody
// closed it.
func TestASignalEndsTheInput(t *testing.T) {
	in, commands := io.Pipe()
	out := interruptible(in)
	go commands.Write([]byte("x"))
	_, err := io.ReadFull(out, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	_, err = out.Read(make([]byte, 1))
	require.True(t, errors.Is(err, io.EOF), "%v", err)
}
