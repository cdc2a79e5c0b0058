// What a peer chooses within what the standard permits, for all chapters.

package peer

import (
	"time"

	"punchlist/reference/cache"
)

// Ks is a time as thousandths of K: 1500 is one and a half K.
type Ks int

// ks is so many thousandths of K.
func (p *Peer) ks(n Ks) time.Duration { return p.k / 1000 * time.Duration(n) }

// Choices are the times and numbers that the standard leaves to a peer and that bound nothing which
// others can make it spend; those that do are Limits. A zero field is the default, which stands
// behind its meaning. spec/constants.yaml has the range of each, and the reason of its default.
type Choices struct {
	AddressChoices
	DiscoveryChoices
	TraversalChoices
	MembershipChoices
	ReplicationChoices
	SyncChoices
	MessageChoices
}

// AddressChoices are of chapter 4.
type AddressChoices struct {
	Hold         time.Duration // for which a challenge waits, and the datagrams of its address are held; 2 s
	VerifiedLife Ks            // for which an address stays verified without another echo; 4 K
	Silence      Ks            // after which the pong to a heartbeat is missing, so that a peer may be found elsewhere; 1.5 K
	Contest      time.Duration // for which the old address of a peer has to speak for itself; 1.5 s

	// Announce is after how many ticks a bootstrap peer is sent a connection ping again; 4. One
	// that has restarted, or given us up, does not say so. Indexed peers, who don't discover, come
	// to know each other by the first.
	Announce int
}

// DiscoveryChoices are of chapter 5 (LAT-NAT-006).
type DiscoveryChoices struct {
	SearchStep    time.Duration // times 1 to SearchSteps, while fewer than two responders are known; 256 ms
	SearchSteps   int           // 16
	Searched      int           // bootstrap peers pinged at one time; 32
	MappingWait   time.Duration // for the pong of stage 1; 1024 ms
	MappingTries  int           // of stage 1; 5
	FirstWait     time.Duration // for the first pong of stage 2; 2048 ms
	SecondWait    time.Duration // for the second pong after the first; 512 ms
	DecisionWait  time.Duration // for pongs to the probe socket after the second pong; 512 ms
	CompareAgain  time.Duration // between pings of stage 2 to a responder that did not fully answer; 340 ms
	CompareAgains int           // such pings; 5
	Contacted     int           // IP addresses that the probe socket has sent to; 64
	SecondJoin    time.Duration // from the conclusion to the second joins; 1024 ms
	Slept         Ks            // how late a tick is after a sleep that the network may not have waited for; 2 K
	Rediscover    Ks            // at least between two discoveries that heartbeats start; 1 K
}

// TraversalChoices are of chapter 6.
type TraversalChoices struct {
	Grace        time.Duration // how long after the last ping of a burst its pong may come; 1.5 s
	OpenStep     time.Duration // between the openers of the side of type 7 (LAT-TRAV-007); 1 ms
	ConnectStep  time.Duration // between the pings of the side of type 5 (LAT-TRAV-008); 10 ms
	PoolPings    int           // of the side of type 5; 1024
	PoolSockets  int           // that bursts may ping from at one time; 256
	Rest         time.Duration // for which a socket of the pool that has pinged does not ping again; 1024 ms
	ContactAgain time.Duration // at least between two pings from a socket of the pool that something came to; 100 ms
	Paths        int           // sockets beside PoolSockets that peers may be reached by; with as many, no burst begins; 64
	ClosedAtOnce int           // sockets that are no longer needed; 8
	CloseStep    time.Duration // until more of them are closed; 10 ms
	IntroAge     Ks            // of an introduction that is obeyed; 1 K
	IntroGate    Ks            // for which an introduction is not obeyed again; 0.75 K
	Proxied      int           // peers known by a proxy: their ids are whatever an introducer names; 64

	// Retries to reach a proxied peer directly follow later introductions, with twice the wait
	// after each, from FirstRetry to LastRetry; 1.5 K and 6 K.
	FirstRetry, LastRetry Ks
}

