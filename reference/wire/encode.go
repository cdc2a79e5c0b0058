// Encoding: sections 1.4 and 1.6 (spec/01-framing.md).

package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Append encodes a packet behind dst and returns the longer slice. It allocates nothing when dst
// has room for MaxDatagram more bytes.
//
// Unset fields are written as one zero byte with length 1 (LAT-FRAME-008). When Message is nil and
// Body has keys, the body is written in its place, and refused unless Decode would accept it. A
// packetId that is nil or one zero byte is computed by the rule for control packets (LAT-ID-001);
// publish and stream packets carry their own, see MessageID and Split. The clock 2,000,000,000 is
// written as 0, as the deployed peer does.
//
// An error names the field that doesn't fit; dst is then returned as it was.
func Append(dst []byte, p *Packet) ([]byte, error) {
	if !p.Type.Valid() {
		return dst, fmt.Errorf("wire: type: %d is not a type from 1 to 8", p.Type)
	}
	out := slices.Grow(dst, MaxDatagram)
	out = append(out, magic[:]...)
	out = append(out, byte(p.Type))
	out = binary.BigEndian.AppendUint16(out, p.Version)
	clock := p.Clock
	if clock == clockWrap {
		clock = 0
	}
	out = binary.BigEndian.AppendUint32(out, clock)
	out = binary.BigEndian.AppendUint32(out, p.Hops)
	out = binary.BigEndian.AppendUint32(out, uint32(p.Index))
	out = binary.BigEndian.AppendUint32(out, p.TTL)

	id := 0 // where the packetId stands that has to be computed
	for field := FieldClusterID; field <= FieldSig; field++ {
		content := onWire(*p.field(field))
		if field == FieldPacketID && len(content) == 1 && content[0] == 0 {
			out = binary.BigEndian.AppendUint16(out, uint16(len(ID{})))
			id = len(out)
			out = append(out, make([]byte, len(ID{}))...)
			continue
		}
		if field == FieldMessage && p.Message == nil && p.Body.Keys != 0 {
			start := len(out) + 2
			out = AppendBody(append(out, 0, 0), p.Type, &p.Body)
			content = out[start:]
			if fault := checkBody(p.Type, content); !fault.OK() {
				return dst, &FaultError{Fault: fault}
			}
			if len(content) <= MaxMessage {
				binary.BigEndian.PutUint16(out[start-2:], uint16(len(content)))
				if id > 0 {
					putID(out[id:], p, content)
				}
				continue
			}
		}
		if len(content) > field.max() {
			return dst, fmt.Errorf("wire: %s: %d bytes, at most %d fit", field, len(content), field.max())
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(content)))
		out = append(out, content...)
		if field == FieldMessage && id > 0 {
			putID(out[id:], p, content)
		}
	}
	return out, nil
}

func putID(dst []byte, p *Packet, message []byte) {
	id := ControlID(p.PreviousID, message, p.NextID)
	copy(dst, id[:])
}

// checkBody refuses what Decode would refuse of a body.
func checkBody(t Type, body []byte) Fault {
	if !t.HasBody() {
		return Fault{}
	}
	var ignored Body
	return decodeBody(&ignored, t, body, 0, nil)
}

// The order in which the deployed peer writes the keys. Packet ids hash the body, so equal bodies
// have equal ids only in the same order. It writes three pings in an order of their own; keys that
// such a ping doesn't have there follow at the end.
var (
	pingOrder = []Key{
		KeyRequesterPeerID, KeyNATType, KeyCacheSize, KeyIsConnection, KeyIsReflection, KeyReflectionID, KeyPingID, KeyProbeExternalPort,
		KeyIsProbe, KeyIsDebug, KeyCacheSummaryHash, KeyUptime, KeyTimestamp,
	}
	// searchingPingOrder is that of the ping which looks for responders before NAT discovery.
	searchingPingOrder = reordered(pingOrder, KeyIsConnection, KeyRequesterPeerID, KeyUptime, KeyTimestamp)
	// introducedPingOrder is that of the ping to a peer just introduced.
	introducedPingOrder = reordered(pingOrder, KeyNATType, KeyIsConnection, KeyCacheSummaryHash, KeyRequesterPeerID, KeyUptime, KeyTimestamp)
	// traversalPingOrder is that of the ping from each socket of the pool.
	traversalPingOrder = reordered(pingOrder,
		KeyRequesterPeerID, KeyCacheSummaryHash, KeyNATType, KeyUptime, KeyIsConnection, KeyTimestamp, KeyPingID)

	pongOrder = []Key{
		KeyCacheSize, KeyUptime, KeyResponderPeerID, KeyRequesterPeerID, KeyPort, KeyIsProbe, KeyAddress, KeyReflectionID, KeyPingID,
		KeyIsReflection, KeyNATType, KeyIsConnection, KeyIsDebug, KeyRejected, KeyCacheSummaryHash,
	}
	introOrder = []Key{
		KeyRequesterPeerID, KeyResponderPeerID, KeyIsRendezvous, KeyNATType, KeyAddress, KeyPort, KeyTimestamp,
	}
	joinOrder = []Key{
		KeyRequesterPeerID, KeyNATType, KeyAddress, KeyPort, KeyKey, KeyIsConnection, KeyRendezvousAddress, KeyRendezvousPort,
		KeyRendezvousType, KeyRendezvousPeerID, KeyRendezvousDeadline, KeyRendezvousRequesterPeerID,
	}
)

