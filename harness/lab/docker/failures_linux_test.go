package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/testkit/testenv"
)

// part tells the test's own binary, started again, to be a run that goes on
// until something happens to it.
const part = "PUNCHLIST_DOCKER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(part) != "" {
		goOn()
		return
	}
	os.Exit(m.Run())
}

// goOn brings up a net with a peer, says so and steps it.
func goOn() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := New().(*docker)
	n, err := d.Up(ctx, pair(), lab.Options{Seed: 1})
	if err != nil {
		fmt.Println("up:", err)
		os.Exit(1)
	}
	peer, err := n.Start(ctx, "bob", manifest.Manifest{Name: "ticks", Image: peerImage, Env: []string{"SCRIPT=ticks"}})
	if err == nil {
		err = lab.Await(ctx, n, time.Minute, func() bool { return len(peer.Messages()) > 0 })
	}
	fmt.Println("runs", d.engine.run)
	for err == nil {
		err = n.Step(ctx, n.Now().Add(time.Second))
	}
	fmt.Println("stopped:", err)
	if err := n.Close(); err != nil {
		fmt.Println("close:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	fmt.Println("closed")
}

// A child is the test's binary as a run of its own.
type child struct {
	*exec.Cmd
	lines *bufio.Scanner
	run   string
}

func startChild(t *testing.T, env ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(append(os.Environ(), part+"=yes"), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { c.Process.Kill() })
	c.lines = bufio.NewScanner(out)
	for c.run == "" {
		require.True(t, c.lines.Scan())
		c.run = strings.TrimPrefix(c.lines.Text(), "runs ")
		require.NotEqual(t, c.run, c.lines.Text())
	}
	return c
}

func (c *child) next(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan())
	return c.lines.Text()
}

// left is the containers and networks of a run.
func left(t *testing.T, c client.APIClient, run string) (names []string) {
	t.Helper()
	of := make(client.Filters).Add("label", labelRun+"="+run)
	containers, err := c.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: of})
	require.NoError(t, err)
	for _, x := range containers.Items {
		names = append(names, fmt.Sprint(x.Names))
	}
	networks, err := c.NetworkList(t.Context(), client.NetworkListOptions{Filters: of})
	require.NoError(t, err)
	for _, x := range networks.Items {
		names = append(names, x.Name)
	}
	return names
}

// Not in parallel, nor is the next: every run that begins removes what dead
// ones left.
func TestNothingIsLeftAfterCtrlC(t *testing.T) {
	scripted(t, "ticks") // builds the image
	c := startChild(t)
	require.Len(t, left(t, shared.engine.client, c.run), 5, "keeper, router, pod, peer and the network")
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.Equal(t, "stopped: context canceled", c.next(t))
	require.Equal(t, "closed", c.next(t))
	require.NoError(t, c.Wait())
	// The engine removes the keeper when it hears that nobody is attached.
	require.Eventually(t, func() bool { return len(left(t, shared.engine.client, c.run)) == 0 }, 20*time.Second, 50*time.Millisecond)
}

func TestNothingIsLeftAfterKill9AndTheNextRun(t *testing.T) {
	scripted(t, "ticks")
	c := startChild(t)
	other := startChild(t)
	require.NoError(t, c.Process.Kill())
	c.Wait()
	keeper := make(client.Filters).Add("label", labelRun+"="+c.run, labelKeeper)
	require.Eventually(t, func() bool {
		found, err := shared.engine.client.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: keeper})
		return err == nil && len(found.Items) == 0
	}, 20*time.Second, 50*time.Millisecond)
	require.NotEmpty(t, left(t, shared.engine.client, c.run))

	next, err := connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, next.begin(t.Context()))
	require.Empty(t, left(t, next.client, c.run))
	require.Len(t, left(t, next.client, other.run), 5, "what goes on stays")
	require.NoError(t, next.remove(t.Context(), next.keeper.id))
	require.NoError(t, other.Process.Signal(os.Interrupt))
	require.Equal(t, "stopped: context canceled", other.next(t))
	require.NoError(t, other.Wait())
}

