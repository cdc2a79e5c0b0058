package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

const (
	// askEvery is how often the peer is asked what nothing tells of by itself.
	askEvery = 50 * time.Millisecond
	// lookEvery is how often the members are looked at.
	lookEvery = time.Second
	// uneasyAfter is when it is told that bootstrap peers don't answer.
	uneasyAfter = 5 * time.Second
	// maxWaiting is how many packets wait for somebody to send them to before no
	// more input is read.
	maxWaiting = 512
)

// A member sends what is read to the others of a subcluster, or to one of them.
type member struct {
	peer    *peer.Peer
	server  *udp.Server
	keys    seal.Keys
	event   string
	signing ed25519.PrivateKey
	to      wire.ID // zero: to all
	timeout time.Duration
	follow  bool
	notes   printer
	rate    rate
	sending bool // a message that was read, and waits
	ended   bool // the inputs

	members []wire.ID // that are connected; for the server's goroutine
}

// send sends all inputs, in order, and waits until they have gone. It returns nil
// when there is nothing left to do.
func (m *member) send(ctx context.Context, inputs <-chan input) error {
	if !m.to.IsZero() {
		if err := m.meet(ctx); err != nil {
			return err
		}
	}
	for {
		select {
		case i, more := <-inputs:
			if !more {
				m.ended = true
				return m.flush(ctx)
			}
			if i.err != nil {
				m.follow = false // it has failed, but for what it has read
				return errors.Join(i.err, m.flush(ctx))
			}
			m.sending = true
			if err := m.sendOne(ctx, i.message); err != nil {
				return err
			}
			m.sending = false
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *member) sendOne(ctx context.Context, message []byte) error {
	if m.to.IsZero() {
		return m.publish(ctx, message)
	}
	return m.stream(ctx, message)
}

// publish publishes a message, not faster than the others take them in.
func (m *member) publish(ctx context.Context, message []byte) error {
	within := m.timeout
	if m.follow {
		within = 0 // it may be offline as long as it will
	}
	var waiting int
	if err := m.await(ctx, within, func(time.Time) bool { waiting = m.peer.Unpublished(); return waiting < maxWaiting }); err != nil {
		return m.nobody(ctx, err)
	}
	told := false
	for {
		wait := m.rate.take(time.Now(), packetsOf(message))
		if wait == 0 {
			break
		}
		if !told {
			told = true
			m.notes.note(time.Now(), note{Event: "waiting"}, fmt.Sprintf("waiting for %v: nobody takes more than %d packets a minute", wait.Round(time.Second), maxInMinute))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var err error
	if ended := m.server.Do(ctx, func(now time.Time) {
		_, err = m.peer.Publish(now, peer.Publication{Subcluster: m.keys.SubclusterID, Event: m.event, Message: message, SigningKey: m.signing})
	}); ended != nil {
		return ended
	}
	return err
}

// stream streams a message to one member, which it waits for where it has gone.
func (m *member) stream(ctx context.Context, message []byte) error {
	for {
		var err error
		if ended := m.server.Do(ctx, func(now time.Time) {
			err = m.peer.Stream(now, peer.Streaming{PeerID: m.to, Subcluster: m.keys.SubclusterID, Event: m.event, Message: message, SigningKey: m.signing})
		}); ended != nil {
			return ended
		}
		switch {
		case errors.Is(err, peer.ErrUnknown):
			err = m.meet(ctx)
		case errors.Is(err, peer.ErrBusy):
			err = m.await(ctx, 0, func(time.Time) bool { return m.peer.Unstreamed() < maxWaiting })
		default:
			return err
		}
		if err != nil {
			return err
		}
	}
}

// meet waits until the member to stream to is connected.
func (m *member) meet(ctx context.Context) error {
	connected := false
	if err := m.server.Do(ctx, func(time.Time) { connected = m.connected(m.to) }); err != nil || connected {
		return err
	}
	m.notes.note(time.Now(), note{Event: "waiting", PeerID: m.to.String()}, "waiting for %")
	err := m.await(ctx, m.timeout, func(time.Time) bool { return m.connected(m.to) })
	if errors.Is(err, errTooLate) {
		return fmt.Errorf("%s is not connected after %v: %s", m.to, m.timeout, m.plight(ctx))
	}
	return err
}

// flush waits until all has gone to somebody.
func (m *member) flush(ctx context.Context) error {
	if m.follow {
		<-ctx.Done()
		return ctx.Err()
	}
	there := true
	err := m.await(ctx, m.timeout, func(time.Time) bool {
		there = m.to.IsZero() || m.connected(m.to)
		return m.unsent() == 0 || !there
	})
	if err == nil && !there {
		return fmt.Errorf("%s was lost before all was sent to it", m.to)
	}
	return m.nobody(ctx, err)
}

// stopped is what a signal has kept from being sent, when send has returned and
// the server has ended.
func (m *member) stopped() error {
	switch n := m.unsent(); {
	case !m.follow && !m.ended:
		return errors.New("stopped by a signal before all of stdin was sent")
	case m.sending:
		return errors.New("stopped by a signal while a message waited to be sent")
	case n > 0:
		return fmt.Errorf("stopped by a signal: %d packets went to nobody", n)
	}
	return nil
}

// nobody explains that nobody was there to send to in time.
func (m *member) nobody(ctx context.Context, err error) error {
	if !errors.Is(err, errTooLate) {
		return err
	}
	unsent := 0
	if ended := m.server.Do(ctx, func(time.Time) { unsent = m.unsent() }); ended != nil {
		return ended
	}
	return fmt.Errorf("%d packets went to nobody within %v: %s", unsent, m.timeout, m.plight(ctx))
}

// plight is what an operator should know of a peer that reaches nobody.
func (m *member) plight(ctx context.Context) string {
	text := "the peer has ended"
	_ = m.server.Do(ctx, func(time.Time) {
		there, all, others := 0, 0, 0
		for _, r := range m.peer.Peers() {
			switch {
			case r.Indexed && r.Connected:
				there, all = there+1, all+1
			case r.Indexed:
				all++
			case r.Connected:
				others++
			}
		}
		text = fmt.Sprintf("%d of %d bootstrap peers are connected, of which two are needed; other peers: %d; own NAT type: %s", there, all, others, m.peer.Info().NATType)
	})
	return text
}

var errTooLate = errors.New("too late")

// await waits until something of the peer is so. Errors: errTooLate after a
// time, where that is not 0; the context's own.
func (m *member) await(ctx context.Context, within time.Duration, is func(now time.Time) bool) error {
	if within > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, within, errTooLate)
		defer cancel()
		ctx = limited
	}
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		done := false
		if err := m.server.Do(ctx, func(now time.Time) { done = is(now) }); err == nil && done {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// What follows is called where the peer may be used.

func (m *member) unsent() int { return m.peer.Unpublished() + m.peer.Unstreamed() }

func (m *member) connected(id wire.ID) bool {
	return slices.ContainsFunc(m.peer.Peers(), func(r peer.PeerInfo) bool { return r.ID == id && r.Connected })
}

// look notes who has become a member of the subcluster, and who is none any more.
// A relay is none, connected or not.
func (m *member) look(now time.Time) {
	var members []wire.ID
	for _, r := range m.peer.Peers() {
		if r.Connected && slices.Contains(r.Subclusters, wire.ID(m.keys.SubclusterID)) {
			members = append(members, r.ID)
			if !slices.Contains(m.members, r.ID) {
				m.notes.note(now, note{Event: "joined", PeerID: r.ID.String()}, "% is a member")
			}
		}
	}
	for _, id := range m.members {
		if !slices.Contains(members, id) {
			m.notes.note(now, note{Event: "left", PeerID: id.String()}, "% is no member any more")
		}
	}
	m.members = members
}

// watch looks at intervals, since membership ends by nothing being heard. It
// warns once of a peer that does not find out where it is.
func (m *member) watch(ctx context.Context, log *slog.Logger) {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	uneasy := time.NewTimer(uneasyAfter)
	defer uneasy.Stop()
	for m.server.Do(ctx, m.look) == nil {
		select {
		case <-again.C:
		case <-uneasy.C:
			known := false
			if m.server.Do(ctx, func(time.Time) { known = m.peer.Info().NATType != nattype.Unknown }) == nil && !known {
				log.Warn("the peer does not find out yet how it is reached", "state", m.plight(ctx))
			}
		case <-ctx.Done():
			return
		}
	}
}

// maxInMinute is how many packets are published in a minute, and perMinute that
// minute, somewhat longer than those that receivers count: they drop what is more
// than 1024 from one peer (LAT-BUDG-003).
const (
	maxInMinute = 1000
	perMinute   = 62 * time.Second
)

// A rate counts the packets of the last minute.
type rate struct {
	taken []taking
	total int
}

type taking struct {
	at time.Time
	n  int
}

// take counts n packets, or tells how long to wait before. A message that has
// more than all of a minute goes when nothing else has.
func (r *rate) take(now time.Time, n int) time.Duration {
	for len(r.taken) > 0 && now.Sub(r.taken[0].at) >= perMinute {
		r.total -= r.taken[0].n
		r.taken = r.taken[1:]
	}
	if r.total > 0 && r.total+n > maxInMinute {
		return r.taken[0].at.Add(perMinute).Sub(now)
	}
	r.taken = append(r.taken, taking{now, n})
	r.total += n
	return 0
}

// packetsOf is how many packets a message becomes, or one more.
func packetsOf(message []byte) int {
	if len(message) < wire.MaxMessage-128 { // what sealing adds, and more
		return 1
	}
	return len(message)/wire.MaxMessage + 2
}
