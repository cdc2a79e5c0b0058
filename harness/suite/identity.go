package suite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
)

// newRunID names a run: 16 hex digits.
func newRunID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// imageLab is a lab whose testees are images.
type imageLab interface {
	// ImageID is the engine's name for the content of an image.
	ImageID(ctx context.Context, image string) (string, error)
}

// testee is what of an implementation a report keeps: what it said of itself, and what was
// started. That a file can't be read leaves its hash open: preflight tells whether it starts.
func (f *flight) testee(ctx context.Context) result.Testee {
	t := result.Testee{Implementation: f.manifest.Name, Lab: f.lab.Name(), Name: f.hello.Name, Version: f.hello.Version}
	if l, ok := f.lab.(imageLab); ok {
		t.Image, _ = l.ImageID(ctx, f.manifest.Image)
		return t
	}
	t.Binary, _ = hashBinary(f.lab, f.manifest)
	return t
}

// hashBinary is the SHA-256 of what a testee is started from, in hex: of the program and of the
// files that stand in the folder of its adapter (dependencies are pinned by a lock file there).
// What runs in process is this program.
func hashBinary(l lab.Lab, m manifest.Manifest) (string, error) {
	files, err := binaries(l, m)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range files {
		if err := addFile(sum, name); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func binaries(l lab.Lab, m manifest.Manifest) ([]string, error) {
	if m.Builtin != "" && slices.Contains(virtualLabs, l.Name()) {
		self, err := os.Executable()
		return []string{self}, err
	}
	argv, err := m.Argv()
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	files := []string{program}
	folders := map[string]bool{}
	for _, arg := range argv[1:] {
		if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() && filepath.IsAbs(arg) {
			folders[filepath.Dir(arg)] = true
		}
	}
	for folder := range folders { // order-free: sorted below
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				files = append(files, filepath.Join(folder, e.Name()))
			}
		}
	}
	slices.Sort(files[1:])
	return files, nil
}

// addFile adds a file's name, without its folder, and its bytes.
func addFile(sum io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%s\x00%d\x00", filepath.Base(name), info.Size())
	_, err = io.Copy(sum, f)
	return err
}
