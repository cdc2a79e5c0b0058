package testee

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	contract "punchlist/spec/testee"
)

// Command carries out one line, and answers it at once. To a line without an
// id there can be no reply: the event error tells of it.
func (a *Agent) Command(now time.Time, line []byte) {
	var c contract.Command
	err := strictly(line, &c)
	if c.ID <= 0 {
		if err == nil {
			err = fmt.Errorf("its id must be at least 1, got %d", c.ID)
		}
		a.write(errorEvent(contract.BadCommand + ": the line is no command: " + err.Error()))
		return
	}
	if err != nil {
		a.reply(c.ID, nil, bad("the line is no command: %v", err))
		return
	}
	ok, problem := a.carryOut(now, c)
	a.reply(c.ID, ok, problem)
}

// strictly reads one JSON value, in which every name means something. What
// could be read of it is in v even where it fails.
func strictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func (a *Agent) reply(id int, ok any, err *contract.Error) {
	type reply struct {
		ID    int             `json:"id"`
		OK    any             `json:"ok,omitempty"`
		Error *contract.Error `json:"error,omitempty"`
	}
	if err != nil {
		a.write(reply{ID: id, Error: err})
		return
	}
	if ok == nil {
		ok = struct{}{}
	}
	if !a.write(reply{ID: id, OK: ok}) {
		a.write(reply{ID: id, Error: &contract.Error{Code: contract.Failed, Text: "the reply is longer than a line may be"}})
	}
}

func bad(format string, args ...any) *contract.Error {
	return &contract.Error{Code: contract.BadCommand, Text: fmt.Sprintf(format, args...)}
}

func failed(err error) *contract.Error {
	return &contract.Error{Code: contract.Failed, Text: err.Error()}
}

// parameters reads what a command came with.
func parameters[T any](c contract.Command) (T, *contract.Error) {
	var with T
	if len(c.With) == 0 {
		return with, nil
	}
	if err := strictly(c.With, &with); err != nil {
		return with, bad("the parameters of %s: %v", c.Do, err)
	}
	return with, nil
}

func (a *Agent) carryOut(now time.Time, c contract.Command) (any, *contract.Error) {
	switch c.Do {
	case contract.Hello:
		return contract.HelloOK{
			Name: a.options.Name, Version: a.options.Version, Wire: contract.WireVersion,
			Classes: []string{contract.ClassCodec, contract.ClassPeer, contract.ClassIndexed, contract.ClassRelay},
			Capabilities: []string{
				contract.CapabilityState, contract.CapabilitySleep, contract.CapabilityLeave, contract.CapabilityMembers,
				contract.CapabilitySplit, contract.CapabilityCompose, contract.CapabilityNATType, contract.CapabilityNegotiate,
			},
			Constants: a.options.config().Constants(), Recommendations: a.options.config().Recommendations(),
		}, nil
	case contract.Stop:
		if a.peer != nil {
			a.peer.Stop(now)
		}
		a.done = true
		return nil, nil
	case contract.Start:
		with, err := parameters[contract.StartWith](c)
		if err != nil {
			return nil, err
		}
		return nil, a.start(now, with)
	case contract.Decode, contract.Encode, contract.PacketID, contract.Split, contract.Compose, contract.Derive, contract.Seal, contract.Open,
		contract.Sign, contract.Verify, contract.NATType, contract.Strategy, contract.Summarize, contract.Negotiate:
		with, err := parameters[contract.CodecWith](c)
		if err != nil {
			return nil, err
		}
		return a.codec(now, c.Do, with)
	case contract.Info, contract.Peers, contract.Join, contract.Publish, contract.Stream, contract.Query, contract.Sync, contract.Cache,
		contract.Leave, contract.State, contract.Sleep, contract.Wake:
		if a.peer == nil {
			return nil, &contract.Error{Code: contract.NotStarted, Text: c.Do + " needs a started peer"}
		}
		return a.ask(now, c)
	}
	return nil, bad("there is no command %q", c.Do)
}

