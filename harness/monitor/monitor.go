// Package monitor holds every packet that a peer sends to what the standard says
// of any packet, in whatever scenario. Scenarios judge what they are about;
// monitors see what a peer does meanwhile.
//
// A monitor looks at what left the host of the peer under test, before any NAT,
// and has a requirement of its own: what it finds is a verdict on that
// requirement, and changes none of the scenario in which it was found.
package monitor

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"punchlist/harness/trace"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// A Monitor is one thing that is true of every packet that a sound peer sends.
type Monitor struct {
	Requirement string
	ID          string // "monitor/" and words; it stays when the rule is reworded
	Rule        string // the sentence that holds

	begin func() looker
}

// A looker sees the datagrams of one host in one scenario, in their order. It says
// whether a datagram was one of those that the rule is about, and what was wrong
// with it: the frames that show it end with its own.
type looker func(*datagram) (about bool, wrong string, frames []int)

// A datagram left the peer, or reached it.
type datagram struct {
	*trace.Frame
	sent     bool
	from, to netip.AddrPort
	payload  []byte
	packet   *wire.Packet // nil: it is no packet
}

// Seen is what a monitor saw in one scenario.
type Seen struct {
	Monitor Monitor
	Looked  int    // datagrams that it was about
	Wrong   string // about the first that broke the rule; empty: none did
	Frames  []int  // that show it
	More    int    // further ones that broke it
}

// All are the monitors, by requirement.
func All() []Monitor { return monitors }

// ByRule finds the monitor with a rule: manifests of the last edition name known
// failures by it.
func ByRule(rule string) (Monitor, bool) {
	if i := slices.IndexFunc(monitors, func(m Monitor) bool { return m.Rule == rule }); i >= 0 {
		return monitors[i], true
	}
	return Monitor{}, false
}

// Watch has all monitors look at what a host sent. A nil trace was of no internet.
func Watch(t *trace.Trace, host string) []Seen {
	all := make([]Seen, len(monitors))
	look := make([]looker, len(monitors))
	for i, m := range monitors {
		all[i].Monitor, look[i] = m, m.begin()
	}
	for f := range t.On(host) {
		sent := f.From == host
		u, ok := f.UDP()
		if !ok || !sent && f.Dropped != "" {
			continue
		}
		d := &datagram{Frame: f, sent: sent, from: u.Src, to: u.Dst, payload: u.Payload}
		if p, fault := f.Wire(); fault.OK() {
			d.packet = p
		}
		for i := range look {
			about, wrong, frames := look[i](d)
			if about {
				all[i].Looked++
			}
			switch {
			case wrong == "":
			case all[i].Wrong == "":
				all[i].Wrong, all[i].Frames = wrong, append(frames, f.Seq)
			default:
				all[i].More++
			}
		}
	}
	return all
}

// each looks at every datagram that is sent, by itself.
func each(look func(*datagram) (about bool, wrong string)) func() looker {
	return func() looker {
		return func(d *datagram) (bool, string, []int) {
			if !d.sent {
				return false, "", nil
			}
			about, wrong := look(d)
			return about, wrong, nil
		}
	}
}

// packets looks at every packet that is sent of the types.
func packets(look func(*wire.Packet) (wrong string), types ...wire.Type) func() looker {
	return each(func(d *datagram) (bool, string) {
		for _, t := range types {
			if d.packet != nil && d.packet.Type == t {
				return true, look(d.packet)
			}
		}
		return false, ""
	})
}

var monitors = []Monitor{
	{"LAT-FRAME-009", "monitor/encoding-canonical", "Every datagram that it sends is an opener, or a packet in its only encoding", each(canonical)},
	{"LAT-FRAME-010", "monitor/body-ascii", "Every JSON body that it sends is printable ASCII", packets(ascii, wire.Ping, wire.Pong, wire.Intro, wire.Join)},
	{"LAT-FRAME-015", "monitor/control-index", "Every control packet that it sends has index -1", packets(whole, wire.Ping, wire.Pong, wire.Intro, wire.Join, wire.Sync)},
	{"LAT-FRAME-017", "monitor/datagram-length", "No datagram that it sends is longer than 1,421 bytes", each(short)},
	{"LAT-ID-001", "monitor/control-packet-id", "Every ping, pong, intro and sync that it sends has the packetId of its content", packets(controlID, wire.Ping, wire.Pong, wire.Intro, wire.Sync)},
	{"LAT-ID-006", "monitor/publish-packet-id", "Every publish that it sends has the packetId of its content", packets(contentID, wire.Publish)},
	{"LAT-MSG-001", "monitor/pong-address", "Every pong that it sends names no address but the one that it goes to", each(observed)},
	{"LAT-MSG-002", "monitor/reflection-nat-type", "No reflection pong that it sends tells a natType", packets(reflection, wire.Pong)},
	{"LAT-MSG-004", "monitor/pong-connection-ping-id", "No pong that it sends carries both isConnection and pingId", packets(connection, wire.Pong)},
	{"LAT-MSG-008", "monitor/plain-ping-announced", "It sends a plain ping to nobody who has not announced a natType", plainPings},
	{"LAT-MEMB-003", "monitor/intro-fields", "Every intro that it sends has isRendezvous, and a time in usr1", packets(introduction, wire.Intro)},
	{"LAT-MEMB-004", "monitor/join-hops", "No join that it sends has more than 16 hops", packets(hops, wire.Join)},
	{"LAT-REPL-006", "monitor/publish-hops", "No publish that it sends has more than 16 hops", packets(hops, wire.Publish)},
	{"LAT-SYNC-002", "monitor/sync-summary", "Every sync packet that it sends has a summary, in its only encoding", packets(summary, wire.Sync)},
	{"LAT-SYNC-003", "monitor/sync-time", "Every sync packet that it sends has a time in usr4", packets(timed, wire.Sync)},
	{"LAT-STRM-001", "monitor/stream-peers", "Every stream that it sends names two peers", packets(named, wire.Stream)},
	{"LAT-STRM-007", "monitor/stream-relayed-once", "It sends no packet of a stream twice that it relays", relaysOnce},
	{"LAT-STRM-008", "monitor/stream-hops", "No stream that it sends has more than 16 hops", packets(hops, wire.Stream)},
	{"LAT-QRY-007", "monitor/query-hops", "No query that it sends has more than 16 hops", packets(hops, wire.Query)},
	{"LAT-SEC-001", "monitor/amplification", "It sends no more than three bytes for one to who came by himself and is not verified", amplification},
}

