package steps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// givenCodec declares a subject that is asked for its codec alone: it never
// opens a socket.
func (w *World) givenCodec() error {
	if err := w.host(subjectHost, openProfile); err != nil {
		return err
	}
	w.declare(subjectHost, true, false, false)
	return nil
}

// codec starts the subject's program, without a peer in it.
func (w *World) codec() error {
	if err := w.up(); err != nil {
		return err
	}
	if err := w.start(w.subject); err != nil {
		return err
	}
	return w.call(w.subject, testee.Hello, nil, nil)
}

// thenCodecAgrees plays a section of the vectors against the subject.
func (w *World) thenCodecAgrees(section string) error {
	play, ok := map[string]func(vectors.Case) error{
		"keys":         w.playKey,
		"sealing":      w.playSealing,
		"packets":      w.playPacket,
		"decode":       w.playDecode,
		"packetId":     w.playPacketID,
		"cacheSummary": w.playSummary,
	}[section]
	if !ok {
		return &verdict.LabFailed{Text: fmt.Sprintf("no step plays the vectors of %q", section)}
	}
	cases, err := vectors.Section(section)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	if err := w.codec(); err != nil {
		return err
	}
	played := w.codecCalls
	for _, c := range cases {
		if err := play(c); err != nil {
			return err
		}
	}
	if w.codecCalls == played {
		return &verdict.LabFailed{Text: fmt.Sprintf("none of the %d vectors of %q was played", len(cases), section)}
	}
	return nil
}

// ask sends one codec command; rejected says that the subject refused the
// input.
func (w *World) ask(do string, with testee.CodecWith) (ok testee.CodecOK, rejected bool, err error) {
	w.codecCalls++
	reply, err := w.reply(w.subject, do, with)
	if err != nil {
		return ok, false, err
	}
	if reply.Error != nil {
		if reply.Error.Code == testee.Rejected {
			return ok, true, nil
		}
		return ok, false, w.unfit(w.subject, "%s: %s", do, reply.Error)
	}
	if err := json.Unmarshal(reply.OK, &ok); err != nil {
		return ok, false, w.unfit(w.subject, "the result of %s can't be read: %v", do, err)
	}
	return ok, false, nil
}

func (w *World) disagrees(c vectors.Case, format string, args ...any) error {
	return w.violated(nil, "vector %q: %s", c.Name, fmt.Sprintf(format, args...))
}

// playKey seals with our own keys what the subject must open with the same
// shared key: it derives all of them then.
func (w *World) playKey(c vectors.Case) error {
	var expected struct{ SharedKey string }
	if err := json.Unmarshal(c.Expected, &expected); err != nil || expected.SharedKey == "" {
		return nil // a vector of another derivation
	}
	shared, err := hex.DecodeString(expected.SharedKey)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	plaintext := []byte("sealed for " + c.Name)
	sealed, err := seal.Seal(newStream(c.Name), seal.NewKeys([32]byte(shared)), plaintext)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	opened, rejected, err := w.ask(testee.Open, testee.CodecWith{SharedKey: expected.SharedKey, Message: hex.EncodeToString(sealed)})
	if err != nil {
		return err
	}
	if rejected || opened.Message == nil || *opened.Message != hex.EncodeToString(plaintext) {
		return w.disagrees(c, "what was sealed for the subcluster of this shared key can't be opened")
	}
	back, rejected, err := w.ask(testee.Seal, testee.CodecWith{SharedKey: expected.SharedKey, Message: hex.EncodeToString(plaintext)})
	if err != nil {
		return err
	}
	if rejected || back.Message == nil {
		return w.disagrees(c, "sealing is refused")
	}
	theirs, err := hex.DecodeString(*back.Message)
	if err != nil {
		return w.unfit(w.subject, "seal did not return hex: %v", err)
	}
	again, err := seal.Open(seal.NewKeys([32]byte(shared)), theirs)
	if err != nil || !bytes.Equal(again, plaintext) {
		return w.disagrees(c, "what the subject seals can't be opened: %v", err)
	}
	return nil
}

// sealingKey is the shared key that the sealing vectors without one are for.
var sealingKey = seal.SharedKey("pf-sub")

