package internet

import (
	"fmt"
	"net/netip"
	"slices"

	"punchlist/harness/nat"
)

// build makes nodes, realms and links of a topology, from the public realm
// inwards, in the topology's order.
func (n *Network) build(t Topology) error {
	nats, err := n.expand(t)
	if err != nil {
		return err
	}
	if err := checkHosts(t, nats); err != nil {
		return err
	}
	plan, err := newPlan(n.options.Allocation)
	if err != nil {
		return err
	}
	if err := n.buildCore(plan); err != nil {
		return err
	}
	need := demand(t, nats)
	// Outside before inside: a NAT is numbered in a realm that is there. The
	// loop ends, since each round builds a NAT or finds that none can be.
	for todo := nats; len(todo) > 0; {
		var later []part
		for _, p := range todo {
			if n.realms[p.Outside] == nil {
				later = append(later, p)
				continue
			}
			if err := n.buildNAT(p, plan, need); err != nil {
				return err
			}
		}
		if len(later) == len(todo) {
			return fmt.Errorf("NAT %q: its outside %q leads round in a loop, never to the realm %q", later[0].Name, later[0].Outside, Public)
		}
		todo = later
	}
	for _, p := range nats {
		n.chains[p.of] = append(n.chains[p.of], n.nodes[p.Name])
	}
	for _, h := range t.Hosts {
		if err := n.buildHost(h); err != nil {
			return err
		}
	}
	return nil
}

// A part is one NAT of a chain; most chains have one. Its Profile stands
// alone.
type part struct {
	NAT
	of      string // the NAT of the topology
	transit bool   // other NATs are in its Inside
}

// expand makes the chains of a topology's NATs into NATs, and checks names
// and realms of what results.
func (n *Network) expand(t Topology) ([]part, error) {
	var parts []part
	names := map[string]string{Public: "realm"}
	claim := func(name, what string) error {
		if name == "" {
			return fmt.Errorf("a %s has no name", what)
		}
		if was, taken := names[name]; taken {
			return fmt.Errorf("%s %q: a %s has that name already", what, name, was)
		}
		names[name] = what
		return nil
	}
	for _, h := range t.Hosts {
		if err := claim(h.Name, "host"); err != nil {
			return nil, err
		}
	}
	for _, top := range t.NATs {
		if err := top.Link.validate(); err != nil {
			return nil, fmt.Errorf("NAT %q: link: %w", top.Name, err)
		}
		chain, err := nat.Chain(top.Profile)
		if err != nil {
			return nil, fmt.Errorf("NAT %q: %w", top.Name, err)
		}
		inside := top.Inside
		for i, profile := range chain {
			p := part{NAT: NAT{Name: top.Name, Profile: profile, Inside: inside, Outside: top.Outside}, of: top.Name}
			if i > 0 {
				p.Name = fmt.Sprintf("%s-%d", top.Name, i+1)
			}
			if i < len(chain)-1 {
				p.Outside = p.Name + "-transit"
			} else {
				p.Link = top.Link
			}
			if err := claim(p.Name, "NAT"); err != nil {
				return nil, err
			}
			if err := claim(p.Inside, "realm"); err != nil {
				return nil, fmt.Errorf("NAT %q: its inside: %w", p.Name, err)
			}
			parts = append(parts, p)
			inside = p.Outside
		}
	}
	for _, p := range parts {
		if names[p.Outside] != "realm" {
			return nil, fmt.Errorf("NAT %q: its outside %q is neither %q nor inside a NAT", p.Name, p.Outside, Public)
		}
	}
	for i := range parts {
		parts[i].transit = slices.ContainsFunc(parts, func(p part) bool { return p.Outside == parts[i].Inside })
	}
	return parts, nil
}

func checkHosts(t Topology, nats []part) error {
	for _, h := range t.Hosts {
		known := h.Realm == Public || slices.ContainsFunc(nats, func(p part) bool { return p.Inside == h.Realm })
		if !known {
			return fmt.Errorf("host %q: its realm %q is neither %q nor inside a NAT", h.Name, h.Realm, Public)
		}
		if h.Addresses < 0 {
			return fmt.Errorf("host %q: %d addresses", h.Name, h.Addresses)
		}
		if err := h.Link.validate(); err != nil {
			return fmt.Errorf("host %q: link: %w", h.Name, err)
		}
	}
	return nil
}

