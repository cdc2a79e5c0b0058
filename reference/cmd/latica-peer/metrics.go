package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"punchlist/reference/peer"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
	"punchlist/spec"
)

// healthWithin is how long the peer has to answer a question about itself.
const healthWithin = 2 * time.Second

// A monitor answers Prometheus and health checks over HTTP.
type monitor struct {
	listener net.Listener
	server   http.Server
}

// listen starts to listen, so that a wrong address is known before the peer runs.
func listen(address string, server *udp.Server, p *peer.Peer, isReady func() bool) (*monitor, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usage("metrics: %w", err)
	}
	if host == "" {
		host = "127.0.0.1" // who wants others to read them says so
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, usage("metrics: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{server: server, peer: p}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !isReady() {
			http.Error(w, "the peer does not answer", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return &monitor{listener: l, server: http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}}, nil
}

func (m *monitor) address() string { return m.listener.Addr().String() }

// serve answers until the context is cancelled.
func (m *monitor) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { m.server.Close() })()
	if err := m.server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A collector asks the peer whenever Prometheus asks.
type collector struct {
	server *udp.Server
	peer   *peer.Peer
}

var (
	descBuild     = desc("build_info", "1, of the version that runs.", "version")
	descDatagrams = desc("datagrams_total", "UDP datagrams, by direction.", "direction")
	descBytes     = desc("bytes_total", "UDP payload bytes, by direction.", "direction")
	descUnsent    = desc("unsent_total", "Datagrams that the kernel refused to send.")
	descReceived  = desc("packets_received_total", "Packets received, by type.", "type")
	descRejected  = desc("rejected_total", "Datagrams received that are no packet to handle, by reason.", "reason")
	descPeers     = desc("peers", "Known peers, by whether they are connected and configured as bootstrap peers.", "connected", "indexed")
	descSize      = desc("size", "How much the peer keeps of everything that can grow.", "of")
	descLimit     = desc("size_limit", "How much of it the peer keeps at most.", "of")
	descCache     = desc("cache_bytes", "Bytes of the packets in the cache.")
	descRounds    = desc("sync_rounds_total", "Root summaries sent to compare caches.")
	descSynced    = desc("sync_packets_total", "Packets that syncs moved, by direction.", "direction")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("latica_"+name, help, labels, nil)
}

// Describe describes nothing in advance: which sizes there are is the peer's
// business.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect asks the peer. Of one that does not answer in time nothing is told but
// that.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), healthWithin)
	defer cancel()
	var metrics []prometheus.Metric
	err := c.server.Do(ctx, func(time.Time) { metrics = c.collect() })
	if err != nil {
		out <- prometheus.NewInvalidMetric(descPeers, err)
		return
	}
	for _, m := range metrics {
		out <- m
	}
}

// collect is called where the peer may be used.
func (c *collector) collect() (all []prometheus.Metric) {
	add := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(d, kind, value, labels...))
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	add(descBuild, gauge, 1, spec.Version)
	t := c.server.Traffic()
	add(descDatagrams, counter, float64(t.In), "in")
	add(descDatagrams, counter, float64(t.Out), "out")
	add(descBytes, counter, float64(t.InBytes), "in")
	add(descBytes, counter, float64(t.OutBytes), "out")
	add(descUnsent, counter, float64(t.Unsent))

	n := c.peer.Counts()
	for packetType := wire.Ping; packetType <= wire.Query; packetType++ {
		add(descReceived, counter, float64(n.Packets[packetType]), packetType.String())
	}
	add(descRejected, counter, float64(n.Malformed), "malformed")
	add(descRejected, counter, float64(n.OtherVersion), "version")
	add(descRejected, counter, float64(n.Openers), "opener")

	var peers [2][2]int
	for _, p := range c.peer.Peers() {
		peers[index(p.Connected)][index(p.Indexed)]++
	}
	for connected, byIndexed := range peers {
		for indexed, n := range byIndexed {
			add(descPeers, gauge, float64(n), yesNo[connected], yesNo[indexed])
		}
	}
	for _, s := range c.peer.Sizes() {
		add(descSize, gauge, float64(s.Have), s.Name)
		add(descLimit, gauge, float64(s.Max), s.Name)
	}
	add(descCache, gauge, float64(c.peer.Cache().Bytes()))
	s := c.peer.SyncStats()
	add(descRounds, counter, float64(s.Rounds))
	add(descSynced, counter, float64(s.Gained), "in")
	add(descSynced, counter, float64(s.Packets), "out")
	return all
}

var yesNo = [2]string{"no", "yes"}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}
