// Decoding past faults, for reports: sections 1.2 and 1.3 (spec/01-framing.md).

package wire

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// Explanation is what a datagram holds, as far as it can be read.
type Explanation struct {
	Length   int
	Fields   []ExplainedField // in wire order, up to where the datagram ends
	Keys     []ExplainedKey   // of the message of types 1 to 4, of heads and of queries, where it is a JSON object; in the order found
	Trailing int              // bytes behind sig, which mean nothing
	Faults   []Fault          // all of them; the first is that of Decode. Empty means that Decode accepts the datagram
	IDCheck  IDCheck          // what VerifyID says; only for a datagram without a fault
}

// ExplainedField is a field of the header or a byte field.
type ExplainedField struct {
	Field  Field
	Offset int // of the field, the length prefix of a byte field included
	Length int // bytes of it that are there, the prefix included
	// Value is what the field holds, without the prefix. Borrowed from the datagram.
	Value []byte
	// Declared is the length prefix of a byte field, and -1 for the fixed fields.
	Declared int
	// Text is the value for reading: a number, "unset", "empty", text in quotes where all of it is
	// printable ASCII, else hex.
	Text string
}

// ExplainedKey is a member of a JSON body.
type ExplainedKey struct {
	Name   string // as it stands in the JSON, between its quotes
	Offset int    // of the value, in the datagram
	Length int    // of the value
	Text   string // the value as it stands in the JSON
}

// Explain reads a datagram and goes on past faults, as far as the framing allows. It is for
// reports; it allocates and is slower than Decode.
func Explain(datagram []byte) Explanation {
	e := Explanation{Length: len(datagram)}
	fault := func(field Field, reason Reason, at int) {
		e.Faults = append(e.Faults, Fault{Field: field, Reason: reason, Offset: at})
	}
	if len(datagram) < len(magic) || [4]byte(datagram) != magic {
		fault(FieldMagic, WrongMagic, 0)
	}
	if len(datagram) >= len(magic) {
		e.add(FieldMagic, 0, datagram[:len(magic)], -1)
	}
	for _, i := range integers {
		if len(datagram) < i.end {
			if len(datagram) >= len(magic) {
				fault(i.field, Truncated, i.start)
			}
			return e
		}
		e.add(i.field, i.start, datagram[i.start:i.end], -1)
	}
	t := Type(datagram[offsetType])
	if !t.Valid() {
		fault(FieldType, UnknownType, offsetType)
	}

	var message ExplainedField
	pos, whole := headerLength, true
	for field := FieldClusterID; field <= FieldSig && whole; field++ {
		if pos+2 > len(datagram) {
			fault(field, Truncated, pos)
			whole = false
			break
		}
		declared := int(binary.BigEndian.Uint16(datagram[pos:]))
		if declared > field.max() {
			fault(field, TooLong, pos)
		}
		end := min(pos+2+declared, len(datagram))
		if end < pos+2+declared && (field != FieldSig || declared > field.max()) {
			fault(field, Truncated, pos)
			whole = false
		}
		added := e.add(field, pos, datagram[pos:end], declared)
		if field == FieldMessage {
			message = added
		}
		pos = end
	}
	if whole {
		e.Trailing = len(datagram) - pos
	}
	if message.Field == FieldMessage {
		e.body(t, datagram, message)
	}
	if len(e.Faults) == 0 {
		var p Packet
		if Decode(&p, datagram).OK() {
			e.IDCheck = VerifyID(&p)
		}
	}
	return e
}

// add notes a field; raw is all of it that is there.
func (e *Explanation) add(field Field, at int, raw []byte, declared int) ExplainedField {
	f := ExplainedField{Field: field, Offset: at, Length: len(raw), Value: raw, Declared: declared}
	if declared >= 0 {
		f.Value = raw[2:]
	}
	f.Text = fieldText(field, f.Value, declared)
	e.Fields = append(e.Fields, f)
	return f
}

func fieldText(field Field, value []byte, declared int) string {
	if declared >= 0 {
		switch {
		case len(value) == 0:
			return "empty"
		case Unset(value):
			return "unset"
		case printable(value) && len(value) != len(ID{}):
			return strconv.Quote(string(value))
		}
		return hex.EncodeToString(value)
	}
	switch field {
	case FieldMagic:
		return hex.EncodeToString(value)
	case FieldType:
		return strconv.Itoa(int(value[0])) + " (" + Type(value[0]).String() + ")"
	case FieldVersion:
		return strconv.Itoa(int(binary.BigEndian.Uint16(value)))
	case FieldIndex:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(value))))
	}
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
}

func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// body notes the members of the message, and the faults of one that has to hold to a list of keys.
func (e *Explanation) body(t Type, datagram []byte, message ExplainedField) {
	base := message.Offset + 2
	if t.HasBody() {
		// Of a message cut short it is known already what is wrong with it.
		if len(message.Value) == message.Declared {
			var body Body
			decodeBody(&body, t, message.Value, base, &e.Faults)
		}
	} else if head := binary.BigEndian.Uint32(datagram[offsetIndex:]) == 0 && (t == Publish || t == Stream); !head && t != Query {
		return
	}
	s := scanner{json: message.Value}
	s.space()
	if !s.take('{') {
		return
	}
	var members []ExplainedKey
	whole := false
	for begin, more := true, true; more; begin = false {
		name, v, goesOn, ok := s.member(begin)
		if name.kind != absent && v.kind != absent {
			text := message.Value[v.at():v.after()]
			members = append(members, ExplainedKey{
				Name: validText(name.text(message.Value)), Offset: base + v.at(), Length: len(text), Text: validText(text),
			})
		}
		if !ok {
			break
		}
		more, whole = goesOn, !goesOn
	}
	// Bytes that merely begin like an object are shown for types that must have one, where they
	// tell how far it goes.
	if t.HasBody() || whole && s.end() {
		e.Keys = members
	}
}

// validText is text with what is not UTF-8 replaced, as a decoder of the body reads it.
func validText(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string([]rune(string(text)))
}
