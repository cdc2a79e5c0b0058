package oracle

import (
	"encoding/hex"
	"net/netip"

	"punchlist/reference/wire"
)

// destination judges where a datagram goes.
func (j *judge) destination(d *datagram) {
	j.looked("send/known")
	j.looked("send/peer")
	if impossible(d.to) {
		j.wrong("send/peer", []int{d.Seq}, "it sent to %v, which no peer can have", d.to)
		return
	}
	if j.restored {
		return // a state may name anybody
	}
	if j.isBootstrap(d.to) {
		return
	}
	a, ip := j.address(d.to), j.ip(d.to.Addr())
	switch {
	case !a.first.IsZero(), !a.introduced.IsZero(), !a.rendezvous.IsZero():
	case !ip.introduced.IsZero() && (d.packet == nil || d.packet.Type == wire.Ping): // a traversal
	case !ip.heard.IsZero() && d.packet != nil && d.packet.Type == wire.Pong: // judged as a pong
	case a.claimed >= 0:
		j.wrong("send/known", []int{a.claimed, d.Seq}, "it sent to %v, which nothing but a join claims for its requester", d.to)
	default:
		j.wrong("send/known", []int{d.Seq}, "it sent to %v, which nobody has named and from where nothing has come", d.to)
	}
}

// impossible reports whether no peer can have an address (LAT-TRAV-021).
func impossible(at netip.AddrPort) bool {
	ip := at.Addr()
	return at.Port() == 0 || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// quiet judges that a sleeping peer is silent.
func (j *judge) quiet(d *datagram) {
	if !j.asleep {
		return
	}
	j.looked("send/asleep")
	if j.now.Sub(j.slept) > j.react {
		j.wrong("send/asleep", []int{d.Seq}, "it sent to %v, %v after it was told to sleep", d.to, j.now.Sub(j.slept))
	}
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}
