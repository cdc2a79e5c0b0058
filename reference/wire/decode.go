// Decoding: sections 1.3 and 1.5 (spec/01-framing.md).

package wire

import (
	"encoding/binary"
	"net/netip"
)

// Decode reads a datagram into dst, whose byte fields then borrow from it. It neither allocates nor
// panics, whatever the datagram holds. The zero Fault means accepted; after any other dst is not to
// be used.
//
// Framing is read as the deployed peer reads it: bytes after sig are ignored, a sig cut short by
// the end of the datagram is taken as far as it goes (LAT-FRAME-006), fields may have length 0
// (LAT-FRAME-007), and every version is accepted: the receiver discards what is not version 6
// (LAT-FRAME-005).
//
// Bodies of ping, pong, intro and join are held to their list of keys, every key that is there
// (LAT-FRAME-011 to LAT-FRAME-013), while the deployed peer stops at the first optional one that is
// absent. Of a key that is there twice the last counts; null as the natType of a ping or pong
// counts as absent; addresses are IPv4 literals. No other type is refused for its message.
func Decode(dst *Packet, datagram []byte) Fault {
	*dst = Packet{}
	if len(datagram) < len(magic) || [4]byte(datagram) != magic {
		return Fault{Field: FieldMagic, Reason: WrongMagic}
	}
	if len(datagram) < headerLength {
		return cutHeader(len(datagram))
	}
	dst.Type = Type(datagram[offsetType])
	if !dst.Type.Valid() {
		return Fault{Field: FieldType, Reason: UnknownType, Offset: offsetType}
	}
	dst.Version = binary.BigEndian.Uint16(datagram[offsetVersion:])
	dst.Clock = binary.BigEndian.Uint32(datagram[offsetClock:])
	dst.Hops = binary.BigEndian.Uint32(datagram[offsetHops:])
	dst.Index = int32(binary.BigEndian.Uint32(datagram[offsetIndex:]))
	dst.TTL = binary.BigEndian.Uint32(datagram[offsetTTL:])

	pos, message := headerLength, 0
	for field := FieldClusterID; field <= FieldSig; field++ {
		if pos+2 > len(datagram) {
			return Fault{Field: field, Reason: Truncated, Offset: pos}
		}
		length := int(binary.BigEndian.Uint16(datagram[pos:]))
		if length > field.max() {
			return Fault{Field: field, Reason: TooLong, Offset: pos}
		}
		start, end := pos+2, pos+2+length
		if end > len(datagram) {
			if field != FieldSig {
				return Fault{Field: field, Reason: Truncated, Offset: pos}
			}
			end = len(datagram)
		}
		*dst.field(field) = datagram[start:end:end]
		if field == FieldMessage {
			message = start
		}
		pos = end
	}

	if dst.Type.HasBody() {
		return decodeBody(&dst.Body, dst.Type, dst.Message, message, nil)
	}
	if dst.Index == 0 && (dst.Type == Publish || dst.Type == Stream) {
		decodeHead(&dst.Body, dst.Message)
	}
	return Fault{}
}

// integers are the header's fields in wire order, each with the place after its last byte.
var integers = [...]struct {
	field      Field
	start, end int
}{
	{FieldType, offsetType, offsetVersion},
	{FieldVersion, offsetVersion, offsetClock},
	{FieldClock, offsetClock, offsetHops},
	{FieldHops, offsetHops, offsetIndex},
	{FieldIndex, offsetIndex, offsetTTL},
	{FieldTTL, offsetTTL, headerLength},
}

// cutHeader is the fault of a datagram that ends inside its header.
func cutHeader(length int) Fault {
	for _, i := range integers {
		if length < i.end {
			return Fault{Field: i.field, Reason: Truncated, Offset: i.start}
		}
	}
	return Fault{}
}

