package injector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A Body is a JSON object whose keys keep the order in which they were set:
// the deployed peers check keys in their order, and packet ids depend on it.
// Values are whatever encoding/json accepts, also what the protocol forbids.
type Body []Member

// A Member is one key of a Body with its value.
type Member struct {
	Key   string
	Value any
}

// With is the body with a key set: replaced in its place, or added last.
func (b Body) With(key string, value any) Body {
	c := append(Body(nil), b...)
	for i := range c {
		if c[i].Key == key {
			c[i].Value = value
			return c
		}
	}
	return append(c, Member{key, value})
}

// Without is the body without a key.
func (b Body) Without(key string) Body {
	var c Body
	for _, m := range b {
		if m.Key != key {
			c = append(c, m)
		}
	}
	return c
}

// Get is the value of a key.
func (b Body) Get(key string) (any, bool) {
	for _, m := range b {
		if m.Key == key {
			return m.Value, true
		}
	}
	return nil, false
}

// Says reports whether the value of a key is true.
func (b Body) Says(key string) bool {
	v, _ := b.Get(key)
	return v == true
}

// JSON is the compact text of the body.
func (b Body) JSON() []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range b {
		if i > 0 {
			out.WriteByte(',')
		}
		key, _ := json.Marshal(m.Key)
		value, err := json.Marshal(m.Value)
		if err != nil {
			// Only scripts of this repository set values, and all are JSON values.
			panic(fmt.Sprintf("injector: key %s: %v", m.Key, err))
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// ParseBody reads a JSON object, keeping the order of its keys; what is not
// one is an empty Body. Numbers are float64.
func ParseBody(text []byte) Body {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var b Body
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil
		}
		b = append(b, Member{key.(string), value})
	}
	return b
}

// Value reads a value as scripts write it: JSON, or else the text itself.
func Value(text string) any {
	var v any
	if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &v); err == nil {
		return v
	}
	return text
}
