package steps

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

func (w *World) whenFallsAsleep() error {
	if err := w.call(w.subject, testee.Sleep, nil, nil); err != nil {
		return err
	}
	// What left before the reply may not be in the trace yet, for a while where
	// the machine is busy. Who does not sleep goes on sending after it.
	for range 5 {
		before := len(w.sentBy(w.subject.host))
		if err := w.pass(200 * time.Millisecond); err != nil {
			return err
		}
		if w.asleepSince = len(w.sentBy(w.subject.host)); w.asleepSince == before {
			break
		}
	}
	return nil
}

func (w *World) whenWakes() error {
	w.changed = w.net.Now()
	return w.call(w.subject, testee.Wake, nil, nil)
}

func (w *World) thenSilentInSleep(intervals int) error {
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	if sent := w.sentBy(w.subject.host)[w.asleepSince:]; len(sent) > 0 {
		return w.violated(frames(sent), "the subject sent %d datagrams in its sleep", len(sent))
	}
	return nil
}

// keysOf are those of a subcluster that a scenario names.
func keysOf(name string) seal.Keys { return seal.NewKeys(seal.SharedKey(name)) }

func (w *World) whenLeaves(name string) error {
	keys := keysOf(name)
	w.changed = w.net.Now()
	return w.call(w.subject, testee.Leave, testee.LeaveWith{SubclusterID: hex.EncodeToString(keys.SubclusterID[:])}, nil)
}

// ownJoins lists the joins that the subject sent in its own name since a time.
func (w *World) ownJoins(since time.Time) []seen {
	return slices.DeleteFunc(ofType(w.sentBy(w.subject.host), wire.Join), func(s seen) bool {
		return s.At.Before(since) || s.packet.Body.RequesterPeerID != w.subject.id
	})
}

// thenMoreJoins counts the joins after the first one for each subcluster. What
// leaves shortly after another one is the same join to somebody else, or one of
// the two that the end of NAT discovery sets off.
func (w *World) thenMoreJoins(intervals, count int) error {
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
	ok, err := w.await(time.Duration(intervals)*w.k(), enough)
	if err != nil || ok {
		return err
	}
	return w.violated(frames(w.ownJoins(time.Time{})), "within %d keepalive intervals the subject sent %s, and not %d", intervals, lacking, count)
}

func (w *World) thenNoMoreJoins(intervals int) error {
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	// What it had in its queue may still leave.
	if all := w.ownJoins(w.changed.Add(time.Second)); len(all) > 0 {
		return w.violated(frames(all), "the subject sent %d joins in its own name", len(all))
	}
	return nil
}

func (w *World) thenJoinsOnly(intervals int, name string) error {
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	all := w.ownJoins(time.Time{})
	if len(all) == 0 {
		return w.violated(nil, "the subject sent no join in its own name")
	}
	keys := keysOf(name)
	others := slices.DeleteFunc(all, func(s seen) bool { return string(s.packet.SubclusterID) == string(keys.SubclusterID[:]) })
	if len(others) > 0 {
		return w.violated(frames(others), "the subject sent %d joins in its own name for subclusters that it was not told to join", len(others))
	}
	return nil
}

func (w *World) thenCountsMember(name, group string) error {
	member, err := w.idOf(name)
	if err != nil {
		return err
	}
	keys := keysOf(group)
	var counted []string
	list := func() error {
		var ok testee.PeersOK
		if err := w.call(w.subject, testee.Peers, nil, &ok); err != nil {
			return err
		}
		counted = nil
		for _, p := range ok.Peers {
			if slices.Contains(p.Subclusters, hex.EncodeToString(keys.SubclusterID[:])) {
				counted = append(counted, p.PeerID)
			}
		}
		return nil
	}
	for until := w.net.Now().Add(3 * w.k()); ; {
		if err := list(); err != nil {
			return err
		}
		if slices.Contains(counted, member.String()) || w.net.Now().After(until) {
			break
		}
		if err := w.pass(time.Second); err != nil {
			return err
		}
	}
	if len(counted) != 1 || counted[0] != member.String() {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "the subject counts %d peers as members, and not %q alone", len(counted), name)
	}
	return nil
}

