package nat

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLifetimeEndsExactly(t *testing.T) {
	// The profiles, by what is observed: alive a nanosecond before, dead at the time itself.
	observe := func(at time.Duration) func(*testing.T, Profile) bool {
		return func(t *testing.T, p Profile) bool {
			n := makeNAT(t, p)
			m := out(t, n, epoch, a5000, x1)
			return in(t, n, epoch.Add(at-1), x1, m, a5000)
		}
	}
	conforms(t, "REQ-5", observe(2*time.Minute))
	conforms(t, "REQ-5c", observe(5*time.Minute))
	for _, p := range translating() {
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		require.Len(t, n.Mappings(epoch.Add(p.Lifetime-1)), 1, p.Name)
		require.Equal(t, epoch.Add(p.Lifetime), n.Mappings(epoch.Add(p.Lifetime - 1))[0].Expires, p.Name)
		require.Equal(t, Verdict{Action: Drop, Reason: NoMapping}, n.Inbound(epoch.Add(p.Lifetime), Flow{x1, m}), p.Name)
		require.Empty(t, n.Mappings(epoch.Add(p.Lifetime)))
		require.EqualValues(t, 1, n.Counters().Expired)
	}
}

// Which datagrams renew a mapping and a permit, in each direction of refresh.
func TestRefresh(t *testing.T) {
	conforms(t, "REQ-6", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		out(t, n, epoch.Add(p.Lifetime-1), a5000, x1)
		return in(t, n, epoch.Add(p.Lifetime), x1, m, a5000)
	})
	for refresh := RefreshOutbound; refresh <= RefreshBoth; refresh++ {
		for filtering := EndpointIndependent; filtering <= AddressAndPortDependent; filtering++ {
			for mapping := EndpointIndependent; mapping <= AddressAndPortDependent; mapping++ {
				t.Run(fmt.Sprintf("%v/%v/%v", refresh, filtering, mapping), func(t *testing.T) {
					p := base(func(p *Profile) { p.Refresh, p.Filtering, p.Mapping = refresh, filtering, mapping })
					late, end := epoch.Add(p.Lifetime-1), epoch.Add(p.Lifetime)

					n := makeNAT(t, p)
					m := out(t, n, epoch, a5000, x1)
					out(t, n, late, a5000, x1)
					require.Equal(t, refresh != RefreshInbound, in(t, n, end, x1, m, a5000), "outbound")

					n = makeNAT(t, p)
					m = out(t, n, epoch, a5000, x1)
					require.True(t, in(t, n, late, x1, m, a5000))
					require.Equal(t, refresh != RefreshOutbound, in(t, n, end, x1, m, a5000), "inbound")

					n = makeNAT(t, p)
					m = out(t, n, epoch, a5000, x1)
					in(t, n, late, y1, m, a5000)
					require.Equal(t, refresh != RefreshOutbound && filtering == EndpointIndependent, len(n.Mappings(end)) == 1, "inbound, from where the filter admits it only if it admits all")
				})
			}
		}
	}
}

// A permit lives by what is sent to its own remote; the mapping, by anything.
func TestPermitsExpireByThemselves(t *testing.T) {
	for _, filtering := range []Behaviour{AddressDependent, AddressAndPortDependent} {
		p := base(func(p *Profile) { p.Filtering = filtering })
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		half := p.Lifetime / 2
		out(t, n, epoch.Add(half), a5000, y1)
		require.True(t, in(t, n, epoch.Add(p.Lifetime-1), x1, m, a5000))
		require.False(t, in(t, n, epoch.Add(p.Lifetime), x1, m, a5000), "its permit ended")
		require.True(t, in(t, n, epoch.Add(p.Lifetime+half-1), y1, m, a5000), "the mapping and the other permit live")
		require.False(t, in(t, n, epoch.Add(p.Lifetime+half), y1, m, a5000))
		require.Equal(t, m, out(t, n, epoch.Add(p.Lifetime+half), a5000, x1), "preserved again")
	}
	t.Run("in a wider scope permits outlive the mapping that made them", func(t *testing.T) {
		p := base(func(p *Profile) {
			p.Mapping, p.Filtering, p.FilterScope, p.Ports = AddressAndPortDependent, AddressAndPortDependent, PerEndpoint, Random
		})
		n := makeNAT(t, p)
		out(t, n, epoch, a5000, x1)
		m := out(t, n, epoch, a5000, y1)
		require.Equal(t, 1, n.DropMappings(epoch, func(m Mapping) bool { return m.Remote == x1 }))
		require.True(t, in(t, n, epoch, x1, m, a5000))
		n.DropMappings(epoch, nil)
		m = out(t, n, epoch, a5000, y1)
		require.False(t, in(t, n, epoch, x1, m, a5000), "but not the last mapping of the scope")
	})
}

func TestTimeNeverGoesBack(t *testing.T) {
	n := makeNAT(t, base(nil))
	m := out(t, n, epoch.Add(time.Hour), a5000, x1)
	require.True(t, in(t, n, epoch, x1, m, a5000))
	out(t, n, epoch, a5000, x1)
	require.Equal(t, epoch.Add(time.Hour+5*time.Minute), n.Mappings(epoch)[0].Expires, "renewed at the latest time seen")
}

