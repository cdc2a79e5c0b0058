package suite

import (
	"context"
	"io"
	"strings"

	"punchlist/harness/codec"
	"punchlist/harness/manifest"
	"punchlist/harness/monitor"
	"punchlist/harness/steps"
	"punchlist/harness/verdict"
)

// named adds to the entries that name a failure by its text the id and the detail by
// which to name it instead, where this edition has a step or a monitor that reads so.
func (c *Config) named(ctx context.Context, known []manifest.Known) []manifest.Known {
	var w World
	var out []manifest.Known
	for _, k := range known {
		if k.Signature != "" && w == nil {
			w = c.world(ctx, steps.Options{Logs: io.Discard})
		}
		out = append(out, modern(k, w))
	}
	return out
}

func modern(k manifest.Known, w World) manifest.Known {
	if k.Signature == "" {
		return k
	}
	if m, ok := monitor.ByRule(k.Signature); ok {
		k.ID = m.ID
		return k
	}
	switch keyword, text, _ := strings.Cut(k.Signature, " "); {
	case k.Signature == verdict.DiedID:
		k.ID = verdict.DiedID
	case codec.IsDetail(k.Signature):
		k.ID, k.Detail = codec.ID, k.Signature
	case w.StepID(text) != "":
		k.ID, k.Detail = w.StepID(text), strings.Join(w.StepArguments(text), ", ")
		k.Inconclusive = keyword != "Then"
	}
	return k
}
