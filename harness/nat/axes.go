package nat

import (
	"fmt"
	"strings"
)

// Behaviour is what a mapping or a filter depends on (RFC 4787 sections 4.1 and 5).
type Behaviour uint8

// The three behaviours, each stricter than the one before.
const (
	EndpointIndependent     Behaviour = iota // "endpoint-independent"
	AddressDependent                         // "address-dependent"
	AddressAndPortDependent                  // "address-and-port-dependent"
)

// FilterScope is what shares a set of permits.
type FilterScope uint8

const (
	// PerMapping ("mapping"): a mapping admits only whom that very mapping
	// was used to send to, as connection tracking does and as RFC 3489
	// describes the symmetric NAT.
	PerMapping FilterScope = iota
	// PerEndpoint ("endpoint"): all mappings of one inside endpoint admit
	// whom that endpoint has sent to, the letter of RFC 4787 section 5. It
	// differs from PerMapping only where mappings depend on the destination.
	PerEndpoint
	// PerHost ("host"): all mappings of one inside host admit whom any port
	// of that host has sent to.
	PerHost
)

// PortAssignment is how a new mapping gets its external port (RFC 4787 section 4.2.1).
type PortAssignment uint8

const (
	// Preserving ("preserving"): the inside port where it is free (or may be
	// overloaded), a random one where not.
	Preserving PortAssignment = iota
	// Sequential ("sequential"): the next free port after the last one
	// assigned on that external address, beginning anywhere.
	Sequential
	// Random ("random"): any free port.
	Random
)

// Hairpinning is what happens to a datagram that an inside host sends to an
// external address of its own NAT (RFC 4787 section 6).
type Hairpinning uint8

const (
	HairpinNone           Hairpinning = iota // "none": it is dropped
	HairpinInternalSource                    // "internal-source": delivered with the sender's inside endpoint as source
	HairpinExternalSource                    // "external-source": delivered with the sender's external endpoint as source
)

// Refresh is the direction of the datagrams that lengthen the life of a
// mapping and of the permits that they match (RFC 4787 section 4.3). Only
// datagrams that pass count.
type Refresh uint8

const (
	RefreshOutbound Refresh = iota // "outbound"
	RefreshInbound                 // "inbound"
	RefreshBoth                    // "both"
)

// Pooling is how a NAT with several external addresses chooses among them
// (RFC 4787 section 4.1).
type Pooling uint8

const (
	Paired    Pooling = iota // "paired": an inside host keeps one external address as long as it has a mapping
	Arbitrary                // "arbitrary": each new mapping takes the next address
)

// WhenFull is what a NAT with a full table does with a datagram that needs a
// new entry.
type WhenFull uint8

const (
	DropNew     WhenFull = iota // "drop-new": it is dropped; what lives is never touched
	EvictOldest                 // "evict-oldest": the entry refreshed the longest ago makes room
)

var (
	behaviourNames = []string{"endpoint-independent", "address-dependent", "address-and-port-dependent"}
	scopeNames     = []string{"mapping", "endpoint", "host"}
	portNames      = []string{"preserving", "sequential", "random"}
	hairpinNames   = []string{"none", "internal-source", "external-source"}
	refreshNames   = []string{"outbound", "inbound", "both"}
	poolingNames   = []string{"paired", "arbitrary"}
	whenFullNames  = []string{"drop-new", "evict-oldest"}
)

func (b Behaviour) String() string      { return name(uint8(b), behaviourNames) }
func (s FilterScope) String() string    { return name(uint8(s), scopeNames) }
func (a PortAssignment) String() string { return name(uint8(a), portNames) }
func (h Hairpinning) String() string    { return name(uint8(h), hairpinNames) }
func (r Refresh) String() string        { return name(uint8(r), refreshNames) }
func (p Pooling) String() string        { return name(uint8(p), poolingNames) }
func (w WhenFull) String() string       { return name(uint8(w), whenFullNames) }

// MarshalText gives the word that profiles use.
func (b Behaviour) MarshalText() ([]byte, error)      { return marshal(uint8(b), behaviourNames) }
func (s FilterScope) MarshalText() ([]byte, error)    { return marshal(uint8(s), scopeNames) }
func (a PortAssignment) MarshalText() ([]byte, error) { return marshal(uint8(a), portNames) }
func (h Hairpinning) MarshalText() ([]byte, error)    { return marshal(uint8(h), hairpinNames) }
func (r Refresh) MarshalText() ([]byte, error)        { return marshal(uint8(r), refreshNames) }
func (p Pooling) MarshalText() ([]byte, error)        { return marshal(uint8(p), poolingNames) }
func (w WhenFull) MarshalText() ([]byte, error)       { return marshal(uint8(w), whenFullNames) }

// UnmarshalText takes the word that profiles use; the error of any other word
// lists the known ones.
func (b *Behaviour) UnmarshalText(t []byte) error      { return unmarshal(b, t, behaviourNames) }
func (s *FilterScope) UnmarshalText(t []byte) error    { return unmarshal(s, t, scopeNames) }
func (a *PortAssignment) UnmarshalText(t []byte) error { return unmarshal(a, t, portNames) }
func (h *Hairpinning) UnmarshalText(t []byte) error    { return unmarshal(h, t, hairpinNames) }
func (r *Refresh) UnmarshalText(t []byte) error        { return unmarshal(r, t, refreshNames) }
func (p *Pooling) UnmarshalText(t []byte) error        { return unmarshal(p, t, poolingNames) }
func (w *WhenFull) UnmarshalText(t []byte) error       { return unmarshal(w, t, whenFullNames) }

func name(v uint8, names []string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("invalid(%d)", v)
}

func marshal(v uint8, names []string) ([]byte, error) {
	if int(v) >= len(names) {
		return nil, fmt.Errorf("value %d has no word (the words are %s)", v, strings.Join(names, ", "))
	}
	return []byte(names[v]), nil
}

func unmarshal[T ~uint8](to *T, text []byte, names []string) error {
	for i, n := range names {
		if n == string(text) {
			*to = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(names, ", "))
}
