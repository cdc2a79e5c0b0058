package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A running lab is found by a socket in the user's cache folder (what is below
// /run is hidden in the netns lab) and a lock beside it, which its process
// holds as long as it lives: what a killed one left means nothing.
//
// Over a connection the lab says first what it is (greeting). Who has called
// sends one byte, with the streams of a program, and an order. The lab answers
// by news, and the caller sends signals; when the caller is gone, so is its
// program.
type (
	greeting struct {
		Lab   string // netns, docker
		Table string // who has which address
	}
	order struct {
		Down     bool `json:",omitempty"`
		Host     string
		Argv     []string
		Env      []string
		Dir      string
		Image    string
		Terminal bool
	}
	news struct { // one when the program is started, or can't be; one when it has ended
		Error string `json:",omitempty"`
		Code  int    `json:",omitempty"`
	}
)

// doorPaths are the socket and the lock of the lab of a name, whose folder
// then exists and is the user's alone.
func doorPaths(name string) (socket, lock string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("no folder for the socket of a lab: %w; set XDG_CACHE_HOME", err)
	}
	dir := filepath.Join(cache, "punchlist", "labs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", "", err
	}
	socket = filepath.Join(dir, name+".sock")
	if most := len(unix.RawSockaddrUnix{}.Path) - 1; len(socket) > most {
		return "", "", fmt.Errorf("%s is too long a name for a socket, by %d bytes: set XDG_CACHE_HOME to a shorter folder", socket, len(socket)-most)
	}
	return socket, filepath.Join(dir, name+".lock"), nil
}

// lockWithin is how long a lock is waited for that a lab holds which is just
// ending.
const lockWithin = time.Second

// claim takes a lab's name.
func claim(name, lock string) (*os.File, error) {
	for {
		file, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		locked := make(chan error, 1)
		go func() { locked <- flock(file) }()
		select {
		case err = <-locked:
		case <-time.After(lockWithin):
			return nil, fmt.Errorf("a lab %q is running already: end it by punchlist lab down%s, or give this one another --name", name, nameFlag(name))
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		// It may be one that its holder has just removed.
		ours, err := file.Stat()
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if there, err := os.Stat(lock); err == nil && os.SameFile(ours, there) {
			return file, nil
		}
		file.Close()
	}
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func nameFlag(name string) string {
	if name == defaultLabName {
		return ""
	}
	return " --name " + name
}

// A door is where shells and down reach a running lab.
type door struct {
	name     string
	lock     *os.File
	socket   string
	listener *net.UnixListener
	lab      *emulation
	greeting greeting
	calls    chan func()   // for the goroutine that steps the net
	end      chan struct{} // closed when the lab is told to end
	endOnce  sync.Once
	ending   chan struct{} // closed when the net is no longer stepped
}

func openDoor(name string) (*door, error) {
	socket, lockName, err := doorPaths(name)
	if err != nil {
		return nil, err
	}
	lock, err := claim(name, lockName)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, lock.Close())
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &door{name: name, lock: lock, socket: socket, listener: listener, calls: make(chan func()), end: make(chan struct{}), ending: make(chan struct{})}, nil
}

// close takes the door away. The lock goes last, with the process: who waits
// for it knows then that nothing is left.
func (d *door) close() error {
	return errors.Join(d.listener.Close(), os.Remove(d.lock.Name()))
}

// serve answers who comes, until the door is closed.
func (d *door) serve(ctx context.Context) {
	for {
		c, err := d.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "punchlist: a shell could not connect:", err)
			continue
		}
		go d.answer(ctx, c)
	}
}

func (d *door) answer(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	out, in := json.NewEncoder(c), json.NewDecoder(c)
	if out.Encode(d.greeting) != nil {
		return
	}
	files, err := receiveFiles(c)
	if err != nil {
		return // a caller that is gone
	}
	var o order
	if err := in.Decode(&o); err != nil || !o.Down && len(files) != 3 {
		closeFiles(files)
		return
	}
	if o.Down {
		d.endOnce.Do(func() { close(d.end) })
		in.Decode(&o) // nothing comes: the connection lasts as long as one of the two
		return
	}
	j := job{
		shellRequest: shellRequest{host: o.Host, argv: o.Argv, image: o.Image},
		env:          o.Env, dir: o.Dir, files: files, terminal: o.Terminal,
	}
	var s started
	done := make(chan struct{})
	select {
	case d.calls <- func() { s, err = d.lab.startJob(ctx, j); close(done) }:
		<-done
	case <-d.ending:
		err = fmt.Errorf("lab %q is ending", d.name)
	}
	if err != nil {
		closeFiles(j.files)
		out.Encode(news{Error: err.Error()})
		return
	}
	out.Encode(news{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var s2 syscall.Signal
		for in.Decode(&s2) == nil {
			s.signal(s2)
		}
	}()
	select {
	case code := <-s.ended:
		select {
		case <-d.ending: // which is what ended it: the connection's end says so
		default:
			out.Encode(news{Code: code})
		}
	case <-gone:
		endJob(s)
	}
}

// endJob ends a program whose caller is gone: as a terminal's end would, and
// if that isn't heeded, by force.
func endJob(s started) {
	s.signal(syscall.SIGHUP)
	s.signal(syscall.SIGCONT)
	select {
	case <-s.ended:
	case <-time.After(time.Second):
		s.signal(syscall.SIGKILL)
		<-s.ended
	}
}

// receiveFiles reads the byte that a caller's streams come with.
func receiveFiles(c *net.UnixConn) (files []*os.File, err error) {
	rights := make([]byte, unix.CmsgSpace(3*4))
	_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		descriptors, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range descriptors {
			files = append(files, os.NewFile(uintptr(fd), "stream"))
		}
	}
	return files, nil
}

// knock connects to a running lab, and reads what it is.
func knock(name string) (c *net.UnixConn, in *json.Decoder, g greeting, err error) {
	socket, _, err := doorPaths(name)
	if err != nil {
		return nil, nil, g, err
	}
	c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err == nil {
		in = json.NewDecoder(c)
		if err = in.Decode(&g); err == nil {
			return c, in, g, nil
		}
		c.Close()
	}
	others := ""
	if names := runningLabs(filepath.Dir(socket)); len(names) > 0 {
		others = "; running (--name): " + strings.Join(names, ", ")
	}
	return nil, nil, g, fmt.Errorf("no lab %q is running: bring it up by punchlist lab up%s --host ..., in another terminal%s", name, nameFlag(name), others)
}

// runningLabs are the names of labs that take a connection.
func runningLabs(dir string) (names []string) {
	sockets, _ := filepath.Glob(filepath.Join(dir, "*.sock")) // the pattern is well-formed
	for _, socket := range sockets {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			names = append(names, strings.TrimSuffix(filepath.Base(socket), ".sock"))
		}
	}
	return names
}
