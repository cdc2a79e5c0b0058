package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
)

// told is a machine that does nothing but remember.
type told struct {
	opened  map[peer.Socket]netip.AddrPort
	changed [][]netip.Addr
	wanted  []peer.Output
}

func (m *told) Poll(o *peer.Output) bool {
	if len(m.wanted) == 0 {
		return false
	}
	*o, m.wanted = m.wanted[0], m.wanted[1:]
	return true
}

// run makes a host on which a machine runs.
func run(m *told) *host {
	h := newHost(eventloop.Hooks{})
	h.driver.Start(time.Now(), m)
	return h
}

func (m *told) Opened(_ time.Time, s peer.Socket, local netip.AddrPort, err error) {
	if err == nil {
		m.opened[s] = local
	}
}
func (m *told) Receive(time.Time, peer.Socket, netip.AddrPort, []byte) {}
func (m *told) Tick(time.Time)                                         {}
func (m *told) Next() (time.Time, bool)                                { return time.Time{}, false }
func (m *told) NetworkChanged(_ time.Time, locals []netip.Addr) {
	m.changed = append(m.changed, locals)
}

// A pool for traversal: all are open at one time, each hears what is for it,
// and none is left.
func TestHundredsOfSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	m := &told{opened: map[peer.Socket]netip.AddrPort{}}
	const count = 256
	for i := range peer.Socket(count) {
		m.wanted = append(m.wanted, peer.Output{Op: peer.Open, Socket: peer.Pool + i})
	}
	h := run(m)
	defer h.close()
	require.Len(t, m.opened, count)
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer echo.Close()
	buffer := make([]byte, 16)
	for i := range peer.Socket(count) {
		s := peer.Pool + i
		h.Send(time.Now(), s, echo.LocalAddr().(*net.UDPAddr).AddrPort(), []byte{byte(i)})
		require.NoError(t, echo.SetReadDeadline(time.Now().Add(10*time.Second)))
		n, from, err := echo.ReadFromUDPAddrPort(buffer)
		require.NoError(t, err)
		require.Equal(t, m.opened[s].Port(), from.Port())
		_, err = echo.WriteToUDPAddrPort(buffer[:n], from)
		require.NoError(t, err)
		got := h.next(t.Context())
		require.Equal(t, s, got.via)
		require.Equal(t, []byte{byte(i)}, got.datagram)
	}
	for i := range peer.Socket(count) {
		h.Close(peer.Pool + i)
	}
	require.Empty(t, h.sockets)
}

func TestTellsOfOtherAddresses(t *testing.T) {
	defer goleak.VerifyNone(t)
	m := &told{}
	h := run(m)
	defer h.close()
	other := []netip.Addr{netip.MustParseAddr("192.0.2.7")}
	looks := 0
	h.readers.Go(func() {
		h.watch(func() []netip.Addr {
			if looks++; looks < 3 {
				return nil
			}
			return other
		}, time.Millisecond)
	})
	i := h.next(t.Context())
	h.give(i)
	require.Equal(t, [][]netip.Addr{other}, m.changed)
}
