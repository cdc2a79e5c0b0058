// The cache: section 12.1 (spec/12-budgets.md).

// Package cache holds the publishes that a peer has seen, to give them to peers that were away, and
// summarises them so that two peers find out cheaply what one has and the other lacks.
package cache

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"time"

	"punchlist/reference/wire"
)

// Limits (LAT-BUDG-001).
const (
	// DefaultCapacity is in packets. It is the deployed peers', who reckon 16,000,000 bytes at
	// 2,423 a packet.
	DefaultCapacity = 6604
	// MaxBytes bounds the datagrams held, whatever the capacity.
	MaxBytes = 16_000_000
)

// Window is how long after its arrival a packet is in summaries.
const Window = 6 * time.Hour

// DefaultTTL stands for a ttl of zero, and is the longest that a sender can ask for.
const DefaultTTL = 6 * time.Hour

// Lifetime is how long a packet stays after its arrival (LAT-BUDG-002): its ttl, but six hours
// where that is zero or more than six hours; and one of six hours stays twelve if its cluster is
// one that the peer has joined.
func Lifetime(ttl time.Duration, joined bool) time.Duration {
	if 0 < ttl && ttl < DefaultTTL {
		return ttl
	}
	if joined {
		return 2 * DefaultTTL
	}
	return DefaultTTL
}

// Entry is a cached packet.
type Entry struct {
	ID         wire.ID
	PreviousID wire.ID   // zero where the packet names none (of 32 bytes)
	Datagram   []byte    // as it will be sent, at most wire.MaxDatagram bytes; not to be changed
	Arrived    time.Time // set by Insert

	// The cache only carries the rest.
	ClusterID    [32]byte
	SubclusterID [32]byte
	TTL          time.Duration
	Index        int32
	Clock        uint32
	Hops         uint32
	Own          bool // published by this peer
}

// Cache holds packets by id, oldest first out. Nothing in it is safe for concurrent use. Times
// given to it should not go back; one that does counts as the newest arrival so far.
type Cache struct {
	capacity int
	bytes    int
	items    map[wire.ID]*item
	children map[wire.ID][]*item // by PreviousID, in order of arrival

	// All items in order of arrival; those from inWindow on are in the trie.
	oldest, newest, inWindow *item

	trie trie
}

type item struct {
	Entry
	key          Prefix
	older, newer *item
	inTrie       bool
}

// New makes an empty cache for so many packets; DefaultCapacity if that is not positive, and no
// more than surely fit into MaxBytes (11,259).
func New(capacity int) *Cache {
	if capacity <= 0 {
		capacity = DefaultCapacity
	}
	return &Cache{
		capacity: min(capacity, MaxBytes/wire.MaxDatagram),
		items:    map[wire.ID]*item{},
		children: map[wire.ID][]*item{},
		trie:     trie{state: newState()},
	}
}

// Len is the number of packets.
func (c *Cache) Len() int { return len(c.items) }

// Bytes is the length of all datagrams.
func (c *Cache) Bytes() int { return c.bytes }

// Insert takes a packet in, with a copy of its datagram, as arrived now. What is there is never
// replaced, and a datagram over wire.MaxDatagram bytes is refused: inserted is false. If the cache
// is full, the packet that arrived first goes and is returned. (A deployed peer evicts the one that
// arrived last, so that a full cache takes nothing new for ever.)
func (c *Cache) Insert(now time.Time, e Entry) (inserted bool, evicted *Entry) {
	if _, there := c.items[e.ID]; there || len(e.Datagram) > wire.MaxDatagram {
		return false, nil
	}
	if len(c.items) >= c.capacity {
		evicted = &c.oldest.Entry
		c.remove(c.oldest)
	}
	it := &item{Entry: e, key: Key(e.ID), older: c.newest}
	it.Datagram = bytes.Clone(e.Datagram)
	it.Arrived = now
	if c.newest == nil {
		c.oldest = it
	} else {
		c.newest.newer = it
		if now.Before(c.newest.Arrived) {
			it.Arrived = c.newest.Arrived
		}
	}
	c.newest = it
	c.items[it.ID] = it
	if !it.PreviousID.IsZero() {
		c.children[it.PreviousID] = append(c.children[it.PreviousID], it)
	}
	c.bytes += len(it.Datagram)
	c.trie.insert(it)
	it.inTrie = true
	if c.inWindow == nil {
		c.inWindow = it
	}
	return true, evicted
}

