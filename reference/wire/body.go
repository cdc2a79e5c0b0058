// The keys of bodies: sections 1.5 and 1.6 (spec/01-framing.md), and 4.1 (spec/04-messages.md).

package wire

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"unicode/utf16"
	"unicode/utf8"
)

// Key is a set of keys of JSON bodies; each constant is a set of one.
type Key uint32

const (
	KeyRequesterPeerID Key = 1 << iota
	KeyResponderPeerID
	KeyNATType
	KeyAddress
	KeyPort
	KeyProbeExternalPort
	KeyCacheSummaryHash
	KeyReflectionID
	KeyPingID
	KeyUptime
	KeyCacheSize
	KeyTimestamp
	KeyIsConnection
	KeyIsReflection
	KeyIsProbe
	KeyIsDebug
	KeyIsRendezvous
	KeyRejected
	KeyKey
	KeyRendezvousAddress
	KeyRendezvousPort
	KeyRendezvousType
	KeyRendezvousPeerID
	KeyRendezvousRequesterPeerID
	KeyRendezvousDeadline
	KeyMeta
	KeyTS
	KeySize
	KeyIndexes
)

// keyCount is the number of keys there are.
const keyCount = 29

// keys tells of each key its name and what its value is refused for, which is also what is checked
// of it.
var keys = [keyCount]struct {
	name  string
	wants Reason
}{
	{"requesterPeerId", NotPeerID},
	{"responderPeerId", NotPeerID},
	{"natType", NotNATType},
	{"address", NotIPv4},
	{"port", NotPort},
	{"probeExternalPort", NotPort},
	{"cacheSummaryHash", NotHash},
	{"reflectionId", NotReflectionID},
	{"pingId", NotPingID},
	{"uptime", NotNumber},
	{"cacheSize", NotNumber},
	{"timestamp", NotNumber},
	{"isConnection", NotBoolean},
	{"isReflection", NotBoolean},
	{"isProbe", NotBoolean},
	{"isDebug", NotBoolean},
	{"isRendezvous", NotBoolean},
	{"rejected", NotBoolean},
	{"key", NotString},
	{"rendezvousAddress", NotIPv4},
	{"rendezvousPort", NotPort},
	{"rendezvousType", NotNATType},
	{"rendezvousPeerId", NotPeerID},
	{"rendezvousRequesterPeerId", NotPeerID},
	{"rendezvousDeadline", NotNumber},
	{"meta", NotObject},
	{"ts", NotNumber},
	{"size", NotNumber},
	{"indexes", NotNumber},
}

// String is the name of a single key as it stands in JSON; of several, their names separated by
// commas.
func (k Key) String() string {
	text := ""
	for rest := k; rest != 0; rest &= rest - 1 {
		i := rest.index()
		if i >= keyCount {
			break
		}
		if text != "" {
			text += ","
		}
		text += keys[i].name
	}
	return text
}

// Has reports whether k holds every key of wanted.
func (k Key) Has(wanted Key) bool { return k&wanted == wanted }

// index is the place of the lowest key of the set in the table.
func (k Key) index() int { return bits.TrailingZeros32(uint32(k)) }

// Body is the parsed JSON body of a ping, pong, intro or join packet, or of the head of a split
// publish or stream.
//
// Keys are those that are there. The other fields have a meaning only where their key is.
type Body struct {
	Keys Key

	RequesterPeerID, ResponderPeerID ID
	NATType                          int        // bits 0 and 2 are set; see package nattype
	Address                          netip.Addr // IPv4
	Port, ProbeExternalPort          uint16     // 1 to 65535
	CacheSummaryHash                 [20]byte
	ReflectionID, PingID             EchoID
	Uptime                           int64 // milliseconds
	CacheSize                        int64 // packets
	Timestamp                        int64 // milliseconds since 1970

	IsConnection, IsReflection, IsProbe, IsDebug, IsRendezvous, Rejected bool

	// Key is the text of a join's key between its quotes, JSON escapes left as they are. Borrowed
	// from the datagram.
	Key []byte

	RendezvousAddress                           netip.Addr
	RendezvousPort                              uint16
	RendezvousType                              int
	RendezvousPeerID, RendezvousRequesterPeerID ID
	RendezvousDeadline                          int64 // milliseconds since 1970, by the relay's clock

	// The head of a split message. Keys holds Size and Indexes only where they are whole numbers
	// from 0.
	Meta    []byte // JSON object. Borrowed from the datagram
	TS      int64  // milliseconds since 1970
	Size    int64  // bytes of the whole message
	Indexes int64  // fragments after the head
}

// EchoID is a reflectionId or a pingId: 12 hex digits (a pingId may have 13) that the other side
// sends back as they are. Two of them are equal when they are the same text.
type EchoID struct {
	digits [13]byte
	length uint8
}

// NewEchoID makes an id of 12 hex digits from random bytes.
func NewEchoID(random [6]byte) EchoID {
	e := EchoID{length: 12}
	hex.Encode(e.digits[:], random[:])
	return e
}

