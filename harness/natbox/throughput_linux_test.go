package natbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"punchlist/harness/hostnet"
	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/harness/needs"
)

// part tells the test's own binary, started again, to be a router.
const part = "PUNCHLIST_NATBOX_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(part) != "" {
		if err := Run(os.Stdin, os.Stdout); err != nil {
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

var topology = func() internet.Topology {
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
	if os.Geteuid() != 0 {
		needs.Missing(t, "netns", "network namespaces by unshare alone need root")
	}
}

func newSite(t testing.TB) *site {
	t.Helper()
	needsRoot(t)
	model, err := internet.New(topology, time.Unix(0, 0), internet.Options{})
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
			if err := hostnet.Quiet(); err != nil {
				return err
			}
			return hostnet.Attach("eth0", hostnet.Interface{Addrs: a.Addrs, Gateway: a.Gateway, MAC: own[:], GatewayMAC: gateway[:]})
		})
	}
	return s
}

// natbox has the NAT done by a router of its own process.
func (s *site) natbox(t testing.TB) {
	t.Helper()
	start := Start{Protocol: Protocol, Topology: topology, Seed: 1, Routers: []string{"nat", internet.Public}, Quiet: true}
	s.box.in(t, func() error {
		for i, realm := range []string{"lan", internet.Public} {
			link, err := netlink.LinkByName(realm)
			if err != nil {
				return err
			}
			// As an engine does, so that the router finds it.
			subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i), 1}), 24)
			address := &net.IPNet{IP: subnet.Addr().AsSlice(), Mask: net.CIDRMask(24, 32)}
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
				return err
			}
			start.Ports = append(start.Ports, Port{Realm: realm, Subnet: subnet.Masked()})
		}
		return nil
	})
	router := exec.Command(os.Args[0])
	router.Env = append(os.Environ(), part+"=router")
	router.Stderr = os.Stderr
	router.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := router.StdinPipe()
	require.NoError(t, err)
	out, err := router.StdoutPipe()
	require.NoError(t, err)
	s.box.in(t, router.Start)
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, router.Wait())
	})
	answers := json.NewDecoder(bufio.NewReader(out))
	for i, c := range []Command{{Start: &start}, {Attach: "a"}, {Attach: "x"}} {
		c.ID = i + 1
		require.NoError(t, json.NewEncoder(in).Encode(c))
		var m Message
		require.NoError(t, answers.Decode(&m))
		require.Empty(t, m.Error)
	}
}

// kernel has the NAT done by the kernel of the place.
func (s *site) kernel(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("iptables"); err != nil {
		needs.Missing(t, "docker", err.Error()) // which brings it
	}
	s.box.in(t, func() error {
		for _, side := range []struct{ host, realm, router string }{{"a", "lan", "nat"}, {"x", internet.Public, internet.Public}} {
			link, err := netlink.LinkByName(side.realm)
			if err != nil {
				return err
			}
			a, own, host := s.model.Addressing(side.host), MAC(side.realm, side.router), MAC(side.realm, side.host)
			if err := hostnet.Bare(side.realm, own[:]); err != nil {
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

// direct joins the hosts without a NAT between them.
func direct(t testing.TB) (near, far *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	needsRoot(t)
	a, x := newPlace(t), newPlace(t)
	a.in(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0"
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(x.file.Fd())})
	})
	addresses := []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("198.51.100.2")}
	open := func(p *place, i int) (c *net.UDPConn) {
		own, other := MAC("direct", fmt.Sprint(i)), MAC("direct", fmt.Sprint(1-i))
		p.in(t, func() (err error) {
			return hostnet.Attach("eth0", hostnet.Interface{Addrs: addresses[i : i+1], Gateway: addresses[1-i], MAC: own[:], GatewayMAC: other[:]})
		})
		return nil
	}
	var wg sync.WaitGroup // one end runs when both are up
	wg.Go(func() { open(a, 0) })
	wg.Go(func() { open(x, 1) })
	wg.Wait()
	listen := func(p *place, i int) (c *net.UDPConn) {
		p.in(t, func() (err error) {
			c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addresses[i], 5000)))
			return err
		})
		t.Cleanup(func() { c.Close() })
		return c
	}
	return listen(a, 0), listen(x, 1), netip.AddrPortFrom(addresses[1], 5000)
}

// window is how many packets are on their way at most: no more than a socket's
// buffer takes.
const window = 128

