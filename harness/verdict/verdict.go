// Package verdict says what a scenario found out. A step that fails returns
// one of the error types below; only a *Violation from a Then step is a
// failure of the peer under test, every other error is laid to somebody else.
package verdict

import (
	"fmt"
	"time"

	"punchlist/spec/testee"
)

// A Violation is a peer that broke a requirement. Then steps return it.
type Violation struct {
	Requirement string // LAT-…; empty: the requirement that the scenario is tagged with
	Text        string // what was seen instead, one sentence
	Frames      []int  // sequence numbers of the trace's frames that show it
	Detail      string // tells this failure of the step from its others, free of addresses, ids and times, so that a known failure can name it; empty: the step's arguments
}

func (v *Violation) Error() string { return v.Text }

// Blocked is a precondition that did not come about: the requirement could
// not be judged. A failed Given is blocked whatever it returns.
type Blocked struct {
	Text string
	Err  error // may be nil
}

func (b *Blocked) Error() string { return "blocked: " + because(b.Text, b.Err) }
func (b *Blocked) Unwrap() error { return b.Err }

// NotApplicable is a scenario that does not concern the peer under test: it
// lacks an optional capability.
type NotApplicable struct{ Reason string }

func (n *NotApplicable) Error() string { return "not applicable: " + n.Reason }

// AdapterBroken is a testee that does not keep to the testee protocol: no
// reply in time, output that is no JSON, a claim that it does not honour.
type AdapterBroken struct {
	Implementation string
	Host           string // which peer of the scenario; empty: none in particular
	Text           string
}

func (a *AdapterBroken) Error() string {
	return fmt.Sprintf("the adapter of %s is broken: %s", a.Implementation, a.Text)
}

// LabFailed is the harness's own failure.
type LabFailed struct {
	Text string
	Err  error // may be nil
}

func (l *LabFailed) Error() string { return "the lab failed: " + because(l.Text, l.Err) }
func (l *LabFailed) Unwrap() error { return l.Err }

// CompanionFailed is a peer beside the subject that did not play its part
// (it never became ready, it did not answer): the subject stays unjudged, and
// the companion gets the finding.
type CompanionFailed struct{ Finding Finding }

func (c *CompanionFailed) Error() string {
	return fmt.Sprintf("companion %s (%s): %s", c.Finding.Host, c.Finding.Implementation, c.Finding.Text)
}

// A Finding is something that a peer did wrong in a scenario that was not
// about it.
type Finding struct {
	Implementation string `json:"implementation"`
	Host           string `json:"host"`                  // the peer's name in the scenario
	Requirement    string `json:"requirement,omitempty"` // that it broke; may be empty
	ID             string `json:"id,omitempty"`          // DiedID; empty: that of the failing step, where there is a requirement
	Detail         string `json:"detail,omitempty"`
	Step           string `json:"step,omitempty"` // the step's text
	Text           string `json:"text"`
	Frames         []int  `json:"frames,omitempty"`
}

// Died is a testee that ended by itself. A step that waits for something from
// it returns it as an error, and the World of the scenario lists it.
type Died struct {
	Implementation string
	Host           string
	Subject        bool
	At             time.Time         // by the lab's clock
	How            string            // "exit status 7", "signal: aborted"
	Garbage        string            // what it wrote that is not the testee protocol, where the lab ended it for that
	Stderr         string            // the end of it
	Start          testee.StartWith  // what it was started with, for the replay
	Started        bool              // it had answered start
	Joined         []testee.JoinWith // the subclusters that it had joined, for the replay
	Received       []int             // frames of the datagrams that reached it, oldest first, at most LastReceived
}

// LastReceived is how many datagrams are kept as evidence of a death that no
// single datagram could be blamed for.
const LastReceived = 32

func (d *Died) Error() string {
	return fmt.Sprintf("%s (%s) died: %s", d.Host, d.Implementation, d.How)
}

// Survive is the requirement that a death is laid to which no datagram alone
// explains.
const Survive = "LAT-FRAME-014"

// DiedID is by which id known failures name any death. Whether a datagram alone
// could be blamed is in the text, and in the requirement.
const DiedID = "died"

func because(text string, err error) string {
	switch {
	case err == nil:
		return text
	case text == "":
		return err.Error()
	default:
		return text + ": " + err.Error()
	}
}
