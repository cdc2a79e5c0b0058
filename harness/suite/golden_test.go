package suite_test

import (
	"context"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/spec"
)

var update = flag.Bool("update", false, "renew the golden files")

// judgeReference runs every scenario of the features for the reference in sim, and keeps the
// packets in a folder; an empty one keeps none.
func judgeReference(t *testing.T, features fs.FS, out string, shard *result.Shard) *result.Run {
	t.Helper()
	reference, err := manifest.Bundled("reference")
	require.NoError(t, err)
	return judge(t, reference, features, out, shard)
}

// judge does the same with another peer as subject and companion.
func judge(t *testing.T, m manifest.Manifest, features fs.FS, out string, shard *result.Shard) *result.Run {
	t.Helper()
	registry, err := spec.Load()
	require.NoError(t, err)
	r, err := suite.Run(context.Background(), suite.Config{
		Cells:    []suite.Cell{{Subject: m, Companion: m, Lab: "sim"}},
		Labs:     map[string]lab.Lab{"sim": sim.New()},
		Features: features, Registry: registry,
		Seed:     1,
		Shard:    shard,
		Out:      out,
		Timeout:  time.Nanosecond, // this machine's clock bounds no simulation
		Progress: report.NewProgress(io.Discard, report.Style{}),
		Today:    time.Now(),
	})
	require.NoError(t, err)
	return r
}

// The same seed gives the same packets at the same places and times, byte for
// byte: in two runs, and on every machine. The dialect that differs in nothing is the reference.
func TestGoldenCaptures(t *testing.T) {
	reference, err := manifest.Bundled("reference")
	require.NoError(t, err)
	runs := []goldenRun{goldenRunOf(t, reference)}
	if !testing.Short() { // a second run is for what the golden ones can't show
		null, err := manifest.Dialect(0)
		require.NoError(t, err)
		runs = append(runs, goldenRunOf(t, null))
	}
	file := filepath.Join("testdata", "golden.txt")
	if *update {
		require.Empty(t, between(runs), "runs with one seed differ")
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(runs[0].String()), 0o644))
		return
	}
	golden, err := readGolden(file)
	require.NoError(t, err)
	if raceDetector {
		// All captures are compared without it. A simulation is one thread: the detector sees the
		// threads of the runner, and every eighth scenario has those too.
		maps.DeleteFunc(golden, func(key, _ string) bool { return !runs[0].judged(key) })
	}
	for _, wrong := range append(between(runs), against(golden, runs[0])...) {
		t.Error(wrong)
	}
	if t.Failed() {
		t.Log("where a change of packets was meant: make golden")
	}
}

// A scenario in virtual time is bounded by that time.
func TestASimulationThatDoesNotEndIsTheLabsFailure(t *testing.T) {
	r := judgeReference(t, fstest.MapFS{"f.feature": {Data: []byte(`Feature: f
  @LAT-NAT-001
  Rule: r
    @id:nat/endless
    Scenario: endless
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And 90000 s pass
      Then the subject still answers an honest ping
`)}}, "", nil)
	x := r.Cells[0].Results[0]
	require.Equal(t, result.LabFailed, x.Outcome)
	require.Regexp(t, `the simulation was stopped after \d+ events and 24h0m0(\.\d+)?s of virtual time: it must end within 500000 events and 24h0m0s`, x.Text)
	require.Equal(t, "When 90000 s pass", x.Step)
}

// A feature that names what does not exist ends in one clear error, and the
// others go on.
func TestAnUnknownProfileIsTheLabsFailure(t *testing.T) {
	r := judgeReference(t, fstest.MapFS{"f.feature": {Data: []byte(`Feature: f
  @LAT-NAT-001
  Rule: r
    @id:nat/unknown
    Scenario: unknown
      Given 3 bootstrap peers
      And the host "alice" behind a lunar NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 31

    @id:nat/known
    Scenario: known
      Given 3 bootstrap peers
      And the host "alice" behind a full-cone NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 31
`)}}, "", nil)
	require.NotEqual(t, result.AsExpected, r.Exit)
	results := r.Cells[0].Results
	require.Equal(t, result.LabFailed, results[0].Outcome)
	require.Contains(t, results[0].Text, "lunar")
	require.Contains(t, results[0].Text, "full-cone", "the error names the profiles that there are")
	require.Equal(t, result.Passed, results[1].Outcome, results[1].Text)
}
