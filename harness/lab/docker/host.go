package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"

	"punchlist/harness/hostlink"
	"punchlist/harness/lab/stdio"
	"punchlist/harness/manifest"
	"punchlist/harness/natbox"
	"punchlist/harness/pod"
	contract "punchlist/spec/testee"
)

// A host is one that has a pod.
type host struct {
	name  string
	ready chan struct{} // closed once the pod holds the host's network, or err is set
	err   error
	*running

	mu     sync.Mutex // of commands
	lastID int
	answer *json.Decoder
}

// startHost makes the pod of a host, in the background.
func (n *Net) startHost(name string) *host {
	h := &host{name: name, ready: make(chan struct{})}
	n.background.Go(func() {
		defer close(h.ready)
		if h.err = n.makePod(h); h.err != nil {
			h.err = fmt.Errorf("host %s: %w", name, h.err)
			n.fail(h.err)
		}
	})
	return h
}

func (n *Net) makePod(h *host) (err error) {
	a, realm := n.model.Addressing(h.name), n.model.Realm(h.name)
	r := n.routerOf(h.name)
	h.running, err = n.engine.start(n.life, containerSpec{
		name: n.name + "-" + h.name, image: PodImage, network: n.networks[realm].id,
		caps: []string{"NET_ADMIN", "NET_RAW"}, sysctls: hostlink.Sysctls(),
	})
	if err != nil {
		return err
	}
	go io.Copy(io.Discard, h.stderr)
	h.answer = json.NewDecoder(h.stdout)
	own, gateway := natbox.MAC(realm, h.name), natbox.MAC(realm, r.name)
	err = h.command(pod.Command{Attach: &pod.Attach{
		Addrs: a.Addrs, Gateway: a.Gateway, MTU: a.MTU,
		MAC: net.HardwareAddr(own[:]).String(), GatewayMAC: net.HardwareAddr(gateway[:]).String(),
	}})
	if err != nil {
		return err
	}
	_, err = r.command(natbox.Command{Attach: h.name})
	return err
}

// command has the pod do something, and waits until it has.
func (h *host) command(c pod.Command) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastID++
	c.ID = h.lastID
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := h.stdin.Write(append(line, '\n')); err != nil {
		return err
	}
	var m pod.Message
	if err := h.answer.Decode(&m); err != nil {
		return fmt.Errorf("its pod does not answer: %w", err)
	}
	if m.Error != "" {
		return fmt.Errorf("its pod: %s", m.Error)
	}
	return nil
}

func (h *host) changeMTU(mtu int) error { return h.command(pod.Command{MTU: mtu}) }

// A peer is a testee's container, which may not be started yet: what is
// written to it, and read from it, waits for that.
type peer struct {
	host    string
	started chan struct{} // closed once running is set, or err
	err     error
	*running

	mu     sync.Mutex
	killed bool
}

// startPeer starts a manifest's image in the pod of a host, in the background.
func (n *Net) startPeer(h *host, m manifest.Manifest, number int) *peer {
	p := &peer{host: h.name, started: make(chan struct{})}
	n.background.Go(func() {
		defer close(p.started)
		<-h.ready
		if p.err = h.err; p.err != nil {
			return // the net has failed with it
		}
		p.running, p.err = n.engine.start(n.life, containerSpec{
			name: fmt.Sprintf("%s-%s-peer-%d", n.name, h.name, number), image: m.Image, network: "container:" + h.id,
			env:     append(append([]string{}, m.Env...), contract.LabVariable+"="+n.model.Addressing(h.name).List()),
			maxPIDs: 512,
		})
		if p.err != nil {
			n.fail(fmt.Errorf("host %s: %w", h.name, p.err))
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.killed {
			p.running.kill()
		}
	})
	return p
}

// process is the peer as package stdio wants it.
func (n *Net) process(p *peer) stdio.Process {
	return stdio.Process{
		Stdin:  lazyWriter{p},
		Stdout: &lazyReader{peer: p, stream: func(r *running) io.ReadCloser { return r.stdout }},
		Stderr: &lazyReader{peer: p, stream: func(r *running) io.ReadCloser { return r.stderr }},
		Wait: func() (int, string) {
			<-p.started
			if p.err != nil {
				return -1, ""
			}
			code, signal := p.running.wait()
			if p.running.err != nil {
				n.fail(fmt.Errorf("host %s: the engine does not tell how the peer ended: %w", p.host, p.running.err))
			}
			return code, signal
		},
		Kill: p.kill,
	}
}

func (p *peer) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	select {
	case <-p.started:
		if p.running != nil {
			p.running.kill()
		}
	default:
	}
}

type lazyWriter struct{ *peer }

func (w lazyWriter) Write(b []byte) (int, error) {
	if <-w.started; w.err != nil {
		return 0, w.err
	}
	return w.running.stdin.Write(b)
}

func (w lazyWriter) Close() error {
	select {
	case <-w.started:
		if w.err == nil {
			return w.running.stdin.Close()
		}
	default:
	}
	return nil
}

type lazyReader struct {
	*peer
	stream func(*running) io.ReadCloser
}

func (r *lazyReader) Read(b []byte) (int, error) {
	if <-r.started; r.err != nil {
		return 0, io.EOF
	}
	return r.stream(r.running).Read(b)
}

func (r *lazyReader) Close() error {
	if <-r.started; r.err != nil {
		return nil
	}
	return r.stream(r.running).Close()
}

// pause freezes the peer, or lets it go on.
func (p *peer) pause(ctx context.Context, freeze bool) error {
	if <-p.started; p.err != nil {
		return p.err
	}
	return p.engine.pause(ctx, p.id, freeze)
}
