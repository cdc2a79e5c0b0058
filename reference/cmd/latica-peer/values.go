package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// A one is a flag whose text is read when it is set, so that what is wrong with
// it is told with the place that it comes from.
type one[T any] struct {
	into *T
	read func(string) (T, error)
	kind string
	text string
}

func (o *one[T]) String() string { return o.text }
func (o *one[T]) Type() string   { return o.kind }

// Set reads a text. None is the same as no setting.
func (o *one[T]) Set(text string) error {
	value := *new(T)
	if text != "" {
		var err error
		if value, err = o.read(text); err != nil {
			return err
		}
	}
	*o.into, o.text = value, text
	return nil
}

// A many is a flag that may be given often.
type many[T any] struct {
	into  *[]T
	read  func(string) (T, error)
	kind  string
	texts []string
}

var _ pflag.SliceValue = (*many[int])(nil)

func (m *many[T]) String() string        { return strings.Join(m.texts, ",") }
func (m *many[T]) Type() string          { return m.kind }
func (m *many[T]) Set(text string) error { return m.Append(text) }
func (m *many[T]) GetSlice() []string    { return m.texts }

// Append adds one value.
func (m *many[T]) Append(text string) error {
	value, err := m.read(text)
	if err == nil {
		*m.into, m.texts = append(*m.into, value), append(m.texts, text)
	}
	return err
}

// Replace takes these values instead of what there is.
func (m *many[T]) Replace(texts []string) error {
	*m.into, m.texts = nil, nil
	for _, text := range texts {
		if err := m.Append(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	return nil
}

func idFlag(f *pflag.FlagSet, into *wire.ID, name, help string) {
	f.Var(&one[wire.ID]{into: into, kind: "id", read: readPeerID}, name, help)
}

// readPeerID reads a peerId, which can't be all zeros.
func readPeerID(text string) (wire.ID, error) {
	id, err := wire.ParseID(text)
	if err == nil && id.IsZero() {
		err = errors.New("64 zeros are no peerId")
	}
	return id, err
}

func bootstrapFlag(f *pflag.FlagSet, into *[]peer.Bootstrap, help string) {
	f.Var(&many[peer.Bootstrap]{into: into, kind: "peer", read: readBootstrap}, "bootstrap", help)
}

// readBootstrap reads PEERID@ADDRESS:PORT.
func readBootstrap(text string) (b peer.Bootstrap, err error) {
	id, at, found := strings.Cut(text, "@")
	if !found {
		return b, errors.New("must be PEERID@ADDRESS:PORT")
	}
	if b.ID, err = readPeerID(id); err != nil {
		return b, fmt.Errorf("its peerId: %w", err)
	}
	if b.Addr, err = netip.ParseAddrPort(at); err != nil || !b.Addr.Addr().Is4() || b.Addr.Port() == 0 {
		return b, fmt.Errorf("%q is no IPv4 address and port; a name is not looked up", at)
	}
	return b, nil
}

func keepaliveFlag(f *pflag.FlagSet, into *time.Duration) {
	*into = peer.DefaultKeepalive
	f.Var(&one[time.Duration]{into: into, kind: "duration", read: readKeepalive, text: into.String()}, "keepalive",
		"time between two heartbeats, 30s in the deployed network; at least "+peer.MinKeepalive.String())
}

func readKeepalive(text string) (time.Duration, error) {
	k, err := time.ParseDuration(text)
	if err == nil && k < peer.MinKeepalive {
		err = fmt.Errorf("%v is less than %v", k, peer.MinKeepalive)
	}
	return k, err
}

// checkPorts tells of two ports that can't both be bound.
func checkPorts(port, probePort uint16) error {
	if port != 0 && port == probePort {
		return usage("port and probe-port are both %d: two are needed", port)
	}
	return nil
}

// readAddress reads an IPv4 address.
func readAddress(text string) (netip.Addr, error) {
	at, err := netip.ParseAddr(text)
	if err != nil || !at.Is4() {
		return at, errors.New("must be an IPv4 address, such as 203.0.113.1")
	}
	return at, nil
}

// A limit is a setting of one of the numbers in peer.Limits.
type limit struct {
	name  string
	value int
}

// readLimit reads NAME=NUMBER.
func readLimit(text string) (l limit, err error) {
	name, number, _ := strings.Cut(text, "=")
	if _, known := limitsByName(new(peer.Limits))[name]; !known {
		return l, fmt.Errorf("there is no %q; there are %s", name, strings.Join(limitNames(), ", "))
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return l, errors.New("must be NAME=NUMBER, with a number from 1")
	}
	return limit{name, n}, nil
}
