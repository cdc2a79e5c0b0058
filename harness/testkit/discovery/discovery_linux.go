// Package discovery holds the NATs of a lab with real sockets against an RFC
// 5780 client that is not of this project: coturn's turnutils_natdiscovery.
// It is for the tests of those labs.
package discovery

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
	"punchlist/harness/testkit/testenv"
)

// The programs of coturn, in PATH.
const (
	Server = "turnserver"
	Client = "turnutils_natdiscovery"
)

// A Stage is a net whose hosts run programs of coturn.
type Stage interface {
	lab.Net
	Addrs(host string) []netip.Addr
	// Launch starts a program on a host. What it writes to both its streams goes
	// to out, a write at a time; the channel gets its end.
	Launch(host string, out *Output, program string, arguments ...string) <-chan error
	// Plant sends a datagram with the payload "planted" from a port of a host,
	// on which programs run, to each of several places.
	Plant(host string, port uint16, to []netip.AddrPort)
}

// An Output is what a program has written so far.
type Output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write never fails.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String is all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// NeedsCoturn skips the test where coturn is missing, and fails it where it
// must be there.
func NeedsCoturn(t testing.TB) {
	t.Helper()
	for _, name := range []string{Server, Client} {
		if _, err := exec.LookPath(name); err != nil {
			testenv.Missing(t, "coturn", fmt.Sprintf("%v; apt-get install coturn", err))
		}
	}
}

// What coturn's client says.
var (
	reflexiveSaid = regexp.MustCompile(`UDP reflexive addr: (\S+)`)
	said          = map[nat.Behaviour]string{
		nat.EndpointIndependent:     "Endpoint Independent",
		nat.AddressDependent:        "Address Dependent",
		nat.AddressAndPortDependent: "Address and Port Dependent",
	}
)

const timeoutSaid = "STUN receive timeout.."

// A site is a NAT of some profile with one client behind it.
type site struct {
	profile      nat.Profile
	effective    nat.Effective
	client, name string
}

// A program is one run of the client.
type program struct {
	out   Output
	ended <-chan error
	err   error
}

// Check finds with the client in every profile what the profile says: mapping,
// filtering and lifetime; also after packets that nobody asked for came to the
// ports in question. Up brings a topology up.
func Check(t *testing.T, up func(internet.Topology) Stage) {
	sites, topology := oneSiteEach(t)
	n := up(topology)
	servers := startCoturn(t, n)
	ask := func(s site, flags ...string) *program {
		p := &program{}
		p.ended = n.Launch(s.client, &p.out, Client, append(flags, "-L", n.Addr(s.client).String(), servers[0].String())...)
		return p
	}
	discover := func(flags ...string) map[string]*program {
		programs := map[string]*program{}
		for _, s := range sites {
			programs[s.name] = ask(s, slices.Clone(flags)...)
		}
		return programs
	}
	finish := func(all ...map[string]*program) {
		for _, programs := range all {
			for _, s := range sites {
				p := programs[s.name]
				require.NoError(t, stepUntil(t, n, 2*time.Minute, func() bool { return len(p.ended) == 1 }), s.name)
				p.err = <-p.ended
			}
		}
	}

	// Each test has a port of its own: what one sends opens the filter that
	// the next would ask about.
	mapping, filtering := discover("-m", "-l", "41000"), discover("-f", "-l", "41001")
	finish(mapping, filtering)
	plant(t, n, sites, servers, []uint16{41000, 41001, 42000, 42001})
	mappingAfter, filteringAfter := discover("-m", "-l", "42000"), discover("-f", "-l", "42001")
	finish(mappingAfter, filteringAfter)
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) {
			judgeMapping(t, n, s, mapping[s.name], 41000)
			judgeFiltering(t, s, filtering[s.name])
			judgeMapping(t, n, s, mappingAfter[s.name], 42000)
			judgeFiltering(t, s, filteringAfter[s.name])
		})
	}

	// The client asks, is silent for two seconds, and has the answer to
	// another question sent to the first port. The NATs' clocks are put
	// forward in between.
	for port, c := range map[string]struct {
		beyond time.Duration
		alive  bool
	}{"43000": {-15 * time.Second, true}, "44000": {5 * time.Second, false}} { // order-free: independent cases
		lifetime := map[string]*program{}
		for _, s := range sites {
			before := n.Trace().Len()
			lifetime[s.name] = ask(s, "-t", "-T", "2", "-l", port)
			if s.effective.Blocked || s.effective.Open {
				continue
			}
			await(t, n, func() bool { return came(n, s.client, before) })
			require.NoError(t, n.Change(internet.Change{Node: s.name, AdvanceNAT: s.effective.Lifetime + c.beyond}))
		}
		finish(lifetime)
		for _, s := range sites {
			t.Run(fmt.Sprintf("%s lives (%v)", s.name, c.alive), func(t *testing.T) {
				if s.effective.Blocked {
					judgeSilence(t, lifetime[s.name])
					return
				}
				out := lifetime[s.name].out.String()
				require.NoError(t, lifetime[s.name].err, out)
				answers, timeouts := 2, 0
				if !s.effective.Open && !c.alive {
					answers, timeouts = 1, 1
				}
				require.Len(t, reflexiveSaid.FindAllString(out, -1), answers, out)
				require.Equal(t, timeouts, strings.Count(out, timeoutSaid), out)
			})
		}
	}
}

