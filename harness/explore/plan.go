// Package explore makes up worlds and histories from a seed, plays them in a lab, and has the
// oracle judge every peer in them. A history that leads to a finding is shrunk to one that a
// person can read.
package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A Plan is a world and its history. It is a function of its seed; shrinking takes parts away.
type Plan struct {
	Seed      int64         `json:"seed"`
	Subject   string        `json:"subject,omitempty"` // host; empty: the seed draws one
	Keepalive time.Duration `json:"keepalive"`         // K of all peers
	Hosts     []Host        `json:"hosts"`
	Ops       []Op          `json:"ops"`    // in order of time
	Length    time.Duration `json:"length"` // of the lab's clock
}

// A Host is one of the world, behind a NAT of its own or in public.
type Host struct {
	Name      string        `json:"name"`
	Profile   string        `json:"profile"`             // of its NAT
	Behind    string        `json:"behind,omitempty"`    // another host whose NAT it shares
	Bootstrap bool          `json:"bootstrap,omitempty"` // runs an indexed peer
	Injector  bool          `json:"injector,omitempty"`  // runs a scripted end instead of a peer
	Latency   time.Duration `json:"latency"`
	Jitter    time.Duration `json:"jitter,omitempty"`
	Loss      float64       `json:"loss,omitempty"`
	Duplicate float64       `json:"duplicate,omitempty"`
	Reorder   float64       `json:"reorder,omitempty"`
}

// An Op is one thing that happens.
type Op struct {
	At    time.Duration `json:"at"` // after the world came up
	Do    Kind          `json:"do"`
	Host  string        `json:"host"`
	Peer  string        `json:"peer,omitempty"` // of a stream, a sync, an attack
	Sub   int           `json:"sub,omitempty"`  // subcluster, from 0
	N     int           `json:"n,omitempty"`    // bytes of a message, or the variant of an attack
	TTL   time.Duration `json:"ttl,omitempty"`  // 0: six hours
	Sign  bool          `json:"sign,omitempty"`
	Named bool          `json:"named,omitempty"` // a publish of a named event
}

// A Kind is what an Op does.
type Kind string

// The kinds.
const (
	Join     Kind = "join"
	Leave    Kind = "leave"
	Publish  Kind = "publish"
	Stream   Kind = "stream"
	Query    Kind = "query"  // for a packet that the host has seen, or for anything
	Sync     Kind = "sync"   // the application asks for one
	Cache    Kind = "cache"  // the harness asks what the cache holds
	Stop     Kind = "stop"   // the peer ends
	Start    Kind = "start"  // ... and starts again without a state
	Resume   Kind = "resume" // ... with the state that it had when it stopped
	Sleep    Kind = "sleep"
	Wake     Kind = "wake"
	Freeze   Kind = "freeze" // the host is suspended
	Thaw     Kind = "thaw"
	Down     Kind = "down" // the link carries nothing
	Up       Kind = "up"
	Reboot   Kind = "reboot"   // the NAT forgets its mappings
	Renumber Kind = "renumber" // the NAT gets other addresses
	Pass     Kind = "pass"     // nothing; time passes
	Fill     Kind = "fill"     // many short messages are published at once
	Attack   Kind = "attack"   // an injector does something to Peer
)

// String is an op as one line.
func (o Op) String() string {
	text := fmt.Sprintf("%8.3fs %s %s", o.At.Seconds(), o.Host, o.Do)
	if o.Peer != "" {
		text += " " + o.Peer
	}
	switch o.Do {
	case Join, Leave, Publish, Stream:
		text += fmt.Sprintf(" subcluster %d", o.Sub)
	case Attack:
		text += " " + attacks[o.N%len(attacks)].name
	}
	if o.Do == Publish || o.Do == Stream {
		text += fmt.Sprintf(", %d bytes", o.N)
		if o.TTL > 0 {
			text += fmt.Sprintf(", ttl %v", o.TTL)
		}
	}
	return text
}

// profiles are those of hosts, the commoner ones more often.
var profiles = []string{
	"open", "open", "full-cone", "address-restricted", "port-restricted", "port-restricted", "home-router", "symmetric", "symmetric-sequential",
	"carrier", "cgnat", "hotspot", "corporate",
}

// sizes are lengths of messages, most of them at a boundary: 160 bytes are what sealing adds, and
// 1,024 what one packet holds.
var sizes = []int{0, 1, 63, 64, 65, 863, 864, 865, 1023, 1024, 1025, 1887, 1888, 1889, 2048, 5000, 10_080, 20_000}

