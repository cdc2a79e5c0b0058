package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"punchlist/reference/linequeue"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

// joinSettings are the flags of join.
type joinSettings struct {
	id, to                            wire.ID
	cluster, keyFile, signFile, event string
	port, probePort                   uint16
	bootstrap                         []peer.Bootstrap
	keepalive, timeout                time.Duration
	json, follow, whole, quiet        bool
	log                               logSettings
}

func joinCommand() *cobra.Command {
	var s joinSettings
	c := &cobra.Command{
		Use:   "join",
		Short: "Join a subcluster: send each line of stdin, print what arrives",
		Long: `Join is a member of a subcluster. Each line of stdin it seals and publishes to
all members; with --to it streams them to one. What arrives it opens and prints.
The members are found through bootstrap peers, and through NATs.

On stdout there are messages and nothing else, one a line:

  good evening                    was published
  <8f3a…64 digits in all…> hello  was streamed to this member, by that one
  "two\nlines"                    quoted, as in Go or JSON: it is more than plain
                                  text, or begins with " or <

Nothing of a message reaches a terminal that could do something to it. A name is
what a sender says of itself: who has the shared key can say another one.
With --json each is an object:

  {"event":"packet","time":…,"packetId":…,"message":"good evening","opened":true,"verified":false,"hops":1}
  {"event":"stream","time":…,"peerId":…,"packetId":…,"hex":"00ff",…}

with "hex" instead of "message" where it is no UTF-8, and "verified" where it is
signed by the key that it names, which vouches for little.

What happens is told on stderr, unless --quiet: the own peerId, who is connected
or lost, and who is a member or none any more. Members are told of by joins of
their own, the last of which counts for eight heartbeats.

A message has up to 1 MiB, a line or, with --whole, all of stdin. What is longer
than a datagram is split. Members take 1024 packets a minute of one publisher:
who reads more has to wait. A message is published once somebody is there for
it, and others keep it for hours: who joins later gets it too. A stream is sent
to who is connected, and has no answer: what the network loses of it is lost.

` + settingsHelp + `

The shared key comes from --key-file (64 hex digits, or anything else that
members have agreed on), or from LATICA_KEY; never from the command line, which
others on the machine can see.

It ends when stdin does and all has been sent to somebody, or with --follow at a
signal: SIGINT, SIGTERM or SIGHUP; a second one ends it at once.

Exit status: 0 done, 1 something could not be sent, not in time, or not before the
signal, 2 it can't start with these settings.`,
		Example: `  latica-peer keygen --out our.key
  latica-peer join --cluster my-app --key-file our.key --bootstrap ID@203.0.113.1:9777 --bootstrap ID@203.0.113.2:9777 --follow
  date | LATICA_KEY=… latica-peer join --config ~/.latica.yaml --event time
  latica-peer join --config ~/.latica.yaml --to PEERID < lines.txt
  latica-peer join --config ~/.latica.yaml --to PEERID --timeout 20s < /dev/null   # is it there?
  latica-peer join --config ~/.latica.yaml --whole < picture.png
  latica-peer join --config ~/.latica.yaml --follow --json < /dev/null | jq -r .message`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			log, closeLog, err := s.log.settled(c)
			if err != nil {
				return err
			}
			defer closeLog()
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return join(ctx, s, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), log)
		},
	}
	f := c.Flags()
	f.StringVar(&s.cluster, "cluster", "", "`TEXT` that names the cluster, the same for all its members")
	f.StringVar(&s.keyFile, "key-file", "", "`FILE` whose first line is the shared key")
	idFlag(f, &s.to, "to", "stream to the one member `PEERID`, instead of publishing to all")
	f.BoolVar(&s.whole, "whole", false, "send all of stdin as one message, instead of each line")
	f.BoolVar(&s.follow, "follow", false, "stay when stdin ends")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long to wait for somebody to send to: for --to before what is sent, for all at the end; 0: for ever")
	f.BoolVar(&s.json, "json", false, "print messages, and what happens, as JSON, one object a line")
	f.BoolVar(&s.quiet, "quiet", false, "don't tell on stderr what happens")
	f.StringVar(&s.signFile, "sign", "", "`FILE` whose first line is a signing seed, see keygen --signing")
	f.StringVar(&s.event, "event", "", "event `NAME` to send under")
	idFlag(f, &s.id, "id", "own `PEERID`, 64 hex digits; a new one if left out")
	f.Uint16Var(&s.port, "port", 0, "UDP port; 0: any")
	f.Uint16Var(&s.probePort, "probe-port", 0, "second UDP port; 0: any")
	bootstrapFlag(f, &s.bootstrap, "a bootstrap peer, `PEERID@ADDRESS:PORT`; may be given often, and two are needed")
	keepaliveFlag(f, &s.keepalive)
	s.log.flags(f, slog.LevelWarn)
	return c
}

