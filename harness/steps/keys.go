package steps

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"

	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
)

// signer is the key that signed messages of the subject bear.
var signer = seal.SharedKey("signer")

// whenSubjectPublishesSigned publishes a message with usr2 and sig.
func (w *World) whenSubjectPublishesSigned(n int) error {
	return w.publishSigned(w.subject, "signed", plaintextOf(w.subject, n), signer[:])
}

func (w *World) whenPeerPublishesSigned(name string, n int) error {
	p, err := w.named(name)
	if err != nil {
		return err
	}
	return w.publishSigned(p, "signed", plaintextOf(p, n), signer[:])
}

func (w *World) whenPeerPublishesUnsigned(name string, n int) error {
	p, err := w.named(name)
	if err != nil {
		return err
	}
	return w.publish(p, "signed", plaintextOf(p, n))
}

// theEvent is the name under which the messages of scenarios are published.
const theEvent = "message"

// whenMessageSigned has an injector, who is no stranger to the subcluster's key,
// publish a message with a signature that is not what it should be.
func (w *World) whenMessageSigned(name string, n int, how string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	plaintext := plaintextOf(w.subject, n)
	p, err := w.aPublish(w.group, len(w.relayed), plaintext)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
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
	w.sent["signed"] = &publication{plaintext: plaintext}
	return w.give(in, p)
}

// delivered awaits what the subject, or another peer, reports of the message.
func (w *World) delivered(of string) (*peer, testee.PacketEventBody, error) {
	var none testee.PacketEventBody
	p, err := w.either(of)
	if err != nil {
		return nil, none, err
	}
	m := w.sent["signed"]
	if err := w.receivesOnce(p, "signed", m.plaintext); err != nil {
		return nil, none, err
	}
	for _, e := range eventsOf[testee.PacketEventBody](p, testee.PacketEvent) {
		if e.Message != nil && *e.Message == hex.EncodeToString(m.plaintext) {
			return p, e, nil
		}
	}
	return nil, none, &verdict.LabFailed{Text: "the message was delivered, and its event is gone"}
}

func (w *World) thenDeliversSigned(of, how string) error {
	p, e, err := w.delivered(of)
	if err != nil {
		return err
	}
	if e.Verified != (how == "verified") {
		return w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s delivered the message with verified %v", p, e.Verified)
	}
	return nil
}

func (w *World) thenDeliversAnyway() error {
	_, _, err := w.delivered("the subject")
	return err
}

func (w *World) thenDeliversEvent(of, event string) error {
	p, e, err := w.delivered(of)
	if err != nil {
		return err
	}
	if id := seal.EventID(event); e.EventID != hex.EncodeToString(id[:]) {
		return w.violated(frames(ofType(w.receivedBy(p.host), wire.Publish)), "%s delivered the message with the eventId %q, and not %x", p, e.EventID, id)
	}
	return nil
}

// thenNamesEvent judges usr1 of every packet of the message.
func (w *World) thenNamesEvent(event string) error {
	p, id := w.latest, seal.EventID(event)
	if _, err := w.await(answerWithin, func() bool { return len(w.packetsOf(p)) == len(p.ids) }); err != nil {
		return err
	}
	packets := w.packetsOf(p)
	for _, s := range packets {
		if !bytes.Equal(s.packet.Usr1, id[:]) {
			return w.violated([]int{s.Seq}, "usr1 is %x, and not the SHA-256 of the event's name", s.packet.Usr1)
		}
	}
	if len(packets) != len(p.ids) {
		return w.violated(frames(packets), "the subject sent %d of its %d packets", len(packets), len(p.ids))
	}
	return nil
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
