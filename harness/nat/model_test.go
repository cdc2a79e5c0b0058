package nat

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A model is the RFC written down naively: slices, searched from end to end.
// It shares no code with the engine. It can't foresee a drawn port, so it takes
// the engine's and checks that this port was allowed.
type model struct {
	t        testing.TB
	p        Profile
	external []netip.Addr
	now      time.Time
	mappings []*modelMapping // the one renewed the longest ago first
	sends    int
	engine   *NAT           // the one that is checked
	last     map[[3]int]int // where sequential assignment was last, per address, range and block
}

type modelMapping struct {
	inside, external netip.AddrPort
	boundTo          netip.AddrPort
	expires          time.Time
	sent             int
	permits          *[]modelPermit // shared as the filter scope says
}

type modelPermit struct {
	remote  netip.AddrPort
	expires time.Time
}

// reduced takes away of an endpoint what a behaviour doesn't look at.
func reduced(b Behaviour, e netip.AddrPort) netip.AddrPort {
	switch b {
	case EndpointIndependent:
		return netip.AddrPort{}
	case AddressDependent:
		return netip.AddrPortFrom(e.Addr(), 0)
	}
	return e
}

func (m *model) advance(now time.Time) {
	m.now = now
	m.mappings = slices.DeleteFunc(m.mappings, func(x *modelMapping) bool { return !now.Before(x.expires) })
	for _, x := range m.mappings {
		*x.permits = slices.DeleteFunc(*x.permits, func(p modelPermit) bool { return !now.Before(p.expires) })
	}
}

func (m *model) renew(x *modelMapping) {
	x.expires = m.now.Add(m.p.Lifetime)
	m.mappings = append(slices.DeleteFunc(m.mappings, func(y *modelMapping) bool { return y == x }), x)
}

// renewPermit renews, and moves to the end, so that the first is the oldest.
func (m *model) renewPermit(x *modelMapping, remote netip.AddrPort) {
	*x.permits = append(slices.DeleteFunc(*x.permits, func(p modelPermit) bool { return p.remote == remote }),
		modelPermit{remote, m.now.Add(m.p.Lifetime)})
}

func permitted(permits []modelPermit, remote netip.AddrPort) bool {
	return slices.ContainsFunc(permits, func(p modelPermit) bool { return p.remote == remote })
}

func (m *model) scopeOf(inside netip.AddrPort) *[]modelPermit {
	for _, x := range m.mappings {
		if m.p.FilterScope == PerEndpoint && x.inside == inside || m.p.FilterScope == PerHost && x.inside.Addr() == inside.Addr() {
			return x.permits
		}
	}
	return &[]modelPermit{}
}

// outbound checks the verdict of the engine on a flow that goes out.
func (m *model) outbound(f Flow, v Verdict) {
	refusal := Drop
	if m.p.Reject {
		refusal = Reject
	}
	hairpin := slices.Contains(m.external, f.Dst.Addr())
	if hairpin && m.p.Hairpin == HairpinNone {
		m.is(f, v, Verdict{Action: Drop, Reason: NoHairpin})
		return
	}
	remote := reduced(m.p.Filtering, f.Dst)
	full := func(permits []modelPermit) bool {
		return m.p.Filtering != EndpointIndependent && !permitted(permits, remote) && len(permits) >= orDefault(m.p.Permits, MaxPermits)
	}
	i := slices.IndexFunc(m.mappings, func(x *modelMapping) bool {
		return x.inside == f.Src && x.boundTo == reduced(m.p.Mapping, f.Dst)
	})
	tableFull := len(m.mappings) >= orDefault(m.p.TableSize, MaxMappings)
	var x *modelMapping
	if i >= 0 {
		x = m.mappings[i]
		if full(*x.permits) && m.p.WhenFull == DropNew {
			m.is(f, v, Verdict{Action: refusal, Code: v.Code, Reason: TableFull})
			return
		}
		if m.p.Refresh != RefreshInbound {
			m.renew(x)
		}
	} else {
		permits := m.scopeOf(f.Src)
		if m.p.WhenFull == DropNew && (tableFull || full(*permits)) {
			m.is(f, v, Verdict{Action: refusal, Code: v.Code, Reason: TableFull})
			return
		}
		x = &modelMapping{inside: f.Src, boundTo: reduced(m.p.Mapping, f.Dst)}
		if v.Reason == NoPort {
			require.Empty(m.t, m.usable(x), "%v: refused though a port is free", f)
			require.Equal(m.t, refusal, v.Action)
			return
		}
		if tableFull {
			m.mappings = m.mappings[1:]
			permits = m.scopeOf(f.Src)
		}
		x.permits = permits
		// A hairpinned flow shows no external endpoint if the inside source
		// is kept or the target drops it: ask the table.
		x.external = m.drawn(x, tableFull)
		m.mappings = append(m.mappings, x)
		x.expires = m.now.Add(m.p.Lifetime)
	}
	if m.p.Filtering != EndpointIndependent {
		if !permitted(*x.permits, remote) {
			if full(*x.permits) {
				*x.permits = (*x.permits)[1:]
			}
			m.renewPermit(x, remote)
		} else if m.p.Refresh != RefreshInbound {
			m.renewPermit(x, remote)
		}
	}
	m.sends++
	x.sent = m.sends
	if !hairpin {
		m.is(f, v, Verdict{Action: Forward, Flow: Flow{x.external, f.Dst}})
		return
	}
	to, reason := m.receiver(Flow{x.external, f.Dst})
	if to == nil {
		m.is(f, v, Verdict{Action: Drop, Reason: reason})
		return
	}
	src := x.external
	if m.p.Hairpin == HairpinInternalSource {
		src = f.Src
	}
	m.is(f, v, Verdict{Action: Hairpin, Flow: Flow{src, to.inside}})
}

