package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"punchlist/harness/hostlink"
)

// isolate makes new mount and network namespaces fit for labs. It runs in the
// init process, before anything else does.
func isolate() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// A container may forbid it. The old /proc then shows other numbers of
	// processes, which nothing here relies on.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	// Sockets of resolvers, caches and buses live below /run.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount a private /run: %w", err)
	}
	if err := hideResolvers(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("punchlist")); err != nil {
		return fmt.Errorf("set the host's name: %w", err)
	}
	return hostlink.Quiet()
}

// The resolver asks files and, as glibc does without a name server, nobody
// but the host itself.
const (
	resolvConf = "# Of the lab: no name server.\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
	nsswitch   = "# Of the lab: names come from files alone.\npasswd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\nservices: files\nprotocols: files\n"
)

func hideResolvers() error {
	for _, file := range []struct{ path, text string }{
		{"/etc/resolv.conf", resolvConf},
		{"/etc/nsswitch.conf", nsswitch},
	} {
		if err := cover(file.path, file.text); err != nil {
			return fmt.Errorf("cover %s: %w", file.path, err)
		}
	}
	return nil
}

// cover makes a file read as the given text, in this mount namespace alone.
// A file that does not exist stays absent.
func cover(path, text string) error {
	if target, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		if strings.HasPrefix(target, "/run/") || strings.HasPrefix(target, "/var/run/") {
			// It was in the /run that is gone.
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.WriteFile(target, []byte(text), 0o644)
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	source := filepath.Join("/run", "punchlist-"+filepath.Base(path))
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return err
	}
	return unix.Mount(source, path, "", unix.MS_BIND, "")
}
