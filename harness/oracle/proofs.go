package oracle

import (
	"time"

	"punchlist/reference/wire"
)

// isFresh reports whether an introduction may be young enough to be obeyed. One whose usr1 is not a
// number has no age.
func (j *judge) isFresh(d *datagram) bool {
	made, ok := timeIn(d.packet.Usr1)
	return !ok || j.skewed || d.At.Sub(made) <= j.constants.MostTime("intro.age")+j.react+j.hold()+time.Second
}

// spend notes that an echo has come.
func (a *address) spend(id wire.EchoID) {
	if a.spent == nil {
		a.spent = map[wire.EchoID]bool{}
	}
	a.spent[id] = true
}

// proven judges on which echoes a connection without a proxy rests.
func (j *judge) proven(l *link) {
	a := j.address(l.addr)
	last, echoed := a.echoedBy[l.id]
	if !j.ip(l.addr.Addr()).introduced.IsZero() {
		return // it may be plausible
	}
	j.looked("tell/verified")
	j.looked("tell/renamed")
	j.looked("tell/replayed")
	stale := j.now.Sub(last) > j.constants.MostTime("verified.life")+j.react+time.Second
	switch {
	case !echoed && len(a.echoedBy) > 0:
		j.wrong("tell/renamed", nil, "it reported a connection to %s at %v, from where echoes have come in other names alone", l.id, l.addr)
	case !echoed:
		j.wrong("tell/verified", nil, "it reported a connection to %s at %v, from where no echo has come in that peer's name", l.id, l.addr)
	case stale && a.replayed.After(last):
		j.wrong("tell/replayed", nil, "it reported a connection to %s at %v, from where nothing but an old echo has come for %v", l.id, l.addr, j.now.Sub(last).Round(time.Second))
	}
}

// younger judges whether a packet left the cache with a longer ttl than each copy of it came with,
// and reports whether it did.
func (j *judge) younger(h *heldPacket, d *datagram) bool {
	j.looked("publish/younger")
	is, most := lifetime(d.packet.TTL, false), time.Duration(0)
	for _, c := range h.came {
		if d.packet.TTL == c.packet.TTL {
			return false
		}
		most = max(most, lifetime(c.packet.TTL, false))
	}
	if is <= most || h.own {
		return false
	}
	j.wrong("publish/younger", []int{h.came[0].Seq, d.Seq}, "it sent a cached packet with the ttl %d ms, which came with at most %d ms", d.packet.TTL, most.Milliseconds())
	return true
}
