package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/lab"
	"punchlist/harness/result"
	"punchlist/harness/steps"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

var notIDs = regexp.MustCompile("[^a-z0-9]+")

// fakeWorld gives the tests' features their meaning, over the bare lab.
type fakeWorld struct {
	ctx       context.Context
	o         steps.Options
	net       *bareNet
	subject   caller
	companion caller
	received  []int
	deaths    []verdict.Died
	start     testee.StartWith
	watched   string // host whose packets monitors see
}

func newFakeWorld(ctx context.Context, o steps.Options) World { return &fakeWorld{ctx: ctx, o: o} }

func (w *fakeWorld) Net() lab.Net {
	if w.net == nil {
		return nil
	}
	return w.net
}
func (w *fakeWorld) Subject() string             { return w.watched }
func (w *fakeWorld) Deaths() []verdict.Died      { return w.deaths }
func (w *fakeWorld) Findings() []verdict.Finding { return nil }
func (w *fakeWorld) StepID(text string) string {
	if text == "" {
		return ""
	}
	return "lab/" + strings.Trim(notIDs.ReplaceAllString(strings.ToLower(text), "-"), "-")
}
func (w *fakeWorld) StepArguments(string) []string { return nil }
func (w *fakeWorld) Path() result.Path             { return result.Path{} }
func (w *fakeWorld) Meeting() *result.Meeting      { return nil }
func (w *fakeWorld) Close() error {
	if w.net == nil {
		return nil
	}
	return w.net.Close()
}

func (w *fakeWorld) up() error {
	n, err := w.o.Lab.Up(w.ctx, threeHosts, lab.Options{Logs: w.o.Logs})
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	w.net = n.(interface{ Unwrap() lab.Net }).Unwrap().(*bareNet)
	t, err := w.net.Start(w.ctx, "bob", w.o.Companion)
	if err != nil {
		return err
	}
	w.companion = caller{w.ctx, n, lab.NewClient(t)}
	if t, err = w.net.Start(w.ctx, "alice", w.o.Subject); err != nil {
		return err
	}
	w.subject = caller{w.ctx, n, lab.NewClient(t)}
	w.start = testee.StartWith{PeerID: "00", Port: 1}
	if _, err := w.subject.call(testee.Start, w.start); err != nil {
		return err
	}
	_, err = w.subject.ready()
	return err
}

// send sends the subject a datagram and waits until it was taken, or killed.
func (w *fakeWorld) send(payload string) error {
	eve, err := w.net.Endpoint("eve", 0)
	if err != nil {
		return err
	}
	if err := eve.Send(netip.AddrPortFrom(w.net.Addr("alice"), 1), []byte(payload)); err != nil {
		return err
	}
	for f := range w.net.Trace().ReceivedBy("alice") {
		if n := len(w.received); n == 0 || f.Seq > w.received[n-1] {
			w.received = append(w.received, f.Seq)
		}
	}
	if reply, err := w.subject.call(testee.Info, nil); err != nil || reply.Error != nil {
		exit := w.subject.client.Testee.Exit()
		if exit == nil {
			return &verdict.AdapterBroken{Implementation: w.o.Subject.Name, Text: "info: " + err.Error()}
		}
		w.deaths = append(w.deaths, verdict.Died{
			Implementation: w.o.Subject.Name, Host: "alice", Subject: true, At: exit.At, How: ended(exit), Garbage: exit.Garbage,
			Stderr: exit.Stderr, Start: w.start, Started: true, Received: w.received,
		})
		return &w.deaths[len(w.deaths)-1]
	}
	return nil
}

var threeHosts = topology("alice", "bob", "eve")

func (w *fakeWorld) Register(sc *godog.ScenarioContext) {
	sc.Given(`^a subject$`, w.up)
	sc.Given(`^monitors watch "([^"]*)"$`, func(host string) { w.watched = host })
	sc.Given(`^a lab that can't$`, func() error { return &verdict.LabFailed{Text: "no more addresses"} })
	sc.Given(`^a Given that fails$`, func() error { return &verdict.Violation{Text: "no NAT type"} })
	sc.When(`^it gets "([^"]*)"$`, w.send)
	sc.When(`^it gets "([^"]*)" (\d+) times$`, func(payload string, n int) error {
		for range n {
			if err := w.send(payload); err != nil {
				return err
			}
		}
		return nil
	})
	sc.When(`^the companion dies$`, func() error {
		w.deaths = append(w.deaths, verdict.Died{Implementation: w.o.Companion.Name, Host: "bob", How: "exit status 1"})
		return &w.deaths[0]
	})
	sc.When(`^(\d+) ms pass$`, func(ms int) error {
		err := lab.Await(w.ctx, w.net, time.Duration(ms)*time.Millisecond, func() bool { return false })
		if errors.Is(err, context.DeadlineExceeded) && w.ctx.Err() == nil {
			return nil
		}
		return err
	})
	sc.Then(`^it answers$`, func() error {
		_, err := w.subject.call(testee.Info, nil)
		return err
	})
	sc.Step(`^it breaks it by "([^"]*)"$`, func(detail string) error {
		return &verdict.Violation{Text: "the answer was wrong", Detail: detail, Frames: w.received}
	})
	sc.Then(`^the companion breaks it$`, func() error {
		return &verdict.CompanionFailed{Finding: verdict.Finding{Implementation: w.o.Companion.Name, Host: "bob", Requirement: w.o.Requirement.ID, Text: "it did"}}
	})
	sc.Then(`^its lab leaves something behind$`, func() error {
		w.net.end = &lab.LeftBehind{What: []string{"network x"}, Why: "the engine holds it"}
		return nil
	})
	sc.Then(`^it panics$`, func() error { panic("out of cheese") })
	sc.Then(`^it does not concern it$`, func() error { return &verdict.NotApplicable{Reason: "it has no door"} })
	sc.Then(`^something odd happens$`, func() error { return fmt.Errorf("odd") })
	sc.Then(`^(\d+) is enough$`, func(n int) error {
		if n < 3 {
			return &verdict.Violation{Text: "too few", Detail: "few"}
		}
		return nil
	})
	sc.Then(`^ambiguous$`, func() error { return nil })
	sc.Then(`^ambi`, func() error { return nil })
}
