// Package stdio talks the testee protocol with a program over its standard
// streams, whatever lab runs it: commands go in by one bounded queue, lines
// come out and wait until the lab's step takes them. Whatever the program does
// (exit, stop reading, write rubbish or without end), no call here waits for
// it, except Close, which has killed it before.
package stdio

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"punchlist/harness/lab"
	"punchlist/spec/testee"
)

// Bounds on what a testee may make the harness keep.
const (
	MaxMessages = 100_000   // lines of stdout in one run
	MaxBytes    = 128 << 20 // of stdout in one run
	MaxQueued   = 1024      // commands that it has not read yet
	maxLogged   = 16 << 20  // bytes of stderr that go to the logs
	maxLogLine  = 64 << 10  // a longer line of stderr is split
	stderrTail  = 4 << 10   // of stderr that an exit carries
	drainWithin = time.Second
)

// A Process is a program that runs, as its lab started it.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.ReadCloser // closing it must end a Read
	Stderr io.ReadCloser // likewise
	// Wait returns once the process has ended: its exit status, or -1 and the
	// signal's name. It is called once.
	Wait func() (code int, signal string)
	// Kill ends the process and whatever it started. It may be called at any
	// time, from any goroutine, more than once.
	Kill func()
}

// Options of a Testee.
type Options struct {
	Host string    // prefixes each line of Logs, and names the testee in errors
	Logs io.Writer // gets the testee's stderr, one whole line a Write; nil discards. Several testees may write at a time.
	// Changed is called, from any goroutine, when there is something to Take.
	// It must not wait.
	Changed     func()
	MaxMessages int // 0: the constant
}

// A Testee is a lab.Testee over a Process. Send, Stop, Take, Messages and Exit
// belong to the scenario's goroutine.
type Testee struct {
	process Process
	options Options

	commands chan []byte
	over     chan struct{} // closed once the process has ended
	done     chan struct{} // closed once its goroutines have ended

	mu      sync.Mutex // guards what the goroutines share with the owner, below
	waiting []testee.Message
	ended   *lab.Exit // not yet taken, or taken and now exit
	killed  bool
	garbage string
	tail    []byte

	messages []testee.Message
	exit     *lab.Exit
}

// New takes over a process that has just been started.
func New(p Process, o Options) *Testee {
	if o.MaxMessages == 0 {
		o.MaxMessages = MaxMessages
	}
	t := &Testee{
		process: p, options: o,
		commands: make(chan []byte, MaxQueued), over: make(chan struct{}), done: make(chan struct{}),
	}
	var readers, all sync.WaitGroup
	readers.Go(t.readLines)
	readers.Go(t.readLogs)
	all.Go(t.write)
	all.Go(func() { t.wait(&readers) })
	go func() {
		all.Wait()
		close(t.done)
	}()
	return t
}

// Send queues a command. It fails when the testee has ended, when it has not
// read the MaxQueued commands before, and when the command is too long for a
// line.
func (t *Testee) Send(c testee.Command) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("%s: command %s: %w", t.options.Host, c.Do, err)
	}
	if len(line) > testee.MaxLine {
		return fmt.Errorf("%s: command %s has %d bytes, a line may have %d", t.options.Host, c.Do, len(line), testee.MaxLine)
	}
	select {
	case <-t.over:
		return fmt.Errorf("%s: command %s: the testee has ended", t.options.Host, c.Do)
	default:
	}
	select {
	case t.commands <- append(line, '\n'):
		return nil
	default:
		return fmt.Errorf("%s: command %s: the testee has left %d commands unread", t.options.Host, c.Do, MaxQueued)
	}
}

// Messages are those taken so far, in the order in which they were written.
func (t *Testee) Messages() []testee.Message { return t.messages }

// Exit is nil until the testee's end has been taken.
func (t *Testee) Exit() *lab.Exit { return t.exit }

// Stop kills the testee; its exit follows and is then Killed, unless it had
// ended before.
func (t *Testee) Stop() error {
	t.mu.Lock()
	if t.ended == nil && t.garbage == "" {
		t.killed = true
	}
	t.mu.Unlock()
	t.process.Kill()
	return nil
}

// Close kills the testee, waits for its end and frees everything. What was
// not taken yet can still be.
func (t *Testee) Close() {
	t.Stop()
	<-t.done
}

