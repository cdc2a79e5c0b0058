package peer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// restart ends a host's peer and makes it anew from a state.
func (h *host) restart(state []byte) {
	h.peer.Stop(h.net.Now)
	h.drain()
	c := h.config
	c.State = state
	c.Random = seeded(h.name + " again")
	h.events = nil
	h.run(c)
}

// What was kept is kept, what was delivered is not delivered again, what nobody got goes out; and
// nothing is joined.
func TestStateIsRestored(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", nattype.Unrestricted, list)
	b := n.leaf("bob", nattype.Unrestricted, list)
	n.within(3*k, "connected", func() bool { return a.connectedTo(b) })
	b.publish("from bob")
	b.publish(words(3000))
	n.run(time.Second)
	require.Equal(t, 2, a.count(peer.Packet, nil))
	n.lost = func(d datagram) bool { return d.sender == a || d.to.Addr() == a.ip }
	n.run(2 * k)
	a.publish("nobody there")
	n.run(time.Second)
	state := a.peer.State()
	require.NoError(t, peer.ValidateState(state))
	require.NotContains(t, string(state), hex.EncodeToString(subKeys.SubclusterID[:8]), "no keys")
	before := ids(a)
	ages := map[string]time.Time{}
	for e := range a.peer.Cache().All() {
		ages[e.ID.String()] = e.Arrived
	}
	n.run(time.Hour)
	n.log = nil
	a.restart(state)
	require.Equal(t, before, ids(a))
	for e := range a.peer.Cache().All() {
		require.WithinDuration(t, ages[e.ID.String()], e.Arrived, time.Millisecond)
	}
	n.lost = nil
	n.within(5*time.Second, "what nobody got is delivered", func() bool { return b.received("nobody there") == 1 })
	n.run(3 * k)
	require.True(t, a.connectedTo(b), "although it has joined nothing")
	require.Empty(t, a.sent(func(_ datagram, p wire.Packet) bool {
		return p.Type == wire.Join && p.Body.RequesterPeerID == id("alice")
	}))
	a.peer.Join(n.Now, subKeys)
	a.drain()
	n.run(2 * k)
	require.Zero(t, a.count(peer.Packet, nil), "delivered in an earlier life")
	require.Equal(t, 1, b.received("nobody there"))
}

// The state that a peer gives right after it was restored is the same.
func TestStateIsStable(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true})
	s.fill(n, 0, 40)
	state := s.peer.State()
	s.restart(state)
	require.Equal(t, string(state), string(s.peer.State()))
}

func TestStateOfLongAgo(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true})
	s.fill(n, 0, 40)
	state := s.peer.State()
	n.Now = n.Now.Add(11 * time.Hour)
	s.restart(state)
	require.Len(t, ids(s), 40, "they would live for twelve hours if their cluster were joined")
	n.run(3 * k)
	require.Empty(t, ids(s))
	s.restart(state)
	n.Now = n.Now.Add(-24 * time.Hour) // the clock is set back
	s.restart(state)
	require.Len(t, ids(s), 40)
	for e := range s.peer.Cache().All() {
		require.False(t, e.Arrived.After(n.Now))
	}
	n.Now = n.Now.Add(48 * time.Hour)
	s.restart(state)
	require.Empty(t, ids(s))
}

// signed gives a text the line that a state begins with.
func signed(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return []byte("latica-peer-state 1 " + hex.EncodeToString(sum[:]) + "\n" + text)
}

