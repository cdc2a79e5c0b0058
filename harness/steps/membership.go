package steps

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// membership is what steps of chapter 7 share.
type membership struct {
	members     []*peer // that joined a subcluster, in order
	group       seal.Keys
	asleepSince int // datagrams that the subject had sent when it fell asleep
}

// joinsOf lists the joins of a peer that a host got after a time, from whomever.
func (w *World) joinsOf(requester wire.ID, host string, after time.Time) []seen {
	return slices.DeleteFunc(ofType(w.receivedBy(host), wire.Join), func(s seen) bool {
		return !s.At.After(after) || s.packet.Body.RequesterPeerID != requester
	})
}

// theJoin is a join of an injector for the scenario's subcluster. A salt
// makes it another join in every byte that its packetId is made of.
func (w *World) theJoin(in *scripted, hops uint32, salt string) wire.Packet {
	key := base64.StdEncoding.EncodeToString(cluster[:]) + ":" + base64.StdEncoding.EncodeToString(w.groupID())
	return w.forGroup(wire.Join, hops, joinBody(in).With("key", key+salt))
}

// joinBody is the part of a join's body that says who asks.
func joinBody(in *scripted) injector.Body {
	return injector.Body{}.
		With("requesterPeerId", in.ID.String()).
		With("natType", injector.NATType).
		With("address", in.address().Addr().String()).
		With("port", in.address().Port())
}

// forGroup is a control packet for the scenario's cluster and subcluster.
func (w *World) forGroup(t wire.Type, hops uint32, body injector.Body) wire.Packet {
	p := injector.Control(t, body)
	p.ClusterID = cluster[:]
	p.SubclusterID = w.groupID()
	p.Hops = hops
	return p
}

var _ = step("memb/injector-sends-join", `^"([^"]+)" sends the subject a join$`,
	func(w *World, name string) { w.joinWith(name, 1, 1, "") })

var _ = step("memb/injector-sends-join-twice", `^"([^"]+)" sends the subject a join twice$`,
	func(w *World, name string) { w.joinWith(name, 1, 2, "") })

var _ = step("memb/injector-sends-join-hops", `^"([^"]+)" sends the subject a join with hops (\d+)$`,
	func(w *World, name string, hops int) { w.joinWith(name, uint32(hops), 1, "") })

var _ = step("memb/injector-sends-another-join-hops", `^"([^"]+)" sends the subject another join with hops (\d+)$`,
	func(w *World, name string, hops int) { w.joinWith(name, uint32(hops), 1, "=") })

var _ = step("memb/injector-sends-different-joins", `^"([^"]+)" sends the subject (\d+) different joins$`,
	(*World).whenDifferentJoins)

// whenDifferentJoins gives joins of one requester that differ, so that each is one
// of its own to a relay.
func (w *World) whenDifferentJoins(name string, count int) {
	for i := range count {
		w.joinWith(name, 1, 1, strings.Repeat("=", i))
	}
}

func (w *World) joinWith(name string, hops uint32, times int, salt string) {
	in := w.acting(name)
	for range times {
		w.give(in, w.theJoin(in, hops, salt))
		w.pass(50 * time.Millisecond)
	}
}

var _ = step("memb/injector-sends-join-with-rendezvous", `^"([^"]+)" sends the subject a join with "([^"]+)" as the rendezvous$`,
	(*World).whenJoinWithRendezvous)

// whenJoinWithRendezvous relays a join of a peer far away, with an injector
// as the rendezvous.
func (w *World) whenJoinWithRendezvous(name, rendezvous string) {
	in := w.acting(name)
	r := w.injector(rendezvous)
	w.traversal.told = &introduction{peer: seal.PeerID("far away")}
	w.give(in, w.forGroup(wire.Join, 2, injector.Body{}.
		With("requesterPeerId", w.traversal.told.peer.String()).
		With("natType", 7).
		With("address", nobody).
		With("port", 4001).
		With("rendezvousAddress", r.address().Addr().String()).
		With("rendezvousPort", r.address().Port()).
		With("rendezvousType", injector.NATType).
		With("rendezvousPeerId", r.ID.String()).
		With("rendezvousDeadline", w.net.Now().Add(w.k()).UnixMilli())))
}

