package steps

import (
	"slices"
	"time"

	"punchlist/reference/wire"
)

func (w *World) thenIntroReaches(name, about string) error {
	return w.introReaches(name, about, time.Time{})
}

// thenAnotherIntroReaches wants one that the last join of the requester has set
// off.
func (w *World) thenAnotherIntroReaches(name, about string) error {
	return w.introReaches(name, about, w.relayed[len(w.relayed)-1].at)
}

func (w *World) introReaches(name, about string, since time.Time) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	other, err := w.scriptedNamed(about)
	if err != nil {
		return err
	}
	ok, err := w.await(answerWithin, func() bool {
		return slices.ContainsFunc(ofType(w.reached(in.host), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			at, ok := named(s.body())
			return id == other.ID.String() && ok && at == other.address() && !s.At.Before(since)
		})
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "no intro of the subject that names %q at its address reached %q", about, name)
}

func (w *World) thenIntroKeys(keys string) error {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Intro) {
		for _, key := range words(keys) {
			if _, ok := s.body().Get(key); !ok {
				return w.violated([]int{s.Seq}, "an intro of the subject lacks the key %s", key)
			}
		}
	}
	return nil
}

func (w *World) thenIntroTime() error {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Intro) {
		if !w.hasTime(s.packet.Usr1, 0) {
			return w.violated([]int{s.Seq}, "usr1 of an intro is %q, and not the time in ASCII milliseconds", s.packet.Usr1)
		}
	}
	return nil
}
