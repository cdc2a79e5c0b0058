package trace

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/reference/wire"
)

var start = time.UnixMilli(1_700_000_000_000).UTC()

// fixture is alice and carol behind nat-a, bob behind nat-b, sue public.
func fixture(t *testing.T, change func(*internet.Topology)) (*internet.Network, *Trace) {
	p, err := nat.Lookup("home-router")
	require.NoError(t, err)
	p.Filtering, p.Hairpin = nat.EndpointIndependent, nat.HairpinExternalSource
	top := internet.Topology{
		Hosts: []internet.Host{
			{Name: "alice", Realm: "lan-a"}, {Name: "carol", Realm: "lan-a"},
			{Name: "bob", Realm: "lan-b"}, {Name: "sue", Realm: internet.Public},
		},
		NATs: []internet.NAT{
			{Name: "nat-a", Profile: p, Inside: "lan-a", Outside: internet.Public},
			{Name: "nat-b", Profile: p, Inside: "lan-b", Outside: internet.Public},
		},
	}
	if change != nil {
		change(&top)
	}
	n, tr, err := Record(top, start, internet.Options{Seed: 1})
	require.NoError(t, err)
	return n, tr
}

func addr(n *internet.Network, host string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(n.Addressing(host).Addrs[0], port)
}

func send(n *internet.Network, host string, port uint16, to netip.AddrPort, payload []byte) {
	n.Send(start, host, internet.BuildUDP(nil, addr(n, host, port), to, 1, payload))
	n.Advance(start.Add(time.Second))
}

func paths(tr *Trace) (all []string) {
	var last string
	for f := range tr.Since(0) {
		if p := fmt.Sprint(tr.Path(f)); p != last {
			all, last = append(all, p), p
		}
	}
	return all
}

func TestPath(t *testing.T) {
	n, tr := fixture(t, nil)
	send(n, "bob", 1, addr(n, "sue", 1), nil)
	first := tr.At(0)
	require.Equal(t, []string{"bob", "nat-b", "public", "sue"}, tr.Path(first))
	u, ok := slices.Collect(tr.ReceivedBy("sue"))[0].UDP()
	require.True(t, ok)
	require.Equal(t, "nat-b", tr.Host(u.Src.Addr()))
	require.Equal(t, tr.External("nat-b"), []netip.Addr{u.Src.Addr()})

	send(n, "alice", 1, u.Src, []byte("to bob"))
	arrived := slices.Collect(tr.ReceivedBy("bob"))
	require.Len(t, arrived, 1)
	want := []string{"alice", "nat-a", "public", "nat-b", "bob"}
	for f := range tr.Datagram(arrived[0].Datagram) {
		require.Equal(t, want, tr.Path(f), "from every frame of it")
	}

	send(n, "alice", 1, addr(n, "carol", 1), nil)
	require.Equal(t, []string{"alice", "lan-a", "carol"}, tr.Path(tr.At(tr.Len()-1)))

	send(n, "carol", 1, addr(n, "sue", 1), nil)
	u, _ = tr.At(tr.Len() - 1).UDP()
	send(n, "alice", 1, u.Src, nil)
	require.Equal(t, []string{"alice", "nat-a", "carol"}, tr.Path(tr.At(tr.Len()-1)), "hairpinned")

	send(n, "sue", 1, netip.AddrPortFrom(tr.External("nat-a")[0], 9), nil)
	require.Equal(t, "no mapping", tr.At(tr.Len()-1).Dropped)
	require.Equal(t, []string{"sue", "public", "nat-a"}, tr.Path(tr.At(tr.Len()-1)))
}

func TestPathOfCopies(t *testing.T) {
	n, tr := fixture(t, func(top *internet.Topology) { top.Hosts[3].Link.Duplicate = 1 })
	send(n, "sue", 1, addr(n, "sue", 2), nil)
	require.Len(t, paths(tr), 1)
	require.Len(t, slices.Collect(tr.ReceivedBy("sue")), 4, "each way doubles it")
	require.Equal(t, []string{"sue", "public", "sue"}, tr.Path(tr.At(0)))
}

func TestSentAndReceived(t *testing.T) {
	n, tr := fixture(t, func(top *internet.Topology) { top.Hosts[0].Link.Loss = 1 })
	send(n, "alice", 1, addr(n, "sue", 1), nil)
	sent := slices.Collect(tr.SentBy("alice"))
	require.Len(t, sent, 1)
	require.Equal(t, "loss", sent[0].Dropped)
	require.Equal(t, []string{"alice", "nat-a"}, tr.Path(sent[0]))
	send(n, "carol", 1, addr(n, "alice", 1), nil)
	require.Empty(t, slices.Collect(tr.ReceivedBy("alice")), "what was lost was not received")
	require.Len(t, slices.Collect(tr.On("alice")), 2)
	require.Len(t, slices.Collect(tr.SentBy("carol")), 1)
}

func TestWireAndLinks(t *testing.T) {
	n, tr := fixture(t, nil)
	p := wire.NewPacket(wire.Publish)
	p.Message = []byte("hello")
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	datagram, err := wire.Append(nil, &p)
	require.NoError(t, err)
	send(n, "sue", 1, addr(n, "sue", 2), datagram)
	got, fault := tr.At(0).Wire()
	require.True(t, fault.OK())
	require.Equal(t, p.Message, got.Message)

	relayed := bytes.Clone(datagram)
	wire.PatchHops(relayed, 1)
	send(n, "sue", 2, addr(n, "sue", 3), relayed)
	send(n, "sue", 2, addr(n, "sue", 3), []byte("junk"))
	require.Len(t, slices.Collect(tr.SamePayload(tr.At(0), 0)), 2)
	require.Len(t, slices.Collect(tr.SameID(id, 0)), 4)
	_, fault = tr.At(tr.Len() - 1).Wire()
	require.False(t, fault.OK())

	n.Send(start, "sue", internet.BuildICMPError(nil, addr(n, "sue", 1).Addr(), internet.Unreachable, internet.CodePort, 0, 1, tr.At(0).Packet))
	_, isUDP := tr.At(tr.Len() - 1).UDP()
	require.False(t, isUDP)
	_, fault = tr.At(tr.Len() - 1).Wire()
	require.False(t, fault.OK())
}

func TestFramesStayWhereTheyAre(t *testing.T) {
	n, tr := fixture(t, nil)
	send(n, "sue", 1, addr(n, "sue", 2), []byte("first"))
	first := tr.At(0)
	for range 3 * pageLength {
		send(n, "sue", 1, addr(n, "sue", 2), make([]byte, 400))
	}
	require.Same(t, first, tr.At(0))
	u, ok := first.UDP()
	require.True(t, ok)
	require.Equal(t, "first", string(u.Payload))
	for i := range tr.Len() {
		require.Equal(t, i, tr.At(i).Seq)
	}
	require.Empty(t, slices.Collect(tr.Datagram(1<<20)))
}
