package testee

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"punchlist/reference/cache"
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
		datagram, problem := bytesOf(with.Datagram, "datagram")
		if problem != nil {
			return nil, problem
		}
		var p wire.Packet
		if fault := wire.Decode(&p, datagram); !fault.OK() {
			return nil, rejected(fault.Err())
		}
		if p.Version != wire.Version {
			return nil, rejected(errVersion)
		}
		return contract.CodecOK{Packet: shown(&p)}, nil
	case contract.Encode:
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
	case contract.PacketID:
		return packetID(with)
	case contract.Summarize:
		return summarize(now, with)
	}
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
	c := cache.New(len(with.Keys))
	for i, text := range with.Keys {
		id, problem := asID(text, fmt.Sprintf("key %d", i))
		if problem != nil {
			return nil, problem
		}
		if _, evicted := c.Insert(now, cache.Entry{ID: id}); evicted != nil {
			return nil, failed(fmt.Errorf("%d keys are more than a cache holds", len(with.Keys)))
		}
	}
	s := summary(c.Summary(now, prefix))
	return contract.CodecOK{Summary: &s}, nil
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
	if jsonBody(p) && json.Valid(p.Message) {
		// Lines are UTF-8, and what is not in a body is read as U+FFFD.
		s.Body = bytes.ToValidUTF8(p.Message, []byte("\ufffd"))
	}
	return s
}

// jsonBody tells whether the message of a packet is JSON.
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
