package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const deviation = `
  - id: DEV-001
    versions: [0.6.0-rc.8]
    does: It takes anything.
    danger: It ends.
    requirements: [LAT-FRAME-001]
`

func TestTheEmbeddedDeviationsLoad(t *testing.T) {
	s, err := LoadStandard()
	require.NoError(t, err)
	require.NotEmpty(t, s.Deviations)
}

func TestParseDeviationsRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(deviation, old, new, 1) }
	second := change("DEV-001", "DEV-002")
	r := registry(t, entry)
	for name, c := range map[string]struct{ entries, says string }{
		"nothing":              {"", "no deviations"},
		"an id twice":          {deviation + deviation, "DEV-001 stands in it twice"},
		"disorder":             {second + deviation, "DEV-001 stands after DEV-002"},
		"a malformed id":       {change("DEV-001", "DEV-1"), `"DEV-1" is not DEV-<NNN>`},
		"no versions":          {change("[0.6.0-rc.8]", "[]"), "versions is missing"},
		"a version":            {change("0.6.0-rc.8", "0.7.0"), `version "0.7.0"`},
		"no does":              {change("It takes anything.", "''"), "does is missing"},
		"no danger":            {change("It ends.", "''"), "danger is missing"},
		"neither nor":          {change("[LAT-FRAME-001]", "[]"), "requirements is missing, and no note"},
		"a requirement":        {change("FRAME-001", "FRAME-009"), "LAT-FRAME-009 is not in the registry (the last of its area is LAT-FRAME-001)"},
		"a requirement, twice": {change("[LAT-FRAME-001]", "[LAT-FRAME-001, LAT-FRAME-001]"), "LAT-FRAME-001 stands in it twice"},
		"a misspelled key":     {change("danger", "dangre"), "dangre"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseDeviations("d.yaml", []byte("deviations:"+c.entries), r)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "d.yaml")
		})
	}
	all, err := ParseDeviations("d.yaml", []byte("deviations:"+deviation+second), r)
	require.NoError(t, err)
	require.Len(t, all, 2)
}
