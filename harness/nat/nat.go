package nat

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A Flow is the two ends of a UDP datagram, as read from its headers.
type Flow struct{ Src, Dst netip.AddrPort }

func (f Flow) String() string { return f.Src.String() + " > " + f.Dst.String() }

// Action is what to do with a datagram.
type Action uint8

const (
	Drop    Action = iota // nothing leaves the NAT
	Forward               // send it on to the other side, with the ends of Verdict.Flow
	Hairpin               // send it back inside, with the ends of Verdict.Flow
	Reject                // drop it, and answer its sender with ICMP destination unreachable, code Verdict.Code
)

var actionNames = []string{"drop", "forward", "hairpin", "reject"}

func (a Action) String() string { return name(uint8(a), actionNames) }

// CodeProhibited is the code of the ICMP destination unreachable that a
// rejecting NAT answers with: communication administratively prohibited.
const CodeProhibited = 13

// The reasons for which a datagram goes nowhere.
const (
	NoMapping           = "no mapping"
	FilteredAddress     = "filtered: address-dependent"
	FilteredAddressPort = "filtered: address-and-port-dependent"
	TableFull           = "table full"
	NoPort              = "no free port"
	NoHairpin           = "hairpinning not supported"
	UDPBlocked          = "udp blocked"
	NotUDP4             = "not a UDP flow between IPv4 endpoints"
)

// A Verdict is what a NAT does with one datagram.
type Verdict struct {
	Action Action
	Code   uint8  // with Reject
	Flow   Flow   // with Forward and Hairpin: the ends after translation
	Reason string // with Drop and Reject: one of the reasons above
}

// Counters count what a NAT did since it was made; a reboot leaves them.
type Counters struct {
	Outbound, Inbound, Hairpinned uint64 // datagrams that passed

	NoMapping, Filtered, TableFull, NoPort, NoHairpin, UDPBlocked, NotUDP4 uint64 // datagrams refused, by reason

	ErrorsTranslated, ErrorsDropped uint64 // ICMP errors

	Created, Expired, Evicted, Lost uint64 // mappings; Lost to a reboot, a drop or a new address
}

// A NAT translates between an inside and an outside. It belongs to one
// goroutine. The zero value is of no use: call New.
type NAT struct {
	profile  Profile
	external []netip.Addr
	random   *rand.Rand
	now      time.Time
	counters Counters

	mappings table
	hosts    map[netip.Addr]*host        // inside hosts that have a mapping
	shared   map[netip.AddrPort]*permits // of filter scopes wider than a mapping
	blocks   map[block]struct{}          // port blocks in use
	cursors  []cursor                    // per external address: where sequential assignment goes on
	pool     int                         // index of the external address whose turn it is
	activity uint64                      // counts outbound datagrams, to tell which of several mappings sent last
	isOurs   map[netip.Addr]int          // index in external
}

// New makes a NAT with the external addresses that it translates to: as many
// as Profile.ExternalAddresses says, IPv4, distinct. A profile that is a chain
// is refused: make one NAT of each part that Chain returns. Random choices are
// drawn from random, which the NAT keeps.
func New(p Profile, external []netip.Addr, random *rand.Rand) (*NAT, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Behind != "" {
		return nil, fmt.Errorf("nat profile %q is a chain (behind %q): make one NAT of each part of nat.Chain", p.Name, p.Behind)
	}
	if random == nil {
		return nil, fmt.Errorf("nat profile %q: no source of randomness given", p.Name)
	}
	n := &NAT{profile: p, random: random}
	if err := n.setExternal(external); err != nil {
		return nil, err
	}
	n.clear()
	return n, nil
}

func (n *NAT) setExternal(external []netip.Addr) error {
	if want := n.profile.ExternalAddresses(); len(external) != want {
		return fmt.Errorf("nat profile %q needs %d external addresses, got %d", n.profile.Name, want, len(external))
	}
	ours := make(map[netip.Addr]int, len(external))
	for i, a := range external {
		if !a.Is4() {
			return fmt.Errorf("nat profile %q: external address %v is not IPv4", n.profile.Name, a)
		}
		if _, twice := ours[a]; twice {
			return fmt.Errorf("nat profile %q: external address %v is given twice", n.profile.Name, a)
		}
		ours[a] = i
	}
	n.external = append([]netip.Addr(nil), external...)
	n.isOurs = ours
	return nil
}

