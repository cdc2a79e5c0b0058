// The summary: section 9.1 (spec/09-sync.md).

package cache

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
)

// Summary tells what is under a prefix without naming it: for each next digit the SHA-1 of the keys
// that go on with it, in hex, ascending, concatenated; and over the hex of the values that there
// are, in order, the Hash (LAT-SYNC-001). The key equal to the prefix, if there is one, is in no
// bucket.
type Summary struct {
	Prefix  Prefix
	Hash    [sha1.Size]byte
	Buckets [16][sha1.Size]byte // by next digit; zero where Present has no bit
	Present uint16              // bit d: there is a key that goes on with digit d
}

// Has tells whether the bucket of a digit, 0 to 15, has a key.
func (s *Summary) Has(digit int) bool { return s.Present>>digit&1 == 1 }

// seal computes the Hash from the buckets.
func (s *Summary) seal() {
	var text [16 * 2 * sha1.Size]byte
	n := 0
	for d := range s.Buckets {
		if s.Has(d) {
			n += hex.Encode(text[n:], s.Buckets[d][:])
		}
	}
	s.Hash = sha1.Sum(text[:n])
}

// set fills a bucket.
func (s *Summary) set(digit int, value [sha1.Size]byte) {
	s.Buckets[digit] = value
	s.Present |= 1 << digit
}

const bucketSize = 1 + sha1.Size

// Append writes the message of a sync packet (LAT-SYNC-002): the number of the prefix's digits (1
// byte), the digits (an odd number of them after a zero nibble), the hash, and per bucket present
// its digit (1 byte) and value, ascending. That is 21 to 389 bytes.
func (s *Summary) Append(dst []byte) []byte {
	n := s.Prefix.Len()
	dst = append(dst, byte(n))
	for i := -(n & 1); i < n; i += 2 {
		high := 0
		if i >= 0 {
			high = s.Prefix.digit(i)
		}
		dst = append(dst, byte(high<<4|s.Prefix.digit(i+1)))
	}
	dst = append(dst, s.Hash[:]...)
	for d := range s.Buckets {
		if s.Has(d) {
			dst = append(append(dst, byte(d)), s.Buckets[d][:]...)
		}
	}
	return dst
}

// DecodeSummary reads what Append writes. Buckets may come in any order, and of one that is
// repeated the last counts; the nibble that pads an odd prefix may be anything.
//
// It is stricter than the deployed decoder, of which no sender can notice: that one takes a hash or
// a bucket cut short (and ends the sync, or finds a bucket that differs), buckets over 15 (and
// never looks at them), prefixes over 64 digits or cut short, and buckets below a whole key
// (nothing can be there). Here all these are errors. Only the empty message is one for both.
func DecodeSummary(b []byte) (s Summary, err error) {
	if len(b) == 0 {
		return s, fmt.Errorf("cache: summary: the prefix's length is missing")
	}
	n, rest := int(b[0]), b[1:]
	if n > KeyDigits {
		return s, fmt.Errorf("cache: summary: prefix of %d digits, at most %d", n, KeyDigits)
	}
	packed := (n + 1) / 2
	if len(rest) < packed+sha1.Size {
		return s, fmt.Errorf("cache: summary: %d bytes after the prefix's length, at least %d needed for %d digits and the hash", len(rest), packed+sha1.Size, n)
	}
	var digits [KeyDigits]byte
	hex.Encode(digits[:], rest[:packed])
	p := Prefix{length: uint8(n)}
	copy(p.digits[:n], digits[2*packed-n:])
	hash, rest := rest[packed:packed+sha1.Size], rest[packed+sha1.Size:]
	if n == KeyDigits && len(rest) > 0 {
		return s, fmt.Errorf("cache: summary: buckets below a prefix that is a whole key")
	}
	if len(rest)%bucketSize != 0 {
		return s, fmt.Errorf("cache: summary: the last bucket has %d bytes, want %d", len(rest)%bucketSize, bucketSize)
	}
	s = Summary{Prefix: p, Hash: [sha1.Size]byte(hash)}
	for bucket := range slices.Chunk(rest, bucketSize) {
		if bucket[0] > 15 {
			return Summary{}, fmt.Errorf("cache: summary: bucket %d, at most 15", bucket[0])
		}
		s.set(int(bucket[0]), [sha1.Size]byte(bucket[1:]))
	}
	return s, nil
}