// An engine goes away while a run uses it: the run says so and ends. When the
// engine is back the next run removes what was left.
func TestAnEngineGoesAway(t *testing.T) {
	t.Parallel()
	scripted(t, "ticks")
	e := startEngine(t)
	for _, image := range []string{RouterImage, PodImage, peerImage} {
		e.give(t, image)
	}
	c := startChild(t, "DOCKER_HOST="+e.host)
	e.kill(t)
	said := c.next(t)
	require.Regexp(t, `^stopped: (the router public ended|host bob: the engine does not tell how the peer ended|router public: )`, said)
	require.Contains(t, c.next(t), "close: ")
	require.Equal(t, "closed", c.next(t))
	require.NoError(t, c.Wait())

	e.start(t)
	require.NotEmpty(t, left(t, e.client, c.run))
	pruned, err := (&engine{client: e.client, run: "next"}).prune(t.Context(), false)
	require.NoError(t, err)
	require.NotEmpty(t, pruned.Removed)
	// What it was removing when it was killed it lists without a name until that is done.
	require.Eventually(t, func() bool {
		_, err := (&engine{client: e.client, run: "next"}).prune(t.Context(), false)
		return err == nil && len(left(t, e.client, c.run)) == 0
	}, 20*time.Second, 50*time.Millisecond)
}

// A privateEngine is a container engine of the test's own, in a network
// namespace of its own.
type privateEngine struct {
	dir, host string
	client    *client.Client
	daemon    *exec.Cmd
}

func startEngine(t *testing.T) *privateEngine {
	t.Helper()
	testenv.SkipShort(t, "it starts a container engine")
	if _, err := exec.LookPath("dockerd"); err != nil || os.Geteuid() != 0 {
		testenv.Missing(t, "docker", "an engine of the test's own needs dockerd and root")
	}
	dir, err := os.MkdirTemp("", "punchlist-engine-")
	require.NoError(t, err)
	e := &privateEngine{dir: dir, host: "unix://" + dir + "/socket"}
	e.client, err = client.New(client.WithHost(e.host))
	require.NoError(t, err)
	e.start(t)
	t.Cleanup(func() {
		e.daemon.Process.Signal(syscall.SIGTERM)
		e.daemon.Wait()
		// The one that was killed has left its data mounted on itself.
		for syscall.Unmount(dir+"/data", syscall.MNT_DETACH) == nil {
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return e
}

func (e *privateEngine) start(t *testing.T) {
	t.Helper()
	// The pids that a killed engine has left may be those of zombies.
	os.Remove(e.dir + "/pid")
	os.Remove(e.dir + "/exec/containerd/containerd.pid")
	e.daemon = exec.Command("dockerd", "--host", e.host, "--data-root", e.dir+"/data", "--exec-root", e.dir+"/exec",
		"--pidfile", e.dir+"/pid", "--bridge", "none")
	e.daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	log, err := os.Create(e.dir + "/log")
	require.NoError(t, err)
	defer log.Close()
	e.daemon.Stdout, e.daemon.Stderr = log, log
	require.NoError(t, e.daemon.Start())
	require.Eventually(t, func() bool {
		_, err := e.client.Ping(context.Background(), client.PingOptions{NegotiateAPIVersion: true})
		return err == nil
	}, 30*time.Second, 50*time.Millisecond, "see %s", log.Name())
}

// give brings an image of the common engine to it.
func (e *privateEngine) give(t *testing.T, image string) {
	t.Helper()
	saved, err := shared.engine.client.ImageSave(t.Context(), []string{image})
	require.NoError(t, err)
	defer saved.Close()
	loaded, err := e.client.ImageLoad(t.Context(), saved)
	require.NoError(t, err)
	require.NoError(t, loaded.Close())
}

func (e *privateEngine) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, e.daemon.Process.Kill())
	var ended *exec.ExitError
	require.True(t, errors.As(e.daemon.Wait(), &ended))
}
