package oracle

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

func init() { maps.Copy(breaks, breaksMeeting) }

// breaksMeeting are the histories of chapters 5 to 7, as breaks has them.
var breaksMeeting = map[string]func(h *history){
	"nat/mapping": func(h *history) {
		h.out(probeAt, bootAt, h.asks(`,"isProbe":true,"reflectionId":"0000000000aa"`))
		h.pass(time.Second)
		h.out(probeAt, bootAt, h.asks(`,"isProbe":true,"reflectionId":"0000000000aa"`))
		h.pass(time.Second)
	},
	"nat/comparing": func(h *history) {
		h.stage1()
		h.out(mainAt, bootAt, h.asks(`,"probeExternalPort":4102,"reflectionId":"0000000000ab"`))
	},
	"nat/repeat": func(h *history) {
		h.stage1()
		for _, to := range []netip.AddrPort{bootAt, bobAt, bobAt} {
			h.out(mainAt, to, h.asks(`,"probeExternalPort":4101,"reflectionId":"0000000000ac"`))
		}
	},
	"nat/goes-on": func(h *history) {
		h.out(probeAt, bootAt, h.asks(`,"isProbe":true,"reflectionId":"0000000000ad"`))
		h.pass(5 * time.Second)
	},
	"nat/begins": func(h *history) {
		h.j.configure(carolAt, carol)
		h.verify(boot, bootAt)
		h.j.discovery = discovery{heartbeat: map[netip.AddrPort]wire.EchoID{}}
		h.verify(carol, carolAt)
		h.pass(time.Second)
	},
	"nat/again": func(h *history) {
		h.j.configure(carolAt, carol)
		h.verify(carol, carolAt)
		h.pass(3 * k)
	},
	"nat/concluded": func(h *history) {
		h.event(testee.NAT, testee.NATEvent{NATType: 7, Address: mainAt.Addr().String(), Port: mainAt.Port()})
	},
	"join/first": func(h *history) {
		h.connect(bob, bobAt)
		h.join()
		h.pass(5 * time.Second)
	},
	"join/relay": func(h *history) {
		h.connectAll()
		h.in(bobAt, mainAt, h.joinOf(wire.ID{9}, farAt, 2))
		h.pass(5 * time.Second)
	},
	"join/answered": func(h *history) {
		h.join()
		h.pass(2 * time.Second)
		h.verify(bob, bobAt)
		h.pass(time.Second)
		h.in(bobAt, mainAt, h.offered(wire.ID{9}, farAt))
		h.pass(5 * time.Second)
	},
	"ping/bootstrap": func(h *history) { h.pass(k + 5*time.Second) },
	"tell/lost":      func(h *history) { h.connect(bob, bobAt); h.pass(6 * k) },
	"tell/moved": func(h *history) {
		h.connect(bob, bobAt)
		h.in(bobAt, mainAt, h.publish("x", 1))
		h.verify(bob, farAt)
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: bob.String(), Address: farAt.Addr().String(), Port: farAt.Port(), NATType: 31})
	},
	"tell/woken": func(h *history) {
		h.connect(bob, bobAt)
		h.command(testee.Sleep, nil, nil)
		h.pass(2 * k)
		h.command(testee.Wake, nil, nil)
		h.pass(5 * time.Second)
	},
	"join/ration": func(h *history) {
		h.join()
		at := netip.AddrPortFrom(farAt.Addr(), 9)
		for i := range byte(4) {
			h.in(bobAt, mainAt, h.offeredAt(wire.ID{9, i}, farAt, at))
			p := h.joinOf(self, mainAt, 0)
			p.Message = []byte(strings.TrimSuffix(string(p.Message), "}") + `,"rendezvousRequesterPeerId":"` + wire.ID{9, i}.String() + `"}`)
			h.out(mainAt, at, p)
		}
	},
	"traversal/contact": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.out(poolAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
		h.pass(400 * time.Millisecond)
		h.in(carolAt, poolAt, h.ping(carol, ""))
		h.pass(400 * time.Millisecond)
	},
	"traversal/ports": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for range 2 {
			h.opener(1024)
		}
	},
	"traversal/pace": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for i := range uint16(100) {
			h.opener(1024 + i)
		}
	},
	"traversal/opens": func(h *history) { h.guess(7, 5) },
	"traversal/looks": func(h *history) { h.guess(5, 7) },
	"traversal/rest": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for range 2 {
			h.out(poolAt, carolAt, h.ping(self, `,"isConnection":true,"natType":31`))
		}
	},
	"traversal/fields": func(h *history) {
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.out(mainAt, carolAt, h.tries("0000000000ba", "bob"))
	},
	"traversal/three": func(h *history) {
		h.verify(carol, carolAt)
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		for range 4 {
			h.out(mainAt, carolAt, h.tries("0000000000bb", ""))
		}
	},
	"traversal/retry": func(h *history) {
		h.verify(bob, bobAt)
		h.in(bobAt, mainAt, h.introOf(carol, carolAt, bob))
		h.event(testee.Connection, testee.ConnectionEvent{PeerID: carol.String(), Address: carolAt.Addr().String(), Port: carolAt.Port(), NATType: 31, Proxy: bob.String()})
		for i := range 3 {
			h.pass(k + time.Second)
			h.out(mainAt, carolAt, h.tries(fmt.Sprintf("00000000000%d", i), ""))
		}
	},
}
