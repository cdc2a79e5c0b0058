package explore_test

import (
	"context"
	"io"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/explore"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/reference/peer"
	reference "punchlist/reference/testee"
	"punchlist/reference/wire"
	"punchlist/spec"
)

// A twice is the reference, but sends each pong twice, the second time right behind the first.
type twice struct {
	reference.Machine
	again *peer.Output
}

func (m *twice) Poll(o *peer.Output) bool {
	if m.again != nil {
		*o, m.again = *m.again, nil
		return true
	}
	if !m.Machine.Poll(o) {
		return false
	}
	var p wire.Packet
	if wire.Decode(&p, o.Data).OK() && p.Type == wire.Pong {
		again := *o
		m.again = &again
	}
	return true
}

// fault is the lab and the manifest of the reference with a fault.
func fault(t *testing.T) (lab.Lab, explore.Cast) {
	t.Helper()
	m, err := manifest.Bundled("reference")
	require.NoError(t, err)
	bad := m
	bad.Name, bad.Builtin = "twice", "twice"
	l := sim.New(
		sim.Builtin{Name: "twice", Make: func(random io.Reader) reference.Machine {
			return &twice{Machine: reference.New(reference.Options{Name: "twice", Version: reference.Version, Random: random})}
		}},
		sim.Builtin{Name: "reference", Make: func(random io.Reader) reference.Machine {
			return reference.New(reference.Options{Name: "reference", Version: reference.Version, Random: random})
		}},
	)
	return l, explore.Cast{Subject: bad, Companion: m}
}

// The scenario of a finding plays as it stands: the faulty peer fails it in the name of the same
// requirement, with any seed, and the reference passes.
func TestTheScenarioOfAFindingPlaysAsItStands(t *testing.T) {
	l, cast := fault(t)
	search := explore.Search{Lab: l, Casts: []explore.Cast{cast}, First: 1, Worlds: 1}
	bad := search.Run(t.Context())
	require.Len(t, bad, 1)
	require.NoError(t, bad[0].Err)
	found := bad[0].Result.Findings[0]
	require.Equal(t, "oracle/pong/once", found.Seen.Rule.ID)
	p := search.Shrunk(t.Context(), bad[0], found)
	require.LessOrEqual(t, len(p.Hosts), 3, p.Lines())
	require.LessOrEqual(t, len(p.Ops), 8, p.Lines())
	text := p.Scenario(found)
	for seed := range int64(5) {
		x := play(t, l, suite.Cell{Subject: cast.Subject, Companion: cast.Companion, Lab: "sim"}, text, seed+1)
		require.Equal(t, result.Failed, x.Outcome, text+x.Text)
		require.Equal(t, found.Seen.Rule.Requirement, x.Requirement)
	}
	x := play(t, l, suite.Cell{Subject: cast.Companion, Companion: cast.Companion, Lab: "sim"}, text, 1)
	require.Equal(t, result.Passed, x.Outcome, text+x.Text)
}

func play(t *testing.T, l lab.Lab, c suite.Cell, text string, seed int64) *result.Result {
	t.Helper()
	registry, err := spec.Load()
	require.NoError(t, err)
	got, err := suite.Run(context.Background(), suite.Config{
		Cells: []suite.Cell{c}, Labs: map[string]lab.Lab{"sim": l}, Registry: registry,
		Features: fstest.MapFS{"found.feature": {Data: []byte(text)}},
		Seed:     seed, Jobs: 1, Progress: report.NewProgress(io.Discard, report.Style{}), Today: time.Unix(0, 0),
	})
	require.NoError(t, err)
	require.Len(t, got.Cells[0].Results, 1)
	return got.Cells[0].Results[0]
}
