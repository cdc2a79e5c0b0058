package netns

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/spec/testee"
)

// scripts are what the tests' own binary can be when it is started again.
var scripts = map[string]func(){
	"echo": func() {
		in := json.NewDecoder(os.Stdin)
		for {
			var c testee.Command
			if in.Decode(&c) != nil {
				return
			}
			fmt.Printf(`{"id":%d,"ok":{"do":%q}}`+"\n", c.ID, c.Do)
		}
	},
	// sends its own address to the address that it is told
	"send": func() {
		var c testee.Command
		if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
			panic(err)
		}
		var to string
		if err := json.Unmarshal(c.With, &to); err != nil {
			panic(err)
		}
		socket, err := net.Dial("udp4", to)
		if err != nil {
			panic(err)
		}
		fmt.Fprint(socket, socket.LocalAddr())
		fmt.Printf(`{"id":%d,"ok":{}}`+"\n", c.ID)
	},
	// counts its ticks, and what it misses of them
	"ticks": func() {
		for range time.Tick(10 * time.Millisecond) {
			fmt.Println(`{"event":"tick"}`)
		}
	},
	"flood": func() {
		for {
			fmt.Println(`{"event":"tick"}`)
		}
	},
	"drown": func() {
		socket, err := net.Dial("udp4", "192.0.2.1:9")
		if err != nil {
			panic(err)
		}
		for {
			socket.Write([]byte("x")) // a full queue is no reason to stop
		}
	},
	"exit": func() {
		fmt.Fprintln(os.Stderr, "going")
		os.Exit(4)
	},
	"crash": func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	// leaves a child that is in a session of its own
	"daemon": func() {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), part+"=sleep")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(`{"event":"daemon"}`)
		select {}
	},
	"sleep": func() { time.Sleep(time.Hour) },
}

func play(script string) {
	run, ok := scripts[script]
	if !ok {
		fmt.Fprintf(os.Stderr, "unknown script %q\n", script)
		os.Exit(2)
	}
	run()
}

// scripted is a manifest of a testee that plays a script.
func scripted(script string) manifest.Manifest {
	return manifest.Manifest{Name: script, Command: []string{"${self}"}, Env: []string{part + "=" + script}}
}

func startScript(t testing.TB, n *Net, host, script string) lab.Testee {
	t.Helper()
	m := scripted(script)
	ok, why := New().Starts(m)
	require.True(t, ok, why)
	peer, err := n.Start(t.Context(), host, m)
	require.NoError(t, err)
	return peer
}

func TestTestee(t *testing.T) {
	n := bringUp(t, pair())
	alice, bob := startScript(t, n, "alice", "echo"), startScript(t, n, "bob", "echo")
	for id, do := range []string{testee.Hello, testee.Info} {
		require.NoError(t, alice.Send(testee.Command{ID: id + 1, Do: do}))
	}
	require.NoError(t, bob.Send(testee.Command{ID: 9, Do: testee.Peers}))
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool {
		return len(alice.Messages()) == 2 && len(bob.Messages()) == 1
	}))
	require.JSONEq(t, `{"do":"info"}`, string(alice.Messages()[1].OK))
	require.False(t, alice.Messages()[1].At.After(n.Now()))
	require.Equal(t, 9, bob.Messages()[0].ID)

	_, err := n.Start(t.Context(), "alice", scripted("echo"))
	require.EqualError(t, err, "host alice: a testee is running on it")

	require.NoError(t, alice.Stop())
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool { return alice.Exit() != nil }))
	require.Equal(t, "SIGKILL", alice.Exit().Signal)
	require.True(t, alice.Exit().Killed)
	again := startScript(t, n, "alice", "echo")
	require.NoError(t, again.Send(testee.Command{ID: 1, Do: testee.Hello}))
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool { return len(again.Messages()) == 1 }))
}

func TestTesteeUsesItsHost(t *testing.T) {
	n := bringUp(t, pair())
	alice := startScript(t, n, "alice", "send")
	bob, err := n.Endpoint("bob", 5000)
	require.NoError(t, err)
	to, err := json.Marshal(bob.Addr().String())
	require.NoError(t, err)
	require.NoError(t, alice.Send(testee.Command{ID: 1, Do: "send", With: to}))
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool { return len(bob.Received()) == 1 }))
	got := bob.Received()[0]
	require.Equal(t, n.Addr("alice"), got.From.Addr())
	require.Equal(t, got.From.String(), string(got.Payload))
	require.Equal(t, string(got.Payload), string(n.Trace().At(got.Frame).Packet[28:]))
}

