package suite

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/manifest"
	"punchlist/harness/result"
)

// A run in shards, merged, is the run undivided, but for clocks: in what it
// expects, what it warns of, and what of its known failures did not happen.
func TestShardsMergedAreTheWholeRun(t *testing.T) {
	f := feature(
		rule("@LAT-MSG-001", "fails", "Given a subject", `Then it breaks it by "sig"`),
		rule("@LAT-MSG-002", "passes", "Given a subject", "Then it answers"),
		rule("@LAT-MSG-001", "fails otherwise", "Given a subject", `Then it breaks it by "new"`),
		rule("@LAT-MSG-002 @alone", "passes alone", "Given a subject", "Then it answers"),
		rule("@LAT-MSG-001", "fails once more", "Given a subject", `Then it breaks it by "sig"`),
	)
	run := func(shard *result.Shard) *result.Run {
		c := config(t, f, "honest", "deaf")
		c.Seeds, c.Shard = 2, shard
		c.Cells[0].Subject.Known = []manifest.Known{
			{Requirement: "LAT-MSG-001", ID: "lab/it-breaks-it-by-sig", Review: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
			{Requirement: "LAT-MSG-002", ID: "lab/x"},
		}
		c.Cells[1].Tags = "not @alone"
		c.Today = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		return judge(t, c)
	}
	whole := run(nil)
	require.Len(t, whole.Cells[0].Stale, 1)
	require.NotEmpty(t, whole.Warnings)
	for _, of := range []int{2, 3, 7} {
		var parts []*result.Run
		var names []string
		for i := 1; i <= of; i++ {
			part := run(&result.Shard{Index: i, Of: of})
			for _, cell := range part.Cells {
				require.Empty(t, cell.Stale, "a part can't tell")
			}
			data, err := json.Marshal(part)
			require.NoError(t, err)
			read := new(result.Run)
			require.NoError(t, json.Unmarshal(data, read))
			parts, names = append(parts, read), append(names, "a shard")
		}
		merged, err := result.Merge(testRegistry(t), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), names, parts)
		require.NoError(t, err)
		require.Equal(t, timeless(t, whole), timeless(t, merged))
	}
}

// timeless is a report without what a clock has measured.
func timeless(t *testing.T, r *result.Run) string {
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var without result.Run
	require.NoError(t, json.Unmarshal(data, &without))
	without.ID, without.Started, without.Ended, without.Seconds = "", time.Time{}, time.Time{}, 0
	for _, c := range without.Cells {
		for _, x := range c.All() {
			x.Seconds, x.LabSeconds, x.CaptureHash = 0, 0, ""
		}
	}
	data, err = json.MarshalIndent(without, "", "  ")
	require.NoError(t, err)
	return string(data)
}
