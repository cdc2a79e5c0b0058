package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
	"punchlist/vectors"
)

// hexBytes is a value that the vectors write as hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// observed is the part of observed.json that this package is held to.
type observed struct {
	Packets []struct {
		Name     string
		Expected struct {
			Datagram hexBytes
			Length   int
			Fields   observedFields
			Offsets  map[string][2]int
		}
	}
	JoinRepeat struct {
		Clock               uint32
		PacketID            hexBytes
		SamePacketIDAsFirst bool
	}
	Composition struct {
		Fragments                                          []hexBytes
		SealedMessageLength                                int
		HeadPacketID                                       hexBytes
		ComposedIDWhenHeadLast, ComposedIDWhenFragmentLast hexBytes
		DistinctIDs                                        []hexBytes
		ByOrder                                            map[string]hexBytes
	}
	PacketID []struct {
		Name  string
		Input struct {
			PreviousID, NextID, PacketID, Message, PreviousPacketID *hexBytes
			MessageUtf8                                             string
			PreviousClock                                           uint32
		}
		Expected struct {
			PacketID hexBytes
			Clock    uint32
			Packets  []struct {
				Index                        int32
				Clock                        uint32
				PacketID, PreviousID, NextID hexBytes
				Message                      struct {
					JSON   string
					Len    int
					SHA256 hexBytes
				}
			}
		}
	}
	Decode []struct {
		Name     string
		Input    struct{ Datagram hexBytes }
		Expected struct {
			Rejected       bool
			Version        uint16
			Type           wire.Type
			MessageIsBytes bool
			Message        json.RawMessage
			SigLen         int
		}
	}
	BodyValidation []struct {
		Name  string
		Input struct {
			Type     wire.Type
			BodyUtf8 string
		}
		Expected struct{ Accepted bool }
	}
	EncoderQuirks []struct {
		Name     string
		Input    struct{ Clock *uint32 }
		Expected struct {
			Datagram, MessageOnWire, Intended hexBytes
			OnWire                            *uint32
			TTL                               *uint32
			AllZero                           bool
			Result                            string
		}
	}
	Hostile struct {
		Cases []struct {
			Name  string
			Input struct{ Datagrams []hexBytes }
		}
	}
}

type observedFields struct {
	Type                                                                                        wire.Type
	Version                                                                                     uint16
	Clock, Hops                                                                                 uint32
	Index                                                                                       int32
	TTL                                                                                         uint32
	ClusterID, SubclusterID, PreviousID, PacketID, NextID, Usr1, Usr2, Usr3, Usr4, Message, Sig hexBytes
	MessageJSON                                                                                 json.RawMessage
}

func load(t testing.TB) observed {
	t.Helper()
	var o observed
	require.NoError(t, json.Unmarshal(vectors.Observed, &o))
	return o
}

// allDatagrams is every datagram of the vectors, to seed fuzzing with.
func allDatagrams(t testing.TB) [][]byte {
	o := load(t)
	var all [][]byte
	for _, v := range o.Packets {
		all = append(all, v.Expected.Datagram)
	}
	for _, v := range o.Decode {
		all = append(all, v.Input.Datagram)
	}
	for _, v := range o.Composition.Fragments {
		all = append(all, v)
	}
	for _, v := range o.Hostile.Cases {
		for _, d := range v.Input.Datagrams {
			all = append(all, d)
		}
	}
	return all
}

func decode(t testing.TB, datagram []byte) wire.Packet {
	t.Helper()
	var p wire.Packet
	require.Equal(t, "no fault", wire.Decode(&p, datagram).String())
	return p
}

func encode(t testing.TB, p wire.Packet) []byte {
	t.Helper()
	datagram, err := wire.Append(nil, &p)
	require.NoError(t, err)
	return datagram
}

