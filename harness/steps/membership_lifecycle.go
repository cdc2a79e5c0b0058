package steps

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

var _ = step("memb/subject-falls-asleep", `^the subject falls asleep$`,
	(*World).whenFallsAsleep)

func (w *World) whenFallsAsleep() {
	w.call(w.subject, testee.Sleep, nil, nil)
	// What left before the reply may not be in the trace yet, for a while where
	// the machine is busy. Who does not sleep goes on sending after it.
	for range 5 {
		before := len(w.sentBy(w.subject.host))
		w.pass(200 * time.Millisecond)
		if w.membership.asleepSince = len(w.sentBy(w.subject.host)); w.membership.asleepSince == before {
			break
		}
	}
}

var _ = step("memb/subject-wakes", `^the subject wakes$`,
	(*World).whenWakes)

func (w *World) whenWakes() {
	w.changed = w.net.Now()
	w.call(w.subject, testee.Wake, nil, nil)
}

var _ = step("memb/silent-in-sleep", `^for (\d+) keepalive intervals the subject sends nothing$`,
	(*World).thenSilentInSleep)

func (w *World) thenSilentInSleep(intervals int) {
	w.pass(time.Duration(intervals) * w.k())
	if sent := w.sentBy(w.subject.host)[w.membership.asleepSince:]; len(sent) > 0 {
		w.violated(frames(sent), "the subject sent %d datagrams in its sleep", len(sent))
	}
}

// keysOf are those of a subcluster that a scenario names.
func keysOf(name string) seal.Keys { return seal.NewKeys(seal.SharedKey(name)) }

var _ = step("memb/subject-leaves", `^the subject leaves the subcluster "([^"]+)"$`,
	(*World).whenLeaves)

func (w *World) whenLeaves(name string) {
	keys := keysOf(name)
	w.changed = w.net.Now()
	w.call(w.subject, testee.Leave, testee.LeaveWith{SubclusterID: hex.EncodeToString(keys.SubclusterID[:])}, nil)
}

// ownJoins lists the joins that the subject sent in its own name since a time.
func (w *World) ownJoins(since time.Time) []seen {
	return slices.DeleteFunc(ofType(w.sentBy(w.subject.host), wire.Join), func(s seen) bool {
		return s.At.Before(since) || s.packet.Body.RequesterPeerID != w.subject.id
	})
}

var _ = step("memb/joins-repeated", `^within (\d+) keepalive intervals the subject sends (\d+) more joins for each subcluster that it joined$`,
	(*World).thenMoreJoins)

// thenMoreJoins counts the joins after the first one for each subcluster. What
// leaves shortly after another one is the same join to somebody else, or one of
// the two that the end of NAT discovery sets off.
func (w *World) thenMoreJoins(intervals, count int) {
	apart := w.keepalive(w.o.Subject) / 4
	var joined []wire.ID
	for _, j := range w.subject.joined {
		if shared, err := hex.DecodeString(j.SharedKey); err == nil && len(shared) == 32 {
			joined = append(joined, seal.NewKeys([32]byte(shared)).SubclusterID)
		}
	}
	var lacking string
	enough := func() bool {
		for _, id := range joined {
			more, last := -1, time.Time{}
			for _, s := range w.ownJoins(time.Time{}) {
				if string(s.packet.SubclusterID) == string(id[:]) && !s.At.Before(last.Add(apart)) {
					more, last = more+1, s.At
				}
			}
			if more < count {
				lacking = fmt.Sprintf("%d more joins for the subcluster %x…", max(more, 0), id[:4])
				return false
			}
		}
		return true
	}
	if !w.await(time.Duration(intervals)*w.k(), enough) {
		w.violated(frames(w.ownJoins(time.Time{})), "within %d keepalive intervals the subject sent %s, and not %d", intervals, lacking, count)
	}
}

var _ = step("memb/announces-no-more", `^for (\d+) keepalive intervals the subject announces itself no more$`,
	(*World).thenNoMoreJoins)

func (w *World) thenNoMoreJoins(intervals int) {
	w.pass(time.Duration(intervals) * w.k())
	// What it had in its queue may still leave.
	if all := w.ownJoins(w.changed.Add(time.Second)); len(all) > 0 {
		w.violated(frames(all), "the subject sent %d joins in its own name", len(all))
	}
}

var _ = step("memb/joins-only", `^in (\d+) keepalive intervals the subject joins the subcluster "([^"]+)" alone$`,
	(*World).thenJoinsOnly)

func (w *World) thenJoinsOnly(intervals int, name string) {
	w.pass(time.Duration(intervals) * w.k())
	all := w.ownJoins(time.Time{})
	if len(all) == 0 {
		w.violated(nil, "the subject sent no join in its own name")
	}
	keys := keysOf(name)
	others := slices.DeleteFunc(all, func(s seen) bool { return string(s.packet.SubclusterID) == string(keys.SubclusterID[:]) })
	if len(others) > 0 {
		w.violated(frames(others), "the subject sent %d joins in its own name for subclusters that it was not told to join", len(others))
	}
}

var _ = step("memb/counts-member", `^the subject counts "([^"]+)" as a member of "([^"]+)", and no other peer$`,
	(*World).thenCountsMember)

func (w *World) thenCountsMember(name, group string) {
	member := w.idOf(name)
	keys := keysOf(group)
	var counted []string
	list := func() {
		var ok testee.PeersOK
		w.call(w.subject, testee.Peers, nil, &ok)
		counted = nil
		for _, p := range ok.Peers {
			if slices.Contains(p.Subclusters, hex.EncodeToString(keys.SubclusterID[:])) {
				counted = append(counted, p.PeerID)
			}
		}
	}
	for until := w.net.Now().Add(3 * w.k()); ; {
		list()
		if slices.Contains(counted, member.String()) || w.net.Now().After(until) {
			break
		}
		w.pass(time.Second)
	}
	if len(counted) != 1 || counted[0] != member.String() {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "the subject counts %d peers as members, and not %q alone", len(counted), name)
	}
}

var _ = step("memb/relays-joins-of", `^within (\d+) keepalive intervals the subject relays a join of "([^"]+)" to "([^"]+)"$`,
	(*World).thenRelaysJoinsOf)

// thenRelaysJoinsOf wants a join of one peer to come to another by the subject,
// from now on.
func (w *World) thenRelaysJoinsOf(intervals int, name, to string) {
	requester := w.idOf(name)
	other := w.named(to)
	since := w.net.Now()
	ok := w.await(time.Duration(intervals)*w.k(), func() bool {
		return len(w.arrivedFrom(w.joinsOf(requester, other.host, since), w.subject.host)) > 0
	})
	if !ok {
		came := w.joinsOf(requester, w.subject.host, since)
		if len(came) == 0 {
			blocked("within %d keepalive intervals no join of %q came to the subject", intervals, name)
		}
		w.violated(frames(came), "joins of %q came to the subject, and within %d keepalive intervals it relayed none to %q", name, intervals, to)
	}
}

var _ = step("memb/reports-error", `^the subject reports an error$`,
	(*World).thenReportsError)

func (w *World) thenReportsError() {
	if !w.await(replyWithin, func() bool { return len(w.subject.events(testee.ErrorEvent)) > 0 }) {
		w.violated(nil, "the subject reported no error")
	}
}
