package steps

import (
	"strconv"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/explore"
)

// explored is a world of package explore that a scenario plays.
type explored struct {
	seed      int64
	keepalive time.Duration
	hosts     [][]string
	plan      explore.Plan
	result    explore.Result
}

var _ = step("lab/explored-world", `^the world of seed (\d+), with a keepalive interval of (\S+) and these hosts:$`,
	(*World).givenExplored)

// givenExplored declares a whole world. The seed of the run is added to that of the world, so that
// other runs have other losses and delays.
func (w *World) givenExplored(seed, keepalive string, hosts *godog.Table) {
	n, err := strconv.ParseInt(seed, 10, 32)
	must(err)
	w.explored.seed, w.explored.keepalive = n+w.o.Seed-1, span(keepalive)
	w.explored.hosts = cells(hosts)
}

var _ = step("lab/explored-history", `^this happens within (\S+):$`,
	(*World).whenExplored)

func (w *World) whenExplored(length string, ops *godog.Table) {
	x := &w.explored
	var err error
	if x.plan, err = explore.ReadPlan(x.seed, x.keepalive, span(length), x.hosts, cells(ops)); err != nil {
		misused("%v", err)
	}
	w.declare(x.plan.Subject, true, false, false)
	game := explore.Prepare(w.ctx, w.o.Lab, x.plan, explore.Cast{Subject: w.o.Subject, Companion: w.o.Companion})
	x.result, err = game.Play(0)
	w.net = game.Net()
	must(err)
}

var _ = step("lab/explored-rule", `^the subject keeps to the rule "([^"]+)"$`,
	(*World).thenKeepsTo)

// thenKeepsTo fails where the subject broke the rule; what it did against others is judged as in
// each scenario.
func (w *World) thenKeepsTo(rule string) {
	for _, f := range w.explored.result.Findings {
		if f.Host == w.explored.plan.Subject && f.Seen.Rule.ID == rule {
			w.violated(f.Seen.Frames, "%s", f.Seen.Wrong)
		}
	}
}

func span(text string) time.Duration { return mustGet(time.ParseDuration(text)) }

// cells are those of a table, header first.
func cells(t *godog.Table) [][]string {
	var rows [][]string
	for _, row := range t.Rows {
		var texts []string
		for _, c := range row.Cells {
			texts = append(texts, c.Value)
		}
		rows = append(rows, texts)
	}
	return rows
}