// A state that can't be read is reported and ignored.
func TestBadStates(t *testing.T) {
	n := newNetwork(t)
	s := n.host("s").start(peer.Config{Indexed: true})
	s.fill(n, 0, 10)
	good := s.peer.State()
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for want, state := range map[string][]byte{
		"state: it does not begin as one of this version does":         []byte("nonsense"),
		"state: it is not as it was saved: its SHA-256 differs":        flipped,
		"state: it is not as it was saved: its SHA-256 differs ":       good[:len(good)-5],
		"state: json: unknown field \"keys\"":                          signed(`{"keys":1}`),
		"state: something follows the object":                          signed(`{}{}`),
		"state: peer 0: ":                                              signed(`{"peers":[{"peerId":"ab","address":"1.2.3.4:5"}]}`),
		"is no IPv4 address and port":                                  signed(`{"peers":[{"peerId":"` + strings.Repeat("ab", 32) + `","address":"1.2.3.4:0"}]}`),
		"state: packet 0: ":                                            signed(`{"packets":[{"arrived":1,"datagram":"AAAA"}]}`),
		"state: it does not begin as one of this version does (later)": bytes.Replace(good, []byte("state 1"), []byte("state 2"), 1),
	} {
		want, _, _ = strings.Cut(want, " (")
		require.ErrorContains(t, peer.ValidateState(state), strings.TrimSpace(want))
		s.restart(state)
		require.Equal(t, 1, s.count(peer.Error, func(e peer.Event) bool { return strings.Contains(e.Text, "the saved state is ignored: state: ") }), "%s", want)
		require.Empty(t, ids(s))
		n.run(k)
		require.Equal(t, 1, s.count(peer.Ready, nil))
	}
}

// LAT-MEMB-021, LAT-MEMB-022: whoever slept, lost its network or moved is connected again soon.
func TestComingBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		types [2]nattype.Type
		away  time.Duration
		sleep bool
	}{
		{"asleep for a moment", [2]nattype.Type{7, 7}, k / 2, true},
		{"asleep for a while", [2]nattype.Type{7, 7}, 3 * k, true},
		{"asleep for an hour", [2]nattype.Type{7, 15}, time.Hour, true},
		{"asleep, and in the open", [2]nattype.Type{31, 31}, time.Hour, true},
		{"offline for a moment", [2]nattype.Type{7, 7}, k / 2, false},
		{"offline for a while", [2]nattype.Type{7, 7}, 3 * k, false},
		{"offline for long", [2]nattype.Type{7, 7}, 20 * k, false},
		{"offline for long, symmetric", [2]nattype.Type{5, 15}, 20 * k, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			_, list := n.indexed(3)
			a := n.leaf("alice", c.types[0], list)
			b := n.leaf("bob", c.types[1], list)
			n.within(3*k, "connected", func() bool { return a.connectedTo(b) && b.connectedTo(a) })
			if c.sleep {
				a.peer.Sleep(n.Now)
				a.drain()
				before := len(a.sent(func(datagram, wire.Packet) bool { return true }))
				a.publish("said in its sleep")
				n.run(c.away)
				require.Len(t, a.sent(func(datagram, wire.Packet) bool { return true }), before, "nothing is sent")
				if c.types[0] == 7 {
					a.nat = natOf[7]() // its mappings have run out
				}
				a.peer.Wake(n.Now)
				a.drain()
			} else {
				n.lost = func(d datagram) bool { return d.sender == a || d.to.Addr() == a.ip }
				n.run(c.away - time.Second)
				a.publish("said in its sleep")
				n.run(time.Second)
				n.lost = nil
			}
			n.within(3*k, "heard again", func() bool { return b.received("said in its sleep") == 1 })
			n.within(2*k, "connected", func() bool { return a.connectedTo(b) && b.connectedTo(a) })
			b.publish("welcome back")
			n.within(k, "delivered", func() bool { return a.received("welcome back") == 1 })
			n.run(10 * k)
			require.True(t, a.connectedTo(b) && b.connectedTo(a))
			require.Equal(t, 1, b.received("said in its sleep"))
		})
	}
}

