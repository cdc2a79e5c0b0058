package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"

	"punchlist/harness/capture"
	"punchlist/harness/lab"
	"punchlist/harness/oracle"
	"punchlist/harness/result"
	"punchlist/harness/steps"
	"punchlist/harness/verdict"
	"punchlist/spec"
)

// Keepalives that a scenario wants: the protocol's own where time costs
// nothing, and the least that real clocks allow, since the protocol's
// constants of 0.5 to 4 s do not scale with it.
const (
	virtualKeepalive = 30 * time.Second
	realKeepalive    = 6 * time.Second
)

// An ending is where and why the steps of a scenario stopped.
type ending struct {
	step  string // "Then the subject …"; empty: all steps passed
	id    string // of that step; empty: no one expression matches it
	args  string // what its expression captures, joined by commas
	then  bool
	err   error
	steps []string // all that were run, up to that one
}

// run runs the steps of one scenario in a fresh World and fills its result.
func (r *runner) run(ctx context.Context, j *job, q spec.Requirement) {
	ctx, cancel := r.bounded(ctx, j.plan.Lab)
	defer cancel()
	o := steps.Options{
		Lab: j.plan.lab, Subject: j.plan.Subject, Companion: j.plan.Companion, Seed: j.cell.Seed,
		Keepalive: realKeepalive, Requirement: q,
	}
	for _, name := range virtualLabs {
		if j.plan.Lab == name {
			o.Keepalive = virtualKeepalive
		}
	}
	var log logBuffer
	o.Logs = &log
	x := j.result
	recorder := oracle.Record(j.plan.lab)
	o.Lab = recorder
	begun := time.Now()
	err := guard(func() error {
		w := r.world(ctx, o)
		defer w.Close()
		end := perform(ctx, j.scenario, w)
		if end.err != nil && ctx.Err() != nil {
			end.err = &verdict.LabFailed{Text: fmt.Sprintf("the scenario was stopped after %v of this machine's clock, in the step %q", r.Timeout, end.step), Err: end.err}
		}
		begin := time.Time{}
		if n := w.Net(); n != nil && n.Trace().Len() > 0 {
			begin = n.Trace().At(0).At
			x.LabSeconds = n.Now().Sub(begin).Seconds()
		}
		deaths := w.Deaths()
		x.Findings = append(x.Findings, w.Findings()...)
		x.Path, x.Meeting = w.Path(), w.Meeting()
		if err := w.Close(); leftBehind(err) {
			r.leave(err)
		} else if err != nil && end.err == nil {
			end.err = &verdict.LabFailed{Text: "closing it", Err: err}
		}
		frames := r.decide(ctx, j, w, end, deaths)
		seen := r.seenBy(j, w, recorder, begun)
		if err := r.keep(j, w, end, frames, wrong(seen)); err != nil {
			return err
		}
		r.watched(j, w, end, seen)
		return nil
	})
	if err != nil {
		x.Outcome, x.Text, x.Broke = result.LabFailed, err.Error(), ""
	}
	if err := r.keepLog(j, &log); err != nil {
		x.Outcome, x.Text, x.Broke = result.LabFailed, err.Error(), ""
	}
}

// bounded limits what something may take on this machine's clock where the lab's time is real. A
// simulation has bounds of its own, so that no verdict depends on how fast the machine is.
func (r *runner) bounded(ctx context.Context, labName string) (context.Context, context.CancelFunc) {
	if slices.Contains(virtualLabs, labName) {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.Timeout)
}

// leftBehind reports whether a net is closed but for what its engine holds.
func leftBehind(err error) bool {
	var left *lab.LeftBehind
	return errors.As(err, &left)
}

// leave takes down what was left behind, for a warning.
func (r *runner) leave(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, err.Error())
}

// perform hands the one scenario to godog. Its exit code and its reports decide
// nothing: what the steps returned does.
func perform(ctx context.Context, s Scenario, w World) ending {
	var end ending
	ran := 0
	options := &godog.Options{
		Format: "progress", Output: io.Discard, NoColors: true, Strict: true, Concurrency: 1,
		DefaultContext:  ctx,
		FeatureContents: []godog.Feature{{Name: s.URI, Contents: []byte(s.document)}},
	}
	(godog.TestSuite{Name: s.Key, Options: options, ScenarioInitializer: func(sc *godog.ScenarioContext) {
		ran++
		w.Register(sc)
		sc.StepContext().After(func(ctx context.Context, st *godog.Step, status godog.StepResultStatus, err error) (context.Context, error) {
			if end.err != nil {
				return ctx, nil
			}
			end.steps = append(end.steps, keyword(st)+st.Text)
			if status == godog.StepPassed {
				return ctx, nil
			}
			end.id, end.args = w.StepID(st.Text), strings.Join(w.StepArguments(st.Text), ", ")
			end.step, end.then = keyword(st)+st.Text, st.Type == messages.PickleStepType_OUTCOME
			switch {
			case status == godog.StepUndefined:
				end.err = &verdict.LabFailed{Text: "no step is defined that reads so"}
			case status == godog.StepPending || status == godog.StepAmbiguous || err == nil:
				end.err = &verdict.LabFailed{Text: fmt.Sprintf("the step is %s", status), Err: err}
			default:
				end.err = err // a World turns a panic of a step into the lab's failure
			}
			return ctx, nil
		})
		// A hook's error after the last step reaches no step's hook.
		sc.After(func(ctx context.Context, _ *godog.Scenario, err error) (context.Context, error) {
			if err != nil && end.err == nil {
				end.err = &verdict.LabFailed{Text: "a hook", Err: err}
			}
			return ctx, nil
		})
	}}).Run()
	if ran != 1 && end.err == nil {
		end.err = &verdict.LabFailed{Text: fmt.Sprintf("godog ran %d scenarios instead of one", ran)}
	}
	return end
}