// ParseEchoID reads 12 or 13 hex digits, and keeps their case.
func ParseEchoID(text string) (EchoID, error) {
	e, ok := echoID([]byte(text))
	if !ok {
		return EchoID{}, fmt.Errorf("wire: a reflectionId is 12 hex digits and a pingId 12 or 13, this is %q", text)
	}
	return e, nil
}

// String is the hex digits as they stand on the wire.
func (e EchoID) String() string { return string(e.digits[:e.length]) }

// IsZero says whether e is the zero value, which is no id.
func (e EchoID) IsZero() bool { return e.length == 0 }

func echoID(text []byte) (e EchoID, ok bool) {
	if len(text) != 12 && len(text) != 13 {
		return EchoID{}, false
	}
	for _, c := range text {
		if hexValue[c] > 0xf {
			return EchoID{}, false
		}
	}
	e.length = uint8(copy(e.digits[:], text))
	return e, true
}

// schema is what a type's body may and must hold.
type schema struct {
	order    []Key // the keys it lists, in the order in which they are checked
	listed   Key
	required Key
	nullable Key // keys for which null counts as absent
}

func newSchema(required, nullable Key, order ...Key) *schema {
	s := &schema{order: order, required: required, nullable: nullable}
	for _, k := range order {
		s.listed |= k
	}
	return s
}

// schemas of ping, pong, intro and join (LAT-FRAME-012, LAT-FRAME-013). A deployed peer without a
// NAT type writes natType null into its heartbeats.
var schemas = [...]*schema{
	Ping: newSchema(KeyRequesterPeerID, KeyNATType,
		KeyRequesterPeerID, KeyCacheSummaryHash, KeyProbeExternalPort, KeyReflectionID, KeyPingID, KeyNATType, KeyUptime, KeyCacheSize,
		KeyIsConnection, KeyIsReflection, KeyIsProbe, KeyIsDebug, KeyTimestamp),
	Pong: newSchema(KeyRequesterPeerID|KeyResponderPeerID, KeyNATType,
		KeyRequesterPeerID, KeyResponderPeerID, KeyCacheSummaryHash, KeyPort, KeyAddress, KeyUptime, KeyCacheSize, KeyNATType,
		KeyIsReflection, KeyIsConnection, KeyReflectionID, KeyPingID, KeyIsDebug, KeyIsProbe, KeyRejected),
	Intro: newSchema(KeyRequesterPeerID|KeyResponderPeerID|KeyNATType|KeyAddress|KeyPort, 0,
		KeyRequesterPeerID, KeyResponderPeerID, KeyIsRendezvous, KeyNATType, KeyAddress, KeyPort, KeyTimestamp),
	Join: newSchema(KeyRequesterPeerID|KeyNATType|KeyAddress|KeyPort, 0,
		KeyRendezvousAddress, KeyRendezvousPort, KeyRendezvousType, KeyRendezvousPeerID, KeyRendezvousDeadline, KeyRendezvousRequesterPeerID,
		KeyRequesterPeerID, KeyNATType, KeyAddress, KeyKey, KeyPort, KeyIsConnection),
}

// headKeys are the keys of the head of a split message, in the order in which they are written.
var headKeys = []Key{KeyMeta, KeyTS, KeySize, KeyIndexes}

// keyNamed returns the key of a name, and 0 where there is none.
func keyNamed(name []byte) Key {
	// A switch over the text allocates nothing, and compares lengths first.
	switch string(name) {
	case "requesterPeerId":
		return KeyRequesterPeerID
	case "responderPeerId":
		return KeyResponderPeerID
	case "natType":
		return KeyNATType
	case "address":
		return KeyAddress
	case "port":
		return KeyPort
	case "probeExternalPort":
		return KeyProbeExternalPort
	case "cacheSummaryHash":
		return KeyCacheSummaryHash
	case "reflectionId":
		return KeyReflectionID
	case "pingId":
		return KeyPingID
	case "uptime":
		return KeyUptime
	case "cacheSize":
		return KeyCacheSize
	case "timestamp":
		return KeyTimestamp
	case "isConnection":
		return KeyIsConnection
	case "isReflection":
		return KeyIsReflection
	case "isProbe":
		return KeyIsProbe
	case "isDebug":
		return KeyIsDebug
	case "isRendezvous":
		return KeyIsRendezvous
	case "rejected":
		return KeyRejected
	case "key":
		return KeyKey
	case "rendezvousAddress":
		return KeyRendezvousAddress
	case "rendezvousPort":
		return KeyRendezvousPort
	case "rendezvousType":
		return KeyRendezvousType
	case "rendezvousPeerId":
		return KeyRendezvousPeerID
	case "rendezvousRequesterPeerId":
		return KeyRendezvousRequesterPeerID
	case "rendezvousDeadline":
		return KeyRendezvousDeadline
	case "meta":
		return KeyMeta
	case "ts":
		return KeyTS
	case "size":
		return KeySize
	case "indexes":
		return KeyIndexes
	}
	return 0
}

// ASCII is a JSON text with escapes for what is not ASCII, which can only stand in its strings
// (LAT-FRAME-010). All else stays: packetIds depend on every byte. What is no UTF-8 becomes U+FFFD.
func ASCII(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
