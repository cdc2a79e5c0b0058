package nat

import (
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

// A World is a chain of engines between an inside and an outside: the bare
// Stage. Hosts of both sides are known to it, so that it can say what arrives.
type World struct {
	Now   time.Time
	NATs  []*NAT // from the inside to the outside
	Hosts map[netip.Addr]string
	// Refuses are outside endpoints whose host answers with ICMP port unreachable.
	Refuses map[netip.AddrPort]bool
	events  []Event
	// Beside is another chain on the same public realm.
	Beside *World
}

// An Event is a datagram, or an ICMP error, at a host.
type Event struct {
	At   string // host
	Flow Flow   // of the datagram, or of the one quoted
	ICMP bool
}

// NewWorld puts a chain with 10.0.<seed>.0/24 inside. Links between two NATs
// of the chain are numbered 100.64.<seed>.0/24, and the public side
// 198.51.100.<seed*16>.
func NewWorld(t testing.TB, p Profile, index byte) *World {
	t.Helper()
	w := &World{Now: epoch, Hosts: map[netip.Addr]string{}, Refuses: map[netip.AddrPort]bool{}}
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
		w.NATs = append(w.NATs, n)
	}
	return w
}

// Send returns what reaches which host.
func (w *World) Send(f Flow, inside bool) []Event {
	w.events = nil
	if inside {
		if at, ok := w.Hosts[f.Dst.Addr()]; ok && w.IsInside(f.Dst.Addr()) {
			return []Event{{At: at, Flow: f}}
		}
		w.up(0, f)
	} else {
		w.outside(f)
	}
	return w.events
}

// outside is a datagram in the public realm.
func (w *World) outside(f Flow) {
	outer := w.NATs[len(w.NATs)-1]
	if at, ok := w.Hosts[f.Dst.Addr()]; ok && !w.IsInside(f.Dst.Addr()) {
		if w.Refuses[f.Dst] {
			w.errorDown(len(w.NATs)-1, ICMPError{Src: f.Dst.Addr(), Dst: f.Src.Addr(), About: f})
			return
		}
		w.events = append(w.events, Event{At: at, Flow: f})
		return
	}
	switch {
	case slices.Contains(outer.external, f.Dst.Addr()) || outer.profile.Open && w.IsInside(f.Dst.Addr()):
		w.down(len(w.NATs)-1, f)
	case w.Beside != nil:
		w.Beside.events = nil
		w.Beside.down(len(w.Beside.NATs)-1, f)
		w.events = append(w.events, w.Beside.events...)
	}
}

func (w *World) up(i int, f Flow) {
	if i == len(w.NATs) {
		w.outside(f)
		return
	}
	switch v := w.NATs[i].Outbound(w.Now, f); v.Action {
	case Forward:
		w.up(i+1, v.Flow)
	case Hairpin:
		w.down(i-1, v.Flow)
	}
}

// down is a datagram on the outside of the i-th NAT; below the first is the inside.
func (w *World) down(i int, f Flow) {
	if i < 0 {
		if at, ok := w.Hosts[f.Dst.Addr()]; ok {
			w.events = append(w.events, Event{At: at, Flow: f})
		}
		return
	}
	if v := w.NATs[i].Inbound(w.Now, f); v.Action == Forward {
		w.down(i-1, v.Flow)
	}
}

func (w *World) errorDown(i int, e ICMPError) {
	if i < 0 {
		w.events = append(w.events, Event{At: w.Hosts[e.Dst], Flow: e.About, ICMP: true})
		return
	}
	if v := w.NATs[i].InboundICMP(w.Now, e); v.Action == Forward {
		w.errorDown(i-1, v.ICMP)
	}
}

func (w *World) IsInside(a netip.Addr) bool { return w.Hosts[a] == "a" || w.Hosts[a] == "b" }
