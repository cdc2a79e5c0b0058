package internet

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChanges(t *testing.T) {
	b := newBench(t, behind(t, "full-cone", "full-cone"), 1)
	sue := b.addr("sue", 7000)
	mapped := func() netip.AddrPort {
		b.send("alice", 5000, sue, "")
		all := b.run()
		require.Len(t, all, 1)
		return all[0].src
	}
	reaches := func(to netip.AddrPort) bool {
		b.send("sue", 7000, to, "")
		return len(b.run()) == 1
	}
	change := func(c Change) {
		t.Helper()
		c.Node = "nat-a"
		require.NoError(t, b.n.Change(b.now, c))
	}

	m := mapped()
	require.True(t, reaches(m))
	change(Change{Reboot: true})
	require.False(t, reaches(m))
	m = mapped()
	require.True(t, reaches(m))
	change(Change{DropMappings: true})
	require.False(t, reaches(m))

	m = mapped()
	lifetime := profile(t, "full-cone").Lifetime
	change(Change{AdvanceNAT: lifetime - time.Second})
	require.True(t, reaches(m))
	change(Change{AdvanceNAT: lifetime})
	require.False(t, reaches(m))
	require.Less(t, b.now.Sub(start), time.Second, "only the NAT's own clock moved on")

	m = mapped()
	old := b.n.External("nat-a")
	change(Change{Readdress: true})
	require.NotEqual(t, old, b.n.External("nat-a"))
	require.False(t, reaches(m))
	require.Equal(t, "public: no route", b.dropped()[len(b.dropped())-1])
	require.Equal(t, "nat-a", b.n.Owner(m.Addr()), "who it was is still known")
	m = mapped()
	require.Equal(t, b.n.External("nat-a")[0], m.Addr())
	require.True(t, reaches(m))

	change(Change{Link: &Link{Down: true}})
	require.False(t, reaches(m))
	require.Equal(t, "nat-a: link down", b.dropped()[len(b.dropped())-1])
	change(Change{Link: &Link{Latency: time.Second}})
	before := b.now
	require.True(t, reaches(m))
	require.Equal(t, time.Second+time.Millisecond, b.now.Sub(before))

	require.NoError(t, b.n.Change(b.now, Change{Node: "alice", Suspend: true}))
	require.False(t, reaches(m))
	require.NoError(t, b.n.Change(b.now, Change{Node: "alice", Resume: true}))
	require.True(t, reaches(m))
}

func TestChangeErrors(t *testing.T) {
	b := newBench(t, behind(t, "full-cone", "full-cone"), 1)
	for _, test := range []struct {
		change Change
		want   string
	}{
		{Change{Node: "alice"}, `change of "alice": 0 actions are set; set one`},
		{Change{Node: "nat-a", Reboot: true, Readdress: true}, `change of "nat-a": 2 actions are set; set one`},
		{Change{Node: "nobody", Reboot: true}, `change of "nobody": there is no such host or NAT`},
		{Change{Node: Public, Reboot: true}, `change of "public": there is no such host or NAT`},
		{Change{Node: "alice", Reboot: true}, `change of "alice": it is a host, not a NAT`},
		{Change{Node: "nat-a", Suspend: true}, `change of "nat-a": only a host can be suspended`},
		{Change{Node: "nat-a", AdvanceNAT: -1}, `change of "nat-a": a NAT's clock can't go back by 1ns`},
		{Change{Node: "alice", Link: &Link{Loss: 2}}, `change of "alice": link: loss 2 is not a probability from 0 to 1`},
	} {
		require.EqualError(t, b.n.Change(b.now, test.change), test.want)
	}
}

