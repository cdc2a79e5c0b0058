package peer

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

const (
	randomTargets = 3
	maxTargets    = 6 // with an indexed peer and friends
	// freshTicks is for how many K a peer that was silent is still sent to.
	freshTicks = 4
)

// targetsBuffer spares allocations.
type targetsBuffer struct {
	candidates []*remote // of discovery
	live       []*remote
	chosen     []*remote
}

// gate keeps an id from being handled again for a while. Deployed peers count
// in ticks, which makes n of them last n-1 to n times K.
func (p *Peer) gate(id wire.ID, d time.Duration) {
	until, _ := p.gates.put(id)
	*until = p.now.Add(d)
}

func (p *Peer) gated(id wire.ID) bool {
	until := p.gates.get(id)
	return until != nil && p.now.Before(*until)
}

// shuffle puts peers in a random order.
func (p *Peer) shuffle(list []*remote) {
	p.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// live are the known peers that can be sent to, in a random order, except those
// at one of the addresses.
func (p *Peer) liveExcept(but ...netip.AddrPort) []*remote {
	p.live = p.live[:0]
	for _, r := range p.remotes {
		fresh := !r.lastUpdate.IsZero() && p.now.Sub(later(r.lastUpdate, r.vouchedAt)) <= freshTicks*p.k
		if fresh && (r.indexed || (r.verified || r.plausible) && r.natType != nattype.Unknown) && !slices.Contains(but, r.addr) {
			p.live = append(p.live, r)
		}
	}
	p.shuffle(p.live)
	return p.live
}

// choose picks whom a multicast goes to: three at random, an indexed one if
// there is none among them, and friends, which are those of the packet's cluster.
// Nobody is picked twice (LAT-MEMB-008): a deployed peer sends to its first
// friend twice.
func (p *Peer) choose(live []*remote, clusterID []byte, exclude ...wire.ID) []*remote {
	p.chosen = p.chosen[:0]
	take := func(limit int, fits func(r *remote) bool) {
		for _, r := range live {
			if limit > 0 && len(p.chosen) < maxTargets && !slices.Contains(exclude, r.id) && !slices.Contains(p.chosen, r) && fits(r) {
				p.chosen = append(p.chosen, r)
				limit--
			}
		}
	}
	take(randomTargets, func(*remote) bool { return true })
	if !slices.ContainsFunc(p.chosen, func(r *remote) bool { return r.indexed }) {
		take(1, func(r *remote) bool { return r.indexed })
	}
	if cluster, ok := wire.AsID(clusterID); ok {
		take(maxTargets, func(r *remote) bool { return slices.Contains(r.clusters, cluster) })
	}
	return p.chosen
}

// relay sends a received packet on, with one hop more (LAT-MEMB-004,
// LAT-REPL-002), never to where it came from (LAT-REPL-004).
func (p *Peer) relay(pk *wire.Packet, datagram []byte, targets []*remote) {
	if len(targets) == 0 {
		return
	}
	copied := p.copied(pk, datagram, pk.Hops+1)
	for _, r := range targets {
		p.pass(r, copied)
	}
}

// copied puts a received datagram into the arena with other hops, and without
// what a re-encoding relay would leave out: bytes after sig, and the part of its
// length that a short sig lacks.
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
