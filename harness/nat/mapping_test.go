package nat

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	a5000 = ep("10.0.0.2:5000")
	b5000 = ep("10.0.0.3:5000")
	x1    = ep("203.0.113.2:40001")
	x2    = ep("203.0.113.2:40002")
	y1    = ep("203.0.113.3:40001")
)

type endpoint = netip.AddrPort

func base(edit func(*Profile)) Profile {
	p := Profile{Name: "test", Hairpin: HairpinExternalSource, Lifetime: 5 * time.Minute}
	if edit != nil {
		edit(&p)
	}
	return p
}

func makeNAT(t testing.TB, p Profile) *NAT {
	t.Helper()
	p.Behind = ""
	var external []netip.Addr
	for i := range p.ExternalAddresses() {
		external = append(external, netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}))
	}
	n, err := New(p, external, seeded(1))
	require.NoError(t, err)
	return n
}

// out sends from inside, and gives the external endpoint that is seen.
func out(t testing.TB, n *NAT, now time.Time, from, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	v := n.Outbound(now, Flow{from, to})
	require.Equal(t, Forward, v.Action, v.Reason)
	require.Equal(t, to, v.Flow.Dst)
	return v.Flow.Src
}

// in reports whether a datagram from outside passes, and checks where it goes.
func in(t testing.TB, n *NAT, now time.Time, from, to, inside netip.AddrPort) bool {
	t.Helper()
	v := n.Inbound(now, Flow{from, to})
	if v.Action == Forward {
		require.Equal(t, Flow{from, inside}, v.Flow)
	}
	return v.Action == Forward
}

func TestMappingBehaviour(t *testing.T) {
	for mapping := EndpointIndependent; mapping <= AddressAndPortDependent; mapping++ {
		for filtering := EndpointIndependent; filtering <= AddressAndPortDependent; filtering++ {
			for ports := Preserving; ports <= Random; ports++ {
				t.Run(fmt.Sprintf("%v/%v/%v", mapping, filtering, ports), func(t *testing.T) {
					n := makeNAT(t, base(func(p *Profile) { p.Mapping, p.Filtering, p.Ports = mapping, filtering, ports }))
					m1, m2, m3 := out(t, n, epoch, a5000, x1), out(t, n, epoch, a5000, x2), out(t, n, epoch, a5000, y1)
					require.Equal(t, mapping != AddressAndPortDependent, m1 == m2, "another port of the same host")
					require.Equal(t, mapping == EndpointIndependent, m1 == m3, "another host")
					require.Equal(t, []netip.AddrPort{m1, m2, m3}, []netip.AddrPort{out(t, n, epoch, a5000, x1), out(t, n, epoch, a5000, x2), out(t, n, epoch, a5000, y1)}, "again")
					require.NotContains(t, []netip.AddrPort{m1, m2, m3}, out(t, n, epoch, b5000, x1), "another inside host")
					if ports == Preserving {
						require.EqualValues(t, 5000, m1.Port())
					}
				})
			}
		}
	}
	// b takes port 5000 toward x1 first, so that even a NAT that overloads
	// ports shows what its mappings are bound to.
	conforms(t, "REQ-1", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		out(t, n, epoch, b5000, x1)
		m := out(t, n, epoch, a5000, x1)
		return m == out(t, n, epoch, a5000, x2) && m == out(t, n, epoch, a5000, y1)
	})
}

func TestPooling(t *testing.T) {
	conforms(t, "REQ-2", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		paired := true
		first := out(t, n, epoch, a5000, x1)
		for port := uint16(5001); port < 5020; port++ {
			paired = paired && out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), port), y1).Addr() == first.Addr()
		}
		return paired
	})
	n := makeNAT(t, base(func(p *Profile) { p.Addresses = 3 }))
	used := map[netip.Addr]int{}
	for i := byte(1); i <= 6; i++ {
		used[out(t, n, epoch, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i}), 5000), x1).Addr()]++
	}
	require.Len(t, used, 3, "paired hosts are spread over the addresses")
	for _, count := range used { // order-free: each is compared alone
		require.Equal(t, 2, count)
	}
	// A host's address is full: its next mapping is refused, not moved.
	n = makeNAT(t, base(func(p *Profile) { p.Addresses, p.PortLow, p.PortHigh = 2, 5000, 5001 }))
	out(t, n, epoch, a5000, x1)
	out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), 5001), x1)
	require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(a5000.Addr(), 5002), x1}).Reason)
	out(t, n, epoch, b5000, x1)
	out(t, n, epoch, netip.AddrPortFrom(b5000.Addr(), 5001), x1)
	c := netip.MustParseAddr("10.0.0.4")
	require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(c, 5000), x1}).Reason)
	// A new host takes the other address when the one whose turn it is, is full.
	n.DropMappings(epoch, func(m Mapping) bool { return m.Inside.Addr() == b5000.Addr() })
	require.Equal(t, netip.MustParseAddrPort("198.51.100.2:5000"), out(t, n, epoch, netip.AddrPortFrom(c, 5000), x1))
}

