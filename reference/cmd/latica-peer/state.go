package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"punchlist/reference/peer"
	"punchlist/reference/udp"
)

// A keeper keeps a peer's state in a file, so that a restart loses no packets.
// Without a path it keeps none.
type keeper struct {
	path string
	log  *slog.Logger
}

func newKeeper(dir string, log *slog.Logger) keeper {
	if dir == "" {
		return keeper{}
	}
	return keeper{filepath.Join(dir, "state"), log}
}

// maxState bounds what is read, in bytes: a full cache in base64, and as much
// again.
const maxState = 32 << 20

// load reads the state, nil where there is none. One that is corrupt is
// reported and set aside; the peer starts without.
func (k keeper) load() ([]byte, error) {
	if k.path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return nil, usageError{err}
	}
	f, err := os.Open(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usage("the state can't be read: %w", err)
	}
	state, err := io.ReadAll(io.LimitReader(f, maxState+1))
	f.Close()
	switch {
	case err != nil:
		return nil, usage("the state can't be read: %w", err)
	case len(state) > maxState:
		err = fmt.Errorf("it has over %d bytes", maxState)
	default:
		err = peer.ValidateState(state)
	}
	if err == nil {
		return state, nil
	}
	aside := fmt.Sprintf("%s.corrupt-%d", k.path, time.Now().UnixMilli())
	k.log.Error("the state is corrupt and set aside; the peer starts without", "error", err, "aside", aside)
	if err := os.Rename(k.path, aside); err != nil {
		k.log.Error("the corrupt state can't be set aside, and will be overwritten", "error", err)
	}
	return nil, nil
}

func (k keeper) save(state []byte) error {
	if k.path == "" {
		return nil
	}
	if err := writeAtomically(k.path, state); err != nil {
		return fmt.Errorf("the state can't be kept: %w", err)
	}
	return nil
}

// run saves the state at intervals until the context is cancelled. What fails is
// logged, and tried again.
func (k keeper) run(ctx context.Context, every time.Duration, server *udp.Server, p *peer.Peer) {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		var state []byte
		if server.Do(ctx, func(time.Time) { state = p.State() }) != nil {
			return
		}
		if err := k.save(state); err != nil {
			k.log.Error(err.Error())
		}
	}
}
