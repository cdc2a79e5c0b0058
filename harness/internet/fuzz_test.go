package internet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSend sends any packet from behind a NAT and from outside it, beside an
// honest one that must still pass.
func FuzzSend(f *testing.F) {
	b := newBench(f, behind(f, "home-router", "full-cone"), 1)
	alice, sue := b.addr("alice", 5000), b.addr("sue", 7000)
	outside := b.n.External("nat-a")[0]
	honest := BuildUDP(nil, alice, sue, 1, []byte("hello"))
	f.Add(honest)
	f.Add(BuildICMPError(nil, alice.Addr(), Unreachable, CodePort, 0, 1, honest))
	inbound := BuildUDP(nil, sue, b.addr("alice", 5000), 1, nil)
	copy(inbound[16:], outside.AsSlice())
	f.Add(inbound)
	f.Add(BuildICMPError(nil, sue.Addr(), Unreachable, CodeTooBig, 600, 1, inbound))
	f.Fuzz(func(t *testing.T, packet []byte) {
		b := newBench(t, behind(t, "home-router", "full-cone"), 1)
		b.send("alice", 5000, sue, "before")
		b.n.Send(b.now, "alice", packet)
		b.n.Send(b.now, "sue", packet)
		reached := false
		var d Delivery
		for at, ok := b.n.Next(); ok; at, ok = b.n.Next() {
			b.n.Advance(at)
			for b.n.Poll(&d) {
				u, err := ParseUDP(d.Packet)
				reached = reached || err == nil && d.Host == "sue" && string(u.Payload) == "before"
			}
		}
		require.True(t, reached)
		for _, f := range b.frames {
			_, _ = ParseICMPError(f.Packet)
		}
	})
}
