package docker

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// A Program is a container that somebody started on a host beside, or instead
// of, a testee.
type Program struct {
	Stdin          io.WriteCloser
	Stdout, Stderr io.Reader // both must be read
	running        *running
}

// Launch starts an image on a host, whose network it then has: a server, a
// measuring client, a shell. Argv replaces what the image would start, unless
// it is nil. The program ends with the net at the latest, and has as little
// privilege as a peer.
func (n *Net) Launch(ctx context.Context, host, image string, argv []string) (*Program, error) {
	if err := n.canUse(host); err != nil {
		return nil, err
	}
	if slices.Contains(n.scripts, host) {
		return nil, fmt.Errorf("host %s has an endpoint: it can't run a program too", host)
	}
	if err := n.engine.hasImage(ctx, image); err != nil {
		return nil, err
	}
	h := n.hosts[host]
	if h == nil {
		h = n.startHost(host)
		n.hosts[host] = h
	}
	if <-h.ready; h.err != nil {
		return nil, h.err
	}
	r, err := n.engine.start(ctx, containerSpec{
		name: fmt.Sprintf("%s-%s-program-%d", n.name, host, len(n.programs)+1), image: image, argv: argv,
		network: "container:" + h.id, mostPIDs: 512,
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", host, err)
	}
	n.programs = append(n.programs, r)
	return &Program{Stdin: r.stdin, Stdout: r.stdout, Stderr: r.stderr, running: r}, nil
}

// Wait returns once the program has ended: its exit status, or -1 and a
// signal's name.
func (p *Program) Wait() (code int, signal string) { return p.running.wait() }

// Kill ends the program.
func (p *Program) Kill() { p.running.kill() }
