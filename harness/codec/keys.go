package codec

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/nacl/box"

	"punchlist/reference/seal"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

func keys(b *book) {
	deriving(b)
	sealing(b)
	signing(b)
}

func deriving(b *book) {
	for _, c := range []struct{ name, title, secret string }{
		{"text", "of the text pf-sub", "pf-sub"},
		{"utf8", "of a text beyond ASCII, in UTF-8", "ключ"},
		{"bytes", "of 40 bytes", string(bytesOf("secret", 40))},
		{"empty", "of the empty text", ""},
	} {
		shared := b.takes("key/shared-"+c.name, "LAT-KEY-001", "the shared key "+c.title, testee.Derive, testee.CodecWith{Rule: testee.DeriveSharedKey, Message: toHex([]byte(c.secret))}).Value
		b.takes("key/subcluster-"+c.name, "LAT-KEY-001", "the subclusterId of the shared key "+c.title, testee.Derive, testee.CodecWith{Rule: testee.DeriveSubcluster, Message: shared})
		b.takes("key/encryption-"+c.name, "LAT-KEY-001", "the X25519 public key of the shared key "+c.title, testee.Derive, testee.CodecWith{Rule: testee.DeriveEncryption, Message: shared})
	}
	for _, n := range []int{0, 16, 31, 33} {
		b.refuses(fmt.Sprintf("key/subcluster-of-%d-bytes", n), "LAT-KEY-001", fmt.Sprintf("a shared key of %d bytes", n),
			testee.Derive, testee.CodecWith{Rule: testee.DeriveSubcluster, Message: toHex(bytesOf("short", n))}, vectors.Rejection{Reason: "invalid seed length"})
	}
	for _, c := range [][2]string{{"ascii", "hello"}, {"utf8", "é"}, {"empty", ""}} {
		b.takes("key/event-"+c[0], "LAT-KEY-007", fmt.Sprintf("the event %q", c[1]), testee.Derive, testee.CodecWith{Rule: testee.DeriveEvent, Message: toHex([]byte(c[1]))})
	}
}

// sealedBy seals with ephemeral keys that a text names.
func sealedBy(text string, k seal.Keys, plaintext []byte) []byte {
	sealed, err := seal.Seal(bytes.NewReader(bytesOf(text, 64)), k, plaintext)
	if err != nil {
		panic(err) // there is enough to read
	}
	return sealed
}

func sealing(b *book) {
	shared := hashed("shared key")
	k := seal.NewKeys(shared)
	key := toHex(shared[:])
	for _, n := range []int{0, 1, 64, 864, 865, 2000} {
		plaintext := bytesOf("plaintext", n)
		opened := b.takes(fmt.Sprintf("key/open-%d", n), "LAT-KEY-002", fmt.Sprintf("%d bytes, sealed", n),
			testee.Open, testee.CodecWith{SharedKey: key, Message: toHex(sealedBy("open", k, plaintext))})
		b.want(fmt.Sprintf("key/open-%d", n), opened.Message != nil && *opened.Message == toHex(plaintext), "it opens to something else")
		text := toHex(plaintext)
		b.play(vectors.Vector{ID: fmt.Sprintf("key/seal-%d", n), Requirement: "LAT-KEY-002", Title: fmt.Sprintf("%d bytes, to be sealed", n), Do: testee.Seal, Opens: &text},
			testee.CodecWith{SharedKey: key, Message: text})
	}

	sound := sealedBy("broken", k, bytesOf("plaintext", 30))
	refuses := func(id, title string, sealed []byte, reason string) {
		b.refuses(id, "LAT-KEY-003", title, testee.Open, testee.CodecWith{SharedKey: key, Message: toHex(sealed)}, vectors.Rejection{Reason: reason})
	}
	changed := func(at int) []byte {
		out := bytes.Clone(sound)
		out[at] ^= 1
		return out
	}
	const short, wrongKey = "ciphertext is too short", "incorrect key pair for the given ciphertext"
	refuses("key/open-nothing", "no bytes", nil, short)
	refuses("key/open-47-bytes", "47 bytes", sound[:47], short)
	refuses("key/open-48-zero-bytes", "48 bytes of zero", make([]byte, 48), wrongKey)
	refuses("key/open-cut", "the last byte is missing", sound[:len(sound)-1], wrongKey)
	refuses("key/open-longer", "a byte is behind it", append(bytes.Clone(sound), 0), wrongKey)
	refuses("key/open-ephemeral-changed", "a bit of the outer ephemeral public key is another", changed(0), wrongKey)
	refuses("key/open-tag-changed", "a bit of the outer tag is another", changed(32), wrongKey)
	refuses("key/open-changed", "a bit of what is encrypted is another", changed(len(sound)-1), wrongKey)
	refuses("key/open-other-subcluster", "sealed for another subcluster", sealedBy("other", seal.NewKeys(hashed("another shared key")), []byte("x")), wrongKey)

	// The outer box is sound, what is in it isn't.
	ours := ed25519.NewKeyFromSeed(shared[:])
	other := ed25519.NewKeyFromSeed(hashedBytes("another shared key"))
	public, err := seal.X25519Public(ours.Public().(ed25519.PublicKey))
	if err != nil {
		b.fail("key", "%v", err)
		return
	}
	boxed := func(text string, content []byte) []byte {
		sealed, err := box.SealAnonymous(nil, content, &public, bytes.NewReader(bytesOf(text, 32)))
		if err != nil {
			panic(err) // there is enough to read
		}
		return sealed
	}
	inner := boxed("inner", bytesOf("plaintext", 30))
	refuses("key/open-signature-alone", "the outer box holds 64 bytes", boxed("alone", ed25519.Sign(ours, nil)), "nothing follows the inner signature")
	refuses("key/open-other-signature", "the inner signature is by another key", boxed("by another", append(ed25519.Sign(other, inner), inner...)), "the inner signature is not the subcluster's")
	wrong := ed25519.Sign(ours, inner)
	wrong[0] ^= 1
	refuses("key/open-false-signature", "a bit of the inner signature is another", boxed("false", append(wrong, inner...)), "the inner signature is not the subcluster's")
	broken := bytes.Clone(inner)
	broken[len(broken)-1] ^= 1
	refuses("key/open-inner-changed", "the inner box is broken, and signed so", boxed("inner broken", append(ed25519.Sign(ours, broken), broken...)), wrongKey)
}

