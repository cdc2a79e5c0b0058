package testee

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/nattype"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	contract "punchlist/spec/testee"
)

func rejected(err error) *contract.Error {
	return &contract.Error{Code: contract.Rejected, Text: err.Error()}
}

// codec carries out a command of class codec.
func (a *Agent) codec(now time.Time, do string, with contract.CodecWith) (any, *contract.Error) {
	switch do {
	case contract.Decode:
		return decode(with)
	case contract.Encode:
		return encode(with)
	case contract.PacketID:
		return packetID(with)
	case contract.Split:
		return split(with)
	case contract.Compose:
		return compose(with)
	case contract.Derive:
		return derive(with)
	case contract.Seal, contract.Open:
		return a.sealing(do, with)
	case contract.Sign:
		return sign(with)
	case contract.Verify:
		return verify(with)
	case contract.NATType:
		return classify(with)
	case contract.Strategy:
		choice := nattype.Choose(nattype.Of(with.NATType), nattype.Of(with.Other))
		return contract.CodecOK{Strategy: strategies[choice]}, nil
	case contract.Summarize:
		return summarize(now, with)
	default: // contract.Negotiate
		return negotiate(now, with)
	}
}

func decode(with contract.CodecWith) (any, *contract.Error) {
	datagram, problem := bytesOf(with.Datagram, "datagram")
	if problem != nil {
		return nil, problem
	}
	p, problem := taken(datagram)
	if problem != nil {
		return nil, problem
	}
	return contract.CodecOK{Packet: shown(&p)}, nil
}

// taken is the packet that a datagram is for a peer.
func taken(datagram []byte) (p wire.Packet, problem *contract.Error) {
	if fault := wire.Decode(&p, datagram); !fault.OK() {
		return p, rejected(fault.Err())
	}
	if p.Version != wire.Version {
		return p, rejected(errVersion)
	}
	return p, nil
}

func encode(with contract.CodecWith) (any, *contract.Error) {
	if with.Packet == nil {
		return nil, bad("packet is missing")
	}
	p, problem := read(with.Packet)
	if problem != nil {
		return nil, problem
	}
	datagram, err := wire.Append(nil, &p)
	if err != nil {
		return nil, rejected(err)
	}
	return contract.CodecOK{Datagram: hex.EncodeToString(datagram)}, nil
}

func bytesOf(text, what string) ([]byte, *contract.Error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, bad("%s: %v", what, err)
	}
	return b, nil
}

func packetID(with contract.CodecWith) (any, *contract.Error) {
	message, problem := bytesOf(with.Message, "message")
	if problem != nil {
		return nil, problem
	}
	previous, problem := bytesOf(with.PreviousID, "previousId")
	if problem != nil {
		return nil, problem
	}
	next, problem := bytesOf(with.NextID, "nextId")
	if problem != nil {
		return nil, problem
	}
	var id wire.ID
	switch with.Rule {
	case contract.RuleControl:
		// As on the wire: here nothing at all is a field of length zero.
		id = wire.ControlID(append([]byte{}, previous...), message, append([]byte{}, next...))
	case contract.RuleMessage:
		id = wire.MessageID(message)
	case contract.RuleFragment:
		before, ok := wire.AsID(previous)
		if !ok {
			return nil, bad("previousId: the packetId of the fragment before has 32 bytes, not %d", len(previous))
		}
		id = wire.FragmentID(before, message)
	default:
		return nil, bad("rule: %q is none of control, message, fragment", with.Rule)
	}
	return contract.CodecOK{PacketID: id.String()}, nil
}

func summarize(now time.Time, with contract.CodecWith) (any, *contract.Error) {
	prefix, err := cache.ParsePrefix(with.Prefix)
	if err != nil {
		return nil, bad("prefix: %v", err)
	}
	c, problem := filled(now, with.Keys)
	if problem != nil {
		return nil, problem
	}
	s := summary(c.Summary(now, prefix))
	return contract.CodecOK{Summary: &s}, nil
}

// filled is a cache with packets of these ids.
func filled(now time.Time, keys []string) (*cache.Cache, *contract.Error) {
	c := cache.New(len(keys))
	for i, text := range keys {
		id, problem := asID(text, fmt.Sprintf("key %d", i))
		if problem != nil {
			return nil, problem
		}
		if _, evicted := c.Insert(now, cache.Entry{ID: id}); evicted != nil {
			return nil, failed(fmt.Errorf("%d keys are more than a cache holds", len(keys)))
		}
	}
	return c, nil
}

