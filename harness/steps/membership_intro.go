package steps

import (
	"slices"
	"time"

	"punchlist/reference/wire"
)

var _ = step("memb/intro-reaches", `^an intro from the subject reaches "([^"]+)" that names "([^"]+)"$`,
	func(w *World, name, about string) { w.introReaches(name, about, time.Time{}) })

var _ = step("memb/another-intro-reaches", `^another intro from the subject reaches "([^"]+)" that names "([^"]+)"$`,
	(*World).thenAnotherIntroReaches)

// thenAnotherIntroReaches wants one that the last join of the requester has set
// off.
func (w *World) thenAnotherIntroReaches(name, about string) {
	w.introReaches(name, about, w.given[len(w.given)-1].at)
}

func (w *World) introReaches(name, about string, since time.Time) {
	in := w.injector(name)
	other := w.injector(about)
	ok := w.await(replyWithin, func() bool {
		return slices.ContainsFunc(ofType(w.reached(in.host), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			at, ok := named(s.body())
			return id == other.ID.String() && ok && at == other.address() && !s.At.Before(since)
		})
	})
	if !ok {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "no intro of the subject that names %q at its address reached %q", about, name)
	}
}

var _ = step("memb/intro-keys", `^every intro that the subject sent has these keys: ([\w, ]+)$`,
	(*World).thenIntroKeys)

func (w *World) thenIntroKeys(keys string) {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Intro) {
		for _, key := range words(keys) {
			if _, ok := s.body().Get(key); !ok {
				w.violated([]int{s.Seq}, "an intro of the subject lacks the key %s", key)
			}
		}
	}
}

var _ = step("memb/intro-time", `^in every intro that the subject sent usr1 is a time in ASCII milliseconds$`,
	(*World).thenIntroTime)

func (w *World) thenIntroTime() {
	for _, s := range ofType(w.sentBy(w.subject.host), wire.Intro) {
		if !w.hasTime(s.packet.Usr1, 0) {
			w.violated([]int{s.Seq}, "usr1 of an intro is %q, and not the time in ASCII milliseconds", s.packet.Usr1)
		}
	}
}

var _ = step("memb/intro-names-source", `^the intro from the subject that reaches "([^"]+)" names the address from which "([^"]+)" sent$`,
	(*World).thenIntroNamesSource)

// thenIntroNamesSource wants the source of an injector's join in the intro.
func (w *World) thenIntroNamesSource(to, requester string) {
	r := w.injector(requester)
	var intros []seen
	ok := w.await(replyWithin, func() bool {
		intros = slices.DeleteFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id != r.ID.String()
		})
		return len(intros) > 0
	})
	if !ok {
		w.violated(nil, "no intro from the subject that names %q reached %q", requester, to)
	}
	source, _ := w.observed(r, w.subject)
	if at, ok := named(intros[0].body()); !ok || at != source {
		w.violated(frames(intros[:1]), "the intro names %v, and the join of %q came from %v", at, requester, source)
	}
}

var _ = step("memb/one-intro-names", `^one intro from the subject that reaches "([^"]+)" names the address of "([^"]+)", and no other does$`,
	(*World).thenOneIntroNames)

// thenOneIntroNames wants a peer to be introduced once, under whatever name.
func (w *World) thenOneIntroNames(to, about string) {
	other := w.injector(about)
	naming := func() []seen {
		return slices.DeleteFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			at, ok := named(s.body())
			return !ok || at != other.address()
		})
	}
	w.await(replyWithin, func() bool { return len(naming()) > 0 })
	w.pass(500 * time.Millisecond)
	if all := naming(); len(all) != 1 {
		w.violated(frames(all), "%d intros from the subject that name the address of %q reached %q", len(all), about, to)
	}
}

var _ = step("memb/intro-gets-through", `^an intro from the subject that names "([^"]+)" gets through to "([^"]+)"$`,
	func(w *World, about, to string) { w.thenIntroReachesPeer(to, about) })

// thenIntroReachesPeer wants an intro of the subject to reach a companion
// behind its NAT.
func (w *World) thenIntroReachesPeer(to, about string) {
	other := w.injector(about)
	ok := w.await(traversalKeepalive*w.k(), func() bool {
		return slices.ContainsFunc(ofType(w.reached(to), wire.Intro), func(s seen) bool {
			id, _ := s.body().Get("requesterPeerId")
			return id == other.ID.String()
		})
	})
	if !ok {
		w.violated(frames(ofType(w.sentBy(w.subject.host), wire.Intro)), "no intro from the subject that names %q reached %q", about, to)
	}
}
