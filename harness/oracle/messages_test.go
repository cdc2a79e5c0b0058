package oracle

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// Histories of messages: split ones, answers, syncs that are equal.
func init() {
	breaks["tell/answered"] = func(h *history) {
		h.join()
		q := h.question(1, 1)
		h.command("query", struct{}{}, nil)
		h.out(mainAt, bobAt, q)
		h.in(bobAt, mainAt, h.answer(1, 0))
		h.pass(3 * time.Second)
	}
	breaks["answer/back"] = func(h *history) {
		h.connect(bob, bobAt)
		h.connect(carol, carolAt)
		h.verify(bob, bobAt)
		h.pass(time.Second)
		h.in(bobAt, mainAt, h.question(1, 1))
		h.out(mainAt, carolAt, h.question(1, 2))
		h.in(carolAt, mainAt, h.answer(1, 0))
		h.pass(5 * time.Second)
	}
	breaks["sync/equal"] = func(h *history) {
		h.in(bootAt, mainAt, h.publish("m", 16))
		h.pass(time.Second)
		own := h.j.model.cache.Summary(h.now, cache.Prefix{})
		h.in(bobAt, mainAt, h.sync(own))
		for digit := range 16 {
			if own.Has(digit) {
				child, _ := own.Prefix.Child(digit)
				h.out(mainAt, bobAt, h.sync(h.j.model.cache.Summary(h.now, child)))
			}
		}
	}
	breaks["sync/minute"] = func(h *history) {
		h.verify(bob, bobAt)
		for i := range 1024 {
			p := h.publish(fmt.Sprint(i), 16)
			h.in(bootAt, mainAt, p)
			h.out(mainAt, bobAt, p)
		}
	}
	breaks["publish/last"] = func(h *history) {
		for i := range 65 {
			p := h.publish(fmt.Sprint(i), 1)
			p.TTL = 1000
			h.in(bootAt, mainAt, p)
		}
		h.pass(k)
		for i := range 65 {
			p := h.publish(fmt.Sprint(i), 2)
			p.TTL = 1000
			h.out(mainAt, bobAt, p)
		}
	}
	breaks["tell/owed, in parts"] = func(h *history) {
		h.join()
		h.pass(time.Second)
		for _, p := range h.parts(7, wire.Publish) {
			h.in(bobAt, mainAt, p)
		}
		h.pass(2 * time.Second)
	}
	breaks["tell/streamed, in parts"] = func(h *history) {
		h.join()
		h.verify(bob, bobAt)
		h.pass(time.Second)
		for _, p := range h.parts(7, wire.Stream) {
			h.in(bobAt, mainAt, p)
		}
		h.pass(2 * time.Second)
	}
}

// parts are the packets of a message that has to be split, the head not the first of them.
func (h *history) parts(n int, t wire.Type) []wire.Packet {
	template := h.publish("", 16)
	template.Type, template.PacketID = t, nil
	if t == wire.Stream {
		template.Usr3, template.Usr4 = self[:], bob[:]
	}
	packets, err := wire.Split(template, []byte(h.sealed(fmt.Sprintf("%01500d", n))), []byte("{}"), h.now.UnixMilli())
	require.NoError(h, err)
	return []wire.Packet{packets[2], packets[0], packets[1]}
}

func (h *history) answer(n byte, hops uint32) wire.Packet {
	p := h.question(n, hops)
	p.Usr4, p.Message = []byte("2"), []byte(`{"about":2}`)
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	return p
}

// An introduction by a stranger waits for the proof, and is obeyed then.
func TestAnIntroductionWaitsForTheProof(t *testing.T) {
	h := begin(t)
	h.in(carolAt, mainAt, h.introOf(wire.ID{5}, farAt, carol))
	h.pass(20 * time.Millisecond)
	h.verify(carol, carolAt)
	h.out(mainAt, farAt, h.ping(self, `,"isConnection":true,"natType":31`))
	require.NotContains(t, h.broken(), "traversal/trusted")
}
