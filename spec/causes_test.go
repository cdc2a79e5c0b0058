package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const cause = `
  - id: ping/heartbeat
    level: MUST
    class: relay
    type: ping
    on: the tick
    to: a peer
    socket: main
    fields: natType
    when: "at ` + "`keepalive`" + `"
    often: once
    budget: a little
    requirements: [LAT-FRAME-001]
`

func TestParseCausesRefuses(t *testing.T) {
	change := func(old, new string) string {
		require.Contains(t, cause, old)
		return strings.Replace(cause, old, new, 1)
	}
	r := registry(t, entry)
	for name, c := range map[string]struct{ entries, says string }{
		"nothing":          {"", "no causes"},
		"an id twice":      {cause + cause, "cause 2 (ping/heartbeat): the id stands in it twice"},
		"an id":            {change("ping/heartbeat", "heartbeat"), `id "heartbeat" is not GROUP/WORDS`},
		"a level":          {change("MUST", "OUGHT"), `level "OUGHT"`},
		"another level":    {change("MUST", "SHOULD"), "its level is SHOULD, and its first requirement LAT-FRAME-001 is a MUST"},
		"a class":          {change("relay", "codec"), `class "codec"`},
		"a type":           {change("type: ping", "type: pang"), `type "pang"`},
		"no trigger":       {change("the tick", "''"), "on is missing"},
		"no requirement":   {change("[LAT-FRAME-001]", "[]"), "requirements are missing"},
		"a requirement":    {change("FRAME-001", "FRAME-009"), "LAT-FRAME-009 is not in the registry"},
		"a misspelled key": {change("budget", "bugdet"), "bugdet"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCauses("c.yaml", []byte("causes:"+c.entries), r)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "c.yaml")
		})
	}
	all, err := ParseCauses("c.yaml", []byte("causes:"+change("    budget: a little\n", "")), r)
	require.NoError(t, err)
	require.Empty(t, all[0].Budget)
}

func TestCausesAreFoundByTheirIDs(t *testing.T) {
	s, err := LoadStandard()
	require.NoError(t, err)
	for _, id := range []string{"ping/challenge", "pong/first", "publish/synced", "answer/sent-back"} {
		c, ok := s.Cause(id)
		require.True(t, ok, id)
		require.Equal(t, id, c.ID)
	}
	_, ok := s.Cause("ping/none")
	require.False(t, ok)
}