func split(with contract.CodecWith) (any, *contract.Error) {
	if with.Packet == nil {
		return nil, bad("packet is missing")
	}
	template, problem := read(with.Packet)
	if problem != nil {
		return nil, problem
	}
	message := template.Message
	template.PreviousID, template.NextID, template.Message = nil, nil, nil
	packets, err := wire.Split(template, message, nil, with.TS)
	if err != nil {
		return nil, rejected(err)
	}
	var ok contract.CodecOK
	for i := range packets {
		datagram, err := wire.Append(nil, &packets[i])
		if err != nil {
			return nil, rejected(err)
		}
		ok.Datagrams = append(ok.Datagrams, hex.EncodeToString(datagram))
	}
	return ok, nil
}

// compose joins the message of the first head for which everything is there.
func compose(with contract.CodecWith) (any, *contract.Error) {
	packets := make([]wire.Packet, 0, len(with.Datagrams))
	for i, text := range with.Datagrams {
		datagram, problem := bytesOf(text, fmt.Sprintf("datagram %d", i))
		if problem != nil {
			return nil, problem
		}
		if p, problem := taken(datagram); problem == nil {
			packets = append(packets, p)
		}
	}
	err := errors.New("nothing is the head of a message")
	for i := range packets {
		if packets[i].Index != 0 {
			continue
		}
		var message []byte
		if message, err = wire.Compose(&packets[i], packets); err == nil {
			text := hex.EncodeToString(message)
			return contract.CodecOK{Message: &text}, nil
		}
	}
	return nil, rejected(err)
}

func derive(with contract.CodecWith) (any, *contract.Error) {
	message, problem := bytesOf(with.Message, "message")
	if problem != nil {
		return nil, problem
	}
	var value [32]byte
	switch with.Rule {
	case contract.DeriveEvent:
		value = seal.EventID(message)
	case contract.DeriveSharedKey:
		value = seal.SharedKey(message)
	case contract.DeriveSubcluster, contract.DeriveEncryption:
		private, err := seal.KeyPair(message)
		if err != nil {
			return nil, rejected(err)
		}
		public := private.Public().(ed25519.PublicKey)
		copy(value[:], public)
		if with.Rule == contract.DeriveEncryption {
			if value, err = seal.X25519Public(public); err != nil {
				return nil, rejected(err)
			}
		}
	default:
		return nil, bad("rule: %q is none of event, shared-key, subcluster, encryption", with.Rule)
	}
	return contract.CodecOK{Value: hex.EncodeToString(value[:])}, nil
}

func (a *Agent) sealing(do string, with contract.CodecWith) (any, *contract.Error) {
	shared, problem := asID(with.SharedKey, "sharedKey")
	if problem != nil {
		return nil, problem
	}
	message, problem := bytesOf(with.Message, "message")
	if problem != nil {
		return nil, problem
	}
	var out []byte
	var err error
	if do == contract.Seal {
		out, err = seal.Seal(a.options.Random, seal.NewKeys(shared), message)
	} else {
		out, err = seal.Open(seal.NewKeys(shared), message)
	}
	if err != nil {
		return nil, rejected(err)
	}
	text := hex.EncodeToString(out)
	return contract.CodecOK{Message: &text}, nil
}

func sign(with contract.CodecWith) (any, *contract.Error) {
	seed, problem := asID(with.SigningSeed, "signingSeed")
	if problem != nil {
		return nil, problem
	}
	message, problem := bytesOf(with.Message, "message")
	if problem != nil {
		return nil, problem
	}
	private, err := seal.KeyPair(seed[:])
	if err != nil {
		return nil, rejected(err)
	}
	public := private.Public().(ed25519.PublicKey)
	return contract.CodecOK{Usr2: hex.EncodeToString(public), Sig: hex.EncodeToString(seal.Sign(private, message))}, nil
}

func verify(with contract.CodecWith) (any, *contract.Error) {
	var parts [3][]byte
	for i, part := range []struct{ text, name string }{{with.Usr2, "usr2"}, {with.Message, "message"}, {with.Sig, "sig"}} {
		var problem *contract.Error
		if parts[i], problem = bytesOf(part.text, part.name); problem != nil {
			return nil, problem
		}
	}
	verified := seal.Verify(parts[0], parts[1], parts[2])
	return contract.CodecOK{Verified: &verified}, nil
}

