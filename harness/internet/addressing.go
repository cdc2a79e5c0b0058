package internet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Blocks is how many disjoint allocations there are beside the whole space.
const Blocks = 16

// blockSize is what an allocation has of each documentation range.
const blockSize = 16

// documentation are the ranges of RFC 5737.
var documentation = [3]netip.Prefix{
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
}

// benchmarking (RFC 2544) carries on where a large simulation has used up the
// documentation ranges.
var benchmarking = netip.MustParsePrefix("198.18.0.0/15")

// A span is addresses handed out in order, from next up to and without end.
// Those that end in .0 or .255 are left out: not every system takes them for
// a host's.
type span struct{ next, end uint32 }

func spanOf(p netip.Prefix) span {
	first := number(p.Addr())
	return span{first, first + 1<<(32-p.Bits())}
}

// A pool numbers a realm.
type pool struct {
	spans []span
	what  string
}

func (p *pool) draw() (netip.Addr, error) {
	for i := range p.spans {
		s := &p.spans[i]
		for s.next < s.end {
			a := s.next
			s.next++
			if low := a & 255; low != 0 && low != 255 {
				return address(a), nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no address left", p.what)
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func address(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// A plan hands out pools: hosts and NATs of the public realm start in
// different ranges, so that an address shows to the eye what it belongs to.
type plan struct {
	allocation     int
	lans, transits int // handed out so far
	large          int
}

func newPlan(allocation int) (*plan, error) {
	if allocation < 0 || allocation > Blocks {
		return nil, fmt.Errorf("allocation %d is not in 0 to %d", allocation, Blocks)
	}
	return &plan{allocation: allocation}, nil
}

// public gives the pools of hosts and of NATs in the public realm. They end
// in the same spans, so they must not be drawn from as copies: the third
// range and what follows it are one shared pool.
func (p *plan) public() (hosts, nats, rest *pool) {
	spans := make([]span, 3)
	for i, d := range documentation {
		spans[i] = spanOf(d)
		if p.allocation > 0 {
			spans[i].next += uint32(p.allocation-1) * blockSize
			spans[i].end = spans[i].next + blockSize
		}
	}
	tail := spans[2:]
	if p.allocation == 0 {
		tail = append(tail, spanOf(benchmarking))
	}
	const what = "realm \"public\""
	return &pool{slices.Clone(spans[:1]), what}, &pool{slices.Clone(spans[1:2]), what}, &pool{tail, what}
}

// private gives a subnet for a realm of that many addresses. Transit is a
// realm that has NATs in it: carriers number it from 100.64.0.0/10 (RFC 6598).
func (p *plan) private(realm string, addresses int, transit bool) (netip.Prefix, error) {
	var b [4]byte
	bits := 24
	switch {
	case addresses > 65000:
		return netip.Prefix{}, fmt.Errorf("realm %q: %d addresses are too many for one subnet", realm, addresses)
	case addresses > 250 && p.allocation != 0:
		return netip.Prefix{}, fmt.Errorf("realm %q: %d addresses need allocation 0", realm, addresses)
	case addresses > 250:
		if p.large == 100 {
			return netip.Prefix{}, fmt.Errorf("realm %q: there are already 100 realms of over 250 addresses", realm)
		}
		b, bits = [4]byte{10, byte(255 - p.large), 0, 0}, 16
		p.large++
	case transit:
		if p.transits == 256 {
			return netip.Prefix{}, fmt.Errorf("realm %q: there are already 256 realms with NATs in them", realm)
		}
		b = [4]byte{100, byte(64 + p.allocation), byte(p.transits), 0}
		p.transits++
	case p.allocation > 0:
		if p.lans == 256 {
			return netip.Prefix{}, fmt.Errorf("realm %q: allocation %d has no subnet left", realm, p.allocation)
		}
		b = [4]byte{10, byte(p.allocation), byte(p.lans), 0}
		p.lans++
	case p.lans < 254:
		b = [4]byte{192, 168, byte(p.lans + 1), 0}
		p.lans++
	default:
		i := p.lans - 254
		if i >= 128*256 {
			return netip.Prefix{}, fmt.Errorf("realm %q: no subnet left", realm)
		}
		b = [4]byte{10, byte(i >> 8), byte(i), 0}
		p.lans++
	}
	return netip.PrefixFrom(netip.AddrFrom4(b), bits), nil
}