func TestPacketsDecode(t *testing.T) {
	o := load(t)
	require.Len(t, o.Packets, 30)
	for _, v := range o.Packets {
		t.Run(v.Name, func(t *testing.T) {
			datagram, want := v.Expected.Datagram, v.Expected.Fields
			require.Len(t, datagram, v.Expected.Length)
			p := decode(t, datagram)

			require.Equal(t, want.Type, p.Type)
			require.Equal(t, want.Version, p.Version)
			require.Equal(t, want.Clock, p.Clock)
			require.Equal(t, want.Hops, p.Hops)
			require.Equal(t, want.Index, p.Index)
			require.Equal(t, want.TTL, p.TTL)
			for _, f := range []struct {
				name      string
				want, got []byte
			}{
				{"clusterId", want.ClusterID, p.ClusterID}, {"subclusterId", want.SubclusterID, p.SubclusterID},
				{"previousId", want.PreviousID, p.PreviousID}, {"packetId", want.PacketID, p.PacketID}, {"nextId", want.NextID, p.NextID},
				{"usr1", want.Usr1, p.Usr1}, {"usr2", want.Usr2, p.Usr2}, {"usr3", want.Usr3, p.Usr3}, {"usr4", want.Usr4, p.Usr4}, {"sig", want.Sig, p.Sig},
			} {
				require.Equal(t, []byte(f.want), f.got, f.name)
			}
			if want.MessageJSON == nil {
				require.Equal(t, []byte(want.Message), p.Message)
				require.Zero(t, p.Body.Keys)
			} else {
				require.JSONEq(t, string(want.MessageJSON), string(p.Message))
				if p.Type != wire.Query {
					require.Equal(t, bodyOf(t, want.MessageJSON), p.Body)
				}
			}

			require.Equal(t, []byte(datagram), encode(t, p), "decoded and encoded again")

			e := wire.Explain(datagram)
			require.Empty(t, e.Faults)
			require.Len(t, e.Fields, len(v.Expected.Offsets))
			for _, f := range e.Fields {
				require.Equal(t, v.Expected.Offsets[f.Field.String()], [2]int{f.Offset, f.Length}, f.Field.String())
			}
		})
	}
}

// bodyOf is a body as encoding/json reads it, to compare with and to encode from.
func bodyOf(t testing.TB, text []byte) wire.Body {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members))
	var b wire.Body
	for name, raw := range members { // order-free: each member sets its own field
		read := func(into any) { require.NoError(t, json.Unmarshal(raw, into), name) }
		set := func(key wire.Key, into any) {
			require.Equal(t, name, key.String())
			b.Keys |= key
			read(into)
		}
		echo := func() wire.EchoID {
			var text string
			read(&text)
			id, err := wire.ParseEchoID(text)
			require.NoError(t, err)
			return id
		}
		switch name {
		case "requesterPeerId":
			set(wire.KeyRequesterPeerID, &b.RequesterPeerID)
		case "responderPeerId":
			set(wire.KeyResponderPeerID, &b.ResponderPeerID)
		case "natType":
			set(wire.KeyNATType, &b.NATType)
		case "address":
			set(wire.KeyAddress, &b.Address)
		case "port":
			set(wire.KeyPort, &b.Port)
		case "probeExternalPort":
			set(wire.KeyProbeExternalPort, &b.ProbeExternalPort)
		case "cacheSummaryHash":
			var text hexBytes
			set(wire.KeyCacheSummaryHash, &text)
			b.CacheSummaryHash = [20]byte(text)
		case "reflectionId":
			b.Keys |= wire.KeyReflectionID
			b.ReflectionID = echo()
		case "pingId":
			b.Keys |= wire.KeyPingID
			b.PingID = echo()
		case "uptime":
			set(wire.KeyUptime, &b.Uptime)
		case "cacheSize":
			set(wire.KeyCacheSize, &b.CacheSize)
		case "timestamp":
			set(wire.KeyTimestamp, &b.Timestamp)
		case "isConnection":
			set(wire.KeyIsConnection, &b.IsConnection)
		case "isReflection":
			set(wire.KeyIsReflection, &b.IsReflection)
		case "isProbe":
			set(wire.KeyIsProbe, &b.IsProbe)
		case "isDebug":
			set(wire.KeyIsDebug, &b.IsDebug)
		case "isRendezvous":
			set(wire.KeyIsRendezvous, &b.IsRendezvous)
		case "rejected":
			set(wire.KeyRejected, &b.Rejected)
		case "key":
			var text string
			set(wire.KeyKey, &text)
			b.Key = []byte(text)
		case "rendezvousAddress":
			set(wire.KeyRendezvousAddress, &b.RendezvousAddress)
		case "rendezvousPort":
			set(wire.KeyRendezvousPort, &b.RendezvousPort)
		case "rendezvousType":
			set(wire.KeyRendezvousType, &b.RendezvousType)
		case "rendezvousPeerId":
			set(wire.KeyRendezvousPeerID, &b.RendezvousPeerID)
		case "rendezvousRequesterPeerId":
			set(wire.KeyRendezvousRequesterPeerID, &b.RendezvousRequesterPeerID)
		case "rendezvousDeadline":
			set(wire.KeyRendezvousDeadline, &b.RendezvousDeadline)
		case "meta":
			b.Keys |= wire.KeyMeta
			b.Meta = raw
		case "ts":
			set(wire.KeyTS, &b.TS)
		case "size":
			set(wire.KeySize, &b.Size)
		case "indexes":
			set(wire.KeyIndexes, &b.Indexes)
		default:
			require.Fail(t, "a key without a case here", name)
		}
	}
	return b
}

