package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/checksum"
	"punchlist/harness/internet"
	"punchlist/harness/nat"
)

func TestTwoHostsExchange(t *testing.T) {
	n := bringUp(t, pair())
	alice, bob := listen(t, n, "alice", 4000, false), listen(t, n, "bob", 5000, true)
	alice.send(t, bob.addr(), "echo")
	await(t, n, func() bool { return len(alice.received()) == 1 })
	require.Equal(t, []datagram{{bob.addr(), "from " + alice.addr().String()}}, alice.received())
	require.Equal(t, []datagram{{alice.addr(), "echo"}}, bob.received())

	var links []string
	for i := range n.Trace().Len() {
		f := n.Trace().At(i)
		links = append(links, f.Link+" "+f.Dropped)
		require.True(t, checksum.Holds(f.Packet))
	}
	require.Equal(t, []string{"alice ", "bob ", "bob ", "alice "}, links)
}

func TestThroughEachProfile(t *testing.T) {
	for _, profile := range nat.Profiles() {
		t.Run(profile.Name, func(t *testing.T) {
			t.Parallel()
			effective, err := profile.Effective()
			require.NoError(t, err)
			n := bringUp(t, internet.Topology{
				Hosts: []internet.Host{
					{Name: "alice", Realm: "home", Link: internet.Link{Latency: time.Millisecond}},
					{Name: "bob", Realm: internet.Public},
				},
				NATs: []internet.NAT{{Name: "nat", Profile: profile, Inside: "home", Outside: internet.Public}},
			})
			alice, bob := listen(t, n, "alice", 4000, false), listen(t, n, "bob", 5000, true)
			alice.send(t, bob.addr(), "echo")
			if effective.Blocked {
				// That it could have passed is shown by the other profiles.
				await(t, n, func() bool { return droppedAt(n, "nat") == 1 })
				quietFor(t, n, 50*time.Millisecond, func() bool { return len(alice.received()) > 0 })
				return
			}
			await(t, n, func() bool { return len(alice.received()) == 1 })
			seen := strings.TrimPrefix(alice.received()[0].payload, "from ")
			require.Equal(t, seen, bob.received()[0].from.String())
			if effective.Open {
				require.Equal(t, alice.addr().String(), seen)
			} else {
				require.Contains(t, n.model.External("nat"), netip.MustParseAddrPort(seen).Addr())
			}
		})
	}
}

func droppedAt(n *Net, link string) int {
	count := 0
	for i := range n.Trace().Len() {
		if f := n.Trace().At(i); f.Dropped != "" && (f.Link == link || f.Node == link) {
			count++
		}
	}
	return count
}

func TestKernelSaysPortUnreachable(t *testing.T) {
	profile, err := nat.Lookup("port-restricted")
	require.NoError(t, err)
	n := bringUp(t, internet.Topology{
		Hosts: []internet.Host{{Name: "alice", Realm: "home"}, {Name: "bob", Realm: internet.Public}},
		NATs:  []internet.NAT{{Name: "nat", Profile: profile, Inside: "home", Outside: internet.Public}},
	})
	_, err = n.machine("bob")
	require.NoError(t, err)
	m, err := n.machine("alice")
	require.NoError(t, err)
	var connected *net.UDPConn
	require.NoError(t, n.thread.in(m.namespace, func() (err error) {
		connected, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: n.Addr("bob").AsSlice(), Port: 9})
		return err
	}))
	defer connected.Close()
	_, err = connected.Write([]byte("anybody?"))
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() {
		_, err := connected.Read(make([]byte, 100))
		result <- err
	}()
	await(t, n, func() bool { return len(result) == 1 })
	require.ErrorIs(t, <-result, syscall.ECONNREFUSED)
}

func TestSizes(t *testing.T) {
	topology := pair()
	topology.Hosts[0].Link.MTU = 1400
	n := bringUp(t, topology)
	alice, bob := listen(t, n, "alice", 0, false), listen(t, n, "bob", 5000, false)
	for i, size := range []int{0, 1, 2, 999, 1372} {
		payload := strings.Repeat("x", size)
		alice.send(t, bob.addr(), payload)
		await(t, n, func() bool { return len(bob.received()) == i+1 })
		require.Equal(t, payload, bob.received()[i].payload)
	}

	// A change of the link is one of the interface.
	_, err := alice.WriteToUDPAddrPort(make([]byte, 1473), bob.addr())
	require.NoError(t, err, "the kernel sends it in fragments")
	require.NoError(t, n.Change(internet.Change{Node: "alice", Link: &internet.Link{MTU: 1500}}))
	alice.send(t, bob.addr(), strings.Repeat("y", 1472))
	await(t, n, func() bool { got := bob.received(); return got[len(got)-1].payload == strings.Repeat("y", 1472) })
}