func TestTimerAndFilterAreConfigurable(t *testing.T) {
	for _, lifetime := range []time.Duration{time.Second, 7 * time.Minute} {
		for _, filtering := range behaviourNames {
			p, err := LoadProfile(fmt.Appendf(nil, "{name: mine, mapping: endpoint-independent, filtering: %s, ports: random, hairpin: none, lifetime: %v}", filtering, lifetime), "mine.yaml")
			require.NoError(t, err)
			n := makeNAT(t, p)
			m := out(t, n, epoch, a5000, x1)
			require.True(t, in(t, n, epoch.Add(lifetime-1), x1, m, a5000))
			require.Equal(t, filtering != "address-and-port-dependent", in(t, n, epoch.Add(lifetime-1), x2, m, a5000))
			require.Equal(t, filtering == "endpoint-independent", in(t, n, epoch.Add(lifetime-1), y1, m, a5000))
			require.False(t, in(t, n, epoch.Add(lifetime), x1, m, a5000))
		}
	}
}

func TestRebootReaddressAndDrop(t *testing.T) {
	for _, p := range translating() {
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		n.Reboot(epoch)
		require.Empty(t, n.Mappings(epoch))
		require.Equal(t, NoMapping, n.Inbound(epoch, Flow{x1, m}).Reason)
		m = out(t, n, epoch, a5000, x1)
		require.True(t, in(t, n, epoch, x1, m, a5000))

		other := n.External()
		for i := range other {
			other[i] = other[i].Next().Next().Next().Next().Next().Next()
		}
		require.NoError(t, n.Readdress(epoch, other))
		require.Equal(t, NoMapping, n.Inbound(epoch, Flow{x1, m}).Reason)
		require.Contains(t, other, out(t, n, epoch, a5000, x1).Addr())
		require.Error(t, n.Readdress(epoch, nil))
		require.Len(t, n.Mappings(epoch), 1, "a refused change changes nothing")

		require.Equal(t, 0, n.DropMappings(epoch, func(Mapping) bool { return false }))
		require.Equal(t, 1, n.DropMappings(epoch, nil))
		require.Empty(t, n.Mappings(epoch))
		require.EqualValues(t, 3, n.Counters().Lost)
		require.EqualValues(t, 3, n.Counters().Created)
	}
}

func TestTableIsBounded(t *testing.T) {
	p := base(func(p *Profile) { p.TableSize, p.Reject = 10, true })
	n := makeNAT(t, p)
	for i := range uint16(10) {
		out(t, n, epoch.Add(time.Duration(i)), ep(fmt.Sprintf("10.0.0.2:%d", 5000+i)), x1)
	}
	before := n.Mappings(epoch.Add(time.Second))
	for i := range uint16(100) {
		v := n.Outbound(epoch.Add(time.Second), Flow{ep(fmt.Sprintf("10.0.0.3:%d", 6000+i)), x1})
		require.Equal(t, Verdict{Action: Reject, Code: CodeProhibited, Reason: TableFull}, v)
	}
	require.Equal(t, before, n.Mappings(epoch.Add(time.Second)), "what lives is not touched")
	out(t, n, epoch.Add(p.Lifetime), ep("10.0.0.3:6000"), x1) // exactly one has expired
	require.Equal(t, TableFull, n.Outbound(epoch.Add(p.Lifetime), Flow{ep("10.0.0.3:6001"), x1}).Reason)

	p.WhenFull = EvictOldest
	n = makeNAT(t, p)
	for i := range uint16(1000) {
		out(t, n, epoch, ep(fmt.Sprintf("10.0.0.2:%d", 5000+i)), x1)
		out(t, n, epoch, ep("10.0.0.2:5000"), x1)
		require.LessOrEqual(t, len(n.Mappings(epoch)), 10)
	}
	require.EqualValues(t, 990, n.Counters().Evicted)
	require.EqualValues(t, 1000, n.Counters().Created)
}

// Everything that the engine holds goes away with its mappings.
func TestNothingIsLeftBehind(t *testing.T) {
	for seed := range uint64(50) {
		r := seeded(seed)
		p := anyProfile(r)
		n := makeNAT(t, p)
		for range 200 {
			n.Outbound(epoch, Flow{ep(fmt.Sprintf("10.0.0.%d:%d", 1+r.IntN(30), 2000+r.IntN(30))), ep(fmt.Sprintf("203.0.113.%d:7", 1+r.IntN(30)))})
		}
		require.NotEmpty(t, n.Mappings(epoch))
		require.Empty(t, n.Mappings(epoch.Add(p.Lifetime)))
		require.Empty(t, n.mappings.byKey)
		require.Empty(t, n.mappings.byExternal)
		require.Nil(t, n.mappings.newest)
		require.Empty(t, n.hosts)
		require.Empty(t, n.shared)
		require.Empty(t, n.blocks)
		c := n.Counters()
		require.Equal(t, c.Created, c.Expired+c.Evicted)
	}
}
