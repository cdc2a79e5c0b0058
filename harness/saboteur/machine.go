package saboteur

import (
	"io"
	"net/netip"
	"time"

	"punchlist/harness/lab/sim"
	"punchlist/harness/saboteur/deviate"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
)

// Builtin is the name by which the sim lab starts the saboteur.
const Builtin = "saboteur"

// Builtins are two peers of the patched reference for the sim lab: the saboteur
// that deviate.Become names, and one that does not deviate in place of
// "reference".
func Builtins() []sim.Builtin {
	make := func(saboteur bool) sim.Factory {
		return func(random io.Reader) reference.Machine {
			name := "reference"
			if saboteur {
				name = Builtin // its manifest's, which it has to say in hello
			}
			agent := reference.New(reference.Options{Name: name, Version: reference.Version, Random: random})
			return &machine{agent: agent, saboteur: saboteur}
		}
	}
	return []sim.Builtin{{Name: Builtin, Make: make(true)}, {Name: "reference", Make: make(false)}}
}

// A machine lets its agent deviate, or keeps it from it.
type machine struct {
	agent    *reference.Agent
	saboteur bool
}

func (m *machine) Command(now time.Time, line []byte) {
	deviate.While(m.saboteur, func() { m.agent.Command(now, line) })
}

func (m *machine) Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error) {
	deviate.While(m.saboteur, func() { m.agent.Opened(now, s, local, err) })
}

func (m *machine) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	deviate.While(m.saboteur, func() { m.agent.Receive(now, via, from, datagram) })
}

func (m *machine) Tick(now time.Time) {
	deviate.While(m.saboteur, func() { m.agent.Tick(now) })
}

func (m *machine) Next() (at time.Time, ok bool) {
	deviate.While(m.saboteur, func() { at, ok = m.agent.Next() })
	return at, ok
}

func (m *machine) NetworkChanged(now time.Time, locals []netip.Addr) {
	deviate.While(m.saboteur, func() { m.agent.NetworkChanged(now, locals) })
}

func (m *machine) Poll(o *peer.Output) (ok bool) {
	deviate.While(m.saboteur, func() { ok = m.agent.Poll(o) })
	return ok
}

func (m *machine) Line() (line []byte, ok bool) { return m.agent.Line() }

func (m *machine) Done() bool { return m.agent.Done() }
