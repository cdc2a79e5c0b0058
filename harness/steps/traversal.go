package steps

import (
	"fmt"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/result"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// traversal is what steps of chapter 6 share.
type traversal struct {
	told    *introduction // the last introduction that an injector made
	joined  time.Time     // when the second of two peers was told to join
	path    result.Path   // by which the subject and another peer were found to be connected
	meeting *result.Meeting
}

var _ = step("trav/exchange-packets", `^within (\d+) keepalive intervals the subject and "([^"]+)" exchange packets, directly or by a proxy$`,
	(*World).thenExchange)

// thenExchange wants packets that pass both ways after the last change, if there
// was one: of each to the other directly, or joins of each by a peer in between,
// which for those that come to the subject it has to name as its proxy.
func (w *World) thenExchange(intervals int, name string) {
	other := w.named(name)
	// What was on its way when the change came proves nothing.
	after := w.changed.Add(time.Second)
	ok := w.await(time.Duration(intervals)*w.k(), func() bool {
		if w.direct(w.subject.host, other.host, after) && w.direct(other.host, w.subject.host, after) {
			return true
		}
		return w.byProxy(other, after) && len(w.joinsOf(w.subject.id, other.host, after)) > 0
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
			"within %d keepalive intervals the subject and %s do not exchange packets, neither directly nor by a proxy", intervals, other)
	}
}

// byProxy reports whether a join of another peer has come after a time from the
// one that the subject named last as its proxy to it.
func (w *World) byProxy(other *peer, after time.Time) bool {
	all := w.connections(other.id)
	if len(all) == 0 {
		return false
	}
	proxy := all[len(all)-1].Proxy
	for _, p := range w.peers {
		if p.id.String() == proxy && p != other && len(w.arrivedFrom(w.joinsOf(other.id, w.subject.host, after), p.host)) > 0 {
			return true
		}
	}
	return false
}

// traversalKeepalive is how many keepalive intervals two peers have from their
// joins to a connection where ports are guessed, which may fail: then the proxy
// has to be seen to work.
const traversalKeepalive = 5

func (w *World) changeNAT(host string, c internet.Change) {
	c.Node = "nat-" + host
	w.changed = w.net.Now()
	must(w.net.Change(c))
}

// direct reports whether a packet that one host sent after a time reached the
// other with no peer in between. Openers are no packets.
func (w *World) direct(from, to string, after time.Time) bool {
	return slices.ContainsFunc(w.arrivedFrom(w.receivedBy(to), from), func(s seen) bool { return s.packet != nil && s.At.After(after) })
}

// connections are what the subject reported of a peer, oldest first.
func (w *World) connections(id wire.ID) []testee.ConnectionEvent {
	return slices.DeleteFunc(eventsOf[testee.ConnectionEvent](w.subject, testee.Connection), func(e testee.ConnectionEvent) bool {
		return e.PeerID != id.String()
	})
}

var _ = step("trav/connected-anyhow", `^the subject and "([^"]+)" are connected, punched or through a proxy$`,
	(*World).thenConnectedAnyhow)

// thenConnectedAnyhow wants a connection, over whatever way. Which it was is
// read off the routers.
func (w *World) thenConnectedAnyhow(name string) {
	other := w.named(name)
	within := traversalKeepalive * w.k()
	ok := w.await(within, func() bool {
		if len(w.connections(other.id)) == 0 {
			return false
		}
		return w.direct(w.subject.host, other.host, time.Time{}) && w.direct(other.host, w.subject.host, time.Time{}) || w.throughProxy(other) != ""
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
			"within %v the subject and %s are connected neither directly nor through a proxy", within, other)
	}
	w.met(other)
	if proxy := w.throughProxy(other); !w.direct(other.host, w.subject.host, time.Time{}) {
		w.traversal.path = result.Path{Kind: result.Relayed, By: proxy}
	} else {
		w.traversal.path = result.Path{Kind: result.Punched}
	}
}

// met takes down what it took the subject and another peer to be connected.
func (w *World) met(other *peer) {
	if w.traversal.joined.IsZero() {
		return
	}
	w.traversal.meeting = &result.Meeting{Seconds: w.net.Now().Sub(w.traversal.joined).Seconds()}
	for _, host := range []string{w.subject.host, other.host} {
		for f := range w.net.Trace().SentBy(host) {
			if f.At.After(w.traversal.joined) {
				w.traversal.meeting.Packets++
			}
		}
	}
}

// throughProxy is the host of the peer that the subject names as its proxy to
// another, if a join of that one has come to the subject from there.
func (w *World) throughProxy(other *peer) string {
	for _, e := range w.connections(other.id) {
		for _, p := range w.peers {
			if e.Proxy != p.id.String() {
				continue
			}
			for _, s := range ofType(w.arrivedFrom(w.receivedBy(w.subject.host), p.host), wire.Join) {
				if id, _ := s.body().Get("requesterPeerId"); id == other.id.String() {
					return p.host
				}
			}
		}
	}
	return ""
}

var _ = step("trav/connected-by-proxy", `^the subject and "([^"]+)" are connected through a proxy$`,
	(*World).thenProxied)

// thenProxied wants a connection through a proxy, and sees on the wire that
// there is no other way.
func (w *World) thenProxied(name string) {
	other := w.named(name)
	within := traversalKeepalive * w.k()
	ok := w.await(within, func() bool { return w.throughProxy(other) != "" })
	for _, way := range [][2]string{{w.subject.host, other.host}, {other.host, w.subject.host}} {
		if w.direct(way[0], way[1], time.Time{}) {
			misused("a datagram of %q reached %q directly, which its NAT should not let in", way[0], way[1])
		}
	}
	if ok {
		w.met(other)
		w.traversal.path = result.Path{Kind: result.Relayed, By: w.throughProxy(other)}
		return
	}
	w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
		"within %v the subject reports no connection to %s through a proxy from which something of it has come", within, other)
}