// TestPacketsEncode makes each packet from the values that the vectors give, key order and packetId
// not among them (LAT-FRAME-008 to LAT-FRAME-010, LAT-ID-001).
func TestPacketsEncode(t *testing.T) {
	for _, v := range load(t).Packets {
		f := v.Expected.Fields
		if f.Type == wire.Publish || f.Type == wire.Stream {
			continue // made by Split, in TestSplitPackets
		}
		t.Run(v.Name, func(t *testing.T) {
			p := wire.NewPacket(f.Type)
			p.Clock, p.Hops = f.Clock, f.Hops
			set := func(field *[]byte, value []byte) {
				if !wire.Unset(value) {
					*field = value
				}
			}
			set(&p.ClusterID, f.ClusterID)
			set(&p.SubclusterID, f.SubclusterID)
			set(&p.Usr1, f.Usr1)
			set(&p.Usr2, f.Usr2)
			set(&p.Usr3, f.Usr3)
			set(&p.Usr4, f.Usr4)
			set(&p.Message, f.Message)
			set(&p.Sig, f.Sig)
			switch {
			case f.Type == wire.Query:
				if f.MessageJSON != nil {
					p.Message = compact(t, f.MessageJSON)
				}
				if string(f.Usr4) == "2" { // an answer has the id of a publish
					id := wire.MessageID(p.Message)
					p.PacketID = id[:]
				}
			case f.Type.HasBody():
				p.Body = bodyOf(t, f.MessageJSON)
				if strings.HasPrefix(v.Name, "join: relayed") {
					p.PacketID = f.PacketID // kept from before the rendezvous keys came in
				}
			}
			require.Equal(t, []byte(v.Expected.Datagram), encode(t, p))
		})
	}
}

func compact(t testing.TB, text []byte) []byte {
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, text))
	return out.Bytes()
}

func packetNamed(t testing.TB, prefix string) wire.Packet {
	t.Helper()
	for _, v := range load(t).Packets {
		if strings.HasPrefix(v.Name, prefix) {
			return decode(t, v.Expected.Datagram)
		}
	}
	require.Fail(t, "no packet of the vectors has this name", prefix)
	return wire.Packet{}
}

func TestVerifyIDOfPackets(t *testing.T) {
	for _, v := range load(t).Packets {
		p := decode(t, v.Expected.Datagram)
		want := wire.IDMatch
		if strings.HasPrefix(v.Name, "join: relayed") {
			want = wire.IDMismatch
		}
		if p.Index >= 2 {
			want = wire.IDNeedsPredecessor
		}
		require.Equal(t, want, wire.VerifyID(&p), v.Name)
	}
}

func TestJoinRepeat(t *testing.T) {
	want := load(t).JoinRepeat
	p := packetNamed(t, "join: as first sent")
	require.Equal(t, want.SamePacketIDAsFirst, bytes.Equal(want.PacketID, p.PacketID))
	p.Clock, p.PacketID = want.Clock, nil
	again := decode(t, encode(t, p))
	require.Equal(t, []byte(want.PacketID), again.PacketID)
}

func TestPacketIDs(t *testing.T) {
	o := load(t)
	require.Len(t, o.PacketID, 16)
	tested := 0
	for _, v := range o.PacketID {
		in, want := v.Input, v.Expected
		switch {
		case in.MessageUtf8 != "": // ids that the encoder sets or keeps
			tested++
			t.Run(v.Name, func(t *testing.T) {
				p := wire.NewPacket(wire.Ping)
				p.Message = []byte(in.MessageUtf8)
				for field, value := range map[*[]byte]*hexBytes{&p.PreviousID: in.PreviousID, &p.NextID: in.NextID, &p.PacketID: in.PacketID} { // order-free: each sets its own field
					if value != nil {
						*field = *value
					}
				}
				require.Equal(t, []byte(want.PacketID), decode(t, encode(t, p)).PacketID)
				if in.PacketID == nil {
					require.Equal(t, []byte(want.PacketID), idBytes(wire.ControlID(p.PreviousID, p.Message, p.NextID)))
				}
			})
		case in.Message != nil:
			tested++
			t.Run(v.Name, func(t *testing.T) {
				template := wire.NewPacket(wire.Publish)
				template.Clock = wire.NextClock(in.PreviousClock)
				if in.PreviousPacketID != nil {
					template.PreviousID, template.NextID = *in.PreviousPacketID, *in.NextID
				}
				if want.Packets != nil { // what the names of these entries say, and their neighbours
					template.Clock = wire.NextClock(9)
					template.PreviousID, template.NextID = bytes.Repeat([]byte{3}, 32), bytes.Repeat([]byte{4}, 32)
				}
				packets, err := wire.Split(template, *in.Message, nil, 1_700_000_000_000)
				require.NoError(t, err)
				if want.Packets == nil {
					require.Len(t, packets, 1)
					require.Equal(t, []byte(want.PacketID), packets[0].PacketID)
					require.Equal(t, want.Clock, packets[0].Clock)
					return
				}
				require.Len(t, packets, len(want.Packets))
				for i, w := range want.Packets {
					p := decode(t, encode(t, packets[i]))
					require.Equal(t, w.Index, p.Index)
					require.Equal(t, w.Clock, p.Clock)
					require.Equal(t, []byte(w.PacketID), p.PacketID)
					require.Equal(t, []byte(w.PreviousID), p.PreviousID)
					require.Equal(t, []byte(w.NextID), p.NextID)
					if w.Message.JSON != "" {
						require.Equal(t, w.Message.JSON, string(p.Message))
					} else {
						require.Len(t, p.Message, w.Message.Len)
						require.Equal(t, []byte(w.Message.SHA256), idBytes(wire.MessageID(p.Message)))
					}
				}
			})
		default:
			tested++
			require.Equal(t, "clock with a cached sibling (clock 40) of the same previous packet (clock 9)", v.Name)
			require.Equal(t, want.Clock, wire.NextClock(9, 40))
		}
	}
	require.Equal(t, len(o.PacketID), tested)
}

