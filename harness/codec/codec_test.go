package codec

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"punchlist/features"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

var update = flag.Bool("update", false, "write the files of vectors")

// The files of vectors are what the generator makes. An id that was there
// stays, and is of the same requirement and command.
func TestFilesAreWhatIsMade(t *testing.T) {
	made, err := Make()
	require.NoError(t, err)
	for _, c := range made {
		text, err := vectors.Write(c, Head)
		require.NoError(t, err)
		file := filepath.Join("..", "..", "vectors", c.File)
		if *update {
			require.NoError(t, os.WriteFile(file, text, 0o644))
			continue
		}
		there, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, string(there) == string(text), "%s is not what Make makes: run `punchlist vectors make --write`, and see what changed", c.File)
	}
}

// What was written is read as it was made.
func TestWriteAndParse(t *testing.T) {
	made, err := Make()
	require.NoError(t, err)
	for _, c := range made {
		text, err := vectors.Write(c, Head)
		require.NoError(t, err)
		again, err := vectors.Parse(c.File, text)
		require.NoError(t, err)
		require.Len(t, again.Vectors, len(c.Vectors))
		for i, v := range c.Vectors {
			w := again.Vectors[i]
			require.Equal(t, string(v.With), string(w.With), v.ID)
			if v.OK != nil {
				require.JSONEq(t, string(v.OK), string(w.OK), v.ID)
			}
			v.With, v.OK, w.With, w.OK = nil, nil, nil, nil
			require.Equal(t, v, w, v.ID)
		}
	}
}

func load(t *testing.T) []vectors.Vector {
	chapters, err := vectors.Load()
	require.NoError(t, err)
	var all []vectors.Vector
	for _, c := range chapters {
		all = append(all, c.Vectors...)
	}
	return all
}

func TestTheReferencePasses(t *testing.T) {
	ask := Reference("test")
	for _, v := range load(t) {
		outcome, text, err := Check(v, ask)
		require.NoError(t, err, v.ID)
		require.Equal(t, Passed, outcome, "%s: %s", v.ID, text)
	}
}

// A codec whose answers are wrong fails: of each command and expectation the
// first vector is played against a reply that is almost right.
func TestWrongAnswersFail(t *testing.T) {
	type sort struct {
		do      string
		refused bool
	}
	seen := map[sort]bool{}
	honest := Reference("honest")
	for _, v := range load(t) {
		s := sort{v.Do, v.Rejected != nil}
		if seen[s] {
			continue
		}
		seen[s] = true
		lies := map[string]Asker{
			"nothing": func(string, json.RawMessage) (json.RawMessage, *testee.Error, error) {
				return json.RawMessage("{}"), nil, nil
			},
			"refuses": func(string, json.RawMessage) (json.RawMessage, *testee.Error, error) {
				return nil, &testee.Error{Code: testee.Rejected, Text: "no"}, nil
			},
			"fails": func(string, json.RawMessage) (json.RawMessage, *testee.Error, error) {
				return nil, &testee.Error{Code: testee.Failed, Text: "no"}, nil
			},
			"a digit": func(do string, with json.RawMessage) (json.RawMessage, *testee.Error, error) {
				ok, refusal, err := honest(do, with)
				for i := len(ok) - 1; i > 0; i-- { // the last digit, or letter of a word
					if c := ok[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
						ok[i] = '0' + (c+1)%8
						break
					}
				}
				return ok, refusal, err
			},
		}
		if v.Rejected != nil {
			delete(lies, "refuses")
			delete(lies, "a digit")
		}
		for name, lie := range lies {
			outcome, text, err := Check(v, lie)
			require.NoError(t, err)
			require.Equal(t, Failed, outcome, "%s: %s", v.ID, name)
			require.NotEmpty(t, text)
		}
		outcome, text, err := Check(v, func(string, json.RawMessage) (json.RawMessage, *testee.Error, error) {
			return nil, &testee.Error{Code: testee.Unsupported, Text: "not here"}, nil
		})
		require.NoError(t, err)
		require.Equal(t, Unsupported, outcome)
		require.Equal(t, "not here", text)
	}
	require.Len(t, seen, 20)
}

