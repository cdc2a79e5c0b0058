// Multicast: section 8.1 (spec/08-replication.md).

package peer

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// shuffle puts peers in a random order.
func (p *Peer) shuffle(list []*remote) {
	p.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// liveExcept gives the known peers that can be sent to, in a random order, except those at one of
// the addresses.
func (p *Peer) liveExcept(but ...netip.AddrPort) []*remote {
	p.replication.live = p.replication.live[:0]
	for _, r := range p.known.all() {
		fresh := !r.lastUpdate.IsZero() && p.now.Sub(later(r.lastUpdate, r.vouchedAt)) <= p.ks(p.choices.Fresh)
		if fresh && (r.indexed || (r.verified || r.plausible) && r.natType != nattype.Unknown) && !slices.Contains(but, r.addr) {
			p.replication.live = append(p.replication.live, r)
		}
	}
	p.shuffle(p.replication.live)
	return p.replication.live
}

// choose picks whom a multicast goes to: three at random, an indexed one if there is none among
// them, and friends, which are those of the packet's cluster. Nobody is picked twice
// (LAT-MEMB-008): a deployed peer sends to its first friend twice.
func (p *Peer) choose(live []*remote, clusterID []byte, exclude ...wire.ID) []*remote {
	p.replication.chosen = p.replication.chosen[:0]
	take := func(limit int, fits func(r *remote) bool) {
		for _, r := range live {
			if limit > 0 && len(p.replication.chosen) < p.choices.Targets && !slices.Contains(exclude, r.id) && !slices.Contains(p.replication.chosen, r) && fits(r) {
				p.replication.chosen = append(p.replication.chosen, r)
				limit--
			}
		}
	}
	take(p.choices.Draws, func(*remote) bool { return true })
	if !slices.ContainsFunc(p.replication.chosen, func(r *remote) bool { return r.indexed }) {
		take(1, func(r *remote) bool { return r.indexed })
	}
	if cluster, ok := wire.AsID(clusterID); ok {
		take(p.choices.Targets, func(r *remote) bool { return slices.Contains(r.clusters, cluster) })
	}
	return p.replication.chosen
}

// relay sends a received packet on, with one hop more (LAT-MEMB-004, LAT-REPL-002), never to where
// it came from (LAT-REPL-004).
func (p *Peer) relay(pk *wire.Packet, datagram []byte, targets []*remote) {
	if len(targets) == 0 {
		return
	}
	copied := p.copied(pk, datagram, pk.Hops+1)
	for _, r := range targets {
		p.transmitTo(r, copied)
	}
}

// copied puts a received datagram into the arena with other hops, and without what a re-encoding
// relay would leave out: bytes after sig, and the part of its length that a short sig lacks.
func (p *Peer) copied(pk *wire.Packet, datagram []byte, hops uint32) []byte {
	length := encodedLength(pk)
	out := append(p.room(), datagram[:length]...)
	binary.BigEndian.PutUint16(out[length-len(pk.Sig)-2:], uint16(len(pk.Sig)))
	wire.PatchHops(out, hops)
	p.sent(out)
	return out[:length:length]
}

// encodedLength is how many bytes of its datagram a decoded packet takes up.
func encodedLength(pk *wire.Packet) int {
	return wire.MinDatagram + len(pk.ClusterID) + len(pk.SubclusterID) + len(pk.PreviousID) + len(pk.PacketID) + len(pk.NextID) +
		len(pk.Usr1) + len(pk.Usr2) + len(pk.Usr3) + len(pk.Usr4) + len(pk.Message) + len(pk.Sig)
}
