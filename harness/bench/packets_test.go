package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/simulate"
	"punchlist/reference/wire"
)

// A benchmark of packets that are refused, or of one packet again and again,
// would measure how fast they are dropped.
func TestWhatIsMeasuredAreSoundPacketsNoTwoAlike(t *testing.T) {
	x := simulate.DefaultSync
	x.Packets = 100
	_, full := fullPublish(t)
	for name, datagrams := range map[string][][]byte{
		"publishes": publishes(t, x),
		"streams":   streamsFor(t, wire.ID{1}, wire.ID{2}),
		"full":      {full},
	} {
		seen := map[string]bool{}
		for _, datagram := range datagrams {
			var p wire.Packet
			require.True(t, wire.Decode(&p, datagram).OK(), name)
			require.False(t, seen[string(p.PacketID)], "%s: a packet twice", name)
			seen[string(p.PacketID)] = true
		}
	}
}
