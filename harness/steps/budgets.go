package steps

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/harness/verdict"
	"punchlist/reference/wire"
)

func (w *World) whenPublishLives(name string, seconds int) error {
	return w.givePublish(name, 1, func(p *wire.Packet) { p.TTL = uint32(seconds) * 1000 })
}

func (w *World) whenPublishesLive(name string, count, seconds int) error {
	return w.publishMany(name, count, time.Duration(count)*10*time.Millisecond, strangers, func(p *wire.Packet) { p.TTL = uint32(seconds) * 1000 })
}

// whenPublishesForSubject must not take more than a minute: a peer counts by the
// minute, so that a third one would have room for more.
func (w *World) whenPublishesForSubject(name string, count, seconds int) error {
	begin := w.net.Now()
	if err := w.publishMany(name, count, time.Duration(seconds)*time.Second, w.group, nil); err != nil {
		return err
	}
	if took := w.net.Now().Sub(begin); took > time.Minute {
		return &verdict.LabFailed{Text: fmt.Sprintf("%d publishes took this machine %.0f s, and not %d", count, took.Seconds(), seconds)}
	}
	return nil
}

func (w *World) whenThatAgain(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	if err := w.give(in, w.relayed[len(w.relayed)-1].packet); err != nil {
		return err
	}
	return w.pass(50 * time.Millisecond)
}

// whenFallsSilent has an injector answer nothing from now on.
func (w *World) whenFallsSilent(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	in.Mute = true
	return nil
}

// holdsThat tells whether the last publish that was given to the subject is in
// its cache.
func (w *World) holdsThat() (bool, error) {
	c, err := w.cacheOf(w.subject)
	if err != nil {
		return false, err
	}
	id, _ := w.relayed[len(w.relayed)-1].packet.ID()
	return slices.Contains(c.IDs, id.String()), nil
}

// awaitHolding asks the subject's cache, so often, until it holds that publish, or
// doesn't, as is wanted; it tells what was found last.
func (w *World) awaitHolding(wanted bool, within, every time.Duration) (holds bool, err error) {
	until := w.net.Now().Add(within)
	for {
		holds, err = w.holdsThat()
		if err != nil || holds == wanted || w.net.Now().After(until) {
			return holds, err
		}
		if err := w.pass(every); err != nil {
			return holds, err
		}
	}
}

func (w *World) thenThatIsGone(intervals int) error {
	holds, err := w.awaitHolding(false, time.Duration(intervals)*w.k(), time.Second)
	if err == nil && holds {
		return w.violated(nil, "after %d keepalive intervals the publish is still in the subject's cache", intervals)
	}
	return err
}

func (w *World) thenThatIsNotCached() error {
	holds, err := w.holdsThat()
	if err == nil && holds {
		return w.violated(nil, "the publish is in the subject's cache")
	}
	return err
}

// thatReached lists the times at which the last publish that was given to the
// subject reached an injector from there.
func (w *World) thatReached(in *scripted) []seen {
	id := string(w.relayed[len(w.relayed)-1].packet.PacketID)
	return slices.DeleteFunc(w.publishesTo(in), func(s seen) bool { return string(s.packet.PacketID) != id })
}

// awaitThat gives the publish that was given to the subject last, as it reaches
// an injector from there.
func (w *World) awaitThat(intervals int, name string) (seen, error) {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return seen{}, err
	}
	ok, err := w.await(time.Duration(intervals)*w.k(), func() bool { return len(w.thatReached(in)) > 0 })
	if err != nil {
		return seen{}, err
	}
	if !ok {
		return seen{}, w.violated(nil, "within %d keepalive intervals the publish did not reach %q", intervals, name)
	}
	return w.thatReached(in)[0], nil
}

func (w *World) thenThatReaches(intervals int, name string, hops int) error {
	s, err := w.awaitThat(intervals, name)
	if err == nil && s.packet.Hops != uint32(hops) {
		return w.violated([]int{s.Seq}, "the publish reached %q with hops %d", name, s.packet.Hops)
	}
	return err
}

