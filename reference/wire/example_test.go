package wire_test

import (
	"encoding/hex"
	"fmt"
	"strings"

	"punchlist/reference/wire"
)

func ExampleDecode() {
	datagram, _ := hex.DecodeString("03050b110700060000000100000000ffffffff01499700" +
		strings.Repeat("000100", 9) + "0000" + "000100")
	var p wire.Packet
	fault := wire.Decode(&p, datagram)
	fmt.Println(fault, p.Type, p.Version, p.Index, p.TTL, wire.Unset(p.ClusterID))

	fmt.Println(wire.Decode(&p, datagram[:40]))
	// Output:
	// no fault sync 6 -1 21600000 true
	// usr1: cut off by the end of the datagram (offset 38)
}

func ExampleAppend() {
	id, err := wire.ParseID("2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90")
	if err != nil {
		panic(err)
	}
	p := wire.NewPacket(wire.Ping)
	p.Body = wire.Body{
		Keys:            wire.KeyRequesterPeerID | wire.KeyNATType | wire.KeyUptime | wire.KeyTimestamp,
		RequesterPeerID: id, NATType: 7, Timestamp: 1700000000000,
	}
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		panic(err)
	}
	wire.Decode(&p, datagram)
	fmt.Println(len(datagram), string(p.Message))
	fmt.Printf("%x\n", p.PacketID)
	// Output:
	// 221 {"requesterPeerId":"2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90","natType":7,"uptime":0,"timestamp":1700000000000}
	// 2bf58f7ea950a37b81523b85e6156deca01b343e450d57a4822f123f781207d6
}

func ExampleExplain() {
	p := wire.NewPacket(wire.Ping)
	p.Message = []byte(`{"requesterPeerId":"me","isHeartbeat":1}`)
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		panic(err)
	}
	for _, fault := range wire.Explain(datagram).Faults {
		fmt.Println(fault)
	}
	// Output:
	// message: body: a key that this type does not list (offset 107)
	// message: body: key requesterPeerId: not an id of 64 hex digits (offset 102)
}

func ExampleSplit() {
	template := wire.NewPacket(wire.Publish)
	packets, err := wire.Split(template, make([]byte, 2100), nil, 1700000000000)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(packets[0].Message))
	for i := range packets {
		fmt.Println(packets[i].Index, len(packets[i].Message))
	}
	message, err := wire.Compose(&packets[0], []wire.Packet{packets[3], packets[1], packets[2]})
	fmt.Println(len(message), err)
	_, err = wire.Compose(&packets[0], packets[2:])
	fmt.Println(err)
	// Output:
	// {"meta":{},"ts":1700000000000,"size":2100,"indexes":3}
	// 0 54
	// 1 1024
	// 2 1024
	// 3 52
	// 2100 <nil>
	// wire: compose: fragments are missing: 2 of 3 are here
}