// MembershipChoices are of chapter 7.
type MembershipChoices struct {
	JoinGate    Ks  // for which a join is not handled again; 0.75 K
	MemberLife  Ks  // for which a peer counts as a member after its last join; 8 K
	Memberships int // subclusters of one peer that are remembered; 16
	Clusters    int // clusters of one peer that are remembered; 16

	// GiveUp is for how long a peer may be silent before it is given up; 3 K. Deployed peers give
	// one up after one K, so that a lost pong is enough, and by a list whose indices have shifted,
	// so that it is the wrong one.
	GiveUp Ks
}

// ReplicationChoices are of chapter 8.
type ReplicationChoices struct {
	Draws       int // peers that a multicast draws; 3
	Targets     int // that it goes to at the most, with an indexed peer and friends; 6
	Fresh       Ks  // for which a peer that was silent is still sent to; 4 K
	PublishGate Ks  // for which a publish is not handled again; 6 K
	Unpublished int // own packets that wait for somebody to send them to; more stay in the cache, for syncs; 1024
	Alone       Ks  // of silence of all known peers, more than the pause between heartbeats; 1.25 K
	CatchUp     int // turns that are made up for after a late tick, or after nothing was to do; 8
	ExpiredTTL  Ks  // of a packet that is multicast because its time has passed; 1 K
}

// SyncChoices are of chapter 9.
type SyncChoices struct {
	FirstSyncs time.Duration // between two syncs that first contact starts with one peer; 6 s
	SyncGate   time.Duration // for which the same summary from the same address is not answered again; 1 s

	// SyncQuiet is the silence after which a sync is over, or something of it was lost; 2.5 s. It
	// is for the peer with the lesser peerId to find that out, and for the other one SyncQuietOther
	// later if that one doesn't: both have usually started; 1.5 s.
	SyncQuiet, SyncQuietOther time.Duration

	// Rounds of one sync are root summaries sent until the caches are equal; 64. Of six datagrams
	// one after the other, from the root down to the packets, all arrive in a quarter of all cases
	// where one in five is lost.
	Rounds     int
	IdleRounds int // without any packet sent or got, and a sync is over; one, when Patience is; 3

	// After Patience syncs that brought nothing, and left the caches different, the next wait for
	// 2, 4, 8 K and so on, up to LongestVain (LAT-SYNC-013); 2 and 64 K. There are reasons for that
	// which last for hours: a packet that has expired with one side, or is six hours old there.
	Patience    int
	LongestVain Ks

	Repairs int // syncs that pongs start in a K; 8

	// The same packet is sent to the same address by sync RecentTimes, which make up for loss,
	// after Recent, and then each time after four times as long, for something keeps the other side
	// from taking it, up to RecentGrows fourfoldings; 2 s, 4 and 6, which is two hours and a
	// little.
	Recent                   time.Duration
	RecentTimes, RecentGrows int
}

// MessageChoices are of split messages (chapter 2), streams (chapter 10) and queries (chapter 11).
type MessageChoices struct {
	Rivals        int // parts of one index that are kept: anyone can make one; 4
	Tries         int // how often the parts of one message are put together, which takes hashing them all; 16
	AssemblyPause Ks  // after which an unfinished message gives way; 1 K
	StreamGate    Ks  // for which a packet of a stream is not relayed again; 1 K
	AnswersTaken  Ks  // for which answers to an own question are taken; 1 K
	WayBack       Ks  // for which answers to a question of others are sent back; 1 K
	Answers       int // to one question; 64
}

// A constant is a field of Limits or Choices, and the constant of the standard that the field is.
type constant struct {
	id       string
	field    any // *int, *time.Duration or *Ks
	standard int // its default: a number, milliseconds or thousandths of K
}