// Every file keeps to the schema, and the schema finds what is wrong.
func TestTheSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	for name, text := range map[string][]byte{"urn:punchlist:testee": testee.Schema, "urn:punchlist:vectors": vectors.Schema} {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource(name, document))
	}
	schema, err := compiler.Compile("urn:punchlist:vectors")
	require.NoError(t, err)

	chapters, err := vectors.Load()
	require.NoError(t, err)
	require.NotEmpty(t, chapters)
	for _, c := range chapters {
		text, err := os.ReadFile(filepath.Join("..", "..", "vectors", c.File))
		require.NoError(t, err)
		var document any
		require.NoError(t, yaml.Unmarshal(text, &document))
		require.NoError(t, schema.Validate(document), c.File)
	}

	const sound = `{"chapter":"01-framing.md","vectors":[{"id":"a/b","requirement":"LAT-FRAME-001","title":"t","do":"decode","with":{"datagram":"00"},"rejected":{"reason":"r"}}]}`
	for name, change := range map[string][2]string{
		"sound":                          {},
		"a command that there isn't":     {`"decode"`, `"decoed"`},
		"a parameter of another":         {`"datagram":"00"`, `"keys":[]`},
		"no expectation":                 {`,"rejected":{"reason":"r"}`, ``},
		"two expectations":               {`"rejected"`, `"opens":"","rejected"`},
		"a result of another":            {`"rejected":{"reason":"r"}`, `"ok":{"value":"00"}`},
		"an id in capitals":              {`"a/b"`, `"a/B"`},
		"a requirement that can't be":    {`LAT-FRAME-001`, `FRAME-1`},
		"a key that a vector can't have": {`"title"`, `"name":"n","title"`},
	} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(sound, change[0], change[1], 1)))
		require.NoError(t, err)
		if err := schema.Validate(document); name == "sound" {
			require.NoError(t, err)
		} else {
			require.Error(t, err, name)
		}
	}
}

// The suite plays all vectors: each requirement that has some has a scenario.
func TestEveryVectorIsPlayed(t *testing.T) {
	files, err := fs.Glob(features.Files, "*-vectors.feature")
	require.NoError(t, err)
	var text []byte
	for _, file := range files {
		part, err := fs.ReadFile(features.Files, file)
		require.NoError(t, err)
		text = append(text, part...)
	}
	for _, v := range load(t) {
		require.Contains(t, string(text), fmt.Sprintf("the codec passes every vector of %q", v.Requirement), "no features/*-vectors.feature has a Rule of %s", v.Requirement)
	}
}

func TestPromoted(t *testing.T) {
	all, err := promoted()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, c := range []struct {
		name string
		p    Promoted
		want string // of the rejection; empty: it is taken
	}{
		{"as it was promoted", all[0], ""},
		{"of another version", Promoted{"framing/x", "LAT-FRAME-005", "x", strings.Replace(all[0].Datagram, "070006", "070007", 1)}, "version: not 6"},
		{"no packet", Promoted{"framing/x", "LAT-FRAME-001", "x", "02"}, "magic: not the magic 03050b11 (offset 0)"},
		{"cut short", Promoted{"framing/x", "LAT-FRAME-002", "x", all[0].Datagram[:12]}, "version: cut off by the end of the datagram (offset 5)"},
	} {
		v, err := c.p.vector()
		require.NoError(t, err, c.name)
		if c.want == "" {
			require.NotNil(t, v.OK, c.name)
			continue
		}
		require.Equal(t, c.want, Reason(*v.Rejected), c.name)
	}
	_, _, err = all[0].Entry()
	require.ErrorContains(t, err, "has that id")
	again := all[0]
	again.ID = "framing/again"
	_, _, err = again.Entry()
	require.EqualError(t, err, "the datagram is that of the vector "+all[0].ID+" already")
}
