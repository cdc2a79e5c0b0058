package nat

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Unix(1_700_000_000, 0)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 4787)) }

func ep(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A world is a chain of engines between an inside and an outside: the bare
// Stage. Hosts of both sides are known to it, so that it can say what arrives.
type world struct {
	now   time.Time
	nats  []*NAT // from the inside to the outside
	hosts map[netip.Addr]string
	// refuses are outside endpoints whose host answers with ICMP port unreachable.
	refuses map[netip.AddrPort]bool
	events  []event
	// beside is another chain on the same public realm.
	beside *world
}

// An event is a datagram, or an ICMP error, at a host.
type event struct {
	at    string // host
	flow  Flow   // of the datagram, or of the one quoted
	icmp  bool
	inner bool // never left the inside
}

// newWorld puts a chain with 10.0.<seed>.0/24 inside. Links between two NATs
// of the chain are numbered 100.64.<seed>.0/24, and the public side
// 198.51.100.<seed*16>.
func newWorld(t testing.TB, p Profile, index byte) *world {
	t.Helper()
	w := &world{now: epoch, hosts: map[netip.Addr]string{}, refuses: map[netip.AddrPort]bool{}}
	parts, err := Chain(p)
	require.NoError(t, err)
	for i, part := range parts {
		var external []netip.Addr
		for k := range part.ExternalAddresses() {
			a := netip.AddrFrom4([4]byte{198, 51, 100, index*16 + byte(k)})
			if i < len(parts)-1 {
				a = netip.AddrFrom4([4]byte{100, 64 + byte(i), index, byte(k + 1)})
			}
			external = append(external, a)
		}
		n, err := New(part, external, seeded(uint64(index)+100*uint64(i)))
		require.NoError(t, err)
		w.nats = append(w.nats, n)
	}
	return w
}

func (w *world) send(f Flow, inside bool) []event {
	w.events = nil
	if inside {
		if at, ok := w.hosts[f.Dst.Addr()]; ok && w.isInside(f.Dst.Addr()) {
			return []event{{at: at, flow: f, inner: true}}
		}
		w.up(0, f)
	} else {
		w.outside(f)
	}
	return w.events
}

// outside is a datagram in the public realm.
func (w *world) outside(f Flow) {
	outer := w.nats[len(w.nats)-1]
	if at, ok := w.hosts[f.Dst.Addr()]; ok && !w.isInside(f.Dst.Addr()) {
		if w.refuses[f.Dst] {
			w.errorDown(len(w.nats)-1, Error{Src: f.Dst.Addr(), Dst: f.Src.Addr(), About: f})
			return
		}
		w.events = append(w.events, event{at: at, flow: f})
		return
	}
	switch {
	case slices.Contains(outer.external, f.Dst.Addr()) || outer.profile.Open && w.isInside(f.Dst.Addr()):
		w.down(len(w.nats)-1, f)
	case w.beside != nil:
		w.beside.events = nil
		w.beside.down(len(w.beside.nats)-1, f)
		w.events = append(w.events, w.beside.events...)
	}
}

func (w *world) up(i int, f Flow) {
	if i == len(w.nats) {
		w.outside(f)
		return
	}
	switch v := w.nats[i].Outbound(w.now, f); v.Action {
	case Forward:
		w.up(i+1, v.Flow)
	case Hairpin:
		w.down(i-1, v.Flow)
	}
}

// down is a datagram on the outside of the i-th NAT; below the first is the inside.
func (w *world) down(i int, f Flow) {
	if i < 0 {
		if at, ok := w.hosts[f.Dst.Addr()]; ok {
			w.events = append(w.events, event{at: at, flow: f})
		}
		return
	}
	if v := w.nats[i].Inbound(w.now, f); v.Action == Forward {
		w.down(i-1, v.Flow)
	}
}

func (w *world) errorDown(i int, e Error) {
	if i < 0 {
		w.events = append(w.events, event{at: w.hosts[e.Dst], flow: e.About, icmp: true})
		return
	}
	if v := w.nats[i].InboundError(w.now, e); v.Action == Forward {
		w.errorDown(i-1, v.Error)
	}
}

func (w *world) isInside(a netip.Addr) bool { return w.hosts[a] == "a" || w.hosts[a] == "b" }

// A stage plays vectors on a world.
type stage struct {
	*world
	addrs map[string]netip.Addr
	open  map[netip.AddrPort]string
}

func newStage(t testing.TB, v Vector) *stage {
	t.Helper()
	p, err := Lookup(v.Profile)
	require.NoError(t, err)
	s := &stage{world: newWorld(t, p, 1), open: map[netip.AddrPort]string{}, addrs: map[string]netip.Addr{
		"a": netip.MustParseAddr("10.0.1.2"), "b": netip.MustParseAddr("10.0.1.3"),
		"x": netip.MustParseAddr("203.0.113.2"), "y": netip.MustParseAddr("203.0.113.3"),
	}}
	for _, host := range []string{"a", "b", "x", "y"} {
		s.hosts[s.addrs[host]] = host
	}
	if external := s.nats[len(s.nats)-1].External(); len(external) > 0 {
		s.addrs["nat"] = external[0]
	}
	for _, name := range v.Endpoints() {
		s.open[s.Address(name)] = name
	}
	for _, closed := range []string{"x9", "y9"} {
		s.refuses[s.Address(closed)] = true
	}
	return s
}

func (s *stage) Address(endpoint string) netip.AddrPort {
	host, port, err := ParseEndpoint(endpoint)
	if err != nil {
		panic(err)
	}
	return netip.AddrPortFrom(s.addrs[host], port)
}

func (s *stage) Send(from string, to netip.AddrPort, _ []byte) ([]Arrival, error) {
	src := s.Address(from)
	var all []Arrival
	for _, e := range s.send(Flow{Src: src, Dst: to}, s.isInside(src.Addr())) {
		if e.icmp {
			all = append(all, Arrival{At: s.open[e.flow.Src], From: e.flow.Src, To: e.flow.Dst, Refused: true})
			continue
		}
		name, ok := s.open[e.flow.Dst]
		if !ok {
			return nil, fmt.Errorf("arrived at %v, where nobody listens", e.flow.Dst)
		}
		all = append(all, Arrival{At: name, From: e.flow.Src})
	}
	return all, nil
}

func (s *stage) Advance(d time.Duration) error {
	s.now = s.now.Add(d)
	return nil
}

func (s *stage) Reboot() error {
	for _, n := range s.nats {
		n.Reboot(s.now)
	}
	return nil
}

func (s *stage) DropMappings() error {
	for _, n := range s.nats {
		n.DropMappings(s.now, nil)
	}
	return nil
}
