package peer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// A publish of a stranger's cluster, cached and sent on to six peers.
func BenchmarkRelayPublish(b *testing.B) {
	n := newNetwork(nil)
	s := n.host("s")
	p := peer.New(n.Now, peer.Config{
		ID: id("s"), Indexed: true, Keepalive: k, Random: seeded("s"),
		// Without memory the same datagrams are new once the cache, which holds fewer, has lost
		// them.
		Limits: peer.Limits{ReplicationLimits: peer.ReplicationLimits{PerMinute: 1 << 30, Gates: 1, Forgotten: 1}, SyncLimits: peer.SyncLimits{SyncRelays: 1 << 30}},
	})
	var o peer.Output
	var question wire.EchoID
	drain := func() (publishes int) {
		for p.Poll(&o) {
			if o.Op != peer.Send {
				continue
			}
			if o.Data[4] == byte(wire.Publish) {
				publishes++
				continue
			}
			var sent wire.Packet
			wire.Decode(&sent, o.Data)
			if sent.Type == wire.Ping {
				question = sent.Body.PingID
			}
		}
		return publishes
	}
	p.Opened(n.Now, peer.Main, s.at(peer.Main), nil)
	p.Opened(n.Now, peer.Probe, s.at(peer.Probe), nil)
	var author *host
	for i := range 8 {
		author = n.host(fmt.Sprint(i))
		ping := wire.NewPacket(wire.Ping)
		ping.ClusterID = clusterID[:]
		ping.Body = wire.Body{
			Keys: wire.KeyRequesterPeerID | wire.KeyIsConnection | wire.KeyNATType, RequesterPeerID: id(author.name), IsConnection: true, NATType: 31,
		}
		p.Receive(n.Now, peer.Main, author.at(peer.Main), encoded(b, &ping))
		drain()
		pong := wire.NewPacket(wire.Pong)
		pong.Body = wire.Body{
			Keys:            wire.KeyRequesterPeerID | wire.KeyResponderPeerID | wire.KeyPingID,
			RequesterPeerID: id("s"), ResponderPeerID: id(author.name), PingID: question,
		}
		p.Receive(n.Now, peer.Main, author.at(peer.Main), encoded(b, &pong))
		drain()
	}
	require.Len(b, p.Peers(), 8)
	const different = 10000
	var datagrams [different][]byte
	for i := range datagrams {
		datagrams[i] = encoded(b, publishPacket(words(1000)+fmt.Sprint(i), nil))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(datagrams[0])))
	relayed := 0
	for i := 0; b.Loop(); i++ {
		p.Receive(n.Now, peer.Main, author.at(peer.Main), datagrams[i%different])
		relayed += drain()
	}
	b.ReportMetric(float64(relayed)/float64(b.N), "relayed/op")
}

// Two caches of 6,000 packets become equal, without loss.
func BenchmarkSync(b *testing.B) {
	for _, differ := range []int{1, 100, 6000} {
		b.Run(fmt.Sprint(differ, " differ"), func(b *testing.B) {
			var s peer.SyncStats
			for b.Loop() {
				b.StopTimer()
				n, x, y := pair(b, 6000-differ/2, differ, 0)
				b.StartTimer()
				n.until(n.Now.Add(10*time.Minute), func() bool { return x.peer.Cache().Len() == y.peer.Cache().Len() && hashOf(x) == hashOf(y) })
				s = total(x, y)
			}
			b.ReportMetric(float64(s.Summaries), "summaries/op")
			b.ReportMetric(float64(s.Packets), "packets/op")
			b.ReportMetric(float64(s.SummaryBytes+s.PacketBytes), "wire-bytes/op")
		})
	}
}
