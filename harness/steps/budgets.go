package steps

import (
	"slices"
	"strings"
	"time"

	"punchlist/reference/wire"
)

var _ = step("budg/injector-falls-silent", `^"([^"]+)" falls silent$`,
	(*World).whenFallsSilent)

// whenFallsSilent has an injector answer nothing from now on.
func (w *World) whenFallsSilent(name string) {
	in := w.acting(name)
	in.Mute = true
}

var _ = step("budg/cache-holds-last", `^the subject's cache holds (\d+) packets, the last of those sent$`,
	(*World).thenHoldsLast)

func (w *World) thenHoldsLast(count int) {
	c := w.cacheOf(w.subject)
	if len(c.IDs) != count {
		w.violated(nil, "the subject holds %d packets", len(c.IDs))
	}
	for _, r := range w.given[len(w.given)-count:] {
		id, _ := r.packet.ID()
		if _, holds := slices.BinarySearch(c.IDs, id.String()); !holds {
			w.violated(nil, "the subject does not hold %s, which is one of the last %d of %d", id, count, len(w.given))
		}
	}
}

var _ = step("budg/idle-traffic", `^in (\d+) quiet keepalive intervals the subject sends at most (\d+) datagrams for each peer that it knows, and (\d+) for each member$`,
	(*World).thenIdle)

// thenIdle counts what the subject sends while nobody publishes, comes or goes.
func (w *World) thenIdle(intervals, perPeer, perMember int) {
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
	w.pass(time.Duration(intervals) * w.k())
	sent := w.sentBy(w.subject.host)[before:]
	if len(sent) == 0 {
		w.violated(nil, "the subject sent nothing")
	}
	most := intervals * (perPeer*len(known) + perMember*len(w.membership.members))
	if len(sent) > most {
		w.violated(frames(sent), "the subject sent %d datagrams in %d keepalive intervals, and %d are its share", len(sent), intervals, most)
	}
}

var _ = step("budg/peers-given-up", `^within (\d+) keepalive intervals the subject gives up (.+), and no other peer$`,
	(*World).thenGivesUp)

// thenGivesUp judges by whom the subject goes on pinging.
func (w *World) thenGivesUp(intervals int, names string) {
	var given []*scripted
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' || r == '"' }) {
		if name == "and" {
			continue
		}
		in := w.injector(name)
		given = append(given, in)
	}
	w.pass(time.Duration(intervals) * w.k())
	from := w.net.Now()
	pings := func(in *scripted) []seen {
		return slices.DeleteFunc(ofType(w.reached(in.host), wire.Ping), func(s seen) bool { return s.At.Before(from) })
	}
	kept := slices.DeleteFunc(slices.Clone(w.injectors), func(in *scripted) bool { return slices.Contains(given, in) })
	if len(kept) == 0 {
		misused("no injector is left that should still be pinged")
	}
	w.pass(2*w.k() + time.Second)
	for _, in := range kept {
		if len(pings(in)) == 0 {
			w.violated(nil, "the subject no longer pings %q, which has answered all the time", in.host)
		}
	}
	for _, in := range given {
		if all := pings(in); len(all) > 0 {
			w.violated(frames(all), "the subject still pings %q, which has been silent for %d keepalive intervals", in.host, intervals)
		}
	}
}
