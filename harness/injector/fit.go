package injector

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"punchlist/reference/wire"
)

// indexAt is where the index of a packet stands.
const indexAt = 15

// Fitted are the same datagrams under other packetIds, which no gate has seen:
// those of publishes and streams then fit their contents and name each other
// (LAT-ID-002, LAT-ID-003), so that it is not their ids for which a peer
// drops them. What is no packet is left as it is.
func Fitted(datagrams [][]byte) [][]byte {
	var all [][]byte
	renamed := map[string]wire.ID{}
	for _, d := range datagrams {
		all = append(all, fitted(d, renamed))
	}
	return all
}

func fitted(datagram []byte, renamed map[string]wire.ID) []byte {
	for _, field := range []string{"packetId", "message"} {
		if len(datagram) < firstField {
			return datagram
		}
		if at, length, err := find(datagram, field); err != nil || at+2+length > len(datagram) {
			return datagram
		}
	}
	own := value(datagram, "packetId")
	var id wire.ID
	switch t := wire.Type(datagram[4]); {
	case t != wire.Publish && t != wire.Stream:
		id = sha256.Sum256(own)
	case int32(binary.BigEndian.Uint32(datagram[indexAt:])) <= 0:
		id = wire.MessageID(value(datagram, "message"))
	default:
		previous, ok := renamed[string(value(datagram, "previousId"))]
		if !ok {
			copy(previous[:], value(datagram, "previousId"))
		}
		id = wire.FragmentID(previous, value(datagram, "message"))
	}
	if previous, ok := renamed[string(value(datagram, "previousId"))]; ok {
		datagram = with(datagram, "previousId", previous[:])
	}
	if renamed != nil && len(own) == len(id) {
		renamed[string(own)] = id
	}
	return with(datagram, "packetId", id[:])
}

// value is what a field of a whole datagram holds.
func value(datagram []byte, field string) []byte {
	at, length, _ := find(datagram, field)
	return bytes.Clone(datagram[at+2 : at+2+length])
}

// with is a whole datagram with another value in a field.
func with(datagram []byte, field string, v []byte) []byte {
	at, length, _ := find(datagram, field)
	size := binary.BigEndian.AppendUint16(nil, uint16(len(v)))
	return slices.Concat(datagram[:at], size, v, datagram[at+2+length:])
}
