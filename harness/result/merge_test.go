package result

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// part is a shard with the passed scenarios of these places.
func part(index, of int, places ...int) *Run {
	c := &Cell{Subject: "mine", Companion: "reference", Lab: "sim", Seed: 1, Whole: true, Listed: []Known{{Requirement: "LAT-MSG-001", ID: "a/s"}}}
	for _, place := range places {
		c.Results = append(c.Results, &Result{Key: string(rune('a' + place)), Place: place, Requirement: "LAT-MSG-001", Outcome: Passed})
	}
	c.Tally.Planned = len(places)
	return &Run{Schema: Schema, Started: noon.Add(time.Duration(index) * time.Minute), Ended: noon.Add(time.Duration(index)*time.Minute + 2*time.Minute), Seconds: 120, Cells: []*Cell{c}, Shard: &Shard{index, of}}
}

func merge(t *testing.T, parts ...*Run) (*Run, error) {
	registry, err := spec.Load()
	require.NoError(t, err)
	names := []string{"first", "second", "third"}[:len(parts)]
	return Merge(registry, noon, names, parts)
}

func TestMergeConcludesAnew(t *testing.T) {
	r, err := merge(t, part(2, 2, 1, 3), part(1, 2, 0, 2, 4))
	require.NoError(t, err)
	var keys string
	for _, x := range r.Cells[0].Results {
		keys += x.Key
	}
	require.Equal(t, "abcde", keys, "in the order of the run")
	require.Nil(t, r.Shard)
	require.Equal(t, Tally{Planned: 5, Passed: 5}, r.Tally)
	require.Equal(t, 180.0, r.Seconds, "from the beginning of the first to the end of the last")
	require.Equal(t, Unexpected, r.Exit)
	require.Len(t, r.Cells[0].Stale, 1, "that a known failure did not happen shows in the whole alone")

	interrupted := part(1, 2, 0)
	interrupted.Interrupted, interrupted.Left = true, []string{"a network"}
	r, err = merge(t, interrupted, part(2, 2, 1))
	require.NoError(t, err)
	require.Equal(t, CouldNotRun, r.Exit)
	require.Equal(t, []string{"a network"}, r.Warnings)
}

func TestMergeRefusesWhatIsNotOneRun(t *testing.T) {
	change := func(r *Run, f func(*Cell)) *Run {
		f(r.Cells[0])
		return r
	}
	whole := part(1, 1, 0)
	whole.Shard = nil
	old, other := part(2, 2, 1), part(2, 2, 1)
	old.Schema, other.Tool.Version = 1, "9"
	strict := part(2, 2, 1)
	strict.Strict = true
	for _, c := range []struct {
		want  string
		parts []*Run
	}{
		{"nothing to merge", nil},
		{"shard 3/3 is missing", []*Run{part(1, 3, 0), part(2, 3, 1)}},
		{"first and second are both shard 1/2", []*Run{part(1, 2, 0), part(1, 2, 0)}},
		{"shard 1/2 and second is shard 2/3", []*Run{part(1, 2, 0), part(2, 3, 1)}},
		{"first is a shard and second is not", []*Run{part(1, 2, 0), whole}},
		{"both have the cell mine+reference@sim with seed 1", []*Run{whole, whole}},
		{"second: schema 1; this program merges schema 2", []*Run{part(1, 2, 0), old}},
		{"and second of 9 (commit unknown", []*Run{part(1, 2, 0), other}},
		{"judged with --strict", []*Run{part(1, 2, 0), strict}},
		{"scenario 2 of the run is in none of the shards", []*Run{part(1, 2, 0), part(2, 2, 2)}},
		{"scenario 1 of the run is in none of the shards, or in two", []*Run{part(1, 2, 0), part(2, 2, 0)}},
		{"the subject's version is not the same", []*Run{part(1, 2, 0), change(part(2, 2, 1), func(c *Cell) { c.SubjectVersion = "2" })}},
		{"the tags are not the same", []*Run{part(1, 2, 0), change(part(2, 2, 1), func(c *Cell) { c.Tags = "@x" })}},
		{"the known failures are not the same", []*Run{part(1, 2, 0), change(part(2, 2, 1), func(c *Cell) { c.Listed = nil })}},
		{"a shard could not run it, and another one could", []*Run{part(1, 2, 0), change(part(2, 2), func(c *Cell) { c.NotAvailable = "no lab" })}},
	} {
		_, err := merge(t, c.parts...)
		require.ErrorContains(t, err, c.want)
	}
}

func TestMergeJoinsRunsOfDifferentCells(t *testing.T) {
	a, b := part(1, 1, 0), part(1, 1, 0)
	a.Shard, b.Shard = nil, nil
	b.Cells[0].Lab = "netns"
	r, err := merge(t, a, b)
	require.NoError(t, err)
	require.Len(t, r.Cells, 2)
}

func TestGather(t *testing.T) {
	a, b, out := t.TempDir(), t.TempDir(), t.TempDir()
	first, second := part(1, 2, 0), part(2, 2, 1)
	first.Cells[0].Results[0].Capture = "cell/a.pcapng"
	second.Cells[0].Results[0].Capture = "cell/b.pcapng"
	require.NoError(t, os.Mkdir(filepath.Join(a, "cell"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(a, "cell/a.pcapng"), []byte("packets"), 0o644))
	require.ErrorContains(t, Gather(out, []string{a, b}, []*Run{first, second}), "is not there")
	require.NoError(t, os.Mkdir(filepath.Join(b, "cell"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(b, "cell/b.pcapng"), []byte("others"), 0o644))
	require.NoError(t, Gather(out, []string{a, b}, []*Run{first, second}))
	data, err := os.ReadFile(filepath.Join(out, "cell/b.pcapng"))
	require.NoError(t, err)
	require.Equal(t, "others", string(data))
	second.Cells[0].Results[0].Capture = "cell/a.pcapng"
	require.ErrorContains(t, Gather(out, []string{a, b}, []*Run{first, second}), "cell/a.pcapng is in")
}
