package nat

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFilteringBehaviour(t *testing.T) {
	for mapping := EndpointIndependent; mapping <= AddressAndPortDependent; mapping++ {
		for filtering := EndpointIndependent; filtering <= AddressAndPortDependent; filtering++ {
			for scope := PerMapping; scope <= PerHost; scope++ {
				t.Run(fmt.Sprintf("%v/%v/%v", mapping, filtering, scope), func(t *testing.T) {
					p := base(func(p *Profile) {
						p.Mapping, p.Filtering, p.FilterScope, p.Ports = mapping, filtering, scope, Random
					})
					n := makeNAT(t, p)
					reason := map[Behaviour]string{AddressDependent: FilteredAddress, AddressAndPortDependent: FilteredAddressPort}[filtering]
					admitted := func(why string, from, to, inside any, want bool) {
						t.Helper()
						f := Flow{from.(endpoint), to.(endpoint)}
						v := n.Inbound(epoch, f)
						if want {
							require.Equal(t, Verdict{Action: Forward, Flow: Flow{f.Src, inside.(endpoint)}}, v, why)
						} else {
							require.Equal(t, Verdict{Action: Drop, Reason: reason}, v, why)
						}
					}
					m := out(t, n, epoch, a5000, x1)
					admitted("whom it sent to", x1, m, a5000, true)
					admitted("another port", x2, m, a5000, filtering <= AddressDependent)
					admitted("another host", y1, m, a5000, filtering == EndpointIndependent)

					// The same inside endpoint sends to y1, by another mapping if mappings depend
					// on it.
					m2 := out(t, n, epoch, a5000, y1)
					admitted("whom the other mapping sent to", y1, m, a5000, filtering == EndpointIndependent || m == m2 || scope != PerMapping)
					admitted("whom this mapping sent to", y1, m2, a5000, true)

					// Another endpoint of the same host.
					a5001 := ep("10.0.0.2:5001")
					far := ep("192.0.2.9:9")
					admitted("a stranger", far, m, a5000, filtering == EndpointIndependent)
					out(t, n, epoch, a5001, far)
					admitted("whom another port sent to", far, m, a5000, filtering == EndpointIndependent || scope == PerHost)

					// Another host never opens anything.
					n.DropMappings(epoch, func(m Mapping) bool { return m.Inside == a5001 })
					last := ep("192.0.2.10:9")
					out(t, n, epoch, b5000, last)
					admitted("whom another host sent to", last, m, a5000, filtering == EndpointIndependent)
				})
			}
		}
	}
	conforms(t, "REQ-8", func(t *testing.T, p Profile) bool {
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		require.True(t, in(t, n, epoch, x1, m, a5000))
		return in(t, n, epoch, x2, m, a5000)
	})
}

func TestDatagramsToNothingAreDropped(t *testing.T) {
	for _, p := range translating() {
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		for _, to := range []string{"198.51.100.1:1", "198.51.100.200:5000", "10.0.0.2:5000"} {
			require.Equal(t, Verdict{Action: Drop, Reason: NoMapping}, n.Inbound(epoch, Flow{x1, ep(to)}), to)
		}
		require.True(t, in(t, n, epoch, x1, m, a5000))
	}
}

func TestOnlyUDP4IsTranslated(t *testing.T) {
	n := makeNAT(t, base(nil))
	for _, f := range []Flow{
		{}, {Src: a5000}, {Dst: x1}, {ep("10.0.0.2:0"), x1}, {a5000, ep("203.0.113.2:0")},
		{ep("[2001:db8::1]:5000"), x1}, {a5000, ep("[2001:db8::1]:5000")}, {ep("[::ffff:10.0.0.2]:5000"), x1},
	} {
		require.Equal(t, Verdict{Action: Drop, Reason: NotUDP4}, n.Outbound(epoch, f), f)
		require.Equal(t, Verdict{Action: Drop, Reason: NotUDP4}, n.Inbound(epoch, f), f)
		require.Equal(t, NotUDP4, n.InboundICMP(epoch, ICMPError{Src: x1.Addr(), Dst: a5000.Addr(), About: f}).Reason)
		require.Equal(t, NotUDP4, n.OutboundICMP(epoch, ICMPError{Src: x1.Addr(), Dst: a5000.Addr(), About: f}).Reason)
	}
	require.Empty(t, n.Mappings(epoch))
	require.EqualValues(t, 16, n.Counters().NotUDP4)
}

