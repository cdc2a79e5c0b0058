package steps

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// theSubcluster is the one of the scenarios that name none.
const theSubcluster = "the same subcluster"

// join makes a peer a member of the subcluster of a name, once it knows its
// NAT type: before, a join has nothing to say.
func (w *World) join(p *peer, name string) error {
	if err := w.up(); err != nil {
		return err
	}
	if err := w.discovered(p); err != nil {
		return err
	}
	return w.joinNow(p, name)
}

func (w *World) joinNow(p *peer, name string) error {
	w.group = seal.NewKeys(seal.SharedKey(name))
	shared := w.group.SharedKey()
	var joined testee.JoinOK
	if err := w.call(p, testee.Join, testee.JoinWith{SharedKey: fmt.Sprintf("%x", shared)}, &joined); err != nil {
		return err
	}
	if want := fmt.Sprintf("%x", w.group.SubclusterID); joined.SubclusterID != want {
		return &verdict.Violation{Requirement: "LAT-KEY-001",
			Text: fmt.Sprintf("%s derives the subclusterId %s, and not %s", p, joined.SubclusterID, want)}
	}
	if !slices.Contains(w.members, p) {
		w.members = append(w.members, p)
	}
	return nil
}

// discovered awaits that a peer knows its NAT type. Scenarios that are not
// about discovery begin after it.
func (w *World) discovered(p *peer) error {
	if p.indexed {
		return nil
	}
	ok, err := w.await(discoveryWithin, func() bool { return p.natType().NATType != 0 })
	if err != nil || ok {
		return err
	}
	return &verdict.Blocked{Text: fmt.Sprintf("%s found no NAT type within %v", p, discoveryWithin)}
}

// settled finds an injector, in a scenario that has come up and whose subject
// has discovered its NAT type.
func (w *World) settled(name string) (*scripted, error) {
	in, err := w.acting(name)
	if err != nil {
		return nil, err
	}
	return in, w.discovered(w.subject)
}

func (w *World) whenBothJoin(name string) error {
	if err := w.up(); err != nil {
		return err
	}
	other, err := w.named(name)
	if err != nil {
		return err
	}
	if err := w.join(other, theSubcluster); err != nil {
		return err
	}
	w.joined = w.net.Now()
	return w.join(w.subject, theSubcluster)
}

func (w *World) whenSubjectJoins() error { return w.join(w.subject, theSubcluster) }

func (w *World) whenSubjectJoinsNamed(name string) error { return w.join(w.subject, name) }

func (w *World) whenPeerJoinsNamed(host, name string) error {
	p, err := w.named(host)
	if err != nil {
		return err
	}
	return w.join(p, name)
}

// thenConnected judges the path on the wire, each way: a datagram that one
// sent reached the other, and no peer handled it in between. The subject must
// also say that it is connected; by which way it believes so is not asked,
// since the routers know.
func (w *World) thenConnected(name string) error {
	return w.thenConnectedWithin(connectKeepalive, name)
}

func (w *World) thenConnectedWithin(intervals int, name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	within := time.Duration(intervals) * w.k()
	direct := func(from, to *peer) bool { return len(w.arrivedFrom(w.receivedBy(to.host), from.host)) > 0 }
	says := func() bool {
		return slices.ContainsFunc(eventsOf[testee.ConnectionEvent](w.subject, testee.Connection), func(e testee.ConnectionEvent) bool {
			return e.PeerID == other.id.String()
		})
	}
	ok, err := w.await(within, func() bool { return says() && direct(w.subject, other) && direct(other, w.subject) })
	if err != nil {
		return err
	}
	if ok {
		w.met(other)
		return nil
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
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)), "within %v %s", within, why)
}

func (w *World) thenPingedWhereIntroduced(name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	var intros []seen
	for _, s := range ofType(w.receivedBy(w.subject.host), wire.Intro) {
		if id, _ := s.body().Get("requesterPeerId"); id == other.id.String() {
			intros = append(intros, s)
		}
	}
	if len(intros) == 0 {
		return &verdict.Blocked{Text: fmt.Sprintf("the subject was never introduced to %s", other)}
	}
	pinged := func() bool {
		for _, i := range intros {
			target, ok := named(i.body())
			if ok && w.connectionPing(target, i.At) {
				return true
			}
		}
		return false
	}
	ok, err := w.await(answerWithin, pinged)
	if err != nil || ok {
		return err
	}
	return w.violated(frames(intros), "the subject was introduced to %s, and sent no connection ping to the address named", other)
}

