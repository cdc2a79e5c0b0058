package wire_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

const sentAt = 1_700_000_000_000

// TestSplitPackets makes the publish and stream packets of the vectors from their whole messages
// (LAT-ID-002 to LAT-ID-004).
func TestSplitPackets(t *testing.T) {
	for _, c := range []struct {
		name, first string
		count       int
	}{
		{"one packet", "publish: single packet", 1},
		{"one stream packet", "stream: single packet", 1},
		{"head and three", "publish: fragmented", 4},
		{"head and two", "publish: small fragmented", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want [][]byte
			var message []byte
			for _, v := range load(t).Packets {
				if strings.HasPrefix(v.Name, c.first) {
					want = append(want, v.Expected.Datagram)
					if v.Expected.Fields.Index != 0 {
						message = append(message, v.Expected.Fields.Message...)
					}
				}
			}
			require.Len(t, want, c.count)
			template := decode(t, want[0])
			template.PreviousID, template.NextID, template.PacketID, template.Message = nil, nil, nil, nil

			packets, err := wire.Split(template, message, nil, sentAt)
			require.NoError(t, err)
			var got [][]byte
			for _, p := range packets {
				got = append(got, encode(t, p))
			}
			require.Equal(t, want, got)
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	publish := wire.NewPacket(wire.Publish)
	long := make([]byte, 1025)
	for _, c := range []struct {
		name     string
		template wire.Packet
		message  []byte
		meta     string
		want     string
	}{
		{"a ping", wire.NewPacket(wire.Ping), long, "{}", "only publish and stream packets are split, not ping"},
		{"too long", publish, make([]byte, wire.MaxFragments*wire.MaxMessage+1), "{}", "at most 6761472 fit into 6603 fragments"},
		{"meta an array", publish, long, "[]", "not a JSON object in ASCII"},
		{"meta cut off", publish, long, `{"a":`, "not a JSON object in ASCII"},
		{"two metas", publish, long, `{}{}`, "not a JSON object in ASCII"},
		{"meta outside ASCII", publish, long, `{"a":"é"}`, "not a JSON object in ASCII"},
		{"meta too long", publish, long, `{"a":"` + strings.Repeat("a", 1000) + `"}`, "the head with it has 1060 bytes, at most 1024 fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wire.Split(c.template, c.message, []byte(c.meta), sentAt)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestSplitOfNothing(t *testing.T) {
	packets, err := wire.Split(wire.NewPacket(wire.Publish), nil, nil, sentAt)
	require.NoError(t, err)
	require.Len(t, packets, 1)
	p := decode(t, encode(t, packets[0]))
	require.Empty(t, p.Message)
	require.Equal(t, wire.IDMatch, wire.VerifyID(&p))
}

func TestNextClock(t *testing.T) {
	require.EqualValues(t, 1, wire.NextClock(0))
	require.EqualValues(t, 10, wire.NextClock(9))
	require.EqualValues(t, 42, wire.NextClock(9, 3, 40, 7))
	require.EqualValues(t, 11, wire.NextClock(9, 3))
}

// composition is the fragmented message of the vectors: its packets, head first, and the whole
// message.
func composition(t testing.TB) (packets []wire.Packet, message []byte) {
	t.Helper()
	c := load(t).Composition
	for i, datagram := range c.Fragments {
		packets = append(packets, decode(t, datagram))
		if i > 0 {
			message = append(message, packets[i].Message...)
		}
	}
	require.Len(t, message, c.SealedMessageLength)
	require.Equal(t, []byte(c.HeadPacketID), packets[0].PacketID)
	return packets, message
}

// TestComposeInEveryOrder gives Compose the packets as they would have come in, after each arrival
// (LAT-ID-005).
func TestComposeInEveryOrder(t *testing.T) {
	c := load(t).Composition
	packets, message := composition(t)
	require.Len(t, c.ByOrder, 24)
	for order, deployedID := range c.ByOrder { // order-free: each order is composed on its own
		t.Run(order, func(t *testing.T) {
			var head *wire.Packet
			var fragments []wire.Packet
			for n, digit := range order {
				p := packets[digit-'0']
				if p.Index == 0 {
					head = &p
				} else {
					fragments = append(fragments, p)
				}
				if n < len(order)-1 {
					if head != nil {
						_, err := wire.Compose(head, fragments)
						require.ErrorIs(t, err, wire.ErrIncomplete)
					}
					continue
				}
				got, err := wire.Compose(head, fragments)
				require.NoError(t, err)
				require.Equal(t, message, got)
				// The deployed peer gives the result an id of its own: of previousId and message,
				// as of a control packet with a nextId of no bytes.
				require.Equal(t, []byte(deployedID), idBytes(wire.ControlID(p.PreviousID, got, []byte{})))
			}
		})
	}
	require.Equal(t, []byte(c.ComposedIDWhenHeadLast), idBytes(wire.ControlID(nil, message, []byte{})))
	require.Equal(t, []byte(c.ComposedIDWhenFragmentLast), idBytes(wire.ControlID(c.HeadPacketID, message, []byte{})))
	require.Equal(t, []hexBytes{c.ComposedIDWhenFragmentLast, c.ComposedIDWhenHeadLast}, c.DistinctIDs)
}

// TestComposePassesOverForeignPackets puts among the fragments what names the head as previousId
// without being a part of the message, before and behind the real ones. The deployed peer takes it
// in.
func TestComposePassesOverForeignPackets(t *testing.T) {
	packets, message := composition(t)
	real := packets[1:]
	forge := func(bend func(p *wire.Packet)) wire.Packet {
		p := real[0].Clone()
		bend(&p)
		return p
	}
	for _, c := range []struct {
		name    string
		foreign wire.Packet
	}{
		{"a reply to the message", forge(func(p *wire.Packet) {
			p.Index, p.Message = -1, []byte("a reply")
			id := wire.MessageID(p.Message)
			p.PacketID = id[:]
		})},
		{"forged bytes under the real id", forge(func(p *wire.Packet) { p.Message[5]++ })},
		{"forged bytes under their own id", forge(func(p *wire.Packet) {
			p.Message[5]++
			id := wire.FragmentID(wire.ID(p.PreviousID), p.Message)
			p.PacketID = id[:]
		})},
		{"a slice shorter than its place", forge(func(p *wire.Packet) {
			p.Message = p.Message[:1000]
			id := wire.FragmentID(wire.ID(p.PreviousID), p.Message)
			p.PacketID = id[:]
		})},
		{"index over the count", forge(func(p *wire.Packet) { p.Index = 4 })},
		{"index of the head", forge(func(p *wire.Packet) { p.Index = 0 })},
		{"another type", forge(func(p *wire.Packet) { p.Type = wire.Query })},
		{"another cluster", forge(func(p *wire.Packet) { p.ClusterID = make([]byte, 32) })},
		{"another subcluster", forge(func(p *wire.Packet) { p.SubclusterID = nil })},
		{"another head", forge(func(p *wire.Packet) { p.PreviousID = make([]byte, 32) })},
		{"no packetId", forge(func(p *wire.Packet) { p.PacketID = nil })},
		{"a duplicate", real[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, fragments := range [][]wire.Packet{
				append([]wire.Packet{c.foreign}, real...),
				append(append([]wire.Packet{}, real...), c.foreign),
			} {
				got, err := wire.Compose(&packets[0], fragments)
				require.NoError(t, err)
				require.Equal(t, message, got)
			}
			// It can't stand in for a fragment either.
			if c.name != "a duplicate" {
				_, err := wire.Compose(&packets[0], append([]wire.Packet{c.foreign}, real[1:]...))
				require.ErrorIs(t, err, wire.ErrIncomplete)
			}
		})
	}
}

// TestComposeAmongRivals forges fragments whose packetId continues the chain as well as the real
// one does, at each place, in crowds, and as a whole rival message: what follows the nextIds from
// the head is taken.
func TestComposeAmongRivals(t *testing.T) {
	packets, message := composition(t)
	real := packets[1:]
	rival := func(after wire.Packet, i int, mark byte) wire.Packet {
		p := real[i].Clone()
		p.Message[0] ^= mark
		id := wire.FragmentID(wire.ID(after.PacketID), p.Message)
		p.PacketID = id[:]
		return p
	}
	for i := range real {
		var crowd []wire.Packet
		for mark := range byte(20) {
			crowd = append(crowd, rival(packets[i], i, 1+mark))
		}
		got, err := wire.Compose(&packets[0], append(crowd, real...))
		require.NoError(t, err)
		require.Equal(t, message, got, "rivals of fragment %d", i+1)
	}

	chain := []wire.Packet{packets[0]}
	for i := range real {
		p := rival(chain[i], i, 1)
		chain[i].NextID = p.PacketID
		chain = append(chain, p)
	}
	got, err := wire.Compose(&packets[0], append(append([]wire.Packet{}, chain[1:]...), real...))
	require.NoError(t, err)
	require.Equal(t, message, got)

	// A real head, its nextId bent on the way: the fragments alone tell.
	head := packets[0].Clone()
	head.NextID = make([]byte, 32)
	got, err = wire.Compose(&head, real)
	require.NoError(t, err)
	require.Equal(t, message, got)
}

func TestComposeRefusesHeads(t *testing.T) {
	packets, _ := composition(t)
	head := func(body string) wire.Packet {
		p := packets[0].Clone()
		p.Message = []byte(body)
		id := wire.MessageID(p.Message)
		p.PacketID = id[:]
		return decode(t, encode(t, p))
	}
	for _, c := range []struct {
		name string
		head wire.Packet
		want string
	}{
		{"a ping", wire.NewPacket(wire.Ping), "type: a head is a publish or stream packet, not ping"},
		{"a fragment", packets[1], "index: a head has 0, not 1"},
		{"null", head("null"), "a head has size and indexes"},
		{"not JSON", head("zz"), "a head has size and indexes"},
		{"no indexes", head(`{"size":2360}`), "a head has size and indexes"},
		{"size a text", head(`{"size":"2360","indexes":3}`), "a head has size and indexes"},
		{"indexes negative", head(`{"size":2360,"indexes":-1}`), "a head has size and indexes"},
		{"indexes not whole", head(`{"size":2360,"indexes":1e-9}`), "a head has size and indexes"},
		{"indexes 0", head(`{"size":0,"indexes":0}`), "indexes is 1 to 6603, not 0"},
		{"indexes over the cache", head(`{"size":6761473,"indexes":6604}`), "indexes is 1 to 6603, not 6604"},
		{"size more than they hold", head(`{"size":500000000,"indexes":3}`), "3 fragments don't hold size 500000000"},
		{"size less than they hold", head(`{"size":2048,"indexes":3}`), "3 fragments don't hold size 2048"},
		{"packetId of another", func() wire.Packet {
			p := packets[0].Clone()
			p.PacketID = make([]byte, 32)
			return p
		}(), "packetId: not that of the head's message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wire.Compose(&c.head, packets[1:])
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, wire.ErrIncomplete)
		})
	}
}

// TestHeadsWithAddedTS holds heads to LAT-ID-006: ts inside meta is left out before hashing when it
// equals the outer ts.
func TestHeadsWithAddedTS(t *testing.T) {
	const rest = `,"ts":1700000000000,"size":2360,"indexes":3}`
	for _, c := range []struct {
		name, sent, relayed string
		want                wire.IDCheck
	}{
		{"unchanged", `{"meta":{}` + rest, `{"meta":{}` + rest, wire.IDMatch},
		{"only member", `{"meta":{}` + rest, `{"meta":{"ts":1700000000000}` + rest, wire.IDMatch},
		{"last member", `{"meta":{"a":{"ts":1}}` + rest, `{"meta":{"a":{"ts":1},"ts":1700000000000}` + rest, wire.IDMatch},
		{"first member", `{"meta":{"a":1}` + rest, `{"meta":{"ts":1700000000000,"a":1}` + rest, wire.IDMatch},
		{"the sender's own", `{"meta":{"ts":1700000000000}` + rest, `{"meta":{"ts":1700000000000}` + rest, wire.IDMatch},
		{"another ts", `{"meta":{}` + rest, `{"meta":{"ts":1700000000001}` + rest, wire.IDMismatch},
		{"another member", `{"meta":{}` + rest, `{"meta":{"a":1}` + rest, wire.IDMismatch},
		{"another size", `{"meta":{}` + rest, `{"meta":{"ts":1700000000000},"ts":1700000000000,"size":2361,"indexes":3}`, wire.IDMismatch},
		{"meta no object", `{"meta":{}` + rest, `{"meta":5` + rest, wire.IDMismatch},
		{"not JSON", `{"meta":{}` + rest, `{"meta":{"ts":1700000000000},`, wire.IDMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wire.NewPacket(wire.Publish)
			p.Index, p.Message = 0, []byte(c.relayed)
			id := wire.MessageID([]byte(c.sent))
			p.PacketID = id[:]
			require.Equal(t, c.want, wire.VerifyID(&p))
		})
	}

	packets, message := composition(t)
	packets[0].Message = bytes.Replace(packets[0].Message, []byte(`"meta":{}`), []byte(`"meta":{"ts":1700000000000}`), 1)
	head := decode(t, encode(t, packets[0]))
	require.Equal(t, wire.IDMatch, wire.VerifyID(&head))
	got, err := wire.Compose(&head, packets[1:])
	require.NoError(t, err)
	require.Equal(t, message, got)
}

func TestVerifyIDOfForgeries(t *testing.T) {
	packets, _ := composition(t)
	for i, p := range packets {
		p = p.Clone()
		p.Message[3]++
		want := wire.IDMismatch
		if i >= 2 {
			want = wire.IDNeedsPredecessor
		}
		require.Equal(t, want, wire.VerifyID(&p))
		if i >= 1 {
			require.True(t, wire.VerifyFragment(&packets[i], wire.ID(packets[i-1].PacketID)))
			require.False(t, wire.VerifyFragment(&p, wire.ID(packets[i-1].PacketID)))
		}
	}
	single := packetNamed(t, "publish: single packet")
	single.PacketID = single.PacketID[:31]
	require.Equal(t, wire.IDMismatch, wire.VerifyID(&single))
}

func TestSplitAndComposeAnyLength(t *testing.T) {
	for _, length := range []int{1025, 2047, 2048, 2049, 10 * 1024, 100_000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			message := make([]byte, length)
			for i := range message {
				message[i] = byte(i * i >> 3)
			}
			packets, err := wire.Split(wire.NewPacket(wire.Stream), message, []byte(`{"name":"a"}`), sentAt)
			require.NoError(t, err)
			for i := range packets {
				packets[i] = decode(t, encode(t, packets[i]))
			}
			require.Equal(t, `{"name":"a"}`, string(packets[0].Body.Meta))
			got, err := wire.Compose(&packets[0], packets[1:])
			require.NoError(t, err)
			require.Equal(t, message, got)
		})
	}
}
