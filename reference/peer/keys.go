// Sealing and opening, events, signatures of authors: sections 3.2 to 3.4 (spec/03-keys.md).

package peer

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// cluster is the own clusterId as a field, nil where there is none.
func (p *Peer) cluster() []byte {
	if p.config.ClusterID == ([32]byte{}) {
		return nil
	}
	return p.config.ClusterID[:]
}

// packetsOf seals a message for a joined subcluster, and splits it into packets like the template,
// each with the event in usr1 (LAT-KEY-007).
func (p *Peer) packetsOf(template wire.Packet, subcluster [32]byte, event string, message []byte, signing ed25519.PrivateKey) ([]wire.Packet, error) {
	keys, joined := p.keys.Find(subcluster[:])
	if !joined {
		return nil, fmt.Errorf("%w: %x", ErrNotJoined, subcluster)
	}
	if len(message) > p.limits.MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(message), p.limits.MaxMessage)
	}
	if p.config.Random == nil {
		return nil, errors.New("peer: Config.Random is not set, so nothing can be sealed")
	}
	sealed, err := seal.Seal(p.config.Random, keys, message)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	template.ClusterID, template.SubclusterID = p.cluster(), keys.SubclusterID[:]
	if event != "" {
		id := seal.EventID(event)
		template.Usr1 = id[:]
	}
	if signing != nil {
		template.Usr2 = signing.Public().(ed25519.PublicKey)
		template.Sig = seal.Sign(signing, message)
	}
	// A head hashes nothing but size and time (LAT-STRM-012): two messages of one length in one
	// millisecond would be one to everybody.
	p.replication.splitAt = max(p.replication.splitAt+1, p.now.UnixMilli())
	packets, err := wire.Split(template, sealed, nil, p.replication.splitAt)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	return packets, nil
}

// open adds what is sealed in a message; false if it does not open. The signature is reported
// (LAT-KEY-005), and withholds nothing (LAT-KEY-006).
func (e *Event) open(keys seal.Keys, pk *wire.Packet, sealed []byte) bool {
	message, err := seal.Open(keys, sealed)
	if err != nil {
		return false
	}
	e.Message, e.Opened, e.Verified = message, true, seal.Verify(pk.Usr2, message, pk.Sig)
	return true
}
