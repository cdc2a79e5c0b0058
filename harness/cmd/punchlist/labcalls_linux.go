package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"punchlist/harness/internet"
)

// labUp carries an internet's packets until it is told to end.
func labUp(ctx context.Context, name string, f internetFlags, t internet.Topology) (err error) {
	if err := enterLab(f.lab); err != nil {
		return err
	}
	d, err := openDoor(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	e, err := emulate(ctx, f, t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	var table strings.Builder
	if err := showInternet(&table, t); err != nil {
		return err
	}
	d.lab, d.greeting = e, greeting{Lab: f.lab, Table: table.String()}
	fmt.Print(table.String())
	fmt.Printf("up: punchlist lab shell%s HOST, in another terminal, gives a shell; Ctrl-C ends the lab\n", nameFlag(name))
	go d.serve(ctx)
	defer close(d.ending)
	return e.carry(ctx, d.calls, d.end)
}

// labDown ends a running lab, and waits until its process is gone.
func labDown(ctx context.Context, name string) error {
	c, in, _, err := knock(name)
	if err != nil {
		return err
	}
	defer c.Close()
	_, lockName, err := doorPaths(name)
	if err != nil {
		return err
	}
	lock, err := os.Open(lockName)
	if err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	defer lock.Close()
	if _, err := c.Write([]byte{0}); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	if err := json.NewEncoder(c).Encode(order{Down: true}); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	gone := make(chan error, 1)
	go func() {
		in.Decode(new(news)) // nothing comes but the end
		gone <- flock(lock)
	}()
	select {
	case err = <-gone:
		return err
	case <-ctx.Done():
		return fmt.Errorf("lab %q has been told to end, and has not yet", name)
	}
}

// shellInRunningLab runs a program on a host of the lab of a name.
func shellInRunningLab(_ context.Context, name string, r shellRequest) error {
	c, in, g, err := knock(name)
	if err != nil {
		return err
	}
	defer c.Close()
	j, err := newJob(r, g.Lab)
	if err != nil {
		return err
	}
	s, err := newStreams()
	if err != nil {
		return err
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
		return broken(err)
	}
	if err := out.Encode(order{Host: j.host, Argv: j.argv, Env: j.env, Dir: j.dir, Image: j.image, Terminal: s.terminal}); err != nil {
		return broken(err)
	}
	var answer news
	if err := in.Decode(&answer); err != nil {
		return broken(err)
	}
	s.drop()
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	if s.terminal && len(r.argv) == 0 {
		fmt.Fprint(os.Stderr, g.Table)
	}
	ended := make(chan int, 1)
	go func() {
		defer close(ended)
		var end news
		if err = in.Decode(&end); err == nil {
			ended <- end.Code
		}
	}()
	code, ok := s.follow(ended, func(caught syscall.Signal) {
		_ = out.Encode(caught) // a lab that is gone shows as the end
	})
	if !ok {
		return broken(err)
	}
	return exitWith(code)
}

// shellInOwnLab brings up an internet for one program.
func shellInOwnLab(ctx context.Context, f internetFlags, t internet.Topology, r shellRequest) (err error) {
	if err := enterLab(f.lab); err != nil {
		return err
	}
	j, err := newJob(r, f.lab)
	if err != nil {
		return err
	}
	e, err := emulate(ctx, f, t)
	if err != nil {
		return err
	}
	defer func() {
		failed := e.close()
		if failed != nil && err != nil {
			fmt.Fprintln(os.Stderr, "punchlist:", failed)
			return // the exit code is the program's
		}
		if err == nil {
			err = failed
		}
	}()
	if err := showInternet(os.Stderr, t); err != nil {
		return err
	}
	s, err := newStreams()
	if err != nil {
		return err
	}
	j.files, j.terminal = s.files, s.terminal
	// The program's end is the lab's: it says itself what signals mean to it.
	ctx = context.WithoutCancel(ctx)
	running, err := e.startJob(ctx, j)
	if err != nil {
		return err
	}
	code, over := 0, make(chan struct{})
	go func() {
		defer close(over)
		code, _ = s.follow(running.ended, running.signal)
	}()
	if err := e.carry(ctx, nil, over); err != nil {
		running.signal(syscall.SIGKILL)
		<-over // the terminal is the caller's again
		return err
	}
	return exitWith(code)
}

// exitWith ends the program with a program's exit code.
func exitWith(code int) error {
	if code == 0 {
		return nil
	}
	return exitCode(code)
}
