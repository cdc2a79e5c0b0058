package natbox

import (
	"encoding/binary"
	"errors"

	"punchlist/harness/internet"
)

// DatagramsOf is the number that those of a router begin after.
func DatagramsOf(index int) int { return index << 32 }

// etherType is that of a handover: IEEE 802, for local experiments.
const etherType = 0x88b5

// maxMTU is that of the routers' interfaces: whether a packet is too big for a
// link is the model's to say, and a handover is longer than its packet.
const maxMTU = 65535

const (
	flagUp       = 1
	flagSwitched = 2
)

// appendHandover is the payload of a frame between two routers: flags, the
// datagram's number, the NAT's name with its length before it, the packet.
func appendHandover(b []byte, h internet.Handover) []byte {
	flags := byte(0)
	if h.Up {
		flags |= flagUp
	}
	if h.Switched {
		flags |= flagSwitched
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Datagram))
	b = append(b, byte(len(h.NAT)))
	b = append(b, h.NAT...)
	return append(b, h.Packet...)
}

var errHandover = errors.New("a handover is cut short")

// parseHandover takes it apart; the packet aliases b.
func parseHandover(b []byte) (internet.Handover, error) {
	if len(b) < 10 || len(b) < 10+int(b[9]) {
		return internet.Handover{}, errHandover
	}
	name := 10 + int(b[9])
	return internet.Handover{
		Up: b[0]&flagUp != 0, Switched: b[0]&flagSwitched != 0,
		Datagram: int(binary.BigEndian.Uint64(b[1:])), NAT: string(b[10:name]), Packet: b[name:],
	}, nil
}
