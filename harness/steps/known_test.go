package steps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/codec"
	"punchlist/harness/manifest"
	"punchlist/harness/monitor"
	"punchlist/harness/oracle"
	"punchlist/harness/testees"
	"punchlist/harness/verdict"
)

// A bundled manifest names what this edition has.
func TestBundledManifestsNameStepsAndMonitors(t *testing.T) {
	ids := map[string]bool{verdict.DiedID: true}
	for _, m := range monitor.All() {
		ids[m.ID] = true
	}
	for _, r := range oracle.Rules() {
		ids[r.ID] = true
	}
	for _, d := range definitions {
		ids[d.id] = true
	}
	require.True(t, ids[codec.ID])
	for _, name := range testees.Names() {
		m, err := manifest.Bundled(name)
		require.NoError(t, err)
		for _, k := range m.Known {
			require.Empty(t, k.Signature, "%s: %s", name, k)
			require.True(t, ids[k.ID], "%s: %s: there is no such step, monitor or rule", name, k)
		}
	}
}
