package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// FuzzDecode holds the decoder to what must be true of every datagram. Nothing may panic.
func FuzzDecode(f *testing.F) {
	for _, datagram := range allDatagrams(f) {
		f.Add(datagram)
	}
	buf := make([]byte, 0, wire.MaxDatagram)
	f.Fuzz(func(t *testing.T, datagram []byte) {
		var p wire.Packet
		fault := wire.Decode(&p, datagram)
		e := wire.Explain(datagram)
		if !fault.OK() {
			require.NotEmpty(t, e.Faults, "Decode: %s", fault)
			require.Equal(t, fault, e.Faults[0])
			require.LessOrEqual(t, fault.Offset, len(datagram))
			return
		}
		require.Empty(t, e.Faults)
		require.GreaterOrEqual(t, len(datagram), wire.MinDatagram-wire.MaxSig)

		// What was accepted is encoded to the same bytes, where the encoder doesn't set one itself.
		sig := e.Fields[len(e.Fields)-1]
		if len(p.PacketID) == 1 && p.PacketID[0] == 0 || p.Clock == 2_000_000_000 || len(sig.Value) < sig.Declared {
			return
		}
		again, err := wire.Append(buf, &p)
		require.NoError(t, err)
		require.Equal(t, datagram[:len(datagram)-e.Trailing], again)

		// A body that was read can be written, and reads as the same.
		if p.Type.HasBody() {
			q := p
			q.Message, q.PacketID = nil, nil
			if again, err = wire.Append(buf, &q); err != nil {
				require.ErrorContains(t, err, "at most 1024 fit") // escapes can make it longer
				return
			}
			fault = wire.Decode(&q, again)
			require.True(t, fault.OK(), fault.String())
			q.Body.Key, p.Body.Key = nil, nil // written with other escapes
			require.Equal(t, p.Body, q.Body)
		}
		wire.VerifyID(&p)
		if p.Body.Keys.Has(wire.KeySize) {
			_, _ = wire.Compose(&p, []wire.Packet{p, p})
		}
	})
}
