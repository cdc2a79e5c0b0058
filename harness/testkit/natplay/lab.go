package natplay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
	"punchlist/harness/trace"
)

// InLab plays a vector in a lab, on scripted endpoints, and tells every
// UDP datagram and ICMP error seen at every link, in order: the link, its two
// ends by name, the payload's hash, and why it went no further; then what the
// vector saw. There are no times and no addresses in it, so that it is the
// same in every lab. The error is the vector's, when something else came than
// it says, or the lab's.
func InLab(ctx context.Context, in lab.Lab, v Vector) ([]string, error) {
	s, err := newLabStage(ctx, in, v)
	if err != nil {
		return nil, fmt.Errorf("nat vector %q: %w", v.Name, err)
	}
	defer s.net.Close()
	played, err := v.Play(s)
	named := names{trace: s.net.Trace(), known: played.Names, drawn: map[string]int{}}
	var lines []string
	for f := range s.net.Trace().Since(0) {
		lines = append(lines, named.line(f))
	}
	lines = append(lines, played.Lines...)
	if err == nil {
		err = s.net.Close()
	}
	return lines, err
}

const (
	natName = "nat"
	// quiet is how long a step goes on after everything that was seen leaving
	// has been seen arriving: for what no link had shown yet. Links have no
	// delay here.
	quiet = 25 * time.Millisecond
	// lostWithin bounds the wait for a datagram's end.
	lostWithin = 5 * time.Second
)

// A labStage is a Stage in a lab.
type labStage struct {
	ctx       context.Context
	net       lab.Net
	translate bool // there is a NAT
	listening map[string]lab.Endpoint
	seen      map[string]int // how many datagrams of an endpoint were looked at
	frames    int            // how many frames of the trace were
}

func newLabStage(ctx context.Context, in lab.Lab, v Vector) (*labStage, error) {
	profile, err := nat.Lookup(v.Profile)
	if err != nil {
		return nil, err
	}
	realm := "inside"
	topology := internet.Topology{NATs: []internet.NAT{{Name: natName, Profile: profile, Inside: realm, Outside: internet.Public}}}
	if profile.Open {
		realm, topology.NATs = internet.Public, nil
	}
	for _, host := range []string{"a", "b"} {
		topology.Hosts = append(topology.Hosts, internet.Host{Name: host, Realm: realm})
	}
	for _, host := range []string{"x", "y"} {
		topology.Hosts = append(topology.Hosts, internet.Host{Name: host, Realm: internet.Public})
	}
	net, err := in.Up(ctx, topology, lab.Options{Seed: 1})
	if err != nil {
		return nil, err
	}
	s := &labStage{ctx: ctx, net: net, translate: !profile.Open, listening: map[string]lab.Endpoint{}, seen: map[string]int{}}
	for _, name := range v.Endpoints() {
		host, port, err := ParseEndpoint(name)
		if err == nil {
			s.listening[name], err = net.Endpoint(host, port)
		}
		if err != nil {
			net.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s *labStage) Address(endpoint string) netip.AddrPort {
	host, port, err := ParseEndpoint(endpoint)
	switch {
	case err != nil:
		return netip.AddrPort{}
	case host != natName:
		return netip.AddrPortFrom(s.net.Addr(host), port)
	case !s.translate:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(s.net.Trace().External(natName)[0], port)
}

func (s *labStage) Send(from string, to netip.AddrPort, payload []byte) ([]Arrival, error) {
	if err := s.listening[from].Send(to, payload); err != nil {
		return nil, err
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	return s.arrivals(), nil
}

// settle steps until nothing is under way.
func (s *labStage) settle() error {
	if err := lab.Await(s.ctx, s.net, lostWithin, s.landed); err != nil {
		return fmt.Errorf("a datagram did not end within %v: %w", lostWithin, err)
	}
	for until := s.net.Now().Add(quiet); s.net.Now().Before(until); {
		if err := s.net.Step(s.ctx, until); err != nil {
			return err
		}
	}
	return nil
}

// landed reports whether the last frame of each datagram that was not looked at
// yet is its end, and every host has complained of what came to a port that
// nothing listens on.
func (s *labStage) landed() bool {
	last := map[int]*trace.Frame{}
	owed := 0
	for f := range s.net.Trace().Since(s.frames) {
		last[f.Datagram] = f
		_, err := internet.ParseICMPError(f.Packet)
		switch u, ok := f.UDP(); {
		case ok && f.To == f.Link && f.Dropped == "" && !s.listens(u.Dst):
			owed++
		case err == nil && f.From == f.Link:
			owed--
		}
	}
	for _, f := range last {
		if f.Dropped == "" && f.To != f.Link { // a host's link has the host's name
			return false
		}
	}
	return len(last) > 0 && owed == 0
}

func (s *labStage) listens(at netip.AddrPort) bool {
	for _, listener := range s.listening {
		if listener.Addr() == at {
			return true
		}
	}
	return false
}

// arrivals is what came of what was sent since it was last asked.
func (s *labStage) arrivals() []Arrival {
	var all []Arrival
	t := s.net.Trace()
	for f := range t.Since(s.frames) {
		if f.To != f.Link || f.Dropped != "" {
			continue
		}
		e, err := internet.ParseICMPError(f.Packet)
		if err != nil {
			continue
		}
		for name, listener := range s.listening {
			if listener.Addr() == e.About.Src {
				all = append(all, Arrival{At: name, From: e.About.Src, To: e.About.Dst, Refused: true})
			}
		}
	}
	s.frames = t.Len()
	for name, listener := range s.listening {
		received := listener.Received()
		for _, d := range received[s.seen[name]:] {
			all = append(all, Arrival{At: name, From: d.From})
		}
		s.seen[name] = len(received)
	}
	return all
}

func (s *labStage) Advance(d time.Duration) error { return s.change(internet.Change{AdvanceNAT: d}) }
func (s *labStage) Reboot() error                 { return s.change(internet.Change{Reboot: true}) }
func (s *labStage) DropMappings() error           { return s.change(internet.Change{DropMappings: true}) }

func (s *labStage) change(c internet.Change) error {
	if !s.translate {
		return nil
	}
	c.Node = natName
	return s.net.Change(c)
}

// names gives names to addresses and ports: the vector's own, and others
// by their owner in the order in which they come up.
type names struct {
	trace *trace.Trace
	known map[netip.AddrPort]string
	drawn map[string]int
}

func (n names) line(f *trace.Frame) string {
	line := f.Link + ": "
	if u, ok := f.UDP(); ok {
		hash := sha256.Sum256(u.Payload)
		line += fmt.Sprintf("udp %s > %s %x", n.name(u.Src), n.name(u.Dst), hash[:8])
	} else if e, err := internet.ParseICMPError(f.Packet); err == nil {
		line += fmt.Sprintf("icmp %d/%d %s > %s about %s > %s", e.Type, e.Code,
			n.trace.Host(e.Src), n.trace.Host(e.Dst), n.name(e.About.Src), n.name(e.About.Dst))
	} else {
		line += "something else"
	}
	if f.Dropped != "" {
		line += " dropped: " + f.Dropped
	}
	return line
}

func (n names) name(a netip.AddrPort) string {
	if name, ok := n.known[a]; ok {
		return name
	}
	owner := n.trace.Host(a.Addr())
	n.drawn[owner]++
	name := fmt.Sprintf("%s#%d", owner, n.drawn[owner])
	n.known[a] = name
	return name
}
