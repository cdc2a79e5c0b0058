// What survives a restart: section 8.4 (spec/08-replication.md).

package peer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// A state is a line that begins with stateName, followed by the SHA-256 of what comes behind the
// line, in hex; and that is JSON.
const stateName = "latica-peer-state 1 "

type savedState struct {
	Clock   uint32        `json:"clock"` // of the joins
	Peers   []savedPeer   `json:"peers"`
	Packets []savedPacket `json:"packets"` // in order of arrival
}

type savedPeer struct {
	ID      string         `json:"peerId"`
	Address netip.AddrPort `json:"address"`
}

type savedPacket struct {
	Arrived     int64  `json:"arrived"` // milliseconds since 1970
	Own         bool   `json:"own,omitempty"`
	Unpublished bool   `json:"unpublished,omitempty"` // nobody was there for it
	Delivered   bool   `json:"delivered,omitempty"`   // the message whose head or only packet it is
	Datagram    []byte `json:"datagram"`
}

// State is what a peer needs in order to go on after a restart, for Config.State: the peers that it
// was connected to, the packets that it kept and when they came, which of their messages it has
// delivered, and which of its own nobody has. It holds no keys, and so no subclusters: a peer that
// is restored joins nothing by itself. Nor the NAT type: to find it again takes a second, and a
// wrong one misleads others.
func (p *Peer) State() []byte {
	s := savedState{Clock: p.membership.clock, Peers: []savedPeer{}, Packets: []savedPacket{}}
	for _, r := range p.known.all() {
		if r.connected && r.verified && !r.indexed && r.proxy == nil {
			s.Peers = append(s.Peers, savedPeer{r.id.String(), r.addr})
		}
	}
	waiting := map[wire.ID]bool{}
	for _, id := range p.waiting() {
		waiting[id] = true
	}
	for e := range p.cache.All() {
		s.Packets = append(s.Packets, savedPacket{
			Arrived: e.Arrived.UnixMilli(), Own: e.Own, Unpublished: waiting[e.ID], Delivered: p.replication.delivered.get(e.ID) != nil, Datagram: e.Datagram,
		})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers and valid addresses always marshal
	}
	sum := sha256.Sum256(text)
	state := append([]byte(stateName+hex.EncodeToString(sum[:])), '\n')
	return append(state, text...)
}

// ValidateState says what keeps a state from being restored: it is of another version, or not as it
// was saved.
func ValidateState(state []byte) error {
	_, _, err := readState(state)
	return err
}

// readState gives the state, and what its packets are.
func readState(state []byte) (s savedState, packets []wire.Packet, err error) {
	line, text, whole := bytes.Cut(state, []byte("\n"))
	sum, named := bytes.CutPrefix(line, []byte(stateName))
	if !whole || !named {
		return s, nil, errors.New("state: it does not begin as one of this version does")
	}
	if is := sha256.Sum256(text); hex.EncodeToString(is[:]) != string(sum) {
		return s, nil, errors.New("state: it is not as it was saved: its SHA-256 differs")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, nil, fmt.Errorf("state: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, nil, errors.New("state: something follows the object")
	}
	for i, r := range s.Peers {
		if _, err := wire.ParseID(r.ID); err != nil {
			return s, nil, fmt.Errorf("state: peer %d: %w", i, err)
		}
		if !r.Address.Addr().Is4() || r.Address.Port() == 0 {
			return s, nil, fmt.Errorf("state: peer %d: %v is no IPv4 address and port", i, r.Address)
		}
	}
	packets = make([]wire.Packet, len(s.Packets))
	for i, saved := range s.Packets {
		pk := &packets[i]
		if fault := wire.Decode(pk, saved.Datagram); !fault.OK() {
			return s, nil, fmt.Errorf("state: packet %d: %v", i, fault)
		}
		if _, ok := pk.ID(); !ok || pk.Type != wire.Publish || pk.Version != wire.Version || !sound(pk) || wire.VerifyID(pk) == wire.IDMismatch {
			return s, nil, fmt.Errorf("state: packet %d is no publish that a peer keeps", i)
		}
	}
	return s, packets, nil
}

// restore takes in a state. What can't be read is reported, and the peer is as one without a state.
func (p *Peer) restore(state []byte) {
	s, packets, err := readState(state)
	if err != nil {
		p.emit(Event{Kind: Error, Text: "the saved state is ignored: " + err.Error()})
		return
	}
	p.replication.restoredAt = p.now
	p.membership.clock = s.Clock
	for _, saved := range s.Peers[:min(len(s.Peers), p.limits.Peers)] {
		id, _ := wire.ParseID(saved.ID)
		if id != p.config.ID && p.known.byID(id) == nil && p.known.at(saved.Address) == nil {
			p.known.add(&remote{id: id, addr: saved.Address})
		}
	}
	for i := range packets {
		saved := &s.Packets[i]
		arrived := time.UnixMilli(saved.Arrived)
		if arrived.After(p.now) {
			arrived = p.now // the clock was set back
		}
		e := entry(&packets[i], saved.Datagram)
		e.Own = saved.Own
		if p.now.Sub(arrived) >= cache.Lifetime(e.TTL, true) {
			p.replication.forgotten.put(e.ID)
			continue
		}
		if inserted, evicted := p.cache.Insert(arrived, e); !inserted {
			continue
		} else if evicted != nil {
			p.replication.forgotten.put(evicted.ID)
		}
		if saved.Delivered {
			p.replication.delivered.put(e.ID)
		}
		if saved.Unpublished && len(p.replication.unpublished) < p.choices.Unpublished {
			p.replication.unpublished = append(p.replication.unpublished, e.ID)
		}
	}
}
