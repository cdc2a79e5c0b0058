package spec

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const constant = `
  - id: keepalive
    name: keepalive interval (K)
    chapter: 04-messages.md
    default: 30,000 ms
    permitted: 1,000 ms and up
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
	second := strings.Replace(change("keepalive interval (K)", "packets in a cache"), "keepalive", "packets", 1)
	r := registry(t, entry)
	for name, c := range map[string]struct{ entries, says string }{
		"nothing":          {"", "no constants"},
		"an id twice":      {constant + change("keepalive interval", "interval"), "constant 2 (interval (K)): the id keepalive stands in it twice"},
		"an id":            {change("keepalive\n", "keepAlive\n"), `id "keepAlive" is not of words parted by dots or hyphens`},
		"no id":            {change("id: keepalive", "id: ''"), "id is missing"},
		"no range":         {change("1,000 ms and up", "some"), `permitted "some" is no range`},
		"a needless why":   {change("    reason", "    unranged: so\n    reason"), "remove unranged"},
		"a range":          {change("1,000 ms and up", "2 K to 1 K"), "ends before it begins"},
		"a default":        {change("30,000 ms", "300 ms"), `default "300 ms" is not permitted, which is "1,000 ms and up"`},
		"a name twice":     {constant + change("keepalive\n", "k\n"), "constant 2 (keepalive interval (K)): the name stands in it twice"},
		"no name":          {change("keepalive interval (K)", "''"), "name is missing"},
		"no chapter":       {change("04-messages.md", "''"), `chapter "" is not the file`},
		"a chapter":        {change("04-messages.md", "testee.md"), `chapter "testee.md" is not the file`},
		"no default":       {change("30,000 ms", "''"), "default is missing"},
		"no permitted":     {change("    permitted: 1,000 ms and up\n", ""), "permitted is missing"},
		"no reason":        {change("NATs forget.", "''"), "reason is missing"},
		"a requirement":    {change("FRAME-001", "FRAME-009"), "LAT-FRAME-009 is not in the registry (the last of its area is LAT-FRAME-001)"},
		"nothing binding":  {change("    requirement: LAT-FRAME-001\n", ""), "no requirement binds it: name one, or say why not in unbound"},
		"bound and not":    {change("    reason", "    unbound: so\n    reason"), "LAT-FRAME-001 binds it: remove unbound"},
		"a misspelled key": {change("permitted", "permited"), "permited"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConstants("c.yaml", []byte("constants:"+c.entries), r)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "c.yaml")
		})
	}
	free := strings.Replace(second, "    requirement: LAT-FRAME-001\n", "    unbound: it shows nowhere\n", 1)
	all, err := ParseConstants("c.yaml", []byte("constants:"+constant+free), r)
	require.NoError(t, err)
	require.Equal(t, Constant{"keepalive", "keepalive interval (K)", "04-messages.md", "30,000 ms", "1,000 ms and up", "", "LAT-FRAME-001", "", "NATs forget."}, all[0])
	require.Empty(t, all[1].Requirement)
}

// An id is for good: manifests, adapters and reports know a constant by it.
func TestNoConstantLosesItsID(t *testing.T) {
	all, err := LoadConstants()
	require.NoError(t, err)
	text, err := os.ReadFile("testdata/constants.txt")
	require.NoError(t, err)
	known := strings.Fields(string(text))
	is := map[string]bool{}
	for _, c := range all {
		is[c.ID] = true
		require.Contains(t, known, c.ID, "a new constant: add its id to testdata/constants.txt")
	}
	for _, id := range known {
		require.True(t, is[id], "constants.yaml has lost the id %s: give it back", id)
	}
}

func TestRanges(t *testing.T) {
	inf := math.Inf(1)
	for permitted, want := range map[string]Range{
		"2,500 ms to 3,600,000 ms": {Quantity{2500, Millis}, Quantity{3_600_000, Millis}},
		"500 ms to 1 K":            {Quantity{500, Millis}, Quantity{1, Ks}},
		"0.5 K to 2 K":             {Quantity{0.5, Ks}, Quantity{2, Ks}},
		"8 and up":                 {Quantity{8, Count}, Quantity{inf, Count}},
		"at most 3 bytes":          {Quantity{0, Bytes}, Quantity{3, Bytes}},
	} {
		r, ok := Constant{Permitted: permitted}.Range()
		require.True(t, ok, permitted)
		require.Equal(t, want, r, permitted)
	}
	for _, permitted := range []string{"", "some", "1 to", "2 or more", "01 to 3", "1 to 2 to 3", "1,00 and up"} {
		_, ok := Constant{Permitted: permitted}.Range()
		require.False(t, ok, permitted)
	}
	fixed := Constant{Default: "at most 6 h", Permitted: "fixed"}
	r, ok := fixed.Range()
	require.True(t, ok)
	require.Equal(t, Range{Quantity{6, Hours}, Quantity{6, Hours}}, r)
	require.Equal(t, Hours, fixed.Unit())
	require.Equal(t, "6 h", r.Most.String())
}

// A value is in the unit of the default, and the ends of the range may have another.
func TestPermits(t *testing.T) {
	c := Constant{Default: "1,024 ms later", Permitted: "500 ms to 1 K"}
	for value, want := range map[float64]bool{499: false, 500: true, 2500: true, 2501: false} {
		require.Equal(t, want, c.Permits(value, 2500*time.Millisecond), value)
	}
	require.True(t, c.Permits(30_000, 30*time.Second))
	c = Constant{Default: "the first three", Permitted: "at most 3"}
	require.True(t, c.Permits(3, time.Second))
	require.False(t, c.Permits(4, time.Second))
	require.Equal(t, Count, c.Unit())
	require.True(t, Constant{Permitted: "some", Unranged: "so"}.Permits(1e9, time.Second))
}
