package docker

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
)

// A peer that wants out finds no way: no route, no name, no port of the
// engine's, and nothing of it is on the uplink.
func TestHermetic(t *testing.T) {
	t.Parallel()
	m := scripted(t, "prisoner")
	topology := internet.Topology{
		Hosts: []internet.Host{{Name: "alice", Realm: "lan"}, {Name: "bob", Realm: internet.Public}},
	}
	profile, err := nat.Lookup("full-cone")
	require.NoError(t, err)
	topology.NATs = []internet.NAT{{Name: "nat", Profile: profile, Inside: "lan", Outside: internet.Public}}
	n := bringUp(t, topology)
	peers := map[string]lab.Testee{}
	for _, host := range []string{"alice", "bob"} {
		peers[host], err = n.Start(t.Context(), host, m)
		require.NoError(t, err)
		// One interface, with the lab's address, and no privilege.
		addresses := strings.Split(ask(t, n, peers[host], "interfaces", ""), "; ")
		require.Len(t, addresses, 2, addresses)
		require.Contains(t, addresses[1], n.Addr(host).String()+"/32")
		require.Equal(t, "0000000000000000", ask(t, n, peers[host], "privileges", ""))
	}
	uplink := watchMachine(t, n)
	for _, host := range []string{"alice", "bob"} {
		peer := peers[host]
		// The positive control: the other host is there, and refuses.
		to := netip.AddrPortFrom(n.Addr("bob"), 9).String()
		if host == "bob" {
			to = netip.AddrPortFrom(n.Trace().External("nat")[0], 9).String()
		}
		answer := ask(t, n, peer, "send", to)
		if host == "alice" {
			require.Contains(t, answer, "connection refused")
		} else {
			require.Contains(t, answer, "timeout", "nobody asked for it, so the NAT drops it")
		}

		// An address outside: the packet is seen where it ends.
		before := n.Trace().Len()
		require.Contains(t, ask(t, n, peer, "send", elsewhere+":53"), "timeout")
		await(t, n, func() bool {
			for f := range n.Trace().Since(before) {
				if u, ok := f.UDP(); ok && u.Dst.String() == elsewhere+":53" && f.Dropped == "no route" {
					return true
				}
			}
			return false
		})
		require.Contains(t, ask(t, n, peer, "connect", elsewhere+":443"), "timeout")

		// A name.
		require.Contains(t, ask(t, n, peer, "look-up", "peer.invalid"), "lookup peer.invalid")
		require.Contains(t, ask(t, n, peer, "resolvers", ""), "no name server")
		require.Contains(t, ask(t, n, peer, "send", "127.0.0.11:53"), "no route to host")

		// The gateway, by the lab's address and by the engine's.
		gateways := []string{n.model.Addressing(host).Gateway.String()}
		for _, realm := range n.networks { // the engine gives a network's first address to itself
			gateways = append(gateways, realm.subnet.Addr().Next().String())
		}
		require.Len(t, gateways, 3)
		for _, gateway := range gateways {
			for _, port := range []string{"22", "53", "2375"} {
				require.Contains(t, ask(t, n, peer, "connect", gateway+":"+port), "timeout", gateway)
			}
			require.Contains(t, ask(t, n, peer, "send", gateway+":53"), "timeout", gateway)
		}
	}
	uplink()
}

// elsewhere is an address that no host of the lab has. It is one for
// documentation, so that nobody is bothered should the lab leak.
const elsewhere = "192.0.2.250"
