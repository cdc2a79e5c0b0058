// The times of all chapters.

package peer

import "time"

// The times that others can see are listed in spec/constants.yaml, with the range from which
// another peer may choose. A name that ends in Ticks counts K, and one that ends in Quarters counts
// fourths of K. Every other time is absolute: it does not scale with K.

// DefaultKeepalive is the protocol's K.
const DefaultKeepalive = 30 * time.Second

// MinKeepalive is the shortest K that Validate accepts: the protocol's other times (500 to 2048 ms)
// don't scale with K.
const MinKeepalive = 2500 * time.Millisecond

// quarters is a number of fourths of K.
func (p *Peer) quarters(n int) time.Duration { return time.Duration(n) * p.k / 4 }

// Addresses: chapter 4, section 4.4 and 4.5.
const (
	holdTime      = 2 * time.Second         // for which a challenge waits, and the datagrams of its address are held
	verifiedTicks = 4                       // for which an address stays verified without another echo
	contestTime   = 1500 * time.Millisecond // for which the old address of a peer has to speak for itself
)

// challengeAgainAfter is when a challenge is repeated, after the first time.
var challengeAgainAfter = [...]time.Duration{500 * time.Millisecond, 1000 * time.Millisecond}

// Discovery: chapter 5, section 5.2 (LAT-NAT-006).
const (
	searchStep     = 256 * time.Millisecond  // times 1 to 16, while fewer than two responders are known
	mappingTime    = 1024 * time.Millisecond // for the pong of stage 1
	firstTime      = 2048 * time.Millisecond // for the first pong of stage 2
	secondTime     = 512 * time.Millisecond  // for the second pong after the first
	decisionTime   = 512 * time.Millisecond  // for pongs to the probe socket after the second pong
	compareAgain   = 340 * time.Millisecond  // between pings of stage 2 to a responder that did not fully answer
	extraTickAfter = 1024 * time.Millisecond // after the conclusion
)

// introPingAfter is when connection pings follow an introduction: chapter 6, section 6.2
// (LAT-TRAV-002).
var introPingAfter = [...]time.Duration{0, 500 * time.Millisecond, 2000 * time.Millisecond}

// Traversal: chapter 6, sections 6.2 to 6.5.
const (
	introGateQuarters = 3                       // for which an introduction is not obeyed again
	burstGrace        = 1500 * time.Millisecond // how long after the last ping of a burst its pong may come
	connectStep       = 10 * time.Millisecond   // between the pings of the side of type 5 (LAT-TRAV-008)
	openStep          = time.Millisecond        // between the openers of the side of type 7 (LAT-TRAV-007)
	contactAgain      = 100 * time.Millisecond  // at least between two pings from a socket of the pool that something came to
	activeTime        = 1024 * time.Millisecond // for which a socket of the pool that has pinged does not ping again
	reclaimStep       = 10 * time.Millisecond   // between closing sockets of the pool that are no longer needed

	// Retries to reach a proxied peer directly follow later introductions, with twice the wait
	// after each: so many times retryQuarters.
	firstRetries  = 2
	maxRetries    = 8
	retryQuarters = 3
)

// Membership: chapter 7.
const (
	joinGateQuarters = 3 // for which a join is not handled again

	// announceTicks is how often a bootstrap peer is sent a connection ping again: one that has
	// restarted, or given us up, does not say so. Indexed peers, who don't discover, come to know
	// each other by the first.
	announceTicks = 4

	// sleptTicks is how many K late a tick is after a sleep that the network may not have waited
	// for.
	sleptTicks = 2

	// memberTicks is for how many K a peer counts as a member after its last join.
	memberTicks = 8

	// silentTicks is how many K a peer may be silent before it is given up. Deployed peers give one
	// up after one K, so that a lost pong is enough, and by a list whose indices have shifted, so
	// that it is the wrong one.
	silentTicks = 3

	// silentQuarters is the silence after which the pong to a heartbeat is missing, so that a peer
	// may be found elsewhere.
	silentQuarters = 6
)

// Replication: chapter 8.
const (
	publishGateTicks = 6 // for which a publish is not handled again
	freshTicks       = 4 // for which a peer that was silent is still sent to
	aloneQuarters    = 5 // of silence of all known peers, more than the pause between heartbeats
)

// Sync: chapter 9.
const (
	syncWindow = 6 * time.Second // between two syncs that first contact starts with one peer
	syncGate   = time.Second     // for which the same summary from the same address is not answered again

	// A sync that has been silent for so long is over, or something of it was lost. It is for the
	// one with the lesser peerId to find that out, and for the other one if that one doesn't: both
	// have usually started.
	syncQuiet      = 2500 * time.Millisecond
	syncQuietOther = 1500 * time.Millisecond // longer

	// How often the same packet is sent to the same address by sync: for the first times, which
	// make up for loss, after recentTime, and then each time after four times as long, for
	// something keeps the other side from taking it.
	recentTime  = 2 * time.Second
	recentTimes = 4
	recentLast  = 6 // of the fourfoldings: two hours and a little

	// loadTime is how many seconds back a load counts: a minute, wherever the receiver's begins,
	// and one second for the way there.
	loadTime = 62
)

// questionAge is how long ago a question may have been asked, by its usr1: chapter 11, section 11.2
// (LAT-QRY-009). Deployed peers allow 2,048 ms, so that clocks which differ by two seconds make a
// peer mute; this leaves them 28 s, and is as long as a return route lives at the default K.
const questionAge = 30 * time.Second

// due reports whether a time is set and has come.
func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sooner is the sooner of two times; a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
