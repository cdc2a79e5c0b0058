// Package testees holds the manifests and adapters of the peers that come
// with the program, and prepares them: it writes an adapter's files to a
// folder and installs what they need.
package testees

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Files, one by one: embedding the folder would swallow its node_modules.
//
//go:embed reference.yaml
//go:embed socket-0.6/manifest.yaml
//go:embed socket-0.6/package.json
//go:embed socket-0.6/package-lock.json
//go:embed socket-0.6/adapter.mjs
//go:embed socket-0.6/bench.mjs
var files embed.FS

// Names are the names of the bundled manifests, the default companion first.
func Names() []string { return []string{"reference", "socket-0.6"} }

// Manifest is the text of the bundled manifest of that name. Folder is the
// subfolder that holds its adapter, empty when it has none.
func Manifest(name string) (data []byte, folder string, err error) {
	if data, err = files.ReadFile(name + ".yaml"); err == nil {
		return data, "", nil
	}
	if data, err = files.ReadFile(path.Join(name, "manifest.yaml")); err == nil {
		return data, name, nil
	}
	return nil, "", fmt.Errorf("there is no bundled implementation %q: there are %v, and any manifest file can be named by its path", name, Names())
}

// CacheDir is where Materialize puts the files unless told otherwise: in the
// user's folder for caches.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the bundled adapters: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "punchlist", "testees"), nil
}

// Materialize writes the files of a bundled adapter below the folder under and
// returns the folder that holds them. The folder's name says its content, so
// that two versions of the program never meet in one folder, and one that is
// already there is used as it is. Two that run at once do no harm.
func Materialize(folder, under string) (string, error) {
	entries, err := fs.Glob(files, path.Join(folder, "*"))
	if err != nil || len(entries) == 0 {
		return "", fmt.Errorf("there is no bundled adapter %q", folder)
	}
	content := sha256.New()
	for _, name := range entries {
		data, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(content, "%s %d\n", path.Base(name), len(data))
		content.Write(data)
	}
	dir := filepath.Join(under, folder+"-"+hex.EncodeToString(content.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}

	if err := os.MkdirAll(under, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(under, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for _, name := range entries {
		data, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(fresh, path.Base(name)), data, 0o644); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}
