package steps

import (
	"bytes"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

func (w *World) whenSyncs(name string, held [][]byte) {
	in := w.acting(name)
	in.store = injector.NewStore(w.net.Now(), held...)
	in.send(w.toSubject(), in.store.Sync(w.net.Now(), cache.Prefix{}))
}

var _ = step("sync/injector-sends-empty-summary", `^"([^"]+)" sends the subject a sync with the summary of an empty cache$`,
	func(w *World, name string) { w.whenSyncs(name, nil) })

var _ = step("sync/injector-sends-full-summary", `^"([^"]+)" sends the subject a sync with the summary of those publishes$`,
	func(w *World, name string) { w.whenSyncs(name, w.publishesGiven()) })

var _ = step("sync/injector-sends-summary-lacking-one", `^"([^"]+)" sends the subject a sync that lacks one of those publishes$`,
	(*World).whenSyncsAllButOne)

// whenSyncsAllButOne leaves out a publish that shares its bucket with another,
// so that the bucket differs and is not missing.
func (w *World) whenSyncsAllButOne(name string) {
	buckets := map[byte]int{}
	var held [][]byte
	left := false
	for _, r := range w.given {
		if r.packet.Type != wire.Publish {
			continue
		}
		bucket := r.packet.PacketID[0] >> 4
		if buckets[bucket]++; buckets[bucket] == 2 && !left {
			left = true
			continue
		}
		held = append(held, r.sent)
	}
	if !left {
		misused("no two of %d publishes share a bucket", len(held))
	}
	w.whenSyncs(name, held)
}

var _ = step("sync/same-caches", `^the caches of the subject and "([^"]+)" are equal$`,
	func(w *World, name string) { w.sameCaches(name, deliveryWithin) })

var _ = step("sync/same-caches-within", `^within (\d+) keepalive intervals the caches of the subject and "([^"]+)" are equal$`,
	func(w *World, intervals int, name string) { w.sameCaches(name, time.Duration(intervals)*w.k()) })

// sameCaches asks both for what they hold until it is the same, and something.
func (w *World) sameCaches(name string, within time.Duration) {
	other := w.named(name)
	until := w.net.Now().Add(within)
	for {
		a := w.cacheOf(w.subject)
		b := w.cacheOf(other)
		if slices.Equal(a.IDs, b.IDs) && len(a.IDs) > 0 {
			return
		}
		if w.net.Now().After(until) {
			w.violated(nil, "the subject's cache holds %d packets and that of %s %d, and they differ", len(a.IDs), other, len(b.IDs))
		}
		w.pass(200 * time.Millisecond)
	}
}

// syncsTo lists the sync packets that the subject sent to an injector.
func (w *World) syncsTo(in *scripted) []seen { return ofType(w.reached(in.host), wire.Sync) }

var _ = step("sync/subject-syncs", `^the subject syncs with "([^"]+)"$`,
	(*World).whenSubjectSyncs)

func (w *World) whenSubjectSyncs(name string) {
	in := w.injector(name)
	w.call(w.subject, testee.Sync, testee.SyncWith{PeerID: in.ID.String()}, nil)
}

var _ = step("sync/empty-prefix-reaches", `^a sync from the subject reaches "([^"]+)" with the summary of an empty prefix and a time in usr4$`,
	(*World).thenSyncReaches)

func (w *World) thenSyncReaches(name string) {
	in := w.injector(name)
	s := w.firstSync(in)
	summary, err := cache.DecodeSummary(s.packet.Message)
	if err != nil {
		w.violated([]int{s.Seq}, "the summary can't be read: %v", err)
	}
	if summary.Prefix.Len() != 0 {
		w.violated([]int{s.Seq}, "the first sync has the prefix %q, and not the empty one", summary.Prefix)
	}
	if !w.hasTime(s.packet.Usr4, 6*time.Hour) {
		w.violated([]int{s.Seq}, "usr4 of the sync is %q, and not a time in ASCII milliseconds", s.packet.Usr4)
	}
}

func (w *World) firstSync(in *scripted) seen {
	if !w.await(replyWithin, func() bool { return len(w.syncsTo(in)) > 0 }) {
		w.violated(frames(w.reached(in.host)), "no sync of the subject reached %q", in.host)
	}
	return w.syncsTo(in)[0]
}

var _ = step("sync/summary-is-of-cache", `^a sync from the subject reaches "([^"]+)" whose summary is that of the subject's cache$`,
	(*World).thenSyncMatchesCache)

func (w *World) thenSyncMatchesCache(name string) {
	in := w.injector(name)
	s := w.firstSync(in)
	c := w.cacheOf(w.subject)
	mine := cache.New(0)
	for _, text := range c.IDs {
		id, err := wire.ParseID(text)
		if err != nil {
			w.unfit(w.subject, "cache names the id %q: %v", text, err)
		}
		mine.Insert(w.net.Now(), cache.Entry{ID: id})
	}
	want := mine.Summary(w.net.Now(), cache.Prefix{})
	if encoded := want.Append(nil); !bytes.Equal(encoded, s.packet.Message) {
		w.violated([]int{s.Seq}, "the sync carries %x, and the summary of the cache is %x", s.packet.Message, encoded)
	}
}

var _ = step("sync/not-answered", `^the subject does not answer it, but answers an honest ping$`,
	(*World).thenSyncUnanswered)

// thenSyncUnanswered shows by an honest ping sent after the sync that the
// subject had its chance.
func (w *World) thenSyncUnanswered() {
	in := w.syncing()
	if in == nil {
		misused("no injector has sent a sync")
	}
	asked := w.lastSyncOf(in)
	w.stillPongs(in, w.subject)
	var answers []seen
	for _, s := range w.reached(in.host) {
		if s.packet != nil && s.At.After(asked.At) && (s.packet.Type == wire.Sync || s.packet.Type == wire.Publish) {
			answers = append(answers, s)
		}
	}
	if len(answers) > 0 {
		w.violated(append([]int{asked.Seq}, frames(answers)...), "the subject answered a sync whose hash is its own with %d packets", len(answers))
	}
}

// syncing is the injector that plays the other side of a sync.
func (w *World) syncing() *scripted {
	at := slices.IndexFunc(w.injectors, func(s *scripted) bool { return s.store != nil })
	if at < 0 {
		return nil
	}
	return w.injectors[at]
}

func (w *World) lastSyncOf(in *scripted) seen {
	all := ofType(w.sentBy(in.host), wire.Sync)
	return all[len(all)-1]
}

var _ = step("sync/converges", `^the subject and "([^"]+)" come to hold the same packets by syncing$`,
	(*World).thenSyncConverges)

// thenSyncConverges plays the other side until it holds what the subject
// holds.
func (w *World) thenSyncConverges(name string) {
	in := w.injector(name)
	want := len(w.publishesGiven())
	handled := 0
	deeper := false
	ok := w.await(deliveryWithin, func() bool {
		received := injector.Packets(in.Main)
		for ; handled < len(received); handled++ {
			r := received[handled]
			switch r.Packet.Type {
			case wire.Publish:
				in.store.Add(w.net.Now(), r.Payload)
			case wire.Sync:
				if s, err := cache.DecodeSummary(r.Packet.Message); err == nil && s.Prefix.Len() > 0 {
					deeper = true
					must(in.store.Answer(in.Injector, w.net.Now(), r.From, &r.Packet))
				}
			}
		}
		return in.store.Len() == want
	})
	switch {
	case !ok:
		w.violated(frames(w.syncsTo(in)), "after syncing %q holds %d of %d packets", name, in.store.Len(), want)
	case !deeper:
		w.violated(frames(w.reached(in.host)), "the subject sent no summary one digit deeper for the bucket that differs")
	}
}

// publishesTo lists the publishes of the subject that reached an injector.
func (w *World) publishesTo(in *scripted) []seen { return ofType(w.reached(in.host), wire.Publish) }
