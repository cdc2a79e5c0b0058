package cache

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// naive is the summary as it is defined, from all keys each time.
func naive(keys []string, p string) (s Summary) {
	slices.Sort(keys)
	var buckets [16]strings.Builder
	for _, key := range keys {
		if strings.HasPrefix(key, p) && len(key) > len(p) {
			buckets[strings.IndexByte("0123456789abcdef", key[len(p)])].WriteString(key)
		}
	}
	var all strings.Builder
	for d := range buckets {
		if buckets[d].Len() > 0 {
			s.Buckets[d] = sha1.Sum([]byte(buckets[d].String()))
			s.Present |= 1 << d
			all.WriteString(hex.EncodeToString(s.Buckets[d][:]))
		}
	}
	s.Hash = sha1.Sum([]byte(all.String()))
	s.Prefix, _ = ParsePrefix(p)
	return s
}

// model is a cache as one would write it without a thought of time.
type model struct {
	capacity int
	entries  []Entry // in order of arrival
}

func (m *model) insert(now time.Time, e Entry) (inserted bool, evicted *Entry) {
	if slices.ContainsFunc(m.entries, func(o Entry) bool { return o.ID == e.ID }) {
		return false, nil
	}
	if len(m.entries) == m.capacity {
		evicted = &m.entries[0]
		m.entries = slices.Clone(m.entries[1:])
	}
	e.Arrived = now
	m.entries = append(m.entries, e)
	return true, evicted
}

func (m *model) keys(now time.Time) (keys []string) {
	for _, e := range m.entries {
		if e.Arrived.After(now.Add(-Window)) {
			keys = append(keys, hex.EncodeToString(e.ID[:]))
		}
	}
	return keys
}

// However packets come, go, age and expire, every summary is the one made from scratch. Ids are
// drawn from three spreads: real ones, ones that share their first digits, and ones that differ in
// the last digit alone.
func TestSummariesEqualThoseFromScratch(t *testing.T) {
	spreads := map[string]func(*rand.Rand) wire.ID{
		"spread": func(r *rand.Rand) wire.ID { return numbered(r.IntN(600)) },
		"crowded": func(r *rand.Rand) wire.ID {
			id := numbered(r.IntN(600))
			id[0], id[1] = 0xab, id[1]&0x11
			return id
		},
		"last digit": func(r *rand.Rand) (id wire.ID) {
			id[31] = byte(r.IntN(16))
			id[0] = byte(r.IntN(2))
			return id
		},
	}
	for _, name := range slices.Sorted(maps.Keys(spreads)) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			draw := spreads[name]
			c, m := New(120), &model{capacity: 120}
			now := start
			counts := map[string]int{}
			for step := range 6000 {
				now = now.Add(time.Duration(r.IntN(60)) * time.Second)
				if r.IntN(200) == 0 { // a quiet while
					now = now.Add(time.Duration(r.IntN(8)) * time.Hour)
				}
				switch action := r.IntN(20); {
				case action < 14:
					e := Entry{ID: draw(r), TTL: time.Duration(r.IntN(8)) * time.Hour}
					inserted, evicted := c.Insert(now, e)
					wantInserted, wantEvicted := m.insert(now, e)
					require.Equal(t, wantInserted, inserted)
					require.Equal(t, wantEvicted, evicted)
					if evicted != nil {
						counts["evicted"]++
					}
				case action < 17 && len(m.entries) > 0:
					i := r.IntN(len(m.entries))
					require.True(t, c.Delete(m.entries[i].ID))
					m.entries = slices.Delete(m.entries, i, i+1)
					counts["deleted"]++
				case action == 17:
					rule := func(e *Entry) time.Duration { return Lifetime(e.TTL, e.ID[0]&1 == 0) }
					var expired []Entry
					c.Expire(now, rule, func(e Entry) { expired = append(expired, e) })
					var want, kept []Entry
					for _, e := range m.entries {
						if now.Sub(e.Arrived) >= rule(&e) {
							want = append(want, e)
						} else {
							kept = append(kept, e)
						}
					}
					require.Equal(t, want, expired)
					m.entries = kept
					counts["expired"] += len(expired)
				}
				require.Equal(t, len(m.entries), c.Len())
				keys := m.keys(now)
				if len(keys) < c.Len() {
					counts["out of window"]++
				}
				p := Key(draw(r)).Short([]int{0, 0, 0, 1, 1, 2, 3, 4, 63, 64}[r.IntN(10)])
				require.Equal(t, naive(keys, p.String()), c.Summary(now, p), "step %d, prefix %q", step, p)
				if step%20 == 0 {
					var under, wantUnder []string
					for e := range c.Under(now, p) {
						under = append(under, hex.EncodeToString(e.ID[:]))
					}
					for _, key := range keys { // naive sorted them
						if strings.HasPrefix(key, p.String()) {
							wantUnder = append(wantUnder, key)
						}
					}
					require.Equal(t, wantUnder, under)
					require.Equal(t, m.entries, slices.Collect(c.All()))
				}
			}
			require.NotZero(t, counts["deleted"])
			require.NotZero(t, counts["expired"])
			require.NotZero(t, counts["out of window"])
			if name != "last digit" { // 32 ids can't fill it
				require.NotZero(t, counts["evicted"])
			}
		})
	}
}

