package simulate

import "fmt"

// Pair is the two sides of a birthday experiment.
type Pair struct {
	Opener string `json:"opener"` // NAT profile of the side that opens ports
	Prober string `json:"prober"` // NAT profile of the side that probes
}

// DefaultPair is the only pair of NAT types that has to guess.
var DefaultPair = Pair{Opener: "port-restricted", Prober: "symmetric"}

// What the birthday experiments measure of one seed. A seed without success has
// no measuredMS and measuredProbes.
const (
	measuredMS      = "ms"      // from the first probe until something got through
	measuredProbes  = "probes"  // sent until then
	measuredOpeners = "openers" // sent until then
	measuredSockets = "sockets" // different ones that probes were sent from
)

// traversalRows are those of both birthday experiments. The first is the part
// that succeeded.
func traversalRows(samples []Sample, p pacing, openMS float64) []Row {
	n := len(samples)
	every := func(float64) bool { return true }
	part := func(name string, fits func(v float64) bool) float64 {
		return float64(count(samples, name, fits)) / float64(n)
	}
	chances := p.successBy(openMS)
	rows := []Row{
		{What: "success after the full burst", Unit: "%", Measured: part(measuredMS, every), Theory: ref(chances[probes])},
		{
			What: fmt.Sprintf("success before the %d ms after which a deployed peer takes the proxy", fallbackMS), Unit: "%",
			Measured: part(measuredMS, func(ms float64) bool { return ms < fallbackMS }), Theory: ref(chances[fallbackMS/probeMS]),
		},
	}
	sent := values(samples, measuredProbes)
	if len(sent) == 0 {
		return rows
	}
	rows = append(rows, Row{What: "probes until success: mean", Measured: mean(sent), Theory: ref(meanOf(chances))})
	for _, q := range []struct {
		name string
		part float64
	}{{"median", 0.5}, {"90th percentile", 0.9}, {"99th percentile", 0.99}} {
		rows = append(rows, Row{
			What: "probes until success: " + q.name, Measured: quantile(sent, q.part), Theory: ref(quantileOf(chances, q.part)),
		})
	}
	return append(rows, Row{What: "milliseconds until success: mean", Unit: "ms", Measured: mean(values(samples, measuredMS))})
}
