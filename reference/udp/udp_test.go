package udp_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
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
		r.ended <- udp.Run(context.Background(), agent(), in, out)
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
	require.Equal(t, "a1b2c3d4e5f6", pinged(t, dial(t, ready.Port)))
	r.stop()
}

func dial(t *testing.T, port uint16) *net.UDPConn {
	conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// pinged sends a ping and returns the pingId of the pong that answers it.
func pinged(t *testing.T, conn *net.UDPConn) string {
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
		var p wire.Packet
		require.True(t, wire.Decode(&p, buffer[:n]).OK())
		if p.Type == wire.Pong {
			var body struct{ PingID string }
			require.NoError(t, json.Unmarshal(p.Message, &body))
			return body.PingID
		}
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
	require.ErrorIs(t, udp.Run(ctx, agent(), in, io.Discard), context.Canceled)
}

func TestRefusesALineThatIsTooLong(t *testing.T) {
	defer goleak.VerifyNone(t)
	err := udp.Run(t.Context(), agent(), strings.NewReader(strings.Repeat("x", contract.MaxLine+1)), io.Discard)
	require.ErrorContains(t, err, "read a command")
}

func TestReportsThatNothingCanBeWritten(t *testing.T) {
	defer goleak.VerifyNone(t)
	fromAgent, out := io.Pipe()
	fromAgent.CloseWithError(io.ErrClosedPipe)
	err := udp.Run(t.Context(), agent(), strings.NewReader("{\"id\":1,\"do\":\"hello\"}\n"), out)
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
		ended <- udp.Run(context.Background(), agent(), in, out)
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

// What a network answers to a datagram of ours, and what nobody would send,
// ends nothing.
func TestSurvivesWhatIsNoPacket(t *testing.T) {
	defer goleak.VerifyNone(t)
	closed, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	nobody := closed.LocalAddr().(*net.UDPAddr).Port
	require.NoError(t, closed.Close())
	r := run(t)
	with := start(1)
	// Its first pings go to a port that the kernel answers "unreachable" for.
	with.Bootstrap = []contract.Bootstrap{{PeerID: strings.Repeat("09", 32), Address: "127.0.0.1", Port: uint16(nobody)}}
	r.send(contract.Start, with)
	var ready contract.ReadyEvent
	require.NoError(t, json.Unmarshal(r.until(`"event":"ready"`).Raw, &ready))
	conn := dial(t, ready.Port)
	for _, size := range []int{0, 1, wire.MaxDatagram + 1, 9000, 65507} {
		_, err := conn.Write(make([]byte, size))
		require.NoError(t, err, size)
	}
	require.Equal(t, "a1b2c3d4e5f6", pinged(t, conn))
	r.stop()
}

// Peers without a testee around them: two are bootstrap peers, the third finds
// out by them what it is.
func TestServesPeers(t *testing.T) {
	defer goleak.VerifyNone(t)
	loopback := netip.MustParseAddr("127.0.0.1")
	leaf := peer.Config{ID: wire.ID{3}, ClusterID: [32]byte{4}, Random: rand.Reader}
	var indexed []*served
	for id := range byte(2) {
		s := serve(t, peer.Config{ID: wire.ID{id + 1}, Indexed: true, Address: loopback, Random: rand.Reader})
		at := netip.AddrPortFrom(loopback, s.until(peer.Ready).Addr.Port())
		leaf.Bootstrap = append(leaf.Bootstrap, peer.Bootstrap{ID: wire.ID{id + 1}, Addr: at})
		indexed = append(indexed, s)
	}
	s := serve(t, leaf)
	port := s.until(peer.Ready).Addr.Port()
	found := s.until(peer.NAT)
	// No more is to be found out by responders that share one address.
	require.Equal(t, nattype.AddrRestricted, found.NATType)
	require.Equal(t, netip.AddrPortFrom(loopback, port), found.Addr)

	var known []peer.PeerInfo
	var traffic udp.Traffic
	require.NoError(t, s.server.Do(t.Context(), func(time.Time) { known, traffic = s.peer.Peers(), s.server.Traffic() }))
	require.Len(t, known, 2)
	require.Positive(t, traffic.In)
	require.Greater(t, traffic.OutBytes, 100*traffic.Out)
	s.stop()
	require.ErrorIs(t, s.server.Do(t.Context(), func(time.Time) {}), udp.ErrEnded)
	for i, b := range indexed {
		b.stop()
		again, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(leaf.Bootstrap[i].Addr.Port())})
		require.NoError(t, err, "its port is free again")
		require.NoError(t, again.Close())
	}
}

// served is a peer over real sockets.
type served struct {
	t      *testing.T
	peer   *peer.Peer
	server *udp.Server
	events chan peer.Event
	stop   func()
}

func serve(t *testing.T, c peer.Config) *served {
	require.NoError(t, c.Validate())
	s := &served{t: t, peer: peer.New(time.Now(), c), events: make(chan peer.Event, 1000)}
	s.server = udp.NewServer(s.peer, func(e peer.Event) { s.events <- e })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		s.server.Run(ctx)
		close(ended)
	}()
	s.stop = func() {
		cancel()
		<-ended
	}
	return s
}

func (s *served) until(k peer.EventKind) peer.Event {
	s.t.Helper()
	for {
		select {
		case e := <-s.events:
			if e.Kind == k {
				return e
			}
		case <-time.After(20 * time.Second):
			require.FailNow(s.t, "no event "+k.String())
		}
	}
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
