package testenv

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a test that notes how it ends, and goes on.
type outcome struct {
	testing.TB
	ended string
	why   []any
}

func (*outcome) Helper()            {}
func (o *outcome) Fatal(why ...any) { o.end("failed", why) }
func (o *outcome) Skip(why ...any)  { o.end("skipped", why) }

func (o *outcome) end(how string, why []any) {
	if o.ended == "" { // the first one ends a test
		o.ended, o.why = how, why
	}
}

func TestMissingFailsWhereTheWordIsListed(t *testing.T) {
	for list, want := range map[string]string{
		"":                  "skipped",
		"spin":              "failed",
		"netns,spin,tshark": "failed",
		"spinning,netns":    "skipped",
		"socket-js":         "skipped",
	} {
		t.Setenv(Variable, list)
		o := &outcome{TB: t}
		Missing(o, "spin", "it is not installed")
		require.Equal(t, want, o.ended, "PUNCHLIST_REQUIRE=%s", list)
		require.Equal(t, []any{"needs spin: it is not installed"}, o.why)
		require.Equal(t, "spin", Lack.FindStringSubmatch(o.why[0].(string))[1])
	}
}
