package nat

import (
	"net/netip"
	"slices"
	"time"
)

// A key is what a mapping is bound to. Its remote is zero for
// endpoint-independent mapping, and has port zero for address-dependent.
type key struct{ inside, remote netip.AddrPort }

type mapping struct {
	key
	external         netip.AddrPort
	created, expires time.Time
	active           uint64   // NAT.activity when it last sent
	permits          *permits // nil where filtering is endpoint-independent

	older, newer *mapping // in the order of expiry
	sharing      *mapping // the next one on the same external endpoint
}

// A table holds mappings by what they are bound to, by external endpoint, and
// in the order in which they expire. All have the same lifetime, so that a
// renewed one is always the last to expire.
type table struct {
	byKey          map[key]*mapping
	byExternal     map[netip.AddrPort]*mapping
	oldest, newest *mapping
}

func newTable() table {
	return table{byKey: map[key]*mapping{}, byExternal: map[netip.AddrPort]*mapping{}}
}

func (t *table) len() int { return len(t.byKey) }

func (t *table) add(m *mapping, expires time.Time) {
	t.byKey[m.key] = m
	m.sharing = t.byExternal[m.external]
	t.byExternal[m.external] = m
	t.push(m, expires)
}

func (t *table) renew(m *mapping, expires time.Time) {
	t.unlink(m)
	t.push(m, expires)
}

func (t *table) remove(m *mapping) {
	delete(t.byKey, m.key)
	t.unlink(m)
	first := t.byExternal[m.external]
	if first == m {
		if m.sharing == nil {
			delete(t.byExternal, m.external)
		} else {
			t.byExternal[m.external] = m.sharing
		}
		return
	}
	for first.sharing != m {
		first = first.sharing
	}
	first.sharing = m.sharing
}

func (t *table) push(m *mapping, expires time.Time) {
	m.expires = expires
	m.older, m.newer = t.newest, nil
	if t.newest == nil {
		t.oldest = m
	} else {
		t.newest.newer = m
	}
	t.newest = m
}

func (t *table) unlink(m *mapping) {
	if m.older == nil {
		t.oldest = m.newer
	} else {
		m.older.newer = m.newer
	}
	if m.newer == nil {
		t.newest = m.older
	} else {
		m.newer.older = m.older
	}
}

// A Mapping is a live mapping, for reports.
type Mapping struct {
	Inside   netip.AddrPort
	External netip.AddrPort
	// Remote is the destination that the mapping is bound to: zero where
	// mapping is endpoint-independent, of port 0 where it is address-dependent.
	Remote           netip.AddrPort
	Created, Expires time.Time
	Permits          []Permit // whom the filter admits; empty where it admits everyone
}

// A Permit admits a remote endpoint, or every port of a remote address where
// the port is 0.
type Permit struct {
	Remote  netip.AddrPort
	Expires time.Time
}

// Mappings are the live mappings, sorted by external endpoint, then by inside
// endpoint and remote.
func (n *NAT) Mappings(now time.Time) []Mapping {
	n.advance(now)
	all := make([]Mapping, 0, n.mappings.len())
	for m := n.mappings.oldest; m != nil; m = m.newer {
		all = append(all, n.export(m))
	}
	slices.SortFunc(all, func(a, b Mapping) int {
		if c := a.External.Compare(b.External); c != 0 {
			return c
		}
		if c := a.Inside.Compare(b.Inside); c != 0 {
			return c
		}
		return a.Remote.Compare(b.Remote)
	})
	return all
}

func (n *NAT) export(m *mapping) Mapping {
	out := Mapping{Inside: m.inside, External: m.external, Remote: m.remote, Created: m.created, Expires: m.expires}
	if m.permits != nil {
		m.permits.expire(n.now)
		for p := m.permits.oldest; p != nil; p = p.newer {
			out.Permits = append(out.Permits, Permit{Remote: p.remote, Expires: p.expires})
		}
		slices.SortFunc(out.Permits, func(a, b Permit) int { return a.Remote.Compare(b.Remote) })
	}
	return out
}
