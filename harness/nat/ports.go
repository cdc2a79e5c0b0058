package nat

import "net/netip"

// A host is an inside host that has a mapping, with what it holds.
type host struct {
	mappings int
	address  int // index of its external address, where pooling is paired
	block    block
	cursor   int // where sequential assignment goes on in its block
}

// A block is a run of ports of one external address, named by its first port.
type block struct{ address, first int }

// A cursor is the next port to try by sequential assignment, in each range.
type cursor struct{ user, wellKnown int }

// assign finds an external endpoint for a new mapping, and counts it at its
// inside host. It reports false, with nothing changed, when none is free. A
// host that has a mapping keeps its address and block, unless pooling is
// arbitrary; any other takes the address whose turn it is, or the next that
// has a port for it.
func (n *NAT) assign(k key) (netip.AddrPort, bool) {
	h := n.hosts[k.inside.Addr()]
	at, tries := n.pool, len(n.external)
	settled := h != nil && n.profile.Pooling == Paired
	if settled {
		at, tries = h.address, 1
	}
	if h == nil {
		h = &host{}
	}
	for i := range tries {
		address := (at + i) % len(n.external)
		if !settled && !n.place(h, address) {
			continue
		}
		port, ok := n.assignPort(k, h, address)
		if !ok {
			continue
		}
		if !settled {
			n.pool = (address + 1) % len(n.external)
		}
		if n.profile.PortBlock > 0 {
			n.blocks[h.block] = struct{}{}
		}
		n.hosts[k.inside.Addr()] = h
		h.mappings++
		return netip.AddrPortFrom(n.external[address], uint16(port)), true
	}
	return netip.AddrPort{}, false
}

// place gives a host an external address, and a free block of it where hosts
// have blocks. It reports false when the address has none.
func (n *NAT) place(h *host, address int) bool {
	h.address = address
	size := n.profile.PortBlock
	if size == 0 {
		return true
	}
	low, high := n.profile.portRange()
	for first := low; first+size-1 <= high; first += size {
		b := block{address, first}
		if _, taken := n.blocks[b]; !taken {
			h.block, h.cursor = b, first
			return true
		}
	}
	return false
}

// release undoes what assign did for a mapping that is gone.
func (n *NAT) release(m *mapping) {
	h := n.hosts[m.inside.Addr()]
	h.mappings--
	if h.mappings > 0 {
		return
	}
	delete(n.hosts, m.inside.Addr())
	if n.profile.PortBlock > 0 {
		delete(n.blocks, h.block)
	}
}

// assignPort chooses a port of one external address.
func (n *NAT) assignPort(k key, h *host, address int) (port int, ok bool) {
	low, high := n.profile.portRange()
	next := &n.cursors[address].user
	switch inside := int(k.inside.Port()); {
	case n.profile.PortBlock > 0:
		low, high = h.block.first, h.block.first+n.profile.PortBlock-1
		next = &h.cursor
	case inside < FirstUserPort && !n.profile.MixedRanges:
		low, high = firstPort, lastWellKnown
		next = &n.cursors[address].wellKnown
	}
	switch n.profile.Ports {
	case Preserving:
		port = int(k.inside.Port())
		if port >= low && port <= high && n.usable(k, address, port) {
			return port, true
		}
	case Sequential:
		port, ok = n.scan(k, address, low, high, *next)
		if ok {
			*next = port + 1
		}
		return port, ok
	}
	return n.scan(k, address, low, high, low+n.random.IntN(high-low+1))
}

// scan finds the first usable port at or after from, beginning anew at low
// after high.
func (n *NAT) scan(k key, address, low, high, from int) (int, bool) {
	if from < low || from > high {
		from = low
	}
	count := high - low + 1
	for i := range count {
		port := low + (from-low+i)%count
		if n.profile.Parity && port%2 != int(k.inside.Port())%2 {
			continue
		}
		if n.usable(k, address, port) {
			return port, true
		}
	}
	return 0, false
}

// usable reports whether a port may carry one more mapping: it is free, or may be
// overloaded and no mapping on it is bound to the same destination.
func (n *NAT) usable(k key, address, port int) bool {
	m := n.mappings.byExternal[netip.AddrPortFrom(n.external[address], uint16(port))]
	if m == nil {
		return true
	}
	if !n.profile.Overload {
		return false
	}
	for ; m != nil; m = m.sharing {
		if n.profile.endpointDependent() && m.remote == k.remote {
			return false
		}
	}
	return true
}