// demand is how many addresses each realm must have.
func demand(t Topology, nats []part) map[string]int {
	own := map[string]int{}
	for _, h := range t.Hosts {
		own[h.Realm] += max(h.Addresses, 1)
	}
	for _, p := range nats {
		own[p.Outside] += p.Profile.ExternalAddresses()
	}
	need := map[string]int{}
	// order-free: sums
	for realm, count := range own {
		for range len(nats) + 1 { // an open NAT's inside is numbered from its outside
			need[realm] += count
			i := slices.IndexFunc(nats, func(p part) bool { return p.Inside == realm && p.Profile.Open })
			if i < 0 {
				break
			}
			realm = nats[i].Outside
		}
	}
	return need
}

func (n *Network) buildCore(plan *plan) error {
	hosts, nats, rest := plan.public()
	r := &realm{name: Public, local: map[uint32]*node{}, pools: [2]*pool{hosts, nats}, rest: rest}
	gateway, err := hosts.draw()
	if err != nil {
		return err
	}
	r.gateway = gateway
	n.core = &node{name: Public, inside: r}
	r.router = n.core
	n.realms[Public], n.nodes[Public] = r, n.core
	n.owners[gateway] = Public
	return nil
}

func (n *Network) buildNAT(p part, plan *plan, need map[string]int) error {
	outside := n.realms[p.Outside]
	inside := &realm{name: p.Inside, local: map[uint32]*node{}}
	x := &node{
		name: p.Name, realm: outside, inside: inside, profile: p.Profile,
		rnd: stream(n.options.Seed, p.Name+" nat"),
	}
	inside.router = x
	x.link = attach(n.options.Seed, OutsideLink(p.Name), x, p.Link)
	if err := n.number(x, p.Profile.ExternalAddresses(), outside, 1); err != nil {
		return fmt.Errorf("NAT %q: %w", p.Name, err)
	}
	if p.Profile.Open {
		inside.pools, inside.rest = outside.pools, outside.rest
	} else {
		subnet, err := plan.private(p.Inside, need[p.Inside], p.transit)
		if err != nil {
			return err
		}
		inside.subnet = subnet
		numbers := &pool{[]span{spanOf(subnet)}, fmt.Sprintf("realm %q", p.Inside)}
		inside.pools = [2]*pool{numbers, numbers}
	}
	gateway, err := inside.draw(0)
	if err != nil {
		return fmt.Errorf("NAT %q: %w", p.Name, err)
	}
	inside.gateway = gateway
	n.owners[gateway] = p.Name
	if err := n.startEngine(x); err != nil {
		return fmt.Errorf("NAT %q: %w", p.Name, err)
	}
	n.nodes[p.Name], n.realms[p.Inside] = x, inside
	return nil
}

func (n *Network) buildHost(h Host) error {
	x := &node{name: h.Name, realm: n.realms[h.Realm]}
	x.link = attach(n.options.Seed, h.Name, x, h.Link)
	if err := n.number(x, max(h.Addresses, 1), x.realm, 0); err != nil {
		return fmt.Errorf("host %q: %w", h.Name, err)
	}
	n.nodes[h.Name] = x
	n.order = append(n.order, h.Name)
	return nil
}

// number gives a node addresses in a realm, from the pool of hosts (0) or of
// NATs (1). What is inside an open NAT is reached by the NAT from outside.
func (n *Network) number(x *node, count int, r *realm, pool int) error {
	for range count {
		a, err := r.draw(pool)
		if err != nil {
			return err
		}
		x.addrs = append(x.addrs, a)
		n.owners[a] = x.name
		r.local[number(a)] = x
		for via := r.router; via != n.core && via.profile.Open; via = via.realm.router {
			via.realm.local[number(a)] = via
		}
	}
	return nil
}

func (r *realm) draw(pool int) (netip.Addr, error) {
	a, err := r.pools[pool].draw()
	if err != nil && r.rest != nil {
		return r.rest.draw()
	}
	return a, err
}