func TestSeveralAddresses(t *testing.T) {
	topology := pair()
	topology.Hosts[1].Addresses = 2
	n := bringUp(t, topology)
	listen(t, n, "bob", 5000, true)
	addrs := n.model.Addressing("bob").Addrs
	require.Len(t, addrs, 2)
	m, err := n.machine("bob")
	require.NoError(t, err)
	var second *net.UDPConn
	require.NoError(t, n.thread.in(m.namespace, func() (err error) {
		second, err = net.ListenUDP("udp4", &net.UDPAddr{IP: addrs[1].AsSlice(), Port: 6000})
		return err
	}))
	defer second.Close()
	alice := listen(t, n, "alice", 4000, false)
	_, err = second.WriteToUDPAddrPort([]byte("hello"), alice.addr())
	require.NoError(t, err)
	await(t, n, func() bool { return len(alice.received()) == 1 })
	require.Equal(t, netip.AddrPortFrom(addrs[1], 6000), alice.received()[0].from)
}

// Kernels carry nothing past the model: while it stands still, nothing
// arrives, though it would.
func TestNothingGoesBesideTheModel(t *testing.T) {
	n := bringUp(t, pair())
	alice, bob := listen(t, n, "alice", 4000, false), listen(t, n, "bob", 5000, false)
	alice.send(t, bob.addr(), "x")
	arrived := func() bool { return len(bob.received()) > 0 }
	require.Never(t, arrived, 200*time.Millisecond, 5*time.Millisecond)
	await(t, n, arrived)
	require.Zero(t, len(alice.received()))
}

// A host reaches the hosts of its topology and nothing else: no route, no
// name, no port of its gateway.
func TestHermetic(t *testing.T) {
	n := bringUp(t, pair())
	bob := listen(t, n, "bob", 5000, true)
	m, err := n.machine("alice")
	require.NoError(t, err)

	gateway := n.model.Addressing("alice").Gateway.String()
	targets := []string{
		"udp4 " + bob.addr().String(), // the positive control
		"udp4 8.8.8.8:53", "tcp4 1.1.1.1:80", "tcp4 192.168.0.1:80", "tcp4 169.254.169.254:80", "tcp4 127.0.0.1:22",
	}
	for _, port := range []int{22, 53, 80, 443, 2375, 3478} {
		targets = append(targets, fmt.Sprintf("tcp4 %s:%d", gateway, port), fmt.Sprintf("udp4 %s:%d", gateway, port))
	}
	answers := make(chan string, len(targets))
	for _, target := range targets {
		network, address, _ := strings.Cut(target, " ")
		// The socket has to be made on the thread that is in the namespace,
		// whatever becomes of the connection.
		fd := -1
		require.NoError(t, n.thread.in(m.namespace, func() (err error) {
			kind := syscall.SOCK_DGRAM
			if network == "tcp4" {
				kind = syscall.SOCK_STREAM
			}
			fd, err = syscall.Socket(syscall.AF_INET, kind|syscall.SOCK_CLOEXEC, 0)
			return err
		}))
		go func() {
			if err := exchange(fd, address); err != nil {
				answers <- target + ": " + err.Error()
				return
			}
			answers <- target + ": answer"
		}()
	}
	await(t, n, func() bool { return len(answers) == len(targets) })
	var answered []string
	for range targets {
		a := <-answers
		if strings.HasSuffix(a, ": answer") {
			answered = append(answered, a)
		}
		t.Log(a)
	}
	require.Equal(t, []string{targets[0] + ": answer"}, answered)

	// The routes and links of the host are what the lab made.
	out := output(t, n, "alice", "cat", "/proc/net/dev", "/proc/net/route")
	require.Equal(t, 2, strings.Count(out, ":"), out) // lo and eth0
	require.Contains(t, out, "eth0:")
	require.Contains(t, out, "lo:")

	out = output(t, n, "alice", "getent", "hosts", "example.com")
	require.Empty(t, out)
	require.Contains(t, output(t, n, "alice", "getent", "hosts", "localhost"), "localhost", "the positive control")
}

// exchange sends one request by a fresh socket, and waits for any answer.
func exchange(fd int, address string) error {
	defer syscall.Close(fd)
	to := netip.MustParseAddrPort(address)
	limit := syscall.Timeval{Sec: 0, Usec: 500_000}
	for _, option := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, option, &limit); err != nil {
			return err
		}
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return err
	}
	if _, err := syscall.Write(fd, []byte("echo")); err != nil {
		return err
	}
	count, err := syscall.Read(fd, make([]byte, 100))
	if err == nil && count == 0 {
		err = errors.New("closed")
	}
	return err
}

// output runs a program on a host, steps the net until it has ended, and
// returns what it wrote.
func output(t testing.TB, n *Net, host, name string, arguments ...string) string {
	t.Helper()
	text, _ := run(t, n, host, name, arguments...)
	return text
}

func run(t testing.TB, n *Net, host, name string, arguments ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	cmd := Command(name, arguments...)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, n.Launch(host, cmd))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.NoError(t, stepUntil(n, time.Minute, func() bool { return len(ended) == 1 }))
	err := <-ended
	return out.String(), err
}