func TestReaddressUntilNothingIsLeft(t *testing.T) {
	top := behind(t, "full-cone", "full-cone")
	n, err := New(top, start, Options{Allocation: 3})
	require.NoError(t, err)
	for range 100 {
		before := n.External("nat-a")
		if err = n.Change(start, Change{Node: "nat-a", Readdress: true}); err != nil {
			require.Equal(t, before, n.External("nat-a"))
			break
		}
	}
	require.EqualError(t, err, `change of "nat-a": realm "public" has no address left`)
}

func TestTopologyErrors(t *testing.T) {
	fullCone := profile(t, "full-cone")
	invalid := fullCone
	invalid.Lifetime = 0
	host := func(name, realm string) Host { return Host{Name: name, Realm: realm} }
	x := func(name, inside, outside string) NAT {
		return NAT{Name: name, Profile: fullCone, Inside: inside, Outside: outside}
	}
	for _, test := range []struct {
		top  Topology
		want string
	}{
		{Topology{Hosts: []Host{host("", Public)}}, `topology: a host has no name`},
		{Topology{Hosts: []Host{host("a", Public), host("a", Public)}}, `topology: host "a": a host has that name already`},
		{Topology{Hosts: []Host{host(Public, Public)}}, `topology: host "public": a realm has that name already`},
		{Topology{Hosts: []Host{host("a", "lan")}}, `topology: host "a": its realm "lan" is neither "public" nor inside a NAT`},
		{Topology{Hosts: []Host{host("n", Public)}, NATs: []NAT{x("n", "lan", Public)}}, `topology: NAT "n": a host has that name already`},
		{Topology{NATs: []NAT{x("n", "lan", Public), x("m", "lan", Public)}}, `topology: NAT "m": its inside: realm "lan": a realm has that name already`},
		{Topology{NATs: []NAT{x("n", "", Public)}}, `topology: NAT "n": its inside: a realm has no name`},
		{Topology{NATs: []NAT{x("n", "lan", "isp")}}, `topology: NAT "n": its outside "isp" is neither "public" nor inside a NAT`},
		{Topology{NATs: []NAT{x("n", "p", "q"), x("m", "q", "p")}}, `topology: NAT "n": its outside "q" leads round in a loop, never to the realm "public"`},
		{Topology{NATs: []NAT{{Name: "n", Profile: invalid, Inside: "lan", Outside: Public}}}, `topology: NAT "n": nat profile "full-cone": lifetime: 0s is not above zero`},
		{Topology{NATs: []NAT{{Name: "n", Profile: fullCone, Inside: "lan", Outside: Public, Link: Link{Rate: -1}}}}, `topology: NAT "n": link: rate -1 is below 0`},
		{Topology{Hosts: []Host{{Name: "a", Realm: Public, Link: Link{MTU: 20}}}}, `topology: host "a": link: MTU 20 is not in 68 to 65535`},
		{Topology{Hosts: []Host{{Name: "a", Realm: Public, Link: Link{Latency: -1}}}}, `topology: host "a": link: latency -1ns is not in 0 to 1h0m0s`},
		{Topology{Hosts: []Host{{Name: "a", Realm: Public, Addresses: -1}}}, `topology: host "a": -1 addresses`},
	} {
		_, err := New(test.top, start, Options{})
		require.EqualError(t, err, test.want)
	}
	_, err := New(Topology{}, start, Options{Allocation: Blocks + 1})
	require.EqualError(t, err, "topology: allocation 17 is not in 0 to 16")
}

func TestAddressing(t *testing.T) {
	top := behind(t, "cgnat", "open")
	top.Hosts = append(top.Hosts, Host{Name: "many", Realm: Public, Addresses: 3})
	b := newBench(t, top, 1)
	many := b.n.Addressing("many")
	require.Len(t, many.Addrs, 3)
	require.Equal(t, defaultMTU, many.MTU)
	for _, a := range append(many.Addrs, b.n.Addressing("bob").Addrs...) {
		require.True(t, documentation[0].Contains(a), a)
	}
	require.True(t, documentation[1].Contains(b.n.External("nat-a")[0]))
	lan := b.n.Addressing("alice")
	require.True(t, netip.MustParsePrefix("192.168.0.0/16").Contains(lan.Addrs[0]), lan.Addrs)
	require.Equal(t, "nat-a", b.n.Owner(lan.Gateway))
	require.Equal(t, "", b.n.Owner(netip.MustParseAddr("8.8.8.8")))
	require.Equal(t, []string{"alice", "carol", "bob", "sue", "many"}, b.n.Hosts())
}

