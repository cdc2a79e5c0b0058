package docker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Labels of all that the lab makes.
const (
	labelRun    = "punchlist.run"    // of one process that uses the engine
	labelKeeper = "punchlist.keeper" // the container that lives as long as the run
)

// An engine is a connection to a container engine, and what one run has on it.
type engine struct {
	provider *testcontainers.DockerProvider
	client   client.APIClient
	run      string
	nets     atomic.Int64 // made so far, for names
	subnets  atomic.Int64 // tried so far

	mu     sync.Mutex
	keeper *running
	images map[string]bool
}

// reaperSetting switches the reaper of testcontainers off. It is a container
// that removes what a run left; where its image can't be had, labels and Prune
// do it alone.
const reaperSetting = "TESTCONTAINERS_RYUK_DISABLED"

func connect(ctx context.Context) (*engine, error) {
	tclog.SetDefault(tclog.NewNoopLogger())
	bridge, reaper := atHand(ctx)
	if os.Getenv(reaperSetting) == "" && !(bridge && reaper) {
		os.Setenv(reaperSetting, "true")
	}
	options := []testcontainers.DockerProviderOption{testcontainers.WithLogger(tclog.NewNoopLogger())}
	if !bridge {
		// What stands for the default network is one that every engine has: else
		// testcontainers makes one of its own, which every container would be in.
		options = append(options, testcontainers.WithDefaultBridgeNetwork("none"))
	}
	provider, err := testcontainers.NewDockerProvider(options...)
	if err != nil {
		return nil, noEngine(err)
	}
	// The provider closes idle connections after each of its calls, which breaks
	// those that others are about to use.
	c := keptOpen{provider.Client()}
	provider.SetClient(c)
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, noEngine(err)
	}
	id := make([]byte, 4)
	rand.Read(id) // it never fails
	e := &engine{provider: provider, client: c, run: hex.EncodeToString(id), images: map[string]bool{}}
	e.subnets.Store(int64(id[0])<<2 | int64(id[1])&3)
	return e, nil
}

// keptOpen is a client whose connections stay open.
type keptOpen struct{ client.APIClient }

func (keptOpen) Close() error { return nil }

func noEngine(err error) error {
	return fmt.Errorf("no container engine answers: %w; start one (dockerd), or name another by DOCKER_HOST", err)
}

// atHand reports whether the engine has its default network, which the reaper
// needs, and the image of the reaper: nothing is fetched from anywhere.
func atHand(ctx context.Context) (bridge, reaper bool) {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return false, false
	}
	defer c.Close()
	_, err = c.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	bridge = err == nil
	//lint:ignore SA1019 the version that testcontainers wants is told nowhere else
	_, err = c.ImageInspect(ctx, testcontainers.ReaperDefaultImage)
	return bridge, err == nil
}

// requireImage reports why an image can't be started; one that could is remembered.
func (e *engine) requireImage(ctx context.Context, image string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.images[image] {
		return nil
	}
	if _, err := e.client.ImageInspect(ctx, image); errdefs.IsNotFound(err) {
		return fmt.Errorf("the engine has no image %s", image)
	} else if err != nil {
		return fmt.Errorf("image %s: %w", image, err)
	}
	e.images[image] = true
	return nil
}

// begin makes sure that the run's keeper is there, before anything else is
// made, and that nothing is that a dead run left.
func (e *engine) begin(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.keeper != nil {
		return nil
	}
	if _, err := e.prune(ctx, false); err != nil {
		return err
	}
	k, err := e.start(ctx, containerSpec{name: "keeper", image: PodImage, network: "none", labels: map[string]string{labelKeeper: "yes"}, vanishes: true})
	if err != nil {
		return fmt.Errorf("start the keeper of the run: %w", err)
	}
	k.drain()
	e.keeper = k
	return nil
}

// begunWithin is how old a keeper may be that doesn't run yet.
const begunWithin = time.Minute

// Pruned is what Prune has found of dead runs, by kind and name.
type Pruned struct {
	Removed []string
	Stuck   []string // networks that the engine doesn't let go though nothing is on them: it does when it is restarted
}

// Prune removes from the engine what runs that are dead left there, or with
// all whatever any run made.
func Prune(ctx context.Context, all bool) (Pruned, error) {
	e, err := connect(ctx)
	if err != nil {
		return Pruned{}, err
	}
	return e.prune(ctx, all)
}

