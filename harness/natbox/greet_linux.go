package natbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"punchlist/harness/packetio"
)

// A bridge forwards nothing for a port that has just come up, and nobody is
// told when that is over. So whoever is new on an Ethernet greets its router
// until it is greeted back.
const (
	flagGreeting = 0x80
	flagGreeted  = 0x40
)

const (
	greetAgain  = 10 * time.Millisecond
	greetWithin = 10 * time.Second
)

// Greet returns once frames pass in both directions between the named
// interface of the calling thread's namespace and the router of its realm.
func Greet(name string, router packetio.MAC) error {
	i, err := packetio.Open(name, packetio.Options{Protocol: etherType, Own: true})
	if err != nil {
		return err
	}
	defer i.Close()
	buffer := make([]byte, packetio.MaxPacket)
	for begun := time.Now(); time.Since(begun) < greetWithin; {
		// What has no room is as good as what isn't forwarded.
		_ = i.WriteTo([]byte{flagGreeting}, router)
		again := time.Now().Add(greetAgain)
		if err := i.SetReadDeadline(again); err != nil {
			return err
		}
		for {
			n, from, err := i.ReadFrom(buffer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
			if n > 0 && buffer[0] == flagGreeted && from == router {
				return nil
			}
		}
	}
	return fmt.Errorf("nothing passes between %s and its router %v: no answer for %v", name, net.HardwareAddr(router[:]), greetWithin)
}

// isGreeting reports whether a frame greets, or greets back.
func isGreeting(frame []byte) (greets, back bool) {
	return len(frame) > 0 && frame[0] == flagGreeting, len(frame) > 0 && frame[0] == flagGreeted
}
