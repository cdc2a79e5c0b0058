package internet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/nat"
)

// Change does what c says. A Suspend or Resume takes the host's link down and
// up again; freezing what runs on it is the lab's.
func (n *Network) Change(now time.Time, c Change) error {
	n.moveTo(now, false)
	if err := c.validate(); err != nil {
		return fmt.Errorf("change of %q: %w", c.Node, err)
	}
	chain := n.chains[c.Node]
	x := n.nodes[c.Node]
	switch {
	case x == nil || x == n.core:
		return fmt.Errorf("change of %q: there is no such host or NAT", c.Node)
	case c.Suspend, c.Resume:
		if x.inside != nil {
			return fmt.Errorf("change of %q: only a host can be suspended", c.Node)
		}
		x.link.link.Down = c.Suspend
		return nil
	case c.Link != nil:
		if err := c.Link.validate(); err != nil {
			return fmt.Errorf("change of %q: link: %w", c.Node, err)
		}
		if chain != nil {
			x = chain[len(chain)-1]
		}
		x.link.link = *c.Link
		return nil
	case x.inside == nil:
		return fmt.Errorf("change of %q: it is a host, not a NAT", c.Node)
	}
	if chain == nil { // a part of one, by its own name
		chain = []*node{x}
	}
	if c.Profile != nil && len(chain) > 1 {
		return fmt.Errorf("change of %q: it is a chain of %d NATs; change one of them by its own name", c.Node, len(chain))
	}
	for _, part := range chain {
		if err := n.changeNAT(part, c); err != nil {
			return fmt.Errorf("change of %q: %w", part.name, err)
		}
	}
	return nil
}

func (c Change) validate() error {
	actions := 0
	for _, set := range []bool{c.Link != nil, c.Reboot, c.DropMappings, c.Readdress, c.Profile != nil, c.AdvanceNAT != 0, c.Suspend, c.Resume} {
		if set {
			actions++
		}
	}
	if actions != 1 {
		return fmt.Errorf("%d actions are set; set one", actions)
	}
	if c.AdvanceNAT < 0 {
		return fmt.Errorf("a NAT's clock can't go back by %v", -c.AdvanceNAT)
	}
	return nil
}

func (n *Network) changeNAT(x *node, c Change) error {
	switch {
	case c.Reboot:
		x.engine.Reboot(n.clock(x))
	case c.DropMappings:
		x.engine.DropMappings(n.clock(x), nil)
	case c.Readdress:
		return n.readdress(x)
	case c.Profile != nil:
		return n.changeProfile(x, *c.Profile)
	case c.AdvanceNAT != 0:
		x.offset += c.AdvanceNAT
	}
	return nil
}

// changeProfile makes another NAT of a NAT, with the same addresses inside and
// outside.
func (n *Network) changeProfile(x *node, p nat.Profile) error {
	switch {
	case p.Behind != "":
		return fmt.Errorf("profile %q is a chain (behind %s); it takes one that stands alone", p.Name, p.Behind)
	case p.Open || x.profile.Open:
		return errors.New("to and from an open one the addresses inside would change")
	case p.ExternalAddresses() != len(x.addrs):
		return fmt.Errorf("profile %q needs %d external addresses, it has %d", p.Name, p.ExternalAddresses(), len(x.addrs))
	}
	engine, err := nat.New(p, x.addrs, x.rnd)
	if err != nil {
		return err
	}
	x.profile, x.engine = p, engine
	return nil
}

// readdress gives a NAT addresses that nobody had before. The old ones reach
// nobody from then on.
func (n *Network) readdress(x *node) error {
	old := slices.Clone(x.addrs)
	x.addrs = x.addrs[:0:0]
	if err := n.number(x, len(old), x.realm, 1); err != nil {
		for _, a := range x.addrs {
			n.forget(a, x)
		}
		x.addrs = old
		return err
	}
	for _, a := range old {
		n.forget(a, x)
	}
	return x.engine.Readdress(n.clock(x), x.addrs)
}

func (n *Network) forget(a netip.Addr, x *node) {
	delete(x.realm.local, number(a))
	for via := x.realm.router; via != n.core && via.profile.Open; via = via.realm.router {
		delete(via.realm.local, number(a))
	}
}