// sharedKey is what the members share.
func (s *joinSettings) sharedKey() ([32]byte, error) {
	text := os.Getenv("LATICA_KEY")
	if s.keyFile != "" {
		file, err := os.ReadFile(s.keyFile)
		if err != nil {
			return [32]byte{}, usage("key-file: %w", err)
		}
		text = firstLine(file)
	}
	if text == "" {
		return [32]byte{}, usage("there is no shared key: give --key-file, or set LATICA_KEY; latica-peer keygen makes one")
	}
	if key, err := wire.ParseID(text); err == nil {
		return key, nil
	}
	return seal.SharedKey(text), nil
}

func (s *joinSettings) config() (peer.Config, error) {
	c := peer.Config{MainPort: s.port, ProbePort: s.probePort, Keepalive: s.keepalive, Bootstrap: s.bootstrap, Random: rand.Reader}
	var err error
	if c.ID, err = ownID(s.id, ""); err != nil {
		return c, err
	}
	if s.cluster == "" {
		return c, usage("there is no cluster: give --cluster, a text that all members know")
	}
	c.ClusterID = seal.ClusterID(s.cluster)
	if len(c.Bootstrap) == 0 {
		return c, usage("there is no bootstrap peer: give --bootstrap PEERID@ADDRESS:PORT, twice or more")
	}
	if s.to == c.ID {
		return c, usage("to: that is the own peerId")
	}
	if s.timeout < 0 {
		return c, usage("timeout: %v is less than nothing", s.timeout)
	}
	if err := checkPorts(s.port, s.probePort); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

func (s *joinSettings) signingKey() (ed25519.PrivateKey, error) {
	if s.signFile == "" {
		return nil, nil
	}
	file, err := os.ReadFile(s.signFile)
	if err != nil {
		return nil, usage("sign: %w", err)
	}
	seed, err := wire.ParseID(firstLine(file))
	if err != nil {
		return nil, usage("sign: %s: %w", s.signFile, err)
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}

// join runs the member until its input ends, or the context is cancelled.
func join(ctx context.Context, s joinSettings, in io.Reader, out, errOut io.Writer, log *slog.Logger) error {
	config, err := s.config()
	if err != nil {
		return err
	}
	shared, err := s.sharedKey()
	if err != nil {
		return err
	}
	signing, err := s.signingKey()
	if err != nil {
		return err
	}
	// Lines are written by goroutines of their own: the peer waits for no reader.
	arrived := printer{out: linequeue.NewWriter(out), json: s.json, color: colorful(out)}
	notes := printer{out: linequeue.NewWriter(errOut), json: s.json, color: colorful(errOut), quiet: s.quiet}
	err = runMember(ctx, config, &member{
		keys: seal.NewKeys(shared), event: s.event, signing: signing, to: s.to, timeout: s.timeout, follow: s.follow, notes: notes,
	}, in, s.whole, arrived, log)
	_ = notes.out.Close()
	if closed := arrived.out.Close(); err == nil && closed != nil {
		err = fmt.Errorf("stdout: %w", closed)
	}
	return err
}

var errDone = errors.New("all was sent")

func runMember(ctx context.Context, config peer.Config, m *member, in io.Reader, whole bool, arrived printer, log *slog.Logger) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ready := false
	m.peer = peer.New(time.Now(), config)
	m.server = udp.NewServer(m.peer, udp.Options{Ending: m.peer.Stop, Event: func(e peer.Event) {
		if e.Kind == peer.Error && !ready {
			end(usage("%s", e.Text))
			return
		}
		now := time.Now()
		logEvent(log, e)
		m.notes.event(now, e, slices.ContainsFunc(config.Bootstrap, func(b peer.Bootstrap) bool { return b.ID == e.PeerID }))
		switch e.Kind {
		case peer.Ready:
			ready = true
		case peer.Connection, peer.Disconnection:
			m.look(now)
		case peer.Packet, peer.Stream:
			if err := arrived.message(now, e); err != nil {
				end(fmt.Errorf("stdout: %w", err))
			}
		}
	}})
	m.peer.Join(time.Now(), m.keys)

	// Who reads stdin may be stuck in a read when the program ends.
	inputs := make(chan input)
	go readInput(ctx, in, whole, inputs)
	var others sync.WaitGroup
	others.Go(func() { m.watch(ctx, log) })
	others.Go(func() {
		if err := m.send(ctx, inputs); err != nil {
			end(err)
		} else {
			end(errDone)
		}
	})
	m.server.Run(ctx)
	others.Wait()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDone):
		return nil
	case !errors.Is(cause, context.Canceled):
		return cause
	}
	return m.stopped()
}
