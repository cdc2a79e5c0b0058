package suite

import (
	"context"

	"github.com/cucumber/godog"

	"punchlist/harness/lab"
	"punchlist/harness/result"
	"punchlist/harness/steps"
	"punchlist/harness/verdict"
)

// A World is what the steps of one scenario stand on. The suite makes a fresh
// one for every scenario; it belongs to that scenario's goroutine.
type World interface {
	// Register puts the step definitions (and hooks, if any) into the
	// scenario. It brings no lab up: that is a step's work.
	Register(*godog.ScenarioContext)
	// StepID is the id of the one step expression that the text of a step (its
	// keyword left out) matches: AREA/words, which stays when the expression is
	// reworded. Empty if none or several do.
	StepID(text string) string
	// StepArguments are what that expression captures of the text: names, numbers.
	StepArguments(text string) []string
	// Net is the emulated internet, nil while there is none. Its trace is
	// read after the last step, also after Close.
	Net() lab.Net
	// Subject is the host that the peer under test is on, empty while there is none.
	Subject() string
	// Deaths lists the testees that ended by themselves, in order of time.
	Deaths() []verdict.Died
	// Findings lists what peers other than the subject did wrong.
	Findings() []verdict.Finding
	// Path is by which way the subject was found to be connected, where the
	// scenario leaves that open; else the zero Path.
	Path() result.Path
	// Meeting is what it took the subject and another peer to be connected, where
	// a step has seen it; else nil.
	Meeting() *result.Meeting
	// Close kills what runs. It is safe to call twice.
	Close() error
}

// A WorldFunc makes the World of one scenario.
type WorldFunc func(context.Context, steps.Options) World

// world makes a World: that of package steps, where the Config names no other.
func (c Config) world(ctx context.Context, o steps.Options) World {
	if c.World == nil {
		return steps.New(ctx, o)
	}
	return c.World(ctx, o)
}
