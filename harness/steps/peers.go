package steps

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A peer is a testee of the scenario.
type peer struct {
	host      string
	manifest  manifest.Manifest
	subject   bool
	indexed   bool
	lonely    bool     // is given no bootstrap peers
	knows     []string // the bootstrap peers that it is given; nil: all
	atOnce    bool     // starts with the internet; else a step starts it
	id        wire.ID
	port      uint16
	probePort uint16

	client  *lab.Client // nil until started
	started testee.StartWith
	joined  []testee.JoinWith // since then
	running bool              // it has answered start
	stopped bool              // a step stopped it: its exit is no death
}

// Ports of every testee, on its own host.
const (
	mainPort  = 4001
	probePort = 4101
)

func (p *peer) String() string {
	if p.subject {
		return "the subject"
	}
	return fmt.Sprintf("%q", p.host)
}

// declare adds a peer that runs on a host.
func (w *World) declare(host string, subject, indexed, atOnce bool) *peer {
	m := w.o.Companion
	name := host
	if subject {
		m = w.o.Subject
		name = "subject on " + host
	}
	p := &peer{host: host, manifest: m, subject: subject, indexed: indexed, atOnce: atOnce,
		id: seal.PeerID(name), port: mainPort, probePort: probePort}
	w.peers = append(w.peers, p)
	if subject && w.subject == nil {
		w.subject = p
	}
	return p
}

// start starts a peer's program and sends it hello and start, without waiting.
func (w *World) start(p *peer) {
	t, err := w.net.Start(w.ctx, p.host, p.manifest)
	if err != nil {
		fail(&verdict.LabFailed{Text: "starting " + p.manifest.Name + " on " + p.host, Err: err})
	}
	p.client, p.running, p.stopped, p.joined = lab.NewClient(t), false, false, nil
	seed := seal.SharedKey(fmt.Sprintf("%d %s", w.o.Seed, p.host))
	p.started = testee.StartWith{
		PeerID:    p.id.String(),
		Port:      p.port,
		ProbePort: p.probePort,
		ClusterID: hex.EncodeToString(cluster[:]),
		Indexed:   p.indexed,
		Keepalive: w.keepalive(p.manifest).Milliseconds(),
		Seed:      hex.EncodeToString(seed[:]),
		Bootstrap: []testee.Bootstrap{},
	}
	if p.indexed {
		p.started.Address = w.net.Addr(p.host).String()
	}
	if !p.lonely {
		for _, b := range w.bootstraps() {
			if b != p && (p.knows == nil || slices.Contains(p.knows, b.host)) {
				p.started.Bootstrap = append(p.started.Bootstrap, testee.Bootstrap{
					PeerID: b.id.String(), Address: w.net.Addr(b.host).String(), Port: b.port})
			}
		}
	}
	for _, in := range w.injectors {
		if in.bootstraps && p.subject {
			at := in.address()
			p.started.Bootstrap = append(p.started.Bootstrap, testee.Bootstrap{PeerID: in.ID.String(), Address: at.Addr().String(), Port: at.Port()})
		}
	}
}

// ready awaits the start of a peer: its replies, and the event ready.
func (w *World) ready(p *peer) {
	w.call(p, testee.Hello, nil, nil)
	w.call(p, testee.Start, p.started, nil)
	p.running = true
	if !w.await(readyWithin, func() bool { return len(p.events(testee.Ready)) > 0 }) {
		w.unfit(p, "it did not report ready within %v of start", readyWithin)
	}
	w.pass(max(p.manifest.Stagger, stagger))
}

// stagger is the least time between the starts of two peers, so that no two
// of them act in step.
const stagger = 20 * time.Millisecond

