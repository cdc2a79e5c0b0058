package steps

import (
	"strings"

	"punchlist/harness/injector"
	"punchlist/reference/wire"
)

var _ = step("msg/injector-pings-from-second-socket", `^"([^"]+)" pings the subject from its second socket$`,
	(*World).whenPingsFromSecond)

// whenPingsFromSecond pings in the name by which the injector is known, from a
// port where it is not.
func (w *World) whenPingsFromSecond(name string) {
	in := w.acting(name)
	body := injector.Body{}.With("requesterPeerId", in.ID.String())
	ping := injector.Control(wire.Ping, body)
	must(in.Aux.Send(w.toSubject(), mustGet(wire.Append(nil, &ping))))
	w.messages.pings = append(w.messages.pings, exchange{in, w.subject, body})
}

var _ = step("memb/injector-known", `^"([^"]+)" is known to the subject$`,
	(*World).whenKnown)

// whenKnown makes an injector a peer that the subject is connected to and has
// verified, if it verifies: a connection ping, whatever the subject asks in
// turn (the injector reacts), and an honest ping behind it all.
func (w *World) whenKnown(name string) {
	w.known(name, func(*wire.Packet, *injector.Injector) {})
}

var _ = step("memb/injector-known-as-member", `^"([^"]+)" is known to the subject as a member of the cluster$`,
	(*World).whenKnownMember)

// whenKnownMember is whenKnown for a member of the subject's cluster.
func (w *World) whenKnownMember(name string) {
	w.known(name, func(p *wire.Packet, _ *injector.Injector) { p.ClusterID = cluster[:] })
}

var _ = step("id/injector-known-in-upper-case", `^"([^"]+)" is known to the subject, and writes its peerId in upper case$`,
	(*World).whenKnownInUpperCase)

// whenKnownInUpperCase is whenKnown for one that writes its peerId otherwise
// than it does in its pongs.
func (w *World) whenKnownInUpperCase(name string) {
	w.known(name, func(p *wire.Packet, in *injector.Injector) {
		p.Message = in.ConnectionPing().With("requesterPeerId", strings.ToUpper(in.ID.String())).JSON()
	})
}

func (w *World) known(name string, change func(*wire.Packet, *injector.Injector)) {
	in := w.settled(name)
	p := injector.Control(wire.Ping, in.ConnectionPing())
	change(&p, in.Injector)
	in.send(w.toSubject(), p)
	for range 2 {
		if !w.honestPing(in, w.subject) {
			blocked("the subject did not answer %q, so it can't come to know it", name)
		}
	}
}

var _ = step("qry/injector-known-to-peer", `^"([^"]+)" is known to "([^"]+)"$`,
	(*World).whenKnownTo)

// whenKnownTo makes an injector a peer that another peer than the subject is
// connected to.
func (w *World) whenKnownTo(name, host string) {
	in := w.acting(name)
	p := w.named(host)
	in.send(w.toPeer(p), injector.Control(wire.Ping, in.ConnectionPing()))
	for range 2 {
		if !w.honestPing(in, p) {
			w.unfit(p, "it did not answer %q, so it can't come to know it", name)
		}
	}
}

var _ = step("sec/injector-pings-in-name-of", `^"([^"]+)" sends the subject a connection ping in the name of "([^"]+)"$`,
	(*World).whenInTheNameOf)

func (w *World) whenInTheNameOf(name, other string) {
	in := w.acting(name)
	o := w.injector(other)
	body := in.ConnectionPing().With("requesterPeerId", o.ID.String())
	in.send(w.toSubject(), injector.Control(wire.Ping, body))
}
