package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	thirdParty = ep("203.0.113.99:9999")
	hostA      = ep("10.0.0.2:5000")
	hostB      = ep("10.0.9.2:6000")
)

// punch plays what Connectable foretells: both hosts are seen by a third
// party, then send to where the other was seen and to whoever they hear from.
func punch(a, b *World, bFirst bool) bool {
	type host struct {
		at      netip.AddrPort
		in      *World
		targets []netip.AddrPort
		heard   bool
	}
	hosts := []*host{{at: hostA, in: a}, {at: hostB, in: b}}
	var seen [2]netip.AddrPort
	for i, h := range hosts {
		events := h.in.Send(Flow{h.at, thirdParty}, true)
		if len(events) != 1 {
			return false
		}
		seen[i] = events[0].Flow.Src
	}
	hosts[0].targets, hosts[1].targets = seen[1:], seen[:1:1]
	if bFirst {
		slices.Reverse(hosts)
	}
	for range 4 {
		for i, h := range hosts {
			other := hosts[1-i]
			for _, to := range slices.Clone(h.targets) {
				for _, e := range h.in.Send(Flow{h.at, to}, true) {
					if e.Flow.Dst != other.at {
						continue
					}
					other.heard = true
					if !slices.Contains(other.targets, e.Flow.Src) {
						other.targets = append(other.targets, e.Flow.Src)
					}
				}
			}
		}
	}
	return hosts[0].heard && hosts[1].heard
}

func twoWorlds(t testing.TB, a, b Profile) (*World, *World) {
	t.Helper()
	wa, wb := NewWorld(t, a, 1), NewWorld(t, b, 2)
	wa.Hosts[hostA.Addr()], wb.Hosts[hostB.Addr()] = "a", "b"
	wa.Hosts[thirdParty.Addr()], wb.Hosts[thirdParty.Addr()] = "x", "x"
	wa.Beside, wb.Beside = wb, wa
	return wa, wb
}

// kinds are all that Connectable looks at, as profiles of one part.
func kinds() []Profile {
	var all []Profile
	for mapping := EndpointIndependent; mapping <= AddressAndPortDependent; mapping++ {
		for filtering := EndpointIndependent; filtering <= AddressAndPortDependent; filtering++ {
			for scope := PerMapping; scope <= PerHost; scope++ {
				for _, pooling := range []Pooling{Paired, Arbitrary} {
					all = append(all, base(func(p *Profile) {
						p.Name = fmt.Sprintf("%v/%v/%v/%v", mapping, filtering, scope, pooling)
						p.Mapping, p.Filtering, p.FilterScope, p.Pooling = mapping, filtering, scope, pooling
						p.Ports, p.Addresses = Random, 12
					}))
				}
			}
		}
	}
	return all
}

// chains are all profiles of one part, and of two.
func chains(t testing.TB) []Profile {
	all := append(Profiles(), Deviants()...)
	for _, inner := range translating() {
		for _, outer := range translating() {
			p := inner
			p.Name, p.Behind = inner.Name+" behind "+outer.Name, outer.Name
			if outer.Behind == "" && inner.Behind == "" {
				require.NoError(t, p.Validate())
				all = append(all, p)
			}
		}
	}
	return all
}

func TestConnectableIsWhatTheEnginesDo(t *testing.T) {
	require.Len(t, kinds(), 54)
	outcomes := map[bool]int{}
	check := func(a, b Profile) {
		ea, err := a.Effective()
		require.NoError(t, err)
		eb, err := b.Effective()
		require.NoError(t, err)
		want := Connectable(ea, eb)
		outcomes[want]++
		require.Equal(t, want, Connectable(eb, ea))
		for _, bFirst := range []bool{false, true} {
			wa, wb := twoWorlds(t, a, b)
			require.Equal(t, want, punch(wa, wb, bFirst), "%s and %s, second first: %v\n%+v\n%+v", a.Name, b.Name, bFirst, ea, eb)
		}
	}
	for _, a := range kinds() {
		for _, b := range kinds() {
			check(a, b)
		}
	}
	probes := append(Profiles(), Deviants()...)
	for _, a := range chains(t) {
		for _, b := range probes {
			check(a, b)
		}
	}
	require.Greater(t, outcomes[true], 500)
	require.Greater(t, outcomes[false], 500)
}

