package docker

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
	"punchlist/harness/packetio"
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

// everything is the EtherType of a packet socket that sees all packets, sent
// ones too (ETH_P_ALL).
const everything = 3

// elsewhere is an address that no host of the lab has. It is one for
// documentation, so that nobody is bothered should the lab leak.
const elsewhere = "192.0.2.250"

// watchMachine looks at the interfaces of the engine's machine, where that is
// this one. What it returns fails the test when a packet of the lab was on
// any but the bridges of the lab's networks and their ports, or none on those.
func watchMachine(t *testing.T, n *Net) func() {
	if host := os.Getenv("DOCKER_HOST"); host != "" && !strings.HasPrefix(host, "unix:") {
		t.Log("the uplink isn't looked at: it is that of the engine's machine, which DOCKER_HOST names")
		return func() {}
	}
	if os.Geteuid() != 0 {
		t.Log("the uplink isn't looked at: that needs root")
		return func() {}
	}
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	type watch struct {
		name   string
		inside bool // a port of the lab's
		socket *packetio.Interface
		seen   chan []netip.Addr
	}
	var all []watch
	for _, i := range interfaces {
		bridge := bridgeOf(i.Name)
		inside := slices.ContainsFunc(slices.Collect(maps.Values(n.networks)), func(r realmNetwork) bool { return bridge == "br-"+r.id[:12] })
		if i.Flags&net.FlagUp == 0 || bridge != "" && !inside {
			continue // other labs have the same addresses
		}
		socket, err := packetio.Open(i.Name, packetio.Options{Protocol: everything})
		if _, gone := net.InterfaceByName(i.Name); gone != nil {
			continue // of a container that has ended, or was just put elsewhere
		}
		require.NoError(t, err)
		w := watch{i.Name, inside, socket, make(chan []netip.Addr, 1)}
		all = append(all, w)
		go func() {
			var seen []netip.Addr
			buffer := make([]byte, packetio.MaxPacket)
			for {
				count, err := socket.Read(buffer)
				if err != nil {
					w.seen <- seen
					return
				}
				if count >= 20 && buffer[0]>>4 == 4 {
					seen = append(seen, netip.AddrFrom4([4]byte(buffer[12:16])), netip.AddrFrom4([4]byte(buffer[16:20])))
				}
			}
		}()
	}
	return func() {
		var outside []string
		escaped, inside := 0, 0
		for _, w := range all {
			require.NoError(t, w.socket.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			seen := <-w.seen
			w.socket.Close()
			if !w.inside {
				outside = append(outside, w.name)
			}
			if slices.ContainsFunc(seen, ofLab) {
				if w.inside {
					inside++
				} else {
					escaped++
					t.Errorf("packets of the lab were on %s", w.name)
				}
			}
		}
		t.Logf("looked at %q, and %d ports of the lab", outside, inside)
		require.NotEmpty(t, outside)
		require.Positive(t, inside, "the lab's own ports must have shown packets")
	}
}

// bridgeOf is the bridge that an interface is, or is a port of; empty for
// others.
func bridgeOf(name string) string {
	if _, err := os.Stat("/sys/class/net/" + name + "/bridge"); err == nil {
		return name
	}
	master, err := os.Readlink("/sys/class/net/" + name + "/master")
	if err != nil {
		return ""
	}
	return filepath.Base(master)
}

// ofLab reports whether an address is one that only labs have.
func ofLab(a netip.Addr) bool {
	return slices.ContainsFunc([]string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24", "198.18.0.0/15"}, func(p string) bool {
		return netip.MustParsePrefix(p).Contains(a)
	})
}