// constants is the one list of them: of defaults, and of what a testee says of itself.
func constants(l *Limits, c *Choices) []constant {
	return []constant{
		{"peers.known", &l.Peers, 256},
		{"amplification.ips", &l.Sources, 1024},
		{"budget.sources", &l.Rates, 4096},
		{"challenge.open", &l.Pending, 256},
		{"challenge.open-per-ip", &l.PendingPerIP, 8},
		{"held.datagrams", &l.Held, 128},
		{"held.per-address", &l.HeldPerAddress, 4},
		{"verified.addresses", &l.Verified, 512},
		{"gate.ids", &l.Gates, 32768},
		{"publish.delivered", &l.Delivered, 8192},
		{"cache.packets", &l.CachePackets, cache.DefaultCapacity},
		{"amplification.factor", &l.Amplification, 3},
		{"budget.per-source", &l.PerMinute, 1024},
		{"intro.open", &l.Introductions, 64},
		{"intro.pings-per-ip", &l.IntroPings, 3},
		{"intro.pings-total", &l.IntroPingsTotal, 512},
		{"traversal.count", &l.Traversals, 8},
		{"intro.counted-ips", &l.Targets, 1024},
		{"pace.waiting", &l.Tasks, 8192},
		{"sync.destinations", &l.Destinations, 64},
		{"sync.queue", &l.SyncQueue, 8192},
		{"sync.sent-to-address", &l.SyncPerMinute, 1000},
		{"sync.multicast", &l.SyncRelays, 32},
		{"expiry.multicast", &l.Rebroadcasts, 64},
		{"cache.removed", &l.Forgotten, 16384},
		{"message.most-bytes", &l.MaxMessage, 1 << 20},
		{"subclusters.joined", &l.Subclusters, 64},
		{"stream.waiting", &l.Outgoing, 8192},
		{"stream.relayed", &l.Relayed, 16384},
		{"stream.per-source", &l.StreamsPerMinute, 1 << 20},
		{"message.composing", &l.Assembling, 256},
		{"message.composing-bytes", &l.AssemblyBytes, 8 << 20},
		{"query.open", &l.Questions, 64},
		{"query.routes", &l.Routes, 4096},
		{"query.per-source", &l.QuestionsPerMinute, 1024},
		{"pace.interval", &l.Pace, 1},
		{"stream.interval", &l.StreamPace, 3},

		{"challenge.wait", &c.Hold, 2000},
		{"verified.life", &c.VerifiedLife, 4000},
		{"moved.silence", &c.Silence, 1500},
		{"moved.contest", &c.Contest, 1500},
		{"bootstrap.announce-ticks", &c.Announce, 4},
		{"search.step", &c.SearchStep, 256},
		{"search.steps", &c.SearchSteps, 16},
		{"search.peers", &c.Searched, 32},
		{"discovery.stage1-wait", &c.MappingWait, 1024},
		{"discovery.stage1-tries", &c.MappingTries, 5},
		{"discovery.stage2-first-wait", &c.FirstWait, 2048},
		{"discovery.stage2-second-wait", &c.SecondWait, 512},
		{"discovery.second-pong-wait", &c.DecisionWait, 512},
		{"discovery.stage2-interval", &c.CompareAgain, 340},
		{"discovery.stage2-repeats", &c.CompareAgains, 5},
		{"discovery.contacted", &c.Contacted, 64},
		{"discovery.second-join", &c.SecondJoin, 1024},
		{"tick.suspension", &c.Slept, 2000},
		{"discovery.heartbeat-interval", &c.Rediscover, 1000},
		{"intro.wait", &c.Grace, 1500},
		{"opener.interval", &c.OpenStep, 1},
		{"pool.interval", &c.ConnectStep, 10},
		{"pool.pings", &c.PoolPings, 1024},
		{"pool.sockets", &c.PoolSockets, 256},
		{"pool.rest", &c.Rest, 1024},
		{"pool.contact-interval", &c.ContactAgain, 100},
		{"pool.paths", &c.Paths, 64},
		{"pool.closed-at-once", &c.ClosedAtOnce, 8},
		{"pool.close-interval", &c.CloseStep, 10},
		{"intro.age", &c.IntroAge, 1000},
		{"intro.gate", &c.IntroGate, 750},
		{"proxy.peers", &c.Proxied, 64},
		{"proxy.first-wait", &c.FirstRetry, 1500},
		{"proxy.longest-wait", &c.LastRetry, 6000},
		{"join.gate", &c.JoinGate, 750},
		{"member.life", &c.MemberLife, 8000},
		{"member.subclusters", &c.Memberships, 16},
		{"member.clusters", &c.Clusters, 16},
		{"peers.silence", &c.GiveUp, 3000},
		{"multicast.draws", &c.Draws, 3},
		{"multicast.targets", &c.Targets, 6},
		{"multicast.silence", &c.Fresh, 4000},
		{"publish.gate", &c.PublishGate, 6000},
		{"publish.waiting", &c.Unpublished, 1024},
		{"alone.silence", &c.Alone, 1250},
		{"pace.catch-up", &c.CatchUp, 8},
		{"expiry.ttl", &c.ExpiredTTL, 1000},
		{"sync.first-interval", &c.FirstSyncs, 6000},
		{"sync.gate", &c.SyncGate, 1000},
		{"sync.silence", &c.SyncQuiet, 2500},
		{"sync.longer-silence", &c.SyncQuietOther, 1500},
		{"sync.rounds", &c.Rounds, 64},
		{"sync.idle-rounds", &c.IdleRounds, 3},
		{"sync.vain", &c.Patience, 2},
		{"sync.longest-vain", &c.LongestVain, 64000},
		{"sync.pongs", &c.Repairs, 8},
		{"sync.again", &c.Recent, 2000},
		{"sync.again-times", &c.RecentTimes, 4},
		{"sync.again-growths", &c.RecentGrows, 6},
		{"message.rivals", &c.Rivals, 4},
		{"message.tries", &c.Tries, 16},
		{"message.pause", &c.AssemblyPause, 1000},
		{"stream.gate", &c.StreamGate, 1000},
		{"query.answers-time", &c.AnswersTaken, 1000},
		{"query.route-life", &c.WayBack, 1000},
		{"query.answers", &c.Answers, 64},
	}
}

