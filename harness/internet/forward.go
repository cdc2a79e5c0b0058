package internet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"punchlist/harness/nat"
)

// fromBelow takes a packet that came up the link of sender, a host or NAT in
// the realm, to the realm's router.
func (n *Network) fromBelow(r *realm, sender *node, p *packet) {
	ip, _ := parseHeader(p.buf) // Send let it in
	to := r.local[number(ip.dst)]
	if r.router == n.core {
		n.core.route(n, r, to, ip, p)
		return
	}
	if to != nil { // in one LAN there is no router in between
		n.transmit(&to.link.down, p, r.name, to.name)
		return
	}
	x := r.router
	switch {
	case ip.dst == r.gateway:
		n.drop(x, p, "no service")
	case r.subnet.IsValid() && r.subnet.Contains(ip.dst), ip.dst.IsMulticast(), ip.dst == broadcast:
		n.drop(x, p, "no route")
	case n.passes(x, r, x.link, ip, p):
		n.translateOut(x, ip, p)
	}
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// route forwards a packet that reached the router of the public realm.
func (core *node) route(n *Network, r *realm, to *node, ip header, p *packet) {
	switch {
	case ip.dst == r.gateway:
		n.drop(core, p, "no service")
	case to == nil:
		n.drop(core, p, "no route")
	case n.passes(core, r, to.link, ip, p):
		n.transmit(&to.link.down, p, core.name, to.name)
	}
}

// fromOutside takes a packet that came down the outside link of a NAT.
func (n *Network) fromOutside(x *node, p *packet) {
	ip, _ := parseHeader(p.buf)
	if x.profile.Open {
		to := x.inside.local[number(ip.dst)]
		switch {
		case to == nil:
			n.drop(x, p, "no route")
		case n.passes(x, x.realm, to.link, ip, p):
			n.transmit(&to.link.down, p, x.name, to.name)
		}
		return
	}
	if n.passes(x, x.realm, nil, ip, p) {
		n.translateIn(x, ip, p)
	}
}

// passes does what a router does to each packet that it forwards from a
// realm: it takes a hop off, and refuses what is too big for the link that
// the packet goes to (if that is known), what is no whole datagram, and what
// isn't UDP or ICMP. When it returns false the packet is gone.
func (n *Network) passes(x *node, from *realm, to *attachment, ip header, p *packet) bool {
	switch {
	case ip.fragment:
		n.drop(x, p, "fragment")
	case ip.proto != protoUDP && ip.proto != protoICMP:
		n.drop(x, p, fmt.Sprintf("protocol %d", ip.proto))
	case !decrementTTL(p.buf):
		n.complain(x, from, p.buf, TimeExceeded, 0, 0)
		n.drop(x, p, "ttl")
	case to != nil && ip.total > to.link.mtu():
		if ip.df {
			n.complain(x, from, p.buf, Unreachable, CodeTooBig, to.link.mtu())
		}
		n.drop(x, p, "mtu")
	default:
		return true
	}
	return false
}

// translateOut passes a packet from the inside of a NAT through it.
func (n *Network) translateOut(x *node, ip header, p *packet) {
	now := n.clock(x)
	if ip.proto == protoICMP {
		n.translateError(x, p, func(e nat.ICMPError) nat.ICMPVerdict { return x.engine.OutboundICMP(now, e) })
		return
	}
	u, err := parseUDP(ip)
	if err != nil {
		n.drop(x, p, "malformed: "+err.Error())
		return
	}
	v := x.engine.Outbound(now, nat.Flow{Src: u.Src, Dst: u.Dst})
	switch v.Action {
	case nat.Forward:
		rewriteSource(p.buf, v.Flow.Src)
		n.out(x, p, v.Flow.Dst.Addr())
	case nat.Hairpin:
		n.in(x, p, v.Flow, x.inside)
	case nat.Reject:
		n.complain(x, x.inside, p.buf, Unreachable, v.Code, 0)
		n.drop(x, p, v.Reason)
	default:
		n.drop(x, p, v.Reason)
	}
}

// translateIn passes a packet from the outside of a NAT through it.
func (n *Network) translateIn(x *node, ip header, p *packet) {
	now := n.clock(x)
	if ip.proto == protoICMP {
		n.translateError(x, p, func(e nat.ICMPError) nat.ICMPVerdict { return x.engine.InboundICMP(now, e) })
		return
	}
	u, err := parseUDP(ip)
	if err != nil {
		n.drop(x, p, "malformed: "+err.Error())
		return
	}
	v := x.engine.Inbound(now, nat.Flow{Src: u.Src, Dst: u.Dst})
	if v.Action != nat.Forward {
		n.drop(x, p, v.Reason)
		return
	}
	n.in(x, p, v.Flow, x.realm)
}

func (n *Network) translateError(x *node, p *packet, decide func(nat.ICMPError) nat.ICMPVerdict) {
	e, err := ParseICMPError(p.buf)
	if err != nil || !e.About.Src.IsValid() {
		n.drop(x, p, "icmp") // queries, and errors about something else, pass no NAT here
		return
	}
	v := decide(nat.ICMPError{Src: e.Src, Dst: e.Dst, About: nat.Flow{Src: e.About.Src, Dst: e.About.Dst}})
	if v.Action == nat.Drop {
		n.drop(x, p, v.Reason)
		return
	}
	e.Src, e.Dst = v.ICMP.Src, v.ICMP.Dst
	e.About.Src, e.About.Dst = v.ICMP.About.Src, v.ICMP.About.Dst
	rewriteError(p.buf, e)
	if to := x.inside.local[number(e.Dst)]; to != nil {
		n.transmit(&to.link.down, p, x.name, to.name)
		return
	}
	n.out(x, p, e.Dst)
}

// out sends a packet up the outside link of a NAT.
func (n *Network) out(x *node, p *packet, dst netip.Addr) {
	if !n.runs(x.realm.router) {
		n.handOver(x, true, p)
		return
	}
	to := x.realm.router.name
	if x.realm.local[number(dst)] != nil && x.realm.router != n.core {
		to = x.realm.name
	}
	n.transmit(&x.link.up, p, x.name, to)
}

// in rewrites a datagram that a NAT lets in to the flow, and sends it to its
// inside. From is the realm that it came from.
func (n *Network) in(x *node, p *packet, flow nat.Flow, from *realm) {
	to := x.inside.local[number(flow.Dst.Addr())]
	if to == nil { // its host made the mapping with an address that isn't its own
		n.drop(x, p, "no route")
		return
	}
	if mtu := to.link.link.mtu(); len(p.buf) > mtu {
		if binary.BigEndian.Uint16(p.buf[6:])&flagDF != 0 {
			n.complain(x, from, p.buf, Unreachable, CodeTooBig, mtu)
		}
		n.drop(x, p, "mtu")
		return
	}
	rewriteSource(p.buf, flow.Src)
	rewriteDestination(p.buf, flow.Dst)
	n.transmit(&to.link.down, p, x.name, to.name)
}

// complain sends an ICMP error about a packet from a router back into the
// realm that the packet came from; never about an ICMP error (RFC 1122).
func (n *Network) complain(x *node, from *realm, about []byte, kind, code uint8, mtu int) {
	if about[9] == protoICMP {
		return
	}
	src := from.gateway
	if from == x.realm { // a NAT's outside
		if len(x.addrs) == 0 {
			return
		}
		src = x.addrs[0]
	}
	x.ids++
	p := n.blank()
	p.buf = BuildICMPError(p.buf, src, kind, code, mtu, x.ids, about)
	n.datagrams++
	p.datagram = n.datagrams
	dst := netip.AddrFrom4([4]byte(p.buf[16:20]))
	switch to := from.local[number(dst)]; {
	case from == x.realm:
		n.out(x, p, dst)
	case to != nil:
		n.transmit(&to.link.down, p, x.name, to.name)
	default: // its source was not its sender's
		n.release(p)
	}
}

// drop ends a packet at a node.
func (n *Network) drop(x *node, p *packet, reason string) {
	if p.from == "" {
		p.from = x.name
	}
	p.to = ""
	n.capture(x.name, x.name, p, reason)
	n.release(p)
}

// clock is a NAT's own time.
func (n *Network) clock(x *node) time.Time { return wall(n.now).Add(x.offset) }

func (n *Network) startEngine(x *node) (err error) {
	x.engine, err = nat.New(x.profile, x.addrs, x.rnd)
	return err
}
