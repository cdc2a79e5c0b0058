package hostlink

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"punchlist/harness/packetio"
)

// An Interface is how a host is attached.
type Interface struct {
	Addrs      []netip.Addr     // its own, IPv4; nothing else is on its link
	Gateway    netip.Addr       // by which everything is reached
	MTU        int              // of IP packets; 0 leaves it
	MAC        net.HardwareAddr // its own; nil leaves it
	GatewayMAC net.HardwareAddr // a permanent neighbour: nobody ever asks for an address
}

// knobs are what Quiet sets.
var knobs = []struct {
	name, value string
	needed      bool // the rest is for order only: no IPv6 packet is ever carried
}{
	{"ipv4/ip_forward", "0", true},
	{"ipv4/conf/all/rp_filter", "0", true},
	{"ipv4/conf/default/rp_filter", "0", true},
	{"ipv4/icmp_ratelimit", "0", false},
	{"ipv6/conf/all/disable_ipv6", "1", false},
	{"ipv6/conf/default/disable_ipv6", "1", false},
}

// Quiet brings up the loopback of the calling thread's network namespace and
// switches off what its kernel would do beside the lab: forward, speak IPv6,
// drop by reverse path, and hold back ICMP errors.
func Quiet() error {
	for _, knob := range knobs {
		if err := set(knob.name, knob.value); err != nil && knob.needed {
			return err
		}
	}
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}

// set writes a setting of the calling thread's network namespace, if it has
// not the value already. A kernel without IPv6 lacks some.
func set(name, value string) error {
	path := "/proc/sys/net/" + name
	now, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && strings.TrimSpace(string(now)) == value {
		return nil
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("set net.%s to %s: %w", strings.ReplaceAll(name, "/", "."), value, err)
	}
	return nil
}

// Attach sets up the named interface of the calling thread's namespace, and
// returns once it is running. Whatever addresses and routes it had are gone.
func Attach(name string, i Interface) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := Bare(name, i.MAC); err != nil {
		return err
	}
	if i.MTU != 0 {
		if err := netlink.LinkSetMTU(link, i.MTU); err != nil {
			return fmt.Errorf("set the MTU of %s to %d: %w", name, i.MTU, err)
		}
	}
	for _, address := range i.Addrs {
		only := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(32, 32)}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: only}); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, address, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up %s: %w", name, err)
	}
	gateway, index := net.IP(i.Gateway.AsSlice()), link.Attrs().Index
	err = netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT, IP: gateway, HardwareAddr: i.GatewayMAC,
	})
	if err != nil {
		return fmt.Errorf("make the gateway %s a neighbour: %w", i.Gateway, err)
	}
	everything := &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	err = netlink.RouteAdd(&netlink.Route{
		LinkIndex: index, Dst: everything, Gw: gateway, Flags: int(netlink.FLAG_ONLINK), Src: i.Addrs[0].AsSlice(),
	})
	if err != nil {
		return fmt.Errorf("route by the gateway %s: %w", i.Gateway, err)
	}
	return AwaitRunning(name)
}

// Bare takes from the named interface all its addresses and routes, and
// whatever its kernel would have hardware do to packets, and gives it a
// hardware address unless that is nil. It stays up if it is: a bridge at its
// other end would take its time to believe in it again.
func Bare(name string, mac net.HardwareAddr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := packetio.DisableOffloads(name); err != nil {
		return err
	}
	// The routes go with the last address.
	addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", name, err)
	}
	for i := range addresses {
		if err := netlink.AddrDel(link, &addresses[i]); err != nil {
			return fmt.Errorf("take the address %s from %s: %w", addresses[i].IPNet, name, err)
		}
	}
	if mac == nil {
		return nil
	}
	if err := netlink.LinkSetHardwareAddr(link, mac); err != nil {
		return fmt.Errorf("give %s the hardware address %s: %w", name, mac, err)
	}
	return nil
}

// SetMTU changes the MTU of the named interface.
func SetMTU(name string, mtu int) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return fmt.Errorf("set the MTU of %s to %d: %w", name, mtu, err)
	}
	return nil
}

// runningWithin bounds the wait for the kernel's note that an interface has a
// carrier.
const runningWithin = 5 * time.Second

// AwaitRunning waits until the named interface is running: the kernel says so
// on its own time, and until then some programs (Node.js among them) don't see
// its addresses.
func AwaitRunning(name string) error {
	changes, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return fmt.Errorf("watch %s: %w", name, err)
	}
	defer changes.Close()
	if err := changes.SetReceiveTimeout(&unix.Timeval{Sec: 1}); err != nil {
		return fmt.Errorf("watch %s: %w", name, err)
	}
	// Whether it runs is asked after the subscription, so that no change falls between the two.
	for begun := time.Now(); ; {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		}
		if link.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
			return nil
		}
		if time.Since(begun) > runningWithin {
			return fmt.Errorf("%s is not running %v after it was brought up", name, runningWithin)
		}
		if _, _, err := changes.Receive(); err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("watch %s: %w", name, err)
		}
	}
}