// thenExchange wants packets that pass both ways after the last change, if there
// was one: of each to the other directly, or joins of each by a peer in between,
// which for those that come to the subject it has to name as its proxy.
func (w *World) thenExchange(intervals int, name string) error {
	other, err := w.named(name)
	if err != nil {
		return err
	}
	// What was on its way when the change came proves nothing.
	after := w.changed.Add(time.Second)
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool {
		if w.direct(w.subject.host, other.host, after) && w.direct(other.host, w.subject.host, after) {
			return true
		}
		return w.byProxy(other, after) && len(w.joinsOf(w.subject.id, other.host, after)) > 0
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Intro)),
		"within %d keepalive intervals the subject and %s do not exchange packets, neither directly nor by a proxy", intervals, other)
}

// byProxy tells whether a join of another peer has come after a time from the
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

// joinsOf lists the joins of a peer that a host got after a time, from whomever.
func (w *World) joinsOf(requester wire.ID, host string, after time.Time) []seen {
	return slices.DeleteFunc(ofType(w.receivedBy(host), wire.Join), func(s seen) bool {
		return !s.At.After(after) || s.packet.Body.RequesterPeerID != requester
	})
}

// thenRelaysJoinsOf wants a join of one peer to come to another by the subject,
// from now on.
func (w *World) thenRelaysJoinsOf(intervals int, name, to string) error {
	requester, err := w.idOf(name)
	if err != nil {
		return err
	}
	other, err := w.named(to)
	if err != nil {
		return err
	}
	since := w.net.Now()
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool {
		return len(w.arrivedFrom(w.joinsOf(requester, other.host, since), w.subject.host)) > 0
	})
	if err != nil || ok {
		return err
	}
	came := w.joinsOf(requester, w.subject.host, since)
	if len(came) == 0 {
		return &verdict.Blocked{Text: fmt.Sprintf("within %d keepalive intervals no join of %q came to the subject", intervals, name)}
	}
	return w.violated(frames(came), "joins of %q came to the subject, and within %d keepalive intervals it relayed none to %q", name, intervals, to)
}

// restart ends the subject's process and starts it again on the same host.
func (w *World) restart(state string) error {
	p := w.subject
	p.stopped = true
	if err := p.testee.Stop(); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	ended, err := w.await(answerWithin, func() bool { return p.testee.Exit() != nil })
	if err != nil {
		return err
	}
	if !ended {
		return &verdict.LabFailed{Text: "the subject's process did not end"}
	}
	w.changed = w.net.Now()
	if err := w.start(p); err != nil {
		return err
	}
	p.started.State = state
	return w.ready(p)
}

func (w *World) whenRestarts() error {
	var ok testee.StateOK
	if err := w.call(w.subject, testee.State, nil, &ok); err != nil {
		return err
	}
	return w.restart(ok.State)
}

// whenRestartsCorrupt gives the state back with one byte that is another one.
func (w *World) whenRestartsCorrupt() error {
	var ok testee.StateOK
	if err := w.call(w.subject, testee.State, nil, &ok); err != nil {
		return err
	}
	state, err := hex.DecodeString(ok.State)
	if err != nil || len(state) == 0 {
		return w.unfit(w.subject, "its state is empty, or no hex")
	}
	state[len(state)/2] ^= 0x20
	return w.restart(hex.EncodeToString(state))
}

func (w *World) thenReportsError() error {
	ok, err := w.await(answerWithin, func() bool { return len(w.subject.events(testee.ErrorEvent)) > 0 })
	if err != nil || ok {
		return err
	}
	return w.violated(nil, "the subject reported no error")
}

func (w *World) thenNotAgain(intervals int, text string) error {
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	if n := deliveries(w.subject, w.message(text)); n > 0 {
		return w.violated(nil, "the subject delivered %q again, in its second life", text)
	}
	return nil
}
