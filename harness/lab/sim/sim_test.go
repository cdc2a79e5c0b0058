package sim

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/spec/testee"
)

func up(t *testing.T) *Net {
	n, err := echoLab().Up(t.Context(), internet.Topology{Hosts: []internet.Host{
		{Name: "peer", Realm: internet.Public, Link: internet.Link{Latency: 10 * time.Millisecond}},
		{Name: "probe", Realm: internet.Public},
	}}, lab.Options{Seed: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n.(*Net)
}

func start(t *testing.T, n *Net) *Testee {
	p, err := n.Start(t.Context(), "peer", echoManifest)
	require.NoError(t, err)
	return p.(*Testee)
}

func tell(t *testing.T, p *Testee, do string) {
	require.NoError(t, p.Send(testee.Command{ID: 1, Do: do, With: json.RawMessage(`{"port":7000}`)}))
}

func await(t *testing.T, n *Net, cond func() bool) {
	t.Helper()
	require.NoError(t, lab.Await(t.Context(), n, 2*time.Hour, cond))
}

func events(p *Testee) (all []string) {
	for _, m := range p.Messages() {
		if m.Event != "" {
			all = append(all, m.Event)
		}
	}
	return all
}

func said(p *Testee, event string) func() bool {
	return func() bool { return slices.Contains(events(p), event) }
}

func TestATesteeAndAnEndpoint(t *testing.T) {
	n := up(t)
	p := start(t, n)
	require.Equal(t, Epoch, n.Now())
	tell(t, p, "start")
	require.Empty(t, p.Messages(), "nothing happens outside a step")
	await(t, n, said(p, "ready"))
	require.Equal(t, Epoch, n.Now(), "a command takes no time")
	require.JSONEq(t, `{"event":"ready","socket":1,"port":7000}`, string(p.Messages()[1].Raw))

	e, err := n.Endpoint("probe", 0)
	require.NoError(t, err)
	require.Equal(t, n.Addr("probe"), e.Addr().Addr())
	require.GreaterOrEqual(t, e.Addr().Port(), uint16(32768))
	require.NoError(t, e.Send(internetAddr(n, 7000), []byte("hi")))
	await(t, n, func() bool { return len(e.Received()) > 0 })
	d := e.Received()[0]
	require.Equal(t, "re: hi", string(d.Payload))
	require.Equal(t, Epoch.Add(20*time.Millisecond), d.At)
	require.Equal(t, internetAddr(n, 7000), d.From)
	require.Equal(t, "probe", n.Trace().At(d.Frame).To)
	got := p.Messages()[2]
	require.Equal(t, Epoch.Add(10*time.Millisecond), got.At)
}

func TestTimersJumpAndUntilIsKept(t *testing.T) {
	n := up(t)
	p := start(t, n)
	tell(t, p, "timer")
	require.NoError(t, n.Step(t.Context(), Epoch.Add(time.Minute)))
	require.Equal(t, Epoch, n.Now())
	require.NoError(t, n.Step(t.Context(), Epoch.Add(time.Minute)))
	require.Equal(t, Epoch.Add(time.Minute), n.Now())
	require.NoError(t, n.Step(t.Context(), Epoch.Add(2*time.Hour)))
	require.Equal(t, Epoch.Add(time.Hour), n.Now())
	require.Equal(t, []string{"tick"}, events(p))
	require.ErrorIs(t, lab.Await(t.Context(), n, time.Hour, func() bool { return false }), context.DeadlineExceeded)
	require.Equal(t, Epoch.Add(2*time.Hour), n.Now())
}

func TestStopKillsAndAnotherMayStart(t *testing.T) {
	n := up(t)
	p := start(t, n)
	tell(t, p, "start")
	await(t, n, said(p, "ready"))
	_, err := n.Start(t.Context(), "peer", echoManifest)
	require.EqualError(t, err, "host peer: a testee is running on it")
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop())
	require.Equal(t, &lab.Exit{At: Epoch, Code: -1, Signal: "killed", Killed: true}, p.Exit())
	require.Error(t, p.Send(testee.Command{ID: 2, Do: "info"}))

	e, err := n.Endpoint("probe", 0)
	require.NoError(t, err)
	require.NoError(t, e.Send(internetAddr(n, 7000), []byte("anybody?")))
	await(t, n, func() bool {
		last := n.Trace().At(n.Trace().Len() - 1)
		icmp, err := internet.ParseICMPError(last.Packet)
		return err == nil && icmp.Code == internet.CodePort && last.To == "probe"
	})
	require.Empty(t, e.Received())

	again := start(t, n)
	tell(t, again, "start")
	await(t, n, said(again, "ready"))
}

func TestEveryLifeDrawsItsOwnNumbers(t *testing.T) {
	lives := func() (all []string) {
		n := up(t)
		for range 2 {
			p := start(t, n)
			tell(t, p, "draw")
			await(t, n, said(p, "drawn"))
			all = append(all, string(p.Messages()[0].Raw))
			require.NoError(t, p.Stop())
		}
		return all
	}
	first := lives()
	require.NotEqual(t, first[0], first[1])
	require.Equal(t, first, lives())
}

func TestHowTesteesEnd(t *testing.T) {
	for do, want := range map[string]lab.Exit{
		"stop":         {},
		"crash":        {Code: 2, Stderr: "panic: as told"},
		"garbage":      {Code: -1, Signal: "killed", Garbage: `a line that is no JSON object: "hello"`},
		"tick forever": {Code: -1, Killed: true, Stderr: "sim: it asked for its timer 10000 times at one instant"},
		"nonsense":     {Code: -1, Killed: true, Stderr: "sim: it asked for the unknown operation 99"},
	} {
		t.Run(do, func(t *testing.T) {
			n := up(t)
			p := start(t, n)
			tell(t, p, "start")
			tell(t, p, do)
			await(t, n, func() bool { return p.Exit() != nil })
			got := *p.Exit()
			require.Contains(t, got.Stderr, want.Stderr)
			if want.Stderr == "" {
				require.Empty(t, got.Stderr)
			}
			got.Stderr, want.Stderr, want.At = "", "", Epoch
			require.Equal(t, want, got)
			start(t, n)
		})
	}
}

func TestSuspend(t *testing.T) {
	n := up(t)
	p := start(t, n)
	tell(t, p, "start")
	tell(t, p, "timer")
	await(t, n, func() bool { return len(p.Messages()) == 3 })
	e, err := n.Endpoint("probe", 0)
	require.NoError(t, err)
	require.NoError(t, e.Send(internetAddr(n, 7000), []byte("on its way")))
	require.NoError(t, n.Step(t.Context(), n.Now().Add(time.Hour))) // it leaves the probe
	require.NoError(t, n.Change(internet.Change{Node: "peer", Suspend: true}))
	require.NoError(t, e.Send(internetAddr(n, 7000), []byte("too late")))
	tell(t, p, "draw")
	require.ErrorIs(t, lab.Await(t.Context(), n, 2*time.Hour, func() bool { return false }), context.DeadlineExceeded)
	require.Equal(t, []string{"ready"}, events(p))
	require.NoError(t, n.Change(internet.Change{Node: "peer", Resume: true}))
	await(t, n, func() bool { return len(events(p)) == 4 })
	require.ElementsMatch(t, []string{"ready", "drawn", "tick", "got"}, events(p))
	require.Equal(t, Epoch.Add(2*time.Hour), n.Now(), "a timer that is overdue fires at once")
}

func TestSockets(t *testing.T) {
	n := up(t)
	p := start(t, n)
	tell(t, p, "start")
	tell(t, p, "second socket")
	tell(t, p, "start") // the same port again, by the same peer
	tell(t, p, "close")
	tell(t, p, "start")
	await(t, n, func() bool { return len(events(p)) == 4 })
	require.Equal(t, []string{"ready", "ready", "error", "ready"}, events(p))
}

func TestRefusals(t *testing.T) {
	n := up(t)
	_, err := n.Start(t.Context(), "nobody", echoManifest)
	require.EqualError(t, err, `no host "nobody" in the topology`)
	_, err = n.Start(t.Context(), "peer", manifest.Manifest{Name: "socket", Command: []string{"node"}})
	require.EqualError(t, err, "socket has no builtin: the sim lab runs peers in process only")
	_, err = n.Start(t.Context(), "peer", manifest.Manifest{Name: "other", Builtin: "other"})
	require.ErrorContains(t, err, `the sim lab has no builtin "other", only `)
	e, err := n.Endpoint("probe", 5000)
	require.NoError(t, err)
	_, err = n.Endpoint("probe", 5000)
	require.EqualError(t, err, "host probe: port 5000 is in use")
	_, err = n.Start(t.Context(), "probe", echoManifest)
	require.EqualError(t, err, "host probe has an endpoint: it can't run a program too")
	start(t, n)
	_, err = n.Endpoint("peer", 0)
	require.EqualError(t, err, "host peer runs programs: it can't have an endpoint too")
	require.ErrorContains(t, e.Send(e.Addr(), make([]byte, 70_000)), "70000 bytes are more than a datagram can carry")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.Step(canceled, n.Now()), context.Canceled)
	require.NoError(t, n.Close())
	require.NoError(t, n.Close())
	require.ErrorIs(t, n.Step(t.Context(), n.Now()), errClosed)
	_, err = n.Endpoint("probe", 0)
	require.ErrorIs(t, err, errClosed)
}

// A simulation ends by its own bounds, whatever this machine's clock says.
func TestBounds(t *testing.T) {
	up := func() lab.Net {
		n, err := New().Up(t.Context(), internet.Topology{Hosts: []internet.Host{{Name: "alice", Realm: internet.Public}}}, lab.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, n.Close()) })
		return n
	}
	var bounded *Bounded
	n := up()
	require.NoError(t, n.Step(t.Context(), Epoch.Add(MaxTime-1)))
	require.NoError(t, n.Step(t.Context(), Epoch.Add(MaxTime)))
	require.ErrorAs(t, n.Step(t.Context(), Epoch.Add(MaxTime+1)), &bounded)
	require.Equal(t, Bounded{2, MaxTime}, *bounded)

	n = up()
	for range MaxEvents {
		require.NoError(t, n.Step(t.Context(), n.Now()))
	}
	require.ErrorAs(t, n.Step(t.Context(), n.Now()), &bounded)
	require.Equal(t, Bounded{MaxEvents, 0}, *bounded)
}
