// Package schema refuses lines that break the JSON Schema of the testee
// protocol. It is apart from package testee so that a peer need not carry a
// validator.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"punchlist/spec/testee"
)

// Command reports what is wrong with a line from the harness to a testee.
func Command(line []byte) error {
	var c struct {
		Do string `json:"do"`
	}
	value, err := object(line, &c)
	if err != nil {
		return err
	}
	return check("command-"+c.Do, fmt.Sprintf("command %q", c.Do), value)
}

// Reply reports what is wrong with a line by which a testee answers the
// command do.
func Reply(do string, line []byte) error {
	var r struct {
		Error json.RawMessage `json:"error"`
	}
	value, err := object(line, &r)
	if err != nil {
		return err
	}
	if r.Error != nil {
		return check("reply-error", fmt.Sprintf("error reply to %q", do), value)
	}
	return check("reply-"+do, fmt.Sprintf("reply to %q", do), value)
}

// Event reports what is wrong with a line by which a testee reports an event.
func Event(line []byte) error {
	var e struct {
		Event string `json:"event"`
	}
	value, err := object(line, &e)
	if err != nil {
		return err
	}
	return check("event-"+e.Event, fmt.Sprintf("event %q", e.Event), value)
}

func object(line []byte, envelope any) (value any, err error) {
	if len(line) > testee.MaxLine {
		return nil, fmt.Errorf("the line has %d bytes, a line may have %d", len(line), testee.MaxLine)
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return nil, fmt.Errorf("the line is not JSON: %w", err)
	}
	if _, ok := value.(map[string]any); !ok {
		return nil, errors.New("the line is JSON, but no object")
	}
	if err := json.Unmarshal(line, envelope); err != nil {
		return nil, fmt.Errorf("the line's names are no texts: %w", err)
	}
	return value, nil
}

func check(def, what string, value any) error {
	s, ok := schemas()[def]
	if !ok {
		return fmt.Errorf("%s: there is none of that name", what)
	}
	err := s.Validate(value)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %s", what, strings.Join(faults(invalid, nil), "; "))
}

// faults are the innermost causes, as "ok.natType: got string, want integer".
func faults(e *jsonschema.ValidationError, found []string) []string {
	if len(e.Causes) == 0 {
		_, text, _ := strings.Cut(e.Error(), ": ") // before it: at '/ok/natType'
		if len(e.InstanceLocation) > 0 {
			text = strings.Join(e.InstanceLocation, ".") + ": " + text
		}
		return append(found, text)
	}
	for _, cause := range e.Causes {
		found = faults(cause, found)
	}
	return found
}

// schemas are the compiled $defs of the embedded schema, by name.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	const root = "testee.json"
	var names struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(testee.Schema, &names); err != nil {
		panic(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(testee.Schema))
	if err != nil {
		panic(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(root, document); err != nil {
		panic(err)
	}
	compiled := map[string]*jsonschema.Schema{}
	for name := range names.Defs { // order-free: each is compiled for itself
		compiled[name] = compiler.MustCompile(root + "#/$defs/" + name)
	}
	return compiled
})
