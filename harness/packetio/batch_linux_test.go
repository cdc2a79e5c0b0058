package packetio

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABatchKeepsCopiesAndTakesNoMoreThanItHasRoomFor(t *testing.T) {
	b := NewBatch(2)
	packet := []byte{1, 2, 3}
	to := MAC{2, 0, 0, 0, 0, 7}
	require.False(t, b.Add(make([]byte, MaxPacket+1), to), "longer than any packet")
	require.True(t, b.Add(packet, to))
	packet[0] = 9
	require.True(t, b.Add(make([]byte, MaxPacket), MAC{}))
	require.False(t, b.Add(packet, to), "full")
	require.Equal(t, 2, b.Len())
	got, mac := b.Packet(0)
	require.Equal(t, []byte{1, 2, 3}, got)
	require.Equal(t, to, mac)
	got, _ = b.Packet(1)
	require.Len(t, got, MaxPacket)
}
