// Package trace is the one view of what crossed the wire of a lab: every
// frame, by whom, where, and as which packet. Steps, monitors and reports
// judge by it alone.
package trace

import (
	"crypto/sha256"
	"iter"
	"net/netip"
	"time"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/reference/wire"
)

// A Trace is the frames of one network in the order of their Seq. It only
// grows. It belongs to its scenario's goroutine.
type Trace struct {
	network *internet.Network // tells names
	pages   [][]Frame         // of pageLength each, so that pointers to frames stay good
	length  int
	arena   []byte
	byLink  map[string][]int
	ofFirst []int // by datagram: index of its first frame
	ofLast  []int // by datagram: index of its last frame
	pass    func(internet.Frame)
}

const (
	pageLength  = 1024
	arenaLength = 256 << 10
)

// A Frame is one packet at one place. UDP and Wire take it apart when first
// asked.
type Frame struct {
	internet.Frame

	next   int // index of the same datagram's next frame; 0: none, since no frame follows itself
	parsed bool
	isUDP  bool
	udp    internet.UDP
	wire   *wire.Packet
	fault  wire.Fault
}

// Record makes a network, and the trace of what will cross it. Options.Capture
// is the trace's.
func Record(topology internet.Topology, start time.Time, o internet.Options) (*internet.Network, *Trace, error) {
	t := &Trace{byLink: map[string][]int{}}
	o.Capture = t.Append
	n, err := internet.New(topology, start, o)
	t.network = n
	return n, t, err
}

// Pass has every further frame handed on instead of kept: for a network that
// runs for longer than memory lasts. The frame's packet is valid during the
// call.
func (t *Trace) Pass(on func(internet.Frame)) { t.pass = on }

// Append adds a frame, whose Seq is Len, and copies its packet. It is for labs
// whose packets cross other networks than the one of Record.
func (t *Trace) Append(f internet.Frame) {
	if t.pass != nil {
		t.pass(f)
		return
	}
	i := t.length
	if len(t.arena)+len(f.Packet) > cap(t.arena) {
		t.arena = make([]byte, 0, max(arenaLength, len(f.Packet)))
	}
	start := len(t.arena)
	t.arena = append(t.arena, f.Packet...)
	f.Packet = t.arena[start:len(t.arena):len(t.arena)]
	if i%pageLength == 0 {
		t.pages = append(t.pages, make([]Frame, 0, pageLength))
	}
	last := len(t.pages) - 1
	t.pages[last] = append(t.pages[last], Frame{Frame: f})
	t.length++
	t.byLink[f.Link] = append(t.byLink[f.Link], i)
	for len(t.ofFirst) <= f.Datagram {
		t.ofFirst = append(t.ofFirst, -1)
		t.ofLast = append(t.ofLast, -1)
	}
	if before := t.ofLast[f.Datagram]; before < 0 {
		t.ofFirst[f.Datagram] = i
	} else {
		t.At(before).next = i
	}
	t.ofLast[f.Datagram] = i
}

// Len is how many frames there are.
func (t *Trace) Len() int { return t.length }

// At is the frame with Seq i, from 0. The pointer stays good.
func (t *Trace) At(i int) *Frame { return &t.pages[i/pageLength][i%pageLength] }

// Since is the frames from Seq i on.
func (t *Trace) Since(i int) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		for ; i < t.length; i++ {
			if !yield(t.At(i)) {
				return
			}
		}
	}
}

// Host is the name of the host, NAT or realm that has the address, or had it
// last; empty for a stranger's.
func (t *Trace) Host(addr netip.Addr) string {
	return t.network.Owner(addr)
}

// External is the addresses by which the world sees a NAT of the topology;
// none for an open one.
func (t *Trace) External(nat string) []netip.Addr { return t.network.External(nat) }

// On is the frames seen on a link.
func (t *Trace) On(link string) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		for _, i := range t.byLink[link] {
			if !yield(t.At(i)) {
				return
			}
		}
	}
}

// SentBy is the UDP datagrams that left a host, as they were before any NAT,
// also those that its own link then lost (Dropped says so).
func (t *Trace) SentBy(host string) iter.Seq[*Frame] {
	return t.udp(host, func(f *Frame) bool { return f.From == host })
}

