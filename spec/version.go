package spec

import (
	"fmt"
	"runtime/debug"

	"punchlist/spec/testee"
)

// What this tree is. Programs, reports and captures say it; nothing else types it, but for the
// manifest of the reference, which a test holds to it.
const (
	// Version is that of the programs and the reference peer (CHANGELOG.md).
	Version = "0.1.0"
	// Edition is that of the standard: the latest in which a requirement came.
	Edition = "0.1"
	// Wire is the version of the packets, as their header has it.
	Wire = testee.WireVersion
)

// A Build is what a program was built from.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // empty where the build does not know it: go run, go test
	Wire    int    `json:"wire"`
	Edition string `json:"edition"`
}

// ThisBuild is the running program's.
func ThisBuild() Build {
	b := Build{Version: Version, Wire: Wire, Edition: Edition}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if b.Commit != "" {
		b.Commit += dirty
	}
	return b
}

// String is one line: "0.1.0 (commit 0123456789ab, wire version 6, edition 0.1 of the standard)".
func (b Build) String() string {
	commit := b.Commit
	if commit == "" {
		commit = "unknown"
	}
	return fmt.Sprintf("%s (commit %s, wire version %d, edition %s of the standard)", b.Version, commit, b.Wire, b.Edition)
}
