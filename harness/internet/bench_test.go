package internet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkForward is the way of one full datagram from one LAN to another,
// through two NATs and four links.
func BenchmarkForward(b *testing.B) {
	n, err := New(behind(b, "full-cone", "full-cone"), start, Options{Seed: 1})
	require.NoError(b, err)
	now := start
	top := newBench(b, behind(b, "full-cone", "full-cone"), 1)
	top.send("bob", 5000, top.addr("sue", 1), "")
	mapped := top.run()[0].src // the same in n: everything is repeatable
	n.Send(now, "bob", BuildUDP(nil, top.addr("bob", 5000), top.addr("sue", 1), 1, nil))
	packet := BuildUDP(nil, top.addr("alice", 6000), mapped, 1, make([]byte, 1385))
	var d Delivery
	move := func() {
		now = now.Add(10 * time.Millisecond)
		n.Advance(now)
		for n.Poll(&d) {
		}
	}
	move()
	b.ReportAllocs()
	for b.Loop() {
		n.Send(now, "alice", packet)
		move()
	}
	require.Equal(b, "bob", d.Host)
}

func TestForwardMakesNoGarbage(t *testing.T) {
	top := newBench(t, behind(t, "full-cone", "full-cone"), 1)
	n := top.n
	n.options.Capture = nil
	packet := BuildUDP(nil, top.addr("alice", 6000), top.addr("sue", 1), 1, make([]byte, 1385))
	now, delivered := start, 0
	var d Delivery
	forward := func() {
		n.Send(now, "alice", packet)
		now = now.Add(10 * time.Millisecond)
		n.Advance(now)
		for n.Poll(&d) {
			delivered++
		}
	}
	forward()
	require.Zero(t, testing.AllocsPerRun(100, forward))
	require.Equal(t, 102, delivered)
}
