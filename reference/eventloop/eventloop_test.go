package eventloop_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
)

var begin = time.UnixMilli(1_700_000_000_000)

// A scripted machine writes into a log what happens to it, and asks for what the
// test has given it to ask for.
type scripted struct {
	name    string
	log     *[]string
	due     []time.Time
	asks    []peer.Output
	forever bool
}

func (m *scripted) tell(format string, a ...any) {
	*m.log = append(*m.log, m.name+": "+fmt.Sprintf(format, a...))
}

func (m *scripted) Opened(_ time.Time, s peer.Socket, local netip.AddrPort, err error) {
	m.tell("opened %d at %v, %v", s, local, err)
}

func (m *scripted) Receive(_ time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	m.tell("%q via %d from %v", datagram, via, from)
}

func (m *scripted) NetworkChanged(_ time.Time, locals []netip.Addr) { m.tell("moved to %v", locals) }

func (m *scripted) Tick(now time.Time) {
	m.tell("tick at %v", now.Sub(begin))
	if !m.forever {
		m.due = m.due[1:]
	}
}

func (m *scripted) Next() (time.Time, bool) {
	if len(m.due) == 0 {
		return time.Time{}, false
	}
	return m.due[0], true
}

func (m *scripted) Poll(o *peer.Output) bool {
	if len(m.asks) == 0 {
		return false
	}
	*o, m.asks = m.asks[0], m.asks[1:]
	return true
}

// The sockets of the machine and a network on which nothing travels but at the
// times that it is given.
func (m *scripted) Open(s peer.Socket, port uint16) (netip.AddrPort, error) {
	m.tell("open %d", s)
	if port == 1 {
		return netip.AddrPort{}, errors.New("taken")
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
}

func (m *scripted) Close(s peer.Socket) { m.tell("close %d", s) }

func (m *scripted) Send(_ time.Time, s peer.Socket, to netip.AddrPort, datagram []byte) {
	m.tell("send %q from %d to %v", datagram, s, to)
}

type packets struct {
	log *[]string
	due []time.Time
}

func (p *packets) Next() (time.Time, bool) {
	if len(p.due) == 0 {
		return time.Time{}, false
	}
	return p.due[0], true
}

func (p *packets) Step(now time.Time) {
	*p.log = append(*p.log, fmt.Sprintf("packet at %v", now.Sub(begin)))
	p.due = p.due[1:]
}

func TestDriverDoesAllThatTheMachineAsksForBeforeTheNextInput(t *testing.T) {
	var log []string
	m := &scripted{name: "m", log: &log, asks: []peer.Output{
		{Op: peer.Open, Socket: 1, Port: 1}, {Op: peer.Open, Socket: 2, Port: 5000},
		{Op: peer.Send, Socket: 2, To: netip.AddrPortFrom(netip.IPv4Unspecified(), 9), Data: []byte("hi")},
		{Op: peer.Emit, Event: peer.Event{Kind: peer.Ready}}, {Op: peer.Close, Socket: 2},
	}}
	d := eventloop.NewDriver(m, eventloop.Hooks{
		Event:   func(e peer.Event) { m.tell("event %v", e.Kind) },
		Drained: func() { m.tell("drained") },
	})
	d.Start(begin, m)
	require.Equal(t, []string{
		"m: open 1", "m: open 2", `m: send "hi" from 2 to 0.0.0.0:9`, "m: event ready", "m: close 2", "m: drained",
		"m: opened 1 at invalid AddrPort, taken", "m: drained", "m: opened 2 at 0.0.0.0:5000, <nil>", "m: drained",
	}, log)
	log = nil
	d.NetworkChanged(begin, []netip.Addr{netip.IPv4Unspecified()})
	d.Receive(begin, 2, netip.AddrPortFrom(netip.IPv4Unspecified(), 9), []byte("ho"))
	require.Equal(t, []string{"m: moved to [0.0.0.0]", "m: drained", `m: "ho" via 2 from 0.0.0.0:9`, "m: drained"}, log)
	log = nil
	d.Stop()
	d.Tick(begin)
	d.Receive(begin, 2, netip.AddrPort{}, nil)
	d.NetworkChanged(begin, nil)
	d.Settle(begin)
	require.Empty(t, log, "nothing runs any more")
}

func TestDriverMayBeStoppedByItsOwner(t *testing.T) {
	var log []string
	m := &scripted{name: "m", log: &log, asks: []peer.Output{
		{Op: peer.Open, Socket: 1}, {Op: peer.Emit, Event: peer.Event{Kind: peer.Error}}, {Op: peer.Close, Socket: 1},
	}}
	var d *eventloop.Driver
	d = eventloop.NewDriver(m, eventloop.Hooks{Event: func(peer.Event) { d.Stop() }})
	d.Start(begin, m)
	require.Equal(t, []string{"m: open 1"}, log)
}

func TestLoopHandlesWhatIsDueFirst(t *testing.T) {
	at := func(seconds ...int) (all []time.Time) {
		for _, s := range seconds {
			all = append(all, begin.Add(time.Duration(s)*time.Second))
		}
		return all
	}
	var log []string
	a := &scripted{name: "a", log: &log, due: at(2, 5, 9)}
	b := &scripted{name: "b", log: &log, due: at(-1, 2, 3, 6)}
	loop := eventloop.New(begin, &packets{&log, at(2, 4)})
	drivers := map[string]*eventloop.Driver{}
	for _, m := range []*scripted{a, b} {
		d := eventloop.NewDriver(m, eventloop.Hooks{})
		drivers[m.name] = d
		loop.Add(d)
		d.Start(begin, m)
	}
	for more := true; more; {
		var err error
		more, err = loop.Step(begin.Add(5 * time.Second))
		require.NoError(t, err)
	}
	require.Equal(t, []string{
		"b: tick at 0s", // late, and time does not go back
		"packet at 2s", "a: tick at 2s", "b: tick at 2s", "b: tick at 3s", "packet at 4s", "a: tick at 5s",
	}, log)
	require.Equal(t, begin.Add(5*time.Second), loop.Now)

	log = nil
	drivers["b"].Pause(true)
	for range 2 {
		_, err := loop.Step(begin.Add(20 * time.Second))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a: tick at 9s"}, log)
	require.Equal(t, begin.Add(20*time.Second), loop.Now)
	drivers["b"].Pause(false)
	more, err := loop.Step(loop.Now)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, []string{"a: tick at 9s", "b: tick at 20s"}, log)
}

func TestLoopReportsAMachineThatStopsTheClock(t *testing.T) {
	var log []string
	m := &scripted{name: "m", log: &log, due: []time.Time{begin}, forever: true}
	loop := eventloop.New(begin, &packets{log: &log})
	d := eventloop.NewDriver(m, eventloop.Hooks{})
	loop.Add(d)
	d.Start(begin, m)
	var err error
	for steps := 0; err == nil; steps++ {
		require.Less(t, steps, 20_000)
		_, err = loop.Step(begin.Add(time.Hour))
	}
	var stuck *eventloop.Stuck
	require.ErrorAs(t, err, &stuck)
	require.Same(t, d, stuck.Driver)
	require.Len(t, log, 10_000)
}