// stall is how long nothing comes until what is on its way counts as lost.
const stall = 50 * time.Millisecond

// flood sends packets of 200 bytes through the NAT, so many on their way, until
// a number of them has come out. It returns how many that is a second, and how
// many were lost: a kernel that has no room for a packet drops it.
func (s *site) flood(t testing.TB, packets int64) (rate float64, lost int64) {
	var received atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		buffer := make([]byte, 2000)
		for received.Load() < packets {
			if _, _, err := s.far.ReadFromUDPAddrPort(buffer); err != nil {
				t.Errorf("read: %v", err)
				return
			}
			received.Add(1)
		}
	}()
	payload := make([]byte, 200)
	begun := time.Now()
	sent, last, since := int64(0), int64(0), begun
	for got := int64(0); got < packets; got = received.Load() {
		if got != last {
			last, since = got, time.Now()
		}
		switch waited := time.Since(since); {
		case sent-got-lost < window:
			_, err := s.near.WriteToUDPAddrPort(payload, s.beyond)
			require.NoError(t, err)
			sent++
		case waited > stall:
			require.Less(t, lost, packets/100, "packets are lost")
			lost, since = sent-got, time.Now()
		default:
			runtime.Gosched()
		}
	}
	rate = float64(packets) / time.Since(begun).Seconds()
	<-over
	// What is still on its way is nobody's.
	buffer := make([]byte, 2000)
	for err := error(nil); err == nil; {
		require.NoError(t, s.far.SetReadDeadline(time.Now().Add(stall)))
		_, _, err = s.far.ReadFromUDPAddrPort(buffer)
	}
	require.NoError(t, s.far.SetReadDeadline(time.Time{}))
	return rate, lost
}

// roundTrips sends one packet at a time there and back, and returns the 99th
// percentile of what that took.
func roundTrips(t testing.TB, near, far *net.UDPConn, to netip.AddrPort, count int) time.Duration {
	over := make(chan struct{})
	go func() {
		defer close(over)
		buffer := make([]byte, 2000)
		for {
			n, from, err := far.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			far.WriteToUDPAddrPort(buffer[:n], from)
		}
	}()
	buffer := make([]byte, 2000)
	times := make([]time.Duration, count)
	for i := range times {
		begun := time.Now()
		_, err := near.WriteToUDPAddrPort(buffer[:200], to)
		require.NoError(t, err)
		require.NoError(t, near.SetReadDeadline(begun.Add(5*time.Second)))
		_, _, err = near.ReadFromUDPAddrPort(buffer)
		require.NoError(t, err)
		times[i] = time.Since(begun)
	}
	require.NoError(t, far.SetReadDeadline(time.Now()))
	<-over
	require.NoError(t, far.SetReadDeadline(time.Time{}))
	slices.Sort(times)
	return times[count*99/100]
}

// BenchmarkNatboxAgainstKernel sends the same packets between the same
// namespaces through natbox and through the kernel's own NAT, in turns.
func BenchmarkNatboxAgainstKernel(b *testing.B) {
	const trips = 5000
	boxed, plain := newSite(b), newSite(b)
	boxed.natbox(b)
	plain.kernel(b)
	boxed.connect(b)
	plain.connect(b)
	near, far, to := direct(b)
	bare := roundTrips(b, near, far, to, trips)

	var rates, delays [2][]float64
	var lost [2]int64
	for b.Loop() {
		for i, s := range []*site{boxed, plain} {
			rate, gone := s.flood(b, 50_000)
			rates[i] = append(rates[i], rate)
			lost[i] += gone
			delays[i] = append(delays[i], float64(roundTrips(b, s.near, s.far, s.beyond, trips)-bare))
		}
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(median(rates[0]), "natbox-packets/s")
	b.ReportMetric(median(rates[1]), "kernel-packets/s")
	b.ReportMetric(median(rates[0])/median(rates[1]), "ratio-packets/s")
	b.ReportMetric(float64(lost[0]), "natbox-lost")
	b.ReportMetric(float64(lost[1]), "kernel-lost")
	b.ReportMetric(median(delays[0])/1000, "natbox-added-p99-µs")
	b.ReportMetric(median(delays[1])/1000, "kernel-added-p99-µs")
	b.ReportMetric(median(delays[0])/median(delays[1]), "ratio-added-p99")
	b.ReportMetric(0, "ns/op")
}
