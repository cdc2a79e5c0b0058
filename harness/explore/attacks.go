package explore

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/lab"
	"punchlist/reference/wire"
)

// An attack is something that an injector sends to a peer.
type attack struct {
	name string
	do   func(w *world, a *attacker, to netip.AddrPort, victim *player) error
}

// attacks are what injectors do: bent, boundary and replayed packets, and the half-trusted: one
// that is verified and speaks in another's name, and one that answers from another socket.
var attacks = []attack{
	{"sends a ping", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		return w.send(a, to, injector.Control(wire.Ping, a.Ping()))
	}},
	{"becomes known", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		return w.send(a, to, injector.Control(wire.Ping, a.ConnectionPing()))
	}},
	{"pings in another's name", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.send(a, to, injector.Control(wire.Ping, a.ConnectionPing().With("requesterPeerId", w.other(v).id.String())))
	}},
	{"sends a pong in another's name", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		b := injector.Body{}.With("responderPeerId", w.other(v).id.String()).With("requesterPeerId", v.id.String()).
			With("isConnection", true).With("natType", 31)
		return w.send(a, to, injector.Control(wire.Pong, b))
	}},
	{"replays what the peer got", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.replay(a, to, v, func(d []byte) []byte { return d })
	}},
	{"replays it with other hops", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		hops := []uint32{0, 1, 2, 15, 16, 17, 1 << 31}[w.random.IntN(7)]
		return w.replay(a, to, v, func(d []byte) []byte { wire.PatchHops(d, hops); return d })
	}},
	{"replays it with another ttl", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		ttl := []uint32{0, 1, 1000, 30_000, 21_599_999, 21_600_000, 21_600_001, 1<<32 - 1}[w.random.IntN(8)]
		return w.replay(a, to, v, func(d []byte) []byte { wire.PatchTTL(d, ttl); return d })
	}},
	{"replays it with another index", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		index := []int32{-2, -1, 0, 1, 2, 6603, 1<<31 - 1}[w.random.IntN(7)]
		return w.replay(a, to, v, func(d []byte) []byte { binary.BigEndian.PutUint32(d[15:], uint32(index)); return d })
	}},
	{"replays it with a byte changed", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.replay(a, to, v, func(d []byte) []byte { d[w.random.IntN(len(d))] ^= byte(1 + w.random.IntN(255)); return d })
	}},
	{"replays it with a byte of its header changed", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.replay(a, to, v, func(d []byte) []byte { d[w.random.IntN(min(len(d), 21))] ^= byte(1 + w.random.IntN(255)); return d })
	}},
	{"replays it cut short", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.replay(a, to, v, func(d []byte) []byte { return d[:w.random.IntN(len(d))] })
	}},
	{"sends a join", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		return w.send(a, to, w.join(a, a.ID, a.Main.Addr()))
	}},
	{"sends a join that claims another address", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.send(a, to, w.join(a, a.ID, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, 250}), 9)))
	}},
	{"sends a join in another's name", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		return w.send(a, to, w.join(a, w.other(v).id, a.Main.Addr()))
	}},
	{"introduces somebody", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(200 + w.random.IntN(50))}), uint16(1+w.random.IntN(65535)))
		p := w.intro(a, wire.ID{byte(w.random.Uint32()), 7}, []int{5, 7, 13, 15, 31}[w.random.IntN(5)], at)
		p.Hops = []uint32{2, 2, 2, 15, 16}[w.random.IntN(5)]
		p.Usr1 = strconv.AppendInt(nil, w.net.Now().Add(-[]time.Duration{0, 0, 90 * time.Second}[w.random.IntN(3)]).UnixMilli(), 10)
		return w.send(a, to, p)
	}},
	{"sends a publish", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		p := wire.NewPacket(wire.Publish)
		_, keys := keysOf(w.random.IntN(3))
		p.ClusterID, p.SubclusterID, p.Hops = cluster[:], keys.SubclusterID[:], []uint32{0, 1, 15, 16, 17}[w.random.IntN(5)]
		p.Message = []byte(w.message([]int{0, 1, 100, 511, 512}[w.random.IntN(5)])) // two digits a byte
		id := wire.MessageID(p.Message)
		p.PacketID = id[:]
		p.TTL = []uint32{0, 1, 5000, 60_000, 21_600_000}[w.random.IntN(5)]
		return w.send(a, to, p)
	}},
	{"sends a publish under a false id", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		p := wire.NewPacket(wire.Publish)
		p.ClusterID, p.Hops, p.Message = cluster[:], 1, []byte(w.message(40))
		id := wire.ID{byte(w.random.Uint32()), 1}
		p.PacketID = id[:]
		p.Index = []int32{-1, 0, 1}[w.random.IntN(3)]
		return w.send(a, to, p)
	}},
	{"sends a question", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		body := injector.Body{}.With("about", w.random.IntN(1000))
		if ids := w.seen(); len(ids) > 0 && w.random.IntN(2) == 0 {
			body = injector.Body{}.With("packetId", ids[w.random.IntN(len(ids))])
		}
		p := injector.Control(wire.Query, body)
		id := wire.ID{byte(w.random.Uint32()), byte(w.random.Uint32()), 3}
		p.Hops, p.Usr3, p.Usr4 = 1, id[:], []byte("1")
		p.Usr1 = strconv.AppendInt(nil, w.net.Now().Add(-time.Duration(w.random.IntN(40))*time.Second).UnixMilli(), 10)
		return w.send(a, to, p)
	}},
	{"becomes known at another port", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		a.second.ID, a.crossed = a.ID, false
		return w.sendFrom(a.Aux, to, injector.Control(wire.Ping, a.ConnectionPing()))
	}},
	{"answers for another", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		a.second.ID, a.crossed = w.other(v).id, false
		if err := w.sendFrom(a.Aux, to, injector.Control(wire.Ping, a.second.ConnectionPing())); err != nil {
			return err
		}
		return w.sendFrom(a.Aux, to, w.join(a, a.second.ID, a.Aux.Addr()))
	}},
	{"answers from another port than was asked", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		a.second.ID, a.crossed, a.asked = a.ID, true, len(a.Aux.Received())
		if err := w.sendFrom(a.Aux, to, injector.Control(wire.Ping, a.second.ConnectionPing())); err != nil {
			return err
		}
		return w.sendFrom(a.Aux, to, w.join(a, a.ID, a.Aux.Addr()))
	}},
	{"is verified and speaks in another's name", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		if err := w.send(a, to, injector.Control(wire.Ping, a.ConnectionPing())); err != nil {
			return err
		}
		if err := w.pass(500 * time.Millisecond); err != nil {
			return err
		}
		other := w.other(v)
		if err := w.sendFrom(a.Main, to, injector.Control(wire.Ping, a.ConnectionPing().With("requesterPeerId", other.id.String()))); err != nil {
			return err
		}
		return w.sendFrom(a.Main, to, w.join(a, other.id, a.Main.Addr()))
	}},
	{"is verified and replays what the peer got", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		if err := w.sendFrom(a.Main, to, injector.Control(wire.Ping, a.ConnectionPing())); err != nil {
			return err
		}
		if err := w.pass(500 * time.Millisecond); err != nil {
			return err
		}
		for range 4 {
			if err := w.replay(a, to, v, func(d []byte) []byte { return d }); err != nil {
				return err
			}
		}
		return nil
	}},
	{"introduces a peer's address with another port", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		other := w.other(v)
		at, ok := w.addressOf(other.Name)
		if !ok {
			return nil
		}
		for range 2 {
			p := w.intro(a, wire.ID{byte(w.random.Uint32()), 9}, 31, w.anyPort(at.Addr()))
			p.Hops = []uint32{1, 2, 15, 16, 17}[w.random.IntN(5)]
			if err := w.sendFrom(a.Main, to, p); err != nil {
				return err
			}
		}
		return nil
	}},
	{"occupies the ids of what a peer has published", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		ids := w.seen()
		if len(ids) == 0 {
			return nil
		}
		p := wire.NewPacket(wire.Publish)
		_, keys := keysOf(0)
		id, err := wire.ParseID(ids[w.random.IntN(len(ids))])
		if err != nil {
			return err
		}
		p.ClusterID, p.SubclusterID, p.Hops, p.Message, p.PacketID = cluster[:], keys.SubclusterID[:], 1, []byte(w.message(30)), id[:]
		p.Index = []int32{-2, -1, 0, 1}[w.random.IntN(4)]
		return w.send(a, to, p)
	}},
	{"sends openers and noise", func(w *world, a *attacker, to netip.AddrPort, _ *player) error {
		w.result.Hostile += 2
		if err := a.Main.Send(to, wire.Opener); err != nil {
			return err
		}
		noise := make([]byte, w.random.IntN(200))
		for i := range noise {
			noise[i] = byte(w.random.Uint32())
		}
		return a.Main.Send(to, noise)
	}},
	{"introduces many at one address", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(200 + w.random.IntN(50))})
		for range 5 {
			if err := w.send(a, to, w.intro(a, w.anybody(), 31, w.anyPort(ip))); err != nil {
				return err
			}
		}
		return nil
	}},
	{"offers many rendezvous at one address", func(w *world, a *attacker, to netip.AddrPort, v *player) error {
		ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(200 + w.random.IntN(50))})
		for range 5 {
			p := w.join(a, w.anybody(), a.Main.Addr())
			b := injector.Body{}.With("requesterPeerId", w.anybody().String()).With("natType", 31).
				With("address", a.Main.Addr().Addr().String()).With("port", a.Main.Addr().Port()).
				With("rendezvousAddress", ip.String()).With("rendezvousPort", 1+w.random.IntN(65535)).With("rendezvousType", 31).
				With("rendezvousPeerId", a.ID.String()).With("rendezvousDeadline", w.net.Now().Add(20*time.Second).UnixMilli())
			p.Message, p.Hops = injector.Control(wire.Join, b).Message, 2
			if err := w.send(a, to, p); err != nil {
				return err
			}
		}
		return nil
	}},
}

