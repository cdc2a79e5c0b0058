package peer_test

import (
	"fmt"
	"net/netip"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/seal"
)

// A bootstrap peer is started: it wants two sockets, is told that it has them,
// and tells who it is. Nothing here waits; the time is what the caller says.
func Example() {
	now := time.UnixMilli(1_700_000_000_000)
	config := peer.Config{
		ID: seal.PeerID("i1"), Indexed: true, Address: netip.MustParseAddr("203.0.113.11"), MainPort: 4001, ProbePort: 4002,
		Random: seeded("i1"), // crypto/rand.Reader outside tests
	}
	if err := config.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	p := peer.New(now, config)
	var o peer.Output
	for p.Poll(&o) {
		switch o.Op {
		case peer.Open:
			fmt.Println("open socket", o.Socket, "at port", o.Port)
			p.Opened(now, o.Socket, netip.AddrPortFrom(netip.IPv4Unspecified(), o.Port), nil)
		case peer.Send:
			fmt.Println("send", len(o.Data), "bytes to", o.To)
		case peer.Emit:
			fmt.Println(o.Event.Kind, o.Event.Addr)
		}
	}
	at, _ := p.Next()
	fmt.Println("tick after", at.Sub(now))
	// Output:
	// open socket 1 at port 4001
	// open socket 2 at port 4002
	// ready 0.0.0.0:4001
	// nat 203.0.113.11:4001
	// tick after 30s
}
