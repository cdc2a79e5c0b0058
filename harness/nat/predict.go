package nat

import (
	"fmt"
	"time"
)

// Chain is the NATs that a profile stands for, from the inside to the
// outside: itself, then what it is behind, and so on; each with its Behind
// taken away, so that a NAT can be made of it. Nearly all have one part.
func Chain(p Profile) ([]Profile, error) {
	var parts []Profile
	for {
		for _, part := range parts {
			if part.Name == p.Name {
				return nil, fmt.Errorf("nat profile %q: behind: %q comes up twice in the chain", parts[0].Name, p.Name)
			}
		}
		behind := p.Behind
		p.Behind = ""
		if len(parts) > 0 && (p.Open || p.Blocked) {
			return nil, fmt.Errorf("nat profile %q: behind: %q is no NAT", parts[0].Name, p.Name)
		}
		parts = append(parts, p)
		if behind == "" {
			return parts, nil
		}
		next, err := Lookup(behind)
		if err != nil {
			return nil, fmt.Errorf("nat profile %q: behind: %w", parts[0].Name, err)
		}
		p = next
	}
}

// Effective is how a profile, with all that it is behind, looks from outside.
// Expected outcomes are derived from it.
type Effective struct {
	Open, Blocked bool

	// Mapping is that of the most dependent part. A part that overloads
	// preserved ports counts as endpoint-independent, whatever its table
	// says, since all its mappings of an inside endpoint share one external
	// endpoint as long as no other host wants the same port.
	Mapping Behaviour
	// Filtering is that of the strictest part: a datagram has to pass them all.
	Filtering Behaviour
	// FilterScope says, where Mapping depends on the destination, whether a
	// mapping admits only whom it was itself used to send to (PerMapping), or
	// all whom its endpoint or host sent to. It is PerMapping where any part
	// that filters tells mappings apart, because it made them or because an
	// inner part did. With endpoint-independent Mapping it makes no difference
	// between PerMapping and PerEndpoint.
	FilterScope FilterScope
	// Hairpin is that of the outermost part, since hosts know each other by
	// its addresses. It is none if an inner part would filter the internal
	// source that the outermost one shows.
	Hairpin Hairpinning
	// Lifetime is the shortest; 0 for a host without a NAT.
	Lifetime time.Duration
	// Refresh is outbound or inbound only if that is what some part insists
	// on; with parts of both kinds it takes traffic both ways, and Refresh is
	// outbound with TwoWay set.
	Refresh Refresh
	TwoWay  bool
	// Sequential says that the next external port can be guessed.
	Sequential bool
	// AddressChanges says that a host may be seen at several external
	// addresses, depending on the destination.
	AddressChanges bool
}

// Effective is how the profile looks from outside. The error is that of Chain.
func (p Profile) Effective() (Effective, error) {
	parts, err := Chain(p)
	if err != nil {
		return Effective{}, err
	}
	if p.Open || p.Blocked {
		return Effective{Open: p.Open, Blocked: p.Blocked}, nil
	}
	e := Effective{FilterScope: PerHost, Refresh: RefreshBoth, Lifetime: parts[0].Lifetime}
	var needsOut, needsIn bool
	var inner Behaviour // the strictest filtering of the parts before
	tellsApart := false // a part that filters tells the mappings of one endpoint apart
	for _, part := range parts {
		if part.Filtering != EndpointIndependent {
			e.FilterScope = min(e.FilterScope, max(part.FilterScope, PerEndpoint))
			severalEndpoints := e.Mapping != EndpointIndependent && (part.FilterScope != PerHost || e.AddressChanges)
			severalMappings := !part.looksIndependent() && part.FilterScope == PerMapping
			tellsApart = tellsApart || severalEndpoints || severalMappings
		}
		if !part.looksIndependent() {
			e.Mapping = max(e.Mapping, part.Mapping)
		}
		switch {
		case part.ExternalAddresses() == 1:
			e.AddressChanges = false
		case part.Pooling == Arbitrary:
			e.AddressChanges = e.Mapping != EndpointIndependent
		}
		e.Hairpin = part.Hairpin
		if part.Hairpin == HairpinInternalSource && inner != EndpointIndependent {
			e.Hairpin = HairpinNone
		}
		inner = max(inner, part.Filtering)
		e.Lifetime = min(e.Lifetime, part.Lifetime)
		e.Sequential = part.Ports == Sequential
		needsOut = needsOut || part.Refresh == RefreshOutbound
		needsIn = needsIn || part.Refresh == RefreshInbound
	}
	e.Filtering = inner
	if tellsApart {
		e.FilterScope = PerMapping
	}
	switch {
	case needsOut:
		e.Refresh, e.TwoWay = RefreshOutbound, needsIn
	case needsIn:
		e.Refresh = RefreshInbound
	}
	return e, nil
}

