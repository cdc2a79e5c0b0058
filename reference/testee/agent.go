// Package testee puts the reference peer under test: an Agent reads the
// commands of the testee protocol (spec/testee.md), and writes replies and
// events. Like the peer it does no input or output itself.
package testee

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
	"punchlist/spec"
	contract "punchlist/spec/testee"
)

// Version is that of the reference peer, as hello tells it.
const Version = spec.Version

// A Machine is a testee without input and output: an Agent, or a wrapper around
// one. Beside what every machine does it takes commands and writes lines.
type Machine interface {
	eventloop.Machine
	// Command carries out one line, which is borrowed.
	Command(now time.Time, line []byte)
	// Line takes the next line for the harness, without its newline; false when
	// there is none. Lines are taken when Poll has no more outputs. A line is valid
	// until the next input.
	Line() ([]byte, bool)
	// Done reports whether the testee has ended: it asks for nothing more.
	Done() bool
}

// Options of an Agent.
type Options struct {
	Name    string // for hello
	Version string
	Random  io.Reader // for seal, and where start gives no seed

	// What the peer is made with, beside what start gives.
	Limits  peer.Limits
	Choices peer.Choices
	Omits   peer.Recommended
}

// An Agent is a testee around a reference peer. It is for one goroutine. All
// outputs are polled after each input and before the next.
type Agent struct {
	options Options
	peer    *peer.Peer // nil before start
	done    bool
	lines   [][]byte
	taken   int
}

// config is what every peer of the agent is made with: what it does, and what hello says of it.
func (o Options) config() peer.Config {
	return peer.Config{Random: o.Random, Limits: o.Limits, Choices: o.Choices, Omits: o.Omits}
}

// New makes an agent that waits for its first command.
func New(o Options) *Agent { return &Agent{options: o} }

// Done reports whether stop was carried out: the remaining outputs and lines are the last.
func (a *Agent) Done() bool { return a.done }

// Opened passes on what became of a socket.
func (a *Agent) Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error) {
	if a.peer != nil {
		a.peer.Opened(now, s, local, err)
	}
}

// Receive passes a datagram on, which is borrowed.
func (a *Agent) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	if a.peer != nil {
		a.peer.Receive(now, via, from, datagram)
	}
}

// NetworkChanged passes on that the host has other addresses.
func (a *Agent) NetworkChanged(now time.Time, locals []netip.Addr) {
	if a.peer != nil {
		a.peer.NetworkChanged(now, locals)
	}
}

// Tick does what is due.
func (a *Agent) Tick(now time.Time) {
	if a.peer != nil {
		a.peer.Tick(now)
	}
}

// Next is when Tick has something to do; false when it has nothing.
func (a *Agent) Next() (time.Time, bool) {
	if a.peer == nil || a.done {
		return time.Time{}, false
	}
	return a.peer.Next()
}

// Poll takes the next output, which is never an event; false when there is none.
func (a *Agent) Poll(o *peer.Output) bool {
	for a.peer != nil && a.peer.Poll(o) {
		if o.Op != peer.Emit {
			return true
		}
		a.event(o.Event)
	}
	return false
}

// Line takes the next line: what the peer wants comes before the reply to the
// command that made the peer want it.
func (a *Agent) Line() ([]byte, bool) {
	if a.taken == len(a.lines) {
		a.lines, a.taken = a.lines[:0], 0
		return nil, false
	}
	line := a.lines[a.taken]
	a.taken++
	return line, true
}

// write queues a line. One that the protocol has no room for becomes the
// reply or event that says so.
func (a *Agent) write(v any) bool {
	// A decoded body goes out as it is: an encoder's escapes would make it
	// another text, with another packetId.
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil || line.Len() > contract.MaxLine {
		return false
	}
	a.lines = append(a.lines, bytes.TrimSuffix(line.Bytes(), []byte("\n")))
	return true
}

func (a *Agent) event(e peer.Event) {
	var v any
	switch e.Kind {
	case peer.Ready:
		v = struct {
			Event string `json:"event"`
			contract.ReadyEvent
		}{contract.Ready, contract.ReadyEvent{PeerID: e.PeerID.String(), Port: e.Addr.Port(), ProbePort: e.ProbeAddr.Port()}}
	case peer.NAT:
		v = struct {
			Event string `json:"event"`
			contract.NATEvent
		}{contract.NAT, contract.NATEvent{NATType: int(e.NATType), Address: address(e.Addr.Addr()), Port: e.Addr.Port()}}
	case peer.Connection, peer.Disconnection:
		name := contract.Connection
		if e.Kind == peer.Disconnection {
			name = contract.Disconnection
		}
		v = struct {
			Event string `json:"event"`
			contract.ConnectionEvent
		}{name, contract.ConnectionEvent{
			PeerID: e.PeerID.String(), Address: address(e.Addr.Addr()), Port: e.Addr.Port(), NATType: int(e.NATType), Proxy: proxy(e.Proxy)}}
	case peer.Packet:
		body := contract.PacketEventBody{
			PacketID: e.PacketID.String(), ClusterID: e.ClusterID.String(), SubclusterID: e.SubclusterID.String(),
			EventID: hex.EncodeToString(e.EventID), Verified: e.Verified, Hops: e.Hops,
		}
		if e.Opened {
			text := hex.EncodeToString(e.Message)
			body.Message = &text
		}
		v = struct {
			Event string `json:"event"`
			contract.PacketEventBody
		}{contract.PacketEvent, body}
	case peer.Stream:
		text := hex.EncodeToString(e.Message)
		v = struct {
			Event string `json:"event"`
			contract.StreamEventBody
		}{contract.StreamEvent, contract.StreamEventBody{
			PeerID: e.PeerID.String(), SubclusterID: e.SubclusterID.String(), EventID: hex.EncodeToString(e.EventID), Message: &text, Verified: e.Verified}}
	case peer.Answer:
		body := contract.AnswerEventBody{PacketID: e.PacketID.String()}
		if json.Valid(e.Message) {
			body.Body = e.Message
		} else {
			body.Message = hex.EncodeToString(e.Message)
		}
		v = struct {
			Event string `json:"event"`
			contract.AnswerEventBody
		}{contract.Answer, body}
	case peer.Question:
		return // testees answer from their cache alone
	case peer.Error:
		v = errorEvent(e.Text)
	}
	if !a.write(v) {
		a.write(errorEvent("an event " + e.Kind.String() + " is longer than a line may be"))
	}
}

func errorEvent(text string) any {
	return struct {
		Event string `json:"event"`
		contract.ErrorEventBody
	}{contract.ErrorEvent, contract.ErrorEventBody{Text: text}}
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// asID reads 32 bytes of hex.
func asID(text, what string) (wire.ID, *contract.Error) {
	id, err := wire.ParseID(text)
	if err != nil {
		return id, bad("%s: %v", what, err)
	}
	return id, nil
}

// proxy is the id of a peer's proxy, "" where it has none.
func proxy(id wire.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
