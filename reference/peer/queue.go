// A queue, for all chapters.

package peer

// queue is first in, first out.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int    { return len(q.items) - q.head }
func (q *queue[T]) push(item T) { q.items = append(q.items, item) }

// bringForward puts the item at i first, and the first one there.
func (q *queue[T]) bringForward(i int) {
	q.items[q.head], q.items[q.head+i] = q.items[q.head+i], q.items[q.head]
}

func (q *queue[T]) pop() T {
	item := q.items[q.head]
	q.head++
	if 2*q.head >= len(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	return item
}
