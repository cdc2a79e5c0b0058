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

// thenIntroNamesSource wants the source of an injector's join in the intro.
func (w *World) thenIntroNamesSource(to, requester string) error {
	r, err := w.scriptedNamed(requester)
	if err != nil {
		return err
	}
	var intros []seen
	ok, err := w.await(answerWithin, func() bool {
		intros = slices.DeleteFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id != r.ID.String()
		})
		return len(intros) > 0
	})
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(nil, "no intro from the subject that names %q reached %q", requester, to)
	}
	source, _ := w.observed(r, w.subject)
	if at, ok := named(intros[0].body()); !ok || at != source {
		return w.violated(frames(intros[:1]), "the intro names %v, and the join of %q came from %v", at, requester, source)
	}
	return nil
}

// thenOneIntroNames wants a peer to be introduced once, under whatever name.
func (w *World) thenOneIntroNames(to, about string) error {
	other, err := w.scriptedNamed(about)
	if err != nil {
		return err
	}
	naming := func() []seen {
		return slices.DeleteFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			at, ok := named(s.body())
			return !ok || at != other.address()
		})
	}
	if _, err := w.await(answerWithin, func() bool { return len(naming()) > 0 }); err != nil {
		return err
	}
	if err := w.pass(500 * time.Millisecond); err != nil {
		return err
	}
	if all := naming(); len(all) != 1 {
		return w.violated(frames(all), "%d intros from the subject that name the address of %q reached %q", len(all), about, to)
	}
	return nil
}

// thenIntroReachesPeer wants an intro of the subject to reach a companion
// behind its NAT.
func (w *World) thenIntroReachesPeer(to, about string) error {
	other, err := w.scriptedNamed(about)
	if err != nil {
		return err
	}
	ok, err := w.await(traversalKeepalive*w.k(), func() bool {
		return slices.ContainsFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id == other.ID.String()
		})
	})
	if err != nil || ok {
		return err
	}
	return w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Intro)), "no intro from the subject that names %q reached %q", about, to)
}
