package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"punchlist/harness/internet"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Birthday introduces two reference peers to each other, one behind a NAT whose
// ports can't be known, one behind a NAT that lets in whom it was sent to: the
// only pair of NAT types that has to guess.
type Birthday Pair

// DefaultBirthday is port-restricted against symmetric.
var DefaultBirthday = Birthday(DefaultPair)

func (Birthday) Name() string { return "birthday" }

const (
	// burstTime is how long a burst takes, with what may still be on its way.
	burstTime = probes*probeMS*time.Millisecond + time.Second
	// introducedWithin is how long the two may take to find out their NAT types,
	// to join, and to be introduced.
	introducedWithin = 2 * peer.DefaultKeepalive
	// openMS is between two openings of the reference.
	openMS = 1

	measuredConnectedMS = "ms until both are connected"
)

// Run lets the two meet once.
func (x Birthday) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	w := newWorld(seed)
	indexed, err := w.indexed(3, peer.Config{})
	if err != nil {
		return s, err
	}
	link := internet.Link{Latency: hostLatency}
	opener, err := w.add("opener", x.Opener, link, peer.Config{})
	if err != nil {
		return s, err
	}
	prober, err := w.add("prober", x.Prober, link, peer.Config{})
	if err != nil {
		return s, err
	}
	if err := w.up(); err != nil {
		return s, err
	}
	m := newMeeting(w, opener, prober)
	for _, n := range indexed {
		n.start()
	}
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	for _, n := range []*node{opener, prober} {
		// Not in step with each other, nor with the timers of bootstrap peers.
		pause := time.Duration(random.Int64N(int64(time.Second)))
		if err := w.run(e.Context, w.now().Add(pause), nil); err != nil {
			return s, err
		}
		n.start()
		n.tell(func(p *peer.Peer, now time.Time) { p.Join(now, members) })
	}
	if err := w.run(e.Context, w.now().Add(introducedWithin), func() bool { return !m.began.IsZero() }); err != nil {
		return s, err
	}
	if m.began.IsZero() {
		s.Broken = append(s.Broken, fmt.Sprintf("%v after their start no probe has been sent", introducedWithin))
		return s, nil
	}
	if err := w.run(e.Context, m.began.Add(burstTime), m.connected); err != nil {
		return s, err
	}
	s.Measured[measuredSockets] = float64(len(m.sockets))
	if m.connected() {
		s.Measured[measuredMS] = float64(m.contact.Sub(m.began)) / 1e6
		s.Measured[measuredProbes], s.Measured[measuredOpeners] = float64(m.probes), float64(m.openers)
		s.Measured[measuredConnectedMS] = float64(w.now().Sub(m.began)) / 1e6
	}
	return s, nil
}

// A meeting is two peers that look for each other, as seen on the wire and as
// they say themselves.
type meeting struct {
	began   time.Time // the first probe was sent
	contact time.Time // something of one first reached the other
	probes  int       // sent until then
	openers int       // sent until then
	sockets map[peer.Socket]bool
	says    [2]bool // opener, prober: it is connected to the other one, not by a proxy
}

func newMeeting(w *world, opener, prober *node) *meeting {
	m := &meeting{sockets: map[peer.Socket]bool{}}
	pair := [2]*node{opener, prober}
	for i, n := range pair {
		other := pair[1-i]
		n.event = func(e peer.Event) {
			if e.PeerID == other.id && (e.Kind == peer.Connection || e.Kind == peer.Disconnection) {
				m.says[i] = e.Kind == peer.Connection && e.Proxy.IsZero()
			}
		}
		n.received = func(_ peer.Socket, from netip.AddrPort, _ []byte) {
			if m.contact.IsZero() && w.internet.Network.Owner(from.Addr()) == "nat-"+other.name {
				m.contact = w.now()
			}
		}
	}
	prober.sent = func(via peer.Socket, _ netip.AddrPort, _ []byte) {
		if via < peer.Pool {
			return
		}
		if m.began.IsZero() {
			m.began = w.now()
		}
		m.sockets[via] = true
		if m.contact.IsZero() {
			m.probes++
		}
	}
	opener.sent = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) {
		if m.contact.IsZero() && wire.IsOpener(datagram) {
			m.openers++
		}
	}
	return m
}

func (m *meeting) connected() bool { return m.says[0] && m.says[1] && !m.contact.IsZero() }

const (
	// requiredOf is the lower bound of the success that is required, where so many
	// seeds are run.
	required   = 0.98
	requiredOf = 10_000
)

// Judge wants the success of 256 ports against 1,024 probes. Of fewer seeds than
// requiredOf the bound is so much lower that a peer which does as theory says
// misses it once in a thousand times.
func (x Birthday) Judge(samples []Sample) []Row {
	p := pacing{Pool: pool}
	rows := traversalRows(samples, p, openMS)
	n := len(samples)
	succeeded := len(values(samples, measuredMS))
	expected := 1 - apart(ports, opened, p.Pool)
	least := Row{
		What: "... its 99 % lower confidence bound", Unit: "%", Measured: lowerBound(succeeded, n),
		Theory: ref(lowerBound(int(expected*float64(n)), n)), AtLeast: ref(required),
	}
	if n < requiredOf {
		least.AtLeast = ref(min(required, lowerBound(fewest(n, expected, 1000), n)))
		least.Note = fmt.Sprintf("%.0f %% with %d seeds", 100*required, requiredOf)
	}
	if succeeded == 0 {
		return append(rows, least)
	}
	return append(rows, least,
		Row{What: "openers until success: mean", Measured: mean(values(samples, measuredOpeners))},
		Row{What: "different sockets that probed: most", Measured: quantile(values(samples, measuredSockets), 1), Theory: ref(pool)},
		Row{What: "milliseconds until both are connected: mean", Unit: "ms", Measured: mean(values(samples, measuredConnectedMS))},
	)
}
