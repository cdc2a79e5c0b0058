// Names, keys and events: sections 3.1 and 3.3 (spec/03-keys.md).

// Package seal derives keys and ids, seals messages for a subcluster and signs them, byte for byte
// as the deployed peers do.
package seal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/blake2b"
)

// ClusterID is SHA-256 of a cluster's name, text (as UTF-8) or bytes.
func ClusterID[S ~string | ~[]byte](name S) [32]byte { return sha256.Sum256([]byte(name)) }

// EventID is SHA-256 of an event's name: the usr1 of a publish or stream.
func EventID[S ~string | ~[]byte](name S) [32]byte { return sha256.Sum256([]byte(name)) }

// PeerID is SHA-256 of a text: the custom for making peer ids that can be remembered. A peer id is
// not a key; any 32 bytes will do.
func PeerID[S ~string | ~[]byte](text S) [32]byte { return sha256.Sum256([]byte(text)) }

// SharedKey is the key that the members of a subcluster share, BLAKE2b-256 of a seed of any length
// (LAT-KEY-001).
func SharedKey[S ~string | ~[]byte](seed S) [32]byte { return blake2b.Sum256([]byte(seed)) }

// ErrSeedLength: a key pair's seed is not 32 bytes.
var ErrSeedLength = errors.New("invalid seed length")

// KeyPair makes an Ed25519 key pair, a user's for signing or a subcluster's, from a seed of 32
// bytes. A text seed goes through SharedKey first.
func KeyPair(seed []byte) (ed25519.PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("seal: %w: %d bytes, want %d (hash a text with SharedKey first)", ErrSeedLength, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// X25519Public maps an Ed25519 public key to the X25519 one of the same pair (RFC 7748, section
// 4.1: the birational map). Bytes that are no point of the curve are an error.
func X25519Public(public ed25519.PublicKey) ([32]byte, error) {
	p, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return [32]byte{}, fmt.Errorf("seal: Ed25519 public key: %w", err)
	}
	return [32]byte(p.BytesMontgomery()), nil
}

// X25519Secret is the X25519 secret of the Ed25519 key pair with this seed: the first half of
// SHA-512(seed), clamped.
func X25519Secret(seed [32]byte) [32]byte {
	h := sha512.Sum512(seed[:])
	h[0] &= 248
	h[31] &= 127
	h[31] |= 64
	return [32]byte(h[:32])
}

// Keys are what a member of a subcluster holds. All members hold the same, so they prove membership
// and nothing about who one is. Make them with NewKeys: the zero value seals nothing and opens
// nothing.
type Keys struct {
	SubclusterID [32]byte // Ed25519 public key

	shared    [32]byte
	signing   ed25519.PrivateKey
	boxPublic [32]byte
	boxSecret [32]byte
}

// NewKeys derives a subcluster's keys from its shared key (LAT-KEY-001).
func NewKeys(shared [32]byte) Keys {
	k := Keys{shared: shared, signing: ed25519.NewKeyFromSeed(shared[:]), boxSecret: X25519Secret(shared)}
	public := k.signing.Public().(ed25519.PublicKey)
	k.SubclusterID = [32]byte(public)
	// A public key that was just derived from its secret is on the curve.
	k.boxPublic, _ = X25519Public(public)
	return k
}

// SharedKey is what NewKeys made k from.
func (k Keys) SharedKey() [32]byte { return k.shared }