// clear forgets everything that traffic left behind, and draws where
// sequential assignment begins.
func (n *NAT) clear() {
	n.mappings = newTable()
	n.hosts = map[netip.Addr]*host{}
	n.shared = map[netip.AddrPort]*permits{}
	n.blocks = map[block]struct{}{}
	n.pool = 0
	n.cursors = make([]cursor, len(n.external))
	low, high := n.profile.portRange()
	for i := range n.cursors {
		n.cursors[i].user = low + n.random.IntN(high-low+1)
		n.cursors[i].wellKnown = firstPort + n.random.IntN(lastWellKnown)
	}
}

// Profile is what the NAT was made of.
func (n *NAT) Profile() Profile { return n.profile }

// External is the external addresses.
func (n *NAT) External() []netip.Addr { return append([]netip.Addr(nil), n.external...) }

// Counters is what the NAT did so far.
func (n *NAT) Counters() Counters { return n.counters }

// Outbound decides about a datagram that came from the inside. One whose
// destination is an external address of this NAT is hairpinned or dropped.
func (n *NAT) Outbound(now time.Time, f Flow) Verdict {
	n.advance(now)
	if n.profile.Open {
		n.counters.Outbound++
		return Verdict{Action: Forward, Flow: f}
	}
	if n.profile.Blocked {
		return n.refuse(UDPBlocked)
	}
	if !isUDP4(f) {
		return n.drop(NotUDP4)
	}
	_, hairpin := n.isOurs[f.Dst.Addr()]
	if hairpin && n.profile.Hairpin == HairpinNone {
		return n.drop(NoHairpin)
	}
	m, reason := n.send(f)
	if m == nil {
		return n.refuse(reason)
	}
	out := Flow{Src: m.external, Dst: f.Dst}
	if !hairpin {
		n.counters.Outbound++
		return Verdict{Action: Forward, Flow: out}
	}
	to, reason := n.receive(out)
	if to == nil {
		return n.drop(reason)
	}
	n.counters.Hairpinned++
	back := Flow{Src: m.external, Dst: to.inside}
	if n.profile.Hairpin == HairpinInternalSource {
		back.Src = f.Src
	}
	return Verdict{Action: Hairpin, Flow: back}
}

// Inbound decides about a datagram that came from the outside.
func (n *NAT) Inbound(now time.Time, f Flow) Verdict {
	n.advance(now)
	if n.profile.Open {
		n.counters.Inbound++
		return Verdict{Action: Forward, Flow: f}
	}
	if n.profile.Blocked {
		return n.drop(UDPBlocked)
	}
	if !isUDP4(f) {
		return n.drop(NotUDP4)
	}
	m, reason := n.receive(f)
	if m == nil {
		return n.drop(reason)
	}
	n.counters.Inbound++
	return Verdict{Action: Forward, Flow: Flow{Src: f.Src, Dst: m.inside}}
}

// send finds or makes the mapping that an outbound flow leaves by, and renews
// it and its permit. Nothing is changed when it returns no mapping.
func (n *NAT) send(f Flow) (*mapping, string) {
	key := n.key(f.Src, f.Dst)
	m := n.mappings.byKey[key]
	if m == nil {
		var reason string
		if m, reason = n.create(key, f.Dst); m == nil {
			return nil, reason
		}
	} else if !n.permit(m, f.Dst) {
		return nil, TableFull
	} else if n.profile.Refresh != RefreshInbound {
		n.renew(m)
	}
	n.activity++
	m.active = n.activity
	return m, ""
}

// receive finds the mapping that admits a flow from outside, and renews it
// where inbound datagrams do.
func (n *NAT) receive(f Flow) (*mapping, string) {
	first := n.mappings.byExternal[f.Dst]
	if first == nil {
		return nil, NoMapping
	}
	var admitted *mapping
	for m := first; m != nil; m = m.sharing {
		if n.admits(m, f.Src) && (admitted == nil || m.active > admitted.active) {
			admitted = m
		}
	}
	switch {
	case admitted == nil && n.profile.Filtering == AddressDependent:
		return nil, FilteredAddress
	case admitted == nil:
		return nil, FilteredAddressPort
	}
	if n.profile.Refresh != RefreshOutbound {
		n.renew(admitted)
		n.renewPermit(admitted, f.Src)
	}
	return admitted, ""
}

