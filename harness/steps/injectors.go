package steps

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/lab"
	"punchlist/reference/wire"
)

// give sends the subject a packet that a Then step will look for.
func (w *World) give(in *scripted, p wire.Packet) {
	datagram := in.send(w.toSubject(), p)
	if fault := wire.Decode(&p, datagram); fault != (wire.Fault{}) {
		misused("the injector sent what is no packet: %s", fault.String())
	}
	w.given = append(w.given, injected{in, p, datagram, w.net.Now()})
}

// lastGivenOf is the last packet of a kind that an injector gave.
func (w *World) lastGivenOf(kind string, is func(*wire.Packet) bool) injected {
	for _, g := range slices.Backward(w.given) {
		if is(&g.packet) {
			return g
		}
	}
	panic(misuse("no injector gave the subject a %s", kind))
}

// An injected packet is one that an injector gave to the subject to relay.
type injected struct {
	in     *scripted
	packet wire.Packet
	sent   []byte
	at     time.Time
}

// acting brings the scenario up and finds an injector.
func (w *World) acting(name string) *scripted {
	w.up()
	return w.injector(name)
}

// address of an injector as others see it: its own, since injectors that are
// named to others stand on the public internet.
func (s *scripted) address() netip.AddrPort { return s.Main.Addr() }

// injector finds an injector by its name.
func (w *World) injector(name string) *scripted {
	at := slices.IndexFunc(w.injectors, func(in *scripted) bool { return in.host == name })
	if at < 0 {
		misused("the scenario has no injector %q", name)
	}
	return w.injectors[at]
}

// bySubject lists the datagrams of the subject to an injector's address, as
// they left.
func (w *World) bySubject(in *scripted) []seen {
	return slices.DeleteFunc(slices.Clone(w.sentBy(w.subject.host)), func(s seen) bool { return s.to.Addr() != in.address().Addr() })
}

// subjectSeenBy is where an injector last saw the subject's main socket.
func (w *World) subjectSeenBy(in *scripted) (netip.AddrPort, bool) {
	left := map[int]bool{}
	for _, s := range w.bySubject(in) {
		left[s.Datagram] = s.from.Port() == w.subject.port
	}
	for _, s := range slices.Backward(w.receivedBy(in.host)) {
		if left[s.Datagram] {
			return s.from, true
		}
	}
	return netip.AddrPort{}, false
}

// toSubject is where the subject's main socket is reached from outside.
func (w *World) toSubject() netip.AddrPort { return w.toPeer(w.subject) }

func (w *World) toPeer(p *peer) netip.AddrPort {
	return netip.AddrPortFrom(w.net.Addr(p.host), p.port)
}

// way is where an injector reaches a peer: behind a NAT it must have heard of
// it before.
func (w *World) way(in *scripted, p *peer) netip.AddrPort {
	if p == w.subject {
		if at, ok := w.subjectSeenBy(in); ok {
			return at
		}
	}
	return w.toPeer(p)
}

// observed is the source that the subject saw of the last datagram of an
// injector that reached it.
func (w *World) observed(in *scripted, p *peer) (netip.AddrPort, bool) {
	all := w.arrivedFrom(w.receivedBy(p.host), in.host)
	if len(all) == 0 {
		return netip.AddrPort{}, false
	}
	return all[len(all)-1].from, true
}

// stillPongs sends an honest ping from an injector and awaits the pong.
func (w *World) stillPongs(in *scripted, p *peer) {
	if !w.honestPing(in, p) {
		w.violated(frames(w.arrivedFrom(w.receivedBy(p.host), in.host)), "the subject did not answer an honest ping within %v", replyWithin)
	}
}

func (w *World) honestPing(in *scripted, p *peer) bool {
	body := in.Ping()
	id, _ := body.Get("pingId")
	if !p.indexed && p.natType().NATType == 0 {
		// A deployed peer dies of a plain ping then, which is LAT-MSG-007.
		body = body.With("isReflection", true).With("reflectionId", id)
	}
	in.send(w.way(in, p), injector.Control(wire.Ping, body))
	return w.await(replyWithin, func() bool { return in.ponged(id) })
}

// ponged reports whether a pong with a pingId has come to the main socket.
func (s *scripted) ponged(pingID any) bool {
	for _, r := range injector.Packets(s.Main) {
		if got, ok := r.Body().Get("pingId"); r.Packet.Type == wire.Pong && ok && got == pingID {
			return true
		}
	}
	return false
}

// An injector of the scenario, with what the script knows of it.
type scripted struct {
	*injector.Injector
	host   string
	mute   bool
	second bool // opens a second socket
	loses  injector.Losses

	bootstraps bool // is a bootstrap peer to the subject

	store *injector.Store // what it holds when it plays the other side of a sync
}

func (s *scripted) open(net lab.Net) {
	main := mustGet(net.Endpoint(s.host, injectorPort))
	s.Injector = injector.New(s.host, s.host, main, s.mute)
	s.Lost = s.loses
	if s.second {
		s.Aux = mustGet(net.Endpoint(s.host, injectorPort+1))
	}
}

// send sends a packet from the main socket and gives the datagram.
func (s *scripted) send(to netip.AddrPort, p wire.Packet) []byte { return mustGet(s.Send(to, p)) }

// sendBytes sends a datagram from the main socket.
func (s *scripted) sendBytes(to netip.AddrPort, datagram []byte) { must(s.Main.Send(to, datagram)) }

const injectorPort = 5100