// connectionPing says whether the subject sent one to an address after a time.
func (w *World) connectionPing(to netip.AddrPort, after time.Time) bool {
	return slices.ContainsFunc(ofType(w.sentBy(w.subject.host), wire.Ping), func(s seen) bool {
		return s.to == to && s.body().Says("isConnection") && !s.At.Before(after)
	})
}

// named is the address and port that a body names.
func named(b injector.Body) (netip.AddrPort, bool) {
	address, _ := b.Get("address")
	port, _ := b.Get("port")
	text, ok := address.(string)
	n, whole := port.(float64)
	if !ok || !whole {
		return netip.AddrPort{}, false
	}
	a, err := netip.ParseAddr(text)
	return netip.AddrPortFrom(a, uint16(n)), err == nil
}

// intro is an introduction of a peer at an address, made by an injector.
func (w *World) intro(in *scripted, target wire.ID, address string, port uint16, natType int) wire.Packet {
	p := w.forGroup(wire.Intro, 2, injector.Body{}.
		With("requesterPeerId", target.String()).
		With("responderPeerId", in.ID.String()).
		With("isRendezvous", false).
		With("natType", natType).
		With("address", address).
		With("port", port))
	p.Usr1 = w.milliseconds(0)
	return p
}

// groupID is the subcluster of the scenario, also before anybody joined one.
func (w *World) groupID() []byte {
	if len(w.members) == 0 {
		w.group = seal.NewKeys(seal.SharedKey(theSubcluster))
	}
	return w.group.SubclusterID[:]
}

// milliseconds is the lab's time and some more, as the wire writes it.
func (w *World) milliseconds(ahead time.Duration) []byte {
	return strconv.AppendInt(nil, w.net.Now().Add(ahead).UnixMilli(), 10)
}

// nobody is an address of the public realm that no lab gives away.
const nobody = "192.0.2.254"

func (w *World) whenIntroducesNobody(name string, natType int) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	w.told = &introduction{peer: seal.PeerID("nobody"), at: nobody}
	_, err = in.Send(w.toSubject(), w.intro(in, w.told.peer, nobody, 4001, natType))
	return err
}

func (w *World) whenIntroducesHostName(name, address string) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	w.told = &introduction{peer: seal.PeerID("nobody"), at: address}
	_, err = in.Send(w.toSubject(), w.intro(in, w.told.peer, address, 4001, 31))
	return err
}

// whenIntroducesSpelled names the address of another injector, but not as an
// IPv4 literal: in ways that libraries take for it.
func (w *World) whenIntroducesSpelled(name, target, spelled string) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	octets := t.address().Addr().As4()
	address := strconv.FormatUint(uint64(binary.BigEndian.Uint32(octets[:])), 10)
	switch spelled {
	case "in IPv6":
		address = "::ffff:" + t.address().Addr().String()
	case "with leading zeros":
		address = fmt.Sprintf("%03d.%03d.%03d.%03d", octets[0], octets[1], octets[2], octets[3])
	}
	w.told = &introduction{peer: t.ID, at: address}
	_, err = in.Send(w.toSubject(), w.intro(in, t.ID, address, t.address().Port(), 31))
	return err
}

// whenIntroducesUnanswered has an injector introduce the subject while that
// waits for a proof of its address.
func (w *World) whenIntroducesUnanswered(name, target string) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	in.Mute = true
	if _, err := in.Send(w.toSubject(), injector.Control(wire.Ping, in.ConnectionPing())); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	// Who obeys strangers may never ask: then nothing has to wait.
	if _, err := w.await(answerWithin, func() bool { return len(ofType(w.reached(name), wire.Ping)) > 0 }); err != nil {
		return err
	}
	if err := w.introduce(name, target, 31); err != nil {
		return err
	}
	in.Mute = false
	return nil
}

func (w *World) whenIntroduces(name, target string) error { return w.introduce(name, target, 31) }

// whenIntroducesAgain differs from the first introduction in its natType, so
// that no gate takes it for a repetition.
func (w *World) whenIntroducesAgain(name, target string) error { return w.introduce(name, target, 15) }

