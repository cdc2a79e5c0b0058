// The times of all chapters.

package peer

import "time"

// The times that others can see are listed in spec/constants.yaml, with the range from which
// another peer may choose. Those that a peer can be made with are in Choices.

// DefaultKeepalive is the protocol's K.
const DefaultKeepalive = 30 * time.Second

// MinKeepalive is the shortest K that Validate accepts: the protocol's other times (500 to 2048 ms)
// don't scale with K.
const MinKeepalive = 2500 * time.Millisecond

// challengeRepeats is how often a challenge is repeated: after a fourth of the time for which it
// waits, and after three fourths (chapter 4, section 4.4).
const challengeRepeats = 2

// introPingAfter is when connection pings follow an introduction: chapter 6, section 6.2
// (LAT-TRAV-002).
var introPingAfter = [...]time.Duration{0, 500 * time.Millisecond, 2000 * time.Millisecond}

const (
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
