//go:build linux

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = "PUNCHLIST_POD_TEST" // set: the test's binary is the program

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Its input is its life: the end of it is no failure, and what it can't read is.
func TestThePodEndsWithItsInput(t *testing.T) {
	for input, want := range map[string]struct {
		code      int
		complaint string
	}{
		"":      {0, ""},
		"alice": {1, "pod: a command that can't be read"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), program+"=1")
		cmd.Stdin = strings.NewReader(input)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		cmd.Run() // its error is the exit code
		require.Equal(t, want.code, cmd.ProcessState.ExitCode(), complaint.String())
		require.True(t, strings.HasPrefix(complaint.String(), want.complaint), complaint.String())
	}
}
