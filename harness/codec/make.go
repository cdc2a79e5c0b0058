package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// Make makes all vectors, from nothing but texts that its own code names. What
// is expected of each stands with it: an error says where the reference
// disagrees.
func Make() ([]vectors.Chapter, error) {
	var all []vectors.Chapter
	seen, err := promoted()
	if err != nil {
		return nil, err
	}
	for _, chapter := range []struct {
		file string
		fill func(*book)
	}{
		{"01-framing.yaml", framing},
		{"02-identity.yaml", identity},
		{"03-keys.yaml", keys},
		{"05-nat.yaml", natTypes},
		{"06-traversal.yaml", strategies},
		{"09-sync.yaml", negotiations},
	} {
		b := &book{ask: Reference(chapter.file), chapter: vectors.Chapter{File: chapter.file}, taken: map[string]bool{}}
		chapter.fill(b)
		for _, p := range seen {
			file, err := p.file()
			if err != nil {
				return nil, fmt.Errorf("promoted.yaml: %s: %w", p.ID, err)
			}
			if file == chapter.file {
				b.promote(p)
			}
		}
		if len(b.faults) > 0 {
			return nil, fmt.Errorf("%s: %w", chapter.file, errors.Join(b.faults...))
		}
		all = append(all, b.chapter)
	}
	return all, nil
}

// Head is the comment that a file of vectors begins with.
const Head = "# Made by `punchlist vectors make` from seeds, and held to it by a test. README.md says how to read it.\n"

// book gathers the vectors of a chapter.
type book struct {
	ask     Asker
	chapter vectors.Chapter
	taken   map[string]bool
	faults  []error
}

func (b *book) fail(id, format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf("%s: %s", id, fmt.Sprintf(format, args...)))
}

// play asks the reference, and adds the vector with what it says.
func (b *book) play(v vectors.Vector, with testee.CodecWith) (ok testee.CodecOK, refusal *testee.Error) {
	if b.taken[v.ID] {
		b.fail(v.ID, "the id is there twice")
	}
	b.taken[v.ID] = true
	var err error
	if v.With, err = json.Marshal(with); err != nil {
		b.fail(v.ID, "%v", err)
		return ok, nil
	}
	raw, refusal, err := b.ask(v.Do, v.With)
	if err != nil {
		b.fail(v.ID, "%v", err)
		return ok, nil
	}
	if refusal == nil {
		if err := json.Unmarshal(raw, &ok); err != nil {
			b.fail(v.ID, "%v", err)
		}
		if v.Opens == nil {
			v.OK = b.expected(v.ID, raw, ok)
		}
	}
	b.chapter.Vectors = append(b.chapter.Vectors, v)
	return ok, refusal
}

// expected is a result as a vector has it: where a packet has a body its
// message isn't read, and a key that is there twice is there once.
func (b *book) expected(id string, raw json.RawMessage, ok testee.CodecOK) json.RawMessage {
	if ok.Packet == nil || ok.Packet.Body == nil {
		return raw
	}
	p := *ok.Packet
	p.Message = ""
	var err error
	if p.Body, err = once(p.Body); err != nil {
		b.fail(id, "%v", err)
	}
	out, err := json.Marshal(testee.CodecOK{Packet: &p})
	if err != nil {
		b.fail(id, "%v", err)
	}
	return out
}

// once is a JSON object with each of its keys once, with the last value, where
// it stood first. What is no object stays.
func once(text json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return text, err
	}
	var keys []string
	last := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		name := key.(string) // the decoder gives nothing else as a key
		if _, there := last[name]; !there {
			keys = append(keys, name)
		}
		last[name] = value
	}
	out := []byte("{")
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), last[key]...)
	}
	return append(out, '}'), nil
}

// takes adds a vector whose input must be taken. What the reference answers is
// what is expected; the caller judges it.
func (b *book) takes(id, requirement, title, do string, with testee.CodecWith) testee.CodecOK {
	ok, refusal := b.play(vectors.Vector{ID: id, Requirement: requirement, Title: title, Do: do}, with)
	if refusal != nil {
		b.fail(id, "the reference refuses it: %v", refusal)
	}
	return ok
}

// refuses adds a vector whose input must be rejected, for this reason.
func (b *book) refuses(id, requirement, title, do string, with testee.CodecWith, why vectors.Rejection) {
	_, refusal := b.play(vectors.Vector{ID: id, Requirement: requirement, Title: title, Do: do, Rejected: &why}, with)
	switch {
	case refusal == nil || refusal.Code != testee.Rejected:
		b.fail(id, "the reference doesn't reject it (%v)", refusal)
	case !strings.Contains(refusal.Text, why.Reason) || !strings.Contains(refusal.Text, why.Field) || !strings.Contains(refusal.Text, why.Key):
		b.fail(id, "the reference rejects it for %q, not %q", refusal.Text, Reason(why))
	}
}

// want checks what the reference answered against what the standard says.
func (b *book) want(id string, right bool, format string, args ...any) {
	if !right {
		b.fail(id, format, args...)
	}
}

// hashed is 32 bytes that a text names.
func hashed(text string) [32]byte { return sha256.Sum256([]byte("punchlist vectors: " + text)) }

func seed(text string) wire.ID { return wire.ID(hashed(text)) }

// bytesOf are as many bytes as are asked for, which a text names.
func bytesOf(text string, n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	for i := 0; len(out) < n; i++ {
		block := hashed(fmt.Sprintf("%s %d", text, i))
		out = append(out, block[:]...)
	}
	return out[:n]
}

func toHex(b []byte) string { return hex.EncodeToString(b) }

func at(offset int) *int { return &offset }
