package oracle

import (
	"encoding/json"
	"net/netip"
	"time"

	"punchlist/harness/trace"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// A judge is what the observer knows of the subject so far, and what the rules remember.
type judge struct {
	seen  map[string]*Seen
	react time.Duration // R: an input takes effect within it

	host string
	now  time.Time
	life int

	self      wire.ID
	k         time.Duration
	cluster   []byte
	indexed   bool
	main      uint16 // port of the main socket on the host; 0: not known
	probe     uint16
	restored  bool      // it was given a state
	started   time.Time // zero: it was not
	running   bool      // it said that it is ready, and was not stopped
	asleep    bool
	suspended bool
	resumed   time.Time   // when its host last was; what it was told meanwhile is handled then, in any order
	frozen    []*datagram // that arrived meanwhile
	steady    time.Time   // since when it runs, awake and not suspended
	slept     time.Time   // when it was last told to sleep
	dreamt    []dream     // published since then
	skewed    bool        // its clock is another than the lab's

	constants   Constants
	recommended []string // that it says that it follows

	// For how long after the last datagram of a peer that peer certainly is sent to, is not looked
	// for elsewhere, and keeps this one from thinking that it is alone; and for how long an address
	// certainly stays verified, which a silent peer can lose.
	freshFor, proofFor time.Duration

	types     []announced // its NAT type, as it said it in events, oldest first
	joined    map[wire.ID]*membership
	joining   map[wire.ID]bool // it was told to, and may not have replied yet
	bootstrap map[netip.AddrPort]wire.ID

	bootstrapOrder []netip.AddrPort // as they were configured

	addresses map[netip.AddrPort]*address
	ips       map[netip.Addr]*ipAddress

	pings     []*heardPing
	joins     map[wire.ID]*heardJoin
	joinOrder []*heardJoin
	answers   map[answerKey]time.Time // at a rendezvous, when they were last sent
	met       map[wire.ID]bool        // peers that were introduced or reported as connected
	packets   map[wire.ID]*heldPacket
	streams   map[streamKey]*heardStream
	queries   map[wire.ID]*heardQuery
	syncs     map[netip.AddrPort][]*heardSync
	syncsFrom []netip.AddrPort // in order of their first

	casts       map[castKey]*cast
	echoes      map[wire.EchoID]netip.Addr // pingIds that it sent, and where to
	reflected   map[wire.EchoID]bool       // reflectionIds that it sent
	reflections []reflection
	named       map[wire.ID]bool         // peers of which something came in
	natTypes    map[wire.ID]map[int]bool // that peers announced
	linked      map[wire.ID]*link
	linkOrder   []*link
	leaving     map[wire.ID]*link // reported as ended, and not judged yet
	own         ownJoins
	model       model
	discovery   discovery
	tries       map[netip.AddrPort][]*try // by address that was introduced
	guessed     time.Time                 // when an introduction last led to a traversal, or may have
	pool        map[uint16]time.Time      // ports of other sockets than main and probe, by their last use

	commands  map[int]*command
	asks      int // queries that it was told to make
	questions map[wire.ID]bool
	streamsTo map[wire.ID]int

	debts        []debt
	intros       int // introductions that came
	introAbout   map[wire.ID]time.Time
	introTo      map[netip.AddrPort]time.Time
	awaited      []*heldPacket // publishes that it has to pass on
	expected     []*expected   // messages that it has to deliver
	expectedKeys map[any]bool
	split        map[streamKey]*splitMessage
	splitBefore  map[streamKey]bool    // of which something came, and does not wait any more
	hashed       map[wire.ID]bool      // pings and pongs with a cacheSummaryHash
	lastCasts    map[wire.ID]time.Time // of packets whose time has passed
	said         map[wire.ID]bool      // publishes that were told to the application
	streamed     map[wire.ID]int
	answered     map[wire.ID]int
}

// announced is a NAT type and own address, from a time on.
type announced struct {
	at      time.Time
	natType int
	addr    netip.AddrPort
}

// A reflection is an answer that names an address of the peer.
type reflection struct {
	at    time.Time
	from  netip.AddrPort
	named netip.AddrPort
}

// An address is what the observer knows of one.
type address struct {
	first, last      time.Time       // when something came from it; zero: nothing did
	introduced       time.Time       // when an introduction last named it
	introducedFor    map[string]bool // the subclusters of these introductions
	rendezvous       time.Time       // when a join last named it as one
	claimed          int             // frame of a join that claims it for its requester; -1: none
	names            map[wire.ID]int // peers that datagrams from it named as their sender
	echoed           []time.Time     // when something from it echoed what was sent to it
	asked            map[wire.EchoID]question
	echoedBy         map[wire.ID]time.Time // when it last echoed, by the peer that it named
	spent            map[wire.EchoID]bool  // pingIds that it has echoed
	replayed         time.Time             // when it last echoed one of them again
	proved           map[wire.ID]time.Time // ... what certainly verifies it
	connectionPing   time.Time             // when it was last sent one
	root             time.Time             // when it was last sent a root summary
	ports            map[uint16]bool       // of the own sockets to which something came from it
	pinged           time.Time             // when it was last sent a ping
	synced           time.Time             // when it was last sent a sync packet, or one came from it
	heldIntros       []heldIntro
	cached           recent               // when it was sent cached packets
	summaries        map[string]time.Time // sent to it, by prefix
	minute           time.Time            // of the publishes that are counted
	inMinute, before int
}

// A question is an id that was sent to an address, for it to echo.
type question struct {
	at     time.Time // when it was first sent
	proves bool      // its echo verifies the address; one of NAT discovery does not (section 4.4)
}

// An ipAddress is what the observer knows of an IP address.
type ipAddress struct {
	in, out             int       // bytes of payload
	introduced          time.Time // when an introduction last named it
	trusted             time.Time // ... of a source that may be verified
	fresh               time.Time // ... that may not be too old
	heard               time.Time
	proved              time.Time // when one of its addresses last was certainly verified
	echoed              []time.Time
	traversal, rationed []time.Time
	rationSince         time.Time // when the interval of the ration began, if it is counted by intervals
	ration              int       // in it
	unproven            int       // bytes sent to it while it was not verified
	rendezvous          bool
	answersSince        time.Time // when the interval of these answers at a rendezvous began
	answers             int
	openers             *openers             // of the last burst; nil: there was none
	pool                map[uint16]time.Time // ports of the pool that pinged it
}

func newJudge(host string, react time.Duration) *judge {
	j := &judge{
		host: host, react: react, life: -1, seen: map[string]*Seen{},
	}
	for _, r := range rules {
		j.seen[r.ID] = &Seen{Rule: r}
	}
	j.forget()
	j.packets, j.lastCasts = map[wire.ID]*heldPacket{}, map[wire.ID]time.Time{}
	j.said = map[wire.ID]bool{}
	return j
}

// forget begins a life: what a peer knew of others and was asked by them is gone. What was
// published stays, since a state may hold it.
func (j *judge) forget() {
	j.types, j.joined, j.joining, j.bootstrap = nil, map[wire.ID]*membership{}, map[wire.ID]bool{}, map[netip.AddrPort]wire.ID{}
	j.bootstrapOrder = nil
	j.addresses, j.ips = map[netip.AddrPort]*address{}, map[netip.Addr]*ipAddress{}
	j.joinOrder, j.answers, j.met = nil, map[answerKey]time.Time{}, map[wire.ID]bool{}
	j.pings, j.joins = nil, map[wire.ID]*heardJoin{}
	j.streams, j.queries = map[streamKey]*heardStream{}, map[wire.ID]*heardQuery{}
	j.casts, j.named, j.linked = map[castKey]*cast{}, map[wire.ID]bool{}, map[wire.ID]*link{}
	j.own, j.asks, j.questions, j.streamsTo = ownJoins{}, 0, map[wire.ID]bool{}, map[wire.ID]int{}
	j.linkOrder, j.commands, j.awaited = nil, map[int]*command{}, nil
	j.streamed, j.answered = map[wire.ID]int{}, map[wire.ID]int{}
	j.discovery = discovery{contacted: map[netip.Addr]bool{}, heartbeat: map[netip.AddrPort]wire.EchoID{}}
	j.tries, j.guessed = map[netip.AddrPort][]*try{}, time.Time{}
	j.model, j.syncs, j.syncsFrom = newModel(), map[netip.AddrPort][]*heardSync{}, nil
	j.expected, j.expectedKeys, j.pool = nil, map[any]bool{}, map[uint16]time.Time{}
	j.split, j.splitBefore, j.hashed = map[streamKey]*splitMessage{}, map[streamKey]bool{}, map[wire.ID]bool{}
	j.echoes = map[wire.EchoID]netip.Addr{}
	j.reflected, j.reflections = map[wire.EchoID]bool{}, nil
	j.debts, j.intros, j.introAbout, j.introTo = nil, 0, map[wire.ID]time.Time{}, map[netip.AddrPort]time.Time{}
	j.leaving = map[wire.ID]*link{}
	j.natTypes = map[wire.ID]map[int]bool{}
	j.running, j.asleep, j.started = false, false, time.Time{}
}

func (j *judge) observe(o observation) {
	j.now = o.at
	switch {
	case o.change != nil:
		j.changed(o.change)
	case o.command != nil:
		if o.life != j.life {
			j.life = o.life
			j.forget()
		}
		j.commanded(o.command)
	case o.message != nil && o.life == j.life:
		if o.late {
			j.told(o.message)
		} else {
			j.learn(o.message)
		}
	case o.ended && o.life == j.life:
		j.running = false
		j.excuse()
	case o.frame != nil && o.sent:
		j.overdue()
		j.sent(newDatagram(o.frame))
	case o.frame != nil:
		j.overdue()
		j.received(newDatagram(o.frame))
	}
}

// end judges what was still owed.
func (j *judge) end() { j.overdue() }

// active reports whether the peer handles what comes, and has for long enough that no input of
// before matters.
func (j *judge) active() bool {
	return j.running && !j.asleep && !j.suspended
}

// changed follows what is done to the peer's own host. NATs that forget and links that lose
// change nothing of what it owes.
func (j *judge) changed(c *change) {
	switch {
	case c.Node != j.host:
		return
	case c.Suspend:
		j.suspended, j.frozen = true, nil
		j.excuse()
	case c.Resume:
		j.suspended, j.resumed = false, j.now
		if j.asleep {
			j.slept = j.now // it was told while it was suspended
		}
		for _, d := range j.frozen {
			d.handled = j.now // what arrived has waited
		}
		j.steady = j.now
	}
	j.discovery.rerun = j.now // or it may, once it notices
}

func (j *judge) commanded(c *command) {
	switch c.Do {
	case testee.Start:
		var with testee.StartWith
		if json.Unmarshal(c.With, &with) != nil {
			return
		}
		j.begin(with)
	case testee.Stop:
		j.running = false
		j.excuse()
	case testee.Sleep:
		j.asleep, j.slept = true, j.now
		j.excuse()
	case testee.Wake:
		j.asleep = false
		j.steady, j.discovery.rerun = j.now, j.now
		j.woken()
		j.dreamtOwed()
	case testee.Join, testee.Leave, testee.Publish, testee.Stream, testee.Query, testee.Sync, testee.Cache, testee.Hello:
		j.askedFor(c)
	}
}

func (j *judge) begin(with testee.StartWith) {
	j.started, j.steady = j.now, j.now
	j.self, _ = wire.ParseID(with.PeerID)
	j.k = time.Duration(with.Keepalive) * time.Millisecond
	if j.k == 0 {
		j.k = 30 * time.Second
	}
	j.constants.K = j.k
	j.trustTimes()
	j.permitted()
	j.cluster = unhex(with.ClusterID)
	j.skewed = with.Clock != nil
	j.model.unsure = with.State != ""
	if with.State == "" {
		j.said = map[wire.ID]bool{}
	}
	j.indexed, j.main, j.probe, j.restored = with.Indexed, with.Port, with.ProbePort, with.State != ""
	for _, b := range with.Bootstrap {
		ip, err := netip.ParseAddr(b.Address)
		id, err2 := wire.ParseID(b.PeerID)
		if err == nil && err2 == nil && id != j.self {
			j.configure(netip.AddrPortFrom(ip, b.Port), id)
		}
	}
	if j.indexed {
		j.types = append(j.types, announced{at: j.now, natType: 31})
	}
}

// configure notes a bootstrap peer that the peer is given.
func (j *judge) configure(at netip.AddrPort, id wire.ID) {
	if !j.isBootstrap(at) {
		j.bootstrapOrder = append(j.bootstrapOrder, at)
	}
	j.bootstrap[at] = id
}

// learn takes from a message what the peer knows by now.
func (j *judge) learn(m *testee.Message) {
	switch m.Event {
	case testee.Ready:
		var e testee.ReadyEvent
		if json.Unmarshal(m.Raw, &e) == nil {
			j.main, j.probe = e.Port, e.ProbePort
		}
		j.running = true
	case testee.Disconnection:
		var e testee.ConnectionEvent
		if json.Unmarshal(m.Raw, &e) == nil {
			if id, err := wire.ParseID(e.PeerID); err == nil && j.linked[id] != nil {
				j.leaving[id] = j.linked[id]
				j.unlink(id)
			}
		}
	case testee.NAT:
		var e testee.NATEvent
		if json.Unmarshal(m.Raw, &e) == nil {
			ip, _ := netip.ParseAddr(e.Address)
			j.types = append(j.types, announced{m.At, e.NATType, netip.AddrPortFrom(ip, e.Port)})
		}
	}
	if m.ID != 0 && m.Error == nil {
		j.replied(m)
	}
}

// A datagram is one that left the peer, or reached it.
type datagram struct {
	*trace.Frame
	from, to netip.AddrPort
	payload  []byte
	packet   *wire.Packet // nil: it is none
	handled  time.Time    // when it came in, or when its host was resumed
}

func newDatagram(f *trace.Frame) *datagram {
	u, _ := f.UDP()
	return &datagram{Frame: f, from: u.Src, to: u.Dst, payload: u.Payload, packet: packet(f), handled: f.At}
}

func (j *judge) address(a netip.AddrPort) *address {
	x := j.addresses[a]
	if x == nil {
		x = &address{claimed: -1, names: map[wire.ID]int{}, ports: map[uint16]bool{}, echoedBy: map[wire.ID]time.Time{}, asked: map[wire.EchoID]question{}, proved: map[wire.ID]time.Time{}}
		j.addresses[a] = x
	}
	return x
}

func (j *judge) ip(a netip.Addr) *ipAddress {
	x := j.ips[a]
	if x == nil {
		x = &ipAddress{}
		j.ips[a] = x
	}
	return x
}

// received notes a datagram that reached the peer's host.
func (j *judge) received(d *datagram) {
	if j.suspended {
		j.frozen = append(j.frozen, d)
	}
	a, ip := j.address(d.from), j.ip(d.from.Addr())
	ip.in += len(d.payload)
	if a.first.IsZero() {
		a.first = d.At
	}
	j.cameThrough(d)
	a.last, ip.heard, j.discovery.came = d.At, d.At, d.At
	a.ports[d.to.Port()] = true
	p := d.packet
	if p == nil || p.Version != wire.Version {
		return
	}
	j.echo(d)
	switch p.Type {
	case wire.Join, wire.Publish, wire.Stream, wire.Query:
		j.counts(d.from)
	}
	switch p.Type {
	case wire.Ping:
		j.pingCame(d)
	case wire.Pong:
		j.discoveryCame(d)
		j.names(d, p.Body.ResponderPeerID)
		if b := &p.Body; b.Keys.Has(wire.KeyAddress|wire.KeyPort|wire.KeyReflectionID) && d.to.Port() == j.main && j.reflected[b.ReflectionID] {
			j.reflections = append(j.reflections, reflection{d.At, d.from, netip.AddrPortFrom(b.Address, b.Port)})
		}
	case wire.Intro:
		j.introCame(d)
	case wire.Join:
		j.joinCame(d)
	case wire.Publish:
		j.publishCame(d)
	case wire.Stream:
		j.streamCame(d)
	case wire.Sync:
		if j.syncs[d.from] == nil {
			j.syncsFrom = append(j.syncsFrom, d.from)
		}
		j.syncCame(d)
	case wire.Query:
		j.queryCame(d)
	}
}

// names notes that a datagram says that it is of a peer.
func (j *judge) names(d *datagram, id wire.ID) {
	j.named[id] = true
	if _, ok := j.address(d.from).names[id]; !ok {
		j.address(d.from).names[id] = d.Seq
	}
}

// answerable is how long after a question an echo to it certainly counts: by then it may have been
// given up, and a later heartbeat has another pingId.
func (j *judge) answerable() time.Duration {
	return j.constants.LeastTime("challenge.wait")*3/4 - j.react
}

// echo notes what a datagram gives back of what was sent to its source.
func (j *judge) echo(d *datagram) {
	if d.packet.Type != wire.Pong {
		return
	}
	b, a := &d.packet.Body, j.address(d.from)
	byPing, pinged := a.asked[b.PingID]
	_, reflected := a.asked[b.ReflectionID]
	pinged, reflected = pinged && b.Keys.Has(wire.KeyPingID), reflected && b.Keys.Has(wire.KeyReflectionID)
	if pinged && byPing.proves && d.At.Sub(byPing.at) < j.answerable() {
		a.proved[b.ResponderPeerID], j.ip(d.from.Addr()).proved = d.At, d.At
	}
	if b.Keys.Has(wire.KeyPingID) && a.spent[b.PingID] {
		a.replayed = d.At
	}
	if pinged {
		a.spend(b.PingID)
	}
	if pinged || reflected {
		delete(a.asked, b.PingID)
		delete(a.asked, b.ReflectionID)
		a.echoedBy[b.ResponderPeerID] = d.At
		a.echoed = append(a.echoed, d.At)
		j.provenIntros(a)
		j.ip(d.from.Addr()).echoed = append(j.ip(d.from.Addr()).echoed, d.At)
	}
	if b.Keys.Has(wire.KeyNATType) && b.NATType != 0 {
		j.announces(b.ResponderPeerID, b.NATType)
	}
}

// sent judges a datagram that left the peer's host.
func (j *judge) sent(d *datagram) {
	if j.started.IsZero() {
		return
	}
	j.destination(d)
	j.traversal(d)
	j.amplified(d)
	j.path(d)
	j.obedience(d)
	j.quiet(d)
	if p := d.packet; p != nil {
		switch p.Type {
		case wire.Ping:
			j.pingSent(d)
		case wire.Pong:
			j.pongSent(d)
		case wire.Intro:
			j.introSent(d)
		case wire.Join:
			j.joinSent(d)
		case wire.Publish:
			j.publishSent(d)
		case wire.Stream:
			j.streamSent(d)
		case wire.Sync:
			j.syncSent(d)
		case wire.Query:
			j.querySent(d)
		}
	}
	j.ip(d.to.Addr()).out += len(d.payload)
}

// hasType reports whether a NAT type may be the peer's own now: the last that it said, or one of
// before within the time in which it may not have known better.
func (j *judge) hasType(natType int) bool {
	for i, t := range j.types {
		replaced := i+1 < len(j.types) && j.types[i+1].at.Before(j.now.Add(-j.react))
		if !replaced && t.natType == natType {
			return true
		}
	}
	return false
}

// hasAddress reports the same of an address as others see it.
func (j *judge) hasAddress(a netip.AddrPort) bool {
	for i, t := range j.types {
		replaced := i+1 < len(j.types) && j.types[i+1].at.Before(j.now.Add(-j.react))
		if !replaced && (t.addr == a || !t.addr.IsValid()) {
			return true
		}
	}
	return false
}

// knowsType reports whether it certainly knows its type.
func (j *judge) knowsType() bool {
	return len(j.types) > 0 && j.types[0].at.Before(j.now.Add(-j.react))
}

// announces notes a NAT type that a peer has announced of itself, from wherever.
func (j *judge) announces(id wire.ID, natType int) {
	if j.natTypes[id] == nil {
		j.natTypes[id] = map[int]bool{}
	}
	j.natTypes[id][natType] = true
}