// prune takes a run for alive while its keeper is: that ends with the process
// that is attached to it.
func (e *engine) prune(ctx context.Context, all bool) (p Pruned, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("remove what dead runs left: %w", err)
		}
	}()
	ours := make(client.Filters).Add("label", labelRun)
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return p, err
	}
	alive := map[string]bool{e.run: true}
	for _, c := range containers.Items {
		young := time.Since(time.Unix(c.Created, 0)) < begunWithin
		if c.Labels[labelKeeper] != "" && (c.State == "running" || c.State == "created" && young) {
			alive[c.Labels[labelRun]] = true
		}
	}
	if all {
		alive = nil
	}
	var errs []error
	for _, c := range containers.Items {
		if alive[c.Labels[labelRun]] {
			continue
		}
		if err := e.remove(ctx, c.ID); err != nil {
			errs = append(errs, err)
		} else {
			p.Removed = append(p.Removed, "container "+strings.TrimPrefix(strings.Join(c.Names, " "), "/"))
		}
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return p, err
	}
	for _, n := range networks.Items {
		if alive[n.Labels[labelRun]] {
			continue
		}
		switch err := e.removeNetwork(ctx, n.ID, 0); {
		case errors.Is(err, errStuck):
			p.Stuck = append(p.Stuck, "network "+n.Name)
		case err != nil:
			errs = append(errs, fmt.Errorf("network %s: %w", n.Name, err))
		default:
			p.Removed = append(p.Removed, "network "+n.Name)
		}
	}
	return p, errors.Join(errs...)
}

func (e *engine) labels(more map[string]string) map[string]string {
	labels := map[string]string{labelRun: e.run}
	for name, value := range more {
		labels[name] = value
	}
	return labels
}

var unnameable = regexp.MustCompile(`[^a-zA-Z0-9_.-]`)

// named is the name on the engine of what the run names so.
func (e *engine) named(name string) string {
	return "punchlist-" + e.run + "-" + unnameable.ReplaceAllString(name, "-")
}

// The networks are numbered from the range for benchmarks (RFC 2544), which
// no peer ever sees: pods and routers give their interfaces other addresses.
var range2544 = netip.MustParsePrefix("198.18.0.0/15")

const (
	subnetBits = 25 // 125 containers in a realm
	subnets    = 1 << (subnetBits - 15)
)

// A realmNetwork is the network of a realm.
type realmNetwork struct {
	id, name string
	subnet   netip.Prefix
}

// network makes one. Routers write frames that are longer than the packets in
// them, so its MTU is the largest; masquerading is off, so that nothing that a
// container sends could leave the engine even if there were a route.
func (e *engine) network(ctx context.Context, name string) (realmNetwork, error) {
	labels := e.labels(testcontainers.GenericLabels())
	for range subnets {
		n := realmNetwork{name: e.named(name), subnet: subnet(int(e.subnets.Add(1)))}
		made, err := e.client.NetworkCreate(ctx, n.name, client.NetworkCreateOptions{
			Driver: "bridge", Labels: labels,
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: n.subnet}}},
			Options: map[string]string{
				"com.docker.network.bridge.enable_ip_masquerade": "false",
				"com.docker.network.driver.mtu":                  "65535",
			},
		})
		if err == nil {
			n.id = made.ID
			return n, nil
		}
		// Another run, or somebody else, has that range.
		if !strings.Contains(err.Error(), "overlap") {
			return n, fmt.Errorf("make the network %s: %w", name, err)
		}
	}
	return realmNetwork{}, fmt.Errorf("make the network %s: no part of %v is free on the engine; punchlist lab prune removes what dead runs left", name, range2544)
}

func subnet(i int) netip.Prefix {
	b := range2544.Addr().As4()
	n := i % subnets << (32 - subnetBits)
	b[1] += byte(n >> 16)
	b[2], b[3] = byte(n>>8), byte(n)
	return netip.PrefixFrom(netip.AddrFrom4(b), subnetBits)
}

// releasedWithin bounds the time in which an engine takes containers that are
// gone from their networks.
const releasedWithin = 10 * time.Second

// errStuck is of a network that the engine doesn't let go though nothing is on
// it any more. Engines of version 20 do so at times, when two removals meet.
var errStuck = errors.New("the engine holds it for containers that are gone; it lets go when it is restarted")

// removeNetwork tries for a while.
func (e *engine) removeNetwork(ctx context.Context, id string, patience time.Duration) error {
	for begun := time.Now(); ; {
		_, err := e.client.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		switch {
		case err == nil, errdefs.IsNotFound(err):
			return nil
		case !strings.Contains(err.Error(), "active endpoints"):
			return err
		case time.Since(begun) > patience:
			return errStuck
		}
		// No call waits for it, and no event tells of it.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
