package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

// joinSettings are the flags of join.
type joinSettings struct {
	id                                wire.ID
	cluster, keyFile, signFile, event string
	port, probePort                   uint16
	bootstrap                         []peer.Bootstrap
	keepalive, timeout                time.Duration
	json, follow                      bool
	log                               logSettings
}

func joinCommand() *cobra.Command {
	var s joinSettings
	c := &cobra.Command{
		Use:   "join",
		Short: "Join a subcluster: publish each line of stdin, print what arrives",
		Long: `Join is a member of a subcluster: what stands on a line of stdin it seals and
publishes, and what others publish it opens and prints, one line each. The
members are found through bootstrap peers, and through NATs.

` + settingsHelp + `

The shared key comes from --key-file (64 hex digits, or anything else that
members have agreed on), or from LATICA_KEY; never from the command line, which
others on the machine can see.

It ends when stdin does and all that was published has gone to somebody, or
with --timeout; with --follow at a signal.

Exit status: 0 done, 1 something could not be published in time, 2 it can't
start with these settings.`,
		Example: `  latica-peer join --cluster my-app --key-file our.key --bootstrap ID@203.0.113.1:9777 --follow
  date | LATICA_KEY=… latica-peer join --config ~/.latica.yaml --event time`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := s.log.settled(c)
			if err != nil {
				return err
			}
			return join(c.Context(), s, c.InOrStdin(), c.OutOrStdout(), log)
		},
	}
	f := c.Flags()
	f.StringVar(&s.cluster, "cluster", "", "`TEXT` that names the cluster, the same for all its members")
	f.StringVar(&s.keyFile, "key-file", "", "`FILE` whose first line is the shared key")
	f.StringVar(&s.signFile, "sign", "", "`FILE` whose first line is a signing seed, see keygen --signing")
	f.StringVar(&s.event, "event", "", "event `NAME` to publish under")
	idFlag(f, &s.id, "id", "own `PEERID`, 64 hex digits; a new one if left out")
	f.Uint16Var(&s.port, "port", 0, "UDP port; 0: any")
	f.Uint16Var(&s.probePort, "probe-port", 0, "second UDP port; 0: any")
	bootstrapFlag(f, &s.bootstrap, "a bootstrap peer, `PEERID@ADDRESS:PORT`; two or three are needed")
	f.DurationVar(&s.keepalive, "keepalive", peer.DefaultKeepalive, "time between two heartbeats")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long after the end of stdin to wait for somebody to publish to")
	f.BoolVar(&s.json, "json", false, "print what arrives as JSON")
	f.BoolVar(&s.follow, "follow", false, "stay when stdin ends")
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
func join(ctx context.Context, s joinSettings, in io.Reader, out io.Writer, log *slog.Logger) error {
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
	keys := seal.NewKeys(shared)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ready := false
	arrived := printer{out: out, json: s.json}
	p := peer.New(time.Now(), config)
	server := udp.NewServer(p, func(e peer.Event) {
		logEvent(log, e)
		switch {
		case e.Kind == peer.Ready:
			ready = true
		case e.Kind == peer.Error && !ready:
			end(usage("%s", e.Text))
		case e.Kind == peer.Packet:
			if err := arrived.packet(e); err != nil {
				end(err)
			}
		}
	})
	p.Join(time.Now(), keys)

	// The reader of stdin may be stuck in a read when the program ends, and is
	// left to it, with the one that waits for its lines.
	lines := make(chan []byte)
	var failed error
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(make([]byte, 0, 64<<10), 1<<20)
		for scanner.Scan() {
			select {
			case lines <- append([]byte{}, scanner.Bytes()...):
			case <-ctx.Done():
				return
			}
		}
		failed = scanner.Err()
	}()
	go func() {
		for line := range lines {
			var err error
			if server.Do(ctx, func(now time.Time) {
				_, err = p.Publish(now, peer.Publication{Subcluster: keys.SubclusterID, Event: s.event, Message: line, SigningKey: signing})
			}) != nil {
				return
			}
			if err != nil {
				end(err)
				return
			}
		}
		if failed != nil {
			end(fmt.Errorf("stdin: %w", failed))
			return
		}
		if !s.follow {
			end(waitUntilSent(ctx, server, p, s.timeout))
		}
	}()
	server.Run(ctx)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, errDone) {
		return cause
	}
	return nil
}

var errDone = errors.New("all was published")

// waitUntilSent waits until nothing waits to be sent; errDone, or what was not.
func waitUntilSent(ctx context.Context, server *udp.Server, p *peer.Peer, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	waiting := 0
	for {
		if err := server.Do(ctx, func(time.Time) { waiting = p.Unpublished() }); err == nil && waiting == 0 {
			return errDone
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%d packets went to nobody: no peer was reached within %v", waiting, timeout)
		}
	}
}

// A printer prints messages, one a line.
type printer struct {
	out  io.Writer
	json bool
}

func (p *printer) packet(e peer.Event) error {
	if p.json {
		line := struct {
			PacketID string `json:"packetId"`
			EventID  string `json:"eventId,omitempty"`
			Message  string `json:"message,omitempty"` // where it is text
			Hex      string `json:"hex,omitempty"`     // where it is none
			Opened   bool   `json:"opened"`
			Verified bool   `json:"verified"`
			Hops     uint32 `json:"hops"`
		}{PacketID: e.PacketID.String(), EventID: hex.EncodeToString(e.EventID), Opened: e.Opened, Verified: e.Verified, Hops: e.Hops}
		if utf8.Valid(e.Message) {
			line.Message = string(e.Message)
		} else {
			line.Hex = hex.EncodeToString(e.Message)
		}
		return printJSON(p.out, line, "")
	}
	if !e.Opened {
		_, err := fmt.Fprintf(p.out, "# %s can't be opened\n", e.PacketID)
		return err
	}
	_, err := fmt.Fprintln(p.out, printable(e.Message))
	return err
}

// printable is a message as one line that does nothing to a terminal.
func printable(message []byte) string {
	text := string(message)
	quoted := strconv.Quote(text)
	if inside := quoted[1 : len(quoted)-1]; inside == text {
		return text
	}
	plain := utf8.ValidString(text)
	for _, r := range text {
		plain = plain && strconv.IsPrint(r)
	}
	if plain {
		return text
	}
	return quoted
}
