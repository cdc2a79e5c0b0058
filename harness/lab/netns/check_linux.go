package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// possible reports why Enter could not work, without side effects: a child is
// made in the namespaces and asked for a program that does not exist, so that
// it gets as far as it can get and ends.
func possible() error {
	var failed error
	for _, user := range users() {
		trial := &exec.Cmd{Path: "/proc/self/no program of this name", SysProcAttr: namespaces(user)}
		// Some distributions give the namespaces and then none of the
		// privileges: a second mount namespace from inside shows it.
		trial.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
		if failed = trial.Start(); errors.Is(failed, unix.ENOENT) {
			return nil
		}
	}
	return explain(failed)
}

// explain adds what to do to the reason why namespaces can't be had.
func explain(err error) error {
	mend := "run as root (sudo), or let this user make user namespaces"
	switch {
	case setting("user/max_user_namespaces") == "0":
		mend = "sysctl -w user.max_user_namespaces=10000, or run as root (sudo)"
	case setting("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		mend = "sysctl -w kernel.unprivileged_userns_clone=1, or run as root (sudo)"
	case setting("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		mend = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root (sudo)"
	case errors.Is(err, unix.ENOSPC):
		mend = "raise the sysctls user.max_*_namespaces, or run as root (sudo)"
	case os.Geteuid() == 0:
		mend = "a container needs --privileged, or --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err // its path is that of a trial
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		err = fmt.Errorf("new namespaces: %w", number)
	}
	return fmt.Errorf("%w; %s", err, mend)
}

func setting(name string) string {
	value, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(value))
}
