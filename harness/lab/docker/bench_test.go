package docker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
	"punchlist/spec/testee"
)

// BenchmarkStartUp starts what most scenarios are made of, three bootstrap
// peers and two members behind NATs, until all of them have answered; and takes
// it away.
func BenchmarkStartUp(b *testing.B) {
	m := scripted(b, "echo")
	profile, err := nat.Lookup("home-router")
	require.NoError(b, err)
	topology := internet.Topology{Hosts: []internet.Host{
		{Name: "boot1", Realm: internet.Public}, {Name: "boot2", Realm: internet.Public}, {Name: "boot3", Realm: internet.Public},
		{Name: "alice", Realm: "lan-a"}, {Name: "bob", Realm: "lan-b"},
	}, NATs: []internet.NAT{
		{Name: "nat-a", Profile: profile, Inside: "lan-a", Outside: internet.Public},
		{Name: "nat-b", Profile: profile, Inside: "lan-b", Outside: internet.Public},
	}}
	require.NoError(b, shared.engine.begin(context.Background()))
	var up, started, down time.Duration
	for b.Loop() {
		begun := time.Now()
		n, err := shared.Up(context.Background(), topology, lab.Options{Seed: 1})
		require.NoError(b, err)
		up += time.Since(begun)
		var peers []lab.Testee
		for _, h := range topology.Hosts {
			peer, err := n.Start(context.Background(), h.Name, m)
			require.NoError(b, err)
			require.NoError(b, peer.Send(testee.Command{ID: 1, Do: testee.Hello}))
			peers = append(peers, peer)
		}
		for _, peer := range peers {
			await(b, n.(*Net), func() bool { return len(peer.Messages()) == 1 })
		}
		started += time.Since(begun)
		begun = time.Now()
		require.NoError(b, n.Close())
		down += time.Since(begun)
	}
	b.ReportMetric(up.Seconds()/float64(b.N), "s-until-up")
	b.ReportMetric(started.Seconds()/float64(b.N), "s-until-all-answer")
	b.ReportMetric(down.Seconds()/float64(b.N), "s-until-gone")
	b.ReportMetric(0, "ns/op")
}
