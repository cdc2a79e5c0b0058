package sim

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
)

var update = flag.Bool("update", false, "write the golden files anew")

func internetAddr(n *Net, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(n.Addr("peer"), port)
}

// mixed is a host behind each named profile, over links with every impairment,
// an echo in public, and scripted hosts that send to it, to each other and to
// where nobody is; with a reboot and a new address on the way.
func mixed(t *testing.T, seed int64) []byte {
	top := internet.Topology{Hosts: []internet.Host{
		{Name: "peer", Realm: internet.Public, Link: internet.Link{Latency: 5 * time.Millisecond, Rate: 10_000_000}},
		{Name: "second", Realm: internet.Public},
	}}
	rough := internet.Link{
		Latency: 10 * time.Millisecond, Jitter: 20 * time.Millisecond,
		Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Rate: 1_000_000, MTU: 1400,
	}
	var inside []string
	for _, p := range nat.Profiles() {
		for _, host := range []string{"one " + p.Name, "two " + p.Name} {
			top.Hosts = append(top.Hosts, internet.Host{Name: host, Realm: p.Name + " lan", Link: rough})
			inside = append(inside, host)
		}
		top.NATs = append(top.NATs, internet.NAT{Name: p.Name, Profile: p, Inside: p.Name + " lan", Outside: internet.Public, Link: rough})
	}
	up, err := echoLab().Up(t.Context(), top, lab.Options{Seed: seed})
	require.NoError(t, err)
	n := up.(*Net)
	defer n.Close()
	p := start(t, n)
	tell(t, p, "start")
	var ends []lab.Endpoint
	for _, host := range append(inside, "second") {
		e, err := n.Endpoint(host, 0)
		require.NoError(t, err)
		ends = append(ends, e)
	}
	seen := map[netip.AddrPort]bool{}
	var mapped []netip.AddrPort
	for round := range 5 {
		for i, e := range ends {
			require.NoError(t, e.Send(internetAddr(n, 7000), fmt.Appendf(nil, "round %d", round)))
			require.NoError(t, e.Send(internetAddr(n, 7001), []byte("to nobody")))
			require.NoError(t, e.Send(ends[(i+1)%len(ends)].Addr(), bytes.Repeat([]byte("x"), 300*round)))
			for _, to := range mapped {
				require.NoError(t, e.Send(to, []byte("punch")))
			}
		}
		until := n.Now().Add(time.Second)
		for n.Now().Before(until) {
			require.NoError(t, n.Step(t.Context(), until))
		}
		for f := range n.Trace().ReceivedBy("peer") {
			if u, _ := f.UDP(); !seen[u.Src] {
				seen[u.Src] = true
				mapped = append(mapped, u.Src)
			}
		}
		if round == 3 {
			require.NoError(t, n.Change(internet.Change{Node: "symmetric", Reboot: true}))
			require.NoError(t, n.Change(internet.Change{Node: "full-cone", Readdress: true}))
		}
	}
	require.Greater(t, n.Trace().Len(), 5000)
	var out bytes.Buffer
	require.NoError(t, capture.Write(&out, n.Trace()))
	if seed == 1 {
		goldenSum(t, n)
	}
	return out.Bytes()
}

func goldenSum(t *testing.T, n *Net) {
	const file = "testdata/mixed.sha256"
	sum, err := capture.Sum(n.Trace())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(sum+"\n"), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), sum+"\n", "the capture of a fixed run is another one; if that is meant, go test ./harness/lab/sim -update")
}

func TestSameSeedSameBytes(t *testing.T) {
	first := mixed(t, 1)
	require.True(t, bytes.Equal(first, mixed(t, 1)), "the same seed gave another capture")
	require.False(t, bytes.Equal(first, mixed(t, 2)), "another seed gave the same capture")
}
