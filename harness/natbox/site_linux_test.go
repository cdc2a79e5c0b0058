package natbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"punchlist/harness/hostlink"
	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/harness/testkit/testenv"
)

// part tells the test's own binary, started again, to be a router.
const part = "PUNCHLIST_NATBOX_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(part) != "" {
		flags := pflag.NewFlagSet("natbox", pflag.ContinueOnError)
		start := Flags(flags)
		err := flags.Parse(os.Args[1:])
		var commands io.Reader
		if err == nil {
			commands, err = start(flags.Args())
		}
		if err == nil {
			err = Run(io.MultiReader(commands, os.Stdin), os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A place is a network namespace of the test's own, and the thread in it.
type place struct {
	calls chan func()
	file  *os.File
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the place
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			p.file, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
		for call := range p.calls {
			call()
		}
	}()
	require.NoError(t, <-made)
	t.Cleanup(func() {
		close(p.calls)
		p.file.Close()
	})
	return p
}

func (p *place) in(t testing.TB, f func() error) {
	t.Helper()
	done := make(chan error)
	p.calls <- func() { done <- f() }
	require.NoError(t, <-done)
}

// A site is a host behind a NAT, one beyond it, and the place of the NAT,
// whose interfaces are "lan" and "public".
type site struct {
	model              *internet.Network
	inside, box, out   *place
	near, far          *net.UDPConn
	externally, beyond netip.AddrPort
}

var testTopology = func() internet.Topology {
	profile, err := nat.Lookup("full-cone")
	if err != nil {
		panic(err)
	}
	return internet.Topology{
		Hosts: []internet.Host{{Name: "a", Realm: "lan"}, {Name: "x", Realm: internet.Public}},
		NATs:  []internet.NAT{{Name: "nat", Profile: profile, Inside: "lan", Outside: internet.Public}},
	}
}()

func needsRoot(t testing.TB) {
	testenv.SkipShort(t, "it makes network namespaces")
	if os.Geteuid() != 0 {
		testenv.Missing(t, "netns", "network namespaces by unshare alone need root")
	}
}

func newSite(t testing.TB) *site {
	t.Helper()
	needsRoot(t)
	model, err := internet.New(testTopology, time.Unix(0, 0), internet.Options{})
	require.NoError(t, err)
	s := &site{model: model, inside: newPlace(t), box: newPlace(t), out: newPlace(t)}
	for _, h := range []struct {
		host, realm, router string
		at                  *place
	}{{"a", "lan", "nat", s.inside}, {"x", internet.Public, internet.Public, s.out}} {
		s.box.in(t, func() error {
			attrs := netlink.NewLinkAttrs()
			attrs.Name, attrs.Flags = h.realm, net.FlagUp
			return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(h.at.file.Fd())})
		})
		a := model.Addressing(h.host)
		own, gateway := MAC(h.realm, h.host), MAC(h.realm, h.router)
		h.at.in(t, func() error {
			if err := hostlink.Quiet(); err != nil {
				return err
			}
			return hostlink.Attach("eth0", hostlink.Interface{Addrs: a.Addrs, Gateway: a.Gateway, MAC: own[:], GatewayMAC: gateway[:]})
		})
	}
	return s
}

// interfaces gives those of the box addresses, as an engine does, so that the
// router finds them.
func (s *site) interfaces(t testing.TB) (ports []Port) {
	t.Helper()
	s.box.in(t, func() error {
		for i, realm := range []string{"lan", internet.Public} {
			link, err := netlink.LinkByName(realm)
			if err != nil {
				return err
			}
			subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i), 1}), 24)
			address := &net.IPNet{IP: subnet.Addr().AsSlice(), Mask: net.CIDRMask(24, 32)}
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
				return err
			}
			ports = append(ports, Port{Realm: realm, Subnet: subnet.Masked()})
		}
		return nil
	})
	return ports
}

