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
	"time"
)

// Files, one by one: embedding the folder would swallow its node_modules.
//
//go:embed reference.yaml testee.mjs latica.mjs
//go:embed socket-0.6/manifest.yaml
//go:embed socket-0.6/package.json
//go:embed socket-0.6/package-lock.json
//go:embed socket-0.6/adapter.mjs
//go:embed socket-0.6/bench.mjs
//go:embed socket-0.5/manifest.yaml
//go:embed socket-0.5/package.json
//go:embed socket-0.5/package-lock.json
//go:embed socket-0.5/adapter.mjs
//go:embed python-codec/manifest.yaml
//go:embed python-codec/codec.py
//go:embed python-codec/latica.py
//go:embed python-codec/latica_json.py
var files embed.FS

// Names are the names of the bundled manifests, the default companion first.
func Names() []string { return []string{"reference", "socket-0.6", "socket-0.5", "python-codec"} }

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

// Materialize writes the bundled adapters below the folder under, as they lie
// here, and returns the folder of the one that is asked for. What holds them
// all is named by their content, so that two versions of the program never
// meet in one folder, and one that is already there is used as it is. Two that
// run at once do no harm.
func Materialize(folder, under string) (string, error) {
	if entries, err := fs.ReadDir(files, folder); err != nil || len(entries) == 0 {
		return "", fmt.Errorf("there is no bundled adapter %q", folder)
	}
	adapters, content, err := adapterFiles()
	if err != nil {
		return "", err
	}
	root := filepath.Join(under, prefix+content)
	now := time.Now()
	if err := os.Chtimes(root, now, now); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(root, folder), nil // what can't be marked as used is there all the same
	}

	if err := os.MkdirAll(under, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(under, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for _, name := range adapters {
		data, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		file := filepath.Join(fresh, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, root); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(root); there != nil {
			return "", err
		}
	}
	return filepath.Join(root, folder), nil
}

// adapterFiles are the files that adapters consist of, and the hash of what
// they hold. Manifests are read from the program: a failure that became known
// is no reason to install anew.
func adapterFiles() (names []string, hash string, err error) {
	content := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".yaml" {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		names = append(names, name)
		fmt.Fprintf(content, "%s %d\n", name, len(data))
		content.Write(data)
		return nil
	})
	return names, hex.EncodeToString(content.Sum(nil))[:12], err
}

const (
	prefix = "adapters-"
	unused = 14 * 24 * time.Hour // after which another version's adapters go
)

// Prune removes below the folder under what other versions of the program
// unpacked there and nobody used for two weeks. It says what it removed.
// Programs may run meanwhile: what is asked for in the moment of its removal
// is unpacked again.
func Prune(under string, progress func(string)) error {
	_, content, err := adapterFiles()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(under)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		dir := filepath.Join(under, entry.Name())
		if entry.Name() == prefix+content || !entry.IsDir() || !stale(dir) {
			continue
		}
		doomed := filepath.Join(under, ".old-"+entry.Name())
		if err := os.Rename(dir, doomed); errors.Is(err, fs.ErrNotExist) {
			continue // somebody else prunes too
		} else if err != nil {
			return err
		}
		if !stale(doomed) { // asked for since
			if err := os.Rename(doomed, dir); err == nil {
				continue
			}
		}
		progress("removing " + dir + ", which nobody used for two weeks")
		if err := os.RemoveAll(doomed); err != nil {
			return err
		}
	}
	return nil
}

func stale(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && time.Since(info.ModTime()) > unused
}
