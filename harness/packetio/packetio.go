// Package packetio reads and writes the raw packets of one network interface,
// IPv4 unless told otherwise, through a packet socket. What a kernel does to packets on the way
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
	// To is the hardware address that Write sends to.
	To net.HardwareAddr
	// Protocol is the EtherType of the packets read and written; 0 is IPv4.
	Protocol uint16
	// Own leaves out what was sent to another hardware address than the
	// interface's: a bridge shows its ports what it doesn't know the way of.
	Own bool
}

// A MAC is the hardware address of an Ethernet interface.
type MAC [6]byte
