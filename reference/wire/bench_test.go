package wire_test

import (
	"testing"

	"punchlist/reference/wire"
)

// A full publish packet: every field at its maximum, 1421 bytes.

func BenchmarkDecodePublish(b *testing.B) {
	p := fullPacket()
	datagram := encode(b, p)
	b.SetBytes(int64(len(datagram)))
	b.ReportAllocs()
	for b.Loop() {
		if fault := wire.Decode(&p, datagram); !fault.OK() {
			b.Fatal(fault)
		}
	}
}

func BenchmarkEncodePublish(b *testing.B) {
	p := fullPacket()
	buf := make([]byte, 0, wire.MaxDatagram)
	b.SetBytes(wire.MaxDatagram)
	b.ReportAllocs()
	for b.Loop() {
		out, err := wire.Append(buf, &p)
		if err != nil || len(out) != wire.MaxDatagram {
			b.Fatal(len(out), err)
		}
	}
}

func BenchmarkDecodePing(b *testing.B) {
	p := packetNamed(b, "ping: reflection stage 2")
	datagram := encode(b, p)
	b.SetBytes(int64(len(datagram)))
	b.ReportAllocs()
	for b.Loop() {
		if fault := wire.Decode(&p, datagram); !fault.OK() {
			b.Fatal(fault)
		}
	}
}
