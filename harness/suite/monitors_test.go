package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/manifest"
	"punchlist/harness/result"
)

// In these tests monitors watch eve, who sends what is no packet.
func TestMonitors(t *testing.T) {
	const id = "monitor/encoding-canonical"
	says := func(tags, name, what string) string {
		return rule(tags, name, "Given a subject", `And monitors watch "eve"`, `When it gets "`+what+`"`, "Then it answers")
	}
	f := feature(
		says("@LAT-MSG-001", "sound", "\x01"),
		says("@LAT-MSG-002", "unsound", "tea"),
		says("@LAT-MSG-001 @last", "unsound again", "coffee"),
	)
	run := func(t *testing.T, change func(*Config)) *result.Run {
		c := config(t, f, "honest")
		if change != nil {
			change(&c)
		}
		return judge(t, c)
	}
	find := func(r *result.Run, requirement string) *result.Result {
		for _, x := range r.Cells[0].Monitors {
			if x.Requirement == requirement {
				return x
			}
		}
		return nil
	}

	t.Run("a scenario passes, and what it did meanwhile is a verdict of its own", func(t *testing.T) {
		r := run(t, func(c *Config) { c.Out = t.TempDir() })
		require.Equal(t, 3, r.Tally.Passed, "scenarios alone are counted")
		require.Equal(t, result.Unexpected, r.Exit)
		require.Len(t, r.Unexpected, 1, r.Unexpected)
		x := find(r, "LAT-FRAME-009")
		require.Equal(t, result.Failed, x.Outcome)
		require.Contains(t, x.Text, "in the scenario msg/unsound", "the first, whichever ended first")
		require.Equal(t, [2]int{2, 2}, [2]int{x.Looked, x.Wrong}, "an opener is nothing to look at")
		require.NotEmpty(t, x.Evidence)
		require.NotEmpty(t, x.Sequence)
		require.Equal(t, "again honest+honest@bare msg/unsound", x.Repeat)
		require.Equal(t, r.Cells[0].Results[1].Capture, x.Capture)
		require.Equal(t, result.Passed, find(r, "LAT-FRAME-017").Outcome)
		require.Nil(t, find(r, "LAT-STRM-001"), "it had nothing to look at")
		_, marks := r.Matrix()
		require.Equal(t, result.Failed, marks["LAT-FRAME-009"]["honest+honest@bare"].Shown())
	})
	t.Run("it can be known, and is stale when it is gone", func(t *testing.T) {
		known := func(requirement, id string) func(*Config) {
			return func(c *Config) {
				c.Cells[0].Subject.Known = []manifest.Known{{Requirement: requirement, ID: id}}
			}
		}
		r := run(t, known("LAT-FRAME-009", id))
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
		require.Equal(t, result.KnownFailure, find(r, "LAT-FRAME-009").Outcome)

		gone := func(c *Config) {
			known("LAT-FRAME-009", id)(c)
			known("LAT-FRAME-017", "monitor/datagram-length")(c)
			c.Cells[0].Subject.Known = append(c.Cells[0].Subject.Known, manifest.Known{Requirement: "LAT-FRAME-009", ID: id})
		}
		r = run(t, gone)
		require.Len(t, r.Cells[0].Stale, 1)
		require.Contains(t, r.Cells[0].Stale[0], "LAT-FRAME-017")

		r = run(t, func(c *Config) {
			gone(c)
			c.Select.Tags = "not @last"
		})
		require.Empty(t, r.Cells[0].Stale, "a selection says nothing")
	})
	t.Run("shards say the same together", func(t *testing.T) {
		whole := run(t, nil)
		var parts []*result.Run
		for i := range 3 {
			parts = append(parts, run(t, func(c *Config) { c.Shard = &result.Shard{Index: i + 1, Of: 3} }))
		}
		merged, err := result.Merge(testRegistry(t), time.Time{}, []string{"a", "b", "c"}, parts)
		require.NoError(t, err)
		require.Equal(t, timeless(t, whole), timeless(t, merged))
	})
}