// classify concludes a NAT type from what two responders showed.
func classify(with contract.CodecWith) (any, *contract.Error) {
	if len(with.Answers) != 2 {
		return nil, bad("answers: two responders answer, not %d", len(with.Answers))
	}
	one, other := with.Answers[0], with.Answers[1]
	e := nattype.Evidence{SameMapping: one.Address == other.Address && one.Port == other.Port}
	for _, answer := range with.Answers {
		e.FromKnown = e.FromKnown || answer.Second && answer.Contacted
		e.FromStranger = e.FromStranger || answer.Second && !answer.Contacted
	}
	return contract.CodecOK{NATType: int(nattype.Classify(e))}, nil
}

var strategies = map[nattype.Strategy]string{
	nattype.Direct: "direct", nattype.Defer: "defer", nattype.TraversalOpen: "open",
	nattype.TraversalConnect: "connect", nattype.Proxy: "proxy",
}

// negotiate is what the peer of a cache sends because of a summary.
func negotiate(now time.Time, with contract.CodecWith) (any, *contract.Error) {
	message, problem := bytesOf(with.Summary, "summary")
	if problem != nil {
		return nil, problem
	}
	theirs, err := cache.DecodeSummary(message)
	if err != nil {
		return nil, rejected(err)
	}
	c, problem := filled(now, with.Keys)
	if problem != nil {
		return nil, problem
	}
	ours := c.Summary(now, theirs.Prefix)
	answer := contract.SyncAnswer{Summaries: []string{}, Packets: []string{}}
	for child, do := range ours.Moves(&theirs) {
		if do == cache.Deeper {
			deeper := c.Summary(now, child)
			answer.Summaries = append(answer.Summaries, hex.EncodeToString(deeper.Append(nil)))
			continue
		}
		for e := range c.Under(now, child) {
			answer.Packets = append(answer.Packets, e.ID.String())
		}
	}
	slices.Sort(answer.Packets)
	return contract.CodecOK{Answer: &answer}, nil
}

// shown is a decoded packet as the testee protocol shows it.
func shown(p *wire.Packet) *contract.Packet {
	s := &contract.Packet{
		Type: int(p.Type), Version: int(p.Version), Clock: p.Clock, Hops: p.Hops, Index: p.Index, TTL: p.TTL,
		Message: hex.EncodeToString(p.Message),
	}
	for _, f := range fieldsOf(p, s) {
		*f.text = hex.EncodeToString(*f.bytes)
	}
	if jsonBody(p) && json.Valid(p.Message) && bytes.HasPrefix(bytes.TrimLeft(p.Message, " \t\r\n"), []byte("{")) {
		// Lines are UTF-8, and what is not in a body is read as U+FFFD.
		s.Body = bytes.ToValidUTF8(p.Message, []byte("\ufffd"))
	}
	return s
}

// jsonBody reports whether the message of a packet may be a JSON object.
func jsonBody(p *wire.Packet) bool {
	switch p.Type {
	case wire.Publish, wire.Stream:
		return p.Index == 0
	case wire.Sync:
		return false
	}
	return true
}

type field struct {
	text  *string
	bytes *[]byte
}

func fieldsOf(p *wire.Packet, s *contract.Packet) []field {
	return []field{
		{&s.ClusterID, &p.ClusterID}, {&s.SubclusterID, &p.SubclusterID}, {&s.PreviousID, &p.PreviousID},
		{&s.PacketID, &p.PacketID}, {&s.NextID, &p.NextID}, {&s.Usr1, &p.Usr1}, {&s.Usr2, &p.Usr2},
		{&s.Usr3, &p.Usr3}, {&s.Usr4, &p.Usr4}, {&s.Sig, &p.Sig},
	}
}

// read is the packet that the testee protocol shows.
func read(s *contract.Packet) (wire.Packet, *contract.Error) {
	p := wire.Packet{
		Type: wire.Type(s.Type), Version: uint16(s.Version), Clock: s.Clock, Hops: s.Hops, Index: s.Index, TTL: s.TTL,
	}
	if s.Type < 0 || s.Type > 255 || s.Version < 0 || s.Version > 65535 {
		return p, bad("packet: type %d or version %d is out of range", s.Type, s.Version)
	}
	for _, f := range fieldsOf(&p, s) {
		b, problem := bytesOf(*f.text, "packet")
		if problem != nil {
			return p, problem
		}
		*f.bytes = append([]byte{}, b...)
	}
	if len(s.Body) > 0 {
		p.Message = wire.ASCII(s.Body)
		return p, nil
	}
	message, problem := bytesOf(s.Message, "message")
	if problem != nil {
		return p, problem
	}
	p.Message = append([]byte{}, message...)
	return p, nil
}
