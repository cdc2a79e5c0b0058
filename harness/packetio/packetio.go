// Package packetio reads and writes the raw IPv4 packets of one network
// interface through a packet socket. What a kernel does to packets on the way
// (partial checksums, coalesced segments) is undone or switched off here, so
// that its users see what would be on a wire.
package packetio

import "net"

// MaxPacket is the length of the longest IPv4 packet: a buffer of this size
// takes whatever Read returns.
const MaxPacket = 65535

// Options of an Interface.
type Options struct {
	// ReadBuffer is how many bytes of packets the kernel keeps for a reader
	// that is late; 0 is 4 MiB. What finds no room is counted by Lost.
	ReadBuffer int
	// To is the hardware address that written packets go to.
	To net.HardwareAddr
}