func (m *model) inbound(f Flow, v Verdict) {
	to, reason := m.receiver(f)
	if to == nil {
		m.is(f, v, Verdict{Action: Drop, Reason: reason})
		return
	}
	m.is(f, v, Verdict{Action: Forward, Flow: Flow{f.Src, to.inside}})
}

func (m *model) receiver(f Flow) (*modelMapping, string) {
	reason := NoMapping
	var to *modelMapping
	for _, x := range m.mappings {
		if x.external != f.Dst {
			continue
		}
		reason = map[Behaviour]string{AddressDependent: FilteredAddress, AddressAndPortDependent: FilteredAddressPort}[m.p.Filtering]
		if m.p.Filtering != EndpointIndependent && !permitted(*x.permits, reduced(m.p.Filtering, f.Src)) {
			continue
		}
		if to == nil || x.sent > to.sent {
			to = x
		}
	}
	if to != nil && m.p.Refresh != RefreshOutbound {
		m.renew(to)
		if m.p.Filtering != EndpointIndependent {
			m.renewPermit(to, reduced(m.p.Filtering, f.Src))
		}
	}
	return to, reason
}

func (m *model) is(f Flow, got, want Verdict) {
	m.t.Helper()
	if want.Action == Reject {
		want.Code = CodeProhibited
	}
	if got != want {
		require.Equal(m.t, want, got, "%v at %v with %+v", f, m.now, m.p)
	}
}

