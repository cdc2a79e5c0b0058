package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker tells a process of this program which part it has: beInit, or that
// it is inside (with its PID namespace, so that a copied environment deceives
// nobody).
const (
	marker = "PUNCHLIST_NETNS"
	beInit = "init"
)

// File descriptors that the init process is given.
const (
	controlFD = 3 // signals to pass on, a byte each; its end is the end of everything
	statusFD  = 4 // takes one text: ready, or why the lab can't start
	ready     = "ready"
)

// Enter makes the calling program go on in namespaces of its own: PID, mount,
// network, IPC and UTS, and for an ordinary user a user namespace in which it
// is root. Call it first thing in main, on the main goroutine.
//
// Inside, it returns nil. Outside, it runs the program again, inside, with the
// same arguments and standard streams, passes signals on to it and exits as it
// does; it returns only with the error that made this impossible. Inside is
// hermetic: there is no interface but the loopback, no resolver, an empty
// /run; and once any process of the three (this, the init of the PID
// namespace, the program inside) is gone, by kill -9 too, so is everything.
func Enter() error {
	if Inside() {
		return nil
	}
	if os.Getenv(marker) == beInit && os.Getpid() == 1 {
		runInit()
	}
	code, err := runOutside()
	if err != nil {
		refused.Store(&err)
		return err
	}
	os.Exit(code)
	return nil
}

// refused is the error of an Enter that was tried here.
var refused atomic.Pointer[error]

// Inside reports whether the process runs in what Enter made.
func Inside() bool {
	value := os.Getenv(marker)
	return value != "" && value == insideValue()
}

func insideValue() string {
	id, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return "inside " + id
}

// namespaces are those to make, and with user the maps of users that go with
// a user namespace.
func namespaces(user bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
	}
	if user {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// environment is the process's own with the marker set.
func environment(value string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, marker+"=") {
			env = append(env, entry)
		}
	}
	return append(env, marker+"="+value)
}

func runOutside() (int, error) {
	// The init process dies with the thread that started it.
	runtime.LockOSThread()
	controlRead, control, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	status, statusWrite, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)

	var process *exec.Cmd
	for _, user := range users() {
		process = &exec.Cmd{
			Path: "/proc/self/exe", Args: os.Args, Env: environment(beInit),
			Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			ExtraFiles: []*os.File{controlRead, statusWrite}, SysProcAttr: namespaces(user),
		}
		process.SysProcAttr.Pdeathsig = syscall.SIGKILL
		if err = process.Start(); err == nil {
			break
		}
	}
	controlRead.Close()
	statusWrite.Close()
	if err != nil {
		signal.Stop(signals)
		return 0, explain(err)
	}
	said, err := io.ReadAll(status)
	if string(said) != ready {
		process.Wait()
		signal.Stop(signals)
		if len(said) == 0 {
			said = []byte("the init process ended before it was ready")
		}
		return 0, explain(errors.Join(errors.New(string(said)), err))
	}
	go func() {
		for s := range signals {
			if !fromTerminal(s) {
				control.Write([]byte{byte(s.(syscall.Signal))})
			}
		}
	}()
	process.Wait()
	return exitCode(process.ProcessState.Sys().(syscall.WaitStatus)), nil
}

var passedOn = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// fromTerminal reports whether a signal is one that a terminal sends to all
// processes in its foreground, so that the program inside has it already.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	foreground, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// users reports whether to try without and with a user namespace, in order.
func users() []bool {
	if os.Geteuid() == 0 {
		return []bool{false, true} // root of a container may lack the privilege
	}
	return []bool{true}
}

// exitCode is what a shell makes of an end.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// runInit is the first process of the PID namespace: it makes the place fit,
// starts the program, passes signals on, reaps what is orphaned and ends as
// the program does.
func runInit() {
	unix.CloseOnExec(controlFD)
	unix.CloseOnExec(statusFD)
	// Signals come by the control pipe alone: what a terminal sends has
	// reached the program itself.
	signal.Notify(make(chan os.Signal, 1), passedOn...)
	control, status := os.NewFile(controlFD, "control"), os.NewFile(statusFD, "status")
	program, err := startProgram()
	if err != nil {
		fmt.Fprint(status, err)
		os.Exit(1)
	}
	fmt.Fprint(status, ready)
	status.Close()
	go func() {
		buffer := make([]byte, 1)
		for {
			if n, err := control.Read(buffer); n == 0 || err != nil {
				os.Exit(128 + int(syscall.SIGKILL)) // nobody is waiting any more
			}
			syscall.Kill(program, syscall.Signal(buffer[0]))
		}
	}()
	for {
		var ended syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ended, 0, nil)
		if err != nil && err != syscall.EINTR {
			os.Exit(1)
		}
		if err == nil && pid == program {
			os.Exit(exitCode(ended))
		}
	}
}

func startProgram() (pid int, err error) {
	if err := isolate(); err != nil {
		return 0, err
	}
	pid, err = syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env: environment(insideValue()), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, fmt.Errorf("start the program inside: %w", err)
	}
	return pid, nil
}
