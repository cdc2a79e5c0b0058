// A peer, its parts, and how it is made and stopped, for all chapters.

// Package peer is a Latica peer as a state machine without input or output of its own: datagrams,
// the time and the results of its wishes are told to it, and what it wants done is taken from it.
// It never waits, reads no clock, starts nothing.
//
//	for each input (Receive, Opened, NetworkChanged, Tick, Join, Publish, Stream, Query, Answer, Sync, Stop) {
//		for p.Poll(&output) { do it }
//		at, any := p.Next() // call Tick then, unless another input comes first
//	}
//
// Each file implements what it says in its first line, mostly sections of one chapter of the
// specification, whose name it has. Where deployed peers do something dead, inverted or dangerous,
// this one does what is safe and stays compatible, and says so where it does.
//
// # Names
//
// Every input begins with begin, which sets the time, and ends with pollQueues, which sends what
// has its turn. In between, functions are named by what they are for:
//
//   - handleX takes something that has arrived: a datagram of type X, or a part of its meaning. It
//     may change anything, send, and report events.
//   - sendX composes datagrams and sends them; sendTo, sendToPeer and sendAllowed take a packet,
//     transmit and transmitTo a datagram. Nothing else puts something on the wire.
//   - pollX takes from a queue what has its turn, and sends it; it reports whether there was
//     something. addX puts something in.
//   - runX does what is due of a timer, and nextX is when that is; see the table in timers.go.
//   - noteX and markX change what is believed, countX and takeX use up an allowance.
//   - deliverX gives a message to the application.
//   - isX and other questions change nothing.
//
// A datagram whose source has yet to be verified is held (see verification), and handled again once
// it is. The handlers that may hold it are told by held that it was, and do not hold it twice.
package peer

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/nattype"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// Socket names one of the peer's UDP sockets, all bound to the wildcard address.
type Socket uint16

const (
	Main  Socket = 1
	Probe Socket = 2
)

// Peer is the state machine. It is for one goroutine. What belongs to one chapter of the
// specification is in a part of its own.
type Peer struct {
	config  Config
	limits  Limits
	choices Choices
	k       time.Duration // config.Keepalive, or the default
	random  *rand.Rand    // for choices; secrets come from config.Random
	keys    seal.Keyring
	cache   *cache.Cache

	now    time.Time   // of the input being handled; it never goes back
	via    Socket      // of the datagram being handled; 0 while none is
	packet wire.Packet // being handled; kept here so that decoding allocates nothing
	counts Counts
	out    outbound

	life    lifecycle
	natType nattype.Type
	own     netip.AddrPort // as others see the main socket
	known   knownPeers

	verification verification
	discovery    discovery
	traversal    traversal
	membership   membership
	replication  replication
	sync         syncing
	streams      streaming
	queries      querying
	budgets      budgets
}

// New makes a peer, whose first outputs ask to open its two sockets. It takes any configuration,
// see Config.Validate.
func New(now time.Time, c Config) *Peer {
	l, choices := withDefaults(c.Limits, c.Choices)
	p := &Peer{
		config: c, limits: l, choices: choices, k: c.Keepalive, now: now,
		cache:        cache.New(l.CachePackets),
		verification: newVerification(l),
		replication:  newReplication(l),
		sync:         newSyncing(l),
		streams:      newStreaming(l),
		queries:      newQuerying(l),
		budgets:      newBudgets(l),
	}
	if p.k == 0 {
		p.k = DefaultKeepalive
	}
	var seed [32]byte
	p.secret(seed[:])
	p.random = rand.New(rand.NewChaCha8(seed))
	for _, b := range c.Bootstrap {
		if b.ID != c.ID && p.known.byID(b.ID) == nil {
			p.known.add(&remote{id: b.ID, addr: b.Addr, indexed: true})
		}
	}
	if len(c.State) > 0 {
		p.restore(c.State)
		p.config.State = nil
	}
	p.push(Output{Op: Open, Socket: Main, Port: c.MainPort})
	p.push(Output{Op: Open, Socket: Probe, Port: c.ProbePort})
	return p
}

// secret fills b from the configured randomness. A source that fails leaves zeros and is reported
// once per failure: ids that answers echo are then no secret, and nothing can be sealed.
func (p *Peer) secret(b []byte) {
	if p.config.Random == nil {
		return
	}
	if _, err := io.ReadFull(p.config.Random, b); err != nil {
		p.emit(Event{Kind: Error, Text: "no randomness: " + err.Error()})
	}
}

