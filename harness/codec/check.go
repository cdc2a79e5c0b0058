// Package codec holds a codec to the vectors: it plays a vector as a command
// of the testee protocol and judges the reply. It also makes the vectors that
// stand in vectors/, from seeds.
package codec

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"punchlist/reference/seal"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// An Asker sends a command to a testee and returns its reply: the result, or
// why it was not carried out. An error is no answer of the codec at all.
type Asker func(do string, with json.RawMessage) (ok json.RawMessage, refusal *testee.Error, err error)

// An Outcome is what became of one vector.
type Outcome uint8

// The outcomes of a vector.
const (
	Passed Outcome = iota
	Failed
	Unsupported // the testee doesn't offer the command, which its classes may allow
)

// Check plays a vector. The text says what is wrong, or not supported; an
// error is the asker's.
func Check(v vectors.Vector, ask Asker) (outcome Outcome, text string, err error) {
	ok, refusal, err := ask(v.Do, v.With)
	switch {
	case err != nil:
		return Failed, "", err
	case refusal != nil && refusal.Code == testee.Unsupported:
		return Unsupported, refusal.Text, nil
	case refusal != nil && refusal.Code != testee.Rejected:
		return Failed, refusal.Error(), nil
	case v.Rejected != nil && refusal != nil:
		return Passed, "", nil
	case v.Rejected != nil:
		return Failed, fmt.Sprintf("taken, and must be rejected: %s", Reason(*v.Rejected)), nil
	case refusal != nil:
		return Failed, fmt.Sprintf("rejected: %s", refusal.Text), nil
	}
	if v.Opens != nil {
		text, err = opens(v, ok, ask)
	} else {
		text = differs(v.OK, ok)
	}
	if err != nil || text != "" {
		return Failed, text, err
	}
	return Passed, "", nil
}

// Reason is a rejection in one line: "message: key natType: not a valid NAT
// type (offset 143)".
func Reason(r vectors.Rejection) string {
	text := r.Reason
	if r.Key != "" {
		text = "key " + r.Key + ": " + text
	}
	if r.Field != "" {
		text = r.Field + ": " + text
	}
	if r.Offset != nil {
		text += fmt.Sprintf(" (offset %d)", *r.Offset)
	}
	return text
}

// differs compares what is expected with a result, key by key: a result may
// have more.
func differs(want, got json.RawMessage) string {
	var expected, result map[string]any
	if err := json.Unmarshal(want, &expected); err != nil {
		return fmt.Sprintf("the vector's result is no object: %v", err)
	}
	if err := json.Unmarshal(got, &result); err != nil {
		return fmt.Sprintf("the result is no object: %v", err)
	}
	return differ("", expected, result)
}

func differ(at string, want, got any) string {
	object, ok := want.(map[string]any)
	if !ok {
		if reflect.DeepEqual(want, got) {
			return ""
		}
		return fmt.Sprintf("%s is %s, and must be %s", at, shown(got), shown(want))
	}
	other, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s is %s, and must be %s", at, shown(got), shown(want))
	}
	if at != "" {
		at += "."
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value, there := other[key]
		if !there {
			return fmt.Sprintf("%s%s is missing, and must be %s", at, key, shown(object[key]))
		}
		// A body is compared whole, and what stands in it is not read of message.
		if key == "message" && object["body"] != nil {
			continue
		}
		if key == "body" {
			if !reflect.DeepEqual(object[key], value) {
				return fmt.Sprintf("%s%s is %s, and must be %s", at, key, shown(value), shown(object[key]))
			}
			continue
		}
		if text := differ(at+key, object[key], value); text != "" {
			return text
		}
	}
	return ""
}

// shown is a value of JSON, cut where it is long.
func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(text) > 200 {
		return fmt.Sprintf("%s… (%d bytes of JSON)", text[:200], len(text))
	}
	return string(text)
}

// opens judges what seal gave: both the testee and the reference must open it.
func opens(v vectors.Vector, ok json.RawMessage, ask Asker) (text string, err error) {
	var with testee.CodecWith
	if err := json.Unmarshal(v.With, &with); err != nil {
		return fmt.Sprintf("the vector's parameters can't be read: %v", err), nil
	}
	var result testee.CodecOK
	if err := json.Unmarshal(ok, &result); err != nil || result.Message == nil {
		return "the result has no message", nil
	}
	sealed, err := hex.DecodeString(*result.Message)
	if err != nil {
		return "the message is not hex", nil
	}
	shared, err := hex.DecodeString(with.SharedKey)
	if err != nil || len(shared) != 32 {
		return "the vector's shared key has not 32 bytes", nil
	}
	plaintext, err := seal.Open(seal.NewKeys([32]byte(shared)), sealed)
	if err != nil {
		return fmt.Sprintf("what was sealed can't be opened: %v", err), nil
	}
	if hex.EncodeToString(plaintext) != *v.Opens {
		return "what was sealed opens to something else", nil
	}
	open, err := json.Marshal(testee.CodecWith{SharedKey: with.SharedKey, Message: *result.Message})
	if err != nil {
		return "", err
	}
	back, refusal, err := ask(testee.Open, open)
	switch {
	case err != nil:
		return "", err
	case refusal != nil:
		return fmt.Sprintf("it doesn't open what it sealed: %v", refusal), nil
	}
	expected, err := json.Marshal(testee.CodecOK{Message: v.Opens})
	if err != nil {
		return "", err
	}
	return differs(expected, back), nil
}
