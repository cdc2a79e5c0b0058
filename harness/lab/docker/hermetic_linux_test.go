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

	"punchlist/harness/packetio"
)

// everything is the EtherType of a packet socket that sees all packets, sent
// ones too (ETH_P_ALL).
const everything = 3

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
