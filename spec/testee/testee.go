// Package testee is the contract between the harness and a peer under test:
// commands in, replies and events out, as JSON, one object per line, on the
// testee's stdin and stdout. The prose is spec/testee.md, the JSON Schema is
// schema.json in this folder.
//
// Binary values are lower-case hex strings, times and durations are
// milliseconds, addresses are IPv4 literals.
package testee

import (
	"encoding/json"
	"time"
)

// MaxLine is the longest line, in bytes, that either side may write. A cache
// of 6,604 ids is about 450 kB.
const MaxLine = 1 << 20

// ReplyWithin bounds the time from a command to its reply. It includes the
// start of a slow runtime (the command "hello" is the first thing that a
// testee reads).
const ReplyWithin = 15 * time.Second

// LabVariable is the environment variable that every lab sets for a testee,
// to the IPv4 addresses of the testee's host in the lab, separated by commas
// ("198.51.100.7,198.51.100.8"). A testee that must never speak outside a lab
// refuses start where it is absent, or where the machine's own addresses are
// others.
const LabVariable = "PUNCHLIST_LAB"

// WireVersion is the version of the packets that this contract speaks of.
const WireVersion = 6

// Names of commands. Each has a parameter type below (where it has
// parameters) and a result type (where it has a result).
const (
	Hello     = "hello"
	Start     = "start"
	Info      = "info"
	Peers     = "peers"
	Join      = "join"
	Publish   = "publish"
	Stream    = "stream"
	Query     = "query"
	Leave     = "leave"
	Sync      = "sync"
	Cache     = "cache"
	Sleep     = "sleep"
	Wake      = "wake"
	State     = "state"
	Stop      = "stop"
	Decode    = "decode"
	Encode    = "encode"
	PacketID  = "packet-id"
	Seal      = "seal"
	Open      = "open"
	Summarize = "summarize"
	Derive    = "derive"
	Sign      = "sign"
	Verify    = "verify"
	Strategy  = "strategy"
	Split     = "split"
	Compose   = "compose"
	NATType   = "nat-type"
	Negotiate = "negotiate"
)

// Names of events.
const (
	Ready         = "ready"         // sockets are bound, datagrams are handled
	NAT           = "nat"           // the peer's own NAT type, address or port became known or changed
	Connection    = "connection"    // a peer became connected
	Disconnection = "disconnection" // a connected peer was given up
	PacketEvent   = "packet"        // a publish was received; Message set when it could be opened
	StreamEvent   = "stream"
	Answer        = "answer"
	ErrorEvent    = "error" // something went wrong that no command asked for
)

// Codes of errors.
const (
	Unsupported = "unsupported" // the command, or an option of it, is not implemented by this testee
	BadCommand  = "bad-command" // unknown command or malformed parameters
	Rejected    = "rejected"    // the codec rejects the input: a datagram, a packet, a key, a sealed message, a summary
	Failed      = "failed"      // the peer could not do it; text says why
	NotStarted  = "not-started" // a command that needs a started peer came before start
)

// Conformance classes and capabilities that a testee claims in its hello.
const (
	ClassCodec   = "codec"
	ClassPeer    = "peer"
	ClassIndexed = "indexed"
	ClassRelay   = "relay"

	// Capabilities of a testee, beyond what its classes require.
	CapabilityClock   = "clock"   // start.clock is obeyed
	CapabilityState   = "state"   // so are the command state, and start.state
	CapabilitySleep   = "sleep"   // so are the commands sleep and wake
	CapabilityLeave   = "leave"   // so is the command leave
	CapabilityMembers = "members" // peers tells of the subclusters of each peer

	// Capabilities of a codec: functions that an implementation may have only
	// inside its running peer.
	CapabilitySplit     = "split"     // the command split is carried out
	CapabilityCompose   = "compose"   // so is compose
	CapabilityNATType   = "nat-type"  // so is nat-type
	CapabilityNegotiate = "negotiate" // so is negotiate
)

// A Command is one line from the harness to the testee.
type Command struct {
	ID   int             `json:"id"` // drawn by the harness, from 1, never reused in a run of the testee
	Do   string          `json:"do"`
	With json.RawMessage `json:"with,omitempty"`
}

// A Message is one line from the testee to the harness: a reply when ID is
// not zero (either OK or Error is set), an event when Event is not empty.
// The parameters of an event stand beside its name in the same object; Raw
// keeps the whole line, so that a step decodes the event's own type from it.
type Message struct {
	ID    int             `json:"id,omitempty"`
	OK    json.RawMessage `json:"ok,omitempty"`
	Error *Error          `json:"error,omitempty"`
	Event string          `json:"event,omitempty"`

	At  time.Time       `json:"-"` // when the harness read it, by the lab's clock
	Raw json.RawMessage `json:"-"`
}