var _ = step("memb/injector-sends-rendezvous-answer", `^"([^"]+)" sends the subject a rendezvous answer that names "([^"]+)"$`,
	(*World).whenRendezvousAnswer)

// whenRendezvousAnswer tells the subject, as the rendezvous, that an injector
// answers the join of another.
func (w *World) whenRendezvousAnswer(name, requester string) {
	in := w.acting(name)
	other := w.injector(requester)
	w.give(in, w.forGroup(wire.Join, 0, joinBody(in).
		With("rendezvousType", injector.NATType).
		With("rendezvousPeerId", w.subject.id.String()).
		With("rendezvousRequesterPeerId", other.ID.String())))
}

var _ = step("memb/join-reaches", `^a join from the subject reaches "([^"]+)" with:$`,
	(*World).thenJoinReaches)

func (w *World) thenJoinReaches(name string, keys *godog.Table) {
	in := w.injector(name)
	var joins []seen
	ok := w.await(replyWithin, func() bool {
		joins = ofType(w.reached(in.host), wire.Join)
		return len(joins) > 0
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "no join of the subject reached %q", name)
	}
	for _, row := range keys.Rows {
		key, want := row.Cells[0].Value, row.Cells[1].Value
		got, _ := joins[0].body().Get(key)
		expected := w.subject.id.String()
		switch {
		case want == "of the join's requester":
			expected = w.traversal.told.peer.String()
		case strings.HasPrefix(want, `of "`):
			other := w.injector(strings.Trim(strings.TrimPrefix(want, "of "), `"`))
			expected = other.ID.String()
		}
		if got != expected {
			w.violated([]int{joins[0].Seq}, "in the join %s is %v, and not %s", key, got, expected)
		}
	}
}

var _ = step("memb/both-try-to-join", `^the subject and "([^"]+)" try to join the same subcluster$`,
	(*World).whenBothTry)

// whenBothTry has the subject and a companion join before they know their NAT
// types, which they may never find.
func (w *World) whenBothTry(name string) {
	w.up()
	other := w.named(name)
	for _, p := range []*peer{other, w.subject} {
		w.joinNow(p, theSubcluster)
	}
}

var _ = step("memb/injector-relays-join", `^"([^"]+)" passes on a join of "([^"]+)"$`,
	(*World).whenPassesOnJoin)

// whenPassesOnJoin has an injector relay a join of another, which it has from
// that one itself.
func (w *World) whenPassesOnJoin(name, requester string) {
	in := w.settled(name)
	r := w.injector(requester)
	in.send(w.toSubject(), w.theJoin(r, 2, ""))
}

// theSubcluster is the one of the scenarios that name none.
const theSubcluster = "the same subcluster"

// join makes a peer a member of the subcluster of a name, once it knows its
// NAT type: before, a join has nothing to say.
func (w *World) join(p *peer, name string) {
	w.up()
	w.discovered(p)
	w.joinNow(p, name)
}

func (w *World) joinNow(p *peer, name string) {
	w.membership.group = seal.NewKeys(seal.SharedKey(name))
	shared := w.membership.group.SharedKey()
	var joined testee.JoinOK
	w.call(p, testee.Join, testee.JoinWith{SharedKey: fmt.Sprintf("%x", shared)}, &joined)
	if want := fmt.Sprintf("%x", w.membership.group.SubclusterID); joined.SubclusterID != want {
		fail(&verdict.Violation{Requirement: "LAT-KEY-001",
			Text: fmt.Sprintf("%s derives the subclusterId %s, and not %s", p, joined.SubclusterID, want)})
	}
	if !slices.Contains(w.membership.members, p) {
		w.membership.members = append(w.membership.members, p)
	}
}

var _ = step("memb/both-join", `^the subject and "([^"]+)" join the same subcluster$`,
	(*World).whenBothJoin)