func hashedBytes(text string) []byte {
	h := hashed(text)
	return h[:]
}

func signing(b *book) {
	author := hashed("author")
	public := ""
	var sig string
	for _, n := range []int{0, 1, 63, 64, 65, 200} {
		made := b.takes(fmt.Sprintf("key/sign-%d", n), "LAT-KEY-004", fmt.Sprintf("a plaintext of %d bytes, of which the first 64 are not signed", n),
			testee.Sign, testee.CodecWith{SigningSeed: toHex(author[:]), Message: toHex(bytesOf("signed", n))})
		public, sig = made.Usr2, made.Sig
	}
	verifies := func(id, title, usr2, sig string, message []byte, want bool) {
		ok := b.takes("key/verify-"+id, "LAT-KEY-005", title, testee.Verify, testee.CodecWith{Usr2: usr2, Sig: sig, Message: toHex(message)})
		b.want("key/verify-"+id, ok.Verified != nil && *ok.Verified == want, "it is not %v", want)
	}
	message := bytesOf("signed", 200)
	changed := func(at int) []byte {
		out := bytes.Clone(message)
		out[at] ^= 1
		return out
	}
	verifies("sound", "a sound signature", public, sig, message, true)
	verifies("byte-63-changed", "byte 63 is another, which nothing signs", public, sig, changed(63), true)
	verifies("byte-64-changed", "byte 64 is another", public, sig, changed(64), false)
	other := b.takes("key/sign-other-author", "LAT-KEY-004", "by another author", testee.Sign, testee.CodecWith{SigningSeed: toHex(hashedBytes("another author")), Message: toHex(message)})
	verifies("other-author", "the signature of another author", public, other.Sig, message, false)
	// With the neutral element for a key, R = [S]B is a signature of everything.
	neutral := make([]byte, 32)
	neutral[0] = 1
	s := []byte(ed25519.NewKeyFromSeed(hashedBytes("scalar")))[:32]
	s[31] &= 0x0f // below the order of the base point
	scalar, err := new(edwards25519.Scalar).SetCanonicalBytes(s)
	if err != nil {
		b.fail("key/verify-small-order-usr2", "%v", err)
		return
	}
	r := new(edwards25519.Point).ScalarBaseMult(scalar).Bytes()
	verifies("small-order-usr2", "usr2 is a point of small order, and sig one that fits every message", toHex(neutral), toHex(append(r, s...)), message, false)
	for _, n := range []int{0, 1, 63, 65} {
		verifies(fmt.Sprintf("sig-of-%d-bytes", n), fmt.Sprintf("a sig of %d bytes", n), public, toHex(bytesOf("sig", n)), message, false)
	}
	for _, n := range []int{0, 1, 31, 33} {
		verifies(fmt.Sprintf("usr2-of-%d-bytes", n), fmt.Sprintf("a usr2 of %d bytes", n), toHex(bytesOf("usr2", n)), sig, message, false)
	}
}