// An Error is why a command was not carried out.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Error makes the code and text one line.
func (e *Error) Error() string { return e.Code + ": " + e.Text }

// HelloOK is the result of hello, which has no parameters.
type HelloOK struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Wire         int      `json:"wire"` // wire version, 6
	Classes      []string `json:"classes"`
	Capabilities []string `json:"capabilities"`

	// Constants are what the testee has for constants of the standard from whose range it chooses,
	// by their ids (spec/constants.yaml): counts, bytes, milliseconds or multiples of K, as their
	// table has them. What is not here is judged by its range.
	Constants map[string]float64 `json:"constants,omitempty"`
	// Recommendations are the ids of the requirements of level SHOULD that it follows. Absent, it
	// says nothing of them.
	Recommendations []string `json:"recommendations,omitempty"`
}

// StartWith are the parameters of start; its result is empty. The event
// ready follows when the sockets are bound.
type StartWith struct {
	PeerID    string      `json:"peerId"`
	Port      uint16      `json:"port,omitempty"`      // main socket; 0 or absent: any
	ProbePort uint16      `json:"probePort,omitempty"` // probe socket; 0 or absent: any
	Address   string      `json:"address,omitempty"`   // indexed: the peer's own address, since it discovers none; absent: that of its only interface
	ClusterID string      `json:"clusterId"`           // 32 bytes; "" for an indexed peer that is of no cluster
	Indexed   bool        `json:"indexed,omitempty"`   // a bootstrap peer: NAT type 31, no discovery
	Keepalive int64       `json:"keepalive,omitempty"` // K; absent: the protocol's default of 30000
	Seed      string      `json:"seed,omitempty"`      // 32 bytes; where the testee can, its randomness comes from it
	State     string      `json:"state,omitempty"`     // what the command state returned in an earlier life
	Bootstrap []Bootstrap `json:"bootstrap"`           // replaces any built-in list, also when empty
	Clock     *Clock      `json:"clock,omitempty"`
}

// Bootstrap names one indexed peer.
type Bootstrap struct {
	PeerID  string `json:"peerId"`
	Address string `json:"address"`
	Port    uint16 `json:"port"`
}

// Clock moves the testee's own clock: it reads real time + Offset, running
// Rate times as fast (0: 1).
type Clock struct {
	Offset int64   `json:"offset,omitempty"`
	Rate   float64 `json:"rate,omitempty"`
}

// InfoOK is the result of info, which has no parameters. Address and Port
// are the peer's own as it learned them by reflection.
type InfoOK struct {
	PeerID  string `json:"peerId"`
	NATType int    `json:"natType"` // 0: unknown
	Address string `json:"address,omitempty"`
	Port    uint16 `json:"port,omitempty"`
}

// PeersOK is the result of peers, which has no parameters.
type PeersOK struct {
	Peers []PeerInfo `json:"peers"`
}

// PeerInfo is what the testee believes of another peer.
type PeerInfo struct {
	PeerID    string `json:"peerId"`
	Address   string `json:"address"`
	Port      uint16 `json:"port"`
	NATType   int    `json:"natType"`
	Connected bool   `json:"connected"`
	Indexed   bool   `json:"indexed,omitempty"`
	Proxy     string `json:"proxy,omitempty"` // peerId of the proxy that it is reached by

	Subclusters []string `json:"subclusters,omitempty"` // that it is counted a member of
}

// JoinWith are the parameters of join: SharedKey is the 32-byte shared key
// of the subcluster.
type JoinWith struct {
	SharedKey string `json:"sharedKey"`
}

// JoinOK is the result of join.
type JoinOK struct {
	SubclusterID string `json:"subclusterId"`
}

// PublishWith are the parameters of publish to a joined subcluster.
type PublishWith struct {
	SubclusterID string `json:"subclusterId"`
	Event        string `json:"event,omitempty"`       // name; usr1 is its SHA-256
	Message      string `json:"message"`               // plaintext
	TTL          int64  `json:"ttl,omitempty"`         // absent: six hours
	SigningSeed  string `json:"signingSeed,omitempty"` // 32 bytes: usr2 and sig are made with this Ed25519 seed
}

// PublishOK is the result of publish: the ids of its packets, the head or
// only one first.
type PublishOK struct {
	PacketIDs []string `json:"packetIds"`
}