func oneSiteEach(t *testing.T) ([]site, internet.Topology) {
	topology := internet.Topology{Hosts: []internet.Host{
		{Name: "server", Realm: internet.Public, Addresses: 2}, {Name: "stranger", Realm: internet.Public},
	}}
	profiles := nat.Profiles()
	for _, name := range []string{"address-dependent", "masquerade"} {
		p, err := nat.Lookup(name)
		require.NoError(t, err)
		profiles = append(profiles, p)
	}
	var sites []site
	for _, p := range profiles {
		effective, err := p.Effective()
		require.NoError(t, err)
		s := site{profile: p, effective: effective, name: p.Name, client: "behind " + p.Name}
		sites = append(sites, s)
		realm := "inside " + p.Name
		topology.Hosts = append(topology.Hosts, internet.Host{Name: s.client, Realm: realm})
		topology.NATs = append(topology.NATs, internet.NAT{Name: s.name, Profile: p, Inside: realm, Outside: internet.Public})
	}
	return sites, topology
}

// startCoturn starts the server on both addresses of its host, and waits
// until it answers at both ports of both.
func startCoturn(t *testing.T, n Stage) []netip.Addr {
	addrs := n.Addrs("server")
	said := new(Output)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(said)
		}
	})
	ended := n.Launch("server", said, Server, "-n", "-S", "-L", addrs[0].String(), "-L", addrs[1].String(),
		"--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "-m", "0",
		"--log-file", "stdout", "--pidfile", "/tmp/turnserver.pid", "--userdb", "/tmp/turnserver.db")

	stranger, err := n.Endpoint("stranger", 0)
	require.NoError(t, err)
	request := make([]byte, 20) // a STUN binding request
	request[1] = 1
	binary.BigEndian.PutUint32(request[4:], 0x2112A442)
	for _, addr := range addrs {
		for _, port := range []uint16{3478, 3479} {
			to, asked := netip.AddrPortFrom(addr, port), time.Time{}
			await(t, n, func() bool {
				require.Empty(t, ended, "the server has ended")
				if n.Now().Sub(asked) > 50*time.Millisecond {
					require.NoError(t, stranger.Send(to, request))
					asked = n.Now()
				}
				return slices.ContainsFunc(stranger.Received(), func(d lab.Datagram) bool { return d.From == to })
			})
		}
	}
	return addrs
}

// plant sends to ports of every NAT what nobody asked for: from a host that
// is never spoken to, and from the server's.
func plant(t *testing.T, n Stage, sites []site, servers []netip.Addr, ports []uint16) {
	t.Helper()
	stranger, err := n.Endpoint("stranger", 0)
	require.NoError(t, err)
	var fromServer []netip.AddrPort
	before, planted := n.Trace().Len(), 0
	for _, s := range sites {
		for _, external := range n.Trace().External(s.name) {
			for _, port := range ports {
				to := netip.AddrPortFrom(external, port)
				require.NoError(t, stranger.Send(to, []byte("planted")))
				fromServer = append(fromServer, to)
				planted += 2
			}
		}
	}
	n.Plant("server", 5555, fromServer)
	await(t, n, func() bool {
		arrived := 0
		for f := range n.Trace().Since(before) {
			if u, ok := f.UDP(); ok && string(u.Payload) == "planted" && strings.HasSuffix(f.Link, "(outside)") {
				arrived++
			}
		}
		return arrived >= planted
	})
}

func came(n Stage, host string, from int) bool {
	for f := range n.Trace().Since(from) {
		if f.Link == host && f.To == host {
			return true
		}
	}
	return false
}

func judgeMapping(t *testing.T, n Stage, s site, p *program, port uint16) {
	t.Helper()
	out := p.out.String()
	if s.effective.Blocked {
		judgeSilence(t, p)
		return
	}
	require.NoError(t, p.err, out)
	if s.effective.Open {
		require.Contains(t, out, "No NAT! (Endpoint Independent Mapping)")
	} else {
		require.Contains(t, out, "NAT with "+said[s.effective.Mapping]+" Mapping!")
	}
	parts, err := nat.Chain(s.profile)
	require.NoError(t, err)
	preserving := !slices.ContainsFunc(parts, func(part nat.Profile) bool { return part.Ports != nat.Preserving })
	external := n.Trace().External(s.name)
	if s.effective.Open {
		external = []netip.Addr{n.Addr(s.client)}
	}
	seen := reflexiveSaid.FindAllStringSubmatch(out, -1)
	require.NotEmpty(t, seen, out)
	for _, match := range seen {
		reflexive, err := netip.ParseAddrPort(match[1])
		require.NoError(t, err)
		require.Contains(t, external, reflexive.Addr())
		if preserving || s.effective.Open {
			require.Equal(t, port, reflexive.Port())
		}
	}
}

func judgeFiltering(t *testing.T, s site, p *program) {
	t.Helper()
	out := p.out.String()
	if s.effective.Blocked {
		judgeSilence(t, p)
		return
	}
	require.NoError(t, p.err, out)
	require.Contains(t, out, "NAT with "+said[s.effective.Filtering]+" Filtering!")
}

// judgeSilence is about a client that can't get an answer; that others can is
// the positive control.
func judgeSilence(t *testing.T, p *program) {
	t.Helper()
	out := p.out.String()
	require.Contains(t, out, timeoutSaid)
	require.NotRegexp(t, reflexiveSaid, out)
	require.NotRegexp(t, "NAT with|No NAT", out)
}

// stepUntil steps the net until cond holds. What programs do is no observation
// of the net's, so the steps are short.
func stepUntil(t testing.TB, n Stage, within time.Duration, cond func() bool) error {
	for until := n.Now().Add(within); !cond(); {
		now := n.Now()
		if !now.Before(until) {
			return context.DeadlineExceeded
		}
		if err := n.Step(t.Context(), now.Add(5*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func await(t testing.TB, n Stage, cond func() bool) {
	t.Helper()
	require.NoError(t, stepUntil(t, n, time.Minute, cond))
}