func (w *World) thenThatReachesAged(intervals int, name string, least, most int) error {
	return w.awaitAged(intervals, name, time.Duration(least)*time.Second, time.Duration(most)*time.Second)
}

func (w *World) thenThatReachesLast(intervals int, name string) error {
	return w.awaitAged(intervals, name, time.Millisecond, w.k())
}

// awaitAged wants the publish that was given to the subject last to reach an
// injector from there, with a ttl from least to most.
func (w *World) awaitAged(intervals int, name string, least, most time.Duration) error {
	s, err := w.awaitThat(intervals, name)
	if err != nil {
		return err
	}
	if ttl := time.Duration(s.packet.TTL) * time.Millisecond; ttl < least || ttl > most {
		return w.violated([]int{s.Seq}, "the publish reached %q with a ttl of %v, and not %v to %v", name, ttl, least, most)
	}
	return nil
}

func (w *World) thenThatReachedOnce(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	if all := w.thatReached(in); len(all) != 1 {
		return w.violated(frames(all), "the publish reached %q %d times", name, len(all))
	}
	return nil
}

func (w *World) thenHoldsLast(count int) error {
	c, err := w.cacheOf(w.subject)
	if err != nil {
		return err
	}
	if len(c.IDs) != count {
		return w.violated(nil, "the subject holds %d packets", len(c.IDs))
	}
	for _, r := range w.relayed[len(w.relayed)-count:] {
		id, _ := r.packet.ID()
		if _, holds := slices.BinarySearch(c.IDs, id.String()); !holds {
			return w.violated(nil, "the subject does not hold %s, which is one of the last %d of %d", id, count, len(w.relayed))
		}
	}
	return nil
}

// thenIdle counts what the subject sends while nobody publishes, comes or goes.
func (w *World) thenIdle(intervals, perPeer, perMember int) error {
	known := map[string]bool{}
	for _, p := range w.peers {
		if p != w.subject {
			known[p.host] = true
		}
	}
	for _, in := range w.injectors {
		known[in.host] = true
	}
	before := len(w.sentBy(w.subject.host))
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	sent := w.sentBy(w.subject.host)[before:]
	if len(sent) == 0 {
		return w.violated(nil, "the subject sent nothing")
	}
	most := intervals * (perPeer*len(known) + perMember*len(w.members))
	if len(sent) > most {
		return w.violated(frames(sent), "the subject sent %d datagrams in %d keepalive intervals, and %d are its share", len(sent), intervals, most)
	}
	return nil
}

// thenGivesUp judges by whom the subject goes on pinging.
func (w *World) thenGivesUp(intervals int, names string) error {
	var given []*scripted
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' || r == '"' }) {
		if name == "and" {
			continue
		}
		in, err := w.scriptedNamed(name)
		if err != nil {
			return err
		}
		given = append(given, in)
	}
	if err := w.pass(time.Duration(intervals) * w.k()); err != nil {
		return err
	}
	from := w.net.Now()
	pings := func(in *scripted) []seen {
		return slices.DeleteFunc(ofType(w.reached(in.host), wire.Ping), func(s seen) bool { return s.At.Before(from) })
	}
	kept := slices.DeleteFunc(slices.Clone(w.injectors), func(in *scripted) bool { return slices.Contains(given, in) })
	if len(kept) == 0 {
		return &verdict.LabFailed{Text: "no injector is left that should still be pinged"}
	}
	if err := w.pass(2*w.k() + time.Second); err != nil {
		return err
	}
	for _, in := range kept {
		if len(pings(in)) == 0 {
			return w.violated(nil, "the subject no longer pings %q, which has answered all the time", in.host)
		}
	}
	for _, in := range given {
		if all := pings(in); len(all) > 0 {
			return w.violated(frames(all), "the subject still pings %q, which has been silent for %d keepalive intervals", in.host, intervals)
		}
	}
	return nil
}