// call sends a command and awaits its reply. The result is decoded into out,
// unless out is nil.
func (w *World) call(p *peer, do string, with, out any) {
	reply := w.reply(p, do, with)
	if reply.Error != nil {
		w.unfit(p, "%s: %s", do, reply.Error)
	}
	if join, ok := with.(testee.JoinWith); ok {
		p.joined = append(p.joined, join)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(reply.OK, out); err != nil {
		w.unfit(p, "the result of %s can't be read: %v", do, err)
	}
}

// reply sends a command and awaits its reply, which may be an error.
func (w *World) reply(p *peer, do string, with any) testee.Message {
	if p.client == nil || p.stopped {
		misused("the feature asks %s of %s, which does not run", do, p)
	}
	id, err := p.client.Ask(do, with)
	if err != nil {
		w.unfit(p, "%s could not be sent: %v", do, err)
	}
	var reply testee.Message
	ok := w.await(testee.ReplyWithin, func() (came bool) {
		reply, came = p.client.Reply(id)
		return came
	})
	if !ok {
		w.unfit(p, "no reply to %s within %v", do, testee.ReplyWithin)
	}
	return reply
}

// events lists the events of a name so far.
func (p *peer) events(name string) []testee.Message {
	if p.client == nil {
		return nil
	}
	return p.client.Events(name)
}

// eventsOf decodes the events of a name.
func eventsOf[T any](p *peer, name string) []T {
	var all []T
	for _, m := range p.events(name) {
		var v T
		if json.Unmarshal(m.Raw, &v) == nil {
			all = append(all, v)
		}
	}
	return all
}

// natType is what the peer said last of its own NAT; zero before.
func (p *peer) natType() testee.NATEvent {
	all := eventsOf[testee.NATEvent](p, testee.NAT)
	if len(all) == 0 {
		return testee.NATEvent{}
	}
	return all[len(all)-1]
}

// sound holds what a peer wrote since the last look to the schema of the
// testee protocol.
func (w *World) sound(p *peer) {
	if p.client == nil {
		return
	}
	if err := p.client.Unsound(); err != nil {
		w.unfit(p, "it wrote what breaks the schema of the testee protocol: %v", err)
	}
}

// alive ends the step with the death of a peer that ended by itself.
func (w *World) alive(p *peer) {
	if p.client == nil || p.stopped {
		return
	}
	exit := p.client.Testee.Exit()
	if exit == nil {
		return
	}
	p.stopped = true
	if exit.Garbage != "" {
		w.unfit(p, "it wrote what is not the testee protocol: %s", exit.Garbage)
	}
	how := fmt.Sprintf("exit status %d", exit.Code)
	if exit.Signal != "" {
		how = "signal: " + exit.Signal
	}
	died := verdict.Died{
		Implementation: p.manifest.Name, Host: p.host, Subject: p.subject, At: exit.At, How: how,
		Stderr: exit.Stderr, Start: p.started, Started: p.running, Joined: p.joined,
	}
	for _, f := range w.receivedBy(p.host) {
		died.Received = append(died.Received, f.Seq)
	}
	if n := len(died.Received) - verdict.LastReceived; n > 0 {
		died.Received = died.Received[n:]
	}
	w.deaths = append(w.deaths, died)
	fail(&w.deaths[len(w.deaths)-1])
}

// bootstraps are the indexed peers of the scenario.
func (w *World) bootstraps() []*peer {
	var all []*peer
	for _, p := range w.peers {
		if p.indexed {
			all = append(all, p)
		}
	}
	return all
}

// find finds a peer by its host; nil if none is there.
func (w *World) find(host string) *peer {
	at := slices.IndexFunc(w.peers, func(p *peer) bool { return p.host == host })
	if at < 0 {
		return nil
	}
	return w.peers[at]
}

// named finds a peer by its host.
func (w *World) named(host string) *peer {
	p := w.find(host)
	if p == nil {
		misused("the scenario has no peer on %q", host)
	}
	return p
}

// idOf is the peerId of a peer, or of an injector.
func (w *World) idOf(host string) wire.ID {
	if p := w.find(host); p != nil {
		return p.id
	}
	return w.injector(host).ID
}

// either finds a peer by how a step names it: the subject, or a host in quotes.
func (w *World) either(name string) *peer {
	if name == "the subject" {
		return w.subject
	}
	return w.named(name[1 : len(name)-1])
}