func orDefault(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// drawn is the external endpoint that the engine drew, if it was allowed.
func (m *model) drawn(x *modelMapping, evicted bool) netip.AddrPort {
	var got netip.AddrPort
	for e := m.engine.mappings.newest; e != nil; e = e.older {
		if e.inside == x.inside && e.remote == x.boundTo {
			got = e.external
		}
	}
	require.True(m.t, got.IsValid(), "no mapping was made")
	allowed := m.usable(x)
	if !evicted { // an evicted mapping held its port while the new one was drawn
		require.True(m.t, slices.Contains(allowed, got), "%v is not free", got)
	}
	address := slices.Index(m.external, got.Addr())
	class, low, high := m.class(x.inside, got)
	if m.p.PortBlock > 0 { // a host's first port may be in any free block
		allowed = slices.DeleteFunc(allowed, func(e netip.AddrPort) bool { return int(e.Port()) < low || int(e.Port()) > high })
	}
	switch m.p.Ports {
	case Preserving:
		same := netip.AddrPortFrom(got.Addr(), x.inside.Port())
		if slices.Contains(allowed, same) && !evicted {
			require.Equal(m.t, same, got, "the inside port was free")
		}
	case Sequential:
		at := [3]int{address, class, low}
		fresh := !slices.ContainsFunc(m.mappings, func(y *modelMapping) bool { return y.inside.Addr() == x.inside.Addr() })
		if m.p.PortBlock > 0 && fresh { // a block begins anew with its host
			delete(m.last, at)
		}
		if last, ok := m.last[at]; ok && !evicted {
			for port := last + 1; ; port++ {
				if port > high {
					port = low
				}
				if next := netip.AddrPortFrom(got.Addr(), uint16(port)); slices.Contains(allowed, next) {
					require.Equal(m.t, next, got, "the next free port after %d", last)
					break
				}
			}
		}
		m.last[at] = int(got.Port())
	}
	return got
}

// class is the range of ports that an external endpoint was drawn from.
func (m *model) class(inside, external netip.AddrPort) (class, low, high int) {
	low, high = orDefault(m.p.PortLow, 1024), orDefault(m.p.PortHigh, 65535)
	if m.p.PortBlock > 0 {
		low += (int(external.Port()) - low) / m.p.PortBlock * m.p.PortBlock
		return 2, low, low + m.p.PortBlock - 1
	}
	if inside.Port() < 1024 && !m.p.MixedRanges {
		return 1, 1, 1023
	}
	return 0, low, high
}

// usable is every external endpoint that a new mapping may get.
func (m *model) usable(x *modelMapping) []netip.AddrPort {
	var all []netip.AddrPort
	var own *modelMapping
	for _, y := range m.mappings {
		if y.inside.Addr() == x.inside.Addr() {
			own = y
		}
	}
	for _, a := range m.external {
		if own != nil && m.p.Pooling == Paired && a != own.external.Addr() {
			continue
		}
		_, low, high := m.class(x.inside, netip.AddrPortFrom(a, 1024))
		if m.p.PortBlock > 0 {
			low, high = orDefault(m.p.PortLow, 1024), orDefault(m.p.PortHigh, 65535)
			high -= (high - low + 1) % m.p.PortBlock
		}
	ports:
		for port := low; port <= high; port++ {
			e := netip.AddrPortFrom(a, uint16(port))
			if m.p.Parity && (port-int(x.inside.Port()))%2 != 0 {
				continue
			}
			for _, y := range m.mappings {
				sameBlock := m.p.PortBlock > 0 && y.external.Addr() == a && (int(y.external.Port())-low)/m.p.PortBlock == (port-low)/m.p.PortBlock
				mine := y.inside.Addr() == x.inside.Addr()
				if sameBlock && !mine || m.p.PortBlock > 0 && mine && !sameBlock {
					continue ports
				}
				if y.external == e && (!m.p.Overload || m.p.Mapping != EndpointIndependent && y.boundTo == x.boundTo) {
					continue ports
				}
			}
			all = append(all, e)
		}
	}
	return all
}

// matches compares all that lives. It calls require only to fail: it runs
// after each datagram.
func (m *model) matches(got []Mapping) {
	m.t.Helper()
	if len(got) != len(m.mappings) {
		require.Fail(m.t, "mappings", "the engine has %d, the model %d", len(got), len(m.mappings))
	}
	for _, x := range m.mappings {
		i := slices.IndexFunc(got, func(g Mapping) bool { return g.Inside == x.inside && g.Remote == x.boundTo })
		if i < 0 {
			require.Fail(m.t, "mappings", "%v is gone", x.inside)
		}
		g := got[i]
		if g.External != x.external || !g.Expires.Equal(x.expires) || len(g.Permits) != len(*x.permits) {
			require.Fail(m.t, "mappings", "the engine has %+v, the model %+v with %+v", g, x, *x.permits)
		}
		for _, p := range *x.permits {
			if !slices.Contains(g.Permits, Permit{p.remote, p.expires}) {
				require.Fail(m.t, "permits", "%v has no permit until %v", p.remote, p.expires)
			}
		}
	}
}

// anyProfile draws a valid NAT with few ports and small tables, so that
// everything that can run out does.
func anyProfile(r *rand.Rand) Profile {
	for {
		p := Profile{
			Name: "any", Mapping: Behaviour(r.IntN(3)), Filtering: Behaviour(r.IntN(3)), FilterScope: FilterScope(r.IntN(3)),
			Ports: PortAssignment(r.IntN(3)), Overload: r.IntN(3) == 0, Parity: r.IntN(3) == 0, MixedRanges: r.IntN(2) == 0,
			PortLow: 2000, PortHigh: 2000 + r.IntN(24), PortBlock: r.IntN(3) * 4, Hairpin: Hairpinning(r.IntN(3)),
			Lifetime: time.Duration(1+r.IntN(40)) * time.Second, Refresh: Refresh(r.IntN(3)), Pooling: Pooling(r.IntN(2)),
			Addresses: 1 + r.IntN(3), TableSize: r.IntN(3) * 7, Permits: r.IntN(3) * 2, WhenFull: WhenFull(r.IntN(2)), Reject: r.IntN(2) == 0,
		}
		if p.Validate() == nil {
			return p
		}
	}
}

// checkAgainstModel plays random traffic, drawn from r, on an engine and the model.
func checkAgainstModel(t testing.TB, p Profile, r *rand.Rand, operations int) Counters {
	var external []netip.Addr
	for i := range p.ExternalAddresses() {
		external = append(external, netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + i)}))
	}
	n, err := New(p, external, rand.New(rand.NewPCG(r.Uint64(), 1)))
	require.NoError(t, err)
	m := &model{t: t, p: p, engine: n, external: external, last: map[[3]int]int{}}
	now := epoch
	inside := func() netip.AddrPort {
		port := uint16(1998 + r.IntN(12))
		if r.IntN(8) == 0 {
			port = uint16(1020 + r.IntN(6))
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + r.IntN(4))}), port)
	}
	outside := func() netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + r.IntN(3))}), uint16(7000+r.IntN(3)))
	}
	mapped := func() netip.AddrPort {
		if len(m.mappings) > 0 && r.IntN(4) > 0 {
			return m.mappings[r.IntN(len(m.mappings))].external
		}
		return netip.AddrPortFrom(external[r.IntN(len(external))], uint16(2000+r.IntN(24)))
	}
	for range operations {
		switch op := r.IntN(20); {
		case op < 8:
			f := Flow{inside(), outside()}
			v := n.Outbound(now, f)
			m.advance(now)
			m.outbound(f, v)
		case op < 10:
			f := Flow{inside(), mapped()}
			v := n.Outbound(now, f)
			m.advance(now)
			m.outbound(f, v)
		case op < 15:
			f := Flow{outside(), mapped()}
			v := n.Inbound(now, f)
			m.advance(now)
			m.inbound(f, v)
		case op < 16:
			n.InboundICMP(now, ICMPError{outside().Addr(), mapped().Addr(), Flow{mapped(), outside()}})
			n.OutboundICMP(now, ICMPError{inside().Addr(), outside().Addr(), Flow{outside(), inside()}})
		case op < 19:
			// Often exactly to a boundary, which the model and the engine must see alike.
			d := time.Duration(r.Int64N(int64(p.Lifetime)))
			if len(m.mappings) > 0 && r.IntN(2) == 0 {
				d = m.mappings[0].expires.Sub(now) - time.Duration(r.IntN(2))
			}
			now = now.Add(max(d, 0))
		default:
			if r.IntN(8) == 0 {
				n.Reboot(now)
				m.mappings, m.last = nil, map[[3]int]int{}
			}
		}
		m.advance(now)
		m.matches(n.Mappings(now))
	}
	return n.Counters()
}

