// The JSON of bodies: section 1.5 (spec/01-framing.md).

package wire

import (
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// The JSON of bodies is read by a scanner that allocates nothing: it keeps where values stand, and
// leaves reading them to those who want them. It takes what JSON.parse takes of a text in UTF-8
// whose invalid bytes were replaced.

type valueKind uint8

const (
	absent valueKind = iota
	isNull
	isFalse
	isTrue
	isNumber
	isString
	isObject
	isArray
)

// value is where a JSON value stands in its text: of a string the part between the quotes, of
// others the whole. The zero value is none.
type value struct {
	kind       valueKind
	escaped    bool // a string with escapes in it
	start, end int32
}

// at is where the value begins, its opening quote included.
func (v value) at() int {
	if v.kind == isString {
		return int(v.start) - 1
	}
	return int(v.start)
}

// after is where the text goes on behind the value.
func (v value) after() int {
	if v.kind == isString {
		return int(v.end) + 1
	}
	return int(v.end)
}

func (v value) text(json []byte) []byte { return json[v.start:v.end] }

type scanner struct {
	json []byte
	pos  int // after a failure: of the byte that doesn't fit
}

// peek is the next byte, and 0, which begins nothing in JSON, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.json) {
		return s.json[s.pos]
	}
	return 0
}

// take skips the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.json) && s.json[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.pos < len(s.json) {
		switch s.json[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// end skips white space and says whether nothing follows.
func (s *scanner) end() bool {
	s.space()
	return s.pos == len(s.json)
}

// member reads one member of an object, after its opening brace: a name, a value, and the comma or
// brace after it. First is true for the first one, which alone may be missing. It returns more =
// false after the closing brace, with name.kind absent for an empty object.
func (s *scanner) member(first bool) (name, v value, more, ok bool) {
	s.space()
	if first && s.take('}') {
		return value{}, value{}, false, true
	}
	if name, ok = s.string(); !ok {
		return
	}
	s.space()
	if ok = s.take(':'); !ok {
		return
	}
	if v, ok = s.value(); !ok {
		return
	}
	s.space()
	if s.take(',') {
		return name, v, true, true
	}
	return name, v, false, s.take('}')
}

// value reads any value, with the white space before it.
func (s *scanner) value() (v value, ok bool) {
	s.space()
	v.start = int32(s.pos)
	switch c := s.peek(); {
	case c == '"':
		return s.string()
	case c == '{':
		v.kind, ok = isObject, s.object()
	case c == '[':
		v.kind, ok = isArray, s.array()
	case c == 't':
		v.kind, ok = isTrue, s.word("true")
	case c == 'f':
		v.kind, ok = isFalse, s.word("false")
	case c == 'n':
		v.kind, ok = isNull, s.word("null")
	case c == '-' || c >= '0' && c <= '9':
		v.kind, ok = isNumber, s.number()
	}
	if !ok {
		return value{}, false
	}
	v.end = int32(s.pos)
	return v, true
}

// object and array call each other through value no deeper than a message has bytes.
func (s *scanner) object() bool {
	s.pos++
	for first := true; ; first = false {
		if _, _, more, ok := s.member(first); !ok || !more {
			return ok
		}
	}
}

func (s *scanner) array() bool {
	s.pos++
	s.space()
	if s.take(']') {
		return true
	}
	for {
		if _, ok := s.value(); !ok {
			return false
		}
		s.space()
		if !s.take(',') {
			return s.take(']')
		}
	}
}

func (s *scanner) word(word string) bool {
	for i := range len(word) {
		if !s.take(word[i]) {
			return false
		}
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) string() (v value, ok bool) {
	if !s.take('"') {
		return value{}, false
	}
	v = value{kind: isString, start: int32(s.pos)}
	for s.pos < len(s.json) {
		switch c := s.json[s.pos]; {
		case c == '"':
			v.end = int32(s.pos)
			s.pos++
			return v, true
		case c == '\\':
			v.escaped = true
			if !s.escape() {
				return value{}, false
			}
		case c < ' ':
			return value{}, false
		default:
			s.pos++
		}
	}
	return value{}, false
}

func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		s.pos++
		for range 4 {
			if hexValue[s.peek()] > 0xf {
				return false
			}
			s.pos++
		}
		return true
	}
	return false
}

// maxText is the longest string that is looked into: an id of a peer.
const maxText = 64

// unescaped returns the text of a string without its escapes, written to buf where there are any;
// nil where the text is then longer than buf. (A nil text is none of those that are looked for.)
func unescaped(json []byte, v value, buf *[maxText]byte) []byte {
	raw := v.text(json)
	if !v.escaped {
		return raw
	}
	n := 0
	for i := 0; i < len(raw); {
		var r rune
		if raw[i] == '\\' {
			r, i = escapedRune(raw, i)
		} else {
			var size int
			r, size = utf8.DecodeRune(raw[i:])
			i += size
		}
		if n+utf8.RuneLen(r) > len(buf) {
			return nil
		}
		n += utf8.EncodeRune(buf[n:], r)
	}
	return buf[:n]
}

// escapedRune reads the escape at raw[i], valid by the scanner, and returns what it stands for and
// where the text goes on. Half a surrogate pair is U+FFFD.
func escapedRune(raw []byte, i int) (r rune, next int) {
	switch c := raw[i+1]; c {
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		r, next = unit(raw, i), i+6
		if !utf16.IsSurrogate(r) {
			return r, next
		}
		if next+1 < len(raw) && raw[next] == '\\' && raw[next+1] == 'u' {
			if pair := utf16.DecodeRune(r, unit(raw, next)); pair != utf8.RuneError {
				return pair, next + 6
			}
		}
		return utf8.RuneError, next
	default:
		return rune(c), i + 2
	}
}

// unit is the UTF-16 code unit of the \uXXXX at raw[i].
func unit(raw []byte, i int) (r rune) {
	for _, c := range raw[i+2 : i+6] {
		r = r<<4 | rune(hexValue[c])
	}
	return r
}

// integer reads a JSON number as an integer, cut off toward zero and kept within 64 bits; whole
// says whether nothing was cut off.
func integer(number []byte) (n int64, whole bool) {
	text, negative := number, number[0] == '-'
	if negative {
		text = text[1:]
	}
	digits, point, exponent := len(text), -1, 0
	for i, c := range text {
		if c == '.' {
			point = i
		}
		if c == 'e' || c == 'E' {
			digits, exponent = i, exponentOf(text[i+1:])
			break
		}
	}
	// integerDigits is how many of the digits, point left out, stand before the point once the
	// exponent has moved it.
	integerDigits := digits
	if point >= 0 {
		integerDigits = point
	}
	integerDigits += exponent
	whole = true
	seen := 0
	for _, c := range text[:digits] {
		if c == '.' {
			continue
		}
		if seen < integerDigits {
			n = shifted(n, int64(c-'0'))
		} else if c != '0' {
			whole = false
		}
		seen++
	}
	for ; seen < integerDigits && n != 0 && n != math.MaxInt64; seen++ {
		n = shifted(n, 0)
	}
	if negative {
		n = -n
	}
	return n, whole
}

// shifted is 10n + digit, or the largest integer where that is more.
func shifted(n, digit int64) int64 {
	if n > (math.MaxInt64-digit)/10 {
		return math.MaxInt64
	}
	return 10*n + digit
}

// exponentOf reads the digits after an e, and stops counting where no message is long enough to
// make up for it.
func exponentOf(text []byte) (n int) {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	for _, c := range text {
		if n < 10*MaxMessage {
			n = 10*n + int(c-'0')
		}
	}
	if negative {
		return -n
	}
	return n
}
