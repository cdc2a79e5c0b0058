package internet

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A parts is networks that run the routers of one topology, one each.
type parts struct {
	t      testing.TB
	all    map[string]*Network
	names  []string
	frames []Frame
}

func newParts(t testing.TB, top Topology, seed int64) *parts {
	p := &parts{t: t, all: map[string]*Network{}}
	whole, err := New(top, start, Options{Seed: seed})
	require.NoError(t, err)
	p.names = whole.Routers()
	for i, name := range p.names {
		n, err := New(top, start, Options{
			Seed: seed, Routers: []string{name}, Datagrams: i << 32,
			Capture: func(f Frame) {
				f.Packet = slices.Clone(f.Packet)
				p.frames = append(p.frames, f)
			},
		})
		require.NoError(t, err)
		p.all[name] = n
	}
	return p
}

// next moves the part that has something to do first, if that is before until.
func (p *parts) next(until time.Time) bool {
	var first *Network
	var due time.Time
	for _, name := range p.names {
		if at, ok := p.all[name].Next(); ok && at.Before(until) && (first == nil || at.Before(due)) {
			first, due = p.all[name], at
		}
	}
	if first == nil {
		return false
	}
	first.Step(due)
	p.exchange(due)
	return true
}

func (p *parts) exchange(now time.Time) {
	for moved := true; moved; {
		moved = false
		for _, name := range p.names {
			from := p.all[name]
			var h Handover
			for from.PollHandover(&h) {
				require.NoError(p.t, p.all[from.To(h)].TakeOver(now, h))
				moved = true
			}
		}
	}
}

// told is what the frames of a run say, in the order of time, datagrams
// numbered as they come up.
func told(frames []Frame) []string {
	slices.SortStableFunc(frames, func(a, b Frame) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Link, b.Link), strings.Compare(string(a.Packet), string(b.Packet)))
	})
	numbers := map[int]int{}
	var lines []string
	for _, f := range frames {
		if numbers[f.Datagram] == 0 {
			numbers[f.Datagram] = len(numbers) + 1
		}
		lines = append(lines, fmt.Sprintf("%v %s %s>%s at %s #%d %q %x", f.At.Sub(start), f.Link, f.From, f.To, f.Node, numbers[f.Datagram], f.Dropped, f.Packet))
	}
	return lines
}

// Parts tell together what the whole tells.
func TestPartsAreTheWhole(t *testing.T) {
	const ms = time.Millisecond
	top := Topology{
		Hosts: []Host{
			{Name: "sue", Realm: Public, Link: Link{Latency: 3 * ms}},
			{Name: "tom", Realm: Public, Link: Link{Latency: 5 * ms, MTU: 600}},
			{Name: "alice", Realm: "lan-a", Link: Link{Latency: 2 * ms, Jitter: ms, Loss: 0.1}},
			{Name: "amy", Realm: "lan-a", Link: Link{Latency: 1 * ms, Duplicate: 0.2}},
			{Name: "bob", Realm: "lan-b", Link: Link{Latency: 7 * ms, Reorder: 0.2}},
			{Name: "carl", Realm: "lan-c"},
		},
		NATs: []NAT{
			{Name: "nat-a", Profile: profile(t, "home-router"), Inside: "lan-a", Outside: Public, Link: Link{Latency: 11 * ms}},
			{Name: "nat-b", Profile: profile(t, "cgnat"), Inside: "lan-b", Outside: Public, Link: Link{Latency: 13 * ms, Loss: 0.05}},
			{Name: "nat-c", Profile: profile(t, "open"), Inside: "lan-c", Outside: Public, Link: Link{Latency: 17 * ms}},
		},
	}
	whole := newBench(t, top, 7)
	split := newParts(t, top, 7)
	require.Equal(t, []string{Public, "nat-a", "nat-b", "nat-b-2", "nat-c"}, split.names)

	rnd := rand.New(rand.NewPCG(1, 2))
	hosts := whole.n.Hosts()
	send := func(from string, to netip.AddrPort, size int) {
		packet := BuildUDP(nil, whole.addr(from, uint16(5000+rnd.IntN(2))), to, 1, make([]byte, size))
		whole.n.Send(whole.now, from, packet)
		part := split.all[whole.n.Router(whole.n.Realm(from))]
		part.Send(whole.now, from, packet)
		split.exchange(whole.now)
	}
	var seen []netip.AddrPort // where something came from
	for i := range 400 {
		until := whole.now.Add(time.Duration(1+rnd.IntN(20_000)) * time.Microsecond)
		for split.next(until) {
		}
		whole.n.Advance(until.Add(-1))
		whole.now = until
		for _, name := range split.names {
			var d Delivery
			for split.all[name].Poll(&d) {
			}
		}
		var d Delivery
		for whole.n.Poll(&d) {
			if u, err := ParseUDP(d.Packet); err == nil {
				seen = append(seen, u.Src)
			}
		}
		to := netip.AddrPortFrom(whole.n.Addressing(hosts[rnd.IntN(len(hosts))]).Addrs[0], 5000)
		if len(seen) > 0 && rnd.IntN(2) == 0 {
			to = seen[rnd.IntN(len(seen))]
		}
		send(hosts[rnd.IntN(len(hosts))], to, rnd.IntN(800))
		if i%100 == 99 {
			c := []Change{
				{Node: "nat-a", Reboot: true}, {Node: "nat-b", Readdress: true}, {Node: "nat-a", Link: &Link{Latency: ms}},
				{Node: "alice", Suspend: true},
			}[i/100]
			require.NoError(t, whole.n.Change(whole.now, c))
			for _, name := range split.names {
				require.NoError(t, split.all[name].Change(whole.now, c))
			}
		}
	}
	want := told(whole.frames)
	require.Greater(t, len(want), 1000)
	require.Equal(t, want, told(split.frames))
}

func TestTakeOverRefuses(t *testing.T) {
	top := behind(t, "full-cone", "full-cone")
	n, err := New(top, start, Options{Routers: []string{"nat-a"}})
	require.NoError(t, err)
	packet := BuildUDP(nil, netip.MustParseAddrPort("203.0.113.1:1"), netip.MustParseAddrPort("203.0.113.2:2"), 1, nil)
	for _, c := range []struct {
		h    Handover
		want string
	}{
		{Handover{NAT: "nat-x", Packet: packet}, `there is no NAT "nat-x"`},
		{Handover{NAT: Public, Packet: packet}, `there is no NAT "public"`},
		{Handover{NAT: "sue", Packet: packet}, `there is no NAT "sue"`},
		{Handover{NAT: "nat-a", Up: true, Packet: packet}, `the router "public" runs in another network`},
		{Handover{NAT: "nat-b", Packet: packet}, `the router "nat-b" runs in another network`},
		{Handover{NAT: "nat-a", Packet: packet[:19]}, "IPv4 header cut short"},
	} {
		require.ErrorContains(t, n.TakeOver(start, c.h), c.want)
	}
	_, err = New(top, start, Options{Routers: []string{"sue"}})
	require.ErrorContains(t, err, `routers: "sue" is neither a NAT of the topology nor "public"`)
}
