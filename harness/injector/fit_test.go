package injector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

func TestFitted(t *testing.T) {
	datagram := func(p wire.Packet) []byte {
		d, err := wire.Append(nil, &p)
		require.NoError(t, err)
		return d
	}
	head := wire.NewPacket(wire.Publish)
	head.Index, head.PacketID, head.Message = 0, make([]byte, 32), []byte(`{"meta":{},"size":3,"indexes":1}`)
	part := wire.NewPacket(wire.Publish)
	part.Index, part.PreviousID, part.PacketID, part.Message = 1, make([]byte, 32), make([]byte, 32), []byte("abc")
	head.PacketID[0], part.PreviousID[0], part.PacketID[0] = 9, 9, 8
	join := Control(wire.Join, Body{}.With("natType", 31))
	join.PacketID = make([]byte, 32)

	fit := Fitted([][]byte{datagram(head), datagram(part), datagram(join), {1}})
	require.Len(t, fit, 4)
	decode := func(i int) (p wire.Packet) {
		require.True(t, wire.Decode(&p, fit[i]).OK())
		return p
	}
	first, second := decode(0), decode(1)
	require.True(t, wire.VerifyID(&first) == wire.IDMatch)
	require.Equal(t, first.PacketID, second.PreviousID)
	require.True(t, wire.VerifyID(&second) == wire.IDMatch)
	require.Equal(t, part.Message, second.Message)
	require.NotEqual(t, datagram(join), fit[2])
	require.Len(t, fit[2], len(datagram(join)))
	require.Equal(t, []byte{1}, fit[3])
}
