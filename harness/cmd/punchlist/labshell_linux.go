package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/term"

	"punchlist/harness/lab"
	"punchlist/harness/lab/docker"
	"punchlist/harness/lab/netns"
)

// shellIn is how a shell is started in the lab that the flags name.
func shellIn(f shellFlags) (shellOn, error) {
	switch f.lab {
	case "netns":
		if f.image != "" {
			return nil, errors.New("--image is for the docker lab; the netns lab runs commands of this machine")
		}
		// Where it is impossible, the lab's Check says why.
		_ = netns.Enter()
		return shellInNamespace, nil
	case "docker":
		if f.image == "" {
			return nil, errors.New("the docker lab needs --image: one that has a shell, for example busybox")
		}
		return func(ctx context.Context, n lab.Net, host string, argv []string) (<-chan int, error) {
			return shellInContainer(ctx, n, host, f.image, argv)
		}, nil
	}
	return nil, fmt.Errorf("--lab %q: a shell needs a lab with real sockets, netns or docker", f.lab)
}

func shellInNamespace(_ context.Context, n lab.Net, host string, argv []string) (<-chan int, error) {
	if len(argv) == 0 {
		argv = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			argv[0] = shell
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if term.IsTerminal(int(os.Stdin.Fd())) {
		// Its process group gets the terminal, or it could not read from it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(os.Stdin.Fd())}
	}
	if err := n.(*netns.Net).Launch(host, cmd); err != nil {
		return nil, err
	}
	ended := make(chan int, 1)
	go func() {
		var exit *exec.ExitError
		switch err := cmd.Wait(); {
		case err == nil:
			ended <- 0
		case errors.As(err, &exit) && exit.ExitCode() >= 0:
			ended <- exit.ExitCode()
		case errors.As(err, &exit):
			ended <- 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
		default:
			fmt.Fprintln(os.Stderr, "punchlist:", err)
			ended <- 1
		}
	}()
	return ended, nil
}

func shellInContainer(ctx context.Context, n lab.Net, host, image string, argv []string) (<-chan int, error) {
	if len(argv) == 0 {
		argv = []string{"/bin/sh"}
	}
	terminal := term.IsTerminal(int(os.Stdin.Fd()))
	p, err := n.(*docker.Net).Launch(ctx, host, image, docker.Command{Argv: argv, Terminal: terminal})
	if err != nil {
		return nil, err
	}
	restore := func() {}
	if terminal {
		if before, err := term.MakeRaw(int(os.Stdin.Fd())); err == nil {
			restore = func() { _ = term.Restore(int(os.Stdin.Fd()), before) }
		}
		if width, height, err := term.GetSize(int(os.Stdin.Fd())); err == nil {
			_ = p.Resize(ctx, width, height) // it is then as large as any terminal
		}
	}
	ended := make(chan int, 1)
	go func() {
		io.Copy(p.Stdin, os.Stdin)
		p.Stdin.Close()
	}()
	go func() {
		var read sync.WaitGroup
		read.Go(func() { io.Copy(os.Stdout, p.Stdout) })
		read.Go(func() { io.Copy(os.Stderr, p.Stderr) })
		read.Wait()
		code, _ := p.Wait()
		restore()
		ended <- code
	}()
	return ended, nil
}