// StreamWith are the parameters of stream, a message for one known peer of a
// joined subcluster; its result is empty.
type StreamWith struct {
	PeerID       string `json:"peerId"`
	SubclusterID string `json:"subclusterId"`
	Event        string `json:"event,omitempty"`
	Message      string `json:"message"` // plaintext
	SigningSeed  string `json:"signingSeed,omitempty"`
}

// QueryWith are the parameters of query: a question to the network. Body is a
// JSON object; {"packetId": …} asks for a cached packet. Its result is empty.
type QueryWith struct {
	Body json.RawMessage `json:"body"`
}

// SyncWith are the parameters of sync with a known peer; its result is empty.
type SyncWith struct {
	PeerID string `json:"peerId"`
}

// CacheWith are the parameters of cache: a prefix of 0 to 64 hex digits.
type CacheWith struct {
	Prefix string `json:"prefix,omitempty"`
}

// CacheOK is the result of cache: the ids below the prefix, ascending, and
// the summary at it.
type CacheOK struct {
	IDs     []string    `json:"ids"`
	Summary SummaryInfo `json:"summary"`
}

// SummaryInfo is a cache summary at a prefix.
type SummaryInfo struct {
	Prefix  string            `json:"prefix"`
	Hash    string            `json:"hash"`              // 20 bytes
	Buckets map[string]string `json:"buckets,omitempty"` // hex digit → 20 bytes; empty buckets are absent
	Encoded string            `json:"encoded,omitempty"`
}

// LeaveWith are the parameters of leave; its result is empty.
type LeaveWith struct {
	SubclusterID string `json:"subclusterId"`
}

// StateOK is the result of state, which has no parameters: opaque to the
// harness.
type StateOK struct {
	State string `json:"state"`
}

// Rules by which a packetId is made (LAT-ID-001 to LAT-ID-003).
const (
	RuleControl  = "control"  // of previousId, message and nextId
	RuleMessage  = "message"  // of message: an unfragmented publish or stream, or a fragment head's body
	RuleFragment = "fragment" // of previousId (here: the packetId of the fragment before) and message
)

// Rules by which derive makes a value of 32 bytes from a text or a key.
const (
	DeriveEvent      = "event"      // usr1 of the event whose name message is (LAT-KEY-007)
	DeriveSharedKey  = "shared-key" // the shared key of the secret that message is
	DeriveSubcluster = "subcluster" // the subclusterId of the shared key that message is (LAT-KEY-001)
	DeriveEncryption = "encryption" // the X25519 public key of that shared key
)

// CodecWith are the parameters of the commands of class codec; each uses the
// fields that its row in spec/testee.md names. An absent byte string is the
// empty one.
type CodecWith struct {
	Datagram    string      `json:"datagram,omitempty"`    // decode
	Packet      *Packet     `json:"packet,omitempty"`      // encode; split: what all packets repeat, and the whole message
	PreviousID  string      `json:"previousId,omitempty"`  // packet-id, as on the wire: "00" is unset; rule fragment: the packetId of the fragment before
	Message     string      `json:"message,omitempty"`     // packet-id, derive, seal, sign, verify (plaintext), open (sealed)
	NextID      string      `json:"nextId,omitempty"`      // packet-id, as on the wire
	Rule        string      `json:"rule,omitempty"`        // packet-id: RuleControl, RuleMessage or RuleFragment; derive: DeriveEvent and so on
	SharedKey   string      `json:"sharedKey,omitempty"`   // seal, open
	Keys        []string    `json:"keys,omitempty"`        // summarize, negotiate: the packetIds of a cache
	Prefix      string      `json:"prefix,omitempty"`      // summarize
	SigningSeed string      `json:"signingSeed,omitempty"` // sign
	Usr2        string      `json:"usr2,omitempty"`        // verify
	Sig         string      `json:"sig,omitempty"`         // verify
	NATType     int         `json:"natType,omitempty"`     // strategy: the peer's own; 0 is unknown
	Other       int         `json:"other,omitempty"`       // strategy: that of the other peer
	TS          int64       `json:"ts,omitempty"`          // split: milliseconds since 1970, for the head
	Datagrams   []string    `json:"datagrams,omitempty"`   // compose, in the order in which they arrived
	Answers     []NATAnswer `json:"answers,omitempty"`     // nat-type: of two responders
	Summary     string      `json:"summary,omitempty"`     // negotiate: what came, encoded
}

// A NATAnswer is what one responder showed in the second stage of NAT discovery.
type NATAnswer struct {
	Address   string `json:"address"`             // where it saw the main socket
	Port      uint16 `json:"port"`                // at which port
	Contacted bool   `json:"contacted,omitempty"` // the probe socket had sent to its address before
	Second    bool   `json:"second,omitempty"`    // its second answer reached the probe socket
}

