package netns

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/testkit/discovery"
)

func TestCoturnFindsWhatProfilesSay(t *testing.T) {
	discovery.NeedsCoturn(t)
	t.Parallel()
	discovery.Check(t, func(topology internet.Topology) discovery.Stage { return &stage{bringUp(t, topology), t} })
}

// stage runs coturn's programs in network namespaces.
type stage struct {
	*Net
	t *testing.T
}

func (s *stage) Addrs(host string) []netip.Addr { return s.model.Addressing(host).Addrs }

func (s *stage) Launch(host string, out *discovery.Output, program string, arguments ...string) <-chan error {
	s.t.Helper()
	cmd := Command(program, arguments...)
	cmd.Dir = s.t.TempDir()
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(s.t, s.Net.Launch(host, cmd))
	ended := make(chan error, 1)
	reaped := make(chan struct{})
	go func() {
		ended <- cmd.Wait()
		close(reaped)
	}()
	s.t.Cleanup(func() { cmd.Process.Kill(); <-reaped })
	return ended
}

func (s *stage) Plant(host string, port uint16, to []netip.AddrPort) {
	s.t.Helper()
	from := listen(s.t, s.Net, host, port, false)
	for _, place := range to {
		from.send(s.t, place, "planted")
	}
}