// begin starts an input.
func (p *Peer) begin(now time.Time) {
	if now.After(p.now) {
		p.now = now
	}
	if len(p.out.outputs) == 0 {
		p.out.arena = p.out.arena[:0]
	}
}

// Opened tells that a socket was bound to local, or why it could not be.
func (p *Peer) Opened(now time.Time, s Socket, local netip.AddrPort, err error) {
	p.begin(now)
	if s >= Pool {
		p.handlePoolOpened(s, err)
		return
	}
	if p.life.closing || s != Main && s != Probe {
		return
	}
	if err != nil {
		p.emit(Event{Kind: Error, Text: fmt.Sprintf("socket %d can't be opened: %v", s, err)})
		return
	}
	p.life.open[s], p.life.local[s] = true, local
	if p.life.ready || !p.life.open[Main] || !p.life.open[Probe] {
		return
	}
	p.life.ready = true
	p.emit(Event{Kind: Ready, PeerID: p.config.ID, Addr: p.life.local[Main], ProbeAddr: p.life.local[Probe]})
	if p.config.Indexed {
		p.beIndexed()
	}
	p.membership.tickAt = p.now
	p.keepaliveTick()
	p.pollQueues()
}

// NetworkChanged tells that the host's addresses or its route changed: what was discovered may no
// longer hold.
func (p *Peer) NetworkChanged(now time.Time, locals []netip.Addr) {
	p.begin(now)
	if p.life.closing || !p.life.ready {
		return
	}
	p.rediscover()
	p.pollQueues()
}

// Join makes the peer a member of a subcluster: from now on it announces itself for it and opens
// its messages, those in the cache too.
func (p *Peer) Join(now time.Time, k seal.Keys) {
	p.begin(now)
	if p.life.closing {
		return
	}
	if _, held := p.keys.Find(k.SubclusterID[:]); !held {
		if len(p.keys.All()) >= p.limits.Subclusters {
			p.emit(Event{Kind: Error, Text: fmt.Sprintf("not joined: %d subclusters are the limit", p.limits.Subclusters)})
			return
		}
		p.keys.Add(k)
		p.addTask(task{kind: openCached, id: k.SubclusterID})
	}
	p.addTask(task{kind: ownJoin, id: k.SubclusterID})
	p.pollQueues()
}

// Errors of Publish, Stream and Sync.
var (
	ErrClosed    = errors.New("peer: it is stopped")
	ErrNotJoined = errors.New("peer: the subcluster is not joined, so nothing can be sealed for it")
	ErrTooLong   = errors.New("peer: the message is too long")
	ErrUnknown   = errors.New("peer: no such peer is connected")
	ErrBusy      = errors.New("peer: too much waits to be sent")
)

// Stop closes the sockets; after it the peer does nothing.
func (p *Peer) Stop(now time.Time) {
	p.begin(now)
	if p.life.closing {
		return
	}
	p.life.closing = true
	for s := Main; s <= Probe; s++ {
		p.push(Output{Op: Close, Socket: s})
	}
	for i := range p.traversal.pool.sockets {
		p.dropSocket(Pool + Socket(i))
	}
}

// Info is what a peer knows of itself.
type Info struct {
	ID      wire.ID
	NATType nattype.Type   // Unknown before discovery
	Addr    netip.AddrPort // as others see it; zero where unknown
}

// Info of the peer.
func (p *Peer) Info() Info { return Info{ID: p.config.ID, NATType: p.natType, Addr: p.own} }

// PeerInfo is what the peer believes of another one.
type PeerInfo struct {
	ID        wire.ID
	Addr      netip.AddrPort
	NATType   nattype.Type // Unknown where it has announced none
	Connected bool         // something was received from it, at a verified or plausible address or through its proxy
	Indexed   bool
	Proxy     wire.ID // that it is reached by; zero: directly

	// Subclusters are those for which joins of its own have come lately. Members and only they are
	// counted: a relay is none for what it passes on.
	Subclusters []wire.ID
}

// Peers are the known peers: the bootstrap peers, then the others in the order they were met.
func (p *Peer) Peers() []PeerInfo {
	infos := make([]PeerInfo, p.known.len())
	for i, r := range p.known.all() {
		infos[i] = PeerInfo{ID: r.id, Addr: r.addr, NATType: r.natType, Connected: r.connected, Indexed: r.indexed, Subclusters: p.subclusters(r)}
		if r.proxy != nil {
			infos[i].Proxy = r.proxy.id
		}
	}
	return infos
}

// Cache is the peer's cache, for reading.
func (p *Peer) Cache() *cache.Cache { return p.cache }
