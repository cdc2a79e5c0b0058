// What a peer is made with, for all chapters.

package peer

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// Bootstrap names an indexed peer that is known from the start.
type Bootstrap struct {
	ID   wire.ID
	Addr netip.AddrPort
}

// Config is what a peer is made with.
type Config struct {
	ID        wire.ID
	ClusterID [32]byte // zero: of no cluster, as an indexed peer may be
	// Indexed makes it a bootstrap peer: NAT type 31, no discovery, opens no publish.
	Indexed bool
	// Address is an indexed peer's own, since it discovers none. Without it (and where the main
	// socket is bound to no address) it can't be a rendezvous.
	Address             netip.Addr
	MainPort, ProbePort uint16 // 0: any

	Keepalive time.Duration // K; 0: DefaultKeepalive
	Bootstrap []Bootstrap

	// Random is where all randomness comes from: a seed for choices of no secrecy, ids that answers
	// must echo, ephemeral keys.
	Random io.Reader
	Limits Limits
	// Choices are what else the standard leaves to a peer.
	Choices Choices
	Omits   Recommended // recommendations that the peer does not follow

	// State is what Peer.State gave in an earlier life. One that can't be read is reported by an
	// Error event, and ignored; ValidateState tells before.
	State []byte
}

// Limits bound what others can make a peer spend. A zero field is the default, which stands behind
// its meaning.
type Limits struct {
	AddressLimits
	TraversalLimits
	MembershipLimits
	ReplicationLimits
	SyncLimits
	StreamLimits
	QueryLimits
	PaceLimits
}

// AddressLimits are of addresses, verified or not.
type AddressLimits struct {
	Sources        int // source IPs whose bytes are counted; 1024
	Amplification  int // bytes out per byte in, for an IP that is not verified; 3
	Pending        int // addresses being challenged; 256
	PendingPerIP   int // of them on one IP; 8
	Held           int // datagrams kept while their source is challenged; 128
	HeldPerAddress int // of them from one address; 4
	Verified       int // verified addresses remembered beside the known peers; 512
}

// TraversalLimits are of introductions that are obeyed.
type TraversalLimits struct {
	Introductions   int // being obeyed at one time; 64
	IntroPings      int // connection pings per introduction, and per target IP and K; 3
	IntroPingsTotal int // such pings per K to all targets; 512
	Traversals      int // bursts between types 5 and 7, per K; 8
	Targets         int // target IPs whose pings are counted; 1024
}

// MembershipLimits are of peers and subclusters.
type MembershipLimits struct {
	Peers       int // known peers beside the bootstrap peers; 256
	Subclusters int // joined; 64
}

// ReplicationLimits are of joins and publishes, and of the cache.
type ReplicationLimits struct {
	PerMinute    int // joins and publishes of one source; 1024
	Rates        int // sources whose packets are counted; 4096
	Gates        int // ids remembered so as not to handle a packet twice; 32768
	Delivered    int // messages remembered so as not to deliver one twice; 8192
	CachePackets int // 6604
	Rebroadcasts int // packets that expired and are multicast a last time, in a K; 64
	Forgotten    int // packets that were cached and are not taken in again; 16384
	MaxMessage   int // bytes of a published message; 1 MiB
}

// SyncLimits are of what syncs send.
type SyncLimits struct {
	Destinations  int // addresses that summaries and packets wait for; 64
	SyncQueue     int // of them waiting for one address; 8192
	SyncPerMinute int // publishes and joins sent to one address in 62 s before sync waits; 1000, below the receiver's PerMinute
	SyncRelays    int // packets that syncs brought which are multicast in a K; 32
}

// StreamLimits are of streams, own and relayed, and of split messages that are not whole yet.
type StreamLimits struct {
	Outgoing         int // packets of own streams waiting for their turn; 8192
	Relayed          int // packets of streams remembered so as not to relay one twice; 16384
	StreamsPerMinute int // packets of streams, and answers, relayed for one source; 1048576, as for deployed peers
	Assembling       int // split messages of which a part is missing; 256
	AssemblyBytes    int // bytes of them; 8 MiB

	// StreamPace is the time between two packets of own streams; 3 ms. Nobody sends a stream's
	// packets again, and a deployed peer was seen to forward 350 of them a second.
	StreamPace time.Duration
}

