package bench

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/netns"
	"punchlist/harness/manifest"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// The whole package runs in a lab's namespaces, where they can be made: the
// JavaScript peer must not be let near a network, and the flood stays inside.
func TestMain(m *testing.M) { netns.Main(m) }

const (
	relayFor   = 3 * time.Second
	relayAhead = 64 // streams under way
)

// javaScriptPeer is the JavaScript peer and the lab for it, or why it can't run
// here, which is fatal where it is required.
func javaScriptPeer(b *testing.B) (m manifest.Manifest, l lab.Lab, missing error) {
	m, err := manifest.Bundled("socket-0.6")
	require.NoError(b, err)
	l = netns.New()
	missing = l.Check(b.Context())
	if missing == nil && !m.Prepared() {
		missing = fmt.Errorf("the JavaScript peer is not installed: run punchlist setup")
	}
	if missing != nil && strings.Contains(os.Getenv("PUNCHLIST_REQUIRE"), "socket-js") {
		b.Fatal(missing)
	}
	return m, l, missing
}

// javaScriptRelays tells how many datagrams a second the JavaScript peer relays,
// as an indexed peer in a lab. Why it can't be told is text.
func javaScriptRelays(b *testing.B) (perSecond float64, why string) {
	m, l, missing := javaScriptPeer(b)
	if missing != nil {
		return 0, missing.Error()
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	n, err := l.Up(ctx, internet.Topology{Hosts: []internet.Host{
		{Name: "relay", Realm: internet.Public}, {Name: "source", Realm: internet.Public}, {Name: "target", Realm: internet.Public},
	}}, lab.Options{Seed: 1})
	require.NoError(b, err)
	defer n.Close()
	relay, err := n.Start(ctx, "relay", m)
	require.NoError(b, err)
	with, err := json.Marshal(testee.StartWith{
		PeerID: strings.Repeat("09", 32), ClusterID: hex.EncodeToString(make([]byte, 32)), Port: 9777, ProbePort: 9778, Indexed: true,
		Address: n.Addr("relay").String(), Keepalive: time.Minute.Milliseconds(), Bootstrap: []testee.Bootstrap{},
	})
	require.NoError(b, err)
	require.NoError(b, relay.Send(testee.Command{ID: 1, Do: testee.Hello}))
	require.NoError(b, relay.Send(testee.Command{ID: 2, Do: testee.Start, With: with}))
	says := func(event string) func() bool {
		return func() bool {
			return slices.ContainsFunc(relay.Messages(), func(m testee.Message) bool { return m.Event == event })
		}
	}
	require.NoError(b, lab.Await(ctx, n, 20*time.Second, says("ready")), "the JavaScript peer is not ready")
	source, err := n.Endpoint("source", 5000)
	require.NoError(b, err)
	target, err := n.Endpoint("target", 5000)
	require.NoError(b, err)
	at := netip.AddrPortFrom(n.Addr("relay"), 9777)
	announcement := wire.NewPacket(wire.Ping)
	announcement.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","isConnection":true,"natType":31}`, wire.ID{2})
	datagram, err := wire.Append(nil, &announcement)
	require.NoError(b, err)
	require.NoError(b, target.Send(at, datagram))
	require.NoError(b, lab.Await(ctx, n, 10*time.Second, says("connection")), "the JavaScript peer does not know the target")

	streams := streamsFor(b, wire.ID{1}, wire.ID{2})
	sent, arrived, looked := 0, 0, 0
	begun, last := n.Now(), n.Now()
	for n.Now().Sub(begun) < relayFor {
		for ; sent-arrived < relayAhead && sent < len(streams); sent++ {
			require.NoError(b, source.Send(at, streams[sent]))
		}
		require.NoError(b, n.Step(ctx, n.Now().Add(10*time.Millisecond)))
		for _, d := range target.Received()[looked:] {
			looked++
			if len(d.Payload) > wire.MaxMessage { // no ping
				arrived, last = arrived+1, n.Now()
			}
		}
		if n.Now().Sub(last) > 500*time.Millisecond {
			sent = arrived // what is under way is lost
		}
	}
	require.Nil(b, relay.Exit(), "the JavaScript peer has ended")
	require.NotZero(b, arrived, "the JavaScript peer relays nothing")
	return float64(arrived) / relayFor.Seconds(), ""
}
