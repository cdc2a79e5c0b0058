// Counts of datagrams, for all chapters.

package peer

import "punchlist/reference/wire"

// Counts are of datagrams that came to any socket since the peer was made.
type Counts struct {
	Packets      [wire.Query + 1]uint64 // of version 6, by type
	Openers      uint64                 // of the single byte 01
	OtherVersion uint64
	Malformed    uint64
}

// Counts since the peer was made.
func (p *Peer) Counts() Counts { return p.counts }