func TestInsertNeverReplaces(t *testing.T) {
	c := New(0)
	datagram := []byte("first")
	inserted, _ := c.Insert(start, Entry{ID: numbered(1), Datagram: datagram, Hops: 1})
	require.True(t, inserted)
	datagram[0] = 'x'
	inserted, evicted := c.Insert(start.Add(time.Hour), Entry{ID: numbered(1), Datagram: []byte("second")})
	require.False(t, inserted)
	require.Nil(t, evicted)
	e, there := c.Get(numbered(1))
	require.True(t, there)
	require.Equal(t, Entry{ID: numbered(1), Datagram: []byte("first"), Hops: 1, Arrived: start}, e)
	_, there = c.Get(numbered(2))
	require.False(t, there)
	require.False(t, c.Delete(numbered(2)))
}

func TestAFullCacheEvictsTheOldest(t *testing.T) {
	c := New(3)
	for n := 1; n <= 6; n++ {
		_, evicted := c.Insert(start.Add(time.Duration(n)), Entry{ID: numbered(n), Datagram: make([]byte, n)})
		if n <= 3 {
			require.Nil(t, evicted)
		} else {
			require.Equal(t, numbered(n-3), evicted.ID)
			require.Len(t, evicted.Datagram, n-3)
		}
	}
	require.Equal(t, 3, c.Len())
	require.Equal(t, 4+5+6, c.Bytes())
	for n := range 7 {
		_, there := c.Get(numbered(n))
		require.Equal(t, n >= 4, there, n)
	}
}

func TestBounds(t *testing.T) {
	require.Equal(t, 6604, New(0).capacity)
	require.Equal(t, 6604, New(-1).capacity)
	c := New(1 << 30)
	require.LessOrEqual(t, c.capacity*wire.MaxDatagram, MaxBytes)

	longest := make([]byte, wire.MaxDatagram)
	inserted, _ := c.Insert(start, Entry{ID: numbered(1), Datagram: append(longest, 0)})
	require.False(t, inserted)
	require.Zero(t, c.Len())
	for n := range c.capacity + 10 {
		c.Insert(start, Entry{ID: numbered(n), Datagram: longest})
	}
	require.Equal(t, c.capacity, c.Len())
	require.Equal(t, c.capacity*wire.MaxDatagram, c.Bytes())
}

func TestTimeThatGoesBack(t *testing.T) {
	c := New(2)
	c.Insert(start, Entry{ID: numbered(1)})
	c.Insert(start.Add(-time.Hour), Entry{ID: numbered(2)})
	e, _ := c.Get(numbered(2))
	require.Equal(t, start, e.Arrived)
	_, evicted := c.Insert(start, Entry{ID: numbered(3)})
	require.Equal(t, numbered(1), evicted.ID)
}