func (a *Agent) start(now time.Time, with contract.StartWith) *contract.Error {
	if a.peer != nil || a.done {
		return &contract.Error{Code: contract.Failed, Text: "start comes once"}
	}
	if with.Clock != nil {
		return &contract.Error{Code: contract.Unsupported, Text: "start with a clock is not supported"}
	}
	state, err := hex.DecodeString(with.State)
	if err != nil {
		return bad("state: %v", err)
	}
	if with.Keepalive < 0 || with.Keepalive > math.MaxUint32 {
		return bad("keepalive: %d ms is out of range", with.Keepalive)
	}
	config := a.options.config()
	config.Indexed, config.MainPort, config.ProbePort = with.Indexed, with.Port, with.ProbePort
	config.Keepalive, config.State = time.Duration(with.Keepalive)*time.Millisecond, state
	id, problem := asID(with.PeerID, "peerId")
	if problem != nil {
		return problem
	}
	config.ID = id
	if with.ClusterID != "" {
		cluster, problem := asID(with.ClusterID, "clusterId")
		if problem != nil {
			return problem
		}
		config.ClusterID = cluster
	}
	if with.Address != "" {
		at, err := netip.ParseAddr(with.Address)
		if err != nil {
			return bad("address: %v", err)
		}
		config.Address = at
	}
	if with.Seed != "" {
		seed, problem := asID(with.Seed, "seed")
		if problem != nil {
			return problem
		}
		config.Random = rand.NewChaCha8(seed)
	}
	for i, b := range with.Bootstrap {
		id, problem := asID(b.PeerID, fmt.Sprintf("bootstrap %d: peerId", i))
		if problem != nil {
			return problem
		}
		at, err := netip.ParseAddr(b.Address)
		if err != nil {
			return bad("bootstrap %d: address: %v", i, err)
		}
		config.Bootstrap = append(config.Bootstrap, peer.Bootstrap{ID: id, Addr: netip.AddrPortFrom(at, b.Port)})
	}
	if err := config.Validate(); err != nil {
		return failed(err)
	}
	a.peer = peer.New(now, config)
	return nil
}

// ask carries out a command of a running peer.
func (a *Agent) ask(now time.Time, c contract.Command) (any, *contract.Error) {
	switch c.Do {
	case contract.Info:
		info := a.peer.Info()
		return contract.InfoOK{
			PeerID: info.ID.String(), NATType: int(info.NATType), Address: address(info.Addr.Addr()), Port: info.Addr.Port()}, nil
	case contract.Peers:
		ok := contract.PeersOK{Peers: []contract.PeerInfo{}}
		for _, p := range a.peer.Peers() {
			ok.Peers = append(ok.Peers, contract.PeerInfo{
				PeerID: p.ID.String(), Address: address(p.Addr.Addr()), Port: p.Addr.Port(), NATType: int(p.NATType),
				Connected: p.Connected, Indexed: p.Indexed, Subclusters: texts(p.Subclusters), Proxy: proxy(p.Proxy)})
		}
		return ok, nil
	case contract.Join:
		with, problem := parameters[contract.JoinWith](c)
		if problem != nil {
			return nil, problem
		}
		shared, problem := asID(with.SharedKey, "sharedKey")
		if problem != nil {
			return nil, problem
		}
		keys := seal.NewKeys(shared)
		a.peer.Join(now, keys)
		return contract.JoinOK{SubclusterID: hex.EncodeToString(keys.SubclusterID[:])}, nil
	case contract.Leave:
		with, problem := parameters[contract.LeaveWith](c)
		if problem != nil {
			return nil, problem
		}
		id, problem := asID(with.SubclusterID, "subclusterId")
		if problem != nil {
			return nil, problem
		}
		a.peer.Leave(now, id)
		return nil, nil
	case contract.State:
		return contract.StateOK{State: hex.EncodeToString(a.peer.State())}, nil
	case contract.Sleep:
		a.peer.Sleep(now)
		return nil, nil
	case contract.Wake:
		a.peer.Wake(now)
		return nil, nil
	case contract.Publish:
		with, problem := parameters[contract.PublishWith](c)
		if problem != nil {
			return nil, problem
		}
		return a.publish(now, with)
	case contract.Stream:
		with, problem := parameters[contract.StreamWith](c)
		if problem != nil {
			return nil, problem
		}
		return nil, a.stream(now, with)
	case contract.Query:
		with, problem := parameters[contract.QueryWith](c)
		if problem != nil {
			return nil, problem
		}
		if _, err := a.peer.Query(now, with.Body); errors.Is(err, peer.ErrNoObject) {
			return nil, bad("body: %v", err)
		} else if err != nil {
			return nil, failed(err)
		}
		return nil, nil
	case contract.Sync:
		with, problem := parameters[contract.SyncWith](c)
		if problem != nil {
			return nil, problem
		}
		id, problem := asID(with.PeerID, "peerId")
		if problem != nil {
			return nil, problem
		}
		if err := a.peer.Sync(now, id); err != nil {
			return nil, failed(err)
		}
		return nil, nil
	}
	with, problem := parameters[contract.CacheWith](c)
	if problem != nil {
		return nil, problem
	}
	prefix, err := cache.ParsePrefix(with.Prefix)
	if err != nil {
		return nil, bad("prefix: %v", err)
	}
	ok := contract.CacheOK{IDs: []string{}, Summary: summary(a.peer.Cache().Summary(now, prefix))}
	// Those too that are over six hours old, and in no summary any more.
	for e := range a.peer.Cache().All() {
		if key := cache.Key(e.ID); key.Short(prefix.Len()) == prefix {
			ok.IDs = append(ok.IDs, key.String())
		}
	}
	slices.Sort(ok.IDs)
	return ok, nil
}