func (w *World) whenBothJoin(name string) {
	w.up()
	other := w.named(name)
	w.join(other, theSubcluster)
	w.traversal.joined = w.net.Now()
	w.join(w.subject, theSubcluster)
}

var _ = step("memb/subject-joins", `^the subject joins a subcluster$`,
	func(w *World) { w.join(w.subject, theSubcluster) })

var _ = step("memb/subject-joins-named", `^the subject joins the subcluster "([^"]+)"$`,
	func(w *World, name string) { w.join(w.subject, name) })

var _ = step("memb/peer-joins", `^"([^"]+)" joins a subcluster$`,
	func(w *World, host string) { w.whenPeerJoinsNamed(host, theSubcluster) })
var _ = step("memb/peer-joins-named", `^"([^"]+)" joins the subcluster "([^"]+)"$`,
	(*World).whenPeerJoinsNamed)

func (w *World) whenPeerJoinsNamed(host, name string) {
	w.join(w.named(host), name)
}

// groupID is the subcluster of the scenario, also before anybody joined one.
func (w *World) groupID() []byte {
	if len(w.membership.members) == 0 {
		w.membership.group = seal.NewKeys(seal.SharedKey(theSubcluster))
	}
	return w.membership.group.SubclusterID[:]
}

var _ = step("memb/join-sent-with", `^the subject has sent a join with hops (\d+) and these keys: ([\w, ]+)$`,
	(*World).thenJoinHas)

func (w *World) thenJoinHas(hops int, keys string) {
	var joins []seen
	ok := w.await(replyWithin, func() bool {
		joins = ofType(w.sentBy(w.subject.host), wire.Join)
		return len(joins) > 0
	})
	if !ok {
		w.violated(frames(w.sentBy(w.subject.host)), "the subject sent no join")
	}
	for _, s := range joins {
		if own, _ := s.body().Get("requesterPeerId"); own != w.subject.id.String() {
			continue // relayed for somebody else
		}
		if int(s.packet.Hops) != hops {
			w.violated([]int{s.Seq}, "a join of the subject has hops %d", s.packet.Hops)
		}
		if len(s.packet.ClusterID) != 32 {
			w.violated([]int{s.Seq}, "the clusterId of a join has %d bytes", len(s.packet.ClusterID))
		}
		for _, key := range words(keys) {
			if _, ok := s.body().Get(key); !ok {
				w.violated([]int{s.Seq}, "a join of the subject lacks the key %s", key)
			}
		}
	}
}

var _ = step("memb/heartbeats-to-bootstraps", `^within (\d+) keepalive intervals each bootstrap peer gets (\d+) heartbeats of the subject$`,
	(*World).thenHeartbeats)

func (w *World) thenHeartbeats(intervals, count int) {
	var hosts []string
	for _, b := range w.bootstraps() {
		hosts = append(hosts, b.host)
	}
	w.heartbeats(intervals, hosts, count)
}

var _ = step("memb/heartbeats-reach", `^within (\d+) keepalive intervals "([^"]+)" gets (\d+) heartbeats of the subject$`,
	func(w *World, intervals int, name string, count int) { w.heartbeats(intervals, []string{name}, count) })

// heartbeats wants so many more pings of the subject at each of the hosts.
func (w *World) heartbeats(intervals int, hosts []string, count int) {
	beats := func(host string) int {
		return len(slices.DeleteFunc(ofType(w.reached(host), wire.Ping), func(s seen) bool { return s.body().Says("isProbe") }))
	}
	start := map[string]int{}
	for _, host := range hosts {
		start[host] = beats(host)
	}
	var short string
	ok := w.await(time.Duration(intervals)*w.k(), func() bool {
		at := slices.IndexFunc(hosts, func(host string) bool { return beats(host)-start[host] < count })
		if at >= 0 {
			short = hosts[at]
		}
		return at < 0
	})
	if !ok {
		w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Ping)),
			"%d pings of the subject reached %q within %d keepalive intervals, and not %d", beats(short)-start[short], short, intervals, count)
	}
}
