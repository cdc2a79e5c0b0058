// What summaries are made from: section 9.1 (spec/09-sync.md).

package cache

import (
	"bytes"
	"crypto/sha1"
	"encoding"
	"hash"
	"slices"
	"sort"
)

// trie keeps keys in order, with what their summaries need.
//
// The bucket of one digit at the root is one SHA-1 over all keys that start with it: about 413 of
// 6,604. A key in hex is 64 bytes, exactly a block of SHA-1. So after a change at one place
// everything before it can be spared by going on from a saved state, and nothing behind it can:
// half a bucket on average, 8 µs with a processor's SHA instructions. That is the floor which the
// protocol leaves, and the rest is made small beside it: two levels of sixteen, a state saved
// between any two leaves, hashes made when asked for, keys held as the text that is hashed.
//
// A leaf of a full cache has some 26 keys, so that below two digits there is nothing to keep.
type trie struct {
	branches [16]branch
	root     Summary // if rooted
	rooted   bool
	state    state
}

// branch has the keys that start with one digit.
type branch struct {
	leaves [16]leaf
	count  int
	marks  [16][]byte // SHA-1 states before each leaf; those below marked hold
	marked int
	digest digest // of all keys of the leaves
}

// leaf has the keys that start with two digits.
type leaf struct {
	keys   []byte  // ascending, KeyDigits each
	items  []*item // in the same order
	digest digest
}

// digest is a hash that may have to be made again.
type digest struct {
	value [sha1.Size]byte
	holds bool
}

func (t *trie) at(key *Prefix) (*branch, int) { return &t.branches[key.digit(0)], key.digit(1) }

// insert adds an item whose key is not there.
func (t *trie) insert(it *item) {
	b, d := t.at(&it.key)
	l := &b.leaves[d]
	i := l.search(it.key.digits[:])
	l.keys = slices.Insert(l.keys, i*KeyDigits, it.key.digits[:]...)
	l.items = slices.Insert(l.items, i, it)
	b.count++
	b.changed(d)
	t.rooted = false
}

// remove takes an item out that is there.
func (t *trie) remove(it *item) {
	b, d := t.at(&it.key)
	l := &b.leaves[d]
	i := l.search(it.key.digits[:])
	l.keys = slices.Delete(l.keys, i*KeyDigits, (i+1)*KeyDigits)
	l.items = slices.Delete(l.items, i, i+1)
	b.count--
	b.changed(d)
	t.rooted = false
}

func (b *branch) changed(leaf int) {
	b.marked = min(b.marked, leaf+1)
	b.digest.holds = false
	b.leaves[leaf].digest.holds = false
}

// search finds where keys begin that start with text or come after it.
func (l *leaf) search(text []byte) int {
	return sort.Search(len(l.items), func(i int) bool {
		return bytes.Compare(l.keys[i*KeyDigits:i*KeyDigits+len(text)], text) >= 0
	})
}

// under finds the keys of a leaf that start with a prefix of two digits or more.
func (l *leaf) under(p *Prefix) (from, to int) {
	text := p.digits[:p.length]
	from = l.search(text)
	to = from + sort.Search(len(l.items)-from, func(i int) bool {
		at := (from + i) * KeyDigits
		return !bytes.Equal(l.keys[at:at+len(text)], text)
	})
	return from, to
}

// sum is the SHA-1 of the branch's keys, made from the last mark that holds.
func (b *branch) sum(s *state) [sha1.Size]byte {
	if b.digest.holds {
		return b.digest.value
	}
	from := max(b.marked-1, 0)
	if b.marked == 0 {
		s.reset()
	} else {
		s.load(b.marks[from])
	}
	for d := from; d < len(b.leaves); d++ {
		if d >= b.marked {
			b.marks[d] = s.save(b.marks[d][:0])
		}
		s.write(b.leaves[d].keys)
	}
	b.marked = len(b.leaves)
	b.digest = digest{s.sum(), true}
	return b.digest.value
}

func (l *leaf) sum() [sha1.Size]byte {
	if !l.digest.holds {
		l.digest = digest{sha1.Sum(l.keys), true}
	}
	return l.digest.value
}

// summary is that of all keys under a prefix. The root's, whose hash every pong carries, is kept.
func (t *trie) summary(p Prefix) Summary {
	if p.Len() > 0 {
		return t.below(p)
	}
	if !t.rooted {
		t.root, t.rooted = Summary{}, true
		for d := range t.branches {
			if b := &t.branches[d]; b.count > 0 {
				t.root.set(d, b.sum(&t.state))
			}
		}
		t.root.seal()
	}
	return t.root
}

func (t *trie) below(p Prefix) Summary {
	s := Summary{Prefix: p}
	switch p.Len() {
	case 1:
		b := &t.branches[p.digit(0)]
		for d := range b.leaves {
			if l := &b.leaves[d]; len(l.items) > 0 {
				s.set(d, l.sum())
			}
		}
	case KeyDigits:
		// Only the key itself can be here, and that is in no bucket.
	default:
		b, d := t.at(&p)
		l := &b.leaves[d]
		for from, to := l.under(&p); from < to; {
			digit := l.keys[from*KeyDigits+p.Len()]
			end := from + 1
			for end < to && l.keys[end*KeyDigits+p.Len()] == digit {
				end++
			}
			s.set(value(digit), sha1.Sum(l.keys[from*KeyDigits:end*KeyDigits]))
			from = end
		}
	}
	s.seal()
	return s
}

// walk yields the items under a prefix, ascending.
func (t *trie) walk(p Prefix, yield func(*item) bool) {
	for d := range t.branches {
		if p.Len() > 0 && d != p.digit(0) {
			continue
		}
		for e := range t.branches[d].leaves {
			if p.Len() > 1 && e != p.digit(1) {
				continue
			}
			l := &t.branches[d].leaves[e]
			items := l.items
			if p.Len() > 2 {
				from, to := l.under(&p)
				items = items[from:to]
			}
			for _, it := range items {
				if !yield(it) {
					return
				}
			}
		}
	}
}

// state is a running SHA-1 that can be saved and gone on from.
type state struct {
	hash hash.Hash
	text [sha1.Size]byte
}

func newState() state { return state{hash: sha1.New()} }

func (s *state) reset()         { s.hash.Reset() }
func (s *state) write(b []byte) { s.hash.Write(b) }

func (s *state) sum() [sha1.Size]byte { return [sha1.Size]byte(s.hash.Sum(s.text[:0])) }

// save and load can't fail: the standard library's hashes all support both, and what is loaded is
// what was saved.
func (s *state) save(dst []byte) []byte {
	dst, err := s.hash.(encoding.BinaryAppender).AppendBinary(dst)
	if err != nil {
		panic(err)
	}
	return dst
}

func (s *state) load(saved []byte) {
	if err := s.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved); err != nil {
		panic(err)
	}
}