func (a *Agent) publish(now time.Time, with contract.PublishWith) (any, *contract.Error) {
	subcluster, problem := asID(with.SubclusterID, "subclusterId")
	if problem != nil {
		return nil, problem
	}
	message, err := hex.DecodeString(with.Message)
	if err != nil {
		return nil, bad("message: %v", err)
	}
	if with.TTL < 0 || with.TTL > math.MaxUint32 {
		return nil, bad("ttl: %d ms is out of range", with.TTL)
	}
	m := peer.Publication{Subcluster: subcluster, Event: with.Event, Message: message, TTL: time.Duration(with.TTL) * time.Millisecond}
	if m.SigningKey, problem = signingKey(with.SigningSeed); problem != nil {
		return nil, problem
	}
	ids, err := a.peer.Publish(now, m)
	if err != nil {
		return nil, failed(err)
	}
	return contract.PublishOK{PacketIDs: texts(ids)}, nil
}

// signingKey is the key of a seed; nil where there is none.
func signingKey(text string) (ed25519.PrivateKey, *contract.Error) {
	if text == "" {
		return nil, nil
	}
	seed, problem := asID(text, "signingSeed")
	if problem != nil {
		return nil, problem
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}

func (a *Agent) stream(now time.Time, with contract.StreamWith) *contract.Error {
	to, problem := asID(with.PeerID, "peerId")
	if problem != nil {
		return problem
	}
	subcluster, problem := asID(with.SubclusterID, "subclusterId")
	if problem != nil {
		return problem
	}
	message, err := hex.DecodeString(with.Message)
	if err != nil {
		return bad("message: %v", err)
	}
	m := peer.Streaming{PeerID: to, Subcluster: subcluster, Event: with.Event, Message: message}
	if m.SigningKey, problem = signingKey(with.SigningSeed); problem != nil {
		return problem
	}
	if err := a.peer.Stream(now, m); err != nil {
		return failed(err)
	}
	return nil
}

func texts(ids []wire.ID) (list []string) {
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}

func summary(s cache.Summary) contract.SummaryInfo {
	info := contract.SummaryInfo{
		Prefix: s.Prefix.String(), Hash: hex.EncodeToString(s.Hash[:]), Encoded: hex.EncodeToString(s.Append(nil)),
		Buckets: map[string]string{},
	}
	for digit := range s.Buckets {
		if s.Has(digit) {
			info.Buckets[fmt.Sprintf("%x", digit)] = hex.EncodeToString(s.Buckets[digit][:])
		}
	}
	return info
}

// errVersion is why decode rejects a packet that a peer would discard.
var errVersion = errors.New("version: not 6")