// intro is an introduction of a peer by an attacker, made now.
func (w *world) intro(a *attacker, id wire.ID, natType int, at netip.AddrPort) wire.Packet {
	p := injector.Control(wire.Intro, injector.Body{}.With("requesterPeerId", id.String()).With("responderPeerId", a.ID.String()).
		With("isRendezvous", false).With("natType", natType).With("address", at.Addr().String()).With("port", at.Port()))
	p.Hops, p.Usr1, p.ClusterID = 2, strconv.AppendInt(nil, w.net.Now().UnixMilli(), 10), cluster[:]
	return p
}

// anyPort is an address with any port.
func (w *world) anyPort(ip netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(ip, uint16(1+w.random.IntN(65535)))
}

// anybody is a peerId that nobody has.
func (w *world) anybody() wire.ID {
	return wire.ID{byte(w.random.Uint32()), byte(w.random.Uint32()), 7}
}

// send sends a packet from one of the sockets, mostly the main one.
func (w *world) send(a *attacker, to netip.AddrPort, p wire.Packet) error {
	if w.random.IntN(5) == 0 {
		return w.sendFrom(a.Aux, to, p)
	}
	return w.sendFrom(a.Main, to, p)
}

func (w *world) sendFrom(from lab.Endpoint, to netip.AddrPort, p wire.Packet) error {
	if p.PacketID == nil {
		id := wire.ControlID(p.PreviousID, p.Message, p.NextID)
		p.PacketID = id[:]
	}
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		return err
	}
	w.result.Hostile++
	return from.Send(to, datagram)
}

