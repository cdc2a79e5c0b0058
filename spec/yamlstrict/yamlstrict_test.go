package yamlstrict

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestErrorsNameFileLineAndKey(t *testing.T) {
	const f = File("mine.yaml")
	text := func(key string, n *yaml.Node) error {
		if n.Tag != "!!str" {
			return f.Errorf(n, key, "must be a text, not %s", Kind(n))
		}
		return nil
	}
	for _, c := range []struct{ data, want string }{
		{"", "mine.yaml: the thing is empty: write one"},
		{"a: [", "mine.yaml: the thing is not YAML: "},
		{"a: x\n---\na: y\n", "mine.yaml: the thing holds more than one document"},
		{"- x", "mine.yaml:1: the thing must be a mapping of keys to values, not a list"},
		{"a: x\nb: y\nc: z\n", "mine.yaml:3: c is not a key of the thing: its keys are a, b"},
		{"a: x\nb: y\na: z\n", "mine.yaml:3: a stands here again: keep this one or that of line 1"},
		{"b: x", "mine.yaml:1: a is missing from the thing: add it"},
		{"a:\n  7\n", `mine.yaml:2: a must be a text, not "7"`},
		{"a: {x: y}", "mine.yaml:1: a must be a text, not a mapping"},
		{"a:\nb: x", "mine.yaml:1: a must be a text, not nothing"},
		{"b: &b x\na: *b", "mine.yaml:2: a must be a text, not an alias"},
		{"a: x", ""},
	} {
		n, err := f.Document([]byte(c.data), "the thing", "write one")
		if err == nil {
			err = f.Mapping(n, "the thing", Fields{"a": text, "b": text}, "a")
		}
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
}

func TestDecodeErrorsNameFileLineAndKey(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"", "mine.yaml: the list is empty: write one"},
		{"- {a: x}\n---\n- {a: y}\n", "mine.yaml: the list holds more than one document"},
		{"- {a: [}", "mine.yaml: the list is not YAML: "},
		{"- a: x\n  c: y\n  b: many\n", "mine.yaml:2: c is not a key here\nmine.yaml:3: cannot unmarshal"},
		{"- a: x\n  b: 1\n  a: z\n", `mine.yaml:3: "a" stands here again: keep this one or that of line 1`},
		{"- {a: x, b: 1}", ""},
	} {
		var all []struct {
			A string `yaml:"a"`
			B int    `yaml:"b"`
		}
		err := File("mine.yaml").Decode([]byte(c.data), &all, "the list", "write one")
		if c.want == "" {
			require.NoError(t, err)
			require.Equal(t, 1, all[0].B)
			continue
		}
		require.ErrorContains(t, err, c.want)
		require.Equal(t, c.data == "", errors.Is(err, ErrEmpty))
	}
}
