package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"punchlist/reference/peer"
)

// logSettings are the flags of commands that run a peer and log what it does.
type logSettings struct{ format, level string }

// flags adds them, and --config, from which all settings may come.
func (l *logSettings) flags(f *pflag.FlagSet, level string) {
	f.String("config", "", "YAML `FILE` with settings")
	f.StringVar(&l.format, "log", "text", "format of the log on stderr: text or json")
	f.StringVar(&l.level, "log-level", level, "debug (every connection), info, warn or error")
}

// settled settles all flags of a command, and opens its log.
func (l *logSettings) settled(c *cobra.Command) (*slog.Logger, error) {
	if err := settle(c); err != nil {
		return nil, err
	}
	return newLog(c.ErrOrStderr(), l.format, l.level)
}

// newLog is the program's log.
func newLog(to io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usage("log-level %q: debug, info, warn or error is wanted", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(to, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, options)), nil
	}
	return nil, usage("log %q: text or json is wanted", format)
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