func (c *Cache) remove(it *item) {
	if it.inTrie {
		c.trie.remove(it)
		it.inTrie = false
	}
	if c.inWindow == it {
		c.inWindow = it.newer
	}
	if it.older == nil {
		c.oldest = it.newer
	} else {
		it.older.newer = it.newer
	}
	if it.newer == nil {
		c.newest = it.older
	} else {
		it.newer.older = it.older
	}
	it.older, it.newer = nil, nil
	if siblings := c.children[it.PreviousID]; len(siblings) > 1 {
		i := slices.Index(siblings, it)
		c.children[it.PreviousID] = slices.Delete(siblings, i, i+1)
	} else {
		delete(c.children, it.PreviousID)
	}
	delete(c.items, it.ID)
	c.bytes -= len(it.Datagram)
}

// Get finds a packet.
func (c *Cache) Get(id wire.ID) (Entry, bool) {
	if it, there := c.items[id]; there {
		return it.Entry, true
	}
	return Entry{}, false
}

// Delete takes a packet out; false if it was not there.
func (c *Cache) Delete(id wire.ID) bool {
	it, there := c.items[id]
	if there {
		c.remove(it)
	}
	return there
}

// Children are the packets whose previousId is head's id, by index, those of equal index in order
// of arrival. A message's fragments are among them, and so are ordinary replies to it, which have
// index -1.
func (c *Cache) Children(head wire.ID) []Entry {
	items := c.children[head]
	if len(items) == 0 {
		return nil
	}
	entries := make([]Entry, len(items))
	for i, it := range items {
		entries[i] = it.Entry
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Index, b.Index) })
	return entries
}

// Expire takes out the packets whose lifetime, counted from their arrival, has passed, and gives
// each to expired (if not nil), oldest first. The rule is the caller's, who knows which clusters
// are joined: see Lifetime. It looks at every packet, so once a tick is often enough.
func (c *Cache) Expire(now time.Time, lifetime func(*Entry) time.Duration, expired func(Entry)) {
	for it := c.oldest; it != nil; {
		newer := it.newer
		if now.Sub(it.Arrived) >= lifetime(&it.Entry) {
			c.remove(it)
			if expired != nil {
				expired(it.Entry)
			}
		}
		it = newer
	}
}

// age takes the packets that arrived before the window out of the trie. They stay in the cache, to
// be found by id.
//
// A packet can be older than the window and alive: of a joined cluster it lives twelve hours. Both
// it and its absence have to look to a remote as they look in a deployed peer, whose summaries have
// the packets with arrival > T, T = min(since, now - 6 h). The since of a sync, a time of the
// remote's clock, can only widen that, and what senders put there is now - 6 h or later; so it
// matters only if the remote's clock is behind, by so much. Leaving it out keeps one trie for all
// remotes. Since arrivals are in order, what leaves the window is always next in line.
func (c *Cache) age(now time.Time) {
	for c.inWindow != nil && now.Sub(c.inWindow.Arrived) >= Window {
		c.trie.remove(c.inWindow)
		c.inWindow.inTrie = false
		c.inWindow = c.inWindow.newer
	}
}

// Summary of the packets under a prefix that arrived in the last six hours. At the root, after one
// packet came and one went, it hashes about a sixteenth of the keys.
func (c *Cache) Summary(now time.Time, p Prefix) Summary {
	c.age(now)
	return c.trie.summary(p)
}

// Under gives the packets that a summary at the prefix covers (and the one whose key is the
// prefix), ascending by key. The cache must not be changed meanwhile.
func (c *Cache) Under(now time.Time, p Prefix) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		c.age(now)
		c.trie.walk(p, func(it *item) bool { return yield(it.Entry) })
	}
}

// All gives all packets, in order of arrival. The cache must not be changed meanwhile.
func (c *Cache) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for it := c.oldest; it != nil; it = it.newer {
			if !yield(it.Entry) {
				return
			}
		}
	}
}
