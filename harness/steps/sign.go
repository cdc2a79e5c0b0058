package steps

import (
	"bytes"
	"crypto/ed25519"

	"punchlist/reference/seal"
)

// signer is the key that signed messages of the subject bear.
var signer = seal.SharedKey("signer")

// whenSubjectPublishesSigned publishes a message with usr2 and sig.
func (w *World) whenSubjectPublishesSigned(n int) error {
	return w.publishSigned(w.subject, "signed", plaintextOf(w.subject, n), signer[:])
}

// thenSigned judges usr2 and sig of every packet of the message.
func (w *World) thenSigned() error {
	p := w.latest
	got, err := w.await(answerWithin, func() bool { return len(p.ids) > 0 && len(w.packetsOf(p)) == len(p.ids) })
	if err != nil {
		return err
	}
	if !got {
		return w.violated(nil, "the subject sent %d of its %d packets", len(w.packetsOf(p)), len(p.ids))
	}
	key := ed25519.NewKeyFromSeed(signer[:])
	public := key.Public().(ed25519.PublicKey)
	signature := ed25519.Sign(key, p.plaintext[min(64, len(p.plaintext)):])
	for _, s := range w.packetsOf(p) {
		if !bytes.Equal(s.packet.Usr2, public) {
			return w.violated([]int{s.Seq}, "usr2 is %x, and not the signer's public key", s.packet.Usr2)
		}
		if !bytes.Equal(s.packet.Sig, signature) {
			return w.violated([]int{s.Seq}, "sig is %x, and not the signature of the plaintext without its first 64 bytes", s.packet.Sig)
		}
	}
	return nil
}
