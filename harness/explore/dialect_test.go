package explore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
)

// A dialect is a function of its seed, whose world is played the same every time. The dialect that
// differs in nothing plays as the reference does, and others play otherwise.
func TestDialectsAreFunctionsOfTheirSeeds(t *testing.T) {
	p := Make(2)
	p.Length = 2 * time.Minute
	played := func(c Cast) (lines []string) {
		r, err := Run(context.Background(), sim.New(), p, c, 0)
		require.NoError(t, err)
		for _, h := range p.Hosts {
			lines = append(lines, r.Lines(h.Name)...)
		}
		return lines
	}
	dialect := func(seed uint32) Cast {
		m, err := manifest.Dialect(seed)
		require.NoError(t, err)
		return Cast{Subject: m, Companion: m}
	}
	want := played(reference(t))
	require.Greater(t, len(want), 1000)
	require.Equal(t, want, played(dialect(0)))
	for _, seed := range []uint32{1, 2, 7} {
		lines := played(dialect(seed))
		require.Equal(t, lines, played(dialect(seed)))
		require.NotEqual(t, want, lines)
	}
}