// A packet of a joined cluster outlives the window: found by id, summarised no more.
func TestTheWindow(t *testing.T) {
	c := New(0)
	c.Insert(start, Entry{ID: numbered(1)})
	c.Insert(start.Add(time.Minute), Entry{ID: numbered(2)})
	one := New(0)
	one.Insert(start, Entry{ID: numbered(2)})

	both := c.Summary(start.Add(Window-1), Prefix{})
	require.NotEqual(t, one.Summary(start, Prefix{}), both)
	require.Equal(t, one.Summary(start, Prefix{}), c.Summary(start.Add(Window), Prefix{}), "six hours old is out")
	for e := range c.Under(start.Add(Window), Prefix{}) {
		require.Equal(t, numbered(2), e.ID)
	}
	_, there := c.Get(numbered(1))
	require.True(t, there)

	joined := func(*Entry) time.Duration { return Lifetime(0, true) }
	c.Expire(start.Add(2*Window-1), joined, nil)
	require.Equal(t, 2, c.Len())
	c.Expire(start.Add(2*Window), joined, nil)
	require.Equal(t, 1, c.Len())
	c.Expire(start.Add(3*Window), joined, nil)
	require.Zero(t, c.Len())
	require.Zero(t, c.Summary(start.Add(3*Window), Prefix{}).Present)

	c.Insert(start.Add(3*Window), Entry{ID: numbered(2)})
	require.Equal(t, one.Summary(start, Prefix{}), c.Summary(start.Add(3*Window), Prefix{}), "what comes again counts again")
}

func TestLifetime(t *testing.T) {
	for _, c := range []struct {
		ttl    time.Duration
		joined bool
		want   time.Duration
	}{
		{time.Minute, false, time.Minute},
		{time.Minute, true, time.Minute},
		{0, false, 6 * time.Hour},
		{6 * time.Hour, false, 6 * time.Hour},
		{6 * time.Hour, true, 12 * time.Hour},
		{100 * time.Hour, false, 6 * time.Hour},
		{100 * time.Hour, true, 12 * time.Hour},
	} {
		require.Equal(t, c.want, Lifetime(c.ttl, c.joined), "%v", c)
	}
}

func TestChildren(t *testing.T) {
	c := New(5)
	head := numbered(0)
	c.Insert(start, Entry{ID: head, Index: 0})
	for n, index := range []int32{3, 1, 2, -1} {
		c.Insert(start, Entry{ID: numbered(n + 1), PreviousID: head, Index: index})
	}
	indexes := func() (all []int32) {
		for _, e := range c.Children(head) {
			require.Equal(t, head, e.PreviousID)
			all = append(all, e.Index)
		}
		return all
	}
	require.Equal(t, []int32{-1, 1, 2, 3}, indexes())
	require.Empty(t, c.Children(wire.ID{}), "a packet that names no previous one is nobody's child")
	require.Empty(t, c.Children(numbered(1)))

	c.Insert(start, Entry{ID: numbered(10)}) // evicts the head
	require.Equal(t, []int32{-1, 1, 2, 3}, indexes(), "fragments may outlive their head, or come before it")
	c.Insert(start, Entry{ID: numbered(11)}) // evicts index 3
	c.Delete(numbered(2))
	require.Equal(t, []int32{-1, 2}, indexes())
	c.Expire(start.Add(Window), func(*Entry) time.Duration { return Window }, nil)
	require.Empty(t, indexes())
	require.Empty(t, c.children, "nothing is left behind")
}

func TestIterationCanBeLeft(t *testing.T) {
	c := New(0)
	for n := range 100 {
		c.Insert(start, Entry{ID: numbered(n)})
	}
	n := 0
	for range c.Under(start, Prefix{}) {
		if n++; n == 60 {
			break
		}
	}
	for range c.All() {
		if n++; n == 70 {
			break
		}
	}
	require.Equal(t, 70, n)
}

// Changing what Insert was given, or what was evicted, changes nothing inside.
func TestEvictedEntryIsTheCallers(t *testing.T) {
	c := New(1)
	c.Insert(start, Entry{ID: numbered(1), Datagram: []byte("one")})
	_, evicted := c.Insert(start, Entry{ID: numbered(2), Datagram: []byte("two")})
	evicted.Datagram[0] = 'x'
	evicted.ID = numbered(2)
	e, there := c.Get(numbered(2))
	require.True(t, there)
	require.True(t, bytes.Equal([]byte("two"), e.Datagram))
}

func Example() {
	c := New(DefaultCapacity)
	now := time.UnixMilli(1_700_000_000_000)
	c.Insert(now, Entry{ID: wire.ID{0xd5}, Datagram: []byte("a datagram")})
	s := c.Summary(now, Prefix{})
	fmt.Printf("%d packet, %d bytes, in bucket d: %t\n", c.Len(), c.Bytes(), s.Has(0xd))
	// Output: 1 packet, 10 bytes, in bucket d: true
}
