// What a decoder rejects: sections 1.3 and 1.5 (spec/01-framing.md).

package wire

import "fmt"

// Field is a part of a datagram, in wire order.
type Field uint8

const (
	NoField Field = iota
	FieldMagic
	FieldType
	FieldVersion
	FieldClock
	FieldHops
	FieldIndex
	FieldTTL
	FieldClusterID
	FieldSubclusterID
	FieldPreviousID
	FieldPacketID
	FieldNextID
	FieldUsr1
	FieldUsr2
	FieldUsr3
	FieldUsr4
	FieldMessage
	FieldSig
)

var fieldNames = [...]string{
	"", "magic", "type", "version", "clock", "hops", "index", "ttl", "clusterId", "subclusterId", "previousId", "packetId", "nextId",
	"usr1", "usr2", "usr3", "usr4", "message", "sig",
}

// String is the field's name as the specification spells it.
func (f Field) String() string { return fieldNames[f] }

// max is the most bytes that a byte field holds (LAT-FRAME-003).
func (f Field) max() int {
	switch f {
	case FieldMessage:
		return MaxMessage
	case FieldSig:
		return MaxSig
	}
	return MaxID
}

// Reason says why a field is refused.
type Reason uint8

const (
	NoReason Reason = iota
	WrongMagic
	Truncated
	TooLong
	UnknownType
	NotJSON
	NotObject
	UnknownKey
	MissingKey
	NotString
	NotNumber
	NotBoolean
	NotPeerID
	NotHash
	NotReflectionID
	NotPingID
	NotNATType
	NotPort
	NotIPv4
)

var reasonTexts = [...]string{
	NoReason:        "",
	WrongMagic:      "not the magic 03050b11",
	Truncated:       "cut off by the end of the datagram",
	TooLong:         "length over the maximum of the field",
	UnknownType:     "not a type from 1 to 8",
	NotJSON:         "not valid JSON",
	NotObject:       "not a JSON object",
	UnknownKey:      "a key that this type does not list",
	MissingKey:      "missing, although required",
	NotString:       "not a string",
	NotNumber:       "not a number",
	NotBoolean:      "not a boolean",
	NotPeerID:       "not an id of 64 hex digits",
	NotHash:         "not a hash of 40 hex digits",
	NotReflectionID: "not 12 hex digits",
	NotPingID:       "not 12 or 13 hex digits",
	NotNATType:      "not a valid NAT type",
	NotPort:         "not a port from 1 to 65535",
	NotIPv4:         "not an IPv4 address",
}

// String is the reason as text, such as "not a valid NAT type".
func (r Reason) String() string { return reasonTexts[r] }

// Fault is why a datagram is refused. The zero value means that nothing is wrong.
type Fault struct {
	Field  Field
	Key    Key // the key of the body, where one is to blame
	Reason Reason
	Offset int // in the datagram, of what is to blame: a field, its length prefix, a key or a value of the body
}

// OK says whether nothing is wrong.
func (f Fault) OK() bool { return f.Reason == NoReason }

// Err returns nil when nothing is wrong, otherwise a *FaultError.
func (f Fault) Err() error {
	if f.OK() {
		return nil
	}
	return &FaultError{Fault: f}
}

// String is such as "message: body: key natType: not a valid NAT type (offset 143)", and "no fault"
// for the zero value.
func (f Fault) String() string {
	if f.OK() {
		return "no fault"
	}
	where := f.Field.String()
	if f.Reason >= NotJSON {
		where += ": body"
	}
	if f.Key != 0 {
		where += ": key " + f.Key.String()
	}
	return fmt.Sprintf("%s: %s (offset %d)", where, f.Reason, f.Offset)
}

// FaultError is a Fault as an error.
type FaultError struct{ Fault Fault }

func (e *FaultError) Error() string { return "wire: " + e.Fault.String() }
