package injector

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"punchlist/reference/wire"
)

// Names of the byte fields in the order of the wire, and where the first
// begins. This is the injector's own knowledge of the layout, so that an edit
// does not go through the decoder that it is meant to test.
var fields = []string{
	"clusterId", "subclusterId", "previousId", "packetId", "nextId",
	"usr1", "usr2", "usr3", "usr4", "message", "sig",
}

const firstField = 23

// Edited is a datagram with a ping that was sound before one edit. The edits:
//
//	magic = HEX            type = N              version = N
//	truncate to N          truncate inside FIELD truncate before FIELD
//	length of FIELD = N    empty FIELD           append HEX
//	body = TEXT            key NAME = VALUE      without key NAME
//	sig cut to N of M bytes
//
// VALUE is JSON, or else taken as text.
func Edited(body Body, edit string) ([]byte, error) {
	unknown := fmt.Errorf("edit %q: not one of the edits that the injector knows", edit)
	name, value, assigned := strings.Cut(edit, " = ")
	words := strings.Fields(name)

	switch {
	case assigned && strings.HasPrefix(name, "key ") && len(words) == 2:
		return sound(body.With(words[1], Value(value)).JSON())
	case strings.HasPrefix(name, "without key ") && len(words) == 3:
		return sound(body.Without(words[2]).JSON())
	case assigned && name == "body":
		return sound([]byte(value))
	}

	datagram, err := sound(body.JSON())
	if err != nil {
		return nil, err
	}
	switch {
	case assigned && name == "magic":
		magic, err := hex.DecodeString(value)
		if err != nil || len(magic) != 4 {
			return nil, fmt.Errorf("edit %q: a magic is four bytes of hex", edit)
		}
		copy(datagram, magic)
		return datagram, nil
	case assigned && (name == "type" || name == "version"):
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("edit %q: %w", edit, err)
		}
		if name == "type" {
			datagram[4] = byte(n)
		} else {
			binary.BigEndian.PutUint16(datagram[5:], uint16(n))
		}
		return datagram, nil
	case assigned && strings.HasPrefix(name, "length of ") && len(words) == 3:
		at, _, err := find(datagram, words[2])
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("edit %q: %w", edit, err)
		}
		return resize(datagram, at, int(n)), nil
	case strings.HasPrefix(name, "empty ") && len(words) == 2:
		at, length, err := find(datagram, words[1])
		if err != nil {
			return nil, err
		}
		out := append([]byte(nil), datagram[:at]...)
		out = append(out, 0, 0)
		return append(out, datagram[at+2+length:]...), nil
	case strings.HasPrefix(name, "truncate ") && len(words) == 3:
		return truncated(datagram, words[1], words[2])
	case strings.HasPrefix(name, "append ") && len(words) == 2:
		tail, err := hex.DecodeString(words[1])
		if err != nil {
			return nil, fmt.Errorf("edit %q: %w", edit, err)
		}
		return append(datagram, tail...), nil
	case strings.HasPrefix(name, "sig cut to "):
		var kept, whole int
		if _, err := fmt.Sscanf(name, "sig cut to %d of %d bytes", &kept, &whole); err != nil || kept > whole {
			return nil, unknown
		}
		at, _, err := find(datagram, "sig")
		if err != nil {
			return nil, err
		}
		out := resize(datagram[:at+2], at, whole)
		return out[:at+2+kept], nil
	}
	return nil, unknown
}

// sound encodes a ping with the given message and every other field at its
// default.
func sound(message []byte) ([]byte, error) {
	p := wire.NewPacket(wire.Ping)
	p.Message = message
	if len(message) == 0 {
		p.Message = []byte{}
	}
	return wire.Append(nil, &p)
}

// find is where a field's length prefix stands and how long its value is.
func find(datagram []byte, field string) (at, length int, err error) {
	at = firstField
	for _, name := range fields {
		length = int(binary.BigEndian.Uint16(datagram[at:]))
		if name == field {
			return at, length, nil
		}
		at += 2 + length
	}
	return 0, 0, fmt.Errorf("edit: no field is called %q", field)
}

// resize gives the field whose length prefix stands at a place another
// length, and as many bytes as it then claims, as far as a datagram holds them.
func resize(datagram []byte, at, n int) []byte {
	old := 0
	if at+2 <= len(datagram) {
		old = int(binary.BigEndian.Uint16(datagram[at:]))
	}
	rest := datagram[min(at+2+old, len(datagram)):]
	out := append([]byte(nil), datagram[:at]...)
	out = binary.BigEndian.AppendUint16(out, uint16(n))
	out = append(out, make([]byte, min(n, 1100))...)
	return append(out, rest...)
}

func truncated(datagram []byte, how, where string) ([]byte, error) {
	if how == "to" {
		n, err := strconv.Atoi(where)
		if err != nil || n > len(datagram) {
			return nil, fmt.Errorf("edit: can't truncate %d bytes to %q", len(datagram), where)
		}
		return datagram[:n], nil
	}
	at, length, err := find(datagram, where)
	if err != nil {
		return nil, err
	}
	switch how {
	case "inside":
		return datagram[:at+2+length/2], nil
	case "before":
		return datagram[:at], nil
	}
	return nil, fmt.Errorf("edit: truncate to, inside or before, not %q", how)
}