func (w *world) join(a *attacker, id wire.ID, at netip.AddrPort) wire.Packet {
	_, keys := keysOf(0)
	p := injector.Control(wire.Join, injector.Body{}.With("requesterPeerId", id.String()).With("natType", 31).
		With("address", at.Addr().String()).With("port", at.Port()))
	p.ClusterID, p.SubclusterID = cluster[:], keys.SubclusterID[:]
	p.Hops, p.Clock = []uint32{0, 1, 1, 2, 15, 16, 17}[w.random.IntN(7)], w.random.Uint32N(5)
	return p
}

// other is a peer that is not the victim, or the victim where there is none.
func (w *world) other(v *player) *player {
	for range 8 {
		if x := w.order[w.random.IntN(len(w.order))]; x != v {
			return x
		}
	}
	return v
}

// replay sends a copy of something that the peer got, bent. Each type of packet has the same
// chance.
func (w *world) replay(a *attacker, to netip.AddrPort, v *player, bend func([]byte) []byte) error {
	var byType [wire.Query + 1][][]byte
	for f := range w.net.Trace().ReceivedBy(v.Name) {
		u, _ := f.UDP()
		if p, fault := f.Wire(); fault.OK() {
			byType[p.Type] = append(byType[p.Type], u.Payload)
		}
	}
	all := slices.DeleteFunc(byType[:], func(got [][]byte) bool { return len(got) == 0 })
	if len(all) == 0 {
		return nil
	}
	got := all[w.random.IntN(len(all))]
	recent := got[max(0, len(got)-100):]
	d := append([]byte(nil), recent[w.random.IntN(len(recent))]...)
	w.result.Hostile++
	if w.random.IntN(4) == 0 {
		return a.Aux.Send(to, bend(d))
	}
	return a.Main.Send(to, bend(d))
}

func (w *world) attack(o Op) error {
	a, v := w.injectors[o.Host], w.players[o.Peer]
	if a == nil || v == nil {
		return nil
	}
	to, ok := w.addressOf(o.Peer)
	if !ok {
		return nil
	}
	return attacks[o.N%len(attacks)].do(w, a, to, v)
}
