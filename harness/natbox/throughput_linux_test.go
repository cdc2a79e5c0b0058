package natbox

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"punchlist/harness/hostlink"
)

// direct joins the hosts without a NAT between them.
func direct(t testing.TB) (near, far *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	needsRoot(t)
	a, x := newPlace(t), newPlace(t)
	a.in(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0"
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(x.file.Fd())})
	})
	addresses := []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("198.51.100.2")}
	open := func(p *place, i int) (c *net.UDPConn) {
		own, other := MAC("direct", fmt.Sprint(i)), MAC("direct", fmt.Sprint(1-i))
		p.in(t, func() (err error) {
			return hostlink.Attach("eth0", hostlink.Interface{Addrs: addresses[i : i+1], Gateway: addresses[1-i], MAC: own[:], GatewayMAC: other[:]})
		})
		return nil
	}
	var wg sync.WaitGroup // one end runs when both are up
	wg.Go(func() { open(a, 0) })
	wg.Go(func() { open(x, 1) })
	wg.Wait()
	listen := func(p *place, i int) (c *net.UDPConn) {
		p.in(t, func() (err error) {
			c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addresses[i], 5000)))
			return err
		})
		t.Cleanup(func() { c.Close() })
		return c
	}
	return listen(a, 0), listen(x, 1), netip.AddrPortFrom(addresses[1], 5000)
}

// window is how many packets are on their way at most: no more than a socket's
// buffer takes.
const window = 128

// stall is how long nothing comes until what is on its way counts as lost.
const stall = 50 * time.Millisecond

// flood sends packets of 200 bytes through the NAT, so many on their way, until
// a number of them has come out. It returns how many that is a second, and how
// many were lost: a kernel that has no room for a packet drops it.
func (s *site) flood(t testing.TB, packets int64) (rate float64, lost int64) {
	// Room for a packet on the way comes back with each that has arrived: who
	// waited in a loop would take a processor from the router.
	room := make(chan struct{}, window)
	for range window {
		room <- struct{}{}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		buffer := make([]byte, 2000)
		for range packets {
			if _, _, err := s.far.ReadFromUDPAddrPort(buffer); err != nil {
				t.Errorf("read: %v", err)
				return
			}
			select {
			case room <- struct{}{}:
			default: // it had counted as lost
			}
		}
	}()
	payload := make([]byte, 200)
	stalled := time.NewTimer(stall)
	defer stalled.Stop()
	begun := time.Now()
	for under := true; under; {
		select {
		case <-over:
			under = false
		case <-room:
			stalled.Reset(stall)
			_, err := s.near.WriteToUDPAddrPort(payload, s.beyond)
			require.NoError(t, err)
		case <-stalled.C:
			require.Less(t, lost, packets/100, "packets are lost")
			for range window {
				select {
				case room <- struct{}{}:
				default:
				}
			}
			lost += window
			stalled.Reset(stall)
		}
	}
	rate = float64(packets) / time.Since(begun).Seconds()
	// What is still on its way is nobody's.
	buffer := make([]byte, 2000)
	for err := error(nil); err == nil; {
		require.NoError(t, s.far.SetReadDeadline(time.Now().Add(stall)))
		_, _, err = s.far.ReadFromUDPAddrPort(buffer)
	}
	require.NoError(t, s.far.SetReadDeadline(time.Time{}))
	return rate, lost
}

// roundTrips sends one packet at a time there and back, and returns the 99th
// percentile of what that took.
func roundTrips(t testing.TB, near, far *net.UDPConn, to netip.AddrPort, count int) time.Duration {
	over := make(chan struct{})
	go func() {
		defer close(over)
		buffer := make([]byte, 2000)
		for {
			n, from, err := far.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			far.WriteToUDPAddrPort(buffer[:n], from)
		}
	}()
	buffer := make([]byte, 2000)
	times := make([]time.Duration, count)
	for i := range times {
		begun := time.Now()
		_, err := near.WriteToUDPAddrPort(buffer[:200], to)
		require.NoError(t, err)
		require.NoError(t, near.SetReadDeadline(begun.Add(5*time.Second)))
		_, _, err = near.ReadFromUDPAddrPort(buffer)
		require.NoError(t, err)
		times[i] = time.Since(begun)
	}
	require.NoError(t, far.SetReadDeadline(time.Now()))
	<-over
	require.NoError(t, far.SetReadDeadline(time.Time{}))
	slices.Sort(times)
	return times[count*99/100]
}

// BenchmarkNatboxAgainstKernel sends the same packets between the same
// namespaces through natbox and through the kernel's own NAT, in turns.
func BenchmarkNatboxAgainstKernel(b *testing.B) {
	const trips = 5000
	boxed, plain := newSite(b), newSite(b)
	boxed.natbox(b)
	plain.kernel(b)
	boxed.connect(b)
	plain.connect(b)
	near, far, to := direct(b)
	bare := roundTrips(b, near, far, to, trips)

	var rates, delays, trips99 [2][]float64
	var lost [2]int64
	for b.Loop() {
		for i, s := range []*site{boxed, plain} {
			rate, gone := s.flood(b, 50_000)
			rates[i] = append(rates[i], rate)
			lost[i] += gone
			took := roundTrips(b, s.near, s.far, s.beyond, trips)
			trips99[i] = append(trips99[i], float64(took))
			delays[i] = append(delays[i], float64(took-bare))
		}
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(median(rates[0]), "natbox-packets/s")
	b.ReportMetric(median(rates[1]), "kernel-packets/s")
	b.ReportMetric(median(rates[0])/median(rates[1]), "ratio-packets/s")
	b.ReportMetric(float64(lost[0]), "natbox-lost")
	b.ReportMetric(float64(lost[1]), "kernel-lost")
	b.ReportMetric(median(delays[0])/1000, "natbox-added-p99-µs")
	b.ReportMetric(median(delays[1])/1000, "kernel-added-p99-µs")
	b.ReportMetric(median(trips99[0])/median(trips99[1]), "ratio-p99")
	b.ReportMetric(0, "ns/op")
}
