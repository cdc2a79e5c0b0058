package steps

import (
	"encoding/json"
	"fmt"

	"punchlist/harness/codec"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// givenCodec declares a subject that is asked for its codec alone: it never
// opens a socket.
func (w *World) givenCodec() error {
	if err := w.host(subjectHost, openProfile); err != nil {
		return err
	}
	w.declare(subjectHost, true, false, false)
	return nil
}

// codec starts the subject's program, without a peer in it.
func (w *World) codec() error {
	if err := w.up(); err != nil {
		return err
	}
	if err := w.start(w.subject); err != nil {
		return err
	}
	return w.call(w.subject, testee.Hello, nil, nil)
}

// thenCodecPasses plays the vectors of a requirement against the subject.
func (w *World) thenCodecPasses(requirement string) error {
	chapters, err := vectors.Load()
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	all := codec.Of(chapters, requirement)
	if len(all) == 0 {
		return &verdict.LabFailed{Text: fmt.Sprintf("there is no vector of %s", requirement)}
	}
	if err := w.codec(); err != nil {
		return err
	}
	verdicts, err := codec.Judge(all, w.ask, nil)
	if err != nil {
		return err
	}
	v := verdicts[0]
	switch {
	case len(v.Failures) > 0:
		return &verdict.Violation{Signature: v.Signature(), Text: v.Text()}
	case len(v.Unsupported) > 0:
		// A command that need not be carried out is a capability, and the scenario is
		// tagged with it: whoever claims it carries it out.
		return w.unfit(w.subject, "vector %s was not carried out: %s", v.Unsupported[0].ID, v.Unsupported[0].Text)
	}
	return nil
}

// ask sends one codec command.
func (w *World) ask(do string, with json.RawMessage) (json.RawMessage, *testee.Error, error) {
	reply, err := w.reply(w.subject, do, with)
	if err != nil {
		return nil, nil, err
	}
	return reply.OK, reply.Error, nil
}
