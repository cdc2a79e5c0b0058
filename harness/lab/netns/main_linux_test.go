package netns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/testkit/testenv"
)

// part tells the test's own binary, started again, what to be.
const part = "PUNCHLIST_NETNS_TEST"

func TestMain(m *testing.M) {
	if script := os.Getenv(part); script != "" {
		play(script)
		return
	}
	Main(m)
}

// needsLab skips the test where the lab can't start, and fails it where it
// must.
func needsLab(t testing.TB) {
	t.Helper()
	testenv.SkipShort(t, "it brings up a lab of network namespaces")
	if err := New().Check(context.Background()); err != nil {
		testenv.Missing(t, "netns", err.Error())
	}
}

func bringUp(t testing.TB, topology internet.Topology) *Net {
	t.Helper()
	needsLab(t)
	n, err := New().Up(context.Background(), topology, lab.Options{Seed: 1, Logs: testWriter{t}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n.(*Net)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s", line)
	return len(line), nil
}

// stepUntil steps the net until cond holds. What the tests' own sockets see is
// no observation of the net's, so the steps are short.
func stepUntil(n *Net, within time.Duration, cond func() bool) error {
	until := n.Now().Add(within)
	for !cond() {
		now := n.Now()
		if !now.Before(until) {
			return context.DeadlineExceeded
		}
		if err := n.Step(context.Background(), now.Add(time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func await(t testing.TB, n *Net, cond func() bool) {
	t.Helper()
	require.NoError(t, stepUntil(n, 20*time.Second, cond))
}

// quietFor steps the net for a while in which cond must not come to hold.
func quietFor(t testing.TB, n *Net, d time.Duration, cond func() bool) {
	t.Helper()
	require.ErrorIs(t, stepUntil(n, d, cond), context.DeadlineExceeded)
}

// A socket is a UDP socket of a host's kernel, read by a goroutine.
type socket struct {
	*net.UDPConn

	mu   sync.Mutex
	got  []datagram
	over chan struct{}
}

type datagram struct {
	from    netip.AddrPort
	payload string
}

// listen opens a socket on a host; port 0 draws one. It answers what begins
// with "echo" when it echoes.
func listen(t testing.TB, n *Net, host string, port uint16, echo bool) *socket {
	t.Helper()
	m, err := n.machine(host)
	require.NoError(t, err)
	s := &socket{over: make(chan struct{})}
	require.NoError(t, n.thread.in(m.namespace, func() (err error) {
		s.UDPConn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.Addr(host), port)))
		return err
	}))
	go s.run(echo)
	t.Cleanup(func() {
		s.Close()
		<-s.over
	})
	return s
}

func (s *socket) run(echo bool) {
	defer close(s.over)
	buffer := make([]byte, 65535)
	for {
		count, from, err := s.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.got = append(s.got, datagram{from, string(buffer[:count])})
		s.mu.Unlock()
		if echo && strings.HasPrefix(string(buffer[:count]), "echo") {
			s.WriteToUDPAddrPort([]byte("from "+from.String()), from)
		}
	}
}

func (s *socket) received() []datagram {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]datagram{}, s.got...)
}

func (s *socket) addr() netip.AddrPort { return s.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *socket) send(t testing.TB, to netip.AddrPort, payload string) {
	t.Helper()
	_, err := s.WriteToUDPAddrPort([]byte(payload), to)
	require.NoError(t, err)
}

// pair is two hosts on the public internet.
func pair() internet.Topology {
	return internet.Topology{Hosts: []internet.Host{
		{Name: "alice", Realm: internet.Public}, {Name: "bob", Realm: internet.Public},
	}}
}
