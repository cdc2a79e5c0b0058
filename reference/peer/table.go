// A map of bounded size, for all chapters.

package peer

// table is a map of bounded size. Over its bound the entry goes that was put longest ago.
type table[K comparable, V any] struct {
	bound          int
	index          map[K]int32
	slots          []slot[K, V]
	oldest, newest int32 // -1: none
	free           []int32
}

type slot[K comparable, V any] struct {
	key          K
	value        V
	older, newer int32
}

func newTable[K comparable, V any](bound int) table[K, V] {
	return table[K, V]{bound: bound, index: map[K]int32{}, oldest: -1, newest: -1}
}

func (t *table[K, V]) len() int { return len(t.index) }

// get finds an entry, nil if there is none. The pointer holds until the next put.
func (t *table[K, V]) get(key K) *V {
	if i, there := t.index[key]; there {
		return &t.slots[i].value
	}
	return nil
}

// put finds an entry or makes a zero one, and makes it the newest. The pointer holds until the next
// put.
func (t *table[K, V]) put(key K) (value *V, added bool) {
	if i, there := t.index[key]; there {
		t.unlink(i)
		t.link(i)
		return &t.slots[i].value, false
	}
	if len(t.index) >= t.bound && t.oldest >= 0 {
		t.delete(t.slots[t.oldest].key)
	}
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.slots))
		t.slots = append(t.slots, slot[K, V]{})
	}
	t.slots[i].key = key
	t.index[key] = i
	t.link(i)
	return &t.slots[i].value, true
}

func (t *table[K, V]) delete(key K) {
	i, there := t.index[key]
	if !there {
		return
	}
	t.unlink(i)
	t.slots[i] = slot[K, V]{}
	t.free = append(t.free, i)
	delete(t.index, key)
}

// each goes through the entries, oldest first, until visit returns false. Visit may delete the
// entry that it is given, and no other.
func (t *table[K, V]) each(visit func(key K, value *V) bool) {
	for i := t.oldest; i >= 0; {
		newer := t.slots[i].newer
		if !visit(t.slots[i].key, &t.slots[i].value) {
			return
		}
		i = newer
	}
}

func (t *table[K, V]) link(i int32) {
	t.slots[i].older, t.slots[i].newer = t.newest, -1
	if t.newest >= 0 {
		t.slots[t.newest].newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *table[K, V]) unlink(i int32) {
	s := &t.slots[i]
	if s.older >= 0 {
		t.slots[s.older].newer = s.newer
	} else {
		t.oldest = s.newer
	}
	if s.newer >= 0 {
		t.slots[s.newer].older = s.older
	} else {
		t.newest = s.older
	}
}
