package standing

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// streams are what a program on a host gets from this process: its standard streams themselves.
// But a terminal belongs to one session alone, which is the caller's. So where stdin is a
// terminal, the program gets another one in the place of each stream that is a terminal, and what
// is typed and shown is passed on.
type streams struct {
	files    []*os.File // to give away: three
	terminal bool

	// master is of the program's terminal. Reading from it can have a deadline, as long as nobody
	// calls its Fd.
	master *os.File
	screen *os.File // the caller's
	before *term.State
	shown  chan struct{} // closed when nothing more comes
	over   atomic.Bool   // the program has ended
}

func newStreams() (*streams, error) {
	s := &streams{shown: make(chan struct{})}
	own := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	s.terminal = term.IsTerminal(int(os.Stdin.Fd()))
	var slave *os.File
	if s.terminal {
		var err error
		if s.master, slave, err = pty.Open(); err != nil {
			return nil, fmt.Errorf("make a terminal: %w", err)
		}
		defer slave.Close()
		s.screen = os.Stdin
		if now, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err == nil {
			_ = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, now) // else it has the kernel's settings
		}
		s.resize()
	}
	for i, f := range own {
		give := f
		if s.terminal && term.IsTerminal(int(f.Fd())) {
			give = slave
			if i > 0 {
				s.screen = f
			}
		}
		fd, err := unix.FcntlInt(give.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			closeFiles(s.files)
			return nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		s.files = append(s.files, os.NewFile(uintptr(fd), give.Name()))
	}
	return s, nil
}

// resize makes the program's terminal as large as the caller's.
func (s *streams) resize() { _ = pty.InheritSize(s.screen, s.master) } // else it keeps its size

// drop lets go of what was to be given away, or has been.
func (s *streams) drop() { closeFiles(s.files) }

// follow passes on what is typed and shown, and signals, until the program
// has ended with a code, which it returns when all that it wrote is shown.
func (s *streams) follow(ended <-chan int, pass func(syscall.Signal)) (code int, ok bool) {
	signals := make(chan os.Signal, 16)
	caught := []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}
	if s.terminal {
		caught = append(caught, syscall.SIGWINCH)
	}
	signal.Notify(signals, caught...)
	defer signal.Stop(signals)
	if s.terminal {
		s.begin()
		defer s.end()
	}
	for {
		select {
		case code, ok = <-ended:
			return code, ok
		case caught := <-signals:
			if caught == syscall.SIGWINCH {
				s.resize()
			}
			pass(caught.(syscall.Signal))
		}
	}
}

func (s *streams) begin() {
	s.before, _ = term.MakeRaw(int(os.Stdin.Fd())) // else keys come by the line, and twice
	go io.Copy(s.master, os.Stdin)
	go func() {
		defer close(s.shown)
		buffer := make([]byte, 32<<10)
		for {
			n, err := s.master.Read(buffer)
			s.screen.Write(buffer[:n])
			if err != nil {
				return // the last program that had the terminal has ended, or the deadline has come
			}
			if s.over.Load() {
				s.expire()
			}
		}
	}()
}

// expire ends the reading of what programs in the background show, when they
// show nothing for a while.
func (s *streams) expire() { s.master.SetReadDeadline(time.Now().Add(time.Second)) }

func (s *streams) end() {
	s.over.Store(true)
	s.expire()
	<-s.shown
	s.master.Close()
	if s.before != nil {
		_ = term.Restore(int(os.Stdin.Fd()), s.before)
	}
}
