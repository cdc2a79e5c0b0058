package netns

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"punchlist/harness/lab/stdio"
)

// inherited are the variables that a program on a host gets of the lab's
// environment; the rest is none of its business.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", marker}

// Command is a program to Launch, with the environment that testees get. Its
// streams are not set.
func Command(name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(name, arguments...)
	cmd.Env = []string{}
	for _, variable := range inherited {
		if value, ok := os.LookupEnv(variable); ok {
			cmd.Env = append(cmd.Env, variable+"="+value)
		}
	}
	return cmd
}

// Boot makes a host's network before anything is started on it, so that its
// kernel answers what comes, pings too.
func (n *Net) Boot(host string) error {
	_, err := n.machine(host)
	return err
}

// Launch starts any program on a host, whose network it then has: a server, a
// measuring client, a shell. It dies with the net at the latest. The caller
// waits for it, on another goroutine than the one that steps the net. What
// the command already says of its process (group, terminal) holds.
func (n *Net) Launch(host string, cmd *exec.Cmd) error {
	m, err := n.machine(host)
	if err != nil {
		return err
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := n.thread.in(m.namespace, cmd.Start); err != nil {
		return fmt.Errorf("host %s: %w", host, err)
	}
	return nil
}

// start launches a command as a testee.
func (n *Net) start(host string, cmd *exec.Cmd) (stdio.Process, *group, error) {
	process, started, err := stdio.Pipes(cmd)
	if err != nil {
		return process, nil, err
	}
	err = n.Launch(host, cmd)
	started()
	if err != nil {
		process.Stdin.Close()
		process.Stdout.Close()
		process.Stderr.Close()
		return process, nil, err
	}
	g := &group{cmd: cmd, pid: cmd.Process.Pid}
	process.Wait, process.Kill = g.wait, g.kill
	return process, g, nil
}

// A group is a running command that leads a process group of its own.
type group struct {
	cmd *exec.Cmd
	pid int

	mu   sync.Mutex
	gone bool // the group's number may mean another one
}

func (g *group) wait() (code int, signal string) {
	// The number stays the group's while its leader is not reaped.
	for unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	g.kill()
	g.mu.Lock()
	g.gone = true
	g.mu.Unlock()
	g.cmd.Wait() // its error is the exit status
	status, ok := g.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return -1, unix.SignalName(status.Signal())
	}
	return g.cmd.ProcessState.ExitCode(), ""
}

func (g *group) kill() { g.signal(syscall.SIGKILL) }

func (g *group) signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.gone {
		syscall.Kill(-g.pid, s)
	}
}