func (w *World) playSealing(c vectors.Case) error {
	var in struct {
		SharedKey, Plaintext string
		Sealed               *string
	}
	var expected struct{ Sealed, Error, OpenUnsigned string }
	if json.Unmarshal(c.Input, &in) != nil || json.Unmarshal(c.Expected, &expected) != nil {
		return &verdict.LabFailed{Text: "vector " + c.Name}
	}
	if expected.OpenUnsigned != "" || (expected.Sealed == "" && in.Sealed == nil) {
		return nil // a variant that no packet uses, or a key that the testee protocol can't leave out
	}
	key := in.SharedKey
	if key == "" {
		key = hex.EncodeToString(sealingKey[:])
	}
	sealed := expected.Sealed
	if in.Sealed != nil {
		sealed = *in.Sealed
	}
	opened, rejected, err := w.ask(testee.Open, testee.CodecWith{SharedKey: key, Message: sealed})
	if err != nil {
		return err
	}
	if expected.Error != "" {
		if !rejected {
			return w.disagrees(c, "opened, and must be rejected (%s)", expected.Error)
		}
		return nil
	}
	if rejected || opened.Message == nil || *opened.Message != in.Plaintext {
		return w.disagrees(c, "can't be opened to its plaintext")
	}
	return nil
}

func (w *World) playPacket(c vectors.Case) error {
	var expected struct{ Datagram string }
	if err := json.Unmarshal(c.Expected, &expected); err != nil || expected.Datagram == "" {
		return nil
	}
	decoded, rejected, err := w.ask(testee.Decode, testee.CodecWith{Datagram: expected.Datagram})
	if err != nil {
		return err
	}
	if rejected || decoded.Packet == nil {
		return w.disagrees(c, "rejected")
	}
	encoded, rejected, err := w.ask(testee.Encode, testee.CodecWith{Packet: decoded.Packet})
	if err != nil {
		return err
	}
	if rejected || encoded.Datagram != expected.Datagram {
		return w.disagrees(c, "decoded and encoded again it is another datagram: %s", encoded.Datagram)
	}
	return nil
}

// playDecode judges what must be rejected: framing, and bodies of types 1 to
// 4 that no peer may send. What a deployed peer happens to accept beyond that
// binds nobody.
func (w *World) playDecode(c vectors.Case) error {
	var in struct{ Datagram string }
	var expected struct{ Rejected bool }
	if json.Unmarshal(c.Input, &in) != nil || json.Unmarshal(c.Expected, &expected) != nil || !expected.Rejected {
		return nil
	}
	_, rejected, err := w.ask(testee.Decode, testee.CodecWith{Datagram: in.Datagram})
	if err != nil {
		return err
	}
	if !rejected {
		return w.disagrees(c, "decoded, and must be rejected")
	}
	return nil
}

func (w *World) playPacketID(c vectors.Case) error {
	var in struct {
		PreviousID, NextID *string
		MessageUtf8        string
		PacketID           *string
	}
	var expected struct{ PacketID string }
	if json.Unmarshal(c.Input, &in) != nil || json.Unmarshal(c.Expected, &expected) != nil ||
		in.PreviousID == nil || in.NextID == nil || in.MessageUtf8 == "" || in.PacketID != nil {
		return nil // a vector of another rule
	}
	made, rejected, err := w.ask(testee.PacketID, testee.CodecWith{
		Rule: testee.RuleControl, PreviousID: *in.PreviousID, NextID: *in.NextID, Message: hex.EncodeToString([]byte(in.MessageUtf8))})
	if err != nil {
		return err
	}
	if rejected || made.PacketID != expected.PacketID {
		return w.disagrees(c, "the packetId is %q, and must be %s", made.PacketID, expected.PacketID)
	}
	return nil
}

func (w *World) playSummary(c vectors.Case) error {
	var in struct {
		Keys   json.RawMessage
		Prefix string
	}
	var expected struct{ Hash, Encoded string }
	if json.Unmarshal(c.Input, &in) != nil || json.Unmarshal(c.Expected, &expected) != nil {
		return &verdict.LabFailed{Text: "vector " + c.Name}
	}
	var keys []string
	if json.Unmarshal(in.Keys, &keys) != nil {
		keys = vectors.Keys40() // the one rule that the section has
	}
	made, rejected, err := w.ask(testee.Summarize, testee.CodecWith{Keys: keys, Prefix: in.Prefix})
	if err != nil {
		return err
	}
	if rejected || made.Summary == nil || made.Summary.Hash != expected.Hash ||
		(made.Summary.Encoded != "" && made.Summary.Encoded != expected.Encoded) {
		return w.disagrees(c, "the summary at prefix %q is not %s", in.Prefix, expected.Encoded)
	}
	return nil
}
