package udp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/testee"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
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
		r.ended <- udp.Run(context.Background(), testee.New(testee.Options{Name: "reference", Version: "test", Random: rand.Reader}), in, out)
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

// until reads lines up to one that says what is wanted.
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

func TestAnswersAPingOnLoopback(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := run(t)
	r.send(contract.Start, start(1))
	var ready contract.ReadyEvent
	require.NoError(t, json.Unmarshal(r.until(`"event":"ready"`).Raw, &ready))

	conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(ready.Port)})
	require.NoError(t, err)
	defer conn.Close()
	ping := wire.NewPacket(wire.Ping)
	ping.Message = []byte(`{"requesterPeerId":"` + strings.Repeat("02", 32) + `","pingId":"a1b2c3d4e5f6"}`)
	datagram, err := wire.Append(nil, &ping)
	require.NoError(t, err)
	_, err = conn.Write(datagram)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	buffer := make([]byte, 2048)
	for {
		n, err := conn.Read(buffer)
		require.NoError(t, err)
		var pong wire.Packet
		require.True(t, wire.Decode(&pong, buffer[:n]).OK())
		if pong.Type == wire.Pong {
			require.True(t, bytes.Contains(pong.Message, []byte("a1b2c3d4e5f6")))
			break
		}
	}
	r.stop()
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

func TestReportsAPortThatIsTaken(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero})
	require.NoError(t, err)
	defer taken.Close()
	r := run(t)
	with := start(1)
	with.Port = uint16(taken.LocalAddr().(*net.UDPAddr).Port)
	r.send(contract.Start, with)
	require.Contains(t, string(r.until(`"event":"error"`).Raw), "can't be opened")
	r.stop()
}
