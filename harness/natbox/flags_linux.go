package natbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"punchlist/harness/internet"
	"punchlist/harness/topology"
)

// Flags registers those that start a router by hand. What it returns gives,
// after they were parsed, the commands that they stand for, or none when there
// were no arguments.
func Flags(f *pflag.FlagSet) func(rest []string) (io.Reader, error) {
	s := Start{Protocol: Protocol}
	var file string
	var ports, attached []string
	f.StringVar(&file, "topology", "", "file of hosts and NATs (YAML); profiles by name or file, as for punchlist lab up")
	f.StringArrayVar(&s.Routers, "router", nil, "a NAT of the topology, or public, that it runs; repeatable; all unless given")
	f.StringArrayVar(&ports, "port", nil, "REALM=SUBNET: its interface in the realm has an address in that subnet; repeatable")
	f.StringArrayVar(&attached, "attach", nil, "host that has a machine from the start; repeatable")
	f.StringVar(&s.Capture, "capture", "", "file for all packets (.pcapng), whole when the router has ended")
	f.BoolVar(&s.Quiet, "quiet", false, "tell no frames, only count them")
	f.Int64Var(&s.Seed, "seed", 1, "seed of all that is random; the same for all routers of a topology")
	f.IntVar(&s.Index, "index", 0, "of the router, from 0; another for each of a topology")
	return func(rest []string) (io.Reader, error) {
		if len(rest) > 0 {
			return nil, fmt.Errorf("%q is no flag: see --help", rest[0])
		}
		if f.NFlag() == 0 {
			return strings.NewReader(""), nil
		}
		if file == "" {
			return nil, fmt.Errorf("--topology is missing: which internet is it a router of?")
		}
		var err error
		if s.Topology, err = topology.ReadFile(file); err != nil {
			return nil, err
		}
		if len(s.Routers) == 0 {
			s.Routers = []string{internet.Public}
			for _, n := range s.Topology.NATs {
				s.Routers = append(s.Routers, n.Name)
			}
		}
		for _, p := range ports {
			realm, subnet, _ := strings.Cut(p, "=")
			prefix, err := netip.ParsePrefix(subnet)
			if err != nil {
				return nil, fmt.Errorf("--port %s: write it as REALM=SUBNET, such as home=10.1.0.0/24", p)
			}
			s.Ports = append(s.Ports, Port{Realm: realm, Subnet: prefix})
		}
		if len(s.Ports) == 0 {
			return nil, fmt.Errorf("--port is missing: a router has one in each realm that it is attached to")
		}
		var lines bytes.Buffer
		out := json.NewEncoder(&lines)
		if err := out.Encode(Command{ID: 1, Start: &s}); err != nil {
			return nil, err
		}
		for i, host := range attached {
			if err := out.Encode(Command{ID: 2 + i, Attach: host}); err != nil {
				return nil, err
			}
		}
		return &lines, nil
	}
}
