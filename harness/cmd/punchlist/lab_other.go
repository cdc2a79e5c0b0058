//go:build !linux

package main

import (
	"context"
	"errors"

	"punchlist/harness/internet"
)

var errLabNeedsLinux = errors.New("labs to run programs on need Linux")

func labUp(context.Context, string, internetFlags, internet.Topology) error { return errLabNeedsLinux }
func labDown(context.Context, string) error                                 { return errLabNeedsLinux }
func shellInRunningLab(context.Context, string, shellRequest) error         { return errLabNeedsLinux }
func shellInOwnLab(context.Context, internetFlags, internet.Topology, shellRequest) error {
	return errLabNeedsLinux
}
