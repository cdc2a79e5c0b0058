package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"punchlist/reference/linequeue"
	"punchlist/reference/peer"
)

// logSettings are the flags of commands that run a peer and log what it does.
type logSettings struct {
	format string
	level  slog.Level
}

// flags adds them, and --config, from which all settings may come.
func (l *logSettings) flags(f *pflag.FlagSet, level slog.Level) {
	f.String("config", "", "YAML `FILE` with settings")
	l.format, l.level = "text", level
	f.Var(&one[string]{into: &l.format, read: readFormat, kind: "format", text: l.format}, "log", "format of the log on stderr: text or json")
	f.Var(&one[slog.Level]{into: &l.level, read: readLevel, kind: "level", text: strings.ToLower(level.String())}, "log-level",
		"debug (every connection), info, warn or error")
}

func readFormat(text string) (string, error) {
	if text != "text" && text != "json" {
		return "", errors.New("must be text or json")
	}
	return text, nil
}

func readLevel(text string) (level slog.Level, err error) {
	if level.UnmarshalText([]byte(text)) != nil {
		err = errors.New("must be debug, info, warn or error")
	}
	return level, err
}

// settled settles all flags of a command, and opens its log, which is to be
// closed. It is written by a goroutine of its own: a terminal that is held must
// not hold the peer.
func (l *logSettings) settled(c *cobra.Command) (*slog.Logger, func(), error) {
	if err := settle(c); err != nil {
		return nil, nil, err
	}
	out := linequeue.NewWriter(c.ErrOrStderr())
	log := newLog(out, l.format, l.level)
	for _, name := range strangeVariables(c.Root()) {
		log.Warn("a variable of the environment is no setting", "variable", name)
	}
	return log, func() { _ = out.Close() }, nil
}

// newLog is the program's log.
func newLog(to io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

func logEvent(log *slog.Logger, e peer.Event) {
	switch e.Kind {
	case peer.Ready:
		log.Info("ready", "peerId", e.PeerID, "port", e.Addr.Port(), "probePort", e.ProbeAddr.Port())
	case peer.NAT:
		log.Info("reachable", "natType", e.NATType, "address", e.Addr)
	case peer.Connection:
		log.Debug("connection", "peerId", e.PeerID, "address", e.Addr, "natType", e.NATType)
	case peer.Disconnection:
		log.Debug("disconnection", "peerId", e.PeerID)
	case peer.Error:
		log.Error(e.Text)
	}
}
