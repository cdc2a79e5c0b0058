package steps

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"slices"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// signer is the key that signed messages of the subject bear.
var signer = seal.SharedKey("signer")

var _ = step("key/subject-publishes-signed", `^the subject publishes (\d+) bytes, signed$`,
	(*World).whenSubjectPublishesSigned)

// whenSubjectPublishesSigned publishes a message with usr2 and sig.
func (w *World) whenSubjectPublishesSigned(n int) {
	w.publishSigned(w.subject, "signed", plaintextOf(w.subject, n), signer[:])
}

var _ = step("key/peer-publishes-bytes", `^"([^"]+)" publishes (\d+) bytes, (signed|unsigned)$`,
	(*World).whenPeerPublishesBytes)

func (w *World) whenPeerPublishesBytes(name string, n int, how string) {
	p := w.named(name)
	if how == "unsigned" {
		w.publish(p, "signed", plaintextOf(p, n))
		return
	}
	w.publishSigned(p, "signed", plaintextOf(p, n), signer[:])
}

// theEvent is the name under which the messages of scenarios are published.
const theEvent = "message"

var _ = step("key/injector-publishes-with-signature", `^"([^"]+)" publishes for the subject's subcluster (\d+) bytes with (.+)$`,
	(*World).whenMessageSigned)

// whenMessageSigned has an injector, who is no stranger to the subcluster's key,
// publish a message with a signature that is not what it should be.
func (w *World) whenMessageSigned(name string, n int, how string) {
	in := w.acting(name)
	plaintext := plaintextOf(w.subject, n)
	p := w.aPublish(w.membership.group, len(w.given), plaintext)
	event := seal.EventID(theEvent)
	key, other := ed25519.NewKeyFromSeed(signer[:]), seal.SharedKey("another signer")
	p.Usr1, p.Usr2, p.Sig = event[:], key.Public().(ed25519.PublicKey), seal.Sign(key, plaintext)
	switch how {
	case "no signature":
		p.Sig = nil
	case "the signature of another":
		p.Sig = seal.Sign(ed25519.NewKeyFromSeed(other[:]), plaintext)
	case "the signature of the whole plaintext":
		p.Sig = ed25519.Sign(key, plaintext)
	case "a signature of 63 bytes":
		p.Sig = p.Sig[:63]
	case "a key of 31 bytes":
		p.Usr2 = p.Usr2[:31]
	}
	w.replication.sent["signed"] = &publication{plaintext: plaintext}
	w.give(in, p)
}

// delivered awaits what the subject, or another peer, reports of the message.
func (w *World) delivered(of string) (*peer, testee.PacketEventBody) {
	p := w.either(of)
	m := w.replication.sent["signed"]
	w.receivesOnce(p, "signed", m.plaintext)
	events := eventsOf[testee.PacketEventBody](p, testee.PacketEvent)
	at := slices.IndexFunc(events, func(e testee.PacketEventBody) bool {
		return e.Message != nil && *e.Message == hex.EncodeToString(m.plaintext)
	})
	if at < 0 {
		misused("the message was delivered, and its event is gone")
	}
	return p, events[at]
}

var _ = step("key/delivers-verified", `^(the subject|"[^"]+") delivers it, (verified|not verified)$`,
	(*World).thenDeliversSigned)

func (w *World) thenDeliversSigned(of, how string) {
	p, e := w.delivered(of)
	if e.Verified != (how == "verified") {
		w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s delivered the message with verified %v", p, e.Verified)
	}
}

var _ = step("key/delivers-anyway", `^the subject delivers it all the same$`,
	func(w *World) { w.delivered("the subject") })

var _ = step("key/signature-covers", `^the signature on the wire covers the plaintext without its first 64 bytes$`,
	(*World).thenSigned)

// thenSigned judges usr2 and sig of every packet of the message.
func (w *World) thenSigned() {
	p := w.replication.latest
	if !w.await(replyWithin, func() bool { return len(p.ids) > 0 && len(w.packetsOf(p)) == len(p.ids) }) {
		w.violated(nil, "the subject sent %d of its %d packets", len(w.packetsOf(p)), len(p.ids))
	}
	key := ed25519.NewKeyFromSeed(signer[:])
	public := key.Public().(ed25519.PublicKey)
	signature := ed25519.Sign(key, p.plaintext[min(64, len(p.plaintext)):])
	for _, s := range w.packetsOf(p) {
		if !bytes.Equal(s.packet.Usr2, public) {
			w.violated([]int{s.Seq}, "usr2 is %x, and not the signer's public key", s.packet.Usr2)
		}
		if !bytes.Equal(s.packet.Sig, signature) {
			w.violated([]int{s.Seq}, "sig is %x, and not the signature of the plaintext without its first 64 bytes", s.packet.Sig)
		}
	}
}

var _ = step("key/nowhere-in-the-clear", `^"([^"]+)" is nowhere on the wire in the clear$`,
	(*World).thenNotInTheClear)

func (w *World) thenNotInTheClear(text string) {
	t := w.net.Trace()
	for i := range t.Len() {
		f := t.At(i)
		if bytes.Contains(f.Packet, []byte(text)) {
			w.violated([]int{f.Seq}, "the plaintext %q is readable on the wire", text)
		}
	}
}

var _ = step("key/not-opened-by-bootstraps", `^no bootstrap peer has opened it$`,
	(*World).thenNoBootstrapOpened)

func (w *World) thenNoBootstrapOpened() {
	for _, b := range w.bootstraps() {
		for _, e := range eventsOf[testee.PacketEventBody](b, testee.PacketEvent) {
			if e.Message != nil {
				w.violated(nil, "%s, which is no member, opened a message", b)
			}
		}
	}
}
