// Package peer is a Latica peer as a state machine without input or output of
// its own: datagrams, the time and the answers to its wishes are told to it, and
// what it wants done is taken from it. It never waits, reads no clock, starts
// nothing.
//
//	for each input (Receive, Opened, NetworkChanged, Tick, Join, Publish, Stream, Query, Answer, Sync, Stop) {
//		for p.Poll(&output) { do it }
//		at, any := p.Next() // call Tick then, unless another input comes first
//	}
//
// Each file is about one chapter of the specification. Where deployed peers do
// something dead, inverted or dangerous, this one does what is safe and stays
// compatible, and says so where it does.
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

// Peer is the state machine. It is for one goroutine.
type Peer struct {
	config Config
	limits Limits
	k      time.Duration
	random *rand.Rand // for choices; secrets come from config.Random

	now     time.Time // of the input being handled; it never goes back
	closing bool
	asleep  bool    // see Sleep
	open    [3]bool // by Socket
	local   [3]netip.AddrPort
	ready   bool
	via     Socket // of the datagram being handled
	pool    pool

	natType   nattype.Type
	own       netip.AddrPort // as others see the main socket
	discovery discovery
	heard     time.Time // when something last came from a known peer
	tickAt    time.Time // zero: not yet running
	extraAt   time.Time // zero: none
	ticks     int64
	clock     uint32 // of own joins

	restoredAt time.Time // from a state; zero: not

	keys    seal.Keyring
	remotes []*remote
	cache   *cache.Cache

	gates     table[wire.ID, time.Time] // until when an id is not handled again
	delivered table[wire.ID, struct{}]  // heads and whole packets
	composed  table[wire.ID, int]       // heads by how often what was composed did not open
	rates     table[netip.AddrPort, rate]
	verification

	bursts     []burst
	targets    table[netip.Addr, allowance]
	introduced allowance // to all targets
	traversals allowance // bursts between types 5 and 7

	tasks       queue[task]
	unpublished []wire.ID
	forgotten   table[wire.ID, struct{}] // what was in the cache and is not taken in again
	expired     queue[cache.Entry]       // to be multicast a last time
	lastCasts   allowance                // of them
	outboxes    []*outbox
	nextOutbox  int
	recent      table[wire.ID, sending]     // what was sent to whom by sync
	loads       table[netip.AddrPort, load] // publishes and joins sent to whom
	repairs     allowance                   // syncs that pongs start
	passedOn    allowance                   // what syncs brought and is multicast
	syncStats   SyncStats
	counts      Counts
	paceAt      time.Time
	streaming
	querying
	splitAt int64 // that the last head names, ms

	outputs []Output
	polled  int
	arena   []byte
	packet  wire.Packet // being handled; kept here so that decoding allocates nothing
	targetsBuffer
}

