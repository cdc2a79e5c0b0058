package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
	"punchlist/harness/verdict"
)

func TestStallWatch(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	var p stallWatch
	for _, s := range []float64{0, 0.1, 1, 1.9, 12, 12.1, 14.6, 14.7} {
		p.at(at(s))
	}
	for _, c := range []struct {
		about    string
		from, to float64
		still    float64
	}{
		{"it beat late, and no later than it may", 0, 1.9, 0},
		{"the whole pause", 0, 12.1, 10.1},
		{"a pause that began before", 11, 12.1, 10.1},
		{"a pause that goes on", 1, 5, 10.1},
		{"two pauses", 0, 14.7, 12.6},
		{"between two", 12, 12.1, 0},
		{"the beat after it is still to come", 14.7, 17.7, 3},
	} {
		t.Run(c.about, func(t *testing.T) {
			require.InDelta(t, c.still, p.between(at(c.from), at(c.to)).Seconds(), 1e-6)
		})
	}
}

func TestAStandstillExcuses(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var p stallWatch
	p.at(start)
	p.at(start.Add(4 * time.Second))
	after := start.Add(5 * time.Second)

	for _, o := range []result.Outcome{result.Failed, result.Inconclusive, result.AdapterBroken, result.LabFailed} {
		x := &result.Result{Outcome: o, Text: "it is silent", Broke: "LAT-MSG-001", ID: "a/speaks"}
		p.excuse(x, start, after)
		require.Equal(t, &result.Result{
			Outcome: result.LabFailed,
			Text:    "host stalled for 4.0 s: result discarded: it is silent",
		}, x, "%s", o)
	}
	for _, x := range []result.Result{
		{Outcome: result.Passed},
		{Outcome: result.NotApplicable, Text: "it is a codec"},
		{Outcome: result.Failed, Text: "it crashed", Broke: verdict.Survive, ID: verdict.DiedID},
	} {
		same := x
		p.excuse(&same, start, after)
		require.Equal(t, x, same)
	}
	x := result.Result{Outcome: result.Failed, Text: "it is silent"}
	same := x
	p.excuse(&same, start.Add(4*time.Second), after)
	require.Equal(t, x, same, "it stood still before")
}

func TestStallWatchBeats(t *testing.T) {
	var p stallWatch
	begin := time.Now()
	stop := p.start()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.last.Sub(begin) > 2*beat
	}, 30*time.Second, beat/10)
	stop()
}

func TestReactFollowsTheLatestBeat(t *testing.T) {
	var p stallWatch
	start := time.Unix(1000, 0)
	for _, late := range []time.Duration{0, 0, 5 * time.Millisecond, 200 * time.Millisecond, 0} {
		start = start.Add(beat + late)
		p.at(start)
	}
	require.Equal(t, leastReact, p.react(start, start.Add(time.Minute)), "nothing was late then")
	require.Equal(t, 900*time.Millisecond, p.react(start.Add(-time.Second), start))
	require.Equal(t, leastReact, p.react(start.Add(-time.Hour), start.Add(-time.Minute)))
}