func TestHairpinConnectableIsWhatTheEnginesDo(t *testing.T) {
	outcomes := map[bool]int{}
	var all []Profile
	for _, p := range kinds() {
		for p.Hairpin = HairpinNone; p.Hairpin <= HairpinExternalSource; p.Hairpin++ {
			all = append(all, p)
		}
	}
	for _, p := range append(all, chains(t)...) {
		if p.Name == "open" {
			continue
		}
		e, err := p.Effective()
		require.NoError(t, err)
		want := HairpinConnectable(e)
		outcomes[want]++
		for _, bFirst := range []bool{false, true} {
			w := NewWorld(t, p, 1)
			w.Hosts[hostA.Addr()], w.Hosts[hostB.Addr()], w.Hosts[thirdParty.Addr()] = "a", "b", "x"
			require.Equal(t, want, punch(w, w, bFirst), "%s with %v\n%+v", p.Name, p.Hairpin, e)
		}
	}
	require.Greater(t, outcomes[true], 50)
	require.Greater(t, outcomes[false], 50)
}

func TestEffective(t *testing.T) {
	names := map[string]string{
		"open": "Open Internet", "full-cone": "Full Cone", "address-restricted": "Restricted Cone", "port-restricted": "Port Restricted Cone",
		"symmetric": "Symmetric", "symmetric-sequential": "Symmetric", "home-router": "Port Restricted Cone", "carrier": "Port Restricted Cone",
		"cgnat": "Port Restricted Cone", "hotspot": "Port Restricted Cone", "corporate": "Symmetric", "udp-blocked": "UDP Blocked",
		"overloading": "Port Restricted Cone", "masquerade": "Port Restricted Cone", "address-dependent": "", "filter-per-host": "Restricted Cone",
	}
	for name, want := range names { // order-free: each is compared alone
		p, err := Lookup(name)
		require.NoError(t, err)
		e, err := p.Effective()
		require.NoError(t, err)
		require.Equal(t, want, e.RFC3489Name(), name)
	}
	for _, c := range []struct {
		inner, outer string
		want         Effective
	}{
		{"home-router", "carrier", Effective{Filtering: AddressAndPortDependent, FilterScope: PerEndpoint, Hairpin: HairpinExternalSource, Lifetime: 3 * time.Minute}},
		{"full-cone", "symmetric-sequential", Effective{Mapping: AddressAndPortDependent, Filtering: AddressAndPortDependent, Hairpin: HairpinExternalSource, Lifetime: 5 * time.Minute, Sequential: true}},
		{"corporate", "full-cone", Effective{Mapping: AddressAndPortDependent, Filtering: AddressAndPortDependent, Hairpin: HairpinExternalSource, Lifetime: 30 * time.Second}},
		{"home-router", "inbound-refresh", Effective{Filtering: AddressAndPortDependent, FilterScope: PerEndpoint, Hairpin: HairpinExternalSource, Lifetime: 3 * time.Minute, Refresh: RefreshInbound}},
		{"full-cone", "inbound-refresh", Effective{Filtering: AddressAndPortDependent, FilterScope: PerEndpoint, Hairpin: HairpinExternalSource, Lifetime: 5 * time.Minute, Refresh: RefreshOutbound, TwoWay: true}},
		{"home-router", "internal-hairpin", Effective{Filtering: AddressAndPortDependent, FilterScope: PerEndpoint, Hairpin: HairpinNone, Lifetime: 3 * time.Minute}},
	} {
		p, err := Lookup(c.inner)
		require.NoError(t, err)
		p.Behind = c.outer
		e, err := p.Effective()
		require.NoError(t, err)
		require.Equal(t, c.want, e, "%s behind %s", c.inner, c.outer)
	}
}

func TestChain(t *testing.T) {
	p, err := Lookup("cgnat")
	require.NoError(t, err)
	parts, err := Chain(p)
	require.NoError(t, err)
	require.Len(t, parts, 2)
	require.Equal(t, []string{"cgnat", "carrier"}, []string{parts[0].Name, parts[1].Name})
	require.Empty(t, parts[0].Behind)
	_, err = New(p, []netip.Addr{netip.MustParseAddr("198.51.100.1")}, seeded(1))
	require.ErrorContains(t, err, "chain")

	p.Behind = "carier"
	_, err = Chain(p)
	require.ErrorContains(t, err, `unknown NAT profile "carier"`)
	p.Behind = "cgnat"
	_, err = Chain(p)
	require.ErrorContains(t, err, "twice")
	_, err = p.Effective()
	require.ErrorContains(t, err, "twice")
	for _, none := range []string{"open", "udp-blocked"} {
		p.Behind = none
		_, err = Chain(p)
		require.ErrorContains(t, err, "no NAT")
	}
}
