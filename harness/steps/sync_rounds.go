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

// publishesTo lists the publishes of the subject that reached an injector.
func (w *World) publishesTo(in *scripted) []seen { return ofType(w.reached(in.host), wire.Publish) }

// whenTellsAnotherHash has an injector's pongs tell of a cache that no peer of
// the scenario has.
func (w *World) whenTellsAnotherHash(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	in.CacheHash = "0123456789abcdef0123456789abcdef01234567"
	return nil
}

func (w *World) thenAnotherRound(intervals int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	before := len(w.rootsTo(in))
	ok, err := w.await(time.Duration(intervals)*w.k()+time.Second, func() bool { return len(w.rootsTo(in)) > before })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(w.syncsTo(in)), "no further sync with the empty prefix reached %q within %d keepalive intervals", name, intervals)
	}
	return nil
}

func (w *World) thenRoundsAtMost(most int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	if all := w.rootsTo(in); len(all) > most {
		return w.violated(frames(all), "the subject sent %q the summary of its whole cache %d times, though no sync brought anything", name, len(all))
	}
	return nil
}

// thenSyncsAtMost counts what answers the latest sync of an injector, after the
// subject has had time to go through its queue.
func (w *World) thenSyncsAtMost(most int) error {
	for _, in := range w.injectors {
		asked := ofType(w.sentBy(in.host), wire.Sync)
		if len(asked) == 0 {
			continue
		}
		if err := w.pass(time.Second); err != nil {
			return err
		}
		at := asked[len(asked)-1].At
		roots := frames(w.rootsTo(in)) // which answer nothing
		answers := slices.DeleteFunc(w.syncsTo(in), func(s seen) bool { return s.At.Before(at) || slices.Contains(roots, s.Seq) })
		if len(answers) > most || len(answers) == 0 {
			return w.violated(frames(answers), "one sync was answered with %d syncs", len(answers))
		}
	}
	return nil
}

func (w *World) thenAllReach(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	missing := 0
	ok, err := w.await(deliveryWithin, func() bool {
		arrived := map[string]bool{}
		for _, s := range w.publishesTo(in) {
			arrived[string(s.packet.PacketID)] = true
		}
		missing = 0
		for _, r := range w.relayed {
			if !arrived[string(r.packet.PacketID)] {
				missing++
			}
		}
		return missing == 0
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(w.publishesTo(in)), "%d of %d publishes have not reached %q", missing, len(w.relayed), name)
}

func (w *World) thenNoneReachesTwice(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	first := map[string]int{}
	for _, s := range w.publishesTo(in) {
		if seq, twice := first[string(s.packet.PacketID)]; twice {
			return w.violated([]int{seq, s.Seq}, "the subject sent %q the publish %x twice", name, s.packet.PacketID)
		}
		first[string(s.packet.PacketID)] = s.Seq
	}
	if len(first) == 0 {
		return w.violated(nil, "no publish of the subject reached %q", name)
	}
	return nil
}

func (w *World) thenPublishesAtMost(most int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	if all := w.publishesTo(in); len(all) > most {
		return w.violated(frames(all), "%d publishes of the subject reached %q", len(all), name)
	}
	return nil
}

func (w *World) thenSomePublishesAtMost(most int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	if len(w.publishesTo(in)) == 0 {
		return w.violated(nil, "no publish of the subject reached %q", name)
	}
	return w.thenPublishesAtMost(most, name)
}

func (w *World) thenPublishesAMinute(most int, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	all := w.publishesTo(in)
	for from, to := 0, 0; to < len(all); to++ {
		for all[to].At.Sub(all[from].At) >= time.Minute {
			from++
		}
		if to-from+1 > most {
			return w.violated(frames(all[from:to+1]), "more than %d publishes of the subject reached %q within a minute", most, name)
		}
	}
	return nil
}