func canonical(d *datagram) (about bool, wrong string) {
	switch {
	case wire.IsOpener(d.payload):
		return false, ""
	case d.packet == nil:
		_, fault := d.Wire()
		return true, "it sent what is no packet: " + fault.String()
	}
	if why := Uncanonical(d.packet, d.payload); why != "" {
		return true, fmt.Sprintf("it sent a %s that %s", d.packet.Type, why)
	}
	return true, ""
}

// Uncanonical says why a datagram is not the encoding of the packet that it was
// decoded to (LAT-FRAME-009); empty where it is.
func Uncanonical(p *wire.Packet, datagram []byte) (why string) {
	copied := *p
	again, err := wire.Append(nil, &copied)
	switch {
	case err != nil:
		return "can't be encoded again: " + err.Error()
	case !bytes.Equal(again, datagram):
		return "differs from the encoding of its own fields"
	}
	return ""
}

func ascii(p *wire.Packet) string {
	if why := BeyondASCII(p); why != "" {
		return fmt.Sprintf("it sent a %s that %s", p.Type, why)
	}
	return ""
}

// BeyondASCII says where a JSON body has a byte that is not printable ASCII
// (LAT-FRAME-010); empty where it has none.
func BeyondASCII(p *wire.Packet) (why string) {
	at := slices.IndexFunc(p.Message, func(b byte) bool { return b > 0x7e || b < 0x20 })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf("has a byte in its body, at %d, that is not printable ASCII", at)
}

func whole(p *wire.Packet) string {
	if p.Index != -1 {
		return fmt.Sprintf("it sent a %s with index %d", p.Type, p.Index)
	}
	return ""
}

func short(d *datagram) (about bool, wrong string) {
	if n := len(d.payload); n > wire.MaxDatagram {
		return true, fmt.Sprintf("it sent a datagram of %d bytes", n)
	}
	return true, ""
}

func controlID(p *wire.Packet) string {
	if id, ok := p.ID(); !ok || id != wire.ControlID(p.PreviousID, p.Message, p.NextID) {
		return fmt.Sprintf("it sent a %s whose packetId is not the hash of its previousId, message and nextId", p.Type)
	}
	return ""
}

// contentID passes over fragments that hash a packetId which they don't name.
func contentID(p *wire.Packet) string {
	if wire.VerifyID(p) == wire.IDMismatch {
		return "it sent a publish whose packetId is not the hash of its content"
	}
	return ""
}

func observed(d *datagram) (about bool, wrong string) {
	if d.packet == nil || d.packet.Type != wire.Pong {
		return false, ""
	}
	b := d.packet.Body
	if b.Keys.Has(wire.KeyAddress) && b.Address != d.to.Addr() || b.Keys.Has(wire.KeyPort) && b.Port != d.to.Port() {
		return true, fmt.Sprintf("it sent a pong to %v which names another address or port", d.to)
	}
	return true, ""
}

// plainPings knows who has announced a natType by the address.
func plainPings() looker {
	announced := map[netip.AddrPort]bool{}
	return func(d *datagram) (bool, string, []int) {
		if d.packet == nil {
			return false, "", nil
		}
		b := d.packet.Body
		if !d.sent {
			if d.packet.Type.HasBody() && b.Keys.Has(wire.KeyNATType) && b.NATType != 0 {
				announced[d.from] = true
			}
			return false, "", nil
		}
		if d.packet.Type != wire.Ping || b.IsReflection || b.IsConnection {
			return false, "", nil
		}
		if !announced[d.to] {
			return true, fmt.Sprintf("it sent a plain ping to %v, from where no natType was announced", d.to), nil
		}
		return true, "", nil
	}
}