// Make draws a plan.
func Make(seed int64) Plan {
	r := rand.New(rand.NewPCG(uint64(seed), 0x6c617469636176))
	p := Plan{Seed: seed, Keepalive: 30 * time.Second, Length: 10 * time.Minute}
	link := func(h Host) Host {
		h.Latency = time.Duration(5+r.IntN(60)) * time.Millisecond
		if r.IntN(3) == 0 {
			h.Jitter = time.Duration(r.IntN(30)) * time.Millisecond
			h.Loss = float64(r.IntN(8)) / 100
			h.Duplicate = float64(r.IntN(4)) / 100
			h.Reorder = float64(r.IntN(4)) / 100
		}
		return h
	}
	if r.IntN(8) == 0 { // hours pass: what is good for ever shows, and what is for six hours ends
		p.Keepalive, p.Length = 10*time.Minute, 7*time.Hour
	}
	profile := func() string {
		if p.Length > time.Hour { // a NAT forgets a peer between two heartbeats
			return "open"
		}
		return profiles[r.IntN(len(profiles))]
	}
	for i := range 2 + r.IntN(2) {
		p.Hosts = append(p.Hosts, Host{Name: fmt.Sprintf("boot%d", i+1), Profile: "open", Bootstrap: true, Latency: 10 * time.Millisecond})
	}
	var peers []string
	for i := range 3 + r.IntN(7) {
		name := fmt.Sprintf("peer%d", i+1)
		p.Hosts = append(p.Hosts, link(Host{Name: name, Profile: profile()}))
		peers = append(peers, name)
	}
	p.Hosts = append(p.Hosts, Host{Name: "mallory", Profile: "open", Injector: true, Latency: 10 * time.Millisecond})
	if neighbour := peers[r.IntN(len(peers))]; p.host(neighbour).Profile != "open" {
		p.Hosts = append(p.Hosts, Host{Name: "eve", Behind: neighbour, Injector: true, Latency: 5 * time.Millisecond})
	}
	p.history(r, peers)
	return p
}

// history draws what happens.
func (p *Plan) history(r *rand.Rand, peers []string) {
	subs := 1 + r.IntN(3)
	all := slices.Clone(peers)
	for _, h := range p.Hosts {
		if h.Bootstrap {
			all = append(all, h.Name)
		}
	}
	var attackers []string
	for _, h := range p.Hosts {
		if h.Injector {
			attackers = append(attackers, h.Name)
		}
	}
	add := func(o Op) { p.Ops = append(p.Ops, o) }
	scale := p.Keepalive / (30 * time.Second)
	for _, name := range peers {
		late := r.IntN(4) == 0
		for sub := range subs {
			switch {
			case sub > 0 && r.IntN(2) == 0:
			case late:
				add(Op{At: between(r, time.Second, p.Length/2), Do: Join, Host: name, Sub: sub})
			default:
				add(Op{At: between(r, time.Second, 30*time.Second), Do: Join, Host: name, Sub: sub})
			}
		}
	}
	if r.IntN(6) == 0 {
		add(Op{At: between(r, 40*time.Second, p.Length/3), Do: Fill, Host: peers[r.IntN(len(peers))], N: 100 + r.IntN(300)})
	}
	publish := func(at time.Duration, host string, sub int) Op {
		o := Op{At: at, Do: Publish, Host: host, Sub: sub, N: sizes[r.IntN(len(sizes))], Sign: r.IntN(4) == 0, Named: r.IntN(3) == 0}
		if r.IntN(4) == 0 {
			o.TTL = between(r, time.Second, 3*time.Minute)
		}
		return o
	}
	// meanwhile adds what two features make together: what is published, streamed and asked while a
	// peer is away, by it and by others, and what it does right after.
	meanwhile := func(from, to time.Duration, host, other string, sub int) {
		within := func() time.Duration { return between(r, from, to+time.Second) }
		for range 1 + r.IntN(3) {
			switch r.IntN(6) {
			case 0, 1:
				add(publish(within(), host, sub))
			case 2:
				add(publish(within(), other, sub))
			case 3:
				add(Op{At: within(), Do: Stream, Host: other, Peer: host, Sub: sub, N: sizes[r.IntN(len(sizes))]})
			case 4:
				add(Op{At: to + time.Second, Do: Sync, Host: host, Peer: other})
			case 5:
				add(Op{At: to + 20*time.Second, Do: Cache, Host: host})
			}
		}
	}
	for range 30 + r.IntN(40) {
		at := between(r, 20*time.Second, p.Length-time.Minute)
		host := peers[r.IntN(len(peers))]
		other := peers[r.IntN(len(peers))]
		sub := r.IntN(subs)
		back := min(at+between(r, 5*time.Second, 150*time.Second)*scale, p.Length-50*time.Second)
		switch n := r.IntN(100); {
		case n < 30:
			add(publish(at, host, sub))
		case n < 42:
			add(Op{At: at, Do: Stream, Host: host, Peer: other, Sub: sub, N: sizes[r.IntN(len(sizes))]})
		case n < 50:
			add(Op{At: at, Do: Query, Host: host, N: r.IntN(3)})
		case n < 53:
			add(Op{At: at, Do: Sync, Host: host, Peer: other})
		case n < 58:
			add(Op{At: at, Do: Cache, Host: all[r.IntN(len(all))]})
		case n < 61:
			add(Op{At: at, Do: Stop, Host: host})
			add(Op{At: back, Do: Start, Host: host})
			add(Op{At: back + between(r, time.Second, 40*time.Second), Do: Join, Host: host, Sub: sub})
			meanwhile(at, back, host, other, sub)
		case n < 65:
			add(Op{At: at, Do: Stop, Host: host})
			add(Op{At: back, Do: Resume, Host: host})
			add(Op{At: back + between(r, time.Second, 40*time.Second), Do: Join, Host: host, Sub: sub})
			meanwhile(at, back, host, other, sub)
		case n < 68:
			add(Op{At: at, Do: Sleep, Host: host})
			add(Op{At: back, Do: Wake, Host: host})
			meanwhile(at, back, host, other, sub)
		case n < 70:
			add(Op{At: at, Do: Freeze, Host: host})
			add(Op{At: back, Do: Thaw, Host: host})
		case n < 72:
			add(Op{At: at, Do: Down, Host: host})
			add(Op{At: back, Do: Up, Host: host})
			meanwhile(at, back, host, other, sub)
		case n < 74:
			add(Op{At: at, Do: Reboot, Host: host})
		case n < 75:
			add(Op{At: at, Do: Renumber, Host: host})
		case n < 77:
			add(Op{At: at, Do: Leave, Host: host, Sub: sub})
		case n < 78:
			add(Op{At: at, Do: Join, Host: host, Sub: sub})
		default:
			add(Op{At: at, Do: Attack, Host: attackers[r.IntN(len(attackers))], Peer: all[r.IntN(len(all))], N: r.IntN(len(attacks))})
		}
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(o Op) bool { return o.At > p.Length })
	slices.SortStableFunc(p.Ops, func(a, b Op) int { return int(a.At - b.At) })
}

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64((to-from)/time.Millisecond)))*time.Millisecond
}