func TestOverload(t *testing.T) {
	conforms(t, "REQ-3", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		a, b := out(t, n, epoch, a5000, x1), out(t, n, epoch, b5000, y1)
		return a != b
	})
	t.Run("the same destination is never shared", func(t *testing.T) {
		for _, ports := range []PortAssignment{Preserving, Sequential, Random} {
			n := makeNAT(t, base(func(p *Profile) {
				p.Mapping, p.Ports, p.Overload, p.PortLow, p.PortHigh = AddressDependent, ports, true, 5000, 5001
			}))
			require.NotEqual(t, out(t, n, epoch, a5000, x1), out(t, n, epoch, b5000, x1))
			require.Equal(t, NoPort, n.Outbound(epoch, Flow{ep("10.0.0.4:5000"), x2}).Reason, "both ports lead to that address")
			out(t, n, epoch, ep("10.0.0.4:5000"), y1)
		}
	})
}

func TestPortRanges(t *testing.T) {
	low := ep("10.0.0.2:500")
	conforms(t, "REQ-3a", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		kept := true
		for i := range uint16(20) {
			kept = kept && out(t, n, epoch, netip.AddrPortFrom(low.Addr(), 500+i), x1).Port() < 1024
			require.GreaterOrEqual(t, out(t, n, epoch, netip.AddrPortFrom(low.Addr(), 5000+i), x1).Port(), uint16(1024))
		}
		return kept
	})
	for ports := Preserving; ports <= Random; ports++ {
		n := makeNAT(t, base(func(p *Profile) { p.Ports, p.PortLow, p.PortHigh = ports, 1024, 1040 }))
		for i := range uint16(17) {
			port := out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), 60000+i), x1).Port()
			require.True(t, port >= 1024 && port <= 1040, port)
		}
		require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(a5000.Addr(), 61000), x1}).Reason)
		require.Less(t, out(t, n, epoch, low, x1).Port(), uint16(1024), "the other range has room")
	}
	t.Run("the edges of the ranges", func(t *testing.T) {
		n := makeNAT(t, base(nil))
		for _, port := range []uint16{1, 1023, 1024, 65535} {
			require.Equal(t, port, out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), port), x1).Port())
		}
	})
}

func TestParity(t *testing.T) {
	// Six hosts with the same ports: not all can be preserved.
	conforms(t, "REQ-4", func(t *testing.T, p Profile) bool {
		kept := true
		n := makeNAT(t, p)
		for i := range uint16(40) {
			for host := range byte(6) {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), 5001+i)
				kept = kept && out(t, n, epoch, from, x1).Port()%2 == from.Port()%2
			}
		}
		return kept
	})
	for ports := Preserving; ports <= Random; ports++ {
		n := makeNAT(t, base(func(p *Profile) { p.Parity, p.Ports, p.PortLow, p.PortHigh = true, ports, 2000, 2009 }))
		for i := range uint16(5) {
			require.Zero(t, out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), 5000+2*i), x1).Port()%2)
		}
		require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(a5000.Addr(), 5010), x1}).Reason, "no even port is left")
		require.Equal(t, uint16(1), out(t, n, epoch, netip.AddrPortFrom(a5000.Addr(), 5001), x1).Port()%2)
	}
}

func TestSequentialPortsGoOnAndWrap(t *testing.T) {
	p := base(func(p *Profile) {
		p.Mapping, p.Ports, p.PortLow, p.PortHigh = AddressAndPortDependent, Sequential, 3000, 3009
	})
	n := makeNAT(t, p)
	first := int(out(t, n, epoch, a5000, netip.AddrPortFrom(x1.Addr(), 1)).Port())
	for i := 1; i < 10; i++ {
		port := int(out(t, n, epoch, a5000, netip.AddrPortFrom(x1.Addr(), uint16(1+i))).Port())
		require.Equal(t, 3000+(first-3000+i)%10, port)
	}
	n.DropMappings(epoch, nil)
	require.Equal(t, first, int(out(t, n, epoch, a5000, x1).Port()), "dropping mappings leaves the sequence")
	starts := map[uint16]bool{}
	for range 50 {
		n.Reboot(epoch)
		starts[out(t, n, epoch, a5000, x1).Port()] = true
	}
	require.Greater(t, len(starts), 5, "a reboot begins anywhere")
}