// amplification adds up what goes to an IP address and what came from it. It leaves
// out whom the peer has sent to first, whom an introduction or a rendezvous names,
// and who has echoed what was sent to his address: these are verified, or on the
// way to be, by rules that only scenarios can tell apart.
func amplification() looker {
	type account struct {
		in, out int
		trusted bool
		asked   map[wire.EchoID]bool
		frames  []int
	}
	accounts := map[netip.Addr]*account{}
	of := func(a netip.Addr) *account {
		if accounts[a] == nil {
			accounts[a] = &account{asked: map[wire.EchoID]bool{}}
		}
		return accounts[a]
	}
	return func(d *datagram) (bool, string, []int) {
		var b wire.Body
		if d.packet != nil && d.packet.Type.HasBody() {
			b = d.packet.Body
		}
		if !d.sent {
			a := of(d.from.Addr())
			a.in += len(d.payload)
			if len(a.frames) < 8 {
				a.frames = append(a.frames, d.Seq)
			}
			a.trusted = a.trusted || b.Keys.Has(wire.KeyPingID) && a.asked[b.PingID] || b.Keys.Has(wire.KeyReflectionID) && a.asked[b.ReflectionID]
			if d.packet != nil && d.packet.Type == wire.Intro {
				of(b.Address).trusted = true
			}
			if b.Keys.Has(wire.KeyRendezvousAddress) {
				of(b.RendezvousAddress).trusted = true
			}
			return false, "", nil
		}
		a := of(d.to.Addr())
		a.out += len(d.payload)
		a.trusted = a.trusted || a.in == 0
		if a.trusted {
			return false, "", nil
		}
		if b.Keys.Has(wire.KeyPingID) {
			a.asked[b.PingID] = true
		}
		if b.Keys.Has(wire.KeyReflectionID) {
			a.asked[b.ReflectionID] = true
		}
		if a.out > 3*a.in {
			return true, fmt.Sprintf("it had sent %d bytes to %v, from where it had %d", a.out, d.to.Addr(), a.in), slices.Clone(a.frames)
		}
		return true, "", nil
	}
}

func reflection(p *wire.Packet) string {
	if p.Body.Keys.Has(wire.KeyIsReflection) && p.Body.IsReflection && p.Body.Keys.Has(wire.KeyNATType) {
		return "it sent a pong with isReflection and a natType"
	}
	return ""
}

func connection(p *wire.Packet) string {
	if p.Body.Keys.Has(wire.KeyIsConnection|wire.KeyPingID) && p.Body.IsConnection {
		return "it sent a pong with isConnection and a pingId"
	}
	return ""
}

func introduction(p *wire.Packet) string {
	switch {
	case !p.Body.Keys.Has(wire.KeyIsRendezvous):
		return "it sent an intro without isRendezvous"
	case !digits(p.Usr1):
		return "it sent an intro whose usr1 is no time in ASCII digits"
	}
	return ""
}

func hops(p *wire.Packet) string {
	if p.Hops > wire.MaxHops {
		return fmt.Sprintf("it sent a %s with hops %d", p.Type, p.Hops)
	}
	return ""
}

func summary(p *wire.Packet) string {
	s, err := cache.DecodeSummary(p.Message)
	switch {
	case err != nil:
		return fmt.Sprintf("it sent a sync packet whose message is no summary: %v", err)
	case !bytes.Equal(s.Append(nil), p.Message):
		return "it sent a sync packet whose summary differs from the encoding of its own parts"
	}
	return ""
}

func timed(p *wire.Packet) string {
	if !digits(p.Usr4) {
		return "it sent a sync packet whose usr4 is no time in ASCII digits"
	}
	return ""
}

func digits(field []byte) bool {
	for _, b := range field {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(field) > 0
}

func named(p *wire.Packet) string {
	if _, ok := wire.AsID(p.Usr3); !ok {
		return "it sent a stream whose usr3 is no peerId"
	}
	if _, ok := wire.AsID(p.Usr4); !ok {
		return "it sent a stream whose usr4 is no peerId"
	}
	return ""
}

// relaysOnce tells what is relayed by its hops: an author's have none. What came
// twice, since a link doubled it or its author sent it again, is relayed once.
func relaysOnce() looker {
	type copied struct{ id, to, from wire.ID }
	first := map[copied]int{}
	return func(d *datagram) (bool, string, []int) {
		if !d.sent || d.packet == nil || d.packet.Type != wire.Stream || d.packet.Hops == 0 {
			return false, "", nil
		}
		id, ok1 := d.packet.ID()
		to, ok2 := wire.AsID(d.packet.Usr3)
		from, ok3 := wire.AsID(d.packet.Usr4)
		if !ok1 || !ok2 || !ok3 {
			return false, "", nil
		}
		before, again := first[copied{id, to, from}]
		if !again {
			first[copied{id, to, from}] = d.Seq
			return true, "", nil
		}
		return true, "it relayed the same packet of a stream a second time", []int{before}
	}
}
