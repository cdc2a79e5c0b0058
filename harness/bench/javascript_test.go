package bench

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/netns"
	"punchlist/harness/manifest"
	"punchlist/harness/testkit/testenv"
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
	if missing != nil && testenv.Required("socket-js") {
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
	p := newPeers(b, ctx, n)
	relay := p.start(m, "relay", strings.Repeat("09", 32), time.Minute)
	source, err := n.Endpoint("source", 5000)
	require.NoError(b, err)
	target, err := n.Endpoint("target", 5000)
	require.NoError(b, err)
	at := netip.AddrPortFrom(n.Addr("relay"), peerPort)
	announcement := wire.NewPacket(wire.Ping)
	announcement.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","isConnection":true,"natType":31}`, wire.ID{2})
	datagram, err := wire.Append(nil, &announcement)
	require.NoError(b, err)
	require.NoError(b, target.Send(at, datagram))
	p.await(10*time.Second, says(relay, testee.Connection), "the JavaScript peer does not know the target")

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

const (
	peerPort    = 9777        // and the next one for probes
	replyWithin = time.Minute // a summary of a full cache takes a while
)

// peers are JavaScript peers in a lab.
type peers struct {
	tb   testing.TB
	ctx  context.Context
	net  lab.Net
	runs map[string]lab.Testee // by their hosts
	next int                   // command
}

func newPeers(tb testing.TB, ctx context.Context, n lab.Net) *peers {
	return &peers{tb: tb, ctx: ctx, net: n, runs: map[string]lab.Testee{}}
}

// start starts an indexed peer on a host, and awaits that it is ready.
func (p *peers) start(m manifest.Manifest, host, peerID string, keepalive time.Duration, bootstrap ...testee.Bootstrap) lab.Testee {
	t, err := p.net.Start(p.ctx, host, m)
	require.NoError(p.tb, err)
	p.runs[host] = t
	p.call(host, testee.Hello, nil, nil)
	p.call(host, testee.Start, testee.StartWith{
		PeerID: peerID, ClusterID: hex.EncodeToString(make([]byte, 32)), Port: peerPort, ProbePort: peerPort + 1, Indexed: true,
		Address: p.net.Addr(host).String(), Keepalive: keepalive.Milliseconds(), Bootstrap: append([]testee.Bootstrap{}, bootstrap...),
	}, nil)
	p.await(20*time.Second, says(t, testee.Ready), "the JavaScript peer is not ready")
	return t
}

// says reports whether a peer has reported an event.
func says(t lab.Testee, event string) func() bool {
	return func() bool {
		return slices.ContainsFunc(t.Messages(), func(m testee.Message) bool { return m.Event == event })
	}
}

// await moves the lab until something holds, which must come about.
func (p *peers) await(within time.Duration, holds func() bool, otherwise string) {
	require.NoError(p.tb, lab.Await(p.ctx, p.net, within, holds), otherwise)
}

// call gives a command, and awaits its result.
func (p *peers) call(host, do string, with, out any) {
	p.next++
	c := testee.Command{ID: p.next, Do: do}
	if with != nil {
		text, err := json.Marshal(with)
		require.NoError(p.tb, err)
		c.With = text
	}
	t := p.runs[host]
	require.NoError(p.tb, t.Send(c))
	var reply testee.Message
	p.await(replyWithin, func() bool {
		at := slices.IndexFunc(t.Messages(), func(m testee.Message) bool { return m.ID == c.ID })
		if at >= 0 {
			reply = t.Messages()[at]
		}
		require.Nil(p.tb, t.Exit(), "%s has ended", host)
		return at >= 0
	}, host+" does not answer "+do)
	require.Nil(p.tb, reply.Error, "%s: %s", host, do)
	if out != nil {
		require.NoError(p.tb, json.Unmarshal(reply.OK, out))
	}
}
