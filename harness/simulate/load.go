package simulate

import (
	"fmt"
	"net/netip"

	"punchlist/harness/internet"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// Load counts what indexed peers get and send while the members of one cluster do
// nothing but stay members, by the number of members n beside B indexed peers, in
// a keepalive interval:
//
//   - each member's join is multicast once by each of the n + B peers, and each
//     multicast has an indexed peer among its targets, so that n (n+B) / B joins
//     come to each of them: the one part that grows with the square;
//   - each indexed peer multicasts each join once, to six: 6 n joins leave;
//   - a member's own join comes to one of the indexed peers, which sends up to 12
//     intros: 12 n / B leave;
//   - each member's heartbeat comes, and a connection ping for each join that comes
//     from a member itself: n + n/B, and the heartbeats of the other B - 1.
//
// These are counts of messages, as flooding has been analysed since its beginnings:
// Y. K. Dalal, R. M. Metcalfe, "Reverse path forwarding of broadcast packets",
// Communications of the ACM 21 (1978) 1040-1048.
type Load struct {
	Members []int `json:"members"` // a run for each
	Indexed int   `json:"indexed"`
}

// DefaultLoad shows the square in a minute.
var DefaultLoad = Load{Members: []int{20, 40, 80}, Indexed: 3}

func (Load) Name() string { return "load" }

// Validate says which parameter can't be.
func (x Load) Validate() error {
	if x.Indexed < 2 || x.Indexed > 20 {
		return fmt.Errorf("simulate: load: %d indexed peers, 2 to 20", x.Indexed)
	}
	if len(x.Members) == 0 {
		return fmt.Errorf("simulate: load: no number of members is given")
	}
	for _, n := range x.Members {
		if n < 12 || n > 500 {
			return fmt.Errorf("simulate: load: %d members, 12 (with fewer there is nobody left to be introduced) to 500", n)
		}
	}
	return nil
}

const (
	loadSettles = 20 * peer.DefaultKeepalive
	loadCounted = 10 // keepalive intervals
)

func (x Load) Run(e Env, seed int64) (Sample, error) {
	s := Sample{Seed: seed, Measured: map[string]float64{}}
	if err := x.Validate(); err != nil {
		return s, err
	}
	for i, n := range x.Members {
		if err := x.idle(e, &s, n); err != nil {
			return s, err
		}
		if e.Progress != nil {
			e.Progress(float64(i+1)/float64(len(x.Members)), "members")
		}
	}
	return s, nil
}

// idle counts for one number of members.
func (x Load) idle(e Env, s *Sample, count int) error {
	w := newWorld(s.Seed)
	if _, err := w.indexed(x.Indexed, peer.Config{}); err != nil {
		return err
	}
	if err := w.members(count, internet.Link{Latency: hostLatency}); err != nil {
		return err
	}
	if err := w.up(); err != nil {
		return err
	}
	counting := false
	measure := func(way string, datagram []byte) {
		if counting {
			part := 1 / float64(x.Indexed*loadCounted)
			s.Measured[fmt.Sprintf("%d %s %v", count, way, wire.TypeOf(datagram))] += part
			s.Measured[fmt.Sprintf("%d %s bytes", count, way)] += float64(len(datagram)) * part
		}
	}
	for _, n := range w.nodes {
		if n.config.Indexed {
			n.sent = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) { measure("out", datagram) }
			n.received = func(_ peer.Socket, _ netip.AddrPort, datagram []byte) { measure("in", datagram) }
		}
		n.begin()
	}
	if err := w.run(e.Context, w.now().Add(loadSettles), nil); err != nil {
		return err
	}
	counting = true
	return w.run(e.Context, w.now().Add(loadCounted*peer.DefaultKeepalive), nil)
}

// Judge holds each kind to its formula.
func (x Load) Judge(samples []Sample) []Row {
	var rows []Row
	b := float64(x.Indexed)
	for _, count := range x.Members {
		n := float64(count)
		measured := func(what string) float64 { return mean(values(samples, fmt.Sprintf("%d %s", count, what))) }
		for _, row := range []struct {
			what   string
			theory float64
		}{
			{"in " + wire.Join.String(), n * (n + b) / b},
			{"out " + wire.Join.String(), 6 * n},
			{"out " + wire.Intro.String(), 12 * n / b},
			{"in " + wire.Ping.String(), n + n/b + b - 1},
		} {
			v := measured(row.what)
			rows = append(rows, Row{What: fmt.Sprintf("%d members: %s, for each K", count, row.what), Measured: v, Theory: ref(row.theory), AtMost: ref(1.1 * row.theory), AtLeast: ref(0.9 * row.theory)})
		}
		rows = append(rows, Row{What: fmt.Sprintf("%d members: kB in and out, for each K", count), Measured: (measured("in bytes") + measured("out bytes")) / 1000})
	}
	return rows
}
