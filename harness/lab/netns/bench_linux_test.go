package netns

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
)

// six is a topology as scenarios have: three indexed peers on the public
// internet, two peers behind NATs, one more.
func six() internet.Topology {
	var t internet.Topology
	for i := range 6 {
		t.Hosts = append(t.Hosts, internet.Host{Name: fmt.Sprintf("host%d", i), Realm: internet.Public})
	}
	return t
}

func TestUpTakesLittleTime(t *testing.T) {
	needsLab(t)
	// Under load a single one may be late; the best of a few is the lab's.
	best := time.Hour
	for range 5 {
		start := time.Now()
		n := upWhole(t)
		best = min(best, time.Since(start))
		require.NoError(t, n.Close())
	}
	t.Log("six hosts took", best)
	require.Less(t, best, 300*time.Millisecond)
}

func BenchmarkUpAndDownOfSixHosts(b *testing.B) {
	needsLab(b)
	for b.Loop() {
		require.NoError(b, upWhole(b).Close())
	}
}

func upWhole(t testing.TB) *Net {
	t.Helper()
	n, err := New().Up(t.Context(), six(), lab.Options{})
	require.NoError(t, err)
	for _, host := range six().Hosts {
		_, err := n.(*Net).machine(host.Name)
		require.NoError(t, err)
	}
	return n.(*Net)
}

// Packets of 1,000 bytes from kernel to kernel, at most 64 under way.
func BenchmarkHostToHost(b *testing.B) {
	n := bringUp(b, pair())
	n.flood = 1e9
	alice, bob := listen(b, n, "alice", 4000, false), listen(b, n, "bob", 5000, false)
	// The measure reads bob itself.
	require.NoError(b, bob.SetReadDeadline(time.Unix(1, 0)))
	<-bob.over
	require.NoError(b, bob.SetReadDeadline(time.Time{}))

	const window = 64
	slots, count := make(chan struct{}, window), b.N
	done := make(chan error, 2)
	go func() {
		payload, to := make([]byte, 1000), bob.addr()
		for range count {
			slots <- struct{}{}
			if _, err := alice.WriteToUDPAddrPort(payload, to); err != nil {
				done <- err
				return
			}
		}
	}()
	go func() {
		buffer := make([]byte, 2000)
		var from netip.AddrPort
		for range count {
			var err error
			if _, from, err = bob.ReadFromUDPAddrPort(buffer); err != nil || from != alice.addr() {
				done <- fmt.Errorf("from %v: %w", from, err)
				return
			}
			<-slots
		}
		done <- nil
	}()
	b.ResetTimer()
	for len(done) == 0 {
		require.NoError(b, n.Step(b.Context(), n.Now().Add(time.Millisecond)))
	}
	b.StopTimer()
	require.NoError(b, <-done)
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "packets/s")
}
