package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands of the scripts in testdata, beside those of testscript:
//
//	usage-error ARGS           runs latica-peer to its end, which is exit status 2
//	bootstrap                  starts two bootstrap peers, and puts them into LATICA_BOOTSTRAP
//	start NAME ARGS            starts latica-peer
//	say NAME TEXT              writes a text, which is quoted as in Go but for the quotes, to its stdin
//	say-much NAME LENGTH       writes a line of this many bytes to its stdin
//	hangup NAME                closes its stdin
//	until NAME STREAM REGEXP   waits for a line of its out or err behind the one that was waited for before
//	deaf NAME STREAM           closes the reading end of its out or err
//	interrupt NAME             sends SIGINT
//	ended NAME CODE            waits for its end, with this exit status
//	save NAME STREAM FILE      writes all lines of its out or err into a file, when it has ended
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"usage-error": usageErrorCommand,
	"bootstrap":   bootstrapCommand,
	"start":       func(ts *testscript.TestScript, _ bool, args []string) { startProcess(ts, args[0], args[1:]...) },
	"say": func(ts *testscript.TestScript, _ bool, args []string) {
		text, err := strconv.Unquote(`"` + args[1] + `"`)
		ts.Check(err)
		_, err = io.WriteString(processOf(ts, args[0]).in, text)
		ts.Check(err)
	},
	"say-much": func(ts *testscript.TestScript, _ bool, args []string) {
		length, err := strconv.Atoi(args[1])
		ts.Check(err)
		_, err = io.WriteString(processOf(ts, args[0]).in, strings.Repeat("x", length)+"\n")
		ts.Check(err)
	},
	"hangup": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(processOf(ts, args[0]).in.Close()) },
	"until": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Logf("%s", processOf(ts, args[0]).stream(args[1]).until(ts, regexp.MustCompile(args[2])))
	},
	"deaf": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(processOf(ts, args[0]).stream(args[1]).from.Close())
	},
	"interrupt": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(processOf(ts, args[0]).cmd.Process.Signal(syscall.SIGINT))
	},
	"ended": func(ts *testscript.TestScript, _ bool, args []string) {
		p := processOf(ts, args[0])
		if code := p.wait(ts); fmt.Sprint(code) != args[1] {
			ts.Fatalf("%s ended with %d:\n%s", args[0], code, p.err.abridged())
		}
	},
	"save": func(ts *testscript.TestScript, _ bool, args []string) {
		text := strings.Join(append(processOf(ts, args[0]).stream(args[1]).all(), ""), "\n")
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
	},
}

// patience is how long a script waits for a line or an end before it fails.
const patience = 60 * time.Second

func usageErrorCommand(ts *testscript.TestScript, _ bool, args []string) {
	var exit *exec.ExitError
	if err := ts.Exec("latica-peer", args...); !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
		ts.Fatalf("latica-peer %q: %v, want exit status %d", args, err, exitUsage)
	}
}

func bootstrapCommand(ts *testscript.TestScript, _ bool, _ []string) {
	var peers []string
	for i := range 2 {
		p := startProcess(ts, fmt.Sprint("bootstrap", i), "serve", "--address", "127.0.0.1", "--port", "0", "--probe-port", "0",
			"--log-level", "debug", "--dir", fmt.Sprint("bootstrap", i))
		line := p.err.until(ts, regexp.MustCompile("bootstrap="))
		peers = append(peers, line[strings.Index(line, "bootstrap=")+len("bootstrap="):])
	}
	ts.Setenv("LATICA_BOOTSTRAP", strings.Join(peers, ","))
}

// A child is a process of the program, with all that it has written.
type child struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out, err *stream
	ended    chan struct{}
}

// processes are those of a script, which are kept under allProcesses.
type processes map[string]*child

type allProcesses struct{}

func processOf(ts *testscript.TestScript, name string) *child {
	p := ts.Value(allProcesses{}).(processes)[name]
	if p == nil {
		ts.Fatalf("no process was started as %q", name)
	}
	return p
}

func (p *child) stream(name string) *stream {
	return map[string]*stream{"out": p.out, "err": p.err}[name]
}

func startProcess(ts *testscript.TestScript, name string, args ...string) *child {
	program := "latica-peer"
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if found, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			program = found
			break
		}
	}
	p := &child{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "SystemRoot", "GOCOVERDIR", "LATICA_BOOTSTRAP", "LATICA_CLUSTER", "LATICA_KEY", "LATICA_KEEPALIVE"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	var err error
	p.in, err = p.cmd.StdinPipe()
	ts.Check(err)
	out, err := p.cmd.StdoutPipe()
	ts.Check(err)
	errOut, err := p.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	p.out, p.err = newStream(out), newStream(errOut)
	go func() {
		<-p.out.ended
		<-p.err.ended
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
	ts.Value(allProcesses{}).(processes)[name] = p
	return p
}

func (p *child) wait(ts *testscript.TestScript) int {
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("it does not end; it has said\n%s", p.err.abridged())
	}
	return p.cmd.ProcessState.ExitCode()
}

// A stream is what a process writes, by line.
type stream struct {
	from  io.ReadCloser
	ended chan struct{}
	more  chan struct{} // something has come, or it has ended

	mu    sync.Mutex
	lines []string
	seen  int // by until
}

func newStream(from io.ReadCloser) *stream {
	s := &stream{from: from, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	go func() {
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, 4*maxInput)
		for lines.Scan() {
			s.mu.Lock()
			s.lines = append(s.lines, lines.Text())
			s.mu.Unlock()
			s.tell()
		}
		close(s.ended)
	}()
	return s
}

func (s *stream) tell() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *stream) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.lines...)
}

// abridged is all of it for the one who reads why a script failed.
func (s *stream) abridged() string {
	text := ""
	for _, line := range s.all() {
		text += fmt.Sprintf("%.200s\n", line)
	}
	return text
}

func (s *stream) next(want *regexp.Regexp) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.seen < len(s.lines) {
		s.seen++
		if line := s.lines[s.seen-1]; want.MatchString(line) {
			return line, true
		}
	}
	return "", false
}

func (s *stream) until(ts *testscript.TestScript, want *regexp.Regexp) string {
	tooLate := time.After(patience)
	for ended := false; ; {
		if line, found := s.next(want); found {
			return line
		}
		if ended {
			ts.Fatalf("it ended before it wrote %.200q, but it wrote\n%s", want, s.abridged())
		}
		select {
		case <-s.more:
		case <-s.ended:
			ended = true
		case <-tooLate:
			ts.Fatalf("it did not write %.200q, but\n%s", want, s.abridged())
		}
	}
}