// New makes a peer, whose first outputs ask to open its two sockets. It takes
// any configuration, see Config.Validate.
func New(now time.Time, c Config) *Peer {
	l := c.Limits.withDefaults()
	p := &Peer{
		config: c, limits: l, k: c.Keepalive, now: now,
		cache:        cache.New(l.CachePackets),
		gates:        newTable[wire.ID, time.Time](l.Gates),
		delivered:    newTable[wire.ID, struct{}](l.Delivered),
		composed:     newTable[wire.ID, int](l.Delivered),
		rates:        newTable[netip.AddrPort, rate](l.Rates),
		verification: newVerification(l),
		targets:      newTable[netip.Addr, allowance](l.Targets),
		recent:       newTable[wire.ID, sending](l.Gates),
		forgotten:    newTable[wire.ID, struct{}](l.Forgotten),
		streaming:    newStreaming(l),
		querying:     newQuerying(l),
		loads:        newTable[netip.AddrPort, load](l.Verified),
	}
	if p.k == 0 {
		p.k = DefaultKeepalive
	}
	var seed [32]byte
	p.secret(seed[:])
	p.random = rand.New(rand.NewChaCha8(seed))
	for _, b := range c.Bootstrap {
		if b.ID != c.ID && p.remoteByID(b.ID) == nil {
			p.remotes = append(p.remotes, &remote{id: b.ID, addr: b.Addr, indexed: true})
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

// secret fills b from the configured randomness. A source that fails leaves
// zeros and is reported once per failure: ids that answers echo are then no
// secret, and nothing can be sealed.
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
	if len(p.outputs) == 0 {
		p.arena = p.arena[:0]
	}
}

// Opened tells that a socket was bound to local, or why it could not be.
func (p *Peer) Opened(now time.Time, s Socket, local netip.AddrPort, err error) {
	p.begin(now)
	if s >= Pool {
		p.poolOpened(s, err)
		return
	}
	if p.closing || s != Main && s != Probe {
		return
	}
	if err != nil {
		p.emit(Event{Kind: Error, Text: fmt.Sprintf("socket %d can't be opened: %v", s, err)})
		return
	}
	p.open[s], p.local[s] = true, local
	if p.ready || !p.open[Main] || !p.open[Probe] {
		return
	}
	p.ready = true
	p.emit(Event{Kind: Ready, PeerID: p.config.ID, Addr: p.local[Main], ProbeAddr: p.local[Probe]})
	if p.config.Indexed {
		p.beIndexed()
	}
	p.tickAt = p.now
	p.keepaliveTick()
	p.pace()
}

// NetworkChanged tells that the host's addresses or its route changed: what was
// discovered may no longer hold.
func (p *Peer) NetworkChanged(now time.Time, locals []netip.Addr) {
	p.begin(now)
	if p.closing || !p.ready {
		return
	}
	p.rediscover()
	p.pace()
}

// Tick does what is due. Next says when to call it.
func (p *Peer) Tick(now time.Time) {
	p.begin(now)
	if p.closing || p.asleep {
		return
	}
	p.runDiscovery()
	p.runVerification()
	p.runBursts()
	p.runPool()
	p.runContests()
	p.runSyncs()
	if due(p.extraAt, p.now) {
		p.extraAt = time.Time{}
		p.extraTick()
	}
	if due(p.tickAt, p.now) {
		p.keepaliveTick()
	}
	p.pace()
}

// Next is when Tick has something to do; false when it has nothing.
func (p *Peer) Next() (time.Time, bool) {
	if p.closing || p.asleep {
		return time.Time{}, false
	}
	var next time.Time
	for _, at := range [...]time.Time{
		p.discovery.next(), p.verificationDue, p.nextBurst(), p.pool.reclaimAt, p.nextContest(), p.nextQuiet(), p.extraAt, p.tickAt, p.nextPace(),
	} {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}

// due tells whether a time is set and has come.
func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// Receive handles a datagram, of which nothing is kept that is not copied. No
// datagram is an error (LAT-FRAME-014).
func (p *Peer) Receive(now time.Time, via Socket, from netip.AddrPort, datagram []byte) {
	p.begin(now)
	if p.closing || p.asleep || !p.ready || !from.IsValid() || from.Port() == 0 {
		return
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if via >= Pool {
		if !p.belongsTo(via, from) {
			return
		}
		p.contacted(via, from)
	}
	p.received(from, len(datagram))
	p.handle(via, from, datagram, false)
	p.pace()
}

// handle is Receive, and again for a datagram that was held back.
func (p *Peer) handle(via Socket, from netip.AddrPort, datagram []byte, held bool) {
	pk := &p.packet
	before := p.via
	p.via = via
	defer func() { p.via = before }()
	if wire.IsOpener(datagram) { // LAT-FRAME-016
		p.counts.Openers++
		return
	}
	if fault := wire.Decode(pk, datagram); !fault.OK() { // LAT-FRAME-001 to 004, 011 to 013
		p.counts.Malformed++
		return
	}
	if pk.Version != wire.Version { // LAT-FRAME-005
		p.counts.OtherVersion++
		return
	}
	if !held {
		p.counts.Packets[pk.Type]++
	}
	if via == Probe {
		// Only answers to the probe socket's own pings matter here; a ping to it is
		// not answered, since nobody was told of this port.
		if pk.Type == wire.Pong {
			p.probePong(pk, from)
		}
		return
	}
	// At another socket than the one that reaches it, it is no sign that this one
	// still does.
	if r := p.remoteAt(from); r != nil && via == p.socketTo(from) {
		r.lastUpdate = p.now
		p.hear()
		r.contested = netip.AddrPort{}
	}
	// Pk is the same memory for a datagram that is handled meanwhile because it
	// was held back, so that nothing may look at it behind the switch.
	typed := p.natType != nattype.Unknown // before discovery most can't be obeyed
	switch pk.Type {
	case wire.Ping:
		p.ping(pk, from, datagram, held)
	case wire.Pong:
		p.pong(pk, from, datagram, held)
	case wire.Publish:
		if p.withinRate(from) {
			p.publish(pk, from, datagram)
		}
	case wire.Intro:
		if typed {
			p.intro(pk, from, datagram, held)
		}
	case wire.Join:
		if typed && (held || p.withinRate(from)) {
			p.join(pk, from, datagram, held)
		}
	case wire.Sync:
		if typed {
			p.sync(pk, from, datagram)
		}
	case wire.Stream:
		p.stream(pk, from, datagram, held)
	case wire.Query:
		p.query(pk, from, datagram, held)
	}
}

// Join makes the peer a member of a subcluster: from now on it announces itself
// for it and opens its messages, those in the cache too.
func (p *Peer) Join(now time.Time, k seal.Keys) {
	p.begin(now)
	if p.closing {
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
	p.pace()
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
	if p.closing {
		return
	}
	p.closing = true
	for s := Main; s <= Probe; s++ {
		p.push(Output{Op: Close, Socket: s})
	}
	for i := range p.pool.sockets {
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

	// Subclusters are those for which joins of its own have come lately. Members
	// and only they are counted: a relay is none for what it passes on.
	Subclusters []wire.ID
}

// Peers are the known peers: the bootstrap peers, then the others in the order
// they were met.
func (p *Peer) Peers() []PeerInfo {
	infos := make([]PeerInfo, len(p.remotes))
	for i, r := range p.remotes {
		infos[i] = PeerInfo{ID: r.id, Addr: r.addr, NATType: r.natType, Connected: r.connected, Indexed: r.indexed, Subclusters: p.subclusters(r)}
		if r.proxy != nil {
			infos[i].Proxy = r.proxy.id
		}
	}
	return infos
}

// Cache is the peer's cache, for reading.
func (p *Peer) Cache() *cache.Cache { return p.cache }