func TestHowTesteesEnd(t *testing.T) {
	n := bringUp(t, pair())
	for script, want := range map[string]lab.Exit{ // order-free: one after the other on the same host
		"exit":  {Code: 4, Stderr: "going\n"},
		"crash": {Code: -1, Signal: "SIGKILL"},
		"flood": {Code: -1, Signal: "SIGKILL", Garbage: "a flood: message 100001, 1600016 bytes in all (at most 100000 and 134217728)"},
	} {
		alice := startScript(t, n, "alice", script)
		require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool { return alice.Exit() != nil }), script)
		got := *alice.Exit()
		got.At = time.Time{}
		require.Equal(t, want, got, script)
	}
}

// A testee that floods its link ends the net with an error: it neither blocks
// it nor goes unnoticed.
func TestFloodsOfPackets(t *testing.T) {
	n := bringUp(t, pair())
	n.flood = 500 // few, for a machine that is busy
	startScript(t, n, "alice", "drown")
	err := lab.Await(t.Context(), n, 30*time.Second, func() bool { return false })
	require.ErrorIs(t, err, lab.ErrOverrun)
	require.ErrorContains(t, err, "host alice: more packets than the lab carries")
	// A busy machine may lose some before they are counted, which is told at the end too.
	if err := n.Close(); err != nil {
		require.ErrorIs(t, err, lab.ErrOverrun)
	}
}

// What the lab itself loses is told too: nobody reads while the kernel's
// buffer fills.
func TestPacketsThatTheLabLoses(t *testing.T) {
	n := bringUp(t, pair())
	n.flood = 1e9
	alice := listen(t, n, "alice", 4000, false)
	payload := strings.Repeat("x", 1400)
	for range 20_000 {
		alice.send(t, netip.MustParseAddrPort("192.0.2.1:9"), payload)
	}
	err := lab.Await(t.Context(), n, 30*time.Second, func() bool { return false })
	require.ErrorIs(t, err, lab.ErrOverrun)
	require.ErrorContains(t, err, " that it sent were lost")
	require.ErrorIs(t, n.Close(), lab.ErrOverrun)
}

func TestSuspend(t *testing.T) {
	n := bringUp(t, pair())
	alice := startScript(t, n, "alice", "ticks")
	ticks := func(count int) func() bool { return func() bool { return len(alice.Messages()) >= count } }
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, ticks(3)))
	suspend(t, n, "alice", true)
	// What it wrote before it stopped still comes.
	_ = lab.Await(t.Context(), n, 50*time.Millisecond, func() bool { return false })
	before := len(alice.Messages())
	_ = lab.Await(t.Context(), n, 200*time.Millisecond, func() bool { return false })
	require.Len(t, alice.Messages(), before)
	suspend(t, n, "alice", false)
	require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, ticks(before+3)))
}

func TestRefusals(t *testing.T) {
	n := bringUp(t, pair())
	_, err := n.Endpoint("bob", 0)
	require.NoError(t, err)
	_, err = n.Start(t.Context(), "bob", scripted("echo"))
	require.EqualError(t, err, "start echo: host bob has an endpoint: it can't run a program too")
	startScript(t, n, "alice", "echo")
	_, err = n.Endpoint("alice", 0)
	require.EqualError(t, err, "host alice runs programs: it can't have an endpoint too")
	for _, host := range []string{"", "carol"} {
		_, err = n.Start(t.Context(), host, scripted("echo"))
		require.ErrorContains(t, err, fmt.Sprintf("no host %q in the topology", host))
		_, err = n.Endpoint(host, 0)
		require.ErrorContains(t, err, fmt.Sprintf("no host %q in the topology", host))
	}
	ok, why := New().Starts(manifest.Manifest{Name: "x", Command: []string{"no-such-program"}})
	require.False(t, ok)
	require.Contains(t, why, "no-such-program")

	require.NoError(t, n.Close())
	require.NoError(t, n.Close())
	_, err = n.Start(t.Context(), "alice", scripted("echo"))
	require.ErrorContains(t, err, "the net is closed")
	require.ErrorContains(t, n.Step(t.Context(), n.Now()), "the net is closed")
}

func suspend(t *testing.T, n *Net, host string, down bool) {
	t.Helper()
	require.NoError(t, n.Change(internet.Change{Node: host, Suspend: down, Resume: !down}))
}

// pids are the processes whose command line or environment has the text.
func pids(t *testing.T, text string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		for _, file := range []string{"cmdline", "environ"} {
			content, err := os.ReadFile("/proc/" + entry.Name() + "/" + file)
			if err == nil && strings.Contains(string(content), text) {
				found = append(found, entry.Name())
				break
			}
		}
	}
	return found
}
