package netns

import (
	"context"
	"fmt"
	"os/exec"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
)

type netns struct{}

// New is the lab. Its nets need a process that has entered (see Enter).
func New() lab.Lab { return netns{} }

func (netns) Name() string { return "netns" }

// Check says why the lab can't start, and the mend: in a process that has
// entered, whether a host can be made; in any other, whether Enter would work.
// It leaves nothing behind.
func (netns) Check(ctx context.Context) error {
	if !Inside() {
		if err := refused.Load(); err != nil {
			return *err
		}
		return possible()
	}
	n, err := up(internet.Topology{Hosts: []internet.Host{{Name: "check", Realm: internet.Public}}}, lab.Options{})
	if err != nil {
		return explain(err)
	}
	defer n.Close()
	if _, err := n.machine("check"); err != nil {
		return explain(err)
	}
	return nil
}

// Starts reports whether the manifest has a command whose program exists here.
func (netns) Starts(m manifest.Manifest) (bool, string) {
	argv, err := m.Argv()
	if err != nil {
		return false, err.Error()
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return false, fmt.Sprintf("%s: %v", m.Name, err)
	}
	return true, ""
}

// Up makes an internet. A host gets its network namespace when something is
// started on it; one that has only endpoints needs none.
func (netns) Up(ctx context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, err := up(t, o)
	if err != nil {
		return nil, err
	}
	return n, nil
}