func idBytes(id wire.ID) []byte { return id[:] }

func TestEncoderQuirks(t *testing.T) {
	o := load(t)
	require.Len(t, o.EncoderQuirks, 14)
	for _, v := range o.EncoderQuirks {
		t.Run(v.Name, func(t *testing.T) {
			p := wire.NewPacket(wire.Query)
			p.Message = []byte("{}")
			switch want := v.Expected; {
			case want.OnWire != nil:
				p.Clock = *v.Input.Clock
				require.Equal(t, *want.OnWire, decode(t, encode(t, p)).Clock)
			case want.TTL != nil:
				p.TTL = *want.TTL
				require.Equal(t, *want.TTL, decode(t, encode(t, p)).TTL)
			case want.Datagram != nil:
				// The deployed peer counts UTF-16 units; what it sends decodes here as it does
				// there, cut short. We count bytes.
				cut := decode(t, want.Datagram)
				require.Equal(t, []byte(want.MessageOnWire), cut.Message)
				cut.Message, cut.PacketID = want.Intended, nil
				require.Equal(t, []byte(want.Intended), decode(t, encode(t, cut)).Message)
			case want.AllZero:
				// A message that is nothing makes the deployed peer send 2423 zero bytes, which
				// nobody can decode. Ours is sent as unset or empty.
				var zero wire.Packet
				require.Equal(t, wire.WrongMagic, wire.Decode(&zero, make([]byte, 2423)).Reason)
				for _, message := range [][]byte{nil, {}} {
					p.Message = message
					require.True(t, wire.Unset(decode(t, encode(t, p)).Message))
				}
			default:
				// Values out of the range of their field can't be said in Go: the field types are
				// those of the wire.
				require.Contains(t, want.Result, "out of bounds")
			}
		})
	}
}

func TestIDText(t *testing.T) {
	id, err := wire.ParseID(strings.Repeat("aB", 32))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ab", 32), id.String())
	text, err := json.Marshal(id)
	require.NoError(t, err)
	var back wire.ID
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, id, back)
	require.False(t, id.IsZero())
	require.True(t, wire.ID{}.IsZero())

	_, err = wire.ParseID("ab")
	require.ErrorContains(t, err, "64 hex digits")
	_, err = wire.ParseID(strings.Repeat("xy", 32))
	require.ErrorContains(t, err, "another character")
	_, ok := wire.AsID(make([]byte, 31))
	require.False(t, ok)
}

func TestPatchHops(t *testing.T) {
	p := packetNamed(t, "publish: single packet")
	datagram := encode(t, p)
	wire.PatchHops(datagram, 0xfffffffe)
	p.Hops = 0xfffffffe
	require.Equal(t, encode(t, p), datagram)
	require.Panics(t, func() { wire.PatchHops(make([]byte, wire.MinDatagram-1), 1) })
}

func TestPatchTTL(t *testing.T) {
	p := packetNamed(t, "publish: single packet")
	datagram := encode(t, p)
	wire.PatchTTL(datagram, 0xfffffffe)
	p.TTL = 0xfffffffe
	require.Equal(t, encode(t, p), datagram)
	require.Panics(t, func() { wire.PatchTTL(make([]byte, wire.MinDatagram-1), 1) })
}

func TestClone(t *testing.T) {
	datagram := encode(t, packetNamed(t, "join: as first sent"))
	p := decode(t, datagram)
	c := p.Clone()
	want := encode(t, p)
	clear(datagram)
	require.Equal(t, want, encode(t, c))
	require.Contains(t, string(c.Body.Key), ":")
	require.True(t, wire.IsOpener([]byte{1}))
	require.False(t, wire.IsOpener([]byte{1, 1}))
	require.Equal(t, netip.MustParseAddr("203.0.113.101"), c.Body.Address)
}
