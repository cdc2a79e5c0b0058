package testees

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The stamp of a finished installation holds the hash of the lock file that
// it was made from. It is written last, inside node_modules, so that it goes
// when they go.
const stamp = ".punchlist"

// Installed reports whether Setup has nothing left to do in a folder.
func Installed(dir string) bool {
	want, err := lockHash(dir)
	if err != nil {
		return false
	}
	have, err := os.ReadFile(filepath.Join(dir, "node_modules", stamp))
	return err == nil && string(have) == want
}

// Setup installs in a folder exactly what its package-lock.json pins, unless
// that has been done. It needs node of at least the given major version, and
// npm. It may be called again, and by two processes at once. Progress gets
// one line for each step that takes time.
func Setup(ctx context.Context, dir string, node int, progress func(string)) error {
	if err := checkNode(ctx, node); err != nil {
		return err
	}
	if Installed(dir) {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm is not in PATH: install Node.js %d or newer with its npm (https://nodejs.org), then run punchlist setup", node)
	}
	release, err := exclusive(ctx, dir, progress)
	if err != nil {
		return err
	}
	defer release()
	if Installed(dir) {
		return nil
	}

	want, err := lockHash(dir)
	if err != nil {
		return err
	}
	progress("installing what " + filepath.Join(dir, "package-lock.json") + " pins")
	var output bytes.Buffer
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier")
	install.Dir, install.Stdout, install.Stderr, install.WaitDelay = dir, &output, &output, 5*time.Second
	if err := install.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("npm ci in %s was stopped: %w", dir, context.Cause(ctx))
		}
		return fmt.Errorf("npm ci in %s failed: %w\n%s\nsee that the npm registry can be reached, then run punchlist setup", dir, err, tail(output.String(), 12))
	}
	return os.WriteFile(filepath.Join(dir, "node_modules", stamp), []byte(want), 0o644)
}

var nodeVersion = regexp.MustCompile(`^v([0-9]+)\.`)

func checkNode(ctx context.Context, least int) error {
	if least == 0 {
		return nil
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return fmt.Errorf("node is not in PATH: install Node.js %d or newer (https://nodejs.org), then run punchlist setup", least)
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version failed: %w", node, err)
	}
	version := strings.TrimSpace(string(out))
	parts := nodeVersion.FindStringSubmatch(version)
	if parts == nil {
		return fmt.Errorf("%s --version says %q, which is no version of Node.js: install Node.js %d or newer (https://nodejs.org)", node, version, least)
	}
	if major, err := strconv.Atoi(parts[1]); err != nil || major < least {
		return fmt.Errorf("%s is %s: install Node.js %d or newer (https://nodejs.org), then run punchlist setup", node, version, least)
	}
	return nil
}

// exclusive holds the folder's lock until release is called.
func exclusive(ctx context.Context, dir string, progress func(string)) (release func(), err error) {
	lock := flock.New(filepath.Join(dir, ".setup-lock"), flock.SetPermissions(0o644))
	held, err := lock.TryLock()
	if err == nil && !held {
		progress("waiting for another set-up of " + dir)
		held, err = lock.TryLockContext(ctx, 100*time.Millisecond)
	}
	switch {
	case held:
		return func() { lock.Close() }, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("another set-up holds %s: %w", lock.Path(), context.Cause(ctx))
	}
	return nil, fmt.Errorf("locking %s: %w", lock.Path(), err)
}

func lockHash(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
