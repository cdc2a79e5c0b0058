package docker

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/spec"
	"punchlist/spec/testee"
)

// judge runs one scenario with a testee as the subject.
func judge(t *testing.T, m manifest.Manifest) (*result.Run, error) {
	t.Helper()
	needsLab(t)
	m.Version, m.Classes = "1", []string{testee.ClassPeer}
	m.Keepalive = manifest.Keepalive{Min: time.Second, Max: time.Hour}
	reference, err := manifest.Bundled("reference")
	require.NoError(t, err)
	registry, err := spec.Load()
	require.NoError(t, err)
	return suite.Run(t.Context(), suite.Config{
		Cells: []suite.Cell{{Subject: m, Companion: reference, Lab: "docker"}}, Labs: map[string]lab.Lab{"docker": shared},
		Features: features.Files, Registry: registry, Require: true, Seed: 1,
		Select:   suite.Selection{Tags: "@LAT-FRAME-016"},
		Progress: report.NewProgress(io.Discard, report.Style{}), Today: time.Now(),
	})
}

// What can't be judged says so once, clearly, and leaves nothing.
func TestWhatCanNotBeJudgedSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := judge(t, manifest.Manifest{Name: "mine", Image: "nobody/nothing:1"})
	require.EqualError(t, err, "mine+reference@docker: the docker lab can't start mine: the engine has no image nobody/nothing:1")

	for script, want := range map[string]string{ // order-free: independent cases
		"exit": "preflight: the adapter of mine is broken: hello: it ended with status 4; it logged last: going",
		"mute": "preflight: the adapter of mine is broken: hello: no reply within 15s",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			m := scripted(t, script)
			m.Name = "mine"
			found, err := judge(t, m)
			require.NoError(t, err)
			require.Equal(t, result.Unexpected, found.Exit)
			require.NotEmpty(t, found.Cells[0].Results)
			for _, x := range found.Cells[0].Results {
				require.Equal(t, result.AdapterBroken, x.Outcome)
				require.Contains(t, x.Text, want)
			}
			require.Len(t, found.Cells[0].Unexpected(), 1, "one reason")
		})
	}
}
