package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
	"punchlist/vectors"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latica-peer": main})
}

// The command line is a contract: exit codes and messages.
func TestCommandLine(t *testing.T) {
	packets, err := vectors.Section("packets")
	require.NoError(t, err)
	var first struct{ Datagram string }
	require.NoError(t, json.Unmarshal(packets[0].Expected, &first))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PING", first.Datagram)
			bytes, err := hex.DecodeString(first.Datagram)
			require.NoError(t, err)
			e.Values[allProcesses{}] = processes{}
			// Bytes of every kind, of several datagrams.
			long := make([]byte, 5000)
			for i := range long {
				long[i] = byte(i * i / 7)
			}
			require.NoError(t, os.WriteFile(filepath.Join(e.WorkDir, "long.bin"), long, 0o600))
			e.Setenv("LONG", hex.EncodeToString(long))
			for _, name := range []string{"alice", "bob", "carol", "dave"} {
				e.Setenv(strings.ToUpper(name), strings.Repeat(name[:1], 64))
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "ping.bin"), bytes, 0o600)
		},
		Cmds: scriptCommands,
	})
}

// A running is the command line in this process, with the test at its streams.
type running struct {
	t     *testing.T
	lines chan string // all of its log, or of its output, so that it never waits for the test
	ended chan error
	stop  context.CancelFunc
}

func (p *running) until(want string) map[string]any {
	p.t.Helper()
	for text := range p.lines {
		if strings.Contains(text, want) {
			var line map[string]any
			require.NoError(p.t, json.Unmarshal([]byte(text), &line), text)
			return line
		}
	}
	require.FailNow(p.t, "it ended before it said "+want)
	return nil
}

func start(t *testing.T, in io.Reader, logged bool, args ...string) *running {
	t.Helper()
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	c := root()
	c.SetArgs(args)
	c.SetIn(in)
	c.SetOut(io.Discard)
	c.SetErr(io.Discard)
	if logged {
		c.SetErr(write)
	} else {
		c.SetOut(write)
	}
	p := &running{t: t, lines: make(chan string, 10_000), ended: make(chan error, 1), stop: cancel}
	go func() {
		p.ended <- c.ExecuteContext(ctx)
		write.Close()
	}()
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(read); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p
}

func (p *running) end() error {
	p.stop()
	for range p.lines {
	}
	return <-p.ended
}

// Two bootstrap peers, a member that listens, and one that publishes three lines
// and goes.
func TestServeAndJoin(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	key := filepath.Join(dir, "our.key")
	require.NoError(t, os.WriteFile(key, []byte("a text that all members know\n"), 0o600))
	seed := filepath.Join(dir, "seed")
	require.NoError(t, os.WriteFile(seed, []byte(strings.Repeat("42", 32)+"\n"), 0o600))

	var bootstrap []string
	var servers []*running
	for i := range 2 {
		args := []string{"serve", "--address", "127.0.0.1", "--port", "0", "--probe-port", "0", "--log", "json", "--log-level", "debug",
			"--dir", filepath.Join(dir, fmt.Sprint("peer", i))}
		if i == 0 {
			args = append(args, "--metrics", ":0") // on loopback
		}
		s := start(t, nil, true, args...)
		servers = append(servers, s)
		if i == 0 {
			address := s.until(`"msg":"metrics"`)["address"].(string)
			require.True(t, strings.HasPrefix(address, "127.0.0.1:"), address)
			defer checkMetrics(t, address)()
		}
		ready := s.until(`"msg":"ready"`)
		bootstrap = append(bootstrap, fmt.Sprintf("--bootstrap=%s@127.0.0.1:%v", ready["peerId"], ready["port"]))
	}
	args := append([]string{"join", "--cluster", "tests", "--key-file", key, "--json", "--event", "greeting", "--keepalive", "3s"}, bootstrap...)
	listener := start(t, strings.NewReader(""), false, slices.Concat(args, []string{"--follow"})...)
	publisher := start(t, strings.NewReader("one\ntwo\n\x00\xff\n"), false, slices.Concat(args, []string{"--sign", seed})...)
	require.NoError(t, <-publisher.ended)
	got := map[string]bool{}
	for range 3 {
		line := listener.until(`"packetId"`)
		require.Equal(t, true, line["verified"], line)
		got[fmt.Sprint(line["message"], line["hex"])] = true
	}
	require.Equal(t, map[string]bool{"one<nil>": true, "two<nil>": true, "<nil>00ff": true}, got)
	require.NoError(t, listener.end())
	for _, s := range servers {
		require.NoError(t, s.end())
	}

	// What they have relayed outlives them.
	for i := range servers {
		state, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("peer", i), "state"))
		require.NoError(t, err)
		require.NoError(t, peer.ValidateState(state))
	}
	again := serveIn(t, filepath.Join(dir, "peer0"))
	require.EqualValues(t, 3, again.until(`"msg":"state restored"`)["packets"])
	again.until(`"msg":"ready"`)
	require.NoError(t, again.end())
}

