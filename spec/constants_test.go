package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const constant = `
  - name: keepalive interval (K)
    chapter: 04-messages.md
    default: 30,000 ms
    permitted: 1,000 ms and more
    requirement: LAT-FRAME-001
    reason: NATs forget.
`

func TestTheEmbeddedConstantsLoad(t *testing.T) {
	s, err := LoadStandard()
	require.NoError(t, err)
	require.NotEmpty(t, s.Constants)
}

func TestParseConstantsRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(constant, old, new, 1) }
	second := change("keepalive interval (K)", "packets in a cache")
	r := registry(t, entry)
	for name, c := range map[string]struct{ entries, says string }{
		"nothing":          {"", "no constants"},
		"a name twice":     {constant + constant, "constant 2 (keepalive interval (K)): the name stands in it twice"},
		"no name":          {change("keepalive interval (K)", "''"), "name is missing"},
		"no chapter":       {change("04-messages.md", "''"), `chapter "" is not the file`},
		"a chapter":        {change("04-messages.md", "testee.md"), `chapter "testee.md" is not the file`},
		"no default":       {change("30,000 ms", "''"), "default is missing"},
		"no permitted":     {change("    permitted: 1,000 ms and more\n", ""), "permitted is missing"},
		"no reason":        {change("NATs forget.", "''"), "reason is missing"},
		"a requirement":    {change("FRAME-001", "FRAME-009"), "LAT-FRAME-009 is not in the registry (the last of its area is LAT-FRAME-001)"},
		"a misspelled key": {change("permitted", "permited"), "permited"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConstants("c.yaml", []byte("constants:"+c.entries), r)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "c.yaml")
		})
	}
	free := strings.Replace(second, "    requirement: LAT-FRAME-001\n", "", 1)
	all, err := ParseConstants("c.yaml", []byte("constants:"+constant+free), r)
	require.NoError(t, err)
	require.Equal(t, Constant{"keepalive interval (K)", "04-messages.md", "30,000 ms", "1,000 ms and more", "LAT-FRAME-001", "NATs forget."}, all[0])
	require.Empty(t, all[1].Requirement)
}