func keyword(st *godog.Step) string {
	switch st.Type {
	case messages.PickleStepType_CONTEXT:
		return "Given "
	case messages.PickleStepType_ACTION:
		return "When "
	case messages.PickleStepType_OUTCOME:
		return "Then "
	default:
		return ""
	}
}

// decide turns the ending into an outcome. It returns the frames that show
// it.
func (r *runner) decide(ctx context.Context, j *job, w World, end ending, deaths []verdict.Died) []int {
	x := j.result
	x.Step = end.step
	x.Outcome = result.OutcomeOf(end.err, end.then)
	if end.err != nil {
		x.Text = end.err.Error()
	}
	var died *verdict.Died
	for i := range deaths {
		if deaths[i].Subject {
			died = &deaths[i]
			break
		}
	}
	if died == nil && errors.As(end.err, &died) && !died.Subject {
		died = nil
	}
	if died != nil && x.Outcome != result.LabFailed {
		return r.death(ctx, j, w, *died)
	}
	for _, d := range deaths {
		if d.Subject {
			continue
		}
		f := verdict.Finding{
			Implementation: d.Implementation, Host: d.Host, Requirement: verdict.Survive, ID: verdict.DiedID,
			Text: "it died as a companion: " + d.How, Frames: d.Received,
		}
		x.Findings = append(x.Findings, f)
		if x.Outcome != result.Passed && x.Outcome != result.NotApplicable && x.Outcome != result.LabFailed {
			x.Outcome, x.Text, x.Stderr = result.Inconclusive, fmt.Sprintf("the companion %s died: %s", d.Host, d.How), d.Stderr
			return d.Received
		}
	}
	var companion *verdict.CompanionFailed
	if errors.As(end.err, &companion) {
		if len(w.Findings()) == 0 {
			x.Findings = append(x.Findings, companion.Finding)
		}
		for i := range x.Findings {
			if f := &x.Findings[i]; f.Requirement != "" && f.ID == "" {
				f.ID, f.Step = end.id, end.step
				if f.Detail == "" {
					f.Detail = end.args
				}
			}
		}
		return companion.Finding.Frames
	}
	var violation *verdict.Violation
	if errors.As(end.err, &violation) {
		x.ID, x.Detail = end.id, end.args
		if violation.Detail != "" {
			x.Detail = violation.Detail
		}
		if x.Outcome == result.Failed {
			x.Broke = violation.Requirement
			if x.Broke == "" {
				x.Broke = x.Requirement
			}
		} else {
			x.Text = "blocked: " + x.Text
		}
		return violation.Frames
	}
	if x.Outcome == result.Inconclusive {
		x.ID, x.Detail = end.id, end.args
	}
	return nil
}

// keep writes the packets, and puts the steps, the evidence and the end of the
// timeline of what went wrong into the result. Anyway has the packets kept where
// nothing did.
func (r *runner) keep(j *job, w World, end ending, frames []int, anyway bool) error {
	x := j.result
	wrong := x.Outcome != result.Passed && x.Outcome != result.NotApplicable
	if wrong {
		x.Steps = end.steps
	}
	n := w.Net()
	if n == nil {
		return nil
	}
	t := n.Trace()
	x.Packets = t.Len()
	var kept bytes.Buffer
	hash, err := capture.Sum(t)
	if err != nil {
		return &verdict.LabFailed{Text: "the packets can't be written", Err: err}
	}
	x.CaptureHash = hash // of the packets: the file also says what wrote it
	if wrong {
		x.Evidence = result.Evidence(t, frames)
		x.Sequence = result.Sequence(t, frames)
	}
	if r.Out == "" || r.Seeds > 1 && !wrong && !anyway {
		return nil
	}
	var file string
	err = capture.WriteBy(&kept, t, application())
	if err == nil {
		file, err = r.file(j, ".pcapng", kept.Bytes())
	}
	x.Capture = file
	return err
}

func stack() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	return strings.Join(lines[:min(len(lines), 40)], "\n")
}

// logKept bounds what is kept of the testees' logs of one scenario.
const logKept = 1 << 20

// A logBuffer keeps the beginning of what is written to it.
type logBuffer struct {
	mu      sync.Mutex
	kept    bytes.Buffer
	dropped int
}

// Write never fails.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), logKept-b.kept.Len())
	b.kept.Write(p[:n])
	b.dropped += len(p) - n
	return len(p), nil
}

func (b *logBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped == 0 {
		return b.kept.Bytes()
	}
	return fmt.Appendf(bytes.Clone(b.kept.Bytes()), "\n(%d more bytes were not kept)\n", b.dropped)
}
