package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/nat"
	"punchlist/spec/testee"
)

// discovered brings up three indexed reference peers and one behind a NAT,
// and returns the NAT type that it finds, and the capture's sum.
func discovered(t *testing.T, profile string, seed int64) (natType int, sum string) {
	p, err := nat.Lookup(profile)
	require.NoError(t, err)
	link := internet.Link{Latency: 15 * time.Millisecond, Jitter: 5 * time.Millisecond}
	top := internet.Topology{
		Hosts: []internet.Host{{Name: "alice", Realm: "lan"}},
		NATs:  []internet.NAT{{Name: "nat", Profile: p, Inside: "lan", Outside: internet.Public, Link: link}},
	}
	for i := range 3 {
		top.Hosts = append(top.Hosts, internet.Host{Name: fmt.Sprint("indexed-", i), Realm: internet.Public, Link: link})
	}
	n, err := New().Up(t.Context(), top, lab.Options{Seed: seed})
	require.NoError(t, err)
	defer n.Close()
	id := func(i int) string { return strings.Repeat(fmt.Sprintf("%02x", i+1), 32) }
	var bootstrap []testee.Bootstrap
	begin := func(host string, with testee.StartWith) lab.Testee {
		peer, err := n.Start(t.Context(), host, manifest.Manifest{Name: "reference", Builtin: "reference"})
		require.NoError(t, err)
		with.ClusterID = id(9)
		raw, err := json.Marshal(with)
		require.NoError(t, err)
		require.NoError(t, peer.Send(testee.Command{ID: 1, Do: testee.Start, With: raw}))
		await(t, n.(*Net), func() bool { return has(peer, testee.Ready) })
		return peer
	}
	for i := range 3 {
		host := fmt.Sprint("indexed-", i)
		begin(host, testee.StartWith{PeerID: id(i), Port: 7000, ProbePort: 7001, Indexed: true, Bootstrap: bootstrap})
		bootstrap = append(bootstrap, testee.Bootstrap{PeerID: id(i), Address: n.Addr(host).String(), Port: 7000})
	}
	alice := begin("alice", testee.StartWith{PeerID: id(7), Bootstrap: bootstrap})
	await(t, n.(*Net), func() bool { return has(alice, testee.NAT) })
	for _, m := range alice.Messages() {
		if m.Event == testee.NAT {
			var e testee.NATEvent
			require.NoError(t, json.Unmarshal(m.Raw, &e))
			require.Equal(t, n.Trace().External("nat")[0].String(), e.Address)
			natType = e.NATType
		}
	}
	sum, err = capture.Sum(n.Trace())
	require.NoError(t, err)
	return natType, sum
}

func has(p lab.Testee, event string) bool {
	for _, m := range p.Messages() {
		if m.Event == event {
			return true
		}
	}
	return false
}

func TestReferenceFindsItsNATType(t *testing.T) {
	for profile, want := range map[string]int{"full-cone": 31, "address-restricted": 15, "port-restricted": 7, "symmetric": 5} {
		t.Run(profile, func(t *testing.T) {
			got, sum := discovered(t, profile, 1)
			require.Equal(t, want, got)
			_, again := discovered(t, profile, 1)
			require.Equal(t, sum, again, "the same seed")
			_, other := discovered(t, profile, 2)
			require.NotEqual(t, sum, other, "another seed")
		})
	}
}
