package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"punchlist/reference/peer"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

// serveSettings are the flags of serve.
type serveSettings struct {
	id              wire.ID
	dir             string
	address         netip.Addr
	port, probePort uint16
	bootstrap       []peer.Bootstrap
	limits          []limit
	keepalive       time.Duration
	stateEvery      time.Duration
	cachePackets    int
	metrics         string
	log             logSettings
}

func serveCommand() *cobra.Command {
	var s serveSettings
	c := &cobra.Command{
		Use:   "serve",
		Short: "Be a bootstrap peer: others find out by it what they are, and each other",
		Long: `Serve runs an indexed peer: one with a public address that peers are configured
with. It answers reflection pings, introduces those who join to each other,
relays and caches what it can't read. It needs no configuration but a public
address that reaches both of its UDP ports.

` + settingsHelp + `

With --dir it keeps its peerId in that folder (made at the first start, and
printed), so that peers find it again after a restart. Without it, and without
--id, it has another peerId each time. In the same folder it keeps its state,
which is the packets that it has for others and the peers that it knows: it is
replaced as a whole every --state-every and at the end. A corrupt one is set
aside as state.corrupt-TIME and reported, and the peer starts without.

SIGINT and SIGTERM end it in order; a second one at once.

Exit status: 0 stopped by a signal, 1 it failed, 2 it can't start with these
settings.`,
		Example: `  latica-peer serve --address 203.0.113.1 --dir /var/lib/latica
  latica-peer serve --config /etc/latica-peer.yaml --metrics 127.0.0.1:9779
  LATICA_PORT=9777 LATICA_LOG=json latica-peer serve`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			log, closeLog, err := s.log.settled(c)
			if err != nil {
				return err
			}
			defer closeLog()
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return serve(ctx, s, log)
		},
	}
	f := c.Flags()
	idFlag(f, &s.id, "id", "own `PEERID`, 64 hex digits")
	f.StringVar(&s.dir, "dir", "", "`FOLDER` to keep the peerId and the state in; it is made if it is missing")
	f.DurationVar(&s.stateEvery, "state-every", 5*time.Minute, "time between two writes of the state; at least 1s")
	f.Var(&one[netip.Addr]{into: &s.address, read: readAddress}, "address", "own public IPv4 `ADDRESS`; that of the only interface if left out")
	f.Uint16Var(&s.port, "port", 9777, "UDP port that peers are configured with")
	f.Uint16Var(&s.probePort, "probe-port", 9778, "UDP port that second answers come from, which shows peers how their NAT filters")
	bootstrapFlag(f, &s.bootstrap, "another bootstrap peer, `PEERID@ADDRESS:PORT`; may be given often")
	keepaliveFlag(f, &s.keepalive)
	f.IntVar(&s.cachePackets, "cache-packets", 0, "`NUMBER` of packets kept for others; 0: 6604")
	f.Var(&many[limit]{into: &s.limits, read: readLimit}, "limit", "a bound on what others can make it keep or do, `NAME=NUMBER`; may be given often.\nNames: "+strings.Join(limitNames(), ", "))
	f.StringVar(&s.metrics, "metrics", "", "`[HOST]:PORT` for Prometheus (/metrics) and health (/healthz), without HOST on loopback; off if left out")
	s.log.flags(f, slog.LevelInfo)
	return c
}

// config makes a peer's configuration of the settings.
func (s *serveSettings) config(log *slog.Logger) (peer.Config, error) {
	c := peer.Config{
		Indexed: true, MainPort: s.port, ProbePort: s.probePort, Keepalive: s.keepalive, Random: rand.Reader,
		Address: s.address, Bootstrap: s.bootstrap, Limits: peer.Limits{ReplicationLimits: peer.ReplicationLimits{CachePackets: s.cachePackets}},
	}
	var err error
	if c.ID, err = ownID(s.id, s.dir); err != nil {
		return c, err
	}
	if s.id.IsZero() && s.dir == "" {
		log.Warn("the peerId is a new one: give --dir, or peers won't find this one after a restart", "peerId", c.ID)
	}
	limits := limitsByName(&c.Limits)
	for _, l := range s.limits {
		*limits[l.name] = l.value
	}
	if s.cachePackets < 0 {
		return c, usage("cache-packets: %d is less than nothing", s.cachePackets)
	}
	if s.stateEvery < time.Second {
		return c, usage("state-every: %v is less than 1s", s.stateEvery)
	}
	if err := checkPorts(s.port, s.probePort); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// serve runs the peer until the context is cancelled.
func serve(ctx context.Context, s serveSettings, log *slog.Logger) error {
	config, err := s.config(log)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // who reads the log may end before the peer does
	state := newKeeper(s.dir, log)
	if config.State, err = state.load(); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	ready := false // used by the server's goroutine alone
	p := peer.New(time.Now(), config)
	if err := state.save(p.State()); err != nil { // better now than at the end
		return usageError{err}
	}
	if config.State != nil {
		log.Info("state restored", "packets", p.Cache().Len())
	}
	server := udp.NewServer(p, udp.Options{Ending: p.Stop, Event: func(e peer.Event) {
		if e.Kind == peer.Error && !ready {
			fail(usage("%s", e.Text))
			return
		}
		logEvent(log, e)
		switch {
		case e.Kind == peer.Ready:
			ready = true
		case e.Kind == peer.NAT && e.Addr.IsValid():
			log.Info("others are configured with", "bootstrap", fmt.Sprintf("%s@%s", p.Info().ID, e.Addr))
		case e.Kind == peer.NAT:
			log.Warn("the own address is unknown, so that this peer is no rendezvous: give --address")
		}
	}})
	isReady := func() (is bool) {
		within, cancel := context.WithTimeout(ctx, healthWithin)
		defer cancel()
		return server.Do(within, func(time.Time) { is = ready }) == nil && is
	}
	var others sync.WaitGroup
	defer others.Wait()
	if s.metrics != "" {
		monitor, err := listen(s.metrics, server, p, isReady)
		if err != nil {
			return err
		}
		log.Info("metrics", "address", monitor.address())
		others.Go(func() {
			if err := monitor.serve(ctx); err != nil {
				fail(err)
			}
		})
	}
	if state.path != "" {
		others.Go(func() { state.run(ctx, s.stateEvery, server, p) })
	}
	server.Run(ctx)
	others.Wait()
	// Also of one that failed: its state is as good as before.
	err = state.save(p.State())
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// ownID is the peerId of the settings, of the folder, or a new one that is put
// there.
func ownID(given wire.ID, dir string) (wire.ID, error) {
	if !given.IsZero() {
		return given, nil
	}
	if dir != "" {
		path := filepath.Join(dir, "peer-id")
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			id, err := readPeerID(firstLine(text))
			if err != nil {
				return id, usage("%s: %w; fix it, or remove it to become another peer", path, err)
			}
			return id, nil
		case !errors.Is(err, os.ErrNotExist):
			return wire.ID{}, usageError{err}
		}
	}
	var id wire.ID
	if _, err := rand.Read(id[:]); err != nil {
		return id, err
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return id, usageError{err}
		}
		if err := writeAtomically(filepath.Join(dir, "peer-id"), fmt.Appendln(nil, id)); err != nil {
			return id, usageError{err}
		}
	}
	return id, nil
}