// LAT-MEMB-024 (heapwolf/socket 906), and Leave.
func TestMembers(t *testing.T) {
	n := newNetwork(t)
	_, list := n.indexed(3)
	a := n.leaf("alice", 31, list)
	b := n.leaf("bob", 31, list)
	c := n.host("carol").start(peer.Config{Bootstrap: list}) // in the cluster, in no subcluster
	n.run(4 * k)
	b.publish("relayed by all")
	n.run(k)
	members := func(h *host) (names []string) {
		for _, r := range h.peer.Peers() {
			if len(r.Subclusters) > 0 {
				require.Equal(t, []wire.ID{subKeys.SubclusterID}, r.Subclusters)
				for _, other := range n.hosts {
					if id(other.name) == r.ID {
						names = append(names, other.name)
					}
				}
			}
		}
		return names
	}
	require.Equal(t, []string{"bob"}, members(a), "relays are no members")
	require.Equal(t, []string{"alice"}, members(b))
	require.ElementsMatch(t, []string{"alice", "bob"}, members(c))
	a.peer.Leave(n.Now, subKeys.SubclusterID)
	a.drain()
	n.run(time.Second)
	n.log = nil
	b.publish("not for alice any more")
	n.run(10 * k)
	require.Empty(t, a.sent(func(_ datagram, p wire.Packet) bool {
		return p.Type == wire.Join && p.Body.RequesterPeerID == id("alice")
	}))
	require.Zero(t, a.received("not for alice any more"))
	require.Empty(t, members(b))
	require.Len(t, ids(a), 2, "it still keeps and relays")
}

// Who comes is known as a member as soon as it is met, not only a K later.
func TestMembersAreKnownWhenTheyCome(t *testing.T) {
	for _, natType := range []nattype.Type{nattype.Unrestricted, nattype.AddrRestricted, nattype.PortRestricted} {
		t.Run(natType.String(), func(t *testing.T) {
			n := newNetwork(t)
			_, list := n.indexed(3)
			a := n.leaf("alice", natType, list)
			n.run(3 * k / 2)
			n.leaf("bob", natType, list)
			n.run(k / 2)
			known := slices.ContainsFunc(a.peer.Peers(), func(r peer.PeerInfo) bool {
				return r.ID == id("bob") && r.Connected && slices.Contains(r.Subclusters, wire.ID(subKeys.SubclusterID))
			})
			require.True(t, known)
		})
	}
}

// FuzzState feeds whatever as a state: it is restored whole or not at all, and what is restored can
// be saved again.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"clock":3,"peers":[],"packets":[]}`), true)
	f.Add([]byte(`{"peers":[{"peerId":"`+strings.Repeat("ab", 32)+`","address":"1.2.3.4:5"}]}`), true)
	data, _ := wire.Append(nil, publishPacket("kept", nil))
	text, _ := jsonOf(data)
	f.Add([]byte(`{"packets":[{"arrived":1700000000000,"own":true,"unpublished":true,"delivered":true,"datagram":`+text+`}]}`), true)
	f.Add([]byte("latica-peer-state 1 "), false)
	f.Fuzz(func(t *testing.T, state []byte, sign bool) {
		if sign {
			state = signed(string(state))
		}
		p := peer.New(epoch, peer.Config{ID: id("s"), Indexed: true, State: state, Random: seeded("s"), Limits: peer.Limits{ReplicationLimits: peer.ReplicationLimits{CachePackets: 8}, MembershipLimits: peer.MembershipLimits{Peers: 4}}})
		failed := false
		var o peer.Output
		for p.Poll(&o) {
			failed = failed || o.Op == peer.Emit && o.Event.Kind == peer.Error
		}
		if err := peer.ValidateState(state); (err != nil && len(state) > 0) != failed {
			t.Fatalf("valid: %v, but reported: %v", err, failed)
		}
		if err := peer.CheckBounds(p); err != nil {
			t.Fatal(err)
		}
		if err := peer.ValidateState(p.State()); err != nil {
			t.Fatalf("the state of a restored peer: %v", err)
		}
	})
}

func jsonOf(data []byte) (string, error) {
	text, err := json.Marshal(data)
	return string(text), err
}
