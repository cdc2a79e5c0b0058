package main

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
	shellRequest
	env      []string
	dir      string
	files    []*os.File // its three standard streams; closed here once they are its own
	terminal bool       // the first of them is one that nobody else controls
}

// A started job. Its exit code comes once.
type started struct {
	ended  <-chan int
	signal func(syscall.Signal) // SIGWINCH too: the terminal has another size
}

// A starter runs a job on a host of a lab's net. It is called between steps.
type starter func(ctx context.Context, n lab.Net, j job) (started, error)

// starters are those of the labs that can run programs.
var starters = map[string]starter{"netns": startInNamespace, "docker": startInContainer}

// enterLab begins what has to be the first thing in a process of the lab.
func enterLab(name string) error {
	switch name {
	case "netns":
		// Where it is impossible, the lab's Check says why.
		_ = netns.Enter()
	case "docker":
	default:
		return fmt.Errorf("--lab %q: programs need a lab with real sockets, netns or docker", name)
	}
	return nil
}

// An emulation is a net for programs: nothing of its past is kept in memory.
type emulation struct {
	lab.Net
	start    starter
	topology internet.Topology
	addrs    map[string]string // of each host, with commas between them
	captured *captureStream    // nil: no capture
	warned   string
}

// emulate brings up an internet. Its hosts answer at once where the lab lets
// them.
func emulate(ctx context.Context, f internetFlags, t internet.Topology) (_ *emulation, err error) {
	in := labs()[f.lab]
	if err := in.Check(ctx); err != nil {
		return nil, fmt.Errorf("the %s lab can't start: %w", f.lab, err)
	}
	model, err := internet.New(t, time.Now(), internet.Options{})
	if err != nil {
		return nil, err
	}
	e := &emulation{start: starters[f.lab], topology: t, addrs: map[string]string{}}
	for _, h := range t.Hosts {
		e.addrs[h.Name] = model.Addressing(h.Name).List()
	}
	var file *os.File
	if f.capture != "" {
		if file, err = createCapture(f.capture); err != nil {
			return nil, err
		}
	}
	if e.Net, err = in.Up(ctx, t, lab.Options{Seed: f.seed, Logs: os.Stderr}); err != nil {
		return nil, err
	}
	if file != nil {
		e.captured = streamCapture(file, e.Trace().Interfaces())
		e.Trace().Pass(e.captured.add)
	} else {
		e.Trace().Pass(func(internet.Frame) {})
	}
	if n, ok := e.Net.(*netns.Net); ok {
		for _, h := range t.Hosts {
			if err := n.Boot(h.Name); err != nil {
				return nil, errors.Join(err, e.close())
			}
		}
	}
	return e, nil
}

// startJob starts a job on one of the hosts.
func (e *emulation) startJob(ctx context.Context, j job) (started, error) {
	if err := isHost(e.topology, j.host); err != nil {
		return started{}, err
	}
	j.env = append(slices.Clone(j.env), contract.LabVariable+"="+e.addrs[j.host])
	return e.start(ctx, e.Net, j)
}

// carry moves the net, and makes the calls that come, between steps, until it
// is to end.
func (e *emulation) carry(ctx context.Context, calls <-chan func(), end <-chan struct{}) error {
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
		if err := e.Step(ctx, e.Now().Add(20*time.Millisecond)); err != nil && ctx.Err() == nil {
			if err = e.warn(err); err != nil {
				return err
			}
		}
	}
}

// warn makes a warning of too many packets, since nothing is judged by what is
// lost, and of what an engine holds.
func (e *emulation) warn(err error) error {
	var left *lab.LeftBehind
	if !errors.Is(err, lab.ErrOverrun) && !errors.As(err, &left) {
		return err
	}
	if text := err.Error(); text != e.warned {
		e.warned = text
		fmt.Fprintln(os.Stderr, "punchlist: warning:", text)
	}
	return nil
}

func (e *emulation) close() error {
	err := e.Close()
	if err != nil {
		err = e.warn(err)
	}
	if e.captured != nil {
		err = errors.Join(err, e.captured.finish())
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

// defaultShell is what runs where nothing else is asked for.
func defaultShell(labName string) []string {
	if shell := os.Getenv("SHELL"); shell != "" && labName == "netns" {
		return []string{shell}
	}
	return []string{"/bin/sh"}
}

// newJob is the request as a job of this process, with the streams to give
// it. A program of this machine is found by the caller's own PATH.
func newJob(s shellRequest, labName string) (j job, err error) {
	if len(s.argv) == 0 {
		s.argv = defaultShell(labName)
	}
	j = job{shellRequest: s, env: os.Environ()}
	switch labName {
	case "netns":
		if s.image != "" {
			return j, errors.New("--image is for the docker lab; the netns lab runs commands of this machine")
		}
		path, err := exec.LookPath(s.argv[0])
		if err != nil {
			return j, err
		}
		j.argv = append([]string{path}, s.argv[1:]...)
	case "docker":
		if s.image == "" {
			return j, errors.New("the docker lab needs --image: one that has a shell, for example busybox")
		}
	}
	j.dir, err = os.Getwd()
	return j, err
}

func startInNamespace(_ context.Context, n lab.Net, j job) (started, error) {
	cmd := exec.Command(j.argv[0], j.argv[1:]...)
	cmd.Env, cmd.Dir = j.env, j.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = j.files[0], j.files[1], j.files[2]
	// A session of its own: nothing of the terminal that the lab runs in.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: j.terminal}
	err := n.(*netns.Net).Launch(j.host, cmd)
	closeFiles(j.files)
	if err != nil {
		return started{}, err
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
	return started{ended, signal}, nil
}

func startInContainer(ctx context.Context, n lab.Net, j job) (started, error) {
	p, err := n.(*docker.Net).Launch(ctx, j.host, j.image, docker.Command{Argv: j.argv, Terminal: j.terminal})
	if err != nil {
		closeFiles(j.files)
		return started{}, err
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
	return started{ended, signal}, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