// QueryLimits are of questions.
type QueryLimits struct {
	Questions          int // own ones that are open; 64
	Routes             int // questions of others whose answers are sent back; 4096
	QuestionsPerMinute int // of one source; 1024
}

// PaceLimits are of the peer's own datagrams that nobody waits for: heartbeats, joins, own
// publishes, what syncs send.
type PaceLimits struct {
	Tasks int           // waiting for their turn; 8192
	Pace  time.Duration // between two of them, datagrams or multicasts; 1 ms
}

// Validate says what of a configuration can't be run with. New does not call it: a peer that breaks
// a rule on purpose has parameters out of their range.
func (c Config) Validate() error {
	if c.ID.IsZero() {
		return errors.New("peer: ID is not set")
	}
	if !c.Indexed && c.ClusterID == ([32]byte{}) {
		return errors.New("peer: ClusterID is not set, which only an indexed peer may leave out")
	}
	if c.Random == nil {
		return errors.New("peer: Random is not set")
	}
	if c.Keepalive != 0 && c.Keepalive < MinKeepalive {
		return fmt.Errorf("peer: Keepalive is %v, at least %v (0: %v)", c.Keepalive, MinKeepalive, DefaultKeepalive)
	}
	if c.Address.IsValid() && !c.Address.Is4() {
		return fmt.Errorf("peer: Address %v is no IPv4 address", c.Address)
	}
	if c.MainPort != 0 && c.MainPort == c.ProbePort {
		return fmt.Errorf("peer: MainPort and ProbePort are both %d", c.MainPort)
	}
	for i, b := range c.Bootstrap {
		switch {
		case b.ID.IsZero():
			return fmt.Errorf("peer: Bootstrap %d has no ID", i)
		case !b.Addr.Addr().Is4() || b.Addr.Port() == 0:
			return fmt.Errorf("peer: Bootstrap %d: %v is no IPv4 address and port", i, b.Addr)
		}
	}
	return c.Limits.validate(c)
}

func (l Limits) validate(c Config) error {
	filled, _ := withDefaults(l, Choices{})
	if l.Amplification < 0 || filled.Amplification > 3 {
		return fmt.Errorf("peer: Limits.Amplification is %d, at most 3 (LAT-SEC-001)", l.Amplification)
	}
	if filled.PerMinute < 1 || filled.PerMinute > 1024 {
		return fmt.Errorf("peer: Limits.PerMinute is %d, 1 to 1024 (LAT-BUDG-003)", l.PerMinute)
	}
	if filled.CachePackets < 1 || filled.CachePackets > cache.DefaultCapacity {
		return fmt.Errorf("peer: Limits.CachePackets is %d, 1 to %d (LAT-BUDG-001)", l.CachePackets, cache.DefaultCapacity)
	}
	if filled.IntroPings < 1 || filled.IntroPings > 3 {
		return fmt.Errorf("peer: Limits.IntroPings is %d, 1 to 3 (LAT-TRAV-005)", l.IntroPings)
	}
	if filled.Pace < 0 {
		return fmt.Errorf("peer: Limits.Pace is %v, not negative", l.Pace)
	}
	if filled.StreamPace < 0 {
		return fmt.Errorf("peer: Limits.StreamPace is %v, not negative", l.StreamPace)
	}
	for _, n := range []int{filled.Peers, filled.Sources, filled.Rates, filled.Pending, filled.PendingPerIP, filled.Held, filled.HeldPerAddress,
		filled.Verified, filled.Gates, filled.Delivered, filled.Introductions, filled.IntroPingsTotal, filled.Targets, filled.Tasks,
		filled.Destinations, filled.SyncQueue, filled.SyncPerMinute, filled.SyncRelays, filled.Rebroadcasts, filled.Forgotten, filled.MaxMessage, filled.Subclusters,
		filled.Outgoing, filled.Relayed, filled.StreamsPerMinute, filled.Assembling, filled.AssemblyBytes,
		filled.Questions, filled.Routes, filled.QuestionsPerMinute} {
		if n < 1 {
			return errors.New("peer: a limit is negative; 0 is the default, and at least 1 is needed of anything")
		}
	}
	if len(c.Bootstrap) > 4096 {
		return fmt.Errorf("peer: %d bootstrap peers, at most 4096", len(c.Bootstrap))
	}
	return nil
}
