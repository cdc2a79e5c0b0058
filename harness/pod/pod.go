// Package pod is the body of a container that owns a host's network
// namespace, so that the peer's container, which joins it, needs no tool and
// no privilege: it sets up the host's interface and then only holds it.
// Whoever started it talks to it over its standard streams, in JSON, one
// object a line. Its end is the end of its input.
//
// Started and told nothing, it is a container that lives as long as whoever
// is attached to it: what a lab made is known to be in use by it.
package pod

import "net/netip"

// A Command is one line to a pod: one of the fields after ID is set. It is
// answered by a Message with its ID.
type Command struct {
	ID     int     `json:"id"`
	Attach *Attach `json:"attach,omitempty"`
	MTU    int     `json:"mtu,omitempty"`
}

// Attach says what host the pod is. Hardware addresses are in the usual
// notation.
type Attach struct {
	Addrs      []netip.Addr `json:"addrs"`
	Gateway    netip.Addr   `json:"gateway"`
	MTU        int          `json:"mtu"`
	MAC        string       `json:"mac"`
	GatewayMAC string       `json:"gateway_mac"`
}

// A Message answers a command.
type Message struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
}
