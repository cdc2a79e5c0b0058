package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// A containerSpec is a container to start.
type containerSpec struct {
	name     string // after the run's
	image    string
	argv     []string // instead of the image's own; nil leaves that
	network  string   // an id, "none" or "container:" and an id
	others   []string // ids of further networks
	env      []string
	caps     []string // beside which it has none
	sysctls  map[string]string
	labels   map[string]string
	maxPIDs  int64 // 0 is no limit
	terminal bool  // it has one
	vanishes bool  // the engine removes it when it has ended
}

// A running is a container that runs, with its standard streams.
type running struct {
	engine *engine
	id     string
	name   string
	stdin  io.WriteCloser
	stdout *io.PipeReader
	stderr *io.PipeReader

	ended chan struct{} // closed once it has ended, or the engine has
	code  int
	err   error // the engine's, when it could not say how it ended

	killing sync.Once
}

// start creates a container, attaches to it, and starts it.
func (e *engine) start(ctx context.Context, s containerSpec) (_ *running, err error) {
	fail := func(doing string, err error) (*running, error) {
		return nil, fmt.Errorf("%s the container %s of image %s: %w", doing, s.name, s.image, err)
	}
	created, err := e.provider.CreateContainer(ctx, testcontainers.ContainerRequest{
		Name: e.named(s.name), Image: s.image, Labels: e.labels(s.labels),
		ConfigModifier: func(c *container.Config) {
			c.OpenStdin, c.StdinOnce, c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true, true, true
			c.Env, c.Tty = append(c.Env, s.env...), s.terminal
			if s.argv != nil {
				c.Entrypoint, c.Cmd = s.argv[:1], s.argv[1:]
			}
			// An engine that ends has nothing to wait for.
			c.StopSignal = "SIGKILL"
		},
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode = container.NetworkMode(s.network)
			// What the lab removes itself, the engine must not remove beside it: then
			// it forgets to take some from their networks.
			h.AutoRemove = s.vanishes
			h.CapDrop, h.CapAdd = []string{"ALL"}, s.caps
			h.SecurityOpt = []string{"no-new-privileges"}
			h.Sysctls = s.sysctls
			h.LogConfig = container.LogConfig{Type: "none"}
			if s.maxPIDs > 0 {
				h.PidsLimit = &s.maxPIDs
			}
		},
	})
	if err != nil {
		return fail("create", err)
	}
	r := &running{engine: e, id: created.GetContainerID(), name: s.name, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.remove(context.WithoutCancel(ctx), r.id))
		}
	}()
	for _, id := range s.others {
		if _, err := e.client.NetworkConnect(ctx, id, client.NetworkConnectOptions{Container: r.id}); err != nil {
			return fail("connect", err)
		}
	}
	streams, err := e.client.ContainerAttach(ctx, r.id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return fail("attach to", err)
	}
	// Its end is asked for before its start, so that none is missed; and not
	// under ctx, which ends with the call.
	exit := e.client.ContainerWait(context.WithoutCancel(ctx), r.id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if err := created.Start(ctx); err != nil {
		streams.Close()
		return fail("start", err)
	}
	r.stdin = stdin{streams.HijackedResponse}
	var stdout, stderr *io.PipeWriter
	r.stdout, stdout = io.Pipe()
	r.stderr, stderr = io.Pipe()
	go func() {
		var err error
		if s.terminal { // which has one stream
			_, err = io.Copy(stdout, streams.Reader)
		} else {
			_, err = stdcopy.StdCopy(stdout, stderr, streams.Reader)
		}
		stdout.CloseWithError(err)
		stderr.CloseWithError(err)
		streams.Close()
	}()
	go func() {
		select {
		case w := <-exit.Result:
			r.code = int(w.StatusCode)
			if w.Error != nil {
				r.err = errors.New(w.Error.Message)
			}
		case r.err = <-exit.Error:
		}
		close(r.ended)
	}()
	return r, nil
}

// stdin closes its half of the connection alone.
type stdin struct{ streams client.HijackedResponse }

func (s stdin) Write(b []byte) (int, error) { return s.streams.Conn.Write(b) }
func (s stdin) Close() error                { return s.streams.CloseWrite() }

// drain throws away what the container says.
func (r *running) drain() {
	go io.Copy(io.Discard, r.stdout)
	go io.Copy(io.Discard, r.stderr)
}

// signalNames are the names of Linux's signals that end a program: containers run on Linux,
// whatever this program runs on.
var signalNames = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
	9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
	16: "SIGSTKFLT", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 29: "SIGIO", 30: "SIGPWR", 31: "SIGSYS",
}

// wait is how the container ended: its exit status, or -1 and a signal's name.
func (r *running) wait() (code int, signal string) {
	<-r.ended
	if r.err != nil {
		return -1, ""
	}
	// As a shell tells it, so does an engine.
	if name, ok := signalNames[r.code-128]; ok {
		return -1, name
	}
	return r.code, ""
}

// kill ends the container. It doesn't wait for that.
func (r *running) kill() {
	r.killing.Do(func() {
		go func() {
			// What has ended can't be killed, and what can't be is removed in the end.
			_, _ = r.engine.client.ContainerKill(context.Background(), r.id, client.ContainerKillOptions{Signal: "KILL"})
		}()
	})
}

// pause freezes a container's processes, or lets them go on.
func (e *engine) pause(ctx context.Context, id string, freeze bool) (err error) {
	if freeze {
		_, err = e.client.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	} else {
		_, err = e.client.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	}
	return err
}

// remove ends a container and removes it, and waits until that is done.
func (e *engine) remove(ctx context.Context, id string) error {
	_, err := e.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) {
		// Another removal is under way: that of what has ended by itself.
		removed := e.client.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
		select {
		case <-removed.Result:
			err = nil
		case err = <-removed.Error:
		}
	}
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove the container %s: %w", id, err)
}