var _ = step("trav/reached-again", `^within (\d+) keepalive intervals the subject and "([^"]+)" reach each other again$`,
	(*World).thenReachAgain)

// thenReachAgain wants packets that pass both ways again after a change.
func (w *World) thenReachAgain(intervals int, name string) {
	other := w.named(name)
	within := time.Duration(intervals) * w.k()
	// What was on its way when the change came proves nothing.
	after := w.changed.Add(time.Second)
	ok := w.await(within, func() bool {
		return w.direct(w.subject.host, other.host, after) && w.direct(other.host, w.subject.host, after)
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
			"within %d keepalive intervals packets pass between the subject and %s directly at most one way", intervals, other)
	}
}

var _ = step("trav/not-connected", `^the subject reports no connection to "([^"]+)"$`,
	(*World).thenNotConnected)

func (w *World) thenNotConnected(name string) {
	other := w.idOf(name)
	if all := w.connections(other); len(all) > 0 {
		w.violated(nil, "the subject reports a connection to %q, of which nothing can have come", name)
	}
}

var _ = step("trav/reports-proxy", `^the subject reports a connection to "([^"]+)" by the proxy "([^"]+)"$`,
	(*World).thenReportsConnection)
var _ = step("trav/reports-direct", `^the subject reports a connection to "([^"]+)" without a proxy$`,
	func(w *World, name string) { w.thenReportsConnection(name, "") })

func (w *World) thenReportsConnection(name string, proxied string) {
	in := w.injector(name)
	proxy := ""
	if proxied != "" {
		by := w.injector(proxied)
		proxy = by.ID.String()
	}
	var last testee.ConnectionEvent
	ok := w.await(replyWithin, func() bool {
		all := w.connections(in.ID)
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		return len(all) > 0 && last.Proxy == proxy
	})
	if !ok {
		if last.PeerID == "" {
			w.violated(nil, "the subject reports no connection to %q", name)
		}
		w.violated(nil, "the subject reports the connection to %q with the proxy %q", name, last.Proxy)
	}
}

var _ = step("trav/connected-directly", `^the subject and "([^"]+)" are connected without a proxy$`,
	(*World).thenConnected)

// thenConnected judges the path on the wire, each way: a datagram that one
// sent reached the other, and no peer handled it in between. The subject must
// also say that it is connected; by which way it believes so is not asked,
// since the routers know.
func (w *World) thenConnected(name string) {
	w.thenConnectedWithin(connectKeepalive, name)
}

var _ = step("trav/connected-directly-within", `^within (\d+) keepalive intervals the subject and "([^"]+)" are connected without a proxy$`,
	(*World).thenConnectedWithin)

func (w *World) thenConnectedWithin(intervals int, name string) {
	other := w.named(name)
	within := time.Duration(intervals) * w.k()
	direct := func(from, to *peer) bool { return len(w.arrivedFrom(w.receivedBy(to.host), from.host)) > 0 }
	says := func() bool {
		return slices.ContainsFunc(eventsOf[testee.ConnectionEvent](w.subject, testee.Connection), func(e testee.ConnectionEvent) bool {
			return e.PeerID == other.id.String()
		})
	}
	if w.await(within, func() bool { return says() && direct(w.subject, other) && direct(other, w.subject) }) {
		w.met(other)
		return
	}
	var why string
	switch {
	case !direct(other, w.subject):
		why = fmt.Sprintf("nothing that %s sent reached the subject directly", other)
	case !direct(w.subject, other):
		why = fmt.Sprintf("nothing that the subject sent reached %s directly", other)
	default:
		why = fmt.Sprintf("datagrams pass both ways, but the subject reports no connection to %s", other)
	}
	w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)), "within %v %s", within, why)
}
