// Package docker is the lab of containers: every host, NAT and peer is one, on
// an engine that may be another machine's. A realm is a network of the engine;
// its router is a container of the image natbox, which has the links of the
// realm and, but for the public one, the NAT; a host is a container of the
// image pod, which owns the network namespace that the peer's container joins.
// So a peer is an image and nothing else: it gets no privilege and no tool,
// and is talked to over its standard streams alone.
//
// A scripted endpoint has no container: its host's router takes what it sends,
// and tells what came to it.
//
// The routers tell every frame, each in the order of its own clock; the clocks
// of containers on one engine are one. The lab puts them in one order, and
// hands on nothing that was observed before every router has told all that was
// earlier.
package docker

import (
	"context"
	"fmt"
	"sync"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
)

// Images that the lab itself needs; `make images` builds them.
const (
	RouterImage = "punchlist/natbox:dev"
	PodImage    = "punchlist/pod:dev"
)

type docker struct {
	mu     sync.Mutex
	engine *engine
}

// New is the lab. It connects to the engine that the environment names
// (DOCKER_HOST, or the usual socket) when it is first asked for something.
func New() lab.Lab { return &docker{} }

func (*docker) Name() string { return "docker" }

// Check says why the lab can't start, and the mend.
func (d *docker) Check(ctx context.Context) error {
	e, err := d.connect(ctx)
	if err != nil {
		return err
	}
	for _, image := range []string{RouterImage, PodImage} {
		if err := e.requireImage(ctx, image); err != nil {
			return fmt.Errorf("%w; build it: make images", err)
		}
	}
	return nil
}

// Starts reports whether the manifest has an image that the engine has.
func (d *docker) Starts(m manifest.Manifest) (bool, string) {
	if m.Image == "" {
		return false, fmt.Sprintf("%s: its manifest names no image", m.Name)
	}
	e, err := d.connect(context.Background())
	if err == nil {
		err = e.requireImage(context.Background(), m.Image)
	}
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

// Up makes an internet: its networks and its routers. A host gets its pod when
// something is started on it.
func (d *docker) Up(ctx context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	e, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	n, err := up(ctx, e, t, o)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (d *docker) connect(ctx context.Context) (*engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.engine != nil {
		return d.engine, nil
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	d.engine = e
	return e, nil
}
