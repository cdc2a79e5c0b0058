package steps

import (
	"encoding/json"

	"punchlist/harness/codec"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

var _ = step("lab/subject-codec", `^the subject's codec$`,
	(*World).givenCodec)

// givenCodec declares a subject that is asked for its codec alone: it never
// opens a socket.
func (w *World) givenCodec() {
	w.host(subjectHost, openProfile)
	w.declare(subjectHost, true, false, false)
}

// codec starts the subject's program, without a peer in it.
func (w *World) codec() {
	w.up()
	w.start(w.subject)
	w.call(w.subject, testee.Hello, nil, nil)
}

var _ = step("frame/codec-passes", `^the codec passes every vector of "([^"]+)"$`,
	(*World).thenCodecPasses)

// thenCodecPasses plays the vectors of a requirement against the subject.
func (w *World) thenCodecPasses(requirement string) {
	chapters := mustGet(vectors.Load())
	all := codec.Of(chapters, requirement)
	if len(all) == 0 {
		misused("there is no vector of %s", requirement)
	}
	w.codec()
	verdicts := mustGet(codec.Judge(all, w.ask, nil))
	v := verdicts[0]
	switch {
	case len(v.Failures) > 0:
		fail(&verdict.Violation{Detail: v.Detail(), Text: v.Text()})
	case len(v.Unsupported) > 0:
		// A command that need not be carried out is a capability, and the scenario is
		// tagged with it: whoever claims it carries it out.
		w.unfit(w.subject, "vector %s was not carried out: %s", v.Unsupported[0].ID, v.Unsupported[0].Text)
	}
}

// ask sends one codec command.
func (w *World) ask(do string, with json.RawMessage) (json.RawMessage, *testee.Error, error) {
	reply := w.reply(w.subject, do, with)
	return reply.OK, reply.Error, nil
}
