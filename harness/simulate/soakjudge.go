package simulate

import (
	"fmt"
	"slices"
	"strings"

	"punchlist/reference/wire"
)

// What a soak measures beside the sizes.
const (
	soakStops   = "stops"
	soakSleeps  = "sleeps"
	soakReboots = "reboots"

	soakApart     = "apart: longest"
	soakApart99   = "apart: 99th percentile"
	soakApartHalf = "apart: median"
	soakTook99    = "delivery: 99th percentile"
	soakTook      = "delivery: longest"
	soakLate99    = "delivery after being away: 99th percentile"
	soakLate      = "delivery after being away: longest"
	soakDelivered = "deliveries"
	soakStreams   = "streams"
	soakStreamed  = "streams that arrived"
	soakHeap      = "heap at half time"
	soakHeapGrows = "heap growth in the second half"

	soakSent  = "sent: "
	sizeMost  = "most: "
	sizeBound = "bound: "
	sizeGrows = "growth: "
)

// growth is how much the second half of a series rises from its begin to its end,
// by its trend, as a part of its mean.
func growth(series []float64) float64 {
	half := series[len(series)/2:]
	level := mean(half)
	if len(half) < 2 || level == 0 {
		return 0
	}
	return trend(half) * float64(len(half)-1) / level
}

// trafficName is how packets of a type are called, and what opens ports.
func trafficName(t int) string {
	if t == 0 {
		return "opener"
	}
	return wire.Type(t).String()
}

// conclude turns what was watched into measures.
func (s *soaking) conclude() {
	m := s.sample.Measured
	m[soakApart], m[soakApart99], m[soakApartHalf] = s.links.apart.most, s.links.apart.quantile(0.99), s.links.apart.quantile(0.5)
	m[soakTook], m[soakTook99] = s.messages.took.most, s.messages.took.quantile(0.99)
	m[soakLate], m[soakLate99] = s.messages.late.most, s.messages.late.quantile(0.99)
	m[soakDelivered] = float64(s.messages.took.total + s.messages.late.total)
	m[soakStreams], m[soakStreamed] = float64(s.streams.sent), float64(s.streams.arrival)
	for t, sent := range s.traffic {
		m[soakSent+trafficName(t)] = sent / float64(len(s.w.nodes)) / (s.Hours * 3600)
	}
	for i, name := range s.sizes.names {
		m[sizeMost+name], m[sizeBound+name] = float64(s.sizes.most[i]), float64(s.sizes.bound[i])
		if minutes := s.sizes.minutes[i]; mean(minutes[len(minutes)/2:]) > noise {
			m[sizeGrows+name] = growth(minutes)
		}
	}
	if len(s.heap) > 0 {
		m[soakHeap] = mean(s.heap[len(s.heap)/2:])
		m[soakHeapGrows] = growth(s.heap)
	}
}

const (
	// noise is how much of something each peer has to keep on average before its
	// growth is looked at: a few entries more or less are no trend.
	noise = 10
	// maxGrowth is the growth of a size in the second half that counts as none.
	// What grows steadily from nothing rises by two thirds of its mean in the second
	// half, however long the run; peers that come and go make some of it too.
	maxGrowth = 1.0 / 3
	// maxHeapGrowth is the same of the heap, most of which is there from the start.
	maxHeapGrowth = 0.1
	// leastStreamed is the part of streams that has to arrive. Each is sent once, over
	// two lossy links, or four by a proxy.
	leastStreamed = 0.93
)

// Judge wants nothing broken, every size within its bound, and no growth.
func (x Soak) Judge(samples []Sample) []Row {
	worst := func(name string) float64 { return quantile(values(samples, name), 1) }
	k := func(what, name string) Row {
		return Row{What: what, Unit: "K", Measured: worst(name) / soakK.Seconds()}
	}
	bounded := func(r Row, seconds float64) Row {
		r.AtMost = ref(seconds / soakK.Seconds())
		return r
	}
	rows := []Row{
		{What: "peers stopped and started", Measured: mean(values(samples, soakStops))},
		{What: "machines put to sleep", Measured: mean(values(samples, soakSleeps))},
		{What: "NATs rebooted", Measured: mean(values(samples, soakReboots))},
		{What: "messages delivered", Measured: mean(values(samples, soakDelivered)), AtLeast: ref(1)},
		k("two members apart: median", soakApartHalf),
		bounded(k("two members apart: 99th percentile", soakApart99), maxConnectedWithin.Seconds()),
		bounded(k("two members apart: longest", soakApart), connectedWithin.Seconds()),
		k("message to a member in peace: 99th percentile", soakTook99),
		bounded(k("message to a member in peace: longest", soakTook), deliveredWithin.Seconds()),
		k("message to a member that was away: 99th percentile", soakLate99),
		bounded(k("message to a member that was away: longest", soakLate), deliveredWithin.Seconds()),
	}
	if sent := mean(values(samples, soakStreams)); sent > 0 {
		rows = append(rows, Row{
			What: fmt.Sprintf("%.0f streams between members in peace: arrived", sent), Unit: "%", Measured: mean(values(samples, soakStreamed)) / sent,
			Theory: ref((1 - x.Loss) * (1 - x.Loss)), AtLeast: ref(leastStreamed),
		})
	}
	if len(values(samples, soakHeap)) > 0 {
		rows = append(rows,
			Row{What: "heap of the process in the second half", Unit: "MiB", Measured: worst(soakHeap) / (1 << 20)},
			Row{What: "heap growth in the second half", Unit: "%", Measured: worst(soakHeapGrows), AtMost: ref(maxHeapGrowth)},
		)
	}
	for t := range int(wire.Query) + 1 {
		name := trafficName(t)
		rows = append(rows, Row{What: "datagrams that a peer sends: " + name, Unit: "/s", Measured: mean(values(samples, soakSent+name))})
	}
	for _, name := range sizeNames(samples) {
		row := Row{What: "most of " + name + " in one peer", Measured: worst(sizeMost + name), AtMost: ref(worst(sizeBound + name))}
		rows = append(rows, row)
		if grows := values(samples, sizeGrows+name); len(grows) > 0 {
			rows = append(rows, Row{What: fmt.Sprintf("growth of %s in the second half", name), Unit: "%", Measured: quantile(grows, 1), AtMost: ref(maxGrowth)})
		}
	}
	return rows
}

// sizeNames are the names of sizes in the samples, sorted.
func sizeNames(samples []Sample) []string {
	var names []string
	// order-free: sorted below
	for name := range samples[0].Measured {
		if name, ok := strings.CutPrefix(name, sizeMost); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
