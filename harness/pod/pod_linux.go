package pod

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"punchlist/harness/hostlink"
	"punchlist/harness/natbox"
	"punchlist/harness/packetio"
)

// Run obeys the commands of in, and answers on out, until in ends.
func Run(in io.Reader, out io.Writer) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var c Command
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("a command that can't be read: %w", err)
		}
		m := Message{ID: c.ID}
		if err := do(c); err != nil {
			m.Error = err.Error()
		}
		if err := e.Encode(m); err != nil {
			return err
		}
	}
}

func do(c Command) error {
	name, err := onlyInterface()
	if err != nil {
		return err
	}
	switch {
	case c.Attach != nil:
		return attach(name, *c.Attach)
	case c.MTU != 0:
		return hostlink.SetMTU(name, c.MTU)
	}
	return errors.New("a command without a verb: attach or mtu")
}

// onlyInterface is the name of the one interface beside the loopback. A second
// would be a way around the lab.
func onlyInterface() (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	var names []string
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			names = append(names, i.Name)
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("the pod has the interfaces %q; it must have one", names)
	}
	return names[0], nil
}

func attach(name string, a Attach) error {
	mac, err := net.ParseMAC(a.MAC)
	if err != nil {
		return err
	}
	gateway, err := net.ParseMAC(a.GatewayMAC)
	if err != nil {
		return err
	}
	if err := hideResolvers(); err != nil {
		return err
	}
	if err := hostlink.Quiet(); err != nil {
		return err
	}
	err = hostlink.Attach(name, hostlink.Interface{Addrs: a.Addrs, Gateway: a.Gateway, MTU: a.MTU, MAC: mac, GatewayMAC: gateway})
	if err != nil {
		return err
	}
	return natbox.Greet(name, packetio.MAC(gateway))
}

// engineResolver is where a container engine answers for names, within the
// namespace, whatever /etc/resolv.conf says.
var engineResolver = net.IPv4(127, 0, 0, 11)

// hideResolvers leaves nobody to ask for names: those who join the pod share
// its /etc/resolv.conf.
func hideResolvers() error {
	const text = "# Of the lab: no name server.\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
	if err := os.WriteFile("/etc/resolv.conf", []byte(text), 0o644); err != nil {
		return err
	}
	err := netlink.RouteReplace(&netlink.Route{
		Dst: &net.IPNet{IP: engineResolver, Mask: net.CIDRMask(32, 32)}, Type: unix.RTN_UNREACHABLE, Table: unix.RT_TABLE_LOCAL,
	})
	if err != nil {
		return fmt.Errorf("hide the engine's resolver %v: %w", engineResolver, err)
	}
	return nil
}
