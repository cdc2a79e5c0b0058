package injector

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"punchlist/reference/wire"
)

// numbers are the fixed fields behind the magic: where each begins, and its bytes.
var numbers = map[string]struct{ at, size int }{
	"type": {4, 1}, "version": {5, 2}, "clock": {7, 4}, "hops": {11, 4}, "index": {indexAt, 4}, "ttl": {19, 4},
}

// Altered is a sound datagram with another value in one field. A value is a number for a fixed
// field, and for a byte field one of
//
//	N bytes     so many bytes, none of them 00
//	N zeros     so many bytes 00
//	absent      none, with the length 0
//	TEXT        as it stands
//
// The field "key NAME" is one of the JSON body. Its value is JSON, or text, or "left out".
func Altered(datagram []byte, field, value string) ([]byte, error) {
	if n, ok := numbers[field]; ok {
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is a number, not %q", field, value)
		}
		var all [8]byte
		binary.BigEndian.PutUint64(all[:], uint64(v))
		out := bytes.Clone(datagram)
		copy(out[n.at:n.at+n.size], all[8-n.size:])
		return out, nil
	}
	if key, ok := strings.CutPrefix(field, "key "); ok {
		body := ParseBody(Field(datagram, "message"))
		if value == "left out" {
			body = body.Without(key)
		} else {
			body = body.With(key, Value(value))
		}
		return with(datagram, "message", body.JSON()), nil
	}
	if _, _, err := find(datagram, field); err != nil {
		return nil, err
	}
	v := []byte(value)
	if count, unit, ok := strings.Cut(value, " "); value == "absent" {
		v = nil
	} else if n, err := strconv.Atoi(count); ok && err == nil && (unit == "bytes" || unit == "zeros") {
		v = bytes.Repeat([]byte{0xb5}, n)
		if unit == "zeros" {
			clear(v)
		}
	}
	return with(datagram, field, v), nil
}

// Field is what a byte field of a whole datagram holds.
func Field(datagram []byte, field string) []byte { return value(datagram, field) }

// Identified is a whole datagram under the packetId that fits its content (LAT-ID-001 to
// LAT-ID-003).
func Identified(datagram []byte) []byte {
	switch wire.Type(datagram[4]) {
	case wire.Publish, wire.Stream:
		return fitted(datagram, nil)
	}
	id := wire.ControlID(Field(datagram, "previousId"), Field(datagram, "message"), Field(datagram, "nextId"))
	if wire.Type(datagram[4]) == wire.Query && string(Field(datagram, "usr4")) == "2" {
		id = wire.MessageID(Field(datagram, "message"))
	}
	return with(datagram, "packetId", id[:])
}