func (p Profile) looksIndependent() bool {
	return !p.endpointDependent() || p.Ports == Preserving && p.Overload && (p.Pooling == Paired || p.ExternalAddresses() == 1)
}

// alwaysPreserves reports whether no port is ever drawn.
func (p Profile) alwaysPreserves() bool {
	low, high := p.portRange()
	return p.Ports == Preserving && p.Overload && !p.endpointDependent() && low <= FirstUserPort && high == LastPort && p.PortBlock == 0
}

// RFC3489Name is the classical name, or "" for what RFC 3489 has no name for
// (such as a mapping that depends on the destination with a filter that
// admits everyone).
func (e Effective) RFC3489Name() string {
	switch {
	case e.Open:
		return "Open Internet"
	case e.Blocked:
		return "UDP Blocked"
	case e.Mapping == EndpointIndependent && e.Filtering == EndpointIndependent:
		return "Full Cone"
	case e.Mapping == EndpointIndependent && e.Filtering == AddressDependent:
		return "Restricted Cone"
	case e.Mapping == EndpointIndependent:
		return "Port Restricted Cone"
	case e.Mapping == AddressAndPortDependent && e.Filtering == AddressAndPortDependent:
		return "Symmetric"
	}
	return ""
}

// Connectable reports whether two hosts, each behind a NAT of its own, reach each
// other without guessing ports: each learned from a third party which external
// endpoint the other was seen at, both send there, and answer whoever is heard
// from. It holds for every order in which the datagrams go, given retries.
func Connectable(a, b Effective) bool {
	if a.Blocked || b.Blocked {
		return false
	}
	atA, atB := hears(a, b), hears(b, a)
	return atA && atB || atB && answered(a, b) || atA && answered(b, a)
}

// hears reports whether host a, at the endpoint that the third party saw, hears
// host b, to whose seen endpoint it sends.
func hears(a, b Effective) bool {
	if a.Filtering == EndpointIndependent {
		return true
	}
	// What a sent to b left its permit on another mapping.
	if a.Mapping != EndpointIndependent && a.FilterScope == PerMapping {
		return false
	}
	return knows(a, b)
}

// answered reports whether host a hears the answer of host b to a datagram that
// a sent to b's seen endpoint, at the endpoint that it sent from.
func answered(a, b Effective) bool {
	return a.Filtering == EndpointIndependent || knows(a, b)
}

// knows reports whether b sends to a from where a's filter expects b.
func knows(a, b Effective) bool {
	if b.Mapping == EndpointIndependent {
		return true
	}
	return a.Filtering == AddressDependent && !b.AddressChanges
}

// HairpinConnectable says the same of two hosts behind one and the same NAT
// that know only each other's external endpoints.
func HairpinConnectable(e Effective) bool {
	switch {
	case e.Open:
		return true
	case e.Blocked, e.Hairpin == HairpinNone:
		return false
	}
	return Connectable(e, e)
}

// Violations are the requirements of RFC 4787 that a NAT of this profile
// breaks, in the order of the RFC, as "REQ-9a". What is behind it doesn't
// count. One that translates nothing (open, blocked) has none.
func (p Profile) Violations() []string {
	var broken []string
	if p.Open || p.Blocked {
		return broken
	}
	for _, r := range []struct {
		id     string
		broken bool
	}{
		{"REQ-1", p.endpointDependent()},
		{"REQ-2", p.Pooling == Arbitrary && p.ExternalAddresses() > 1},
		{"REQ-3", p.Overload},
		{"REQ-3a", p.MixedRanges},
		{"REQ-4", !p.Parity && !p.alwaysPreserves()},
		{"REQ-5", p.Lifetime < 2*time.Minute},
		{"REQ-5c", p.Lifetime < 5*time.Minute},
		{"REQ-6", p.Refresh == RefreshInbound},
		{"REQ-8", p.Filtering == AddressAndPortDependent},
		{"REQ-9", p.Hairpin == HairpinNone},
		{"REQ-9a", p.Hairpin == HairpinInternalSource},
		{"REQ-11", p.endpointDependent() && p.looksIndependent()},
	} {
		if r.broken {
			broken = append(broken, r.id)
		}
	}
	return broken
}
