package nat

import (
	"fmt"
	"time"
)

// A Profile says what kind of NAT a NAT is. Its YAML keys are the tags below.
// The zero value of every axis is its first word; Lifetime has no default.
type Profile struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`

	// Open is no NAT at all: nothing is translated, nothing is filtered. A
	// topology puts such a host into the outside realm; a NAT made of it
	// forwards every flow as it is. No other axis may be set with it.
	Open bool `yaml:"open,omitempty"`
	// Blocked lets no UDP pass in any direction. Of the other axes only
	// Reject may be set with it.
	Blocked bool `yaml:"blocked,omitempty"`
	// Reject answers an outbound datagram that is refused (UDP blocked, table
	// full, no free port) with an ICMP destination unreachable, code 13, as
	// RFC 5508 REQ-8 recommends, instead of dropping it silently.
	Reject bool `yaml:"reject,omitempty"`

	Mapping     Behaviour   `yaml:"mapping"`
	Filtering   Behaviour   `yaml:"filtering"`
	FilterScope FilterScope `yaml:"filter_scope,omitempty"`

	Ports PortAssignment `yaml:"ports"`
	// Overload assigns a port that is in use to one more mapping. Mappings
	// that depend on the destination share a port only while their
	// destinations differ; endpoint-independent ones share it regardless, and
	// then a datagram from outside goes to the one of them that admits it and
	// sent last. It violates REQ-3.
	Overload bool `yaml:"overload,omitempty"`
	// Parity gives even ports to even ones and odd ones to odd ones, or no
	// port at all (REQ-4).
	Parity bool `yaml:"parity,omitempty"`
	// MixedRanges ignores the boundary at port 1024 (it violates REQ-3a).
	// Without it an inside port below 1024 gets one in 1 to 1023, whatever
	// PortLow and PortHigh say.
	MixedRanges bool `yaml:"mixed_ranges,omitempty"`
	// PortLow and PortHigh are the ports assigned, both included; 0 is 1024
	// and 65535. PortLow is below 1024 only with MixedRanges.
	PortLow  int `yaml:"port_low,omitempty"`
	PortHigh int `yaml:"port_high,omitempty"`
	// PortBlock gives each inside host that many contiguous ports for as long
	// as it has a mapping, as carriers do; 0 is no blocks. It needs
	// MixedRanges and paired pooling.
	PortBlock int `yaml:"port_block,omitempty"`

	Hairpin  Hairpinning   `yaml:"hairpin"`
	Lifetime time.Duration `yaml:"lifetime"`
	Refresh  Refresh       `yaml:"refresh,omitempty"`

	Pooling   Pooling `yaml:"pooling,omitempty"`
	Addresses int     `yaml:"addresses,omitempty"` // external addresses that it has; 0 is 1

	TableSize int      `yaml:"table_size,omitempty"` // mappings; 0 is MaxMappings
	Permits   int      `yaml:"permits,omitempty"`    // permits of one filter scope; 0 is MaxPermits
	WhenFull  WhenFull `yaml:"when_full,omitempty"`

	// Behind names the profile of a further NAT between this one and the
	// public realm. See Chain.
	Behind string `yaml:"behind,omitempty"`
}

// The bounds of memory where a profile sets none.
const (
	MaxMappings = 1 << 20
	MaxPermits  = 1 << 16
)

const (
	firstPort     = 1
	lastWellKnown = 1023
	FirstUserPort = 1024
	LastPort      = 65535
)

// ExternalAddresses is how many external addresses a NAT of this profile
// needs: none if it is open, otherwise at least one.
func (p Profile) ExternalAddresses() int {
	if p.Open {
		return 0
	}
	return max(p.Addresses, 1)
}

// Validate reports the first value that can't be, by its YAML key.
func (p Profile) Validate() error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("nat profile %q: %w", p.Name, fmt.Errorf(format, a...))
	}
	if p.Name == "" {
		return fail("name: missing")
	}
	if p.Open && p.Blocked {
		return fail("open, blocked: choose one")
	}
	if p.Open || p.Blocked {
		bare := Profile{Name: p.Name, Description: p.Description, Open: p.Open, Blocked: p.Blocked, Reject: p.Reject && p.Blocked}
		if p != bare {
			return fail("open, blocked: take away every other axis, they have no meaning here")
		}
		return nil
	}
	for _, axis := range []struct {
		key   string
		value uint8
		words []string
	}{
		{"mapping", uint8(p.Mapping), behaviourNames},
		{"filtering", uint8(p.Filtering), behaviourNames},
		{"filter_scope", uint8(p.FilterScope), scopeNames},
		{"ports", uint8(p.Ports), portNames},
		{"hairpin", uint8(p.Hairpin), hairpinNames},
		{"refresh", uint8(p.Refresh), refreshNames},
		{"pooling", uint8(p.Pooling), poolingNames},
		{"when_full", uint8(p.WhenFull), whenFullNames},
	} {
		if _, err := marshal(axis.value, axis.words); err != nil {
			return fail("%s: %w", axis.key, err)
		}
	}
	if p.Lifetime <= 0 {
		return fail("lifetime: %v is not above zero", p.Lifetime)
	}
	for _, n := range []struct {
		key         string
		value, most int
	}{
		{"addresses", p.Addresses, 256},
		{"table_size", p.TableSize, MaxMappings},
		{"permits", p.Permits, MaxPermits},
		{"port_low", p.PortLow, LastPort},
		{"port_high", p.PortHigh, LastPort},
		{"port_block", p.PortBlock, LastPort},
	} {
		if n.value < 0 || n.value > n.most {
			return fail("%s: %d is not in 0 to %d", n.key, n.value, n.most)
		}
	}
	low, high := p.portRange()
	if low > high {
		return fail("port_low, port_high: %d to %d holds no port", low, high)
	}
	if low < FirstUserPort && !p.MixedRanges {
		return fail("port_low: %d is below 1024; set mixed_ranges too", low)
	}
	if p.PortBlock > high-low+1 {
		return fail("port_block: %d is more than the %d ports of port_low to port_high", p.PortBlock, high-low+1)
	}
	if p.PortBlock > 0 && !p.MixedRanges {
		return fail("port_block: a block can't keep the ranges of ports apart; set mixed_ranges too")
	}
	if p.PortBlock > 0 && p.Pooling != Paired {
		return fail("port_block: a host's block is on one address; pooling must be paired")
	}
	return nil
}

// portRange is the ports assigned to inside ports of 1024 and above.
func (p Profile) portRange() (low, high int) {
	low, high = p.PortLow, p.PortHigh
	if low == 0 {
		low = FirstUserPort
	}
	if high == 0 {
		high = LastPort
	}
	return low, high
}

// endpointDependent reports whether a mapping depends on the destination.
func (p Profile) endpointDependent() bool { return p.Mapping != EndpointIndependent }
