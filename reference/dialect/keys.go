package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"

	"punchlist/reference/wire"
)

// reorder gives the body of a datagram that the peer itself composed another order of keys, and the
// datagram the packetId that follows from it: equal bodies of one seed get the same order. What is
// relayed, and what has no such body, stays as it is.
func reorder(datagram []byte, self wire.ID, seed uint32) []byte {
	var p wire.Packet
	if !wire.Decode(&p, datagram).OK() {
		return datagram
	}
	switch {
	case p.Type == wire.Ping, p.Type == wire.Pong, p.Type == wire.Intro:
	case p.Type == wire.Join && p.Body.RequesterPeerID == self: // others are relayed
	default:
		return datagram
	}
	body, ok := shuffled(p.Message, seed)
	if !ok {
		return datagram
	}
	p.Message, p.PacketID = body, nil
	out, err := wire.Append(nil, &p)
	if err != nil {
		return datagram
	}
	return out
}

// shuffled is a JSON object with its keys in an order that follows from the object and the seed.
func shuffled(object []byte, seed uint32) ([]byte, bool) {
	type member struct {
		key   string
		value json.RawMessage
	}
	var members []member
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, false
		}
		members = append(members, member{key, value})
	}
	hash := sha256.Sum256(object)
	random := rand.New(rand.NewPCG(uint64(seed), binary.BigEndian.Uint64(hash[:])))
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, m.key...)
		out = append(out, '"', ':')
		out = append(out, m.value...)
	}
	return append(out, '}'), true
}
