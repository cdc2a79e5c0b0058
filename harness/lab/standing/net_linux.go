package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/docker"
	"punchlist/harness/lab/netns"
	contract "punchlist/spec/testee"
)

// A job is a program to run on a host.
type job struct {
	Program
	env      []string
	dir      string
	files    []*os.File // its three standard streams; closed here once the program has them
	terminal bool       // the first of them is a terminal that nobody else controls
}

// A running job. Its exit code comes once.
type running struct {
	ended  <-chan int
	signal func(syscall.Signal) // SIGWINCH too: the terminal has another size
}

// A starter runs a job on a host of a lab's net. It is called between steps.
type starter func(ctx context.Context, n lab.Net, j job) (running, error)

// A standingNet is a net for programs: nothing of its past is kept in memory.
type standingNet struct {
	lab.Net
	start    starter
	topology internet.Topology
	addrs    map[string]string // of each host, with commas between them
	captured *captureStream    // nil: no capture
	warn     func(string)
	warned   string // what warn was given last
}

// bringUp brings up an internet. Its hosts answer pings at once where the lab lets them.
func bringUp(ctx context.Context, c Config) (_ *standingNet, err error) {
	var in lab.Lab = netns.New()
	start := startInNamespace
	if c.Lab == "docker" {
		in, start = docker.New(), startInContainer
	}
	if err := in.Check(ctx); err != nil {
		return nil, fmt.Errorf("the %s lab can't start: %w", c.Lab, err)
	}
	model, err := internet.New(c.Topology, time.Now(), internet.Options{})
	if err != nil {
		return nil, err
	}
	s := &standingNet{start: start, topology: c.Topology, addrs: map[string]string{}, warn: c.Warn}
	for _, h := range c.Topology.Hosts {
		s.addrs[h.Name] = model.Addressing(h.Name).List()
	}
	var file *os.File
	if c.Capture != "" {
		if file, err = createCapture(c.Capture); err != nil {
			return nil, err
		}
	}
	if s.Net, err = in.Up(ctx, c.Topology, lab.Options{Seed: c.Seed, Logs: os.Stderr}); err != nil {
		return nil, err
	}
	if file != nil {
		s.captured = streamCapture(file, s.Trace().Interfaces())
		s.Trace().Pass(s.captured.add)
	} else {
		s.Trace().Pass(func(internet.Frame) {})
	}
	if n, ok := s.Net.(*netns.Net); ok {
		for _, h := range c.Topology.Hosts {
			if err := n.Boot(h.Name); err != nil {
				return nil, errors.Join(err, s.close())
			}
		}
	}
	return s, nil
}

// startJob starts a job on one of the hosts.
func (s *standingNet) startJob(ctx context.Context, j job) (running, error) {
	if err := CheckHost(s.topology, j.Host); err != nil {
		return running{}, err
	}
	j.env = append(slices.Clone(j.env), contract.LabVariable+"="+s.addrs[j.Host])
	return s.start(ctx, s.Net, j)
}

// carry moves the net, and makes the calls that come, between steps, until it
// is to end.
func (s *standingNet) carry(ctx context.Context, calls <-chan func(), end <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return nil
		case call := <-calls:
			call()
			continue
		default:
		}
		// What comes from elsewhere is no observation of the net's, so the steps are short.
		if err := s.Step(ctx, s.Now().Add(20*time.Millisecond)); err != nil && ctx.Err() == nil {
			if err = s.onlyWarn(err); err != nil {
				return err
			}
		}
	}
}

// onlyWarn warns of too many packets, since nothing is judged by what is lost, and of what an
// engine holds. It returns any other error.
func (s *standingNet) onlyWarn(err error) error {
	var left *lab.LeftBehind
	if !errors.Is(err, lab.ErrOverrun) && !errors.As(err, &left) {
		return err
	}
	if text := err.Error(); text != s.warned {
		s.warned = text
		s.warn("warning: " + text)
	}
	return nil
}

func (s *standingNet) close() error {
	err := s.Close()
	if err != nil {
		err = s.onlyWarn(err)
	}
	if s.captured != nil {
		err = errors.Join(err, s.captured.finish())
	}
	return err
}

// createCapture makes the file before the lab is up.
func createCapture(name string) (*os.File, error) {
	whole, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(whole)); err == nil && strings.HasPrefix(folder+"/", "/run/") {
		return nil, fmt.Errorf("--capture %s: a lab has a /run of its own, which ends with it; name a file elsewhere", name)
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--capture: %w", err)
	}
	return file, nil
}

// A captureStream writes frames to a file while they come.
type captureStream struct {
	interfaces []capture.Interface
	frames     chan capture.Packet
	broken     chan struct{} // closed when nothing more is read
	err        error         // set then
}

