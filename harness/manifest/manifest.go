// Package manifest describes a peer under test: what it is, how a lab starts
// it, which conformance classes it claims, and which of its failures are
// known. A manifest is a YAML file; spec/testee.md says how to write one.
package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Manifest is one implementation under test.
type Manifest struct {
	Name    string   // short, for command lines and matrices: "socket-0.6"
	Version string   // of the implementation
	Summary string   // one sentence
	Classes []string // claimed conformance classes: codec, peer, indexed, relay

	// How a lab starts it. At least one is set.
	Command []string // argv for labs with real processes; ${dir} and ${self} are replaced (see Argv)
	Image   string   // for labs with containers
	Builtin string   // in process, where the lab is a simulation: "reference", or "dialect-" and a seed

	Env []string // NAME=value, added to the environment of Command

	Keepalive Keepalive     // the intervals that it can be started with
	Bootstrap int           // how many indexed peers it must be given to work; 3 when absent
	Latency   time.Duration // the least one-way latency of links under which it works; 0 when absent
	Stagger   time.Duration // the least time between the starts of two peers of it; 0 when absent
	React     time.Duration // how long it may take from an input to what follows, beside what the lab takes; 0 when absent

	Setup Setup
	Known []Known

	File string // the manifest's file, as errors name it
	Dir  string // absolute folder that ${dir} stands for; empty when it was parsed without a folder
}

// Keepalive bounds the interval K that start may ask for. Equal bounds are a
// peer whose K is fixed.
type Keepalive struct{ Min, Max time.Duration }

// Clamp brings a wanted interval into the bounds.
func (k Keepalive) Clamp(want time.Duration) time.Duration { return min(max(want, k.Min), k.Max) }

// Setup is what has to be done once in the manifest's folder before Command
// can start. The zero Setup is nothing.
type Setup struct {
	NPM  bool // install what package-lock.json pins
	Node int  // the least major version of Node.js; 0 when none is needed
}

// A Known failure is a requirement that the implementation is known to break.
// Failing otherwise, and passing, are both unexpected.
type Known struct {
	Requirement  string    // LAT-…
	ID           string    // of the step that fails (trav/connected-directly), of a monitor (monitor/pong-address), of a rule (oracle/pong/once), or "died"
	Detail       string    // exactly what reports show beside the id; empty: whatever that is
	Inconclusive bool      // not a failure: the step keeps the requirement from being judged
	Signature    string    // in place of ID: the text of the step, or the rule of a monitor. Read in this edition alone
	Reason       string    // what the implementation does instead
	Link         string    // where it is described
	Review       time.Time // the day after which it must be looked at again
	Intermittent bool      // the broken behaviour is random: passing is expected too
	Companion    string    // only together with this companion; empty: with any
	Lab          string    // only in this lab; empty: in any
}

// String names the failure as a message does: "LAT-NAT-006 nat/type-is (5)".
func (k Known) String() string {
	switch {
	case k.Signature != "":
		return fmt.Sprintf("%s %q", k.Requirement, k.Signature)
	case k.Detail != "":
		return fmt.Sprintf("%s %s (%s)", k.Requirement, k.ID, k.Detail)
	}
	return k.Requirement + " " + k.ID
}

// Applies reports whether the entry speaks of a verdict on a requirement
// reached with a companion in a lab.
func (k Known) Applies(requirement, companion, lab string) bool {
	return k.Requirement == requirement &&
		(k.Companion == "" || k.Companion == companion) &&
		(k.Lab == "" || k.Lab == lab)
}

// Argv is the command with its placeholders replaced: ${dir} by the
// manifest's folder, ${self} by the program that is running.
func (m Manifest) Argv() ([]string, error) {
	if len(m.Command) == 0 {
		return nil, m.errorf(nil, "command", "is missing: without it no lab with real processes can start %s", m.Name)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := make([]string, len(m.Command))
	for i, part := range m.Command {
		if strings.Contains(part, "${dir}") && m.Dir == "" {
			return nil, m.errorf(nil, "command", "uses ${dir}, but the manifest was read without a folder: load it from a file")
		}
		part = strings.ReplaceAll(part, "${dir}", m.Dir)
		argv[i] = strings.ReplaceAll(part, "${self}", self)
	}
	return argv, nil
}

// Load reads a manifest file; ${dir} is its folder.
func Load(path string) (Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Manifest{}, err
	}
	return Parse(data, path, filepath.Dir(abs))
}
