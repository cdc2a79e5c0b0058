package standing

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

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// A running lab is found by its control socket in the user's cache folder (what is below /run is
// hidden in the netns lab) and a lock beside it, which its process holds as long as it lives: what
// a killed lab left behind means nothing.
//
// Over a connection the lab says first what it is (greeting). The caller sends one byte, with the
// streams of a program, and a request. The lab replies by events, and the caller sends signals.
// When the caller is gone, the lab ends its program.
type (
	greeting struct {
		Lab   string // one of Labs
		Table string // of WriteTable
	}
	request struct {
		Down     bool `json:",omitempty"` // and nothing else
		Program  Program
		Env      []string
		Dir      string
		Terminal bool
	}
	event struct { // one when the program is started, or can't be; one when it has ended
		Error string `json:",omitempty"`
		Code  int    `json:",omitempty"`
	}
)

// paths are the socket and the lock of the lab of a name, whose folder then exists and is the
// user's alone.
func paths(name string) (socket, lock string, err error) {
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
	if maximum := len(unix.RawSockaddrUnix{}.Path) - 1; len(socket) > maximum {
		return "", "", fmt.Errorf("%s is too long a name for a socket, by %d bytes: set XDG_CACHE_HOME to a shorter folder", socket, len(socket)-maximum)
	}
	return socket, filepath.Join(dir, name+".lock"), nil
}

// lockWithin is how long a caller waits for the lock of a lab that is just ending.
const lockWithin = time.Second

// claim takes a lab's name.
func claim(name, path string) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWithin)
	defer cancel()
	for {
		lock := flock.New(path)
		held, err := lock.TryLockContext(ctx, 10*time.Millisecond)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("a lab %q is running already: end it by punchlist lab down%s, or give this one another --name", name, nameFlag(name))
		case err != nil:
			return nil, err
		case !held:
			continue
		}
		// The file may be one that the previous holder of the lock has just removed.
		ours, err := lock.Stat()
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(ours, there) {
			return lock, nil
		}
		lock.Close()
	}
}

func nameFlag(name string) string {
	if name == DefaultName {
		return ""
	}
	return " --name " + name
}

// A server is where Run and Down reach a running lab: its control socket.
type server struct {
	name     string
	lock     *flock.Flock
	listener *net.UnixListener
	net      *standingNet
	greeting greeting
	calls    chan func()   // for the goroutine that steps the net
	end      chan struct{} // closed when the lab is told to end
	endOnce  sync.Once
	ending   chan struct{} // closed when the net is no longer stepped
	warn     func(string)
}

func listen(name string, warn func(string)) (*server, error) {
	socket, lockPath, err := paths(name)
	if err != nil {
		return nil, err
	}
	lock, err := claim(name, lockPath)
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
	return &server{
		name: name, lock: lock, listener: listener, warn: warn,
		calls: make(chan func()), end: make(chan struct{}), ending: make(chan struct{}),
	}, nil
}

// close takes the socket away. The process keeps the lock until it ends, so that whoever gets the
// lock knows that nothing is left.
func (s *server) close() error {
	keptLocks = append(keptLocks, s.lock)
	return errors.Join(s.listener.Close(), os.Remove(s.lock.Path()))
}

// keptLocks keeps the garbage collector from closing, and so from releasing, these locks.
var keptLocks []*flock.Flock

// serve handles each connection, until the listener is closed.
func (s *server) serve(ctx context.Context) {
	for {
		c, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.warn("a shell could not connect: " + err.Error())
			continue
		}
		go s.handle(ctx, c)
	}
}

func (s *server) handle(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	out, in := json.NewEncoder(c), json.NewDecoder(c)
	if out.Encode(s.greeting) != nil {
		return
	}
	files, err := receiveFiles(c)
	if err != nil {
		return // a caller that is gone
	}
	var r request
	if err := in.Decode(&r); err != nil || !r.Down && len(files) != 3 {
		closeFiles(files)
		return
	}
	if r.Down {
		s.endOnce.Do(func() { close(s.end) })
		in.Decode(&r) // nothing comes: the connection lasts as long as one of the two
		return
	}
	j := job{Program: r.Program, env: r.Env, dir: r.Dir, files: files, terminal: r.Terminal}
	var program running
	done := make(chan struct{})
	select {
	case s.calls <- func() { program, err = s.net.startJob(ctx, j); close(done) }:
		<-done
	case <-s.ending:
		err = fmt.Errorf("lab %q is ending", s.name)
	}
	if err != nil {
		closeFiles(j.files)
		out.Encode(event{Error: err.Error()})
		return
	}
	out.Encode(event{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var caught syscall.Signal
		for in.Decode(&caught) == nil {
			program.signal(caught)
		}
	}()
	select {
	case code := <-program.ended:
		select {
		case <-s.ending: // which is what ended it: the connection's end says so
		default:
			out.Encode(event{Code: code})
		}
	case <-gone:
		endJob(program)
	}
}

// endJob ends a program whose caller is gone: as a terminal's end would, and
// if that isn't heeded, by force.
func endJob(r running) {
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGCONT)
	select {
	case <-r.ended:
	case <-time.After(time.Second):
		r.signal(syscall.SIGKILL)
		<-r.ended
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

// dial connects to a running lab, and reads what it is.
func dial(name string) (c *net.UnixConn, in *json.Decoder, g greeting, err error) {
	socket, _, err := paths(name)
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

// runningLabs returns the names of the labs in a folder that take a connection.
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
