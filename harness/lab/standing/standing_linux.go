package standing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"punchlist/harness/lab/netns"
)

// enter begins what has to be the first thing in a process of the lab.
func enter(lab string) error {
	if !slices.Contains(Labs(), lab) {
		return fmt.Errorf("lab %q: %w", lab, errUnknownLab)
	}
	if lab == "netns" {
		// Where it is impossible, the lab's Check says why.
		_ = netns.Enter()
	}
	return nil
}

// Up brings up a lab under a name, calls ready with the table of its addresses, and carries its
// packets until ctx ends or Down tells it to. Call it first thing in a process, which is then the
// lab's: whatever runs on a host ends with it, and the name is free again when it has ended.
func Up(ctx context.Context, name string, c Config, ready func(table string)) (err error) {
	if err := enter(c.Lab); err != nil {
		return err
	}
	s, err := listen(name, c.Warn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	n, err := bringUp(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	var table strings.Builder
	if err := WriteTable(&table, c.Topology); err != nil {
		return err
	}
	s.net, s.greeting = n, greeting{Lab: c.Lab, Table: table.String()}
	ready(table.String())
	go s.serve(ctx)
	defer close(s.ending)
	return n.carry(ctx, s.calls, s.end)
}

// Down ends the lab of a name, and waits until its process is gone.
func Down(ctx context.Context, name string) error {
	c, in, _, err := dial(name)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte{0}); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	if err := json.NewEncoder(c).Encode(request{Down: true}); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	gone := make(chan struct{})
	go func() {
		// The lab sends nothing more, and its end of the connection is closed by the end of its
		// process.
		in.Decode(new(event))
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("lab %q has been told to end, and has not yet", name)
	}
}

// Run runs a program on a host of the lab of a name, and returns its exit code, which is 128 and
// the number of the signal that ended it. A program whose caller is gone is ended.
func Run(_ context.Context, name string, p Program) (code int, err error) {
	c, in, g, err := dial(name)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	j, err := newJob(p, g.Lab)
	if err != nil {
		return 0, err
	}
	s, err := newStreams()
	if err != nil {
		return 0, err
	}
	out := json.NewEncoder(c)
	broken := func(err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("lab %q has ended", name)
		}
		return fmt.Errorf("lab %q: %w", name, err)
	}
	rights := unix.UnixRights(int(s.files[0].Fd()), int(s.files[1].Fd()), int(s.files[2].Fd()))
	if _, _, err := c.WriteMsgUnix([]byte{0}, rights, nil); err != nil {
		return 0, broken(err)
	}
	if err := out.Encode(request{Program: j.Program, Env: j.env, Dir: j.dir, Terminal: s.terminal}); err != nil {
		return 0, broken(err)
	}
	var first event
	if err := in.Decode(&first); err != nil {
		return 0, broken(err)
	}
	s.drop()
	if first.Error != "" {
		return 0, errors.New(first.Error)
	}
	if s.terminal && len(p.Argv) == 0 {
		fmt.Fprint(os.Stderr, g.Table)
	}
	ended := make(chan int, 1)
	go func() {
		defer close(ended)
		var last event
		if err = in.Decode(&last); err == nil {
			ended <- last.Code
		}
	}()
	code, ok := s.follow(ended, func(caught syscall.Signal) {
		_ = out.Encode(caught) // a lab that is gone shows as the end
	})
	if !ok {
		return 0, broken(err)
	}
	return code, nil
}

// RunAlone brings up a lab for one program, lists the addresses on stderr, and returns the
// program's exit code as Run does. The error may come beside a code that isn't 0: then it is
// what went wrong when the lab ended. Call it first thing in a process.
func RunAlone(ctx context.Context, c Config, p Program) (code int, err error) {
	if err := enter(c.Lab); err != nil {
		return 0, err
	}
	j, err := newJob(p, c.Lab)
	if err != nil {
		return 0, err
	}
	n, err := bringUp(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := WriteTable(os.Stderr, c.Topology); err != nil {
		return 0, err
	}
	s, err := newStreams()
	if err != nil {
		return 0, err
	}
	j.files, j.terminal = s.files, s.terminal
	// The program's end is the lab's: it says itself what signals mean to it.
	ctx = context.WithoutCancel(ctx)
	running, err := n.startJob(ctx, j)
	if err != nil {
		return 0, err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		code, _ = s.follow(running.ended, running.signal)
	}()
	if err := n.carry(ctx, nil, over); err != nil {
		running.signal(syscall.SIGKILL)
		<-over // the terminal is the caller's again
		return 0, err
	}
	return code, nil
}
