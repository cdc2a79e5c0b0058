// Package injector plays scripted ends against a peer under test: it sends
// any bytes, records what comes back, and, unless told to be mute, answers
// pings as an honest peer does, so that it can be verified and known.
//
// An injector is only ever made on a host of a lab: nothing here takes an
// address outside one.
package injector

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"punchlist/harness/lab"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// NATType is what every injector announces of itself: it hears everybody.
const NATType = 31

// An Injector is one scripted peer on a host of a lab.
type Injector struct {
	Name string
	Host string
	ID   wire.ID // SHA-256 of the name
	Main lab.Endpoint
	Aux  lab.Endpoint // a second socket, where the script opened one

	// Mute injectors answer nothing: to the peer under test their address
	// stays one that may be forged.
	Mute bool
	// CacheHash is what its pongs tell of its cache, in hex; empty: nothing.
	CacheHash string
	// Lost are the answers that it does not send.
	Lost Losses

	seen  int    // datagrams of Main that React has handled
	pings uint64 // of pingIds drawn
}

// Losses are how many of an injector's next answers are lost (LAT-NAT-006).
type Losses struct {
	ToProbes    int // to pings with isProbe
	SecondPongs int
}

// lose counts one down, and reports whether there was one.
func lose(left *int) bool {
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// New makes an injector that speaks through main.
func New(name, host string, main lab.Endpoint, mute bool) *Injector {
	return &Injector{Name: name, Host: host, ID: seal.PeerID(name), Main: main, Mute: mute}
}

// PingID draws the next pingId of this injector: 12 hex digits, never the
// same twice in a scenario.
func (in *Injector) PingID() string {
	in.pings++
	id := in.ID
	return fmt.Sprintf("%s%08x", hex.EncodeToString(id[:2]), in.pings)
}

// Ping is the body of a sound ping of this injector with a fresh pingId.
func (in *Injector) Ping() Body {
	return Body{}.With("requesterPeerId", in.ID.String()).With("pingId", in.PingID())
}

// ConnectionPing is the body of a sound connection ping of this injector.
func (in *Injector) ConnectionPing() Body {
	return Body{}.With("requesterPeerId", in.ID.String()).With("natType", NATType).With("isConnection", true)
}

// Send sends a packet from the main socket and returns the datagram.
func (in *Injector) Send(to netip.AddrPort, p wire.Packet) ([]byte, error) {
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		return nil, fmt.Errorf("injector %s: %w", in.Name, err)
	}
	return datagram, in.Main.Send(to, datagram)
}

// Control is a packet of types 1 to 4 with the given body.
func Control(t wire.Type, body Body) wire.Packet {
	p := wire.NewPacket(t)
	p.Message = body.JSON()
	return p
}

// React answers the pings that came since the last call, unless the injector
// is mute. A script calls it whenever the lab has moved.
func (in *Injector) React() error {
	received := in.Main.Received()
	for ; in.seen < len(received); in.seen++ {
		if in.Mute {
			continue
		}
		d := received[in.seen]
		var p wire.Packet
		if f := wire.Decode(&p, d.Payload); f != (wire.Fault{}) || p.Type != wire.Ping {
			continue
		}
		if p.Body.IsProbe && lose(&in.Lost.ToProbes) {
			continue
		}
		if _, err := in.Send(d.From, Control(wire.Pong, in.Pong(&p, d.From))); err != nil {
			return err
		}
		if err := in.probe(&p, d.From.Addr()); err != nil {
			return err
		}
	}
	return nil
}

// probe answers a ping once more, from the second socket to the port that it
// names, where the script opened one (LAT-MSG-003).
func (in *Injector) probe(ping *wire.Packet, from netip.Addr) error {
	if in.Aux == nil || !ping.Body.Keys.Has(wire.KeyProbeExternalPort) {
		return nil
	}
	if lose(&in.Lost.SecondPongs) {
		return nil
	}
	to := netip.AddrPortFrom(from, ping.Body.ProbeExternalPort)
	p := Control(wire.Pong, in.Pong(ping, to))
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		return fmt.Errorf("injector %s: %w", in.Name, err)
	}
	return in.Aux.Send(to, datagram)
}

// pong is the honest answer to a ping seen from the given address
// (LAT-MSG-001, LAT-MSG-002). It never carries isConnection, so that the
// peer under test alone decides what it makes of the injector.
func (in *Injector) Pong(ping *wire.Packet, from netip.AddrPort) Body {
	b := Body{}.
		With("cacheSize", 0).
		With("uptime", 0).
		With("responderPeerId", in.ID.String()).
		With("requesterPeerId", ping.Body.RequesterPeerID.String()).
		With("port", from.Port()).
		With("address", from.Addr().String())
	if in.CacheHash != "" {
		b = b.With("cacheSummaryHash", in.CacheHash)
	}
	raw := ParseBody(ping.Message)
	for _, key := range []string{"reflectionId", "pingId"} {
		if v, ok := raw.Get(key); ok {
			b = b.With(key, v)
		}
	}
	if raw.Says("isReflection") {
		return b.With("isReflection", true)
	}
	return b.With("natType", NATType)
}

// Packets decodes what an endpoint received, in order of arrival; datagrams
// that are no packets are left out.
func Packets(e lab.Endpoint) []Received {
	var all []Received
	for _, d := range e.Received() {
		var p wire.Packet
		if f := wire.Decode(&p, d.Payload); f == (wire.Fault{}) {
			all = append(all, Received{Datagram: d, Packet: p})
		}
	}
	return all
}

// Received is a packet that reached an endpoint.
type Received struct {
	lab.Datagram
	Packet wire.Packet
}

// Body is the JSON body of the packet, empty when it is none.
func (r Received) Body() Body { return ParseBody(r.Packet.Message) }