func TestEngineAgreesWithModel(t *testing.T) {
	var total Counters
	for seed := range uint64(150) {
		r := seeded(seed)
		c := checkAgainstModel(t, anyProfile(r), r, 250)
		total.Outbound += c.Outbound
		total.Inbound += c.Inbound
		total.Hairpinned += c.Hairpinned
		total.Filtered += c.Filtered
		total.TableFull += c.TableFull
		total.NoPort += c.NoPort
		total.Expired += c.Expired
		total.Evicted += c.Evicted
	}
	for name, n := range map[string]uint64{"outbound": total.Outbound, "inbound": total.Inbound, "hairpinned": total.Hairpinned, "filtered": total.Filtered,
		"table full": total.TableFull, "no port": total.NoPort, "expired": total.Expired, "evicted": total.Evicted} {
		require.Greater(t, n, uint64(100), "%s: the traffic does not exercise it", name)
	}
}

func TestEngineAgreesWithModelForEveryNamedProfile(t *testing.T) {
	for i, p := range append(Profiles(), Deviants()...) {
		if p.Open || p.Blocked {
			continue
		}
		p.Behind = ""
		// The model looks at every port: a few are enough.
		p.PortLow, p.PortHigh = 2000, 2031
		if p.PortBlock > 0 {
			p.PortBlock = 8
		}
		checkAgainstModel(t, p, seeded(uint64(1000+i)), 400)
	}
}

// A script gives the bytes of a fuzzer as randomness, so that the fuzzer
// chooses the profile and the traffic; and then goes on by itself.
type script struct {
	data []byte
	then rand.Source
}

func (s *script) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.then.Uint64()
	}
	b := s.data[0]
	s.data = s.data[1:]
	return uint64(b) * 0x0101010101010101
}

// FuzzNAT lets the fuzzer choose. Minimizing takes long and gains little here:
// run it with -fuzzminimizetime 5x.
func FuzzNAT(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a profile, its traffic, and the time in between"))
	for seed := range uint64(8) {
		r, data := seeded(seed), make([]byte, 400)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := rand.New(&script{data, rand.NewPCG(1, 2)})
		checkAgainstModel(t, anyProfile(r), r, min(len(data)/4, 500))
	})
}
