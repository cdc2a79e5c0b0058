package internet

import (
	"net/netip"
	"strings"
	"time"

	"punchlist/harness/nat"
)

// Public is the name of the realm that every topology has: the public
// internet, numbered from the documentation ranges of RFC 5737.
const Public = "public"

// A Topology says which internet exists: realms, the hosts in them, the NATs
// between them, and the links by which each is attached. A realm exists by
// being named: Public, or the inside of one NAT. Names of hosts, NATs and
// realms are all different.
type Topology struct {
	Hosts []Host
	NATs  []NAT
}

// A Host is a machine with one interface in one realm.
type Host struct {
	Name      string
	Realm     string
	Addresses int // how many addresses its interface has; 0 is 1
	Link      Link
}

// A NAT joins the realm Inside, whose router it is, to the realm Outside. A
// profile that is a chain (a NAT behind a NAT) makes as many NATs as it has
// parts: Name, Name-2 and so on outwards, with a realm Name-transit (or
// Name-2-transit …) before each further one; what is done to Name is then
// done to all of them, and Link is that of the outermost.
type NAT struct {
	Name    string
	Profile nat.Profile
	Inside  string
	Outside string
	Link    Link // its outside link
}

// A Link attaches a host or a NAT to its realm. The zero Link is perfect: no
// delay, no loss, an MTU of 1500 bytes, no limit of rate. Each property holds
// in each direction.
type Link struct {
	Latency   time.Duration // one way
	Jitter    time.Duration // added to Latency, uniform in [0, Jitter]; it does not change the order
	Loss      float64       // probability in [0, 1]
	Duplicate float64       // probability in [0, 1]
	Reorder   float64       // probability in [0, 1] of being overtaken by the next packet
	MTU       int           // bytes of the IP packet, 68 to 65535; 0 is 1500
	Rate      int64         // bits per second; 0 is unlimited
	Down      bool          // carries nothing; what is on the way still arrives
}

// A Change happens to a running network. Exactly one of the fields that name
// an action is set.
type Change struct {
	Node string // the host or NAT that it happens to

	Link         *Link         // replaces the impairments of its link
	Reboot       bool          // NAT: all mappings are lost, whatever its profile draws starts anew
	DropMappings bool          // NAT: the mappings are lost, the rest stays
	Readdress    bool          // NAT: new external addresses; its mappings are lost with the old ones
	Profile      *nat.Profile  // NAT that is no chain: behaves so from now on; its mappings are lost, its addresses stay
	AdvanceNAT   time.Duration // NAT: its own clock is put forward, so that mappings age
	Suspend      bool          // host: its testee is frozen, its link down; done by the lab
	Resume       bool          // host: the end of Suspend
}

// Addressing is what a host must know of its interface: its addresses, that
// everything else is reached by Gateway, and the largest packet it may send.
type Addressing struct {
	Addrs   []netip.Addr
	Gateway netip.Addr
	MTU     int
}

// List is the addresses with commas between them, as testees are told them.
func (a Addressing) List() string {
	texts := make([]string, len(a.Addrs))
	for i, addr := range a.Addrs {
		texts[i] = addr.String()
	}
	return strings.Join(texts, ",")
}