// Take moves the next thing that the testee did, a message or its end, to
// Messages or Exit, and dates it. It reports false when there is none.
func (t *Testee) Take(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 {
		m := t.waiting[0]
		t.waiting = t.waiting[1:]
		m.At = now
		t.messages = append(t.messages, m)
		return true
	}
	if t.ended != nil && t.exit == nil {
		t.ended.At = now
		t.exit = t.ended
		return true
	}
	return false
}

// Waiting is how many times Take would report true.
func (t *Testee) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := len(t.waiting)
	if t.ended != nil && t.exit == nil {
		waiting++
	}
	return waiting
}

func (t *Testee) changed() {
	if t.options.Changed != nil {
		t.options.Changed()
	}
}

func (t *Testee) write() {
	defer t.process.Stdin.Close()
	for {
		select {
		case <-t.over:
			return
		case line := <-t.commands:
			if _, err := t.process.Stdin.Write(line); err != nil {
				return // it reads no more; what it does next says why
			}
		}
	}
}

func (t *Testee) readLines() {
	defer t.process.Stdout.Close()
	in := bufio.NewReaderSize(t.process.Stdout, 64<<10)
	total, messages := 0, 0
	for {
		line, err := readLine(in)
		switch {
		case errors.Is(err, errTooLong):
			_, why := lab.ParseLine(line)
			t.reject(why)
			return
		case err != nil && len(line) == 0:
			return
		}
		m, why := lab.ParseLine(line)
		if why != "" {
			if err != nil {
				return // cut off by its end, which is the finding
			}
			t.reject(why)
			return
		}
		total += len(line)
		messages++
		if messages > t.options.MaxMessages || total > MaxBytes {
			t.reject(fmt.Sprintf("a flood: message %d, %d bytes in all (at most %d and %d)", messages, total, t.options.MaxMessages, MaxBytes))
			return
		}
		t.mu.Lock()
		t.waiting = append(t.waiting, m)
		t.mu.Unlock()
		t.changed()
	}
}

var errTooLong = errors.New("line too long")

// readLine returns the next line without its end; the last one may lack it
// and then comes with an error.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > testee.MaxLine+1 {
			return line, errTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimSuffix(line, []byte("\n")), err
	}
}

func (t *Testee) reject(garbage string) {
	t.mu.Lock()
	if t.ended == nil && !t.killed {
		t.garbage = garbage
	}
	t.mu.Unlock()
	t.process.Kill()
}

func (t *Testee) readLogs() {
	defer t.process.Stderr.Close()
	in := bufio.NewReaderSize(t.process.Stderr, maxLogLine)
	prefix := []byte(t.options.Host + ": ")
	logged := 0
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 {
			t.mu.Lock()
			t.tail = append(t.tail, part...)
			if over := len(t.tail) - stderrTail; over > 0 {
				t.tail = append(t.tail[:0], t.tail[over:]...)
			}
			t.mu.Unlock()
			if t.options.Logs != nil && logged <= maxLogged {
				line := append(append([]byte{}, prefix...), bytes.TrimSuffix(part, []byte("\n"))...)
				if logged += len(line); logged > maxLogged {
					line = append(append([]byte{}, prefix...), "(no more of its stderr is logged)"...)
				}
				if _, err := t.options.Logs.Write(append(line, '\n')); err != nil {
					logged = maxLogged + 1
				}
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// wait observes the end of the process, after what it wrote before.
func (t *Testee) wait(readers *sync.WaitGroup) {
	code, signal := t.process.Wait()
	close(t.over)
	t.process.Stdin.Close() // ends a Write that waits
	t.process.Kill()        // what it left behind may hold its streams open
	drained := make(chan struct{})
	go func() {
		readers.Wait()
		close(drained)
	}()
	grace := time.NewTimer(drainWithin)
	select {
	case <-drained:
		grace.Stop()
	case <-grace.C:
		t.process.Stdout.Close()
		t.process.Stderr.Close()
		<-drained
	}
	t.mu.Lock()
	t.ended = &lab.Exit{Code: code, Signal: signal, Killed: t.killed, Garbage: t.garbage, Stderr: string(t.tail)}
	t.mu.Unlock()
	t.changed()
}
