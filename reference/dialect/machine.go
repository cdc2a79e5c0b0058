package dialect

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/testee"
	"punchlist/reference/wire"
	contract "punchlist/spec/testee"
)

// A machine delays what comes to an agent and what it sends. What comes to one socket is handled in
// its order, and what leaves one socket is sent in its order. Everything else overtakes.
type machine struct {
	agent   *testee.Agent
	self    wire.ID
	dialect Dialect
	random  interface{ Int64N(int64) int64 }

	now     time.Time
	waiting waiting            // inputs and outputs
	count   int                // of all that has waited
	last    map[line]time.Time // when the last that waits there has its turn
	ready   []peer.Output      // that have their turn
	output  peer.Output
}

// A line is what waits at one socket, in one direction.
type line struct {
	socket peer.Socket
	out    bool
}

// A wait is a datagram that waits for its turn.
type wait struct {
	at     time.Time
	order  int
	sent   bool // by the agent; else for it
	socket peer.Socket
	peer   netip.AddrPort
	data   []byte
}

// delay has a datagram wait, behind what waits in the same line.
func (m *machine) delay(w wait, in line) {
	w.at = m.now
	if m.dialect.Delay > 0 {
		w.at = m.now.Add(time.Duration(m.random.Int64N(int64(m.dialect.Delay) + 1)))
	}
	if last := m.last[in]; w.at.Before(last) {
		w.at = last
	}
	m.last[in] = w.at
	w.order = m.count
	m.count++
	heap.Push(&m.waiting, w)
}

// Receive has a datagram wait until the agent gets to it.
func (m *machine) Receive(now time.Time, via peer.Socket, from netip.AddrPort, datagram []byte) {
	m.now = now
	m.delay(wait{socket: via, peer: from, data: bytes.Clone(datagram)}, line{via, false})
	m.turns()
}

func (m *machine) Command(now time.Time, line []byte) {
	m.now = now
	var start contract.Command
	var with contract.StartWith
	if json.Unmarshal(line, &start) == nil && start.Do == contract.Start && json.Unmarshal(start.With, &with) == nil {
		m.self, _ = wire.ParseID(with.PeerID)
	}
	m.agent.Command(now, line)
	m.drain()
	m.turns()
}

func (m *machine) Opened(now time.Time, s peer.Socket, local netip.AddrPort, err error) {
	m.now = now
	m.agent.Opened(now, s, local, err)
	m.drain()
	m.turns()
}

func (m *machine) NetworkChanged(now time.Time, locals []netip.Addr) {
	m.now = now
	m.agent.NetworkChanged(now, locals)
	m.drain()
	m.turns()
}

func (m *machine) Tick(now time.Time) {
	m.now = now
	m.turns()
	if at, ok := m.agent.Next(); ok && !at.After(now) {
		m.agent.Tick(now)
		m.drain()
		m.turns()
	}
}

func (m *machine) Next() (time.Time, bool) {
	at, ok := m.agent.Next()
	if len(m.waiting) > 0 && (!ok || m.waiting[0].at.Before(at)) {
		return m.waiting[0].at, true
	}
	return at, ok
}

// turns has everything done whose turn has come.
func (m *machine) turns() {
	for len(m.waiting) > 0 && !m.waiting[0].at.After(m.now) {
		w := heap.Pop(&m.waiting).(wait)
		if w.sent {
			m.ready = append(m.ready, w.output())
			continue
		}
		m.agent.Receive(m.now, w.socket, w.peer, w.data)
		m.drain()
	}
}

func (w wait) output() peer.Output {
	return peer.Output{Op: peer.Send, Socket: w.socket, To: w.peer, Data: w.data}
}

// drain takes what the agent wants. What it sends waits; before a socket is closed what waits
// there goes.
func (m *machine) drain() {
	for m.agent.Poll(&m.output) {
		o := m.output
		switch o.Op {
		case peer.Send:
			data := bytes.Clone(o.Data)
			if m.dialect.Keys {
				data = reorder(data, m.self, m.dialect.Seed)
			}
			m.delay(wait{sent: true, socket: o.Socket, peer: o.To, data: data}, line{o.Socket, true})
		case peer.Close:
			m.flush(o.Socket)
			m.ready = append(m.ready, o)
		default:
			m.ready = append(m.ready, o)
		}
	}
}

// flush sends what waits at a socket.
func (m *machine) flush(s peer.Socket) {
	var going []wait
	m.waiting = slices.DeleteFunc(m.waiting, func(w wait) bool {
		goes := w.sent && w.socket == s
		if goes {
			going = append(going, w)
		}
		return goes
	})
	heap.Init(&m.waiting)
	slices.SortFunc(going, func(a, b wait) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order, b.order)) })
	for _, w := range going {
		m.ready = append(m.ready, w.output())
	}
}

func (m *machine) Poll(o *peer.Output) bool {
	if len(m.ready) == 0 {
		return false
	}
	*o = m.ready[0]
	m.ready = m.ready[1:]
	return true
}

func (m *machine) Line() ([]byte, bool) { return m.agent.Line() }

func (m *machine) Done() bool { return m.agent.Done() }

// waiting is a heap: the first turn first, and of one moment what has waited longest.
type waiting []wait

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	return cmp.Or(w[i].at.Compare(w[j].at), cmp.Compare(w[i].order, w[j].order)) < 0
}

func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }

// Push and Pop are for package heap.
func (w *waiting) Push(x any) { *w = append(*w, x.(wait)) }

func (w *waiting) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	*w = (*w)[:last]
	return x
}
