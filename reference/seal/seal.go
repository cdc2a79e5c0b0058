// Sealing and signatures: sections 3.2 and 3.4 (spec/03-keys.md).

package seal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

// Overhead is what a sealed message is longer than its plaintext: two sealed boxes and the
// signature between them.
const Overhead = 2*boxOverhead + ed25519.SignatureSize

// Errors of opening, beside ErrTooShort and ErrWrongKey.
var (
	ErrMalformed   = errors.New("EMALFORMED: nothing follows the inner signature")
	ErrNotVerified = errors.New("ENOTVERIFIED: the inner signature is not the subcluster's")
	ErrNoKey       = errors.New("ENOKEY: the subcluster's keys are not held")
)

// Seal encrypts, signs and encrypts again (LAT-KEY-002): the result is Overhead bytes longer than
// the plaintext, which keeps its content. It reads 64 bytes off random: the inner, then the outer
// ephemeral seed.
func Seal(random io.Reader, k Keys, plaintext []byte) ([]byte, error) {
	if k.signing == nil {
		return nil, fmt.Errorf("seal: %w (make them with NewKeys)", ErrNoKey)
	}
	inner, err := sealBox(random, k.boxPublic, plaintext)
	if err != nil {
		return nil, err
	}
	return sealBox(random, k.boxPublic, append(ed25519.Sign(k.signing, inner), inner...))
}

// Open undoes Seal. It fails with ErrTooShort or ErrWrongKey if a box does not open, ErrMalformed
// if the outer box holds no more than a signature, and ErrNotVerified if that signature is not by
// the subcluster's key (LAT-KEY-003). Any bytes may be given.
func Open(k Keys, sealed []byte) ([]byte, error) {
	if k.signing == nil {
		return nil, fmt.Errorf("seal: %w (make them with NewKeys)", ErrNoKey)
	}
	signed, err := openBox(k.boxPublic, k.boxSecret, sealed)
	if err != nil {
		return nil, fmt.Errorf("seal: outer box: %w", err)
	}
	if len(signed) <= ed25519.SignatureSize {
		return nil, fmt.Errorf("seal: outer box: %w", ErrMalformed)
	}
	inner := signed[ed25519.SignatureSize:]
	if !ed25519.Verify(k.SubclusterID[:], inner, signed[:ed25519.SignatureSize]) {
		return nil, fmt.Errorf("seal: %w", ErrNotVerified)
	}
	plaintext, err := openBox(k.boxPublic, k.boxSecret, inner)
	if err != nil {
		return nil, fmt.Errorf("seal: inner box: %w", err)
	}
	return plaintext, nil
}

// unsignedHead is how many bytes at the start of a plaintext no signature covers. The deployed
// peers take them for a signature that is not there.
const unsignedHead = 64

func signedPart(plaintext []byte) []byte { return plaintext[min(unsignedHead, len(plaintext)):] }

// Sign makes the sig of a publish or stream: the signature of the plaintext without its first 64
// bytes (LAT-KEY-004). All messages of one signer that are no longer than that share one signature.
func Sign(private ed25519.PrivateKey, plaintext []byte) []byte {
	return ed25519.Sign(private, signedPart(plaintext))
}

// Verify tells whether sig is by public over an opened plaintext. It vouches for nothing but the
// bytes from offset 64 on: not for the event, the cluster or the order, and a message of 64 bytes
// or fewer verifies with the sig of any other. So it is advisory. A key or sig of the wrong length
// verifies nothing (on such a key a deployed peer throws, and its application gets an event without
// payload).
//
// As deployed peers do, it refuses a key and a sig whose point R are of small order, or not encoded
// canonically: by such a key anybody could have signed anything.
func Verify(public, plaintext, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize &&
		!weak(public) && !weak(sig[:32]) && ed25519.Verify(public, signedPart(plaintext), sig)
}

// weak tells whether 32 bytes are no canonical encoding of a point, or of one whose order divides
// the cofactor.
func weak(encoded []byte) bool {
	point, err := new(edwards25519.Point).SetBytes(encoded)
	return err != nil || !bytes.Equal(point.Bytes(), encoded) ||
		new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
}
