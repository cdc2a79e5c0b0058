package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/simulate"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// How the JavaScript pair is measured. Deployed peers sync once, when they meet:
// here an application asks for it, again and again. A peer answers the same
// summary once in a keepalive interval, and takes 1023 publishes from an address
// in a minute, so that it asks no sooner.
const (
	syncRounds    = 15               // that the application asks for
	syncLasts     = 10 * time.Minute // all of them together
	syncQuiet     = 3 * time.Second
	syncKeepalive = 30 * time.Second // the package's own
	syncMinute    = 61 * time.Second
	syncSources   = 1000             // packets from one address
	syncLoading   = time.Millisecond // between two of them
	syncLatency   = 10 * time.Millisecond
)

// BenchmarkSync brings two caches together that differ, at a loss of a fifth:
// two reference peers in virtual time, and two JavaScript peers in a lab. It
// takes PUNCHLIST_SYNC=6000, the number of packets, since the JavaScript pair
// needs minutes.
func BenchmarkSync(b *testing.B) {
	text := os.Getenv("PUNCHLIST_SYNC")
	if text == "" {
		b.Skip("it takes minutes: PUNCHLIST_SYNC=6000 says how many packets there are")
	}
	packets, err := strconv.Atoi(text)
	require.NoError(b, err, "PUNCHLIST_SYNC is a number of packets such as 6000")
	for _, differ := range []int{1, min(100, packets), packets} {
		x := simulate.DefaultSync
		x.Packets, x.Differ = packets, []int{differ}
		require.NoError(b, x.Validate())
		b.Run(fmt.Sprintf("%d-differ/go", differ), func(b *testing.B) {
			sample, err := x.Run(simulate.Env{Context: b.Context()}, 1)
			require.NoError(b, err)
			require.Empty(b, sample.Broken)
			b.ReportMetric(0, "ns/op")
			for unit, what := range map[string]string{ // order-free: metrics are printed in an order of their own
				"rounds": "negotiations", "sync-packets": "sync packets", "data-packets": "data packets", "bytes": "bytes", "s-until-equal": "seconds until equal",
			} {
				b.ReportMetric(sample.Measured[strconv.Itoa(differ)+" "+what], unit)
			}
			b.ReportMetric(0, "missing")
		})
		b.Run(fmt.Sprintf("%d-differ/js", differ), func(b *testing.B) { javaScriptSyncs(b, x, differ) })
	}
}

