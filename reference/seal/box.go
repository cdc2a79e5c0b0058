// Sealed boxes: section 3.2 (spec/03-keys.md).

package seal

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
	"golang.org/x/crypto/nacl/secretbox"
)

// boxOverhead is what a sealed box is longer than its content: the ephemeral public key and the
// tag.
const boxOverhead = 32 + secretbox.Overhead

// Errors of opening.
var (
	ErrTooShort = errors.New("ciphertext is too short")
	ErrWrongKey = errors.New("incorrect key pair for the given ciphertext")
)

// sealBox is libsodium's crypto_box_seal to public. The ephemeral secret comes from a seed of 32
// bytes read off random, as if it were an Ed25519 seed: so is it in the recorded boxes, and it is
// as good as any.
func sealBox(random io.Reader, public [32]byte, content []byte) ([]byte, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("seal: ephemeral key: %w", err)
	}
	secret := X25519Secret(seed)
	ephemeral, err := curve25519.X25519(secret[:], curve25519.Basepoint)
	if err != nil {
		return nil, fmt.Errorf("seal: ephemeral key: %w", err)
	}
	key, err := boxKey(secret, public)
	if err != nil {
		return nil, fmt.Errorf("seal: subcluster key: %w", err)
	}
	nonce := boxNonce([32]byte(ephemeral), public)
	out := make([]byte, 0, len(content)+boxOverhead)
	return secretbox.Seal(append(out, ephemeral...), content, &nonce, &key), nil
}

// openBox is libsodium's crypto_box_seal_open.
func openBox(public, secret [32]byte, sealed []byte) ([]byte, error) {
	if len(sealed) < boxOverhead {
		return nil, ErrTooShort
	}
	ephemeral := [32]byte(sealed[:32])
	key, err := boxKey(secret, ephemeral)
	if err != nil {
		return nil, err
	}
	nonce := boxNonce(ephemeral, public)
	content, ok := secretbox.Open(nil, sealed[32:], &nonce, &key)
	if !ok {
		return nil, ErrWrongKey
	}
	return content, nil
}

func boxKey(secret, public [32]byte) (key [32]byte, err error) {
	box.Precompute(&key, &public, &secret)
	if key == knownKey {
		return key, ErrWrongKey
	}
	return key, nil
}

// knownKey is what Precompute makes of every public key of low order, whatever the secret:
// nobody's, since everybody has it. libsodium refuses it too.
var knownKey = func() (key [32]byte) {
	box.Precompute(&key, new([32]byte), new([32]byte))
	return key
}()

func boxNonce(ephemeral, public [32]byte) (nonce [24]byte) {
	// 24 is a size that BLAKE2b has, and no key is given: no error can be.
	h, _ := blake2b.New(len(nonce), nil)
	h.Write(ephemeral[:])
	h.Write(public[:])
	h.Sum(nonce[:0])
	return nonce
}