// CodecOK is the result of the commands of class codec.
type CodecOK struct {
	Packet    *Packet      `json:"packet,omitempty"`    // decode
	Datagram  string       `json:"datagram,omitempty"`  // encode
	PacketID  string       `json:"packetId,omitempty"`  // packet-id
	Message   *string      `json:"message,omitempty"`   // seal, open, compose
	Summary   *SummaryInfo `json:"summary,omitempty"`   // summarize
	Value     string       `json:"value,omitempty"`     // derive
	Usr2      string       `json:"usr2,omitempty"`      // sign
	Sig       string       `json:"sig,omitempty"`       // sign
	Verified  *bool        `json:"verified,omitempty"`  // verify
	Strategy  string       `json:"strategy,omitempty"`  // strategy: direct, defer, open, connect or proxy
	Datagrams []string     `json:"datagrams,omitempty"` // split: the head first, by index
	NATType   int          `json:"natType,omitempty"`   // nat-type
	Answer    *SyncAnswer  `json:"answer,omitempty"`    // negotiate
}

// A SyncAnswer is what a peer sends because of a summary (LAT-SYNC-005).
type SyncAnswer struct {
	Summaries []string `json:"summaries"` // encoded, by prefix
	Packets   []string `json:"packets"`   // packetIds, ascending
}

// Packet is a packet field by field. Byte fields are hex; "00" is what unset
// looks like on the wire, "" is length zero. Encode computes the packetId when
// it is "00".
//
// Where the message is JSON (types 1 to 4 and 8, and a fragment's head), Body
// is that JSON and Message may be left empty: of a packet with a Body nobody
// reads Message.
type Packet struct {
	Type         int             `json:"type"`
	Version      int             `json:"version"`
	Clock        uint32          `json:"clock"`
	Hops         uint32          `json:"hops"`
	Index        int32           `json:"index"`
	TTL          uint32          `json:"ttl"`
	ClusterID    string          `json:"clusterId"`
	SubclusterID string          `json:"subclusterId"`
	PreviousID   string          `json:"previousId"`
	PacketID     string          `json:"packetId"`
	NextID       string          `json:"nextId"`
	Usr1         string          `json:"usr1"`
	Usr2         string          `json:"usr2"`
	Usr3         string          `json:"usr3"`
	Usr4         string          `json:"usr4"`
	Message      string          `json:"message"`
	Body         json.RawMessage `json:"body,omitempty"`
	Sig          string          `json:"sig"`
}

// ReadyEvent is the event ready.
type ReadyEvent struct {
	PeerID    string `json:"peerId"`
	Port      uint16 `json:"port"`      // local port of the main socket
	ProbePort uint16 `json:"probePort"` // local port of the probe socket
}

// NATEvent is the event nat.
type NATEvent struct {
	NATType int    `json:"natType"`
	Address string `json:"address"`
	Port    uint16 `json:"port"`
}

// ConnectionEvent is the event connection, and disconnection (PeerID alone).
type ConnectionEvent struct {
	PeerID  string `json:"peerId"`
	Address string `json:"address,omitempty"`
	Port    uint16 `json:"port,omitempty"`
	NATType int    `json:"natType,omitempty"`
	Proxy   string `json:"proxy,omitempty"`
}

// PacketEventBody is the event packet: a publish that arrived whole from
// another peer. A fragmented message is one event, under the packetId of its
// head. Message is the plaintext, absent when the testee holds no key for the
// subcluster or could not open it.
type PacketEventBody struct {
	PacketID     string  `json:"packetId"`
	ClusterID    string  `json:"clusterId"`
	SubclusterID string  `json:"subclusterId"`
	EventID      string  `json:"eventId,omitempty"` // usr1
	Message      *string `json:"message,omitempty"`
	Verified     bool    `json:"verified,omitempty"` // sig verified against usr2
	Hops         uint32  `json:"hops"`
}

// StreamEventBody is the event stream: a stream addressed to this peer that
// arrived whole.
type StreamEventBody struct {
	PeerID       string  `json:"peerId"` // who sent it, by its usr4
	SubclusterID string  `json:"subclusterId"`
	EventID      string  `json:"eventId,omitempty"` // usr1
	Message      *string `json:"message,omitempty"`
	Verified     bool    `json:"verified,omitempty"`
}

// AnswerEventBody is the event answer: an answer to a query of this peer. The
// answer is either bytes or JSON.
type AnswerEventBody struct {
	PacketID string          `json:"packetId"`
	Message  string          `json:"message,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"`
}

// ErrorEventBody is the event error.
type ErrorEventBody struct {
	Text string `json:"text"`
}
