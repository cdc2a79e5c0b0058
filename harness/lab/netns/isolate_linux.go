package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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
	return quiet()
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

// quiet brings up the loopback of the calling thread's network namespace and
// switches off what its kernel would do beside the lab: forward, speak IPv6,
// drop by reverse path, and hold back ICMP errors.
func quiet() error {
	for _, knob := range []struct {
		name, value string
		needed      bool // the rest is for order only: no IPv6 packet is ever carried
	}{
		{"ipv4/ip_forward", "0", true},
		{"ipv4/conf/all/rp_filter", "0", true},
		{"ipv4/conf/default/rp_filter", "0", true},
		{"ipv4/icmp_ratelimit", "0", false},
		{"ipv6/conf/all/disable_ipv6", "1", false},
		{"ipv6/conf/default/disable_ipv6", "1", false},
	} {
		if err := set(knob.name, knob.value); err != nil && knob.needed {
			return err
		}
	}
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}

// set writes a setting of the calling thread's network namespace, if it has
// not the value already. A kernel without IPv6 lacks some.
func set(name, value string) error {
	path := "/proc/sys/net/" + name
	now, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && strings.TrimSpace(string(now)) == value {
		return nil
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("set net.%s to %s: %w", strings.ReplaceAll(name, "/", "."), value, err)
	}
	return nil
}
