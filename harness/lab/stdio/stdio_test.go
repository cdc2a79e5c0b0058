//go:build linux

package stdio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/harness/lab"
	"punchlist/spec/testee"
)

func TestMain(m *testing.M) {
	if script := os.Getenv("STDIO_SCRIPT"); script != "" {
		play(script)
		return
	}
	goleak.VerifyTestMain(m)
}

// play is a testee of the given manners.
func play(script string) {
	switch script {
	case "echo":
		in := json.NewDecoder(os.Stdin)
		for {
			var c testee.Command
			if in.Decode(&c) != nil {
				os.Exit(0)
			}
			fmt.Printf(`{"id":%d,"ok":{"do":%q}}`+"\n", c.ID, c.Do)
		}
	case "last words":
		fmt.Fprintln(os.Stderr, "to the log")
		fmt.Println(`{"event":"ready"}`)
		fmt.Fprint(os.Stderr, strings.Repeat("x", 5000), "the end")
		os.Exit(3)
	case "half a line":
		fmt.Print(`{"event":"ready"}` + "\n" + `{"event":"pack`)
		os.Exit(1)
	case "flood":
		for {
			fmt.Println(`{"event":"packet"}`)
		}
	case "endless line":
		for {
			fmt.Print(strings.Repeat("x", 1000))
		}
	case "endless log":
		for {
			fmt.Fprint(os.Stderr, strings.Repeat("x", 1000))
		}
	case "rubbish":
		fmt.Println("npm WARN something")
		select {}
	case "deaf":
		time.Sleep(time.Hour)
	case "offspring":
		child := exec.Command(os.Args[0])
		child.Env = []string{"STDIO_SCRIPT=deaf"}
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Printf(`{"event":"child","pid":%d}`+"\n", child.Process.Pid)
		os.Exit(0)
	case "signal":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Hour)
	}
}

// A bench is a testee under test, and what tells of a change.
type bench struct {
	*Testee
	t       *testing.T
	changed chan struct{}
}

func start(t *testing.T, script string, o Options) *bench {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"STDIO_SCRIPT=" + script}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p, started, err := Pipes(cmd)
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	started()
	p.Kill = func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	p.Wait = func() (int, string) {
		cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			return -1, status.Signal().String()
		}
		return status.ExitStatus(), ""
	}
	return take(t, p, o)
}

func take(t *testing.T, p Process, o Options) *bench {
	changed := make(chan struct{}, 1)
	o.Host = "alice"
	o.Changed = func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	b := &bench{New(p, o), t, changed}
	t.Cleanup(b.Close)
	return b
}

// until takes what comes until cond holds.
func (b *bench) until(cond func() bool) {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	for !cond() {
		if b.Take(time.Unix(1700000000, 0)) {
			continue
		}
		select {
		case <-b.changed:
		case <-deadline:
			b.t.Fatalf("did not come; %d messages, exit %+v", len(b.Messages()), b.Exit())
		}
	}
}

func (b *bench) exit() *lab.Exit {
	b.t.Helper()
	b.until(func() bool { return b.Exit() != nil })
	return b.Exit()
}

func TestCommandsAndMessages(t *testing.T) {
	b := start(t, "echo", Options{})
	for i, do := range []string{testee.Hello, testee.Info} {
		require.NoError(t, b.Send(testee.Command{ID: i + 1, Do: do}))
	}
	b.until(func() bool { return len(b.Messages()) == 2 })
	require.Equal(t, 2, b.Messages()[1].ID)
	require.JSONEq(t, `{"do":"info"}`, string(b.Messages()[1].OK))
	require.JSONEq(t, `{"id":2,"ok":{"do":"info"}}`, string(b.Messages()[1].Raw))
	require.Equal(t, time.Unix(1700000000, 0), b.Messages()[1].At)
	require.Nil(t, b.Exit())

	require.NoError(t, b.Stop())
	exit := b.exit()
	require.True(t, exit.Killed)
	require.Equal(t, -1, exit.Code)
	require.Equal(t, "killed", exit.Signal)
	require.Empty(t, exit.Garbage)
	require.ErrorContains(t, b.Send(testee.Command{ID: 3, Do: testee.Info}), "alice: command info: the testee has ended")
}

func TestNothingGrowsUntilTaken(t *testing.T) {
	b := start(t, "last words", Options{})
	b.Close()
	require.Empty(t, b.Messages())
	require.Nil(t, b.Exit())
	require.True(t, b.Take(time.Now()))
}

func TestWhatItWroteBeforeItsEndComesFirst(t *testing.T) {
	var logs locked
	b := start(t, "last words", Options{Logs: &logs})
	exit := b.exit()
	require.Len(t, b.Messages(), 1)
	require.Equal(t, 3, exit.Code)
	require.Empty(t, exit.Signal)
	require.False(t, exit.Killed)
	require.Len(t, exit.Stderr, 4<<10)
	require.True(t, strings.HasSuffix(exit.Stderr, "xxthe end"))
	lines := strings.Split(logs.String(), "\n")
	require.Equal(t, "alice: to the log", lines[0])
	require.True(t, strings.HasPrefix(lines[1], "alice: xxx"))
	require.Len(t, lines, 3)

	require.NoError(t, b.Stop())
	require.False(t, b.Exit().Killed, "it had ended by itself")
}