func TestAllocationsAreDisjoint(t *testing.T) {
	owner := map[netip.Addr]int{}
	for allocation := 1; allocation <= Blocks; allocation++ {
		top := behind(t, "cgnat", "full-cone")
		for i := range 20 {
			top.Hosts = append(top.Hosts, Host{Name: fmt.Sprint("host-", i), Realm: Public})
		}
		n, err := New(top, start, Options{Allocation: allocation})
		require.NoError(t, err)
		for a := range n.owners {
			require.Zero(t, owner[a], "%v is in %d and %d", a, owner[a], allocation)
			owner[a] = allocation
		}
	}
}

func TestLargeTopology(t *testing.T) {
	top := Topology{}
	for i := range 2000 {
		top.Hosts = append(top.Hosts, Host{Name: fmt.Sprint("public-", i), Realm: Public}, Host{Name: fmt.Sprint("crowd-", i), Realm: "crowd"})
	}
	top.NATs = []NAT{{Name: "big", Profile: profile(t, "full-cone"), Inside: "crowd", Outside: Public}}
	for i := range 600 {
		lan := fmt.Sprint("lan-", i)
		top.NATs = append(top.NATs, NAT{Name: fmt.Sprint("nat-", i), Profile: profile(t, "full-cone"), Inside: lan, Outside: Public})
		top.Hosts = append(top.Hosts, Host{Name: fmt.Sprint("home-", i), Realm: lan})
	}
	n, err := New(top, start, Options{})
	require.NoError(t, err)
	require.Len(t, n.owners, 4000+1+600*3+1+1) // hosts; big's outside and inside; homes; core's, and one each
}

func TestChangeOfProfile(t *testing.T) {
	b := newBench(t, behind(t, "full-cone", "cgnat"), 1)
	sue := b.addr("sue", 7000)
	mapped := func(to netip.AddrPort) netip.AddrPort {
		b.send("alice", 5000, to, "")
		all := b.run()
		require.Len(t, all, 1)
		return all[0].src
	}
	became := func(name string) error {
		p := profile(t, name)
		return b.n.Change(b.now, Change{Node: "nat-a", Profile: &p})
	}
	other := b.addr("sue", 7001)
	require.Equal(t, mapped(sue), mapped(other), "endpoint-independent")
	external := b.n.External("nat-a")

	require.NoError(t, became("symmetric"))
	require.Equal(t, external, b.n.External("nat-a"))
	m := mapped(sue)
	require.NotEqual(t, m, mapped(other), "address-and-port-dependent")
	b.send("sue", 7002, m, "")
	require.Empty(t, b.run())
	require.NoError(t, became("full-cone"))
	b.send("sue", 7000, m, "")
	require.Empty(t, b.run(), "the mappings are lost")
	require.Equal(t, mapped(sue), mapped(other))

	require.ErrorContains(t, became("cgnat"), `change of "nat-a": profile "cgnat" is a chain`)
	require.ErrorContains(t, became("open"), "to and from an open one")
	require.ErrorContains(t, became("arbitrary-pool"), `profile "arbitrary-pool" needs`)
	p := profile(t, "symmetric")
	require.ErrorContains(t, b.n.Change(b.now, Change{Node: "nat-b", Profile: &p}), "it is a chain of 2 NATs")
	p.Addresses = 2 // as the outer one has
	require.NoError(t, b.n.Change(b.now, Change{Node: "nat-b-2", Profile: &p}))
}
