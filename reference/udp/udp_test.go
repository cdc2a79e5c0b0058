package udp_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func indexed(id byte) peer.Config {
	return peer.Config{ID: wire.ID{id}, Indexed: true, Address: loopback, Random: rand.Reader}
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
	s.server = udp.NewServer(s.peer, udp.Options{Event: func(e peer.Event) { s.events <- e }, Ending: s.peer.Stop})
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

func TestAnswersAPingOnLoopback(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := serve(t, indexed(1))
	require.Equal(t, "a1b2c3d4e5f6", pinged(t, dial(t, s.until(peer.Ready).Addr.Port())))
	s.stop()
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

// What a network answers to a datagram of ours, and what nobody would send,
// ends nothing.
func TestSurvivesWhatIsNoPacket(t *testing.T) {
	defer goleak.VerifyNone(t)
	closed, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	nobody := closed.LocalAddr().(*net.UDPAddr).Port
	require.NoError(t, closed.Close())
	// Its first pings go to a port that the kernel answers "unreachable" for.
	c := indexed(1)
	c.Bootstrap = []peer.Bootstrap{{ID: wire.ID{9}, Addr: netip.AddrPortFrom(loopback, uint16(nobody))}}
	s := serve(t, c)
	conn := dial(t, s.until(peer.Ready).Addr.Port())
	for _, size := range []int{0, 1, wire.MaxDatagram + 1, 9000, 65507} {
		_, err := conn.Write(make([]byte, size))
		require.NoError(t, err, size)
	}
	require.Equal(t, "a1b2c3d4e5f6", pinged(t, conn))
	s.stop()
}

// Two are bootstrap peers, by which the third finds out what it is.
func TestServesPeers(t *testing.T) {
	defer goleak.VerifyNone(t)
	leaf := peer.Config{ID: wire.ID{3}, ClusterID: [32]byte{4}, Random: rand.Reader}
	var boots []*served
	for id := range byte(2) {
		s := serve(t, indexed(id+1))
		at := netip.AddrPortFrom(loopback, s.until(peer.Ready).Addr.Port())
		leaf.Bootstrap = append(leaf.Bootstrap, peer.Bootstrap{ID: wire.ID{id + 1}, Addr: at})
		boots = append(boots, s)
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
	for i, b := range boots {
		b.stop()
		again, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(leaf.Bootstrap[i].Addr.Port())})
		require.NoError(t, err, "its port is free again")
		require.NoError(t, again.Close())
	}
}

func TestReportsAPortThatIsTaken(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero})
	require.NoError(t, err)
	defer taken.Close()
	c := indexed(1)
	c.MainPort = uint16(taken.LocalAddr().(*net.UDPAddr).Port)
	s := serve(t, c)
	require.Contains(t, s.until(peer.Error).Text, "can't be opened")
	s.stop()
}
