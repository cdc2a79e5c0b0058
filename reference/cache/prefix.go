// Prefixes of summaries: section 9.1 (spec/09-sync.md).

package cache

import (
	"encoding/hex"
	"fmt"

	"punchlist/reference/wire"
)

// KeyDigits is the length of a key: a packetId in hex.
const KeyDigits = 64

// Prefix is a string of 0 to 64 hex digits that keys may start with. The zero value is the empty
// one, the root. Prefixes compare with ==.
type Prefix struct {
	digits [KeyDigits]byte // lower-case ASCII, zeros beyond length
	length uint8
}

// ParsePrefix reads lower-case hex digits. An upper-case one is an error: keys are lower-case, so
// nothing could be under it.
func ParsePrefix(text string) (p Prefix, err error) {
	if len(text) > KeyDigits {
		return Prefix{}, fmt.Errorf("cache: prefix of %d digits, at most %d", len(text), KeyDigits)
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return Prefix{}, fmt.Errorf("cache: prefix %q: %q at %d is no lower-case hex digit", text, c, i)
		}
	}
	p.length = uint8(copy(p.digits[:], text))
	return p, nil
}

// Key is the prefix that is all of a packetId.
func Key(id wire.ID) (p Prefix) {
	hex.Encode(p.digits[:], id[:])
	p.length = KeyDigits
	return p
}

// Len is the number of digits.
func (p Prefix) Len() int { return int(p.length) }

// String gives the digits.
func (p Prefix) String() string { return string(p.digits[:p.length]) }

// Short keeps the first n digits; all of them if there are no more.
func (p Prefix) Short(n int) (s Prefix) {
	s.length = uint8(copy(s.digits[:], p.digits[:min(n, p.Len())]))
	return s
}

// Child adds one digit, 0 to 15. A whole key has no children: false.
func (p Prefix) Child(digit int) (child Prefix, ok bool) {
	if p.length == KeyDigits {
		return Prefix{}, false
	}
	child = p
	child.digits[p.length] = "0123456789abcdef"[digit]
	child.length++
	return child, true
}

// digit is the value of the digit at i.
func (p *Prefix) digit(i int) int { return value(p.digits[i]) }

// value of a lower-case hex digit.
func value(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c-'a') + 10
}
