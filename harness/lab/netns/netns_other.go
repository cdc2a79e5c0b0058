//go:build !linux

package netns

import (
	"context"
	"errors"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
)

var errNeedsLinux = errors.New("the netns lab needs Linux; use the lab sim, or docker")

// Enter fails: the lab needs Linux.
func Enter() error { return errNeedsLinux }

type netns struct{}

// New is a lab that can't start here.
func New() lab.Lab { return netns{} }

func (netns) Name() string                { return "netns" }
func (netns) Check(context.Context) error { return errNeedsLinux }
func (netns) Starts(manifest.Manifest) (bool, string) {
	return false, errNeedsLinux.Error()
}
func (netns) Up(context.Context, internet.Topology, lab.Options) (lab.Net, error) {
	return nil, errNeedsLinux
}
