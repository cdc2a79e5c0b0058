package nat

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorsAreTranslated(t *testing.T) {
	router := netip.MustParseAddr("192.0.2.77")
	for _, p := range translating() {
		t.Run(p.Name, func(t *testing.T) {
			n := makeNAT(t, p)
			m := out(t, n, epoch, a5000, x1)
			for _, src := range []netip.Addr{x1.Addr(), router, y1.Addr()} {
				v := n.InboundICMP(epoch, ICMPError{Src: src, Dst: m.Addr(), About: Flow{m, x1}})
				require.Equal(t, ICMPVerdict{Action: Forward, ICMP: ICMPError{Src: src, Dst: a5000.Addr(), About: Flow{a5000, x1}}}, v,
					"whoever the error comes from")
			}
			stray := Flow{netip.AddrPortFrom(m.Addr(), m.Port()^1), x1}
			require.Equal(t, ICMPVerdict{Action: Drop, Reason: NoMapping}, n.InboundICMP(epoch, ICMPError{x1.Addr(), m.Addr(), stray}))
			never := n.InboundICMP(epoch, ICMPError{x1.Addr(), m.Addr(), Flow{m, y1}})
			require.Equal(t, p.Mapping == EndpointIndependent, never.Action == Forward, "a mapping bound to x says nothing of y")

			// The inside host, or a router inside, refuses what came in.
			require.True(t, in(t, n, epoch, x1, m, a5000))
			for _, src := range []netip.Addr{a5000.Addr(), netip.MustParseAddr("10.0.0.254")} {
				v := n.OutboundICMP(epoch, ICMPError{Src: src, Dst: x1.Addr(), About: Flow{x1, a5000}})
				require.Equal(t, ICMPVerdict{Action: Forward, ICMP: ICMPError{Src: m.Addr(), Dst: x1.Addr(), About: Flow{x1, m}}}, v)
			}
			v := n.OutboundICMP(epoch, ICMPError{Src: b5000.Addr(), Dst: x1.Addr(), About: Flow{x1, b5000}})
			require.Equal(t, ICMPVerdict{Action: Drop, Reason: NoMapping}, v)
			require.EqualValues(t, 5+map[bool]int{true: 1}[p.Mapping == EndpointIndependent], n.Counters().ErrorsTranslated)
		})
	}
}

func TestErrorAboutWhatAnotherMappingLetIn(t *testing.T) {
	n := makeNAT(t, base(func(p *Profile) { p.Mapping, p.Ports = AddressAndPortDependent, Random }))
	out(t, n, epoch, a5000, x2)
	m := out(t, n, epoch, a5000, x1)
	require.True(t, in(t, n, epoch, y1, m, a5000), "the filter admits all")
	v := n.OutboundICMP(epoch, ICMPError{Src: a5000.Addr(), Dst: y1.Addr(), About: Flow{y1, a5000}})
	require.Equal(t, ICMPVerdict{Action: Forward, ICMP: ICMPError{Src: m.Addr(), Dst: y1.Addr(), About: Flow{y1, m}}}, v, "the mapping that sent last")
}

func TestHairpinnedErrors(t *testing.T) {
	n := makeNAT(t, base(nil))
	b := out(t, n, epoch, b5000, x1)
	v := n.Outbound(epoch, Flow{a5000, b})
	require.Equal(t, Hairpin, v.Action)
	a := v.Flow.Src
	// b refuses the datagram, which it saw coming from a's external endpoint.
	got := n.OutboundICMP(epoch, ICMPError{Src: b5000.Addr(), Dst: a.Addr(), About: v.Flow})
	require.Equal(t, ICMPVerdict{Action: Hairpin, ICMP: ICMPError{Src: b.Addr(), Dst: a5000.Addr(), About: Flow{a5000, b}}}, got)
	stray := Flow{ep("198.51.100.1:9"), b5000}
	none := makeNAT(t, base(func(p *Profile) { p.Hairpin = HairpinNone }))
	out(t, none, epoch, a5000, x1)
	out(t, none, epoch, b5000, x1)
	require.Equal(t, NoHairpin, none.OutboundICMP(epoch, ICMPError{Src: b5000.Addr(), Dst: a.Addr(), About: Flow{a, b5000}}).Reason)
	require.Equal(t, NoMapping, n.OutboundICMP(epoch, ICMPError{Src: b5000.Addr(), Dst: a.Addr(), About: stray}).Reason)
}

// No ICMP error, about anything, renews or ends a mapping or a permit.
func TestErrorsChangeNothing(t *testing.T) {
	for _, p := range translating() {
		for _, refresh := range []Refresh{RefreshOutbound, RefreshBoth, RefreshInbound} {
			p.Refresh = refresh
			n := makeNAT(t, p)
			m := out(t, n, epoch, a5000, x1)
			later := epoch.Add(p.Lifetime - 1)
			before := n.Mappings(later)
			require.Len(t, before, 1)
			for _, about := range []Flow{{m, x1}, {m, y1}, {x1, m}, {a5000, x1}, {x1, a5000}, {y1, a5000}, {x1, b5000}} {
				for _, end := range []netip.Addr{x1.Addr(), a5000.Addr(), m.Addr()} {
					n.InboundICMP(later, ICMPError{end, m.Addr(), about})
					n.OutboundICMP(later, ICMPError{a5000.Addr(), end, about})
				}
			}
			require.Equal(t, before, n.Mappings(later), p.Name)
			require.True(t, in(t, n, later, x1, m, a5000))
			if refresh == RefreshOutbound {
				require.Empty(t, n.Mappings(epoch.Add(p.Lifetime)), p.Name)
			}
		}
	}
}

// No method is given a payload, so that no gateway for an application can be
// inside: what they are given is addresses, ports, and the time.
func TestNoPayloadIsSeen(t *testing.T) {
	allowed := map[reflect.Type]bool{
		reflect.TypeFor[time.Time](): true, reflect.TypeFor[Flow](): true, reflect.TypeFor[ICMPError](): true,
		reflect.TypeFor[[]netip.Addr](): true, reflect.TypeFor[func(Mapping) bool](): true,
	}
	methods := reflect.TypeFor[*NAT]()
	for i := range methods.NumMethod() {
		method := methods.Method(i)
		for k := 1; k < method.Type.NumIn(); k++ {
			require.True(t, allowed[method.Type.In(k)], fmt.Sprintf("%s is given a %v", method.Name, method.Type.In(k)))
		}
	}
	require.Equal(t, []reflect.Type{reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.AddrPort]()},
		[]reflect.Type{reflect.TypeFor[Flow]().Field(0).Type, reflect.TypeFor[Flow]().Field(1).Type})
	require.Equal(t, 2, reflect.TypeFor[Flow]().NumField())
}
