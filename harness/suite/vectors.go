package suite

import (
	"context"
	"encoding/json"
	"io"

	"punchlist/harness/codec"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// A VectorsVerdict is what the vectors of one requirement say of an
// implementation.
type VectorsVerdict struct {
	codec.Verdict
	Known *manifest.Known // by which its failures were announced
}

// Vectors plays vectors against an implementation in a lab, where it is put
// alone on a host and no peer is started. The second result lists known
// failures of vectors that didn't happen. An error is the adapter's, or the
// lab's.
func Vectors(ctx context.Context, l lab.Lab, m manifest.Manifest, all []vectors.Vector, logs io.Writer, progress func(played int)) (of []VectorsVerdict, unmet []manifest.Known, err error) {
	if _, err := preflight(ctx, l, m, 1, logs); err != nil {
		return nil, nil, err
	}
	var verdicts []codec.Verdict
	err = alone(ctx, l, m, 1, logs, "vectors", func(c *caller) error {
		var err error
		if verdicts, err = codec.Judge(all, c.ask, progress); err != nil {
			return &verdict.AdapterBroken{Implementation: m.Name, Text: err.Error()}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	// Vectors need no companion: the reference stands for whichever there is.
	failures := result.NewFailures(m.Known, "reference", l.Name())
	for _, v := range verdicts {
		judged := VectorsVerdict{Verdict: v}
		if k, ok := failures.Match(result.Sign{Requirement: v.Requirement, Outcome: result.Failed, ID: codec.ID, Detail: v.Detail()}); ok {
			judged.Known = &k
		}
		of = append(of, judged)
	}
	return of, failures.Unmet(func(k manifest.Known) bool { return k.ID == codec.ID || codec.IsDetail(k.Signature) }), nil
}

// ask is a caller as the vectors need it.
func (c *caller) ask(do string, with json.RawMessage) (ok json.RawMessage, refusal *testee.Error, err error) {
	reply, err := c.call(do, with)
	return reply.OK, reply.Error, err
}