// create makes a mapping with its first permit, where there is room for both.
func (n *NAT) create(key key, remote netip.AddrPort) (*mapping, string) {
	limit := n.profile.TableSize
	if limit == 0 {
		limit = MaxMappings
	}
	scope := n.scope(key.inside)
	evict := n.profile.WhenFull == EvictOldest
	if !evict && (n.mappings.len() >= limit || !n.hasRoom(scope, remote)) {
		return nil, TableFull
	}
	external, ok := n.assign(key)
	if !ok {
		return nil, NoPort
	}
	if n.mappings.len() >= limit {
		n.remove(n.mappings.oldest)
		n.counters.Evicted++
	}
	m := &mapping{key: key, external: external, created: n.now}
	m.permits = n.joinScope(key.inside)
	n.mappings.add(m, n.now.Add(n.profile.Lifetime))
	n.counters.Created++
	n.permit(m, remote)
	return m, ""
}

// remove takes a mapping away, and what only it was using.
func (n *NAT) remove(m *mapping) {
	n.mappings.remove(m)
	n.leaveScope(m)
	n.release(m)
}

func (n *NAT) renew(m *mapping) { n.mappings.renew(m, n.now.Add(n.profile.Lifetime)) }

// key is what a mapping for the flow from inside to remote is found by.
func (n *NAT) key(inside, remote netip.AddrPort) key {
	switch n.profile.Mapping {
	case EndpointIndependent:
		remote = netip.AddrPort{}
	case AddressDependent:
		remote = netip.AddrPortFrom(remote.Addr(), 0)
	}
	return key{inside: inside, remote: remote}
}

// advance moves the NAT's time, never back, and takes away what has expired.
func (n *NAT) advance(now time.Time) {
	if now.After(n.now) {
		n.now = now
	}
	for m := n.mappings.oldest; m != nil && !n.now.Before(m.expires); m = n.mappings.oldest {
		n.remove(m)
		n.counters.Expired++
	}
}

// Reboot loses all mappings, permits, pairings and port blocks; sequential
// assignment goes on from a new random place.
func (n *NAT) Reboot(now time.Time) {
	n.advance(now)
	n.counters.Lost += uint64(n.mappings.len())
	n.clear()
}

// Readdress gives the NAT new external addresses, with which all mappings are
// lost as by a reboot.
func (n *NAT) Readdress(now time.Time, external []netip.Addr) error {
	if err := n.setExternal(external); err != nil {
		return err
	}
	n.Reboot(now)
	return nil
}

// DropMappings takes away the mappings that match, all of them if match is
// nil, and returns how many those were. Everything else stays: where
// sequential assignment is, and what other mappings hold.
func (n *NAT) DropMappings(now time.Time, match func(Mapping) bool) int {
	n.advance(now)
	dropped := 0
	for m := n.mappings.oldest; m != nil; {
		next := m.newer
		if match == nil || match(n.export(m)) {
			n.remove(m)
			dropped++
		}
		m = next
	}
	n.counters.Lost += uint64(dropped)
	return dropped
}

// refuse is the verdict on a datagram from the inside that the NAT has no way
// or no leave to send.
func (n *NAT) refuse(reason string) Verdict {
	v := n.drop(reason)
	if n.profile.Reject {
		v.Action, v.Code = Reject, CodeProhibited
	}
	return v
}

func (n *NAT) drop(reason string) Verdict {
	switch reason {
	case NoMapping:
		n.counters.NoMapping++
	case FilteredAddress, FilteredAddressPort:
		n.counters.Filtered++
	case TableFull:
		n.counters.TableFull++
	case NoPort:
		n.counters.NoPort++
	case NoHairpin:
		n.counters.NoHairpin++
	case UDPBlocked:
		n.counters.UDPBlocked++
	case NotUDP4:
		n.counters.NotUDP4++
	}
	return Verdict{Action: Drop, Reason: reason}
}

func isUDP4(f Flow) bool {
	return f.Src.Addr().Is4() && f.Dst.Addr().Is4() && f.Src.Port() != 0 && f.Dst.Port() != 0
}