func (w *World) introduce(name, target string, natType int) error {
	in, err := w.settled(name)
	if err != nil {
		return err
	}
	t, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	w.told = &introduction{peer: t.ID, at: t.address().Addr().String()}
	_, err = in.Send(w.toSubject(), w.intro(in, t.ID, t.address().Addr().String(), t.address().Port(), natType))
	return err
}

func (w *World) thenNoConnectionToThat() error {
	for _, e := range eventsOf[testee.ConnectionEvent](w.subject, testee.Connection) {
		if e.PeerID == w.told.peer.String() {
			return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
				"the subject reports a connection to a peer at %s, from which nothing ever came", w.told.at)
		}
	}
	return nil
}

func (w *World) thenNothingReaches(target string) error {
	in, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	if all := w.reached(in.host); len(all) > 0 {
		return w.violated(frames(all), "%d datagrams of the subject reached %q", len(all), target)
	}
	return nil
}

func (w *World) thenConnectionPingReaches(target string) error {
	in, err := w.scriptedNamed(target)
	if err != nil {
		return err
	}
	ok, err := w.await(answerWithin, func() bool {
		return slices.ContainsFunc(ofType(w.reached(in.host), wire.Ping), func(s seen) bool { return s.body().Says("isConnection") })
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)), "no connection ping of the subject reached %q", target)
}

func (w *World) thenJoinHas(hops int, keys string) error {
	var joins []seen
	ok, err := w.await(answerWithin, func() bool {
		joins = ofType(w.sentBy(w.subject.host), wire.Join)
		return len(joins) > 0
	})
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(w.sentBy(w.subject.host)), "the subject sent no join")
	}
	for _, s := range joins {
		if own, _ := s.body().Get("requesterPeerId"); own != w.subject.id.String() {
			continue // relayed for somebody else
		}
		if int(s.packet.Hops) != hops {
			return w.violated([]int{s.Seq}, "a join of the subject has hops %d", s.packet.Hops)
		}
		if len(s.packet.ClusterID) != 32 {
			return w.violated([]int{s.Seq}, "the clusterId of a join has %d bytes", len(s.packet.ClusterID))
		}
		for _, key := range words(keys) {
			if _, ok := s.body().Get(key); !ok {
				return w.violated([]int{s.Seq}, "a join of the subject lacks the key %s", key)
			}
		}
	}
	return nil
}

func (w *World) thenHeartbeats(intervals, count int) error {
	var hosts []string
	for _, b := range w.bootstraps() {
		hosts = append(hosts, b.host)
	}
	return w.heartbeats(intervals, hosts, count)
}

func (w *World) thenHeartbeatsReach(intervals int, name string, count int) error {
	return w.heartbeats(intervals, []string{name}, count)
}

// heartbeats wants so many more pings of the subject at each of the hosts.
func (w *World) heartbeats(intervals int, hosts []string, count int) error {
	beats := func(host string) int {
		return len(slices.DeleteFunc(ofType(w.reached(host), wire.Ping), func(s seen) bool { return s.body().Says("isProbe") }))
	}
	start := map[string]int{}
	for _, host := range hosts {
		start[host] = beats(host)
	}
	var short string
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool {
		at := slices.IndexFunc(hosts, func(host string) bool { return beats(host)-start[host] < count })
		if at >= 0 {
			short = hosts[at]
		}
		return at < 0
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
		"%d pings of the subject reached %q within %d keepalive intervals, and not %d", beats(short)-start[short], short, intervals, count)
}

// thenReflectionPings wants so many reflection pings at an injector, and none
// without isReflection and isConnection.
func (w *World) thenReflectionPings(intervals, count int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	var reflections, plain []int
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool {
		reflections, plain = nil, nil
		for _, s := range ofType(w.reached(in.host), wire.Ping) {
			switch b := s.body(); {
			case b.Says("isReflection"):
				reflections = append(reflections, s.Seq)
			case isPlain(b):
				plain = append(plain, s.Seq)
			}
		}
		return len(plain) > 0 || len(reflections) >= count
	})
	switch {
	case err != nil:
		return err
	case len(plain) > 0:
		return w.violated(plain, "a plain ping of the subject reached %q", name)
	case !ok:
		return w.violated(reflections, "%d reflection pings of the subject reached %q within %d keepalive intervals, and not %d", len(reflections), name, intervals, count)
	}
	return nil
}
