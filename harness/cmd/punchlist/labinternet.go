package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"punchlist/harness/internet"
	"punchlist/harness/lab/standing"
	"punchlist/harness/nat"
	"punchlist/harness/topology"
)

// internetFlags are those that say which internet a lab is, as they were
// given.
type internetFlags struct {
	lab      string
	topology string
	hosts    []string
	latency  time.Duration
	loss     float64
	capture  string
	seed     int64
}

// internetFlagNames are the flags that mean nothing without an internet to
// bring up.
var internetFlagNames = []string{"lab", "topology", "host", "latency", "loss", "capture", "seed"}

func (f *internetFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.lab, "lab", "netns", "netns or docker")
	p.StringArrayVar(&f.hosts, "host", nil, "NAME[:PROFILE]; repeatable")
	p.StringVar(&f.topology, "topology", "", "file of hosts and NATs (.yaml), instead of --host")
	p.DurationVar(&f.latency, "latency", 10*time.Millisecond, "one way, of the link of each --host")
	p.Float64Var(&f.loss, "loss", 0, "probability that a packet is lost, of the link of each --host, each way")
	p.StringVar(&f.capture, "capture", "", "file for all packets (.pcapng), one interface for each link")
	p.Int64Var(&f.seed, "seed", 1, "seed of all that is random")
}

// profilesHelp says how a profile is named.
func profilesHelp() string {
	var names []string
	for _, p := range nat.Profiles() {
		names = append(names, p.Name)
	}
	return `A profile is one of those that punchlist knows (` + strings.Join(names, ", ") + `),
or a file with one.`
}

// given reports whether the flags name an internet.
func (f internetFlags) given() bool { return len(f.hosts) > 0 || f.topology != "" }

// config is what the flags say, of a topology that internet.New takes.
func (f internetFlags) config() (c standing.Config, err error) {
	if !slices.Contains(standing.Labs(), f.lab) {
		return c, fmt.Errorf("--lab %q: programs need a lab with real sockets, netns or docker", f.lab)
	}
	t, err := f.internet()
	return standing.Config{Lab: f.lab, Topology: t, Seed: f.seed, Capture: f.capture, Warn: warn}, err
}

func warn(text string) { fmt.Fprintln(os.Stderr, "punchlist:", text) }

// internet is the topology that the flags name.
func (f internetFlags) internet() (t internet.Topology, err error) {
	if f.topology != "" {
		return topology.ReadFile(f.topology)
	}
	if t, err = f.behindNATs(); err != nil {
		return t, err
	}
	_, err = internet.New(t, time.Unix(0, 0), internet.Options{})
	return t, err
}

// behindNATs puts each host of --host behind a NAT of its own.
func (f internetFlags) behindNATs() (t internet.Topology, err error) {
	for _, h := range f.hosts {
		name, profile, behind := strings.Cut(h, ":")
		realm := internet.Public
		if behind && profile != "open" {
			p, err := nat.Find(profile)
			if err != nil {
				return t, fmt.Errorf("--host %s: %w", h, err)
			}
			realm = "home of " + name
			t.NATs = append(t.NATs, internet.NAT{Name: "nat-" + name, Profile: p, Inside: realm, Outside: internet.Public})
		}
		link := internet.Link{Latency: f.latency, Loss: f.loss}
		t.Hosts = append(t.Hosts, internet.Host{Name: name, Realm: realm, Link: link})
	}
	return t, nil
}
