package process_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/testee"
	"punchlist/reference/testee/process"
	contract "punchlist/spec/testee"
)

// running is an agent over real sockets on loopback, and the test's end of
// its lines.
type running struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string // all that the agent has written, so that it never waits for the test
	ended chan error
	calls int
}

func agent() *testee.Agent {
	return testee.New(testee.Options{Name: "reference", Version: "test", Random: rand.Reader})
}

func run(t *testing.T) *running {
	t.Helper()
	in, toAgent := io.Pipe()
	fromAgent, out := io.Pipe()
	r := &running{t: t, in: toAgent, lines: make(chan string, 1000), ended: make(chan error, 1)}
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(fromAgent); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	go func() {
		r.ended <- process.Run(context.Background(), agent(), in, out)
		out.Close()
	}()
	return r
}

func (r *running) send(do string, with any) {
	r.t.Helper()
	r.calls++
	text, err := json.Marshal(with)
	require.NoError(r.t, err)
	_, err = fmt.Fprintf(r.in, "{\"id\":%d,\"do\":%q,\"with\":%s}\n", r.calls, do, text)
	require.NoError(r.t, err)
}

// until reads lines up to one that contains the given text.
func (r *running) until(want string) contract.Message {
	r.t.Helper()
	for line := range r.lines {
		if strings.Contains(line, want) {
			var m contract.Message
			require.NoError(r.t, json.Unmarshal([]byte(line), &m))
			m.Raw = json.RawMessage(line)
			return m
		}
	}
	r.t.Fatalf("the agent ended before it said %s", want)
	return contract.Message{}
}

func (r *running) stop() {
	r.send(contract.Stop, struct{}{})
	r.until(fmt.Sprintf(`"id":%d`, r.calls))
	require.NoError(r.t, <-r.ended)
	r.in.Close()
}

func start(id byte) contract.StartWith {
	return contract.StartWith{
		PeerID: strings.Repeat(fmt.Sprintf("%02x", id), 32), ClusterID: strings.Repeat("aa", 32),
		Indexed: true, Address: "127.0.0.1", Bootstrap: []contract.Bootstrap{},
	}
}

func TestTwoPeersGetToKnowEachOther(t *testing.T) {
	defer goleak.VerifyNone(t)
	a := run(t)
	a.send(contract.Start, start(1))
	var ready contract.ReadyEvent
	require.NoError(t, json.Unmarshal(a.until(`"event":"ready"`).Raw, &ready))
	b := run(t)
	with := start(2)
	with.Bootstrap = []contract.Bootstrap{{PeerID: strings.Repeat("01", 32), Address: "127.0.0.1", Port: ready.Port}}
	b.send(contract.Start, with)
	b.until(`"event":"ready"`)
	a.until(`"event":"connection"`)
	b.stop()
	a.stop()
}

func TestEndsWithItsLines(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := run(t)
	r.send(contract.Start, start(1))
	r.until(`"event":"ready"`)
	r.in.Close()
	for range r.lines {
	}
	require.NoError(t, <-r.ended)
}

func TestEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, toAgent := io.Pipe()
	defer toAgent.Close()
	cancel()
	require.ErrorIs(t, process.Run(ctx, agent(), in, io.Discard), context.Canceled)
}

func TestRefusesALineThatIsTooLong(t *testing.T) {
	defer goleak.VerifyNone(t)
	err := process.Run(t.Context(), agent(), strings.NewReader(strings.Repeat("x", contract.MaxLine+1)), io.Discard)
	require.ErrorContains(t, err, "read a command")
}

func TestReportsThatNothingCanBeWritten(t *testing.T) {
	defer goleak.VerifyNone(t)
	fromAgent, out := io.Pipe()
	fromAgent.CloseWithError(io.ErrClosedPipe)
	err := process.Run(t.Context(), agent(), strings.NewReader("{\"id\":1,\"do\":\"hello\"}\n"), out)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// A harness that writes all its commands before it reads a reply must not
// wait for ever, though each side's pipe holds nothing.
func TestTakesCommandsWhileNobodyReads(t *testing.T) {
	defer goleak.VerifyNone(t)
	in, toAgent := io.Pipe()
	fromAgent, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- process.Run(context.Background(), agent(), in, out)
		out.Close()
	}()
	const commands = 5000
	for i := range commands {
		_, err := fmt.Fprintf(toAgent, "{\"id\":%d,\"do\":\"hello\"}\n", i+1)
		require.NoError(t, err)
	}
	toAgent.Close()
	replies := 0
	for s := bufio.NewScanner(fromAgent); s.Scan(); replies++ {
		require.True(t, strings.HasPrefix(s.Text(), fmt.Sprintf(`{"id":%d,"ok":`, replies+1)), s.Text())
	}
	require.Equal(t, commands, replies)
	require.NoError(t, <-ended)
}

// What follows the command stop is not carried out, nor answered.
func TestCarriesOutNothingAfterStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out strings.Builder
	lines := "{\"id\":1,\"do\":\"stop\"}\n" + strings.Repeat("{\"id\":2,\"do\":\"hello\"}\n", 100)
	require.NoError(t, process.Run(t.Context(), agent(), strings.NewReader(lines), &out))
	require.Equal(t, "{\"id\":1,\"ok\":{}}\n", out.String())
}
