package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab/netns"
	"punchlist/harness/testkit/testenv"
)

// A user is somebody who types commands, and has a cache of their own.
type user struct {
	t     *testing.T
	cache string
}

func newUser(t *testing.T) user {
	t.Helper()
	testenv.SkipShort(t, "it brings up a lab of network namespaces")
	if err := netns.New().Check(t.Context()); err != nil {
		testenv.Missing(t, "netns", err.Error())
	}
	return user{t, t.TempDir()}
}

func (u user) command(arguments ...string) *exec.Cmd {
	cmd := exec.Command("punchlist", arguments...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+u.cache)
	return cmd
}

// says runs a command to its end.
func (u user) says(code int, arguments ...string) (out, complaint string) {
	u.t.Helper()
	cmd := u.command(arguments...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run() // its error is the exit code
	require.Equal(u.t, code, cmd.ProcessState.ExitCode(), "%s%s", &stdout, &stderr)
	return stdout.String(), stderr.String()
}

// A talker is a command that runs, and what it says line by line.
type talker struct {
	*exec.Cmd
	lines     *bufio.Scanner
	complaint *bytes.Buffer // whole when it has ended
	t         *testing.T
}

func (u user) start(arguments ...string) *talker {
	u.t.Helper()
	cmd := u.command(arguments...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	require.NoError(u.t, err)
	require.NoError(u.t, cmd.Start())
	u.t.Cleanup(func() { cmd.Process.Kill() })
	return &talker{cmd, bufio.NewScanner(out), &complaint, u.t}
}

// until reads to the line that begins so.
func (k *talker) until(begin string) (lines []string) {
	k.t.Helper()
	for k.lines.Scan() {
		lines = append(lines, k.lines.Text())
		if strings.HasPrefix(k.lines.Text(), begin) {
			return lines
		}
	}
	k.t.Fatalf("no line begins with %q: %q", begin, lines)
	return nil
}

// silent reads to the end of all who have the output.
func (k *talker) silent() {
	for k.lines.Scan() {
	}
}

func (k *talker) exits(code int) {
	k.t.Helper()
	k.silent()
	k.Wait() // its error is the exit code
	require.Equal(k.t, code, k.ProcessState.ExitCode(), k.complaint)
}

func TestLabCarriesWhatProgramsOnItsHostsSend(t *testing.T) {
	u := newUser(t)
	file := filepath.Join(t.TempDir(), "packets.pcapng")
	up := u.start("lab", "up", "--host", "alice:symmetric", "--host", "bob", "--host", "carol", "--capture", file)
	table := up.until("up: ")
	require.Regexp(t, `^alice +192\.168\.1\.2 +192\.168\.1\.1 +nat-alice +symmetric +203\.0\.113\.1$`, table[1])
	require.Regexp(t, `^bob +198\.51\.100\.2 +198\.51\.100\.1 +- +- +-$`, table[2])

	// Nothing has been started on carol, and its kernel answers.
	out, _ := u.says(0, "lab", "shell", "bob", "--", "ping-once", "198.51.100.3")
	require.Equal(t, "echo reply 198.51.100.3\n", out)
	out, _ = u.says(1, "lab", "shell", "alice", "--", "udp-ask", "198.51.100.3:9")
	require.Contains(t, out, "connection refused")

	server := u.start("lab", "shell", "bob", "--", "udp-echo", "198.51.100.2:5000")
	server.until("listening")
	out, _ = u.says(0, "lab", "shell", "alice", "--", "udp-ask", "198.51.100.2:5000")
	require.Regexp(t, `^203\.0\.113\.1:\d+\n$`, out)

	_, complaint := u.says(2, "lab", "shell", "dave", "--", "true")
	require.Equal(t, "punchlist: there is no host \"dave\": the hosts are alice, bob, carol\n", complaint)
	_, complaint = u.says(2, "lab", "up", "--host", "carl")
	require.Contains(t, complaint, `a lab "lab" is running already: end it by punchlist lab down, or give this one another --name`)
	_, complaint = u.says(2, "lab", "shell", "alice", "--name", "other", "--", "true")
	require.Contains(t, complaint, `no lab "other" is running: bring it up by punchlist lab up --name other --host ..., in another terminal; running (--name): lab`)

	u.says(0, "lab", "down")
	up.exits(0)
	server.exits(2)
	require.Equal(t, "punchlist: lab \"lab\" has ended\n", server.complaint.String())
	left, err := os.ReadDir(filepath.Join(u.cache, "punchlist", "labs"))
	require.NoError(t, err)
	require.Empty(t, left)
	_, complaint = u.says(2, "lab", "down")
	require.Contains(t, complaint, `no lab "lab" is running`)

	captured, err := capture.ReadFile(file)
	require.NoError(t, err)
	asked := map[string]int{}
	for p := range captured.Packets() {
		if d, err := internet.ParseUDP(p.Data); err == nil && string(d.Payload) == "who am I?" && d.Dst.Port() == 5000 {
			asked[p.Interface]++
		}
	}
	require.Equal(t, map[string]int{"alice": 1, "nat-alice (outside)": 1, "bob": 1}, asked)
}

func TestLabsOfSeveralNames(t *testing.T) {
	u := newUser(t)
	a := u.start("lab", "up", "--name", "a", "--host", "alice")
	b := u.start("lab", "up", "--name", "b", "--host", "alice:full-cone")
	a.until("up: ")
	b.until("up: ")
	out, _ := u.says(0, "lab", "shell", "alice", "--name", "a", "--", "sh", "-c", "echo $PUNCHLIST_LAB")
	require.Equal(t, "198.51.100.2\n", out)
	out, _ = u.says(0, "lab", "shell", "alice", "--name", "b", "--", "sh", "-c", "echo $PUNCHLIST_LAB")
	require.Equal(t, "192.168.1.2\n", out)
	u.says(0, "lab", "down", "--name", "a")
	a.exits(0)
	u.says(0, "lab", "shell", "alice", "--name", "b", "--", "true")
	require.NoError(t, b.Process.Signal(syscall.SIGINT))
	b.exits(0)
}

func TestShellPassesStreamsCodesAndSignalsOn(t *testing.T) {
	u := newUser(t)
	topology, err := filepath.Abs("testdata/topology.yaml")
	require.NoError(t, err)
	for name, shell := range map[string][]string{ // order-free: independent cases
		"of a running lab":  {"lab", "shell", "alice"},
		"of its own lab":    {"lab", "shell", "alice", "--host", "alice:full-cone"},
		"of its own file's": {"lab", "shell", "alice", "--topology", topology},
	} {
		t.Run(name, func(t *testing.T) {
			u := user{t, u.cache}
			if len(shell) == 3 {
				up := u.start("lab", "up", "--host", "alice")
				up.until("up: ")
				defer func() {
					u.says(0, "lab", "down")
					up.exits(0)
				}()
			}
			run := func(program ...string) []string {
				return append(append([]string{}, shell...), append([]string{"--"}, program...)...)
			}

			cmd := u.command(run("sh", "-c", "cat; echo complaint >&2; pwd; exit 42")...)
			var out, complaint bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("input "), &out, &complaint
			cmd.Dir = "/"
			require.EqualError(t, cmd.Run(), "exit status 42")
			require.Equal(t, "input /\n", out.String())
			require.Contains(t, complaint.String(), "complaint\n")

			u.says(128+int(syscall.SIGTERM), run("sh", "-c", "kill -TERM $$")...)
			_, text := u.says(2, run("no-such-program")...)
			require.Contains(t, text, `"no-such-program": executable file not found`)

			// A signal to the caller is one to the program.
			k := u.start(run("tell-terminal")...)
			k.until("no terminal")
			k.until("got end")
			require.NoError(t, k.Process.Signal(syscall.SIGINT))
			k.until("interrupted")
			k.exits(5)

			// With the caller, the program ends: nobody has its output any more.
			k = u.start(run("sh", "-c", "trap '' HUP; echo on; exec udp-echo 127.0.0.1:5000")...)
			k.until("listening")
			require.NoError(t, k.Process.Kill())
			k.silent()
		})
	}
}

func TestNextLabAfterKill9(t *testing.T) {
	u := newUser(t)
	up := u.start("lab", "up", "--host", "bob")
	up.until("up: ")
	server := u.start("lab", "shell", "bob", "--", "udp-echo", "198.51.100.2:5000")
	server.until("listening")
	require.NoError(t, up.Process.Kill())
	server.exits(2) // and the program on the host has let go of its output
	up.silent()     // and so has all that the lab consisted of
	require.FileExists(t, filepath.Join(u.cache, "punchlist", "labs", "lab.sock"))

	_, complaint := u.says(2, "lab", "shell", "bob", "--", "true")
	require.Contains(t, complaint, `no lab "lab" is running`)
	up = u.start("lab", "up", "--host", "carl")
	up.until("up: ")
	u.says(0, "lab", "shell", "carl", "--", "true")
	u.says(0, "lab", "down")
	up.exits(0)
}

// A shell at a terminal has one itself, which is as large as the caller's,
// controls the jobs of the shell, and leaves the caller's as it was.
func TestShellHasATerminal(t *testing.T) {
	u := newUser(t)
	up := u.start("lab", "up", "--host", "alice")
	up.until("up: ")
	for name, arguments := range map[string][]string{ // order-free: independent cases
		"of a running lab": {"lab", "shell", "alice", "--", "tell-terminal"},
		"of its own lab":   {"lab", "shell", "alice", "--host", "alice", "--", "tell-terminal"},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave, err := pty.Open()
			require.NoError(t, err)
			defer master.Close()
			resize := func(width, height uint16) {
				require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: height, Cols: width}))
			}
			resize(100, 40)
			before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			require.NoError(t, err)
			cmd := user{t, u.cache}.command(arguments...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { cmd.Process.Kill() })
			require.NoError(t, master.SetReadDeadline(time.Now().Add(time.Minute)))
			screen := &talker{Cmd: cmd, lines: bufio.NewScanner(master), t: t}
			screen.until("terminal of 100x40, controlled: true")
			resize(90, 30)
			screen.until("terminal of 90x30, controlled: true")
			_, err = master.WriteString("word\r")
			require.NoError(t, err)
			screen.until("got word")
			_, err = master.WriteString("\x03")
			require.NoError(t, err)
			screen.until("^Cinterrupted")
			require.Error(t, cmd.Wait())
			require.Equal(t, 5, cmd.ProcessState.ExitCode())
			after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			require.NoError(t, err)
			require.Equal(t, before, after)
			slave.Close()
			_, _ = io.Copy(io.Discard, master)
		})
	}
	u.says(0, "lab", "down")
	up.exits(0)
}