// ReceivedBy is the UDP datagrams that reached a host.
func (t *Trace) ReceivedBy(host string) iter.Seq[*Frame] {
	return t.udp(host, func(f *Frame) bool { return f.To == host && f.Dropped == "" })
}

func (t *Trace) udp(link string, want func(*Frame) bool) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		for f := range t.On(link) {
			if !want(f) {
				continue
			}
			if _, ok := f.UDP(); ok && !yield(f) {
				return
			}
		}
	}
}

// Datagram is the frames of one packet on its way (and of the copies that
// links made of it), from its first.
func (t *Trace) Datagram(id int) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		if id < 0 || id >= len(t.ofFirst) || t.ofFirst[id] < 0 {
			return
		}
		for f := t.At(t.ofFirst[id]); ; f = t.At(f.next) {
			if !yield(f) || f.next == 0 {
				return
			}
		}
	}
}

// Path is the nodes that a frame's packet went through, read off the links:
// from the host that sent it to where it was seen last, for example alice,
// nat-a, public, nat-b, bob; between two hosts of one LAN alice, lan, bob.
// Of a packet that a link doubled it is the way of the first copy beyond the
// frame.
func (t *Trace) Path(f *Frame) []string {
	var before, beyond []*Frame
	for g := range t.Datagram(f.Datagram) {
		switch {
		case g.To == "":
		case g.Seq < f.Seq:
			before = append(before, g)
		case g.Seq > f.Seq:
			beyond = append(beyond, g)
		}
	}
	path := []string{f.From}
	at := f.From
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].To == at {
			at = before[i].From
			path = append([]string{at}, path...)
		}
	}
	if f.To == "" { // dropped by a node
		if f.Node != f.From {
			path = append(path, f.Node)
		}
		return path
	}
	path = append(path, f.To)
	if f.Dropped != "" {
		return path
	}
	at = f.To
	for _, g := range beyond {
		if g.From == at {
			at = g.To
			path = append(path, at)
		}
	}
	return path
}

// SamePayload is the frames from Seq i on that carry the same UDP payload as
// f, on any link: the datagram itself and what others sent on unchanged.
func (t *Trace) SamePayload(f *Frame, i int) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		u, ok := f.UDP()
		if !ok {
			return
		}
		want := sha256.Sum256(u.Payload)
		for g := range t.Since(i) {
			v, ok := g.UDP()
			if ok && len(v.Payload) == len(u.Payload) && sha256.Sum256(v.Payload) == want && !yield(g) {
				return
			}
		}
	}
}

// SameID is the frames from Seq i on that carry a packet of that packetId: a
// relay changes hops alone.
func (t *Trace) SameID(id wire.ID, i int) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		for f := range t.Since(i) {
			p, fault := f.Wire()
			if !fault.OK() {
				continue
			}
			if got, ok := p.ID(); ok && got == id && !yield(f) {
				return
			}
		}
	}
}

// UDP is the datagram in the frame; false when it carries no whole one.
func (f *Frame) UDP() (internet.UDP, bool) {
	f.parse()
	return f.udp, f.isUDP
}

// Wire is the Latica packet in the frame's datagram, or why there is none: a
// frame without a datagram has the fault of an empty one.
func (f *Frame) Wire() (*wire.Packet, wire.Fault) {
	f.parse()
	if f.wire == nil {
		f.wire = new(wire.Packet)
		f.fault = wire.Decode(f.wire, f.udp.Payload)
	}
	return f.wire, f.fault
}

func (f *Frame) parse() {
	if f.parsed {
		return
	}
	f.parsed = true
	u, err := internet.ParseUDP(f.Frame.Packet)
	f.udp, f.isUDP = u, err == nil
}

// Interfaces are where frames are seen, for a capture.
func (t *Trace) Interfaces() []capture.Interface {
	var all []capture.Interface
	for _, p := range t.network.Places() {
		all = append(all, capture.Interface{Name: p.Link, Description: p.Description})
	}
	return all
}

// Packets are the frames, for a capture.
func (t *Trace) Packets() iter.Seq[capture.Packet] {
	return func(yield func(capture.Packet) bool) {
		for f := range t.Since(0) {
			p := capture.Packet{At: f.At, Interface: f.Link, Data: f.Packet, Dropped: f.Dropped}
			if !yield(p) {
				return
			}
		}
	}
}