func TestOpenAndBlocked(t *testing.T) {
	open, err := Lookup("open")
	require.NoError(t, err)
	n := makeNAT(t, open)
	f := Flow{a5000, x1}
	require.Equal(t, Verdict{Action: Forward, Flow: f}, n.Outbound(epoch, f))
	require.Equal(t, Verdict{Action: Forward, Flow: f}, n.Inbound(epoch, f))
	e := ICMPError{Src: x1.Addr(), Dst: a5000.Addr(), About: f}
	require.Equal(t, ICMPVerdict{Action: Forward, ICMP: e}, n.InboundICMP(epoch, e))
	require.Equal(t, ICMPVerdict{Action: Forward, ICMP: e}, n.OutboundICMP(epoch, e))

	blocked, err := Lookup("udp-blocked")
	require.NoError(t, err)
	for _, reject := range []bool{false, true} {
		blocked.Reject = reject
		n = makeNAT(t, blocked)
		want := Verdict{Action: Drop, Reason: UDPBlocked}
		require.Equal(t, want, n.Inbound(epoch, Flow{x1, ep("198.51.100.1:5000")}))
		require.Equal(t, UDPBlocked, n.InboundICMP(epoch, e).Reason)
		require.Equal(t, UDPBlocked, n.OutboundICMP(epoch, e).Reason)
		if reject {
			want.Action, want.Code = Reject, CodeProhibited
		}
		require.Equal(t, want, n.Outbound(epoch, f))
		require.EqualValues(t, 2, n.Counters().UDPBlocked)
	}
}

