// The strategy: section 6.1 (spec/06-traversal.md).

package nattype

// Strategy is what an introduced peer does to reach the other.
type Strategy uint8

const (
	Defer            Strategy = iota // connection pings; the other's reach us anyway
	Direct                           // connection pings
	TraversalOpen                    // open many own filter entries, wait for the other's pings
	TraversalConnect                 // ping from many sockets, so from many mappings
	Proxy                            // through the introducer
)

// String gives the name that the deployed peers use.
func (s Strategy) String() string {
	switch s {
	case Defer:
		return "STRATEGY_DEFER"
	case Direct:
		return "STRATEGY_DIRECT_CONNECT"
	case TraversalOpen:
		return "STRATEGY_TRAVERSAL_OPEN"
	case TraversalConnect:
		return "STRATEGY_TRAVERSAL_CONNECT"
	}
	return "STRATEGY_PROXY"
}

// Choose is the strategy table (LAT-TRAV-001): what a peer of type self does on being introduced to
// one of type other. It is not symmetric.
func Choose(self, other Type) Strategy {
	if other == Unrestricted {
		return Direct
	}
	if !named(self) || !named(other) {
		return Proxy
	}
	switch {
	case self == Unrestricted:
		return Defer
	case self == PortRestricted && other == EndpointRestricted:
		return TraversalOpen
	case self == EndpointRestricted && other == PortRestricted:
		return TraversalConnect
	case self == EndpointRestricted && other == EndpointRestricted:
		return Proxy
	}
	return Direct
}

func named(t Type) bool {
	return t == Unrestricted || t == AddrRestricted || t == PortRestricted || t == EndpointRestricted
}
