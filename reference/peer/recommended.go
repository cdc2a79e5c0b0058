// What the standard recommends (SHOULD), and a peer may be made without, for all chapters.

package peer

// Recommended is a set of recommendations of the standard.
type Recommended uint32

const (
	ReflectingHeartbeats Recommended = 1 << iota // heartbeats are reflection pings
	HeldIntros                                   // introductions are held while their source is challenged
	HashSyncs                                    // a pong with another hash starts a sync
	AgedTTL                                      // what a sync sends carries the ttl that is left of it
	LastCasts                                    // what has expired is multicast once more

	// AllRecommended are all that a peer can be made without.
	AllRecommended = ReflectingHeartbeats | HeldIntros | HashSyncs | AgedTTL | LastCasts
)

// recommended are the requirements of level SHOULD: of which set each is; zero: this peer always
// follows it.
var recommended = []struct {
	id string
	is Recommended
}{
	{"LAT-MSG-009", ReflectingHeartbeats},
	{"LAT-TRAV-019", HeldIntros},
	{"LAT-MEMB-008", 0},
	{"LAT-SYNC-009", HashSyncs},
	{"LAT-SYNC-012", 0},
	{"LAT-SYNC-014", AgedTTL},
	{"LAT-STRM-003", 0},
	{"LAT-QRY-002", 0},
	{"LAT-QRY-016", 0},
	{"LAT-BUDG-005", LastCasts},
	{"LAT-BUDG-009", 0},
	{"LAT-BUDG-010", 0},
}

// Recommendations are the ids of the requirements of level SHOULD that a peer with this
// configuration follows.
func (c Config) Recommendations() (ids []string) {
	for _, r := range recommended {
		if c.Omits&r.is == 0 {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// follows reports whether the peer was made with a recommendation.
func (p *Peer) follows(r Recommended) bool { return p.config.Omits&r == 0 }