func serveIn(t *testing.T, dir string) *running {
	return start(t, nil, true, "serve", "--address", "127.0.0.1", "--port", "0", "--probe-port", "0", "--log", "json", "--dir", dir, "--state-every", "1s")
}

// A state that is corrupt is set aside, and no reason not to start.
func TestServeSetsACorruptStateAside(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	require.NoError(t, os.WriteFile(state, []byte("nonsense"), 0o600))
	s := serveIn(t, dir)
	aside := s.until("the state is corrupt")["aside"].(string)
	s.until(`"msg":"ready"`)
	require.NoError(t, s.end())
	kept, err := os.ReadFile(aside)
	require.NoError(t, err)
	require.Equal(t, "nonsense", string(kept))
	now, err := os.ReadFile(state)
	require.NoError(t, err)
	require.NoError(t, peer.ValidateState(now))
}

// The state is written while the peer runs, not only when it ends in order.
func TestServeKeepsItsStateMeanwhile(t *testing.T) {
	dir := t.TempDir()
	s := serveIn(t, dir)
	s.until(`"msg":"ready"`)
	path := filepath.Join(dir, "state")
	require.NoError(t, os.Remove(path))
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(path)
		return err == nil && peer.ValidateState(state) == nil
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, s.end())
}

func TestServeWantsAPlaceForItsState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s := start(t, nil, true, "serve", "--id", strings.Repeat("01", 32), "--port", "0", "--probe-port", "0", "--dir", file)
	require.ErrorAs(t, s.end(), new(usageError))
}

// checkMetrics asks once while the peer runs, and has the rest asked at the end.
func checkMetrics(t *testing.T, address string) func() {
	get := func(path string) (int, string) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		r, err := client.Get("http://" + address + path)
		require.NoError(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(body)
	}
	status, body := get("/metrics")
	require.Equal(t, http.StatusOK, status, body)
	for _, want := range []string{`latica_datagrams_total{direction="in"}`, `latica_packets_received_total{type="ping"}`, `latica_size_limit{of="cache"} 6604`, `latica_build_info{version="`, "process_resident_memory_bytes"} {
		require.Contains(t, body, want)
	}
	require.Eventually(t, func() bool { status, _ := get("/healthz"); return status == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
	return func() {
		_, err := http.Get("http://" + address + "/healthz")
		require.Error(t, err, "nothing listens when the peer has ended")
	}
}

func TestServeKeepsItsPeerID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	a, err := ownID(wire.ID{}, dir)
	require.NoError(t, err)
	b, err := ownID(wire.ID{}, dir)
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "peer-id"), []byte("nonsense\n"), 0o600))
	_, err = ownID(wire.ID{}, dir)
	require.ErrorContains(t, err, "remove it to become another peer")
}
