package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/testkit/natplay"
	"punchlist/harness/testkit/testenv"
	"punchlist/spec/testee"
)

// shared is the lab of all tests: one run.
var shared = New().(*docker)

// needsLab skips the test where the lab can't start, and fails it where it
// must.
func needsLab(t testing.TB) {
	t.Helper()
	testenv.SkipShort(t, "it starts containers")
	if err := shared.Check(context.Background()); err != nil {
		testenv.Missing(t, "docker", err.Error())
	}
}

// peerImage is testdata/peer in an image.
const peerImage = "punchlist/test-peer:dev"

var buildPeer = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "punchlist-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "peer")
	build := exec.Command("go", "build", "-o", file, "./testdata/peer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return buildImage(peerImage, map[string][]byte{
		"peer": program, "Dockerfile": []byte("FROM scratch\nCOPY peer /peer\nUSER 65534\nENTRYPOINT [\"/peer\"]\n"),
	})
})

// buildImage builds an image of some files, Dockerfile among them. All can be
// executed.
func buildImage(tag string, files map[string][]byte) error {
	var folder bytes.Buffer
	w := tar.NewWriter(&folder)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return err
		}
		w.Write(data)
	}
	w.Close()
	built, err := shared.engine.client.ImageBuild(context.Background(), &folder, client.ImageBuildOptions{Tags: []string{tag}, Remove: true})
	if err != nil {
		return err
	}
	defer built.Body.Close()
	out, err := io.ReadAll(built.Body)
	if err == nil && bytes.Contains(out, []byte(`"error"`)) {
		err = fmt.Errorf("%s", out)
	}
	return err
}

// scripted is a manifest of a testee that plays a script of testdata/peer.
func scripted(t testing.TB, script string) manifest.Manifest {
	t.Helper()
	needsLab(t)
	require.NoError(t, buildPeer())
	return manifest.Manifest{Name: script, Image: peerImage, Env: []string{"SCRIPT=" + script}}
}

func bringUp(t testing.TB, topology internet.Topology) *Net {
	t.Helper()
	needsLab(t)
	n, err := shared.Up(context.Background(), topology, lab.Options{Seed: 1, Logs: testWriter{t}})
	require.NoError(t, err)
	t.Cleanup(func() {
		err := n.Close()
		if left := (*lab.LeftBehind)(nil); errors.As(err, &left) {
			t.Log(err) // the engine's defect
			return
		}
		require.NoError(t, err)
	})
	return n.(*Net)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s", line)
	return len(line), nil
}

func await(t testing.TB, n *Net, cond func() bool) {
	t.Helper()
	require.NoError(t, lab.Await(context.Background(), n, 30*time.Second, cond))
}

// ask has a testee do something and returns what it says.
func ask(t testing.TB, n *Net, peer lab.Testee, do, with string) (answer string) {
	t.Helper()
	before := len(peer.Messages())
	argument, err := json.Marshal(with)
	require.NoError(t, err)
	require.NoError(t, peer.Send(testee.Command{ID: before + 1, Do: do, With: argument}))
	await(t, n, func() bool { return len(peer.Messages()) > before || peer.Exit() != nil })
	require.Nil(t, peer.Exit())
	require.NoError(t, json.Unmarshal(peer.Messages()[before].OK, &answer))
	return answer
}

// pair is two hosts on the public internet.
func pair() internet.Topology {
	return internet.Topology{Hosts: []internet.Host{
		{Name: "alice", Realm: internet.Public}, {Name: "bob", Realm: internet.Public},
	}}
}