// number is the field's value as a count, as milliseconds, or as multiples of K.
func (c constant) number() float64 {
	switch f := c.field.(type) {
	case *int:
		return float64(*f)
	case *time.Duration:
		return float64(*f) / float64(time.Millisecond)
	case *Ks:
		return float64(*f) / 1000
	}
	panic("peer: " + c.id + " is no constant")
}

// fill gives the field its default where it is zero.
func (c constant) fill() {
	switch f := c.field.(type) {
	case *int:
		if *f == 0 {
			*f = c.standard
		}
	case *time.Duration:
		if *f == 0 {
			*f = time.Duration(c.standard) * time.Millisecond
		}
	case *Ks:
		if *f == 0 {
			*f = Ks(c.standard)
		}
	}
}

// set gives the field a value in the unit of number.
func (c constant) set(v float64) {
	switch f := c.field.(type) {
	case *int:
		*f = int(v)
	case *time.Duration:
		*f = time.Duration(v * float64(time.Millisecond))
	case *Ks:
		*f = Ks(v*1000 + 0.5)
	}
}

// withDefaults fills in what is zero, and touches nothing else: a peer that breaks a rule is made
// by a value out of range.
func withDefaults(l Limits, c Choices) (Limits, Choices) {
	for _, x := range constants(&l, &c) {
		x.fill()
	}
	return l, c
}

// Constants are what a peer with a configuration has for the constants of the standard from whose
// range it chooses, by their ids: counts, milliseconds, or multiples of K.
func (c Config) Constants() map[string]float64 {
	l, x := withDefaults(c.Limits, c.Choices)
	all := map[string]float64{}
	for _, constant := range constants(&l, &x) {
		all[constant.id] = constant.number()
	}
	// What follows from them, or what this peer does not choose.
	all["join.intros"], all["join.relays"] = float64(2*x.Targets), float64(x.Targets)
	all["intro.pings"], all["cache.bytes"], all["sync.sent-time"] = float64(len(introPingAfter)), cache.MaxBytes, loadTime
	return all
}

// SetConstant gives a peer with this configuration another value of a constant, in the unit of
// Constants. It reports false where this peer has no choice. The zero value is the default.
func (c *Config) SetConstant(id string, v float64) bool {
	for _, constant := range constants(&c.Limits, &c.Choices) {
		if constant.id == id {
			constant.set(v)
			return true
		}
	}
	return false
}
