package natplay

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"punchlist/harness/nat"
)

// A Stage is where a vector is played: hosts a and b inside NATs of the
// vector's profile, x and y outside, one datagram in flight at a time.
type Stage interface {
	// Address is an endpoint's own address, before any NAT.
	Address(endpoint string) netip.AddrPort
	// Send sends one datagram, and returns what came of it when it has
	// arrived or can't arrive any more.
	Send(from string, to netip.AddrPort, payload []byte) ([]Arrival, error)
	// Advance moves the clock of the NATs on.
	Advance(time.Duration) error
	// Reboot reboots every NAT; DropMappings takes their mappings away.
	Reboot() error
	DropMappings() error
}

// An Arrival is what came of a datagram at one place.
type Arrival struct {
	At      string         // the endpoint
	From    netip.AddrPort // the source seen there; of the datagram quoted, if Refused
	To      netip.AddrPort // with Refused: the destination of the datagram quoted
	Refused bool           // an ICMP error about the datagram reached its sender
}

// A Played vector tells what was seen.
type Played struct {
	// Names are the names of the endpoints that were seen, for showing other
	// views of the same run (a capture at each link) by the same names.
	Names map[netip.AddrPort]string
	// Lines are what was seen, in order, without an address: the same on
	// every stage.
	Lines []string
}

// Payload is what the i-th step (from 0) sends, unique among all steps of all
// vectors.
func (v Vector) Payload(i int) []byte { return fmt.Appendf(nil, "%s/%d", v.Name, i+1) }

// Play plays the vector. The error names the first step of which something
// else came than it says; what was seen until then is returned with it.
func (v Vector) Play(s Stage) (Played, error) {
	p := player{stage: s, bound: map[string]netip.AddrPort{}, Played: Played{Names: map[netip.AddrPort]string{}}}
	for _, name := range v.Endpoints() {
		p.Names[s.Address(name)] = name
	}
	for i, step := range v.Steps {
		if err := p.step(step, v.Payload(i)); err != nil {
			return p.Played, fmt.Errorf("nat vector %q: step %d: %w", v.Name, i+1, err)
		}
	}
	return p.Played, nil
}

type player struct {
	Played
	stage Stage
	bound map[string]netip.AddrPort
}

func (p *player) step(s Step, payload []byte) error {
	switch {
	case s.Advance > 0:
		p.line("advance %v", s.Advance)
		return p.stage.Advance(s.Advance)
	case s.Reboot:
		p.line("reboot")
		return p.stage.Reboot()
	case s.DropMappings:
		p.line("drop mappings")
		return p.stage.DropMappings()
	}
	to := p.address(s.To)
	arrivals, err := p.stage.Send(s.From, to, payload)
	if err != nil {
		return err
	}
	sent := fmt.Sprintf("%s > %s", s.From, s.To)
	if s.Lost {
		if len(arrivals) > 0 {
			return fmt.Errorf("%s: want it lost, but it %s", sent, p.describe(arrivals))
		}
		p.line("%s: lost", sent)
		return nil
	}
	if len(arrivals) != 1 {
		return fmt.Errorf("%s: want one arrival, but it %s", sent, p.describe(arrivals))
	}
	got := arrivals[0]
	if s.Refused {
		if !got.Refused || got.At != s.From {
			return fmt.Errorf("%s: want an ICMP error about it at %s, but it %s", sent, s.From, p.describe(arrivals))
		}
		if from := p.stage.Address(s.From); got.From != from || got.To != to {
			return fmt.Errorf("%s: the ICMP error quotes a datagram %v > %v, want %v > %v", sent, got.From, got.To, from, to)
		}
		p.line("%s: refused", sent)
		return nil
	}
	if got.Refused || got.At != s.Arrives {
		return fmt.Errorf("%s: want it at %s, but it %s", sent, s.Arrives, p.describe(arrivals))
	}
	if err := p.source(s, got.From); err != nil {
		return fmt.Errorf("%s: arrived at %s, but %w", sent, got.At, err)
	}
	p.line("%s: arrives at %s from %s", sent, got.At, p.name(got.From))
	return nil
}

// source checks the source that was seen, and binds its name.
func (p *player) source(s Step, seen netip.AddrPort) error {
	host, _, _ := ParseEndpoint(s.From)
	if outside := host == "x" || host == "y"; outside && seen != p.stage.Address(s.From) {
		return fmt.Errorf("its source is %v, want %v untranslated", seen, p.stage.Address(s.From))
	}
	if s.Source != "" && seen != p.address(s.Source) {
		return fmt.Errorf("its source is %v (%s), want %v (%s)", seen, p.name(seen), p.address(s.Source), s.Source)
	}
	for _, other := range s.Differs {
		if seen == p.address(other) {
			return fmt.Errorf("its source is %v, want another than %s", seen, other)
		}
	}
	port := int(seen.Port())
	if s.Port != 0 && port != s.Port {
		return fmt.Errorf("its source port is %d, want %d", port, s.Port)
	}
	if len(s.Ports) == 2 && (port < s.Ports[0] || port > s.Ports[1]) {
		return fmt.Errorf("its source port is %d, want one of %d to %d", port, s.Ports[0], s.Ports[1])
	}
	if s.Next != "" {
		// Assignment begins anew at its lowest port after the highest.
		if before := int(p.address(s.Next).Port()); port != before+1 && (before != nat.LastPort || port != nat.FirstUserPort) {
			return fmt.Errorf("its source port is %d, want the one after %d", port, before)
		}
	}
	if s.Parity != "" && (port-int(p.address(s.Parity).Port()))%2 != 0 {
		return fmt.Errorf("its source port is %d, want it even or odd as %d", port, p.address(s.Parity).Port())
	}
	if s.SameAddress != "" && seen.Addr() != p.address(s.SameAddress).Addr() {
		return fmt.Errorf("its source address is %v, want %v", seen.Addr(), p.address(s.SameAddress).Addr())
	}
	if s.OtherAddress != "" && seen.Addr() == p.address(s.OtherAddress).Addr() {
		return fmt.Errorf("its source address is %v, want another one", seen.Addr())
	}
	if s.As != "" {
		p.bound[s.As] = seen
		if _, named := p.Names[seen]; !named {
			p.Names[seen] = s.As
		}
	}
	return nil
}

func (p *player) address(name string) netip.AddrPort {
	if a, ok := p.bound[name]; ok {
		return a
	}
	return p.stage.Address(name)
}

func (p *player) name(a netip.AddrPort) string {
	if n, ok := p.Names[a]; ok {
		return n
	}
	return "another endpoint"
}

func (p *player) describe(arrivals []Arrival) string {
	if len(arrivals) == 0 {
		return "was lost"
	}
	var parts []string
	for _, a := range arrivals {
		how := "arrived at"
		if a.Refused {
			how = "was refused to"
		}
		parts = append(parts, fmt.Sprintf("%s %s from %v", how, a.At, a.From))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", and ")
}

func (p *player) line(format string, a ...any) {
	p.Lines = append(p.Lines, fmt.Sprintf(format, a...))
}