// router starts a router as a process of its own. What it returns ends it.
func (s *site) router(t testing.TB, arguments ...string) (in *json.Encoder, out *json.Decoder, end func()) {
	t.Helper()
	router := exec.Command(os.Args[0], arguments...)
	router.Env = append(os.Environ(), part+"=router")
	router.Stderr = os.Stderr
	router.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := router.StdinPipe()
	require.NoError(t, err)
	stdout, err := router.StdoutPipe()
	require.NoError(t, err)
	s.box.in(t, router.Start)
	end = sync.OnceFunc(func() {
		stdin.Close()
		_, err := io.Copy(io.Discard, stdout)
		require.NoError(t, err)
		require.NoError(t, router.Wait())
	})
	t.Cleanup(end)
	return json.NewEncoder(stdin), json.NewDecoder(bufio.NewReader(stdout)), end
}

// natbox has the NAT done by a router.
func (s *site) natbox(t testing.TB) {
	t.Helper()
	start := Start{
		Protocol: Protocol, Topology: testTopology, Seed: 1, Routers: []string{"nat", internet.Public}, Ports: s.interfaces(t), Quiet: true,
	}
	in, answers, _ := s.router(t)
	for i, c := range []Command{{Start: &start}, {Attach: "a"}, {Attach: "x"}} {
		c.ID = i + 1
		require.NoError(t, in.Encode(c))
		var m Message
		require.NoError(t, answers.Decode(&m))
		require.Empty(t, m.Error)
	}
}

// kernel has the NAT done by the kernel of the place.
func (s *site) kernel(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("iptables"); err != nil {
		testenv.Missing(t, "docker", err.Error()) // which brings it
	}
	s.box.in(t, func() error {
		for _, side := range []struct{ host, realm, router string }{{"a", "lan", "nat"}, {"x", internet.Public, internet.Public}} {
			link, err := netlink.LinkByName(side.realm)
			if err != nil {
				return err
			}
			a, own, host := s.model.Addressing(side.host), MAC(side.realm, side.router), MAC(side.realm, side.host)
			if err := hostlink.Bare(side.realm, own[:]); err != nil {
				return err
			}
			only := func(a netip.Addr) *net.IPNet { return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)} }
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: only(a.Gateway)}); err != nil {
				return err
			}
			if err := netlink.LinkSetUp(link); err != nil {
				return err
			}
			if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: only(a.Addrs[0])}); err != nil {
				return err
			}
			err = netlink.NeighSet(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT, IP: a.Addrs[0].AsSlice(), HardwareAddr: host[:],
			})
			if err != nil {
				return err
			}
		}
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			return err
		}
		said, err := exec.Command("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", internet.Public, "-j", "MASQUERADE").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		return nil
	})
}

// connect opens a socket on each host, and lets the near one be seen.
func (s *site) connect(t testing.TB) {
	t.Helper()
	open := func(p *place, host string) (c *net.UDPConn) {
		p.in(t, func() (err error) {
			c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.model.Addressing(host).Addrs[0], 5000)))
			return err
		})
		t.Cleanup(func() { c.Close() })
		return c
	}
	s.near, s.far = open(s.inside, "a"), open(s.out, "x")
	s.beyond = netip.AddrPortFrom(s.model.Addressing("x").Addrs[0], 5000)
	buffer := make([]byte, 2000)
	for begun, err := time.Now(), error(os.ErrDeadlineExceeded); err != nil; {
		require.Less(t, time.Since(begun), 10*time.Second, "nothing came through: %v", err)
		_, err = s.near.WriteToUDPAddrPort([]byte("hello"), s.beyond)
		require.NoError(t, err)
		require.NoError(t, s.far.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, s.externally, err = s.far.ReadFromUDPAddrPort(buffer)
	}
	require.NotEqual(t, s.near.LocalAddr().String(), s.externally.String(), "nothing was translated")
	require.NoError(t, s.far.SetReadDeadline(time.Time{}))
}
