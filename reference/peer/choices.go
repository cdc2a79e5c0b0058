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
	name     string
	field    any // *int, *time.Duration or *Ks
	standard int // its default: a number, milliseconds or thousandths of K
}

// constants is the one list of them: of defaults, and of what a testee says of itself.
func constants(l *Limits, c *Choices) []constant {
	return []constant{
		{"known peers", &l.Peers, 256},
		{"IP addresses whose bytes are counted", &l.Sources, 1024},
		{"sources whose packets are counted", &l.Rates, 4096},
		{"addresses that are being asked", &l.Pending, 256},
		{"addresses that are being asked on one IP address", &l.PendingPerIP, 8},
		{"datagrams that are held for proof", &l.Held, 128},
		{"datagrams that are held from one address", &l.HeldPerAddress, 4},
		{"verified addresses beside those of known peers", &l.Verified, 512},
		{"ids that are remembered so as not to be handled again", &l.Gates, 32768},
		{"messages that are remembered as delivered", &l.Delivered, 8192},
		{"packets in a cache", &l.CachePackets, cache.DefaultCapacity},
		{"bytes to an unverified IP address for each byte from it", &l.Amplification, 3},
		{"joins and publishes of one source in a minute", &l.PerMinute, 1024},
		{"introductions being obeyed", &l.Introductions, 64},
		{"connection pings to one IP address in a K", &l.IntroPings, 3},
		{"connection pings to all addresses in a K", &l.IntroPingsTotal, 512},
		{"traversals in a K", &l.Traversals, 8},
		{"IP addresses whose pings are counted", &l.Targets, 1024},
		{"own datagrams that wait for their turn", &l.Tasks, 8192},
		{"addresses that answers to syncs wait for", &l.Destinations, 64},
		{"answers to syncs that wait for one address", &l.SyncQueue, 8192},
		{"publishes and joins sent to one address in the time that counts", &l.SyncPerMinute, 1000},
		{"packets of syncs that are multicast in a K", &l.SyncRelays, 32},
		{"expired packets multicast in a K", &l.Rebroadcasts, 64},
		{"packets that are remembered as removed", &l.Forgotten, 16384},
		{"longest message that is published or streamed", &l.MaxMessage, 1 << 20},
		{"subclusters that are joined", &l.Subclusters, 64},
		{"packets of own streams that wait", &l.Outgoing, 8192},
		{"packets that are remembered as relayed", &l.Relayed, 16384},
		{"packets relayed for one source in a minute", &l.StreamsPerMinute, 1 << 20},
		{"messages that are being composed", &l.Assembling, 256},
		{"bytes of messages that are being composed", &l.AssemblyBytes, 8 << 20},
		{"own questions that are open", &l.Questions, 64},
		{"ways back", &l.Routes, 4096},
		{"questions of one source in a minute", &l.QuestionsPerMinute, 1024},
		{"time between own datagrams nobody waits for", &l.Pace, 1},
		{"time between packets of own streams", &l.StreamPace, 3},

		{"wait for the answer to a question", &c.Hold, 2000},
		{"life of a verified address", &c.VerifiedLife, 4000},
		{"silence after which a peer may be found elsewhere", &c.Silence, 1500},
		{"time that an old address has to speak for itself", &c.Contest, 1500},
		{"ticks between announcements to bootstrap peers", &c.Announce, 4},
		{"step of the search", &c.SearchStep, 256},
		{"steps of the search", &c.SearchSteps, 16},
		{"bootstrap peers asked at one time", &c.Searched, 32},
		{"wait for the answer of stage 1", &c.MappingWait, 1024},
		{"tries of stage 1", &c.MappingTries, 5},
		{"wait for the first answer of stage 2", &c.FirstWait, 2048},
		{"wait for the second answer of stage 2", &c.SecondWait, 512},
		{"wait for second pongs before the conclusion", &c.DecisionWait, 512},
		{"time between questions of stage 2", &c.CompareAgain, 340},
		{"repeats of stage 2", &c.CompareAgains, 5},
		{"IP addresses remembered as contacted", &c.Contacted, 64},
		{"second joins after discovery", &c.SecondJoin, 1024},
		{"lateness of a tick that is a suspension", &c.Slept, 2000},
		{"least time between discoveries that heartbeats start", &c.Rediscover, 1000},
		{"wait after the last ping of an introduction", &c.Grace, 1500},
		{"time between openers", &c.OpenStep, 1},
		{"time between pings of the pool", &c.ConnectStep, 10},
		{"pings of the pool", &c.PoolPings, 1024},
		{"sockets of the pool", &c.PoolSockets, 256},
		{"rest of a socket of the pool", &c.Rest, 1024},
		{"least time between pings to what has come through", &c.ContactAgain, 100},
		{"sockets of the pool that peers stay reached by", &c.Paths, 64},
		{"sockets of the pool closed at one time", &c.ClosedAtOnce, 8},
		{"time between closing such sockets", &c.CloseStep, 10},
		{"age of an introduction that is obeyed", &c.IntroAge, 1000},
		{"time for which an introduction is not obeyed again", &c.IntroGate, 750},
		{"peers that are known by a proxy", &c.Proxied, 64},
		{"first wait before a proxied peer is tried again", &c.FirstRetry, 1500},
		{"longest wait before a proxied peer is tried again", &c.LastRetry, 6000},
		{"time for which a join is not handled again", &c.JoinGate, 750},
		{"life of a membership after the last join", &c.MemberLife, 8000},
		{"subclusters remembered of one peer", &c.Memberships, 16},
		{"clusters remembered of one peer", &c.Clusters, 16},
		{"silence after which a peer is given up", &c.GiveUp, 3000},
		{"peers that a multicast draws", &c.Draws, 3},
		{"peers that a multicast goes to", &c.Targets, 6},
		{"silence after which a multicast leaves a peer out", &c.Fresh, 4000},
		{"time for which a publish is not handled again", &c.PublishGate, 6000},
		{"own packets that wait until somebody is reached", &c.Unpublished, 1024},
		{"silence after which a peer takes itself for alone", &c.Alone, 1250},
		{"turns that are made up for after a pause", &c.CatchUp, 8},
		{"ttl of an expired packet", &c.ExpiredTTL, 1000},
		{"time between syncs of first contact with one peer", &c.FirstSyncs, 6000},
		{"time for which the same summary is not answered again", &c.SyncGate, 1000},
		{"silence after which a sync is repeated", &c.SyncQuiet, 2500},
		{"longer wait of the peer with the greater peerId", &c.SyncQuietOther, 1500},
		{"rounds of a sync", &c.Rounds, 64},
		{"rounds that may move nothing", &c.IdleRounds, 3},
		{"syncs in vain before they become rarer", &c.Patience, 2},
		{"longest wait after syncs in vain", &c.LongestVain, 64000},
		{"syncs that pongs start in a K", &c.Repairs, 8},
		{"time for which a sync does not send a packet to an address again", &c.Recent, 2000},
		{"times that it is sent before this wait grows", &c.RecentTimes, 4},
		{"times that this wait grows", &c.RecentGrows, 6},
		{"fragments that are kept of one index", &c.Rivals, 4},
		{"tries to compose a message", &c.Tries, 16},
		{"pause after which an unfinished message is given up", &c.AssemblyPause, 1000},
		{"time for which a packet of a stream is not relayed again", &c.StreamGate, 1000},
		{"time for which answers are taken", &c.AnswersTaken, 1000},
		{"life of the way back", &c.WayBack, 1000},
		{"answers to one question", &c.Answers, 64},
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
	panic("peer: " + c.name + " is no constant")
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
		all[constant.name] = constant.number()
	}
	return all
}

// SetConstant gives a peer with this configuration another value of a constant, in the unit of
// Constants. It reports false where there is no such constant. The zero value is the default.
func (c *Config) SetConstant(id string, v float64) bool {
	for _, constant := range constants(&c.Limits, &c.Choices) {
		if constant.name == id {
			constant.set(v)
			return true
		}
	}
	return false
}