func streamCapture(file *os.File, interfaces []capture.Interface) *captureStream {
	c := &captureStream{interfaces: interfaces, frames: make(chan capture.Packet, 1024), broken: make(chan struct{})}
	go func() {
		c.err = errors.Join(capture.Write(file, c), file.Close())
		close(c.broken)
	}()
	return c
}

func (c *captureStream) Interfaces() []capture.Interface { return c.interfaces }

func (c *captureStream) Packets() iter.Seq[capture.Packet] {
	return func(yield func(capture.Packet) bool) {
		for p := range c.frames {
			if !yield(p) {
				return
			}
		}
	}
}

func (c *captureStream) add(f internet.Frame) {
	p := capture.Packet{At: f.At, Interface: f.Link, Data: bytes.Clone(f.Packet), Dropped: f.Dropped}
	select {
	case c.frames <- p:
	case <-c.broken:
	}
}

// finish waits until everything is written.
func (c *captureStream) finish() error {
	close(c.frames)
	<-c.broken
	if c.err != nil {
		return fmt.Errorf("the capture is not whole: %w", c.err)
	}
	return nil
}

// defaultShell is the program of a request without one.
func defaultShell(labName string) []string {
	if shell := os.Getenv("SHELL"); shell != "" && labName == "netns" {
		return []string{shell}
	}
	return []string{"/bin/sh"}
}

// newJob is a program as a job of this process, still without streams. A program of this machine
// is found by the caller's own PATH.
func newJob(p Program, labName string) (j job, err error) {
	if len(p.Argv) == 0 {
		p.Argv = defaultShell(labName)
	}
	j = job{Program: p, env: os.Environ()}
	switch labName {
	case "netns":
		if p.Image != "" {
			return j, errors.New("--image is for the docker lab; the netns lab runs commands of this machine")
		}
		path, err := exec.LookPath(p.Argv[0])
		if err != nil {
			return j, err
		}
		j.Argv = append([]string{path}, p.Argv[1:]...)
	case "docker":
		if p.Image == "" {
			return j, errors.New("the docker lab needs --image: one that has a shell, for example busybox")
		}
	}
	j.dir, err = os.Getwd()
	return j, err
}

func startInNamespace(_ context.Context, n lab.Net, j job) (running, error) {
	cmd := exec.Command(j.Argv[0], j.Argv[1:]...)
	cmd.Env, cmd.Dir = j.env, j.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = j.files[0], j.files[1], j.files[2]
	// A session of its own: nothing of the terminal that the lab runs in.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: j.terminal}
	err := n.(*netns.Net).Launch(j.Host, cmd)
	closeFiles(j.files)
	if err != nil {
		return running{}, err
	}
	pid := cmd.Process.Pid
	var mu sync.Mutex
	gone := false // its number may be another's
	ended := make(chan int, 1)
	go func() {
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		mu.Lock()
		gone = true
		mu.Unlock()
		cmd.Wait() // its error is the exit status
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			ended <- 128 + int(status.Signal())
			return
		}
		ended <- status.ExitStatus()
	}()
	signal := func(s syscall.Signal) {
		mu.Lock()
		defer mu.Unlock()
		if !gone {
			syscall.Kill(-pid, s)
		}
	}
	return running{ended, signal}, nil
}

func startInContainer(ctx context.Context, n lab.Net, j job) (running, error) {
	p, err := n.(*docker.Net).Launch(ctx, j.Host, j.Image, docker.Command{Argv: j.Argv, Terminal: j.terminal})
	if err != nil {
		closeFiles(j.files)
		return running{}, err
	}
	resize := func() {
		if width, height, err := term.GetSize(int(j.files[0].Fd())); err == nil {
			_ = p.Resize(ctx, width, height) // it is then as large as any terminal
		}
	}
	if j.terminal {
		// The container has a terminal itself, which does what this one would.
		_, _ = term.MakeRaw(int(j.files[0].Fd()))
		resize()
	}
	go func() {
		io.Copy(p.Stdin, j.files[0])
		p.Stdin.Close()
	}()
	ended := make(chan int, 1)
	go func() {
		var read sync.WaitGroup
		read.Go(func() { io.Copy(j.files[1], p.Stdout) })
		read.Go(func() { io.Copy(j.files[2], p.Stderr) })
		read.Wait()
		code, _ := p.Wait()
		closeFiles(j.files)
		ended <- code
	}()
	signal := func(s syscall.Signal) {
		if s == syscall.SIGWINCH {
			resize()
			return
		}
		p.Kill() // the engine's interface has no other for a program
	}
	return running{ended, signal}, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
