package vectors

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// The order of keys decides the packetId of a body, so a vector that is written
// and read again keeps it.
func TestAChapterSurvivesItsFile(t *testing.T) {
	empty := ""
	offset := 4
	c := Chapter{File: "01-framing.yaml", Vectors: []Vector{
		{
			ID: "framing/a", Requirement: "LAT-FRAME-001", Title: "keys in no order", Do: "encode",
			With: json.RawMessage(`{"z":1,"a":{"nested":[true,null,1.5e3,"007"]},"m":""}`), OK: json.RawMessage(`{"hex":"00"}`),
		},
		{
			ID: "framing/b", Requirement: "LAT-FRAME-001", Title: "refused", Do: "decode",
			With: json.RawMessage(`{}`), Rejected: &Rejection{Field: "type", Reason: "of no type", Offset: &offset},
		},
		{ID: "framing/c", Requirement: "LAT-KEY-001", Title: "opens to nothing", Do: "seal", With: json.RawMessage(`[]`), Opens: &empty},
	}}
	text, err := Write(c, "# made\n")
	require.NoError(t, err)
	got, err := Parse("vectors/01-framing.yaml", text)
	require.NoError(t, err)
	require.Equal(t, c, got)
}

func TestWhatIsNoVectorIsRefused(t *testing.T) {
	const head = "chapter: 01-framing.md\nvectors:\n"
	for says, text := range map[string]string{
		`chapter is "02-identity.md"`:                 "chapter: 02-identity.md\nvectors: []\n",
		"01-framing.yaml:3: colour is not a key here": head + "  - {id: framing/a, colour: red}\n",
		`id "Framing" is not area/words`:              head + "  - {id: Framing, requirement: R, title: t, do: decode, ok: {}}\n",
		"requirement, title and do":                   head + "  - {id: framing/a, requirement: R, do: decode, ok: {}}\n",
		"one of ok, rejected and opens says":          head + "  - {id: framing/a, requirement: R, title: t, do: decode, ok: {}, opens: ''}\n",
		"is no value of JSON":                         head + "  - {id: framing/a, requirement: R, title: t, do: decode, with: {a: 0x10}, ok: {}}\n",
	} {
		_, err := Parse("vectors/01-framing.yaml", []byte(text))
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "vectors/01-framing.yaml")
	}
}

func TestSectionsOfWhatWasObserved(t *testing.T) {
	hostile, err := Hostile()
	require.NoError(t, err)
	deadly := 0
	for _, c := range hostile {
		require.NotEmpty(t, c.Name)
		require.NotEmpty(t, c.Datagrams, c.Name)
		if c.DeployedProcessDies {
			deadly++
		}
	}
	require.Positive(t, deadly, "what kills nobody shows nothing")
	_, err = Section("rumours")
	require.ErrorContains(t, err, `no section "rumours"`)
}