// Each NAT vector gives the trace that it gives in the simulation.
func TestNATVectorsAsInSim(t *testing.T) {
	needsLab(t)
	for _, v := range natplay.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			want, err := natplay.InLab(t.Context(), sim.New(), v)
			require.NoError(t, err)
			got, err := natplay.InLab(t.Context(), shared, v)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestTestee(t *testing.T) {
	t.Parallel()
	m := scripted(t, "echo")
	n := bringUp(t, pair())
	alice, err := n.Start(t.Context(), "alice", m)
	require.NoError(t, err)
	bob, err := n.Start(t.Context(), "bob", m)
	require.NoError(t, err)
	_, err = n.Start(t.Context(), "alice", m)
	require.EqualError(t, err, "host alice: a testee is running on it")
	_, err = n.Endpoint("alice", 0)
	require.EqualError(t, err, "host alice runs programs: it can't have an endpoint too")
	for id, do := range []string{testee.Hello, testee.Info} {
		require.NoError(t, alice.Send(testee.Command{ID: id + 1, Do: do}))
	}
	require.NoError(t, bob.Send(testee.Command{ID: 9, Do: testee.Peers}))
	await(t, n, func() bool { return len(alice.Messages()) == 2 && len(bob.Messages()) == 1 })
	require.JSONEq(t, `{"do":"info"}`, string(alice.Messages()[1].OK))
	require.False(t, alice.Messages()[1].At.After(n.Now()))
	require.Equal(t, 9, bob.Messages()[0].ID)

	require.NoError(t, alice.Stop())
	await(t, n, func() bool { return alice.Exit() != nil })
	require.True(t, alice.Exit().Killed)
	again, err := n.Start(t.Context(), "alice", m)
	require.NoError(t, err)
	require.NoError(t, again.Send(testee.Command{ID: 1, Do: testee.Hello}))
	await(t, n, func() bool { return len(again.Messages()) == 1 })
}

func TestExits(t *testing.T) {
	t.Parallel()
	exit, crash := scripted(t, "exit"), scripted(t, "crash")
	n := bringUp(t, pair())
	alice, err := n.Start(t.Context(), "alice", exit)
	require.NoError(t, err)
	bob, err := n.Start(t.Context(), "bob", crash)
	require.NoError(t, err)
	await(t, n, func() bool { return alice.Exit() != nil && bob.Exit() != nil })
	require.Equal(t, 4, alice.Exit().Code)
	require.Equal(t, "going\n", alice.Exit().Stderr)
	require.False(t, alice.Exit().Killed)
	require.NotZero(t, bob.Exit().Code)
}

// A frozen peer says nothing, and goes on when it is thawed.
func TestSuspend(t *testing.T) {
	t.Parallel()
	m := scripted(t, "ticks")
	n := bringUp(t, pair())
	alice, err := n.Start(t.Context(), "alice", m)
	require.NoError(t, err)
	await(t, n, func() bool { return len(alice.Messages()) > 3 })
	require.NoError(t, n.Change(internet.Change{Node: "alice", Suspend: true}))
	// What it said before is taken in first; awake it speaks fifty times in half a second.
	before := -1
	for begun := n.Now(); before != len(alice.Messages()); {
		require.Less(t, n.Now().Sub(begun), 20*time.Second, "it goes on")
		before = len(alice.Messages())
		for until := n.Now().Add(500 * time.Millisecond); n.Now().Before(until); {
			require.NoError(t, n.Step(t.Context(), until))
		}
	}
	require.NoError(t, n.Change(internet.Change{Node: "alice", Resume: true}))
	await(t, n, func() bool { return len(alice.Messages()) > before+3 })
}

func TestAHostThatFloodsTheLab(t *testing.T) {
	t.Parallel()
	m := scripted(t, "drown")
	n, err := shared.Up(t.Context(), pair(), lab.Options{Seed: 1})
	require.NoError(t, err)
	defer n.Close() // it may have lost packets, which it then says
	_, err = n.Start(t.Context(), "alice", m)
	require.NoError(t, err)
	err = lab.Await(t.Context(), n, 30*time.Second, func() bool { return false })
	require.ErrorIs(t, err, lab.ErrOverrun)
	require.EqualError(t, err, "more packets than the lab carries: host alice sent over 10000 packets in a second")
}

// What an engine holds by a defect of its own is named, and nothing else is
// wrong. Here somebody else is on the network.
func TestANetworkThatTheEngineHolds(t *testing.T) {
	t.Parallel()
	needsLab(t)
	up, err := shared.Up(t.Context(), pair(), lab.Options{Seed: 1})
	require.NoError(t, err)
	n := up.(*Net)
	network := n.networks[internet.Public]
	stranger, err := shared.engine.start(t.Context(), containerSpec{name: n.name + "-stranger", image: PodImage, network: network.id})
	require.NoError(t, err)
	stranger.drain()
	var left *lab.LeftBehind
	require.ErrorAs(t, n.Close(), &left)
	require.Equal(t, []string{"network " + network.name}, left.What)
	require.NoError(t, shared.engine.remove(t.Context(), stranger.id))
	require.NoError(t, shared.engine.removeNetwork(t.Context(), network.id, releasedWithin))
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	n := bringUp(t, pair())
	_, err := n.Start(t.Context(), "alice", manifest.Manifest{Name: "mine", Image: "nobody/nothing:1"})
	require.EqualError(t, err, "start mine: the engine has no image nobody/nothing:1")
	ok, why := shared.Starts(manifest.Manifest{Name: "mine", Image: "nobody/nothing:1"})
	require.False(t, ok)
	require.Equal(t, "the engine has no image nobody/nothing:1", why)
	ok, why = shared.Starts(manifest.Manifest{Name: "mine", Command: []string{"mine"}})
	require.False(t, ok)
	require.Equal(t, "mine: its manifest names no image", why)
	_, err = n.Start(t.Context(), "carl", manifest.Manifest{Name: "mine", Image: PodImage})
	require.EqualError(t, err, `no host "carl" in the topology`)
}

func TestSubnetsAreDisjoint(t *testing.T) {
	seen := map[string]bool{}
	for i := range subnets {
		s := subnet(i)
		require.True(t, range2544.Contains(s.Addr()), s)
		require.Equal(t, s, s.Masked())
		require.False(t, seen[s.String()], s)
		seen[s.String()] = true
	}
	require.Equal(t, subnet(0), subnet(subnets))
}