func TestHairpin(t *testing.T) {
	conforms(t, "REQ-9", func(t *testing.T, p Profile) bool {
		p.Filtering = EndpointIndependent
		n := makeNAT(t, p)
		to := out(t, n, epoch, b5000, x1)
		v := n.Outbound(epoch, Flow{ep("10.0.0.2:5001"), to})
		if v.Action == Drop {
			require.Equal(t, NoHairpin, v.Reason)
			require.Len(t, n.Mappings(epoch), 1, "and makes no mapping")
			return false
		}
		require.Equal(t, Hairpin, v.Action)
		require.Equal(t, b5000, v.Flow.Dst)
		return true
	})
	conforms(t, "REQ-9a", func(t *testing.T, p Profile) bool {
		p.Filtering = EndpointIndependent
		n := makeNAT(t, p)
		to := out(t, n, epoch, b5000, x1)
		v := n.Outbound(epoch, Flow{ep("10.0.0.2:5001"), to})
		if v.Action == Drop {
			return true // it doesn't hairpin at all: REQ-9
		}
		if v.Flow.Src == ep("10.0.0.2:5001") {
			return false
		}
		require.Contains(t, n.External(), v.Flow.Src.Addr())
		return true
	})
	for filtering := EndpointIndependent; filtering <= AddressAndPortDependent; filtering++ {
		for _, hairpin := range []Hairpinning{HairpinInternalSource, HairpinExternalSource} {
			for _, refresh := range []Refresh{RefreshOutbound, RefreshBoth} {
				t.Run(fmt.Sprintf("%v/%v/%v", filtering, hairpin, refresh), func(t *testing.T) {
					p := base(func(p *Profile) { p.Filtering, p.Hairpin, p.Refresh = filtering, hairpin, refresh })
					n := makeNAT(t, p)
					later := epoch.Add(p.Lifetime - 1)
					a, b := out(t, n, epoch, a5000, x1), out(t, n, epoch, b5000, x1)
					source := map[Hairpinning]endpoint{HairpinInternalSource: a5000, HairpinExternalSource: a}[hairpin]
					want := Verdict{Action: Hairpin, Flow: Flow{source, b5000}}
					if filtering != EndpointIndependent {
						require.Equal(t, Drop, n.Outbound(epoch, Flow{a5000, b}).Action, "the target has not sent here")
						require.EqualValues(t, 1, n.Counters().Filtered)
						n.Outbound(epoch, Flow{b5000, a})
					}
					require.Equal(t, want, n.Outbound(later, Flow{a5000, b}))
					again := n.Outbound(epoch.Add(p.Lifetime), Flow{a5000, b}).Action
					require.Equal(t, refresh == RefreshBoth, again == Hairpin, "a hairpinned datagram is an inbound one to its target")
					alive := in(t, n, epoch.Add(p.Lifetime), x1, b, b5000)
					require.Equal(t, refresh == RefreshBoth && filtering == EndpointIndependent, alive, "but renews no other permit")
				})
			}
		}
	}
	t.Run("to oneself", func(t *testing.T) {
		n := makeNAT(t, base(nil))
		m := out(t, n, epoch, a5000, x1)
		require.Equal(t, Verdict{Action: Hairpin, Flow: Flow{m, a5000}}, n.Outbound(epoch, Flow{a5000, m}))
	})
	t.Run("to nothing", func(t *testing.T) {
		n := makeNAT(t, base(nil))
		require.Equal(t, Verdict{Action: Drop, Reason: NoMapping}, n.Outbound(epoch, Flow{a5000, ep("198.51.100.1:9")}))
		require.Len(t, n.Mappings(epoch), 1, "the sender has its mapping all the same")
	})
	t.Run("to another address of the pool", func(t *testing.T) {
		n := makeNAT(t, base(func(p *Profile) { p.Addresses = 2 }))
		a, b := out(t, n, epoch, a5000, x1), out(t, n, epoch, b5000, x1)
		require.NotEqual(t, a.Addr(), b.Addr())
		require.Equal(t, Verdict{Action: Hairpin, Flow: Flow{a, b5000}}, n.Outbound(epoch, Flow{a5000, b}))
	})
}

func TestPermitsAreBounded(t *testing.T) {
	for _, scope := range []FilterScope{PerMapping, PerEndpoint, PerHost} {
		p := base(func(p *Profile) {
			p.Filtering, p.FilterScope, p.Permits = AddressAndPortDependent, scope, 2
		})
		n := makeNAT(t, p)
		m := out(t, n, epoch, a5000, x1)
		out(t, n, epoch.Add(time.Second), a5000, x2)
		before := n.Mappings(epoch.Add(2 * time.Second))
		require.Equal(t, Verdict{Action: Drop, Reason: TableFull}, n.Outbound(epoch.Add(2*time.Second), Flow{a5000, y1}))
		require.Equal(t, before, n.Mappings(epoch.Add(2*time.Second)), "a refused datagram renews nothing")
		require.True(t, in(t, n, epoch.Add(2*time.Second), x1, m, a5000))
		if scope == PerHost {
			require.Equal(t, TableFull, n.Outbound(epoch, Flow{ep("10.0.0.2:5001"), y1}).Reason)
			require.Len(t, n.Mappings(epoch), 1)
		}
		out(t, n, epoch.Add(p.Lifetime), a5000, y1) // x1's permit has expired

		p.WhenFull = EvictOldest
		n = makeNAT(t, p)
		m = out(t, n, epoch, a5000, x1)
		out(t, n, epoch, a5000, x2)
		out(t, n, epoch, a5000, x1)
		out(t, n, epoch, a5000, y1)
		require.True(t, in(t, n, epoch, x1, m, a5000))
		require.False(t, in(t, n, epoch, x2, m, a5000), "the permit renewed the longest ago made room")
		require.True(t, in(t, n, epoch, y1, m, a5000))
	}
}
