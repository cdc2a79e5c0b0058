//go:build !linux

package standing

import (
	"context"
	"errors"
)

var errNeedsLinux = errors.New("labs to run programs on need Linux")

// Up needs Linux.
func Up(context.Context, string, Config, func(table string)) error { return errNeedsLinux }

// Down needs Linux.
func Down(context.Context, string) error { return errNeedsLinux }

// Run needs Linux.
func Run(context.Context, string, Program) (code int, err error) { return 0, errNeedsLinux }

// RunAlone needs Linux.
func RunAlone(context.Context, Config, Program) (code int, err error) { return 0, errNeedsLinux }