func TestHowItEnds(t *testing.T) {
	for _, c := range []struct {
		script   string
		messages int
		exit     lab.Exit
	}{
		{"half a line", 1, lab.Exit{Code: 1}},
		{"signal", 0, lab.Exit{Code: -1, Signal: "terminated"}},
		{"rubbish", 0, lab.Exit{Code: -1, Signal: "killed", Garbage: `a line that is no JSON object: "npm WARN something"`}},
		{"flood", 50, lab.Exit{Code: -1, Signal: "killed", Garbage: "a flood: message 51, 918 bytes in all (at most 50 and 134217728)"}},
		{"endless line", 0, lab.Exit{Code: -1, Signal: "killed",
			Garbage: `a line of more than 1048576 bytes, which begins "` + strings.Repeat("x", 120) + `"…`}},
	} {
		t.Run(c.script, func(t *testing.T) {
			b := start(t, c.script, Options{MaxMessages: 50})
			exit := *b.exit()
			exit.At, exit.Stderr = time.Time{}, ""
			require.Equal(t, c.exit, exit)
			require.Len(t, b.Messages(), c.messages)
		})
	}
}

func TestOffspringDiesWithIt(t *testing.T) {
	b := start(t, "offspring", Options{})
	require.Zero(t, b.exit().Code)
	var child struct{ PID int }
	require.NoError(t, json.Unmarshal(b.Messages()[0].Raw, &child))
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.PID))
		return err != nil || strings.Contains(string(state), ") Z ")
	}, 10*time.Second, time.Millisecond)
}

func TestSendNeverWaits(t *testing.T) {
	b := start(t, "deaf", Options{})
	var err error
	body := json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	sent := 0
	for ; err == nil && sent < 10*MaxQueued; sent++ {
		err = b.Send(testee.Command{ID: sent + 1, Do: testee.Publish, With: body})
	}
	require.ErrorContains(t, err, "alice: command publish: the testee has left 1024 commands unread")
	require.GreaterOrEqual(t, sent, MaxQueued)

	huge := json.RawMessage(`"` + strings.Repeat("x", testee.MaxLine) + `"`)
	require.ErrorContains(t, b.Send(testee.Command{ID: 1, Do: testee.Publish, With: huge}), "a line may have 1048576")
	b.Close() // while a write waits
	require.True(t, b.exit().Killed)
}

func TestLogsEndSomewhere(t *testing.T) {
	var logs locked
	b := start(t, "endless log", Options{Logs: &logs})
	require.Eventually(t, func() bool {
		return strings.HasSuffix(logs.String(), "alice: (no more of its stderr is logged)\n")
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, b.Stop())
	require.Len(t, b.exit().Stderr, 4<<10)
}

// A process of any other kind, a container's: streams and two functions.
func TestOverAnyStreams(t *testing.T) {
	stdin, toStdin := io.Pipe()
	fromStdout, stdout := io.Pipe()
	fromStderr, stderr := io.Pipe()
	dead := make(chan struct{})
	var once sync.Once
	b := take(t, Process{
		Stdin: toStdin, Stdout: fromStdout, Stderr: fromStderr,
		Wait: func() (int, string) { <-dead; return -1, "SIGKILL" },
		// Its streams stay open: somebody else may hold them.
		Kill: func() { once.Do(func() { close(dead) }) },
	}, Options{})
	require.NoError(t, b.Send(testee.Command{ID: 7, Do: testee.Hello}))
	line := make([]byte, 100)
	n, err := stdin.Read(line)
	require.NoError(t, err)
	require.Equal(t, `{"id":7,"do":"hello"}`+"\n", string(line[:n]))
	go fmt.Fprint(stdout, `{"id":7,"ok":{}}`+"\n")
	b.until(func() bool { return len(b.Messages()) == 1 })
	require.NoError(t, b.Stop())
	require.True(t, b.exit().Killed)
	stderr.Close()
	stdout.Close()
}

func TestLinesThatAreNoMessage(t *testing.T) {
	for line, why := range map[string]string{ // order-free: independent cases
		``:                   `a line that is no JSON object: ""`,
		`[1]`:                `a line that is no JSON object: "[1]"`,
		`{"id":1`:            `a line that is no message (unexpected end of JSON input): "{\"id\":1"`,
		`{"id":"x","ok":{}}`: `a line that is no message (json: cannot unmarshal string into Go struct field Message.id of type int): "{\"id\":\"x\",\"ok\":{}}"`,
		`{"ok":{}}`:          `a line that is neither a reply (id) nor an event (event): "{\"ok\":{}}"`,
		`{"event":"x"} {}`:   `a line that is no message (invalid character '{' after top-level value): "{\"event\":\"x\"} {}"`,
		`{"event":"x"}`:      "",
		` {"id":1,"ok":1}`:   "",
	} {
		_, got := lab.ParseLine([]byte(line))
		require.Equal(t, why, got, line)
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
