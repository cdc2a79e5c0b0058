package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/client"
)

// A Program is a container that somebody started on a host beside, or instead
// of, a testee.
type Program struct {
	Stdin          io.WriteCloser
	Stdout, Stderr io.Reader // both must be read
	running        *running
}

// A Command is what a program's container runs.
type Command struct {
	Argv     []string // instead of what the image would start; nil leaves that
	Terminal bool     // it has one: all that it says is on Stdout
}

// Launch starts an image on a host, whose network it then has: a server, a
// measuring client, a shell. The program ends with the net at the latest, and
// has as little privilege as a peer.
func (n *Net) Launch(ctx context.Context, host, image string, c Command) (*Program, error) {
	if n.closed {
		return nil, errClosed
	}
	if err := n.engine.requireImage(ctx, image); err != nil {
		return nil, err
	}
	h, err := n.podOn(host)
	if err != nil {
		return nil, err
	}
	if <-h.ready; h.err != nil {
		return nil, h.err
	}
	r, err := n.engine.start(ctx, containerSpec{
		name: fmt.Sprintf("%s-%s-program-%d", n.name, host, len(n.programs)+1), image: image, argv: c.Argv, terminal: c.Terminal,
		network: "container:" + h.id, maxPIDs: 512,
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

// Resize tells the program how large its terminal is, in characters.
func (p *Program) Resize(ctx context.Context, width, height int) error {
	_, err := p.running.engine.client.ContainerResize(ctx, p.running.id, client.ContainerResizeOptions{Width: uint(width), Height: uint(height)})
	return err
}

// Kill ends the program.
func (p *Program) Kill() { p.running.kill() }