func (p *Plan) host(name string) *Host {
	for i := range p.Hosts {
		if p.Hosts[i].Name == name {
			return &p.Hosts[i]
		}
	}
	return nil
}

// Lines are the hosts and events as a person reads them.
func (p Plan) Lines() (lines []string) {
	for _, h := range p.Hosts {
		text := "host " + h.Name
		switch {
		case h.Behind != "":
			text += " beside " + h.Behind
		case h.Profile == "open":
			text += " on the public internet"
		default:
			text += " behind a " + h.Profile + " NAT"
		}
		switch {
		case h.Bootstrap:
			text += ", a bootstrap peer"
		case h.Injector:
			text += ", an injector"
		}
		if h.Loss+h.Duplicate+h.Reorder > 0 || h.Jitter > 0 {
			text += fmt.Sprintf(", link with jitter %v, loss %.2f, duplicates %.2f, reordering %.2f", h.Jitter, h.Loss, h.Duplicate, h.Reorder)
		}
		lines = append(lines, text)
	}
	for _, o := range p.Ops {
		lines = append(lines, o.String())
	}
	return append(lines, fmt.Sprintf("%8.3fs the end", p.Length.Seconds()))
}

// Bounds of a plan that comes from a file.
const (
	maxHosts  = 200
	maxOps    = 10_000
	maxLength = 24 * time.Hour
)

// Validate reports what of a plan can't be played, and where.
func (p Plan) Validate() error {
	if len(p.Hosts) == 0 || len(p.Hosts) > maxHosts || len(p.Ops) > maxOps {
		return fmt.Errorf("a world has 1 to %d hosts and at most %d ops, got %d and %d", maxHosts, maxOps, len(p.Hosts), len(p.Ops))
	}
	if p.Length <= 0 || p.Length > maxLength || p.Keepalive < 2500*time.Millisecond || p.Keepalive > time.Hour {
		return fmt.Errorf("length must be at most %v and keepalive 2.5s to 1h, got %v and %v", maxLength, p.Length, p.Keepalive)
	}
	peers := 0
	names := map[string]bool{}
	for i, h := range p.Hosts {
		if h.Name == "" || names[h.Name] {
			return fmt.Errorf("hosts[%d]: the name %q is empty, or another host has it", i, h.Name)
		}
		names[h.Name] = true
		if !h.Injector {
			peers++
		}
	}
	if peers == 0 {
		return fmt.Errorf("no host runs a peer")
	}
	for i, o := range p.Ops {
		switch {
		case o.N < 0 || o.N > 1<<20:
			return fmt.Errorf("ops[%d]: n must be 0 to %d, got %d", i, 1<<20, o.N)
		case o.Sub < 0 || o.Sub > 63:
			return fmt.Errorf("ops[%d]: sub must be 0 to 63, got %d", i, o.Sub)
		case i > 0 && o.At < p.Ops[i-1].At:
			return fmt.Errorf("ops[%d]: at %v is before the op above", i, o.At)
		}
	}
	return nil
}
