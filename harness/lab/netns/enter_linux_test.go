package netns

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
)

const nobody = 65534

func init() {
	enter := func() {
		if err := Enter(); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	}
	scripts["enter and pass on"] = func() {
		enter()
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s %q %v", input, os.Args[1:], os.Getpid() == 1)
		fmt.Fprint(os.Stderr, "complaint")
		os.Exit(42)
	}
	scripts["enter and wait"] = func() {
		enter()
		// Without a second one at most, so that none comes twice.
		signals := make(chan os.Signal, 10)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
		fmt.Println("waiting")
		for s := range signals {
			fmt.Println(s)
			if s == syscall.SIGTERM {
				os.Exit(len(signals))
			}
		}
	}
	// An orphan of a program that has ended goes with it.
	scripts["enter and leave"] = func() {
		enter()
		child := Command(os.Args[0])
		child.Env = append(child.Env, part+"=sleep", "PUNCHLIST_CLEAN_TEST="+os.Getenv("PUNCHLIST_CLEAN_TEST"))
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			panic(err)
		}
	}
	scripts["reap"] = func() {
		enter()
		child := Command("sh", "-c", "true & exec true")
		for range 20 {
			if out, err := child.CombinedOutput(); err != nil {
				panic(string(out))
			}
			child = Command("sh", "-c", "true & exec true")
		}
		for {
			zombies := 0
			stats, _ := filepath.Glob("/proc/[0-9]*/stat")
			for _, file := range stats {
				if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), ") Z ") {
					zombies++
				}
			}
			if zombies == 0 {
				fmt.Println("reaped")
				return
			}
		}
	}
	scripts["check"] = func() {
		fmt.Println(New().Check(context.Background()))
	}
}

// again is the tests' own binary with a script, outside: not marked as being
// inside already.
func again(script string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], arguments...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), part + "=" + script}
	return cmd
}

// asNobody makes the command that of an ordinary user, with a binary that
// this user may read.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return cmd // it is one already
	}
	if mapped, err := os.ReadFile("/proc/self/uid_map"); err != nil || !strings.HasSuffix(strings.TrimSpace(string(mapped)), "4294967295") {
		t.Skip("this user namespace has no other user to be")
	}
	dir, err := os.MkdirTemp("/tmp", "punchlist-nobody-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	binary, err := os.ReadFile(cmd.Path)
	require.NoError(t, err)
	cmd.Path, cmd.Dir = filepath.Join(dir, "netns.test"), dir
	cmd.Args[0] = cmd.Path
	require.NoError(t, os.WriteFile(cmd.Path, binary, 0o755))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

func TestAnOrdinaryUserHasTheLab(t *testing.T) {
	needsLab(t)
	out, err := asNobody(t, again("exchange")).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "hello by 198.51.100.2:5000 as user 0\n", string(out))
}

func TestStreamsArgumentsAndStatusPassThrough(t *testing.T) {
	needsLab(t)
	cmd := again("enter and pass on", "a b", "c")
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("input"), &out, &complaint
	err := cmd.Run()
	require.EqualError(t, err, "exit status 42")
	require.Equal(t, `input ["a b" "c"] false`, out.String())
	require.Equal(t, "complaint", complaint.String())
}

func TestSignalsPassThroughOnce(t *testing.T) {
	needsLab(t)
	cmd := again("enter and wait")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for _, step := range []struct {
		send syscall.Signal
		want string
	}{
		{0, "waiting"},
		{syscall.SIGINT, "interrupt"},
		{syscall.SIGUSR1, "user defined signal 1"},
		{syscall.SIGTERM, "terminated"},
	} {
		require.NoError(t, cmd.Process.Signal(step.send))
		require.True(t, lines.Scan())
		require.Equal(t, step.want, lines.Text())
	}
	require.NoError(t, cmd.Wait())
}

func TestOrphansGoWithTheProgram(t *testing.T) {
	needsLab(t)
	marker := fmt.Sprintf("PUNCHLIST_CLEAN_TEST=leave%d", os.Getpid())
	cmd := again("enter and leave")
	cmd.Env = append(cmd.Env, marker)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, pids(t, marker))
}

func TestOrphansAreReaped(t *testing.T) {
	needsLab(t)
	out, err := again("reap").CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "reaped\n", string(out))
}

func TestCheckSaysWhyAndTheMend(t *testing.T) {
	needsLab(t)
	out, err := asNobody(t, again("check")).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "<nil>\n", string(out), "the positive control")

	// A user namespace in which no more can be made.
	if os.Getuid() != 0 {
		t.Skip("needs root, to forbid namespaces to another user")
	}
	for script, code := range map[string]int{"check": 0, "exchange": 3} { // order-free: independent cases
		inner := asNobody(t, again(script))
		shell := exec.Command("sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --reuid=65534 --regid=65534 --clear-groups "+inner.Path)
		shell.Env, shell.Dir = inner.Env, inner.Dir
		whole := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: nobody + 1}}
		shell.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: whole, GidMappings: whole, GidMappingsEnableSetgroups: true}
		out, err := shell.CombinedOutput()
		require.Equal(t, code != 0, err != nil)
		require.Equal(t, code, shell.ProcessState.ExitCode(), string(out))
		require.Equal(t, "new namespaces: no space left on device; "+
			"sysctl -w user.max_user_namespaces=10000, or run as root (sudo)\n", string(out), script)
	}
}

func TestUpWithoutEnterSaysSo(t *testing.T) {
	t.Setenv(marker, "")
	_, err := up(pair(), lab.Options{})
	require.EqualError(t, err, "the netns lab needs a process that has entered: call netns.Enter first in main, or netns.Main in TestMain")
}
