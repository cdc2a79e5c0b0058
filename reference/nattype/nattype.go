// The number: section 5.1 (spec/05-nat.md).

// Package nattype holds the five-bit NAT type that peers announce, how it is concluded from a
// reflection, and which strategy two types call for.
package nattype

// Type is a peer's NAT type as it stands in the key natType of bodies. Zero is unknown (and is
// never sent: the key is left out).
type Type uint8

// The bits of a Type.
const (
	MappingDefined     Type = 1 << iota // something is known of the mapping
	MappingIndependent                  // the mapping does not depend on the endpoint sent to
	FilterDefined                       // something is known of the filtering
	FilterKnownIP                       // a contacted IP may answer from a port never contacted
	FilterAny                           // any IP and port may send
)

// The types that have a name, hence a row in the strategy table. The values 13, 21, 23 and 29 are
// valid too: such a peer reaches Unrestricted ones directly, and all others only through a proxy.
const (
	Unknown            Type = 0
	EndpointRestricted      = MappingDefined | FilterDefined                                                  // 5, symmetric
	PortRestricted          = MappingDefined | MappingIndependent | FilterDefined                             // 7
	AddrRestricted          = MappingDefined | MappingIndependent | FilterDefined | FilterKnownIP             // 15
	Unrestricted            = MappingDefined | MappingIndependent | FilterDefined | FilterKnownIP | FilterAny // 31
)

// Valid tells whether n may stand in a body as natType: mapping and filtering are both defined.
// Bits above the fifth are tolerated, as deployed peers do (37 passes); such a number has no name
// and is unroutable.
func Valid(n int) bool {
	const needed = int(MappingDefined | FilterDefined)
	return n >= 0 && n&needed == needed
}

// Of turns the natType of a body into a Type. A number that is not valid, or that has bits beyond
// the fifth, is Unknown: the strategy table treats all of them alike.
func Of(n int) Type {
	if !Valid(n) || n > int(Unrestricted) {
		return Unknown
	}
	return Type(n)
}

// Valid tells whether t may be announced.
func (t Type) Valid() bool { return Valid(int(t)) }

// String gives the name that the deployed peers use; whatever has no row in the strategy table is
// UNKNOWN.
func (t Type) String() string {
	switch t {
	case Unrestricted:
		return "UNRESTRICTED"
	case AddrRestricted:
		return "ADDR_RESTRICTED"
	case PortRestricted:
		return "PORT_RESTRICTED"
	case EndpointRestricted:
		return "ENDPOINT_RESTRICTED"
	}
	return "UNKNOWN"
}

// Evidence is what a finished reflection has shown. Stage 1 let the probe socket contact one
// responder; stage 2 pinged two responders from the main socket, and each answered a second time,
// from its own probe socket to our probe socket's mapping.
type Evidence struct {
	SameMapping  bool // both responders saw the main socket at one address and port
	FromKnown    bool // a probe pong came from a responder that the probe socket had contacted
	FromStranger bool // a probe pong came from one that the probe socket had never contacted
}

// Classify concludes the type (LAT-NAT-001 to LAT-NAT-004).
//
// A deployed peer counts probe pongs instead of asking whose they are: where the contacted
// responder's is lost and the stranger's arrives, it concludes 15. That a stranger got through
// proves 31, so 31 it is here. Two mapped addresses make a deployed peer give up for good; here
// they are what they mean, a mapping that depends on the endpoint.
func Classify(e Evidence) Type {
	t := MappingDefined | FilterDefined
	if e.SameMapping {
		t |= MappingIndependent
	}
	switch {
	case e.FromStranger:
		t |= FilterKnownIP | FilterAny
	case e.FromKnown:
		t |= FilterKnownIP
	}
	return t
}