// field is the place of a byte field.
func (p *Packet) field(f Field) *[]byte {
	switch f {
	case FieldClusterID:
		return &p.ClusterID
	case FieldSubclusterID:
		return &p.SubclusterID
	case FieldPreviousID:
		return &p.PreviousID
	case FieldPacketID:
		return &p.PacketID
	case FieldNextID:
		return &p.NextID
	case FieldUsr1:
		return &p.Usr1
	case FieldUsr2:
		return &p.Usr2
	case FieldUsr3:
		return &p.Usr3
	case FieldUsr4:
		return &p.Usr4
	case FieldMessage:
		return &p.Message
	}
	return &p.Sig
}

// values is where the values of a body stand, by the index of their key.
type values [keyCount]value

// decodeBody reads the body of a type that has a schema. Base is where the message stands in the
// datagram. It returns the first fault; with faults it goes on and adds each one.
func decodeBody(dst *Body, t Type, message []byte, base int, faults *[]Fault) Fault {
	var (
		found values
		first Fault
	)
	report := func(key Key, reason Reason, at int) (stop bool) {
		fault := Fault{Field: FieldMessage, Key: key, Reason: reason, Offset: base + at}
		if first.OK() {
			first = fault
		}
		if faults != nil {
			*faults = append(*faults, fault)
		}
		return faults == nil
	}

	s := scanner{json: message}
	s.space()
	if s.peek() != '{' {
		start := s.pos
		if _, ok := s.value(); ok && s.end() {
			report(0, NotObject, start)
		} else {
			report(0, NotJSON, s.pos)
		}
		return first
	}
	s.pos++
	schema := schemas[t]
	for begin, more := true, true; more; begin = false {
		var (
			name, v value
			ok      bool
		)
		if name, v, more, ok = s.member(begin); !ok {
			report(0, NotJSON, s.pos)
			return first
		}
		if name.kind == absent {
			break
		}
		var buf [maxText]byte
		key := keyNamed(unescaped(message, name, &buf)) & schema.listed
		if key == 0 {
			if report(0, UnknownKey, name.at()) {
				return first
			}
			continue
		}
		found[key.index()] = v
	}
	if !s.end() {
		report(0, NotJSON, s.pos)
		return first
	}

	for _, key := range schema.order {
		v := found[key.index()]
		if v.kind == isNull && schema.nullable.Has(key) {
			continue
		}
		if v.kind == absent {
			if schema.required.Has(key) && report(key, MissingKey, 0) {
				return first
			}
			continue
		}
		if reason := dst.set(key, v, message); reason != NoReason && report(key, reason, v.at()) {
			return first
		}
	}
	return first
}

// decodeHead reads the head of a split message as far as it is one: nothing is refused, as the
// deployed peer refuses nothing here.
func decodeHead(dst *Body, message []byte) {
	found, ok := scanHead(message)
	if !ok {
		return
	}
	for _, key := range headKeys {
		if v := found[key.index()]; v.kind != absent {
			dst.set(key, v, message)
		}
	}
}

// scanHead finds the values of a JSON object, and says whether the message is one. Keys without a
// name here are passed over.
func scanHead(message []byte) (found values, ok bool) {
	s := scanner{json: message}
	s.space()
	if !s.take('{') {
		return found, false
	}
	for begin, more := true, true; more; begin = false {
		var name, v value
		if name, v, more, ok = s.member(begin); !ok {
			return found, false
		}
		var buf [maxText]byte
		if key := keyNamed(unescaped(message, name, &buf)); name.kind != absent && key != 0 {
			found[key.index()] = v
		}
	}
	return found, s.end()
}

