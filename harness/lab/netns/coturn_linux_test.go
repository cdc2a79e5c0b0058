package netns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
)

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
	out   strings.Builder
	ended chan error
	err   error
}

// An RFC 5780 client that is not of this project finds in every profile what
// the profile says: mapping, filtering and lifetime; also after packets that
// nobody asked for came to the ports in question.
func TestCoturnFindsWhatProfilesSay(t *testing.T) {
	for _, name := range []string{"turnserver", "turnutils_natdiscovery"} {
		if _, err := exec.LookPath(name); err != nil {
			if requires("coturn") {
				t.Fatalf("%v; apt-get install coturn", err)
			}
			t.Skipf("%v; apt-get install coturn", err)
		}
	}
	t.Parallel()
	sites, topology := oneSiteEach(t)
	n := bringUp(t, topology)
	servers := startCoturn(t, n)
	discover := func(flags ...string) map[string]*program {
		programs := map[string]*program{}
		for _, s := range sites {
			arguments := append(slices.Clone(flags), "-L", n.Addr(s.client).String(), servers[0].String())
			p := &program{ended: make(chan error, 1)}
			cmd := Command("turnutils_natdiscovery", arguments...)
			cmd.Stdout, cmd.Stderr = &p.out, &p.out
			require.NoError(t, n.Launch(s.client, cmd))
			go func() { p.ended <- cmd.Wait() }()
			programs[s.name] = p
		}
		return programs
	}
	finish := func(all ...map[string]*program) {
		for _, programs := range all {
			for _, s := range sites {
				p := programs[s.name]
				require.NoError(t, stepUntil(n, time.Minute, func() bool { return len(p.ended) == 1 }), s.name)
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
		before := n.Trace().Len()
		lifetime := discover("-t", "-T", "2", "-l", port)
		for _, s := range sites {
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
func startCoturn(t *testing.T, n *Net) []netip.Addr {
	addrs := n.model.Addressing("server").Addrs
	dir := t.TempDir()
	cmd := Command("turnserver", "-n", "-S", "-L", addrs[0].String(), "-L", addrs[1].String(),
		"--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "-m", "0",
		"--log-file", "stdout", "--pidfile", dir+"/pid", "--userdb", dir+"/db")
	require.NoError(t, n.Launch("server", cmd))
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })

	stranger, err := n.Endpoint("stranger", 0)
	require.NoError(t, err)
	request := make([]byte, 20) // a STUN binding request
	request[1] = 1
	binary.BigEndian.PutUint32(request[4:], 0x2112A442)
	for _, addr := range addrs {
		for _, port := range []uint16{3478, 3479} {
			to, asked := netip.AddrPortFrom(addr, port), time.Time{}
			await(t, n, func() bool {
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
func plant(t *testing.T, n *Net, sites []site, servers []netip.Addr, ports []uint16) {
	t.Helper()
	stranger, err := n.Endpoint("stranger", 0)
	require.NoError(t, err)
	server := listen(t, n, "server", 5555, false)
	before, planted := n.Trace().Len(), 0
	for _, s := range sites {
		for _, external := range n.model.External(s.name) {
			for _, port := range ports {
				to := netip.AddrPortFrom(external, port)
				require.NoError(t, stranger.Send(to, []byte("planted")))
				server.send(t, to, "planted")
				planted += 2
			}
		}
	}
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

func came(n *Net, host string, from int) bool {
	for f := range n.Trace().Since(from) {
		if f.Link == host && f.To == host {
			return true
		}
	}
	return false
}

func judgeMapping(t *testing.T, n *Net, s site, p *program, port uint16) {
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
	external := n.model.External(s.name)
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