// javaScriptSyncs lets the application of one ask for syncs until both are
// equal, and reports what that took, and what was missing after the first: the
// only one that there is when nobody asks.
func javaScriptSyncs(b *testing.B, x simulate.Sync, differ int) {
	p := startPair(b)
	defer p.net.Close()
	everything := publishes(b, x)
	p.fill("alice", everything)
	p.fill("bob", everything[differ:])
	p.link("alice", internet.Link{Latency: syncLatency, Loss: x.Loss})
	p.link("bob", internet.Link{Latency: syncLatency})

	before := p.net.Trace().Len()
	begun := p.net.Now()
	missing, first, rounds, last := differ, differ, 0, begun
	for missing > 0 && rounds < syncRounds && p.net.Now().Sub(begun) < syncLasts {
		asked := p.net.Now()
		p.call("alice", testee.Sync, testee.SyncWith{PeerID: peerID("bob")}, nil)
		rounds++
		last = p.quiet()
		missing = len(everything) - len(p.cached("bob"))
		if rounds == 1 {
			first = missing
		}
		b.Logf("round %d: %.0f s, %d missing", rounds, last.Sub(asked).Seconds(), missing)
		again := syncKeepalive + time.Second
		if missing > syncSources {
			again = syncMinute
		}
		if missing > 0 {
			p.pass(again - p.net.Now().Sub(asked))
		}
	}
	var summaries, data, bytes int
	for f := range p.net.Trace().Since(before) {
		pk, fault := f.Wire()
		if f.Link != f.From || !fault.OK() || pk.Type != wire.Sync && pk.Type != wire.Publish {
			continue
		}
		u, _ := f.UDP()
		bytes += len(u.Payload)
		if pk.Type == wire.Sync {
			summaries++
		} else {
			data++
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(rounds), "rounds")
	b.ReportMetric(float64(summaries), "sync-packets")
	b.ReportMetric(float64(data), "data-packets")
	b.ReportMetric(float64(bytes), "bytes")
	b.ReportMetric(float64(first), "missing-after-one")
	b.ReportMetric(float64(missing), "missing")
	if missing == 0 {
		b.ReportMetric(last.Sub(begun).Seconds(), "s-until-equal")
	}
}

// publishes are as many packets as the experiment has, for a subcluster that
// nobody has joined, so that nobody opens them.
func publishes(tb testing.TB, x simulate.Sync) [][]byte {
	random := rand.NewChaCha8(seal.SharedKey("sync"))
	clusterID, members := seal.ClusterID("sync"), seal.NewKeys(seal.SharedKey("members"))
	all := make([][]byte, x.Packets)
	for i := range all {
		pk := wire.NewPacket(wire.Publish)
		pk.Hops = 1
		pk.ClusterID, pk.SubclusterID = clusterID[:], members.SubclusterID[:]
		pk.Message = make([]byte, x.Bytes)
		random.Read(pk.Message)
		id := wire.MessageID(pk.Message)
		pk.PacketID = id[:]
		datagram, err := wire.Append(nil, &pk)
		require.NoError(tb, err)
		all[i] = datagram
	}
	return all
}

// startPair starts two peers that know of each other, and whose links are down.
func startPair(b *testing.B) *peers {
	m, l, missing := javaScriptPeer(b)
	if missing != nil {
		b.Skip(missing)
	}
	down := internet.Link{Down: true}
	n, err := l.Up(b.Context(), internet.Topology{Hosts: []internet.Host{
		{Name: "alice", Realm: internet.Public, Link: down}, {Name: "bob", Realm: internet.Public, Link: down}, {Name: "loader", Realm: internet.Public},
	}}, lab.Options{Seed: 1})
	require.NoError(b, err)
	p := newPeers(b, b.Context(), n)
	for host, other := range map[string]string{"alice": "bob", "bob": "alice"} { // order-free: they can't hear each other
		p.start(m, host, peerID(host), syncKeepalive, testee.Bootstrap{PeerID: peerID(other), Address: n.Addr(other).String(), Port: peerPort})
	}
	return p
}

func peerID(name string) string { return fmt.Sprintf("%x", seal.PeerID(name)) }

func (p *peers) pass(d time.Duration) {
	until := p.net.Now().Add(d)
	for p.net.Now().Before(until) {
		require.NoError(p.tb, p.net.Step(p.ctx, until))
	}
}

func (p *peers) link(host string, l internet.Link) {
	require.NoError(p.tb, p.net.Change(internet.Change{Node: host, Link: &l}))
}

func (p *peers) cached(host string) []string {
	var c testee.CacheOK
	p.call(host, testee.Cache, testee.CacheWith{}, &c)
	return c.IDs
}

// fill gives a peer packets, as if they came by multicast from several others,
// until it has all, while nobody else can reach it.
func (p *peers) fill(host string, packets [][]byte) {
	p.link(host, internet.Link{Latency: syncLatency})
	defer p.link(host, internet.Link{Down: true})
	to := netip.AddrPortFrom(p.net.Addr(host), peerPort)
	var from lab.Endpoint
	for i, datagram := range packets {
		if i%syncSources == 0 {
			var err error
			from, err = p.net.Endpoint("loader", 0)
			require.NoError(p.tb, err)
		}
		require.NoError(p.tb, from.Send(to, datagram))
		p.pass(syncLoading)
	}
	p.quiet()
	require.Len(p.tb, p.cached(host), len(packets), "of what %s was given", host)
}

// quiet waits until nobody has sent anything for a while, and tells when the
// last thing was sent.
func (p *peers) quiet() time.Time {
	for until := p.net.Now().Add(syncLasts); ; {
		sent := p.net.Trace().Len()
		p.pass(syncQuiet)
		if now := p.net.Trace().Len(); now == sent {
			return p.net.Trace().At(now - 1).At
		}
		require.True(p.tb, p.net.Now().Before(until), "it never ends")
	}
}
