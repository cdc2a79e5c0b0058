// The negotiation: section 9.2 (spec/09-sync.md).

package cache

import "iter"

// Move is what the owner of a summary does about one digit of another's.
type Move uint8

// The moves of a negotiation (LAT-SYNC-005).
const (
	Deeper  Move = iota + 1 // send the own summary at the prefix with this digit
	Packets                 // send the packets under it
)

// Moves compares a summary with another's at the same prefix, and gives what is to be sent, by
// prefix: nothing where the hashes are equal (LAT-SYNC-004), and for each digit the own summary
// where the other side has a bucket that is missing here or differs, and the packets where it has
// none. A deployed peer goes deeper into equal buckets too.
func (s *Summary) Moves(theirs *Summary) iter.Seq2[Prefix, Move] {
	return func(yield func(Prefix, Move) bool) {
		if s.Hash == theirs.Hash {
			return
		}
		for digit := range 16 {
			child, ok := s.Prefix.Child(digit)
			if !ok {
				return
			}
			var do Move
			switch {
			case theirs.Has(digit) && (!s.Has(digit) || s.Buckets[digit] != theirs.Buckets[digit]):
				do = Deeper
			case !theirs.Has(digit) && s.Has(digit):
				do = Packets
			default:
				continue
			}
			if !yield(child, do) {
				return
			}
		}
	}
}
