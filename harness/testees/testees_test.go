package testees

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMaterializeTwiceIsOneFolder(t *testing.T) {
	under := t.TempDir()
	dirs := make([]string, 8)
	var wg sync.WaitGroup
	for i := range dirs {
		wg.Go(func() {
			var err error
			dirs[i], err = Materialize("socket-0.6", under)
			require.NoError(t, err)
		})
	}
	wg.Wait()
	for _, dir := range dirs {
		require.Equal(t, dirs[0], dir)
	}
	left, err := os.ReadDir(under)
	require.NoError(t, err)
	require.Len(t, left, 1)

	for _, name := range []string{"package.json", "package-lock.json", "adapter.mjs", "bench.mjs", "../testee.mjs", "../latica.mjs", "../socket-0.5/adapter.mjs"} {
		want, err := os.ReadFile(filepath.Join("socket-0.6", name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join(dirs[0], name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), name)
	}
}

func TestMaterializeUnknown(t *testing.T) {
	_, err := Materialize("nobody", t.TempDir())
	require.EqualError(t, err, `there is no bundled adapter "nobody"`)
	_, _, err = Manifest("nobody")
	require.ErrorContains(t, err, `there is no bundled implementation "nobody": there are [reference socket-0.6 socket-0.5 python-codec]`)
}

func TestLockNamesNoRegistry(t *testing.T) {
	for folder, integrity := range map[string]string{
		"socket-0.6": "sha512-/OLAwRd0pSjy8l+JQ0DC769sjFyrURmLlgKXFYFhMsYlrbQAgpWH2+/Rq7iFWwMyV4dMR/hy3LXvB+juf3S6NA==",
		"socket-0.5": "sha512-8sDIEL5cyFI4jlpZYUL4JqSgkj1XjUlbi9kA16/5DfzAYefQx38QXQaI0Hj7G1T3WwPnKN8f9xLvESMHikysrA==",
	} {
		lock, err := files.ReadFile(folder + "/package-lock.json")
		require.NoError(t, err)
		require.NotContains(t, string(lock), "http")
		require.Contains(t, string(lock), `"integrity": "`+integrity+`"`)
	}
}

func TestPruneRemovesWhatNobodyUses(t *testing.T) {
	under := t.TempDir()
	require.NoError(t, Prune(filepath.Join(under, "absent"), nil))

	dir, err := Materialize("socket-0.5", under)
	require.NoError(t, err)
	long := time.Now().Add(-unused - time.Hour)
	for name, used := range map[string]time.Time{"adapters-0123456789ab": long, ".new-1": long, "adapters-ba9876543210": time.Now()} {
		require.NoError(t, os.MkdirAll(filepath.Join(under, name, "socket-0.5", "node_modules"), 0o755))
		require.NoError(t, os.Chtimes(filepath.Join(under, name), used, used))
	}
	require.NoError(t, os.Chtimes(filepath.Dir(dir), long, long))

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { require.NoError(t, Prune(under, func(string) {})) })
	}
	wg.Wait()
	left, err := os.ReadDir(under)
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.FileExists(t, filepath.Join(dir, "adapter.mjs"), "this program's own stay, however long unused")
	require.DirExists(t, filepath.Join(under, "adapters-ba9876543210"))
}

func TestMaterializeMarksAsUsed(t *testing.T) {
	under := t.TempDir()
	dir, err := Materialize("socket-0.5", under)
	require.NoError(t, err)
	long := time.Now().Add(-unused - time.Hour)
	require.NoError(t, os.Chtimes(filepath.Dir(dir), long, long))
	require.True(t, stale(filepath.Dir(dir)))
	_, err = Materialize("socket-0.6", under)
	require.NoError(t, err)
	require.False(t, stale(filepath.Dir(dir)))
}

// tools makes a PATH that holds nothing but the given programs, and a folder
// with a lock file to set up.
func tools(t *testing.T, scripts map[string]string) (dir string) {
	bin := t.TempDir()
	for name, script := range scripts {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	t.Setenv("PATH", bin)
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte("{}"), 0o644))
	return dir
}

const (
	node20 = "echo v20.1.0"
	// installs as npm does, leaving behind how often and with what it was called
	npm = `echo "$@" >>calls; PATH=/usr/bin:/bin; mkdir -p node_modules`
)

func TestSetupInstallsOnce(t *testing.T) {
	dir := tools(t, map[string]string{"node": node20, "npm": npm})
	require.False(t, Installed(dir))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { require.NoError(t, Setup(t.Context(), dir, 20, func(string) {})) })
	}
	wg.Wait()
	require.True(t, Installed(dir))
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	require.Equal(t, "ci --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier\n", string(calls))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(`{"a":1}`), 0o644))
	require.False(t, Installed(dir), "the lock changed")
	require.NoError(t, Setup(t.Context(), dir, 20, func(string) {}))
	require.True(t, Installed(dir))

	require.NoError(t, os.Remove(filepath.Join(dir, "node_modules", stamp)))
	require.False(t, Installed(dir), "an installation that was cut short")
}

func TestSetupSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		tools map[string]string
		err   string
	}{
		"no node":  {map[string]string{"npm": npm}, "node is not in PATH: install Node.js 20 or newer (https://nodejs.org), then run punchlist setup"},
		"old node": {map[string]string{"node": "echo v18.19.1", "npm": npm}, "/node is v18.19.1: install Node.js 20 or newer (https://nodejs.org), then run punchlist setup"},
		"no npm":   {map[string]string{"node": node20}, "npm is not in PATH: install Node.js 20 or newer with its npm (https://nodejs.org), then run punchlist setup"},
		"npm fails": {map[string]string{"node": node20, "npm": "echo npm error code E404 >&2; exit 1"},
			"failed: exit status 1\nnpm error code E404\nsee that the npm registry can be reached, then run punchlist setup"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tools(t, c.tools)
			err := Setup(t.Context(), dir, 20, func(string) {})
			require.ErrorContains(t, err, c.err)
			require.False(t, Installed(dir))
		})
	}
}

func TestSetupWaitsForAnotherAndNoLonger(t *testing.T) {
	dir := tools(t, map[string]string{"node": node20, "npm": npm})
	release, err := exclusive(t.Context(), dir, func(string) {})
	require.NoError(t, err)
	defer release()

	ctx, cancel := context.WithCancel(t.Context())
	said := ""
	err = Setup(ctx, dir, 20, func(line string) { said = line; cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "waiting for another set-up of "+dir, said)
}

func TestSetupCanBeStopped(t *testing.T) {
	dir := tools(t, map[string]string{"node": node20, "npm": "exec /bin/sleep 60"})
	ctx, cancel := context.WithCancel(t.Context())
	begun := time.Now()
	err := Setup(ctx, dir, 20, func(string) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begun), 30*time.Second)
	require.False(t, Installed(dir))
}