// set checks a value and stores it; the reason says what it is not. A key in Keys has a good value.
func (b *Body) set(key Key, v value, json []byte) Reason {
	wants := keys[key.index()].wants
	var (
		buf   [maxText]byte
		text  []byte
		whole bool
		n     int64
	)
	switch v.kind {
	case isString:
		text = unescaped(json, v, &buf)
	case isNumber:
		n, whole = integer(v.text(json))
	}
	ok := false
	switch wants {
	case NotPeerID:
		ok = v.kind == isString && decodeHex(b.id(key)[:], text)
	case NotHash:
		ok = v.kind == isString && decodeHex(b.CacheSummaryHash[:], text)
	case NotReflectionID:
		if b.ReflectionID, ok = echoID(text); len(text) != 12 {
			ok = false
		}
	case NotPingID:
		b.PingID, ok = echoID(text)
	case NotNATType:
		if ok = whole && n >= 0 && n <= 1<<31-1 && n&5 == 5; ok {
			*b.natType(key) = int(n)
		}
	case NotPort:
		if ok = whole && n >= 1 && n <= 65535; ok {
			*b.port(key) = uint16(n)
		}
	case NotIPv4:
		*b.address(key), ok = parseIPv4(text)
	case NotNumber:
		ok = v.kind == isNumber
		// What is counted can't be a part of one, nor less than none.
		if key == KeySize || key == KeyIndexes {
			ok = ok && whole && n >= 0
		}
		*b.number(key) = n
	case NotBoolean:
		ok = v.kind == isTrue || v.kind == isFalse
		*b.flag(key) = v.kind == isTrue
	case NotString:
		ok = v.kind == isString
		b.Key = v.text(json)
	case NotObject:
		ok = v.kind == isObject
		b.Meta = v.text(json)
	}
	if !ok {
		return wants
	}
	b.Keys |= key
	return NoReason
}

func (b *Body) id(key Key) *ID {
	switch key {
	case KeyRequesterPeerID:
		return &b.RequesterPeerID
	case KeyResponderPeerID:
		return &b.ResponderPeerID
	case KeyRendezvousPeerID:
		return &b.RendezvousPeerID
	}
	return &b.RendezvousRequesterPeerID
}

func (b *Body) natType(key Key) *int {
	if key == KeyNATType {
		return &b.NATType
	}
	return &b.RendezvousType
}

func (b *Body) port(key Key) *uint16 {
	switch key {
	case KeyPort:
		return &b.Port
	case KeyProbeExternalPort:
		return &b.ProbeExternalPort
	}
	return &b.RendezvousPort
}

func (b *Body) address(key Key) *netip.Addr {
	if key == KeyAddress {
		return &b.Address
	}
	return &b.RendezvousAddress
}

func (b *Body) number(key Key) *int64 {
	switch key {
	case KeyUptime:
		return &b.Uptime
	case KeyCacheSize:
		return &b.CacheSize
	case KeyTimestamp:
		return &b.Timestamp
	case KeyRendezvousDeadline:
		return &b.RendezvousDeadline
	case KeyTS:
		return &b.TS
	case KeySize:
		return &b.Size
	}
	return &b.Indexes
}

func (b *Body) flag(key Key) *bool {
	switch key {
	case KeyIsConnection:
		return &b.IsConnection
	case KeyIsReflection:
		return &b.IsReflection
	case KeyIsProbe:
		return &b.IsProbe
	case KeyIsDebug:
		return &b.IsDebug
	case KeyIsRendezvous:
		return &b.IsRendezvous
	}
	return &b.Rejected
}

// parseIPv4 reads four decimal numbers from 0 to 255 between dots, without leading zeros.
// (netip.ParseAddr wants a string, which would allocate.)
func parseIPv4(text []byte) (netip.Addr, bool) {
	var octets [4]byte
	rest := text
	for i := range octets {
		n, digits := 0, 0
		for digits < len(rest) && digits < 3 && rest[digits] >= '0' && rest[digits] <= '9' {
			n = 10*n + int(rest[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 || digits > 1 && rest[0] == '0' {
			return netip.Addr{}, false
		}
		octets[i], rest = byte(n), rest[digits:]
		if i < 3 {
			if len(rest) == 0 || rest[0] != '.' {
				return netip.Addr{}, false
			}
			rest = rest[1:]
		}
	}
	return netip.AddrFrom4(octets), len(rest) == 0
}