func TestRandomPortsSpread(t *testing.T) {
	n := makeNAT(t, base(func(p *Profile) { p.Mapping, p.Ports = AddressAndPortDependent, Random }))
	halves := [2]int{}
	for i := range uint16(1000) {
		halves[(int(out(t, n, epoch, a5000, netip.AddrPortFrom(x1.Addr(), 1+i)).Port())-1024)/32256]++
	}
	require.InDelta(t, 500, halves[0], 100)
}

func TestPortBlocks(t *testing.T) {
	p := base(func(p *Profile) {
		p.Ports, p.MixedRanges, p.PortLow, p.PortHigh, p.PortBlock, p.Addresses = Random, true, 2000, 2011, 4, 2
	})
	n := makeNAT(t, p)
	host := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, i}) }
	type place struct {
		address netip.Addr
		block   uint16
	}
	owner := map[place]byte{}
	for i := byte(1); i <= 6; i++ {
		for k := range uint16(4) {
			e := out(t, n, epoch, netip.AddrPortFrom(host(i), 100+k), x1)
			at := place{e.Addr(), (e.Port() - 2000) / 4}
			if k == 0 {
				require.NotContains(t, owner, at)
				owner[at] = i
			}
			require.Equal(t, i, owner[at], "a host has one block")
		}
		require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(host(i), 200), x1}).Reason, "its block is full")
	}
	require.Equal(t, NoPort, n.Outbound(epoch, Flow{netip.AddrPortFrom(host(7), 100), x1}).Reason, "no block is left")
	n.DropMappings(epoch, func(m Mapping) bool { return m.Inside.Addr() == host(3) })
	e := out(t, n, epoch, netip.AddrPortFrom(host(7), 100), x1)
	require.EqualValues(t, 3, owner[place{e.Addr(), (e.Port() - 2000) / 4}], "the block that became free")
}

// The kernel's connection tracking fails this: a datagram from outside to a
// port makes an entry, after which an inside host can't have that port.
func TestUnsolicitedDatagramsDisturbNothing(t *testing.T) {
	for _, p := range translating() {
		quiet, noisy := makeNAT(t, p), makeNAT(t, p)
		plant := func() {
			for port := uint16(4990); port < 5010; port++ {
				for _, from := range []netip.AddrPort{y1, x2} {
					require.Equal(t, Drop, noisy.Inbound(epoch, Flow{from, netip.AddrPortFrom(noisy.External()[0], port)}).Action)
				}
			}
		}
		plant()
		require.Empty(t, noisy.Mappings(epoch))
		want := out(t, quiet, epoch, a5000, x1)
		require.Equal(t, want, out(t, noisy, epoch, a5000, x1), p.Name)
		before := noisy.Mappings(epoch.Add(time.Second))
		if p.Filtering != EndpointIndependent {
			for _, port := range []uint16{1, 40001, 65535} {
				v := noisy.Inbound(epoch.Add(time.Second), Flow{netip.AddrPortFrom(y1.Addr(), port), want})
				require.Equal(t, Drop, v.Action)
			}
		}
		require.Equal(t, before, noisy.Mappings(epoch.Add(time.Second)), "neither renewed nor changed")
		require.Equal(t, out(t, quiet, epoch, b5000, x1), out(t, noisy, epoch, b5000, x1), p.Name)
	}
}

// The same verdicts under contention, when ports run out, and after expiry:
// what a NAT is, must not depend on what it went through.
func TestBehaviourNeverChanges(t *testing.T) {
	conforms(t, "REQ-11", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		r := rand.New(rand.NewPCG(3, 3))
		seen := map[[3]bool]bool{}
		for round := range 40 {
			now := epoch.Add(time.Duration(round) * 10 * time.Second)
			n.DropMappings(now, func(m Mapping) bool { return m.Inside.Addr() == a5000.Addr() || round%4 == 0 })
			for range 20 * (round % 2) { // contention: other hosts, with the same ports
				n.Outbound(now, Flow{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(r.IntN(8))}), 5000+uint16(r.IntN(4))), y1})
			}
			m := out(t, n, now, a5000, x1)
			require.True(t, in(t, n, now, x1, m, a5000))
			seen[[3]bool{m == out(t, n, now, a5000, y1), in(t, n, now, x2, m, a5000), in(t, n, now, ep("192.0.2.9:9"), m, a5000)}] = true
		}
		return len(seen) == 1
	})
}

func TestSameNumbersOnBothSides(t *testing.T) {
	n := makeNAT(t, base(func(p *Profile) { p.Filtering = AddressAndPortDependent }))
	remote := ep("10.0.0.2:7000") // numbered as the inside, and as the sender itself
	m := out(t, n, epoch, a5000, remote)
	require.Equal(t, netip.AddrPortFrom(n.External()[0], 5000), m)
	require.True(t, in(t, n, epoch, remote, m, a5000))
	require.False(t, in(t, n, epoch, b5000, m, a5000))
}
