package peer_test

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// FuzzReceive feeds a peer a sequence of inputs read off the bytes: datagrams to both sockets from
// a few sources, whole or made to fit (a sound header, the peer's own ids), and time. Whatever
// comes, the peer does not panic, its outputs per input and its stores are bounded, and its clock
// does not stand still.
//
// An input is a length (2 bytes), what it is (1 byte), from whom (1 byte), then the datagram.
func FuzzReceive(f *testing.F) {
	var seed []byte
	for _, c := range hostileCases(f) {
		var one []byte
		for i, d := range c.Input.Datagrams {
			data, err := hex.DecodeString(d)
			if err != nil {
				f.Fatal(err)
			}
			one = append(one, input(0, byte(i), data)...)
			one = append(one, input(3, 40, nil)...)
		}
		f.Add(byte(0), one)
		seed = append(seed, one...)
	}
	f.Add(byte(1), seed)
	f.Add(byte(2), seed)
	// Discovery, answered all the way, then introductions.
	var whole []byte
	for range 6 {
		for who := range byte(8) {
			whole = append(whole, input(5, who, []byte{255, 255, 255, 255})...)
			whole = append(whole, input(5, 128+who, []byte{255, 255, 255, 255, 1})...)
		}
		whole = append(whole, input(3, 13, nil)...)
	}
	whole = append(whole, input(6, 0, []byte("target"))...)
	whole = append(whole, input(6, 128, []byte("requester"))...)
	f.Add(byte(2), append(whole, input(3, 80, nil)...))
	f.Add(byte(2), append(whole, seed...))
	// The same behind a NAT whose mapping depends on the destination, and one that filters:
	// traversals of both sides.
	for _, last := range []byte{0, 1} {
		var other []byte
		for range 6 {
			for who := range byte(8) {
				other = append(other, input(5, who, []byte{255, 255, 255 * (who & last), 255})...)
			}
			other = append(other, input(3, 13, nil)...)
		}
		for who := range byte(3) {
			other = append(other, input(6, who, []byte("target")[:3+who])...)
		}
		other = append(other, input(3, 10, nil)...)
		for who := range byte(120) {
			other = append(other, input(2, 129, make([]byte, who))...)
			other = append(other, input(2, 130, append([]byte{1}, make([]byte, who)...))...)
		}
		f.Add(byte(2), append(other, input(3, 255, nil)...))
	}
	// A stranger connects, publishes, and syncs.
	framed := func(t wire.Type, message string) []byte {
		return input(4, byte(t)-1+8*4, append([]byte{1, 255}, message...))
	}
	for _, kind := range []byte{1, 2} {
		known := whole
		for _, who := range []string{"a", "b"} {
			known = append(known, framed(wire.Ping, `{"requesterPeerId":"`+id(who).String()+`","isConnection":true,"natType":31}`)...)
			for last := range byte(8) {
				known = append(known, input(5, last, []byte{0, 0, 0, 0})...)
			}
		}
		known = append(known, framed(wire.Publish, "some bytes")...)
		known = append(known, framed(wire.Sync, string(make([]byte, 21)))...)
		known = append(known, framed(wire.Sync, string(append(make([]byte, 21), make([]byte, 21)...)))...)
		known = append(known, framed(wire.Join, `{"requesterPeerId":"`+id("a").String()+`","natType":31,"address":"203.0.113.9","port":9}`)...)
		f.Add(kind, append(known, input(3, 200, nil)...))
	}
	// Streams, of which one is in two packets.
	split := append(framed(wire.Ping, `{"requesterPeerId":"`+id("a").String()+`","isConnection":true,"natType":31}`), input(5, 0, []byte{0, 0, 0, 0})...)
	for _, to := range []byte{0, 1, 2} {
		stream := byte(wire.Stream) - 1 + to*64
		split = append(split, input(4, stream, append([]byte{1, 255}, "whole"...))...)
		split = append(split, input(4, stream, append([]byte{0, 0}, `{"meta":{},"ts":1,"size":5,"indexes":1}`...))...)
		split = append(split, input(4, stream, append([]byte{0, 1}, "12345"...))...)
	}
	split = slices.Clip(split)
	f.Add(byte(1), append(split, input(3, 255, nil)...))
	// Questions and answers, to an own question and to that of another.
	queries := append(split, input(application, 0, []byte(`{"about":"the weather"}`))...)
	for _, body := range []string{`{"it":"rains"}`, "bytes", "null", `{"packetId":"` + id("x").String() + `"}`} {
		for _, kind := range []byte{64, 128, 192} {
			queries = append(queries, input(4, byte(wire.Query)-1+kind, append([]byte{1, 255}, body...))...)
			queries = append(queries, input(4, byte(wire.Query)-1+kind, append([]byte{0, 0}, `{"meta":{},"ts":1,"size":5,"indexes":1}`...))...)
		}
	}
	f.Add(byte(1), append(queries, input(application, 1, []byte("{}"))...))
	for _, t := range []wire.Type{wire.Ping, wire.Pong, wire.Intro, wire.Join, wire.Publish, wire.Sync} {
		f.Add(byte(3), append(input(4, byte(t), []byte("0123456789")), input(3, 255, nil)...))
	}
	f.Fuzz(func(t *testing.T, kind byte, script []byte) {
		now := epoch
		n := newNetwork(t)
		a, b := n.host("a"), n.host("b")
		c := peer.Config{ID: id("victim"), ClusterID: clusterID, Indexed: kind&1 == 1, Address: a.ip, Keepalive: k, Random: seeded("victim")}
		if kind&2 == 2 {
			c.Bootstrap = []peer.Bootstrap{{ID: id("i1"), Addr: a.at(peer.Main)}, {ID: id("i2"), Addr: b.at(peer.Main)}}
		}
		p := peer.New(now, c)
		// The pings of the peer, to be answered.
		type asked struct {
			ping wire.Packet
			to   netip.AddrPort
		}
		var pings []asked
		var question wire.ID
		drain := func() {
			var o peer.Output
			for count := 0; p.Poll(&o); count++ {
				if count > 300 {
					t.Fatal("more than 300 outputs of one input")
				}
				if o.Op == peer.Send && !wire.IsOpener(o.Data) { // openers belong to a traversal by guessing ports
					var sent wire.Packet
					if fault := wire.Decode(&sent, o.Data); !fault.OK() || len(o.Data) > wire.MaxDatagram {
						t.Fatalf("it sent what does not decode: %s: %x", fault, o.Data)
					}
					if sent.Type == wire.Pong && sent.Body.Keys.Has(wire.KeyIsConnection|wire.KeyPingID) {
						t.Fatal("LAT-MSG-004")
					}
					if sent.Type == wire.Query && string(sent.Usr4) == "1" {
						question = wire.ID(sent.Usr3)
					}
					if sent.Type == wire.Ping {
						pings = append(pings, asked{sent.Clone(), o.To})
						pings = pings[max(0, len(pings)-8):]
					}
				}
			}
		}
		tick := func(until time.Time) {
			for still := 0; ; {
				at, any := p.Next()
				if !any || at.After(until) {
					break
				}
				if still++; at.After(now) {
					still, now = 0, at
				}
				if still > 100 {
					t.Fatalf("a hundred ticks at %v", now)
				}
				p.Tick(now)
				drain()
			}
			now = until
		}
		drain()
		p.Opened(now, peer.Main, a.at(peer.Main), nil)
		p.Opened(now, peer.Probe, a.at(peer.Probe), nil)
		drain()
		p.Join(now, subKeys)
		drain()
		var head, previous wire.ID
		for len(script) >= 4 {
			length, what, who := int(binary.BigEndian.Uint16(script)), script[2], script[3]
			script = script[4:]
			length = min(length, len(script), 2000)
			data := script[:length]
			script = script[length:]
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 10 + who%8}), 5001)
			if what == application {
				p.Query(now, data)
				p.Answer(now, question, data)
				p.Stream(now, peer.Streaming{PeerID: [2]wire.ID{id("a"), id("b")}[who&1], Subcluster: subKeys.SubclusterID, Message: data})
				drain()
				continue
			}
			switch what % 7 {
			case 0, 1:
				p.Receive(now, peer.Main, from, data)
			case 2:
				via := peer.Probe
				if who >= 128 {
					via = peer.Pool + peer.Socket(length%300)
				}
				p.Receive(now, via, from, data)
			case 3:
				tick(now.Add(time.Duration(who) * 40 * time.Millisecond))
			case 4: // a sound frame around a fuzzed message
				from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 10 + who/8%8}), 5001)
				pk := wire.NewPacket(wire.Type(1 + who%8))
				pk.ClusterID, pk.SubclusterID = clusterID[:], subKeys.SubclusterID[:]
				if len(data) > 2 {
					pk.Hops, pk.Index = uint32(data[0]), int32(int8(data[1]))
					pk.Message = data[2:min(len(data), wire.MaxMessage)]
				}
				if pk.Type == wire.Publish || pk.Type == wire.Stream {
					sum := wire.MessageID(pk.Message)
					pk.PacketID = sum[:]
				}
				if pk.Type == wire.Query { // a question, or an answer to the last that the victim sent
					pk.Usr3, pk.Usr4 = question[:], []byte{'1' + who>>6%2}
					sum := wire.MessageID(pk.Message)
					pk.PacketID = sum[:]
					if who>>7 == 1 {
						pk.Usr3 = sum[:]
					}
				}
				if pk.Type == wire.Stream { // for the victim, or a peer that it may know
					ends := [3]wire.ID{id("victim"), id("a"), id("b")}
					to, source := ends[int(who>>6)%3], ends[(int(who>>6)+1)%3]
					pk.Usr3, pk.Usr4 = to[:], source[:]
					if pk.Index > 0 { // of the head that came last
						pk.PreviousID = head[:]
						next := wire.FragmentID(previous, pk.Message)
						pk.PacketID = next[:]
						previous = next
					} else if pk.Index == 0 {
						head = wire.ID(pk.PacketID)
						previous = head
					}
				}
				if datagram, err := wire.Append(nil, &pk); err == nil {
					p.Receive(now, peer.Main, from, datagram)
				}
			case 5: // the answer to one of the last pings, with fuzzed keys
				if len(pings) == 0 {
					break
				}
				last := pings[int(who)%len(pings)]
				pk := wire.NewPacket(wire.Pong)
				var more wire.Key
				if len(data) >= 4 {
					more = wire.Key(binary.BigEndian.Uint32(data))
				}
				pk.Body = last.ping.Body
				pk.Body.ResponderPeerID, pk.Body.Address, pk.Body.Port, pk.Body.NATType = id("i1"), a.ip, 5001+uint16(more>>15&1), 31
				if last.to == b.at(peer.Main) {
					pk.Body.ResponderPeerID = id("i2")
				}
				pk.Body.Keys = wire.KeyRequesterPeerID | wire.KeyResponderPeerID |
					last.ping.Body.Keys&(wire.KeyReflectionID|wire.KeyPingID|wire.KeyIsReflection) |
					more&(wire.KeyIsConnection|wire.KeyNATType|wire.KeyAddress|wire.KeyPort)
				pk.Body.IsConnection = len(data) > 4
				if datagram, err := wire.Append(nil, &pk); err == nil {
					p.Receive(now, peer.Main, last.to, datagram)
					p.Receive(now, peer.Probe, netip.AddrPortFrom(last.to.Addr(), last.to.Port()+uint16(who>>7)), datagram)
				}
			case 6: // an introduction or join of fuzzed ends
				pk := wire.NewPacket(wire.Intro + wire.Type(who>>7))
				pk.ClusterID, pk.SubclusterID, pk.Hops = clusterID[:], subKeys.SubclusterID[:], 1
				pk.Body = wire.Body{
					Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyNATType | wire.KeyAddress | wire.KeyPort,
					RequesterPeerID: id(string(data)), ResponderPeerID: id("i1"), NATType: [...]int{31, 7, 5}[length%3], Address: from.Addr().Next(), Port: 1 + uint16(length),
				}
				if datagram, err := wire.Append(nil, &pk); err == nil {
					p.Receive(now, peer.Main, from, datagram)
				}
			}
			drain()
			if err := peer.CheckBounds(p); err != nil {
				t.Fatal(err)
			}
		}
		tick(now.Add(3 * k))
		if err := peer.CheckBounds(p); err != nil {
			t.Fatal(err)
		}
		ping := wire.NewPacket(wire.Ping)
		ping.Body = wire.Body{Keys: wire.KeyRequesterPeerID, RequesterPeerID: id("honest")}
		datagram, err := wire.Append(nil, &ping)
		if err != nil {
			t.Fatal(err)
		}
		p.Receive(now, peer.Main, netip.MustParseAddrPort("198.51.100.200:7"), datagram)
		answered := false
		var o peer.Output
		for p.Poll(&o) {
			answered = answered || o.Op == peer.Send && o.To.Port() == 7
		}
		if !answered {
			t.Fatal("LAT-FRAME-014: an honest ping is not answered")
		}
	})
}

// application marks an input as what the application asks of the peer.
const application = 200

func input(what, who byte, data []byte) []byte {
	return append([]byte{byte(len(data) >> 8), byte(len(data)), what, who}, data...)
}
