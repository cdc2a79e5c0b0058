package netns

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/testkit/natplay"
)

// Each NAT vector gives the trace that it gives in the simulation: on
// endpoints above the model, and on sockets of kernels.
func TestNATVectorsAsInSim(t *testing.T) {
	for _, v := range natplay.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			needsLab(t)
			want, err := natplay.InLab(t.Context(), sim.New(), v)
			require.NoError(t, err)
			for _, in := range []lab.Lab{New(), kernels{New(), t}} {
				got, err := natplay.InLab(t.Context(), in, v)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
}

// kernels is the lab with endpoints that are sockets in namespaces.
type kernels struct {
	lab.Lab
	t *testing.T
}

func (k kernels) Up(ctx context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	n, err := k.Lab.Up(ctx, t, o)
	if err != nil {
		return nil, err
	}
	return &kernelNet{Net: n.(*Net), t: k.t}, nil
}

type kernelNet struct {
	*Net
	t       *testing.T
	sockets []*kernelSocket
}

// Step looks a little further than it is asked to: what a kernel answers
// takes a moment.
func (n *kernelNet) Step(ctx context.Context, until time.Time) error {
	return n.Net.Step(ctx, until.Add(20*time.Millisecond))
}

func (n *kernelNet) Endpoint(host string, port uint16) (lab.Endpoint, error) {
	m, err := n.machine(host)
	if err != nil {
		return nil, err
	}
	s := &kernelSocket{}
	err = n.thread.in(m.namespace, func() (err error) {
		s.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: n.Addr(host).AsSlice(), Port: int(port)})
		return err
	})
	n.sockets = append(n.sockets, s)
	return s, err
}

func (n *kernelNet) Close() error {
	for _, s := range n.sockets {
		s.conn.Close()
	}
	return n.Net.Close()
}

type kernelSocket struct {
	conn     *net.UDPConn
	received []lab.Datagram
}

func (s *kernelSocket) Addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *kernelSocket) Send(to netip.AddrPort, payload []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(payload, to)
	return err
}

func (s *kernelSocket) Received() []lab.Datagram {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return nil
	}
	buffer := make([]byte, 65535)
	raw.Read(func(fd uintptr) bool {
		for {
			count, from, err := syscall.Recvfrom(int(fd), buffer, syscall.MSG_DONTWAIT)
			if err != nil {
				return true // nothing more
			}
			peer := from.(*syscall.SockaddrInet4)
			s.received = append(s.received, lab.Datagram{
				From:    netip.AddrPortFrom(netip.AddrFrom4(peer.Addr), uint16(peer.Port)),
				Payload: append([]byte{}, buffer[:count]...),
			})
		}
	})
	return s.received
}
