package main

import (
	"bytes"
	"os"
	"path/filepath"
)

// firstLine is a file's first line, without white space around it.
func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// writeAtomically puts a file in the place of another one: whoever reads it, also
// after a crash, finds the old one or the new one, and whole. It is readable for
// its owner alone.
func writeAtomically(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // there only where something failed
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
