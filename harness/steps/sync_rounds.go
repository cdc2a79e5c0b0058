package steps

import (
	"slices"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// rootsTo lists the summaries of its whole cache that the subject sent to an
// injector.
func (w *World) rootsTo(in *scripted) []seen {
	return slices.DeleteFunc(w.syncsTo(in), func(s seen) bool {
		summary, err := cache.DecodeSummary(s.packet.Message)
		return err != nil || summary.Prefix.Len() != 0
	})
}

var _ = step("sync/injector-claims-another-hash", `^"([^"]+)" tells in its pongs the hash of another cache$`,
	(*World).whenTellsAnotherHash)

// whenTellsAnotherHash has an injector's pongs tell of a cache that no peer of
// the scenario has.
func (w *World) whenTellsAnotherHash(name string) {
	in := w.acting(name)
	in.CacheHash = "0123456789abcdef0123456789abcdef01234567"
}

var _ = step("sync/another-round", `^within (\d+) keepalive intervals another root summary of the subject reaches "([^"]+)"$`,
	(*World).thenAnotherRound)

func (w *World) thenAnotherRound(intervals int, name string) {
	in := w.injector(name)
	before := len(w.rootsTo(in))
	if !w.await(time.Duration(intervals)*w.k()+time.Second, func() bool { return len(w.rootsTo(in)) > before }) {
		w.violated(frames(w.syncsTo(in)), "no further sync with the empty prefix reached %q within %d keepalive intervals", name, intervals)
	}
}

var _ = step("sync/rounds-at-most", `^no more than (\d+) root summaries of the subject have reached "([^"]+)"$`,
	(*World).thenRoundsAtMost)

func (w *World) thenRoundsAtMost(most int, name string) {
	in := w.injector(name)
	if all := w.rootsTo(in); len(all) > most {
		w.violated(frames(all), "the subject sent %q the summary of its whole cache %d times, though no sync brought anything", name, len(all))
	}
}

var _ = step("sync/syncs-at-most", `^at most (\d+) syncs from the subject answer it$`,
	(*World).thenSyncsAtMost)

// thenSyncsAtMost counts what answers the latest sync of an injector, after the
// subject has had time to go through its queue.
func (w *World) thenSyncsAtMost(most int) {
	for _, in := range w.injectors {
		asked := ofType(w.sentBy(in.host), wire.Sync)
		if len(asked) == 0 {
			continue
		}
		w.pass(time.Second)
		at := asked[len(asked)-1].At
		roots := frames(w.rootsTo(in)) // which answer nothing
		answers := slices.DeleteFunc(w.syncsTo(in), func(s seen) bool { return s.At.Before(at) || slices.Contains(roots, s.Seq) })
		if len(answers) > most || len(answers) == 0 {
			w.violated(frames(answers), "one sync was answered with %d syncs", len(answers))
		}
	}
}

var _ = step("sync/each-publish-reaches", `^each of those publishes reaches "([^"]+)"$`,
	(*World).thenAllReach)

func (w *World) thenAllReach(name string) {
	in := w.injector(name)
	missing := 0
	ok := w.await(deliveryWithin, func() bool {
		arrived := map[string]bool{}
		for _, s := range w.publishesTo(in) {
			arrived[string(s.packet.PacketID)] = true
		}
		missing = 0
		for _, r := range w.given {
			if !arrived[string(r.packet.PacketID)] {
				missing++
			}
		}
		return missing == 0
	})
	if !ok {
		w.violated(frames(w.publishesTo(in)), "%d of %d publishes have not reached %q", missing, len(w.given), name)
	}
}

var _ = step("sync/no-publish-reaches-twice", `^no publish from the subject reaches "([^"]+)" twice$`,
	(*World).thenNoneReachesTwice)

func (w *World) thenNoneReachesTwice(name string) {
	in := w.injector(name)
	first := map[string]int{}
	for _, s := range w.publishesTo(in) {
		if seq, twice := first[string(s.packet.PacketID)]; twice {
			w.violated([]int{seq, s.Seq}, "the subject sent %q the publish %x twice", name, s.packet.PacketID)
		}
		first[string(s.packet.PacketID)] = s.Seq
	}
	if len(first) == 0 {
		w.violated(nil, "no publish of the subject reached %q", name)
	}
}

var _ = step("sync/publishes-at-most", `^at most (\d+) publishes from the subject reach "([^"]+)"$`,
	(*World).thenPublishesAtMost)

func (w *World) thenPublishesAtMost(most int, name string) {
	in := w.injector(name)
	if all := w.publishesTo(in); len(all) > most {
		w.violated(frames(all), "%d publishes of the subject reached %q", len(all), name)
	}
}

var _ = step("sync/some-publishes-at-most", `^some, and at most (\d+) publishes from the subject reach "([^"]+)"$`,
	(*World).thenSomePublishesAtMost)

func (w *World) thenSomePublishesAtMost(most int, name string) {
	in := w.injector(name)
	if len(w.publishesTo(in)) == 0 {
		w.violated(nil, "no publish of the subject reached %q", name)
	}
	w.thenPublishesAtMost(most, name)
}

var _ = step("sync/publishes-a-minute", `^in no minute more than (\d+) publishes from the subject reach "([^"]+)"$`,
	(*World).thenPublishesAMinute)

func (w *World) thenPublishesAMinute(most int, name string) {
	in := w.injector(name)
	all := w.publishesTo(in)
	for from, to := 0, 0; to < len(all); to++ {
		for all[to].At.Sub(all[from].At) >= time.Minute {
			from++
		}
		if to-from+1 > most {
			w.violated(frames(all[from:to+1]), "more than %d publishes of the subject reached %q within a minute", most, name)
		}
	}
}
