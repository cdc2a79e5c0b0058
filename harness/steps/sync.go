package steps

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// syncsTo lists the sync packets that the subject sent to an injector.
func (w *World) syncsTo(in *scripted) []seen { return ofType(w.reached(in.host), wire.Sync) }

func (w *World) whenSubjectSyncs(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	return w.call(w.subject, testee.Sync, testee.SyncWith{PeerID: in.ID.String()}, nil)
}

func (w *World) thenSyncReaches(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	s, err := w.firstSync(in)
	if err != nil {
		return err
	}
	summary, err := cache.DecodeSummary(s.packet.Message)
	if err != nil {
		return w.violated([]int{s.Seq}, "the summary can't be read: %v", err)
	}
	if summary.Prefix.Len() != 0 {
		return w.violated([]int{s.Seq}, "the first sync has the prefix %q, and not the empty one", summary.Prefix)
	}
	if !w.hasTime(s.packet.Usr4, 6*time.Hour) {
		return w.violated([]int{s.Seq}, "usr4 of the sync is %q, and not a time in ASCII milliseconds", s.packet.Usr4)
	}
	return nil
}

func (w *World) firstSync(in *scripted) (seen, error) {
	ok, err := w.await(answerWithin, func() bool { return len(w.syncsTo(in)) > 0 })
	if err != nil {
		return seen{}, err
	}
	if !ok {
		return seen{}, w.violated(frames(w.reached(in.host)), "no sync of the subject reached %q", in.host)
	}
	return w.syncsTo(in)[0], nil
}

func (w *World) thenSyncMatchesCache(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	s, err := w.firstSync(in)
	if err != nil {
		return err
	}
	c, err := w.cacheOf(w.subject)
	if err != nil {
		return err
	}
	mine := cache.New(0)
	for _, text := range c.IDs {
		id, err := wire.ParseID(text)
		if err != nil {
			return w.unfit(w.subject, "cache names the id %q: %v", text, err)
		}
		mine.Insert(w.net.Now(), cache.Entry{ID: id})
	}
	want := mine.Summary(w.net.Now(), cache.Prefix{})
	if encoded := want.Append(nil); !bytes.Equal(encoded, s.packet.Message) {
		return w.violated([]int{s.Seq}, "the sync carries %x, and the summary of the cache is %x", s.packet.Message, encoded)
	}
	return nil
}

// thenSyncUnanswered shows by an honest ping sent after the sync that the
// subject had its chance.
func (w *World) thenSyncUnanswered() error {
	in := w.syncing()
	if in == nil {
		return &verdict.LabFailed{Text: "no injector has sent a sync"}
	}
	asked := w.lastSyncOf(in)
	if err := w.stillAnswers(in, w.subject); err != nil {
		return err
	}
	var answers []seen
	for _, s := range w.reached(in.host) {
		if s.packet != nil && s.At.After(asked.At) && (s.packet.Type == wire.Sync || s.packet.Type == wire.Publish) {
			answers = append(answers, s)
		}
	}
	if len(answers) > 0 {
		return w.violated(append([]int{asked.Seq}, frames(answers)...), "the subject answered a sync whose hash is its own with %d packets", len(answers))
	}
	return nil
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

// thenSyncConverges plays the other side until it holds what the subject
// holds.
func (w *World) thenSyncConverges(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	want := len(w.given())
	handled := 0
	deeper := false
	var failed error
	ok, err := w.await(deliveryWithin, func() bool {
		received := injector.Packets(in.Main)
		for ; handled < len(received); handled++ {
			r := received[handled]
			switch r.Packet.Type {
			case wire.Publish:
				in.store.Add(w.net.Now(), r.Payload)
			case wire.Sync:
				if s, err := cache.DecodeSummary(r.Packet.Message); err == nil && s.Prefix.Len() > 0 {
					deeper = true
					failed = in.store.Answer(in.Injector, w.net.Now(), r.From, &r.Packet)
				}
			}
		}
		return in.store.Len() == want || failed != nil
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return &verdict.LabFailed{Err: failed}
	case !ok:
		return w.violated(frames(w.syncsTo(in)), "after syncing %q holds %d of %d packets", name, in.store.Len(), want)
	case !deeper:
		return w.violated(frames(w.reached(in.host)), "the subject sent no summary one digit deeper for the bucket that differs")
	}
	return nil
}

// A stream is randomness that is a function of its name.
type stream struct {
	name  [32]byte
	count uint64
	rest  []byte
}

func newStream(name string) *stream { return &stream{name: sha256.Sum256([]byte(name))} }

// Read never fails.
func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			s.count++
			block := sha256.Sum256(binary.BigEndian.AppendUint64(s.name[:], s.count))
			s.rest = block[:]
		}
		p[i], s.rest = s.rest[0], s.rest[1:]
	}
	return len(p), nil
}
