package peer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// What is held for an address is handled once that is verified, in the order in which it came, and
// behind the pong that verifies it.
func TestWhatWasHeldIsHandledInItsOrder(t *testing.T) {
	n, s, ends := lab(t, "bob", "carol")
	ends[0].meet(s)
	ends[1].mute = true
	var sent, got []string
	for _, message := range []string{"one", "two", "three"} {
		packet := streamPackets(t, ends[1], ends[0], message, n.Now)[0]
		ends[1].send(peer.Main, s.at(peer.Main), packet)
		var pk wire.Packet
		require.True(t, wire.Decode(&pk, packet).OK())
		sent = append(sent, string(pk.PacketID))
	}
	n.run(200 * time.Millisecond)
	require.Empty(t, ends[0].gotType(wire.Stream))

	ends[1].mute = false // the challenge is repeated
	n.run(time.Second)
	for _, pk := range ends[0].gotType(wire.Stream) {
		got = append(got, string(pk.PacketID))
	}
	require.Equal(t, sent, got)
}