// reordered puts some keys of an order first.
func reordered(order []Key, first ...Key) []Key {
	all := slices.Clone(first)
	for _, key := range order {
		if !slices.Contains(first, key) {
			all = append(all, key)
		}
	}
	return all
}

func bodyOrder(t Type, has Key) []Key {
	switch t {
	case Ping:
		switch {
		case has.Has(KeyCacheSummaryHash | KeyPingID):
			return traversalPingOrder
		case has.Has(KeyCacheSummaryHash):
			return introducedPingOrder
		case has.Has(KeyIsConnection) && !has.Has(KeyNATType):
			return searchingPingOrder
		}
		return pingOrder
	case Pong:
		return pongOrder
	case Intro:
		return introOrder
	case Join:
		return joinOrder
	case Publish, Stream:
		return headKeys
	}
	return nil
}

// AppendBody writes a body as JSON in ASCII (LAT-FRAME-010) behind dst, its keys in the order of
// the deployed peer. For ping, pong, intro and join these are the keys that the type lists, for
// publish and stream those of a head; keys of other types are left out.
func AppendBody(dst []byte, t Type, b *Body) []byte {
	dst = append(dst, '{')
	begin := len(dst)
	for _, key := range bodyOrder(t, b.Keys) {
		if !b.Keys.Has(key) {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, keys[key.index()].name...)
		dst = append(dst, '"', ':')
		dst = b.appendValue(dst, key)
	}
	return append(dst, '}')
}

func (b *Body) appendValue(dst []byte, key Key) []byte {
	switch keys[key.index()].wants {
	case NotPeerID:
		return appendQuotedHex(dst, b.id(key)[:])
	case NotHash:
		return appendQuotedHex(dst, b.CacheSummaryHash[:])
	case NotReflectionID:
		return appendEchoID(dst, b.ReflectionID)
	case NotPingID:
		return appendEchoID(dst, b.PingID)
	case NotNATType:
		return strconv.AppendInt(dst, int64(*b.natType(key)), 10)
	case NotPort:
		return strconv.AppendUint(dst, uint64(*b.port(key)), 10)
	case NotIPv4:
		dst = append(dst, '"')
		return append(b.address(key).AppendTo(dst), '"')
	case NotNumber:
		return strconv.AppendInt(dst, *b.number(key), 10)
	case NotBoolean:
		return strconv.AppendBool(dst, *b.flag(key))
	case NotString:
		return appendQuoted(dst, b.Key)
	}
	if b.Meta == nil {
		return append(dst, '{', '}')
	}
	return append(dst, b.Meta...)
}

func appendQuotedHex(dst, bytes []byte) []byte {
	dst = append(dst, '"')
	return append(hex.AppendEncode(dst, bytes), '"')
}

func appendEchoID(dst []byte, e EchoID) []byte {
	dst = append(dst, '"')
	dst = append(dst, e.digits[:e.length]...)
	return append(dst, '"')
}

// appendQuoted writes text that may hold JSON escapes already: it leaves backslashes alone, and
// escapes what else can't stand in a string in ASCII.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' {
			// A backslash takes the character after it along, a quote too.
			if dst = append(dst, c); c == '\\' && i+1 < len(text) && text[i+1] < utf8.RuneSelf {
				i++
				dst = append(dst, text[i])
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if r > 0xffff {
			r -= 0x10000
			dst = appendUnit(dst, 0xd800|r>>10)
			r = 0xdc00 | r&0x3ff
		}
		dst = appendUnit(dst, r)
	}
	return append(dst, '"')
}

func appendUnit(dst []byte, unit rune) []byte {
	dst = append(dst, '\\', 'u')
	return hex.AppendEncode(dst, []byte{byte(unit >> 8), byte(unit)})
}
