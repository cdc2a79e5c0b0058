package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busy is a NAT with ten thousand mappings, and one of them.
func busy(t testing.TB, refresh Refresh) (*NAT, Flow, Flow) {
	n := makeNAT(t, base(func(p *Profile) { p.Filtering, p.Refresh = AddressAndPortDependent, refresh }))
	for i := range 10_000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 12), 1}), uint16(2000+i))
		out(t, n, epoch, from, x1)
	}
	from := ep("10.0.0.1:3000")
	return n, Flow{from, x1}, Flow{x1, out(t, n, epoch, from, x1)}
}

func TestEstablishedPathDoesNotAllocate(t *testing.T) {
	for refresh := RefreshOutbound; refresh <= RefreshBoth; refresh++ {
		n, outbound, inbound := busy(t, refresh)
		now := epoch
		stray := Flow{y1, inbound.Dst}
		allocs := testing.AllocsPerRun(100, func() {
			now = now.Add(time.Microsecond)
			if n.Outbound(now, outbound).Action != Forward || n.Inbound(now, inbound).Action != Forward || n.Inbound(now, stray).Action != Drop {
				panic("no longer established")
			}
		})
		require.Zero(t, allocs)
	}
}

func BenchmarkOutbound(b *testing.B) {
	n, outbound, _ := busy(b, RefreshBoth)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Outbound(epoch.Add(time.Duration(i)), outbound)
	}
}

func BenchmarkInbound(b *testing.B) {
	n, _, inbound := busy(b, RefreshBoth)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Inbound(epoch.Add(time.Duration(i)), inbound)
	}
}

func BenchmarkInboundFiltered(b *testing.B) {
	n, _, inbound := busy(b, RefreshBoth)
	stray := Flow{y1, inbound.Dst}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Inbound(epoch.Add(time.Duration(i)), stray)
	}
}

func BenchmarkNewMapping(b *testing.B) {
	n := makeNAT(b, base(func(p *Profile) { p.Mapping, p.Ports = AddressAndPortDependent, Random }))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		// A lifetime holds some thousand mappings.
		n.Outbound(epoch.Add(time.Duration(i)*100*time.Millisecond), Flow{a5000, netip.AddrPortFrom(x1.Addr(), uint16(1+i%60000))})
	}
}
